//! What can be wrong with a model file that parsed.

use std::fmt;

/// Why a model could not be built from its file.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum LoadError {
    /// No architecture of that name.
    UnknownArchitecture {
        /// The name in the file.
        name: String,
    },
    /// The file lacks a metadata key.
    MissingKey {
        /// The full key.
        key: String,
    },
    /// The file lacks a tensor.
    MissingTensor {
        /// The full name.
        name: String,
    },
    /// A tensor has another shape than the metadata implies.
    Shape {
        /// The full name.
        name: String,
        /// `[rows, cols]` from the metadata.
        expected: [usize; 2],
        /// The dimensions in the file.
        found: Vec<usize>,
    },
    /// The device refused a weight or a cache.
    Device(kernels::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownArchitecture { name } => {
                write!(f, "architecture `{name}` is not supported")
            }
            Self::MissingKey { key } => write!(f, "metadata key `{key}` is missing"),
            Self::MissingTensor { name } => write!(f, "tensor `{name}` is missing"),
            Self::Shape { name, expected, found } => {
                write!(f, "tensor `{name}` has shape {found:?}, expected {expected:?}")
            }
            Self::Device(_) => write!(f, "the device did not take the model"),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Device(error) => Some(error),
            _ => None,
        }
    }
}

impl From<kernels::Error> for LoadError {
    fn from(error: kernels::Error) -> Self {
        Self::Device(error)
    }
}
