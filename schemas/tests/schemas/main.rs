//! The vocabulary, tested from outside: one binary, one file for each subject.

mod dictionary;
mod geometry;
mod identity;
mod licences;
mod rows;
mod site;
