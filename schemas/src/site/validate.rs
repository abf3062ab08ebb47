//! Loading and validation, with errors that say where.

use super::Site;
use std::path::{Path, PathBuf};

/// What is wrong with a site file.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file's text is wrong at a place.
    #[error("{}:{line}:{column}: {message}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// Key, what was expected, the nearest valid name.
        message: String,
    },
}

impl Site {
    /// Reads and validates a site file.
    pub fn load(path: &Path) -> Result<Self, SiteError> {
        let text = std::fs::read_to_string(path).map_err(|source| SiteError::Read { path: path.into(), source })?;
        Self::parse(&text, path)
    }

    /// Parses and validates the text of a site file; `path` is for messages and as the base of relative paths.
    pub fn parse(text: &str, path: &Path) -> Result<Self, SiteError> {
        let mut site: Self = toml::from_str(text).map_err(|e| SiteError::At {
            path: path.into(),
            line: 1,
            column: 1,
            message: e.message().into(),
        })?;
        site.base = path.parent().unwrap_or(Path::new("")).into();
        Ok(site)
    }
}
