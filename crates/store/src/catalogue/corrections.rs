//! What published GGUF files lack or have wrong, and what is true instead.
//!
//! Each part `[[model]]` of a family's file names a model by its exact shape, and where the truth is
//! written down:
//!
//! ```text
//! [[model]]
//! name = "Falcon 2 11B"
//! source = "https://…/config.json"
//! absent = ["…"]                            optional: keys that it must not have
//! [model.shape]                             all of them must be so
//! "general.architecture" = "falcon"
//! "falcon.block_count" = 60
//! "tokenizer.ggml.tokens" = 65024           of a list, how many
//! [[model.correction]]
//! set = "falcon.context_length=u32:8192"    as in `--override-kv`
//! instead_of = 2048                         optional: the wrong value; without it, if it has none
//! why = "…"
//! ```
//!
//! Nothing is concluded from names. Folders of safetensors are never corrected: their `config.json`
//! is the truth itself.

use std::{collections::BTreeMap, sync::LazyLock};

use loader::{Array, Container, Metadata, ModelFile, Override, Value};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::FAMILIES;

/// A key of a model file that is to be read otherwise than the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The model that has this shape.
    pub model: String,
    /// What to read.
    pub set: Override,
    /// What the files have.
    pub why: String,
    /// Where the truth is written down: a URL.
    pub source: String,
}

/// What is to be corrected in `file` as it is, before anybody overrode anything.
pub fn corrections(file: &ModelFile) -> Vec<Correction> {
    match file.container {
        Container::Gguf { .. } => corrections_of(&file.metadata),
        Container::Safetensors => Vec::new(),
    }
}

/// The same for the metadata of a GGUF file.
pub fn corrections_of(metadata: &Metadata) -> Vec<Correction> {
    let fits = |it: &&Model| it.fits(metadata);
    models().filter(fits).flat_map(|it| it.corrections(metadata)).collect()
}

/// All models that are corrected.
fn models() -> impl Iterator<Item = &'static Model> {
    static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
        let models = |(name, text): &(&str, &str)| match toml::from_str::<Family>(text) {
            Ok(family) => family.model,
            Err(error) => panic!("a test reads every file of the catalogue, `{name}` too: {error}"),
        };
        FAMILIES.iter().flat_map(models).collect()
    });
    MODELS.iter()
}

/// What there is beside is read, and checked, by `file`.
#[derive(Deserialize)]
struct Family {
    #[serde(default)]
    model: Vec<Model>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: String,
    source: String,
    #[serde(default)]
    absent: Vec<String>,
    shape: BTreeMap<String, Fact>,
    correction: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(deserialize_with = "parsed")]
    set: Override,
    instead_of: Option<Fact>,
    why: String,
}

/// What a value is to be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Fact {
    Whole(u64),
    Real(f64),
    Text(String),
}

impl Model {
    fn fits(&self, metadata: &Metadata) -> bool {
        let is = |(key, fact): (&String, &Fact)| metadata.get(key).is_some_and(|it| fact.is(it));
        self.shape.iter().all(is) && self.absent.iter().all(|key| metadata.get(key).is_none())
    }

    fn corrections(&self, metadata: &Metadata) -> impl Iterator<Item = Correction> {
        let needed = move |it: &&Entry| match (metadata.get(&it.set.key), &it.instead_of) {
            (found, None) => found.is_none(),
            (found, Some(wrong)) => found.is_some_and(|it| wrong.is(it)),
        };
        self.correction.iter().filter(needed).map(|Entry { set, why, .. }| Correction {
            model: self.name.clone(),
            set: set.clone(),
            why: why.clone(),
            source: self.source.clone(),
        })
    }
}

impl Fact {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Whole(n), Value::Array(Array::String(list))) => *n == list.len() as u64,
            (Self::Whole(n), value) => value.as_u64() == Some(*n),
            (Self::Real(x), value) => value.as_f64() == Some(*x),
            (Self::Text(text), value) => value.as_str() == Some(text),
        }
    }
}

fn parsed<'de, D: Deserializer<'de>>(from: D) -> Result<Override, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests;
