//! The vocabulary of Gemba: **what** moves through the graph.
//!
//! ```text
//! time, id, score, geometry     scalar types: integers with names
//! calendar                      hours and days on the site's clock
//! column, row, registry         how a row type is declared once and stored everywhere
//! divergence                    how far one distribution is from another
//! fact                          what was reported              (vision, clients → journal → correlate)
//! rule, site                    what the site says             (site.toml → correlate)
//! view                          what follows from both         (correlate → store, lake, endpoint)
//! ```
//!
//! Rows hold no floats: they are totally ordered and cancel exactly.

#![deny(missing_docs)]

pub mod calendar;
pub mod column;
pub mod divergence;
pub mod fact;
pub mod geometry;
pub mod id;
pub mod registry;
pub mod row;
pub mod rule;
#[cfg(feature = "samples")]
pub mod samples;
pub mod score;
pub mod site;
pub mod time;
pub mod view;
