//! The vocabulary, tested from outside: one binary, one file for each subject.

#[cfg(test)]
mod calendar;
#[cfg(test)]
mod dictionary;
#[cfg(test)]
mod divergence;
#[cfg(test)]
mod geometry;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod site;
#[cfg(test)]
mod site_alerts;
#[cfg(test)]
mod site_attendance;
#[cfg(test)]
mod site_drift;
#[cfg(test)]
mod site_gate;
#[cfg(test)]
mod site_station;
#[cfg(test)]
mod time;
