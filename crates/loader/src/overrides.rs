//! Metadata that the user gives: `KEY=TYPE:VALUE`.

use crate::{Metadata, Value};

/// A metadata key and what to read in place of the file's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// The full key.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl Override {
    pub(crate) fn apply(overrides: &[Self], metadata: &mut Metadata) {
        for it in overrides {
            metadata.insert(it.key.clone(), it.value.clone());
        }
    }
}
