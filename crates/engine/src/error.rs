//! What can go wrong with a model that parsed, and with a request to one that loaded.
//!
//! A message says what is so; what to do about it is in `hint`.

use kernels::CacheFormat;
use loader::grouped;

use crate::{arch, sample, tokenizer};

/// Why a model could not be built from its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No architecture of that name.
    #[error("architecture `{name}` is not supported")]
    UnknownArchitecture {
        /// The name in the file.
        name: String,
    },
    /// The file lacks a metadata key.
    #[error("metadata key `{key}` is missing")]
    MissingKey {
        /// The full key.
        key: String,
    },
    /// A value has another type than its key's.
    #[error(transparent)]
    Key(#[from] loader::Error),
    /// A number that no model of this architecture can have.
    #[error("metadata key `{key}` is {found}, expected {expected}")]
    Range {
        /// The full key.
        key: String,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// A way to compute that this architecture does not have here.
    #[error("metadata key `{key}` is {found}; only {supported} is supported")]
    Unsupported {
        /// The full key.
        key: String,
        /// Its value.
        found: String,
        /// The value that would do.
        supported: &'static str,
    },
    /// A kind of rope scaling that is not there yet.
    #[error("rope scaling `{name}` is not supported")]
    RopeScaling {
        /// Its name in the file.
        name: String,
    },
    /// The file lacks a tensor.
    #[error("tensor `{name}` is missing{}", nearest_text(.nearest))]
    MissingTensor {
        /// The full name.
        name: String,
        /// Names that the file has instead, the nearest first.
        nearest: Vec<String>,
    },
    /// A tensor has another shape than the metadata implies.
    #[error("tensor `{name}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The full name.
        name: String,
        /// `[rows, cols]` or `[n, rows, cols]`, from the metadata.
        expected: Vec<usize>,
        /// The dimensions in the file.
        found: Vec<usize>,
    },
    /// The file has tensors that the architecture does not read, so it would be computed wrong.
    #[error("architecture `{architecture}` has no use for tensor `{first}` and {more} more")]
    UnusedTensors {
        /// The architecture.
        architecture: String,
        /// The first of them.
        first: String,
        /// How many besides.
        more: usize,
    },
    /// An adapter changes a tensor that is not multiplied with as it is.
    #[error("the adapter changes `{name}`, which cannot be changed while the model runs")]
    Adapter {
        /// The full name.
        name: String,
    },
    /// The cache of the contexts that were asked for does not fit.
    #[error(
        "{} {} bytes of cache, {} are free",
        contexts_need(*.context, *.sequences), grouped(*.needed), grouped(*.free)
    )]
    CacheTooLarge {
        /// Tokens of a sequence.
        context: usize,
        /// Sequences at a time.
        sequences: usize,
        /// Bytes for all sequences.
        needed: u128,
        /// Bytes.
        free: u64,
    },
    /// The heads of a layer are not whole blocks of the format that keys and values should have.
    #[error(
        "layer {layer} keeps heads of {found} numbers, expected a multiple of {} for a cache of `{format}`",
        .format.block_len()
    )]
    CacheFormat {
        /// The format.
        format: CacheFormat,
        /// The first such layer.
        layer: usize,
        /// Columns of a head of keys or values, or of a latent with the key that turns.
        found: usize,
    },
    /// An option that makes no engine.
    #[error("option `{name}` is {found}, expected at least 1")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        found: usize,
    },
    /// The tokenizer could not be built.
    #[error("the tokenizer could not be built")]
    Tokenizer(#[from] tokenizer::Error),
    /// The device refused a weight, a cache or the plan.
    #[error("the device did not take the model")]
    Device(#[from] kernels::Error),
}

fn contexts_need(context: usize, sequences: usize) -> String {
    let context = grouped(context as u128);
    match sequences {
        1 => format!("a context of {context} tokens needs"),
        n => format!("{} contexts of {context} tokens need", grouped(n as u128)),
    }
}

fn nearest_text(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!("; the file has `{}`", names.join("`, `")),
    }
}

impl LoadError {
    /// What the user can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownArchitecture { .. } => {
                let mut names: Vec<_> = arch::supported().collect();
                names.sort_unstable();
                Some(format!("supported: {}", names.join(", ")))
            }
            Self::MissingKey { key } | Self::Range { key, .. } => Some(format!(
                "`--override-kv {key}=TYPE:VALUE` sets it, if you know what it should be"
            )),
            Self::Adapter { .. } => {
                Some("`ingle merge` writes a model with the adapter in it".to_owned())
            }
            Self::CacheTooLarge { sequences: 1, .. } => {
                Some("a smaller `--ctx-size` needs less".to_owned())
            }
            Self::CacheTooLarge { .. } => {
                Some("fewer sequences at a time, or shorter ones, need less".to_owned())
            }
            Self::CacheFormat { .. } => {
                Some("`--cache-type f16` and `bf16` hold heads of any size".to_owned())
            }
            Self::MissingTensor { .. } | Self::Shape { .. } | Self::UnusedTensors { .. } => {
                Some("the file is damaged, or of another architecture than it says".to_owned())
            }
            _ => None,
        }
    }

    /// Whether the file is sound and only Ingle lacks what it needs.
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self,
            Self::UnknownArchitecture { .. } | Self::Unsupported { .. } | Self::RopeScaling { .. }
        )
    }
}

/// Why a model cannot guess for another: their token ids do not mean the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// One has many more tokens, padding aside.
    #[error(
        "the draft has {} tokens, expected the {} of the model, give or take {}",
        grouped(*.found as u128), grouped(*.expected as u128), tokenizer::MORE
    )]
    Count {
        /// Tokens of the draft.
        found: usize,
        /// Tokens of the model.
        expected: usize,
    },
    /// A token has another text.
    #[error(
        "token {id} of the draft is `{}`, expected `{}` as of the model",
        .found.escape_debug(), .expected.escape_debug()
    )]
    Text {
        /// The token.
        id: u32,
        /// Its text in the draft's vocabulary.
        found: String,
        /// Its text in the model's.
        expected: String,
    },
}

impl DraftError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        "a draft is a smaller model of the same family with the same vocabulary; `ingle run` answers \
         without `--draft`, too"
            .to_owned()
    }
}

/// Why a request was refused, or why a sequence or a step failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A prompt without tokens: there is nothing to continue.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// The prompt alone does not fit.
    #[error(
        "the prompt has {} tokens, the context holds {}",
        grouped(*.prompt as u128), grouped(*.context as u128)
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens of the context.
        context: usize,
    },
    /// A token that the model does not have.
    #[error("token {id} is not in the vocabulary of {vocab}")]
    Token {
        /// The token.
        id: u32,
        /// Tokens in the vocabulary.
        vocab: usize,
    },
    /// What a shift should keep leaves no room to go on.
    #[error("a context shift that keeps {keep} tokens needs a context of more than {context}")]
    Keep {
        /// Tokens to keep.
        keep: usize,
        /// Tokens of the context.
        context: usize,
    },
    /// Sampling settings that cannot be.
    #[error(transparent)]
    Sampling(#[from] sample::Error),
    /// The model computed something that is not a number.
    #[error("{operation}{} gave numbers that are not finite", layer_text(*.layer))]
    NotFinite {
        /// The first operation whose results were not finite.
        operation: String,
        /// The layer it belongs to.
        layer: Option<usize>,
    },
    /// All blocks of the cache belong to sequences.
    #[error("the cache has no free block; {in_use} of {blocks} are in use")]
    CacheFull {
        /// Blocks of live sequences.
        in_use: usize,
        /// All blocks.
        blocks: usize,
    },
    /// The device could not run the step.
    #[error("the device could not run the step")]
    Device(#[from] kernels::Error),
    /// The draft could not guess. What it guesses is no part of an answer, but a model that fails is
    /// not passed over.
    #[error("the draft model failed")]
    Draft(#[source] Box<Error>),
    /// The model file changed while it was in use.
    #[error("the model file cannot be read any more: {0}")]
    File(String),
}

fn layer_text(layer: Option<usize>) -> String {
    layer.map_or(String::new(), |n| format!(" in layer {n}"))
}

impl Error {
    /// What the user can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::PromptTooLong { prompt, .. } => Some(match prompt.checked_next_power_of_two() {
                Some(enough) => format!("`--ctx-size {enough}` holds it, or shorten the prompt"),
                None => "shorten it: no context holds so many".to_owned(),
            }),
            Self::NotFinite { .. } => Some(
                "the weights are damaged, or a kernel is wrong: compare `--device reference`"
                    .to_owned(),
            ),
            Self::Draft(error) => {
                let without = "`--draft-max 0` answers without the draft";
                let hint = error.hint().map(|it| format!("{it}; {without}"));
                Some(hint.unwrap_or_else(|| without.to_owned()))
            }
            Self::File(_) => Some("the file was changed or cut; load it again".to_owned()),
            _ => None,
        }
    }
}
