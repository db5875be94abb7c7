//! Why a model file could not be read.

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A metadata value has another type than its reader expects.
    #[error("metadata key `{key}` is {found}, expected {expected}")]
    KeyType {
        /// The full key.
        key: String,
        /// What the reader takes.
        expected: &'static str,
        /// What the file has.
        found: &'static str,
    },
}
