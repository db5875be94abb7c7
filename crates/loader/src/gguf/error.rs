//! What can be wrong with a GGUF file.

use super::{MAX_ALIGNMENT, MAX_DIMS, MAX_KEY, MAX_NAME, MIN_ALIGNMENT};
use crate::error::grouped;

/// Why a GGUF file was refused. Byte positions count from the start of the file.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file ends inside the header.
    #[error("the file has {} bytes and ends in {what}, expected at least {}", grouped(*found), grouped(*expected))]
    Truncated {
        /// The part that was being read.
        what: &'static str,
        /// Bytes of the file.
        found: u64,
        /// Bytes up to the end of that part.
        expected: u64,
    },
    /// Not GGUF at all.
    #[error("the file starts with {}, expected `GGUF`", found.escape_ascii())]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The version is neither 2 nor 3.
    #[error("GGUF version {found} is not supported, expected 2 or 3")]
    Version {
        /// As in the file.
        found: u32,
    },
    /// The numbers are stored with the high byte first.
    #[error("the file is big-endian GGUF version {version}, only little-endian is supported")]
    BigEndian {
        /// The version, read the other way round.
        version: u32,
    },
    /// More of something than there can be.
    #[error("the file announces {} {what} at a place where at most {} fit", grouped(*found), grouped(*most))]
    Count {
        /// Of what, in the plural.
        what: &'static str,
        /// As in the file.
        found: u64,
        /// From the bytes left and the reader's own limits.
        most: u64,
    },
    /// A key of no bytes or of more than GGUF allows.
    #[error("metadata key {index} has {found} bytes, expected 1 to {MAX_KEY}")]
    KeyLength {
        /// Position among the keys, from 0.
        index: usize,
        /// Length of the key.
        found: usize,
    },
    /// Text that is not text.
    #[error("{what} at byte {at} are not UTF-8")]
    NotUtf8 {
        /// Which bytes.
        what: &'static str,
        /// Where they start.
        at: u64,
    },
    /// The same key twice.
    #[error("metadata key `{key}` occurs twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A type number that GGUF does not have.
    #[error("metadata key `{key}` has type {found}, expected 0 to 12")]
    ValueType {
        /// The key.
        key: String,
        /// As in the file.
        found: i32,
    },
    /// An array of arrays.
    #[error("metadata key `{key}` is an array of arrays, which is not supported")]
    NestedArray {
        /// The key.
        key: String,
    },
    /// A bool that is neither 0 nor 1.
    #[error("metadata key `{key}` has a bool of {found}, expected 0 or 1")]
    Bool {
        /// The key.
        key: String,
        /// As in the file.
        found: u8,
    },
    /// `general.alignment` is not a `u32`.
    #[error("`general.alignment` is {found}, expected u32")]
    AlignmentType {
        /// Its type.
        found: &'static str,
    },
    /// `general.alignment` is not a number to align by.
    #[error(
        "`general.alignment` is {found}, expected a power of two from {MIN_ALIGNMENT} to {MAX_ALIGNMENT}"
    )]
    Alignment {
        /// As in the file.
        found: u32,
    },
    /// A tensor without a name or with one that is too long.
    #[error("the name of tensor {index} has {found} bytes, expected 1 to {MAX_NAME}")]
    NameLength {
        /// Position among the tensors, from 0.
        index: usize,
        /// Length of the name.
        found: usize,
    },
    /// The same tensor name twice.
    #[error("tensor `{name}` occurs twice")]
    DuplicateTensor {
        /// The name.
        name: String,
    },
    /// More dimensions than GGUF allows.
    #[error("tensor `{name}` has {found} dimensions, expected at most {MAX_DIMS}")]
    Dims {
        /// The tensor.
        name: String,
        /// As in the file.
        found: u32,
    },
    /// A dimension that is zero or negative.
    #[error("tensor `{name}` has {found} as dimension {axis}, expected at least 1")]
    Dim {
        /// The tensor.
        name: String,
        /// Position in the file, from 0, innermost first.
        axis: usize,
        /// As in the file.
        found: i64,
    },
    /// More elements or bytes than can be counted.
    #[error("tensor `{name}` of shape {shape:?} is too large to address")]
    TooLarge {
        /// The tensor.
        name: String,
        /// As in the file, innermost first.
        shape: Vec<u64>,
    },
    /// A type number that ggml does not have.
    #[error("tensor `{name}` has the unknown type {found}")]
    TensorType {
        /// The tensor.
        name: String,
        /// As in the file.
        found: i32,
    },
    /// A type of ggml's that cannot be computed with yet.
    #[error("tensor `{name}` is {found}, supported formats are {supported}")]
    Format {
        /// The tensor.
        name: String,
        /// ggml's name of the type.
        found: &'static str,
        /// Names of all formats.
        supported: String,
    },
    /// A row that is not whole blocks.
    #[error(
        "tensor `{name}` has rows of {found} weights, {format} needs a multiple of {block_len}"
    )]
    Row {
        /// The tensor.
        name: String,
        /// Weights of a row.
        found: u64,
        /// The format's name.
        format: &'static str,
        /// Weights of a block.
        block_len: usize,
    },
    /// A tensor that does not start where the one before ends.
    #[error("tensor `{name}` starts at offset {}, expected {}", grouped(*found), grouped(*expected))]
    Offset {
        /// The tensor.
        name: String,
        /// As in the file, from the start of the data.
        found: u64,
        /// End of the tensor before, aligned.
        expected: u64,
    },
    /// A tensor that the file does not hold to its end.
    #[error("tensor `{name}` ends at byte {}, the file has {}", grouped(*expected), grouped(*found))]
    TensorPastEnd {
        /// The tensor.
        name: String,
        /// Bytes of the file.
        found: u64,
        /// Where the tensor ends.
        expected: u64,
    },
    /// Bytes after the last tensor.
    #[error("the file has {} bytes, expected {}: something follows the last tensor", grouped(*found), grouped(*expected))]
    TrailingBytes {
        /// Bytes of the file.
        found: u64,
        /// End of the last tensor, aligned.
        expected: u64,
    },
    /// A shard whose name does not say which one it is.
    #[error(
        "`{found}` is one of {count} files of a split model, expected a name like `model-00001-of-{count:05}.gguf`"
    )]
    ShardName {
        /// The file name.
        found: String,
        /// Shards of the model.
        count: u64,
    },
    /// A shard that is not there.
    #[error("`{name}` is missing: the model is split over {count} files")]
    MissingShard {
        /// The file name.
        name: String,
        /// Shards of the model.
        count: u64,
    },
    /// A shard that says of itself what cannot be.
    #[error("`{key}` is {found} in `{name}`, expected {expected}")]
    Shard {
        /// The file name.
        name: String,
        /// The key that is wrong.
        key: &'static str,
        /// As in the file; `missing` where it is.
        found: String,
        /// What the other shards make of it.
        expected: u64,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Truncated { .. } | Self::TensorPastEnd { .. } | Self::Count { .. } => {
                "the file is incomplete or damaged; get it again"
            }
            Self::TrailingBytes { .. } => {
                "two files were joined, or a download was resumed wrongly; get the file again"
            }
            Self::Version { found: 0 | 1 } => {
                "convert the original model again with a current converter"
            }
            Self::Version { .. } => "the file may need a newer version of this program",
            Self::BigEndian { .. } => "convert it on or for a little-endian machine",
            Self::Format { .. } => "get the model in another quantisation, such as Q4_K_M or Q8_0",
            Self::ShardName { .. } => "give the shards their original names back",
            Self::MissingShard { .. } => "put all shards into the same folder",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
