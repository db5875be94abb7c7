//! Why a Hugging Face folder or a safetensors file could not be read.

use std::path::PathBuf;

use super::{HeaderError, dtype::Dtype};
use crate::path::PathError;

/// What is wrong with a folder of safetensors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The header of a file is wrong.
    #[error("`{}` is not a whole safetensors file", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        source: HeaderError,
    },
    /// A file of the folder is not the JSON that it has to be.
    #[error("`{}` is not the JSON that it has to be", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A folder, a pipe or the like has the name of a file.
    #[error("`{}` is not a plain file", path.display())]
    NotAFile {
        /// What it is.
        path: PathBuf,
    },
    /// A text file of the folder is absurdly long.
    #[error("`{}` has {found} bytes, at most {limit} are read", path.display())]
    LongText {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        found: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A text file of the folder is not UTF-8.
    #[error("`{}` is not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// The folder has no `config.json`.
    #[error("`{}` has no `config.json`, which says what model its tensors are", folder.display())]
    NoConfig {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder has safetensors by other names only.
    #[error("`{}` has neither `model.safetensors` nor `model.safetensors.index.json`", folder.display())]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// The index names a shard that could be outside the folder.
    #[error("`{}` names a shard that is not in its folder", index.display())]
    ShardPath {
        /// The index.
        index: PathBuf,
        /// What is wrong with the name.
        source: PathError,
    },
    /// The index names a file that is not called as one of weights.
    #[error("`{}` names the shard `{shard}`, expected one called `NAME.safetensors`", index.display())]
    ShardName {
        /// The index.
        index: PathBuf,
        /// The shard.
        shard: String,
    },
    /// Two names of shards are one file where case does not matter.
    #[error("`{}` names `{first}` and `{second}`, which some systems take for one file", index.display())]
    ShardCase {
        /// The index.
        index: PathBuf,
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// A tensor that a packed weight needs is not there.
    #[error("tensor `{tensor}` is not there, without which its weight cannot be decoded")]
    MissingPart {
        /// Its name.
        tensor: String,
    },
    /// A tensor that belongs to a packed weight does not fit it, or one of a norm is no vector.
    #[error("tensor `{tensor}` is {found}, expected {expected}")]
    PartShape {
        /// Its name.
        tensor: String,
        /// Its type and shape.
        found: String,
        /// What is needed.
        expected: String,
    },
    /// A shard is not there.
    #[error("`{}` names the shard `{shard}`, which is not in its folder", index.display())]
    ShardMissing {
        /// The index.
        index: PathBuf,
        /// The shard.
        shard: String,
    },
    /// A name stands twice in the index.
    #[error("`{}` has two entries for `{tensor}`", index.display())]
    IndexedTwice {
        /// The index.
        index: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// The index names a tensor that its shard lacks.
    #[error("`{}` says that `{shard}` holds tensor `{tensor}`, it does not", index.display())]
    IndexedMissing {
        /// The index.
        index: PathBuf,
        /// The shard.
        shard: String,
        /// The tensor.
        tensor: String,
    },
    /// A shard holds a tensor that the index does not place there.
    #[error("`{shard}` holds tensor `{tensor}`, `{}` places it in {}", index.display(), place(expected.as_deref()))]
    Unindexed {
        /// The index.
        index: PathBuf,
        /// The shard that holds it.
        shard: String,
        /// The tensor.
        tensor: String,
        /// Where the index says that it is.
        expected: Option<String>,
    },
    /// The index states another number of bytes than there are.
    #[error("the tensors have {found} bytes, `{}` says {expected}", index.display())]
    TotalSize {
        /// The index.
        index: PathBuf,
        /// Bytes that the index states.
        expected: u64,
        /// Bytes of all tensors.
        found: u64,
    },
    /// A tensor is of a type that weights do not have here.
    #[error("tensor `{tensor}` is of type {found}, expected F32, F16 or BF16")]
    TensorType {
        /// The tensor, by its name in the file.
        tensor: String,
        /// Its type.
        found: Dtype,
    },
    /// A tensor that the family of models does not have.
    #[error("tensor `{tensor}` is not one of a `{class}`")]
    StrayTensor {
        /// The tensor, by its name in the file.
        tensor: String,
        /// `architectures` of `config.json`.
        class: String,
    },
    /// One tensor by two names.
    #[error("tensor `{tensor}` is there a second time, by another name, expected one")]
    SecondTensor {
        /// The second, by its name in the file, or that of a stack in GGUF.
        tensor: String,
    },
    /// An expert that is missing among others or of another shape.
    #[error(
        "tensor `{tensor}` cannot be put together: {found} of {expected} parts fit one another"
    )]
    Parts {
        /// The tensor, by its name in GGUF.
        tensor: String,
        /// Parts that fit.
        found: usize,
        /// Parts that there are.
        expected: usize,
    },
    /// A key of `config.json` is missing.
    #[error("`config.json` has no `{key}`")]
    ConfigMissing {
        /// The key.
        key: String,
    },
    /// A value of `config.json` is not one that can be followed.
    #[error("`{key}` in `config.json` is {found}, expected {expected}")]
    ConfigValue {
        /// The key.
        key: String,
        /// The value, cut to a printable length.
        found: String,
        /// What can be followed.
        expected: String,
    },
    /// A key of `config.json` changes what the model computes, and is not known for its class.
    #[error("`{key}` in `config.json` is {found}, which a `{class}` is not known to have")]
    ConfigKey {
        /// The key.
        key: String,
        /// The value, cut to a printable length.
        found: String,
        /// `architectures` of `config.json`.
        class: String,
    },
    /// `config.json` and the tensors contradict one another.
    #[error("`{key}` in `config.json` is {found}, but tensor `{tensor}` is {}", presence(*present))]
    ConfigTensor {
        /// The key.
        key: String,
        /// Its value.
        found: bool,
        /// The tensor, by its name in GGUF.
        tensor: String,
        /// Whether it is there.
        present: bool,
    },
}

impl Error {
    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoWeights { .. } => Some("name the file itself, if it holds a model".to_owned()),
            Self::Header {
                source:
                    HeaderError::Short { .. } | HeaderError::Cut { .. } | HeaderError::Data { .. },
                ..
            }
            | Self::ShardMissing { .. } => {
                Some("the download is not complete; fetch the model again".to_owned())
            }
            Self::ConfigValue { key, .. }
                if ["quant_method", "bits", "version", "checkpoint_format"]
                    .contains(&key.as_str()) =>
            {
                Some("fetch the model unquantised, or as GGUF".to_owned())
            }
            _ => None,
        }
    }
}

fn place(shard: Option<&str>) -> String {
    shard.map_or("no shard".to_owned(), |shard| format!("`{shard}`"))
}

fn presence(present: bool) -> &'static str {
    if present { "there" } else { "not there" }
}
