//! A tiny model of one architecture and what transformers computed for it.

use loader::ModelFile;
use serde::Deserialize;
use serde_json::Value;

use crate::weights::{self, Kind};

/// A tiny model with recorded logits.
#[derive(Debug, Deserialize)]
pub(crate) struct Fixture {
    /// Which one: the name of its file.
    #[serde(skip)]
    pub(crate) name: String,
    /// `general.architecture` of its model file.
    pub(crate) architecture: String,
    seed: u64,
    /// The prompt.
    pub(crate) ids: Vec<u32>,
    /// What was recorded, by position.
    pub(crate) logits: Vec<Position>,
    config: Value,
    tensors: Vec<Kind>,
}

/// The largest logits after one token of the prompt.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Position {
    /// Which token, from 0.
    pub(crate) at: usize,
    /// The largest logits, descending.
    pub(crate) top: Vec<Recorded>,
}

/// A token and its logit.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(crate) struct Recorded(pub(crate) u32, pub(crate) f32);

impl Fixture {
    /// Reads one that is part of this program.
    pub(crate) fn read(name: &str, json: &str) -> Self {
        let read: Self = serde_json::from_str(json).unwrap_or_else(|it| panic!("{name}: {it}"));
        Self { name: name.to_owned(), ..read }
    }

    /// The model, as a Hugging Face folder in memory.
    pub(crate) fn open(&self) -> Result<ModelFile, loader::Error> {
        let files = weights::folder(&self.config.to_string(), &self.tensors, self.seed);
        ModelFile::from_files(&self.name, files, &[])
    }

    /// The same with other weights.
    #[cfg(test)]
    pub(crate) fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}
