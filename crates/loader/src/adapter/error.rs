//! Why an adapter cannot be used.

use std::path::PathBuf;

/// What is wrong with an adapter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something is wrong with it.
    #[error("the adapter `{}` cannot be used", path.display())]
    In {
        /// The file or folder.
        path: PathBuf,
        /// What.
        source: Box<Self>,
    },
    /// A file that is something else.
    #[error("it is no LoRA adapter: {found}")]
    NotAnAdapter {
        /// What it is.
        found: String,
    },
    /// An adapter is not a model.
    #[error("`{}` is an adapter, not a model", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
    },
    /// It was trained on another architecture.
    #[error("it is of the architecture `{found}`, the model is of `{expected}`")]
    Architecture {
        /// That of the adapter.
        found: String,
        /// That of the model.
        expected: String,
    },
    /// It changes something that the model does not have.
    #[error("it changes `{tensor}`, which the model does not have")]
    NoTensor {
        /// The tensor.
        tensor: String,
    },
    /// Its matrices do not fit the model's.
    #[error("it changes `{tensor}` by {b:?} times {a:?}, the model's has {base:?}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// The shape of the first factor.
        a: Vec<usize>,
        /// That of the second.
        b: Vec<usize>,
        /// That of the tensor.
        base: Vec<usize>,
    },
    /// One of two factors is missing.
    #[error("it has `{found}` without its other factor")]
    Half {
        /// The one that is there.
        found: String,
    },
    /// The rows of a tensor are in another order than the model's, and cannot be turned round.
    #[error("the rows of `{tensor}` cannot be brought into the order of the model's heads")]
    Heads {
        /// The tensor.
        tensor: String,
    },
    /// It changes a head that is the embedding table, too.
    #[error("it changes the head (`output.weight`), and this model's head is its embedding table")]
    HeadIsTable,
    /// It changes an embedding table that is the head, too, which is to stay as it is.
    #[error(
        "it changes the embedding table (`token_embd.weight`) alone, which is this model's head, too"
    )]
    TableIsHead,
    /// A kind of fine-tuning that is not there.
    #[error("it has {found}, which is not supported")]
    Unsupported {
        /// What.
        found: String,
    },
}

impl Error {
    /// What the user can do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::In { source, .. } => return source.hint(),
                Self::NotAnAdapter { .. } => {
                    "name a GGUF file with `general.type` = `adapter`, or a folder with \
                 `adapter_config.json` and `adapter_model.safetensors`"
                }
                Self::NotAModel { .. } => "name the model that it was made for, and `--lora` it",
                Self::Architecture { .. } | Self::NoTensor { .. } | Self::Shape { .. } => {
                    "use the model that it was trained on"
                }
                Self::Half { .. } => "the file is damaged; copy it again",
                Self::TableIsHead => "run it beside the model: `ingle run MODEL --lora FILE`",
                Self::Unsupported { .. } => {
                    "merge it with the tool that made it, and run the result"
                }
                Self::HeadIsTable => {
                    "merge it with the tool that made it, which unties the head or ties it again, \
                     and run the result"
                }
                Self::Heads { .. } => "convert it with the tool that converted the model",
            }
            .to_owned(),
        )
    }
}
