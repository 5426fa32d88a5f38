//! What is wrong with a configuration: all of it, each with the variable's name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One mistake in one setting; prints in the form operators and scripts know (S-047).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("Validation error on field \"{field}\": {message}")]
pub struct ValidationError {
    /// The environment variable.
    pub field: String,
    /// What is wrong, and what to give instead.
    pub message: String,
}

impl ValidationError {
    pub(super) fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }
}

/// Every mistake of a configuration, in the order of the variable table; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub Vec<ValidationError>);

impl fmt::Display for Errors {
    /// One line per mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
