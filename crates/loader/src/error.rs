//! Why a model file could not be read.

use std::{io, path::PathBuf};

use crate::{NotAModel, adapter, gguf, overrides, safetensors};

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is there cannot be a model.
    #[error(transparent)]
    NotAModel(#[from] NotAModel),
    /// A container that cannot be read from memory.
    #[error("{container} in memory lacks the files beside it, expected GGUF")]
    Container {
        /// Its name.
        container: &'static str,
    },
    /// A GGUF file breaks GGUF's rules, or needs what is not there yet.
    #[error(transparent)]
    Gguf(#[from] gguf::Error),
    /// A Hugging Face folder, or a safetensors file, is not as it has to be.
    #[error(transparent)]
    Safetensors(#[from] safetensors::Error),
    /// An adapter is wrong, or of another model.
    #[error(transparent)]
    Adapter(#[from] adapter::Error),
    /// An override is of no use.
    #[error(transparent)]
    Override(#[from] overrides::Error),
    /// Something is wrong with one file of a split model.
    #[error("cannot load shard `{name}`")]
    InShard {
        /// The file name.
        name: String,
        /// What.
        source: Box<Self>,
    },
    /// A mapped file was cut short by someone else.
    #[error("`{}` was truncated while it was in use: {} bytes, it had {}", path.display(), grouped(*found), grouped(*expected))]
    TruncatedWhileMapped {
        /// The file.
        path: PathBuf,
        /// Bytes when it was opened.
        expected: u64,
        /// Bytes now.
        found: u64,
    },
    /// A page of a mapped file could not be read.
    #[error("`{}` could not be read while it was in use", path.display())]
    UnreadableWhileMapped {
        /// The file.
        path: PathBuf,
    },
    /// A mapped file was written to by someone else.
    #[error("`{}` was changed while it was in use", path.display())]
    ChangedWhileMapped {
        /// The file.
        path: PathBuf,
    },
    /// A file that shall say how much columns count does not.
    #[error("`{}` is no importance matrix: {found}", path.display())]
    Imatrix {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A file that says how much columns count is of another model.
    #[error(
        "tensor `{tensor}` has {found} columns in the importance matrix, {expected} in the model"
    )]
    ImportanceLength {
        /// The tensor.
        tensor: String,
        /// Columns that were measured.
        found: usize,
        /// Columns of the tensor.
        expected: usize,
    },
    /// A weight that the format it is to have cannot hold.
    #[error("tensor `{tensor}` has the weight {found}, which {format} cannot hold")]
    Weight {
        /// The tensor.
        tensor: String,
        /// The weight.
        found: f32,
        /// The format.
        format: &'static str,
    },
    /// A tensor that is to change is in a format that can only be read.
    #[error("tensor `{tensor}` is in {format}, which can be read and not written")]
    NoEncoder {
        /// The tensor.
        tensor: String,
        /// The format.
        format: &'static str,
    },
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
    /// A metadata value is not one that can be.
    #[error("metadata key `{key}` is {found}, expected {expected}")]
    KeyRange {
        /// The full key.
        key: String,
        /// What the reader takes.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// A metadata array has another length than what it belongs to.
    #[error("metadata key `{key}` has {} elements, expected {}", grouped(*found as u64), grouped(*expected as u64))]
    KeyLength {
        /// The full key.
        key: String,
        /// How many there should be.
        expected: usize,
        /// How many the file has.
        found: usize,
    },
}

impl Error {
    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAModel(error) => error.hint(),
            Self::Gguf(error) => error.hint(),
            Self::Safetensors(error) => error.hint(),
            Self::Adapter(error) => error.hint(),
            Self::Override(error) => error.hint(),
            Self::InShard { source, .. } => source.hint(),
            Self::TruncatedWhileMapped { .. } | Self::ChangedWhileMapped { .. } => {
                Some("do not change a model file while it is loaded; load it again".to_owned())
            }
            Self::UnreadableWhileMapped { .. } => {
                Some("check the disk that holds the file, then load it again".to_owned())
            }
            Self::KeyType { key, .. }
            | Self::KeyRange { key, .. }
            | Self::KeyLength { key, .. } => {
                Some(format!("if the file is right otherwise, `--override-kv {key}=TYPE:VALUE`"))
            }
            Self::Imatrix { .. } => {
                Some("`llama-imatrix` of llama.cpp writes them, as `.gguf` or as `.dat`".to_owned())
            }
            Self::ImportanceLength { .. } => {
                Some("measure this model, or leave `--imatrix` out".to_owned())
            }
            Self::NoEncoder { .. } => Some("name the type to write, such as `Q8_0`".to_owned()),
            Self::Weight { found, .. } if found.is_finite() => {
                Some("BF16 and F32 hold numbers of any size".to_owned())
            }
            Self::Weight { .. } => Some("the file is damaged, or its training failed".to_owned()),
            Self::Io { .. } | Self::Container { .. } => None,
        }
    }
}

/// `12345678` as `12,345,678`.
pub fn grouped(n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let cases = [(0_u64, "0"), (999, "999"), (1000, "1,000"), (4_921_344_000, "4,921,344,000")];
        for (n, text) in cases {
            assert_eq!(grouped(n), text);
        }
    }
}
