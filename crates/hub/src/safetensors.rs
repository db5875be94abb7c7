//! The files of a model in safetensors: weights, and what reads and writes text for them.

use std::collections::{BTreeMap, BTreeSet};

use loader::SafeRelPath;
use serde::Deserialize;

use crate::{Error, RemoteFile, Snapshot};

/// The only file of weights.
const WHOLE: &str = "model.safetensors";
/// Which file of several holds which tensor.
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// Longest index that is read.
pub(crate) const MAX_INDEX: u64 = 16 << 20;
/// What the loader and the tokenizer look at.
const BESIDE: &[&str] = &[
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
];

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Snapshot {
    /// The file that says where the weights are: all of them, or the index.
    pub(crate) fn weights(&self) -> Option<&RemoteFile> {
        let named = |name: &str| self.files.iter().find(|it| it.path.as_str() == name);
        named(WHOLE).or_else(|| named(INDEX))
    }

    /// The small files that belong to the weights.
    pub(crate) fn beside(&self) -> impl Iterator<Item = &RemoteFile> {
        self.files.iter().filter(|it| BESIDE.contains(&it.path.as_str()))
    }

    /// The files that an index names.
    ///
    /// # Errors
    ///
    /// If it is none, or names what is not in the repository.
    pub(crate) fn indexed(&self, index: &[u8]) -> Result<Vec<RemoteFile>, Error> {
        let index: Index = serde_json::from_slice(index).map_err(|source| Error::File {
            path: INDEX.to_owned(),
            what: "index of weights",
            source: source.into(),
        })?;
        let names: BTreeSet<String> = index.weight_map.into_values().collect();
        let file = |name: String| {
            let path: SafeRelPath = name
                .parse()
                .map_err(|why| Error::Path { repository: self.repository.clone(), why })?;
            let found = self.file(&path).filter(|it| it.path.as_str().ends_with(".safetensors"));
            found.cloned().ok_or_else(|| Error::Incomplete {
                repository: self.repository.clone(),
                missing: name,
            })
        };
        names.into_iter().map(file).collect()
    }
}
