//! Why a safetensors header is refused.

use super::{
    dtype::Dtype,
    header::{MAX_DIMS, MAX_EMPTY, MAX_HEADER, MAX_TENSORS},
};

/// What is wrong with a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Not even the length of the header is there.
    #[error("it has {found} bytes, a header starts with 8 bytes of length")]
    Short {
        /// Bytes of the file.
        found: usize,
    },
    /// The length is absurd.
    #[error("the header has {found} bytes, at most {MAX_HEADER} are allowed")]
    Long {
        /// Length that the file states.
        found: u64,
    },
    /// The header ends behind the file.
    #[error("the header ends at byte {end}, the file has {found}")]
    Cut {
        /// Where the header ends.
        end: u64,
        /// Bytes of the file.
        found: usize,
    },
    /// Not JSON, or JSON of another form.
    #[error("the header is not the JSON of safetensors")]
    Json(#[from] serde_json::Error),
    /// Two tensors have one name.
    #[error("there are two tensors `{name}`")]
    DuplicateName {
        /// Their name.
        name: String,
    },
    /// Too many tensors.
    #[error("there are more than {MAX_TENSORS} tensors")]
    Tensors,
    /// Too many dimensions.
    #[error("tensor `{name}` has {found} dimensions, at most {MAX_DIMS} are allowed")]
    Dims {
        /// Name of the tensor.
        name: String,
        /// How many it has.
        found: usize,
    },
    /// A type that safetensors does not have.
    #[error("tensor `{name}` is of type `{found}`, which safetensors does not have")]
    Dtype {
        /// Name of the tensor.
        name: String,
        /// The type.
        found: String,
    },
    /// The bytes are not what type and shape need.
    #[error("tensor `{name}` of {dtype} {shape:?} has bytes {begin}..{end}")]
    Size {
        /// Name of the tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
        /// Stated first byte.
        begin: usize,
        /// Stated end.
        end: usize,
    },
    /// No numbers, in a shape as of very many.
    #[error("tensor `{name}` of {shape:?} has no numbers, expected dimensions up to {MAX_EMPTY}")]
    Empty {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A hole, or bytes that two tensors claim.
    #[error("tensor `{name}` begins at data byte {found}, the one before it ends at {expected}")]
    Offset {
        /// Name of the tensor.
        name: String,
        /// Stated first byte.
        found: usize,
        /// End of the tensor before it.
        expected: usize,
    },
    /// The data is cut, or something follows it.
    #[error("the tensors end at byte {expected}, the file has {found}")]
    Data {
        /// Where the last tensor ends.
        expected: usize,
        /// Bytes of the file.
        found: usize,
    },
}
