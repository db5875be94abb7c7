//! What can be said of a model file without computing anything.

use std::collections::BTreeMap;

use engine::arch;
use loader::{Array, Container, Metadata, ModelFile, Override, Value};
use serde::Serialize;
use store::Correction;

use crate::written;

/// All of it; the form of `show --json`.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub(super) path: String,
    pub(super) container: String,
    pub(super) name: Option<String>,
    pub(super) architecture: String,
    pub(super) supported: bool,
    pub(super) parameters: u64,
    pub(super) bytes: u64,
    pub(super) context: Option<u64>,
    pub(super) layers: Option<u64>,
    pub(super) embedding: Option<u64>,
    pub(super) feed_forward: Option<u64>,
    pub(super) heads: Option<Heads>,
    pub(super) rope: Option<Rope>,
    pub(super) vocabulary: Option<u64>,
    pub(super) tokenizer: Option<String>,
    pub(super) chat_templates: Vec<String>,
    /// What the file says of itself.
    pub(super) description: Option<String>,
    pub(super) licences: BTreeMap<String, String>,
    pub(super) sampling: BTreeMap<String, serde_json::Value>,
    pub(super) overrides: Vec<String>,
    pub(super) corrections: Vec<Corrected>,
    pub(super) formats: Vec<Share>,
    pub(super) parts: Vec<Share>,
}

/// Attention heads of a layer.
#[derive(Debug, Serialize)]
pub(super) struct Heads {
    query: u64,
    key_value: u64,
    dim: Option<u64>,
}

/// How positions are told.
#[derive(Debug, Serialize)]
pub(super) struct Rope {
    base: Option<f64>,
    dimensions: Option<u64>,
    scaling: Option<String>,
    factor: Option<f64>,
}

/// A key that the catalogue knows better.
#[derive(Debug, Serialize)]
pub(super) struct Corrected {
    key: String,
    value: serde_json::Value,
    why: String,
    model: String,
    source: String,
}

/// Some of the tensors.
#[derive(Debug, Serialize)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) tensors: usize,
    pub(super) bytes: u64,
}

impl Facts {
    /// What `file` says.
    ///
    /// # Errors
    ///
    /// If a metadata value has the wrong type.
    pub(super) fn of(
        file: &ModelFile,
        overrides: &[Override],
        corrections: Vec<Correction>,
    ) -> Result<Self, loader::Error> {
        let architecture = file.architecture();
        let meta = &file.metadata;
        let own = |name: &str| first(meta, &format!("{architecture}.{name}"));
        let text = |key: &str| Ok::<_, loader::Error>(meta.str(key)?.map(str::to_owned));
        let (parameters, bytes) = totals(file);
        let embedding = own("embedding_length");
        Ok(Self {
            path: file.path.display().to_string(),
            container: container(file),
            name: text("general.name")?,
            supported: arch::supported().any(|it| it == architecture),
            architecture: architecture.to_owned(),
            parameters,
            bytes,
            context: own("context_length"),
            layers: own("block_count"),
            embedding,
            feed_forward: own("feed_forward_length"),
            heads: heads(&own, embedding),
            rope: rope(meta, architecture, &own)?,
            vocabulary: vocabulary(file),
            tokenizer: tokenizer(file)?,
            chat_templates: chat_templates(meta),
            description: text("general.description")?,
            licences: licences(meta),
            sampling: sampling(meta),
            overrides: overrides.iter().map(written::setting).collect(),
            corrections: corrections.into_iter().map(Corrected::of).collect(),
            formats: shares(file, |_, format| format.to_owned()),
            parts: shares(file, |name, _| part(name).to_owned()),
        })
    }

    /// Embedding and feed-forward widths.
    pub(super) fn width(&self) -> Option<String> {
        let feed_forward = self.feed_forward.map(|it| format!(", feed-forward {it}"));
        self.embedding.map(|it| format!("{it}{}", feed_forward.unwrap_or_default()))
    }

    /// What the file says of its licence.
    pub(super) fn licence(&self) -> Option<String> {
        let texts: Vec<_> = self.licences.values().map(String::as_str).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

impl Corrected {
    fn of(it: Correction) -> Self {
        let Correction { set, why, model, source } = it;
        Self { value: written::json(&set.value), key: set.key, why, model, source }
    }

    /// What it is, and why.
    pub(super) fn text(&self) -> String {
        format!("{}={}: {}", self.key, self.value, self.why)
    }
}

impl Heads {
    pub(super) fn text(&self) -> String {
        let dim = self.dim.map(|it| format!(" of {it}")).unwrap_or_default();
        format!("{}{dim}, {} for keys and values", self.query, self.key_value)
    }
}

impl Rope {
    pub(super) fn text(&self) -> String {
        let base = self.base.map(|it| format!("base {it}"));
        let dimensions = self.dimensions.map(|it| format!("{it} dimensions"));
        let factor = self.factor.map(|it| format!(" by {it}")).unwrap_or_default();
        let scaling = self.scaling.as_ref().map(|it| format!("scaling {it}{factor}"));
        [base, dimensions, scaling].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn container(file: &ModelFile) -> String {
    match file.container {
        Container::Gguf { version } => format!("GGUF version {version}"),
        Container::Safetensors => "safetensors".to_owned(),
    }
}

fn totals(file: &ModelFile) -> (u64, u64) {
    let n = file.tensors.values().map(|it| it.shape.iter().map(|&n| n as u64).product::<u64>());
    (n.sum(), shares(file, |_, _| String::new()).iter().map(|it| it.bytes).sum())
}

/// The number at `key`; of an array, one a layer, its first.
fn first(meta: &Metadata, key: &str) -> Option<u64> {
    match meta.get(key)? {
        Value::Array(Array::U32(all)) => all.first().map(|&it| it.into()),
        Value::Array(Array::I32(all)) => all.first().and_then(|&it| it.try_into().ok()),
        value => value.as_u64(),
    }
}

fn heads(own: &impl Fn(&str) -> Option<u64>, embedding: Option<u64>) -> Option<Heads> {
    let query = own("attention.head_count")?;
    let key_value = own("attention.head_count_kv").unwrap_or(query);
    let dim = own("attention.key_length").or_else(|| embedding?.checked_div(query));
    Some(Heads { query, key_value, dim })
}

fn rope(
    meta: &Metadata,
    architecture: &str,
    own: &impl Fn(&str) -> Option<u64>,
) -> Result<Option<Rope>, loader::Error> {
    let base = meta.f64(&format!("{architecture}.rope.freq_base"))?;
    let scaling = meta.str(&format!("{architecture}.rope.scaling.type"))?.map(str::to_owned);
    let factor = meta.f64(&format!("{architecture}.rope.scaling.factor"))?;
    let dimensions = own("rope.dimension_count");
    let any = base.is_some() || scaling.is_some() || dimensions.is_some();
    Ok(any.then_some(Rope { base, dimensions, scaling, factor }))
}

/// Rows of the embedding; that many logits there are.
fn vocabulary(file: &ModelFile) -> Option<u64> {
    let shape = &file.tensors.get("token_embd.weight")?.shape;
    shape.first().map(|&it| it as u64)
}

fn tokenizer(file: &ModelFile) -> Result<Option<String>, loader::Error> {
    let kind = file.metadata.str("tokenizer.ggml.model")?;
    let pre = file.metadata.str("tokenizer.ggml.pre")?;
    Ok(match (kind, pre) {
        (Some(kind), Some(pre)) => Some(format!("{kind} ({pre})")),
        (Some(kind), None) => Some(kind.to_owned()),
        (None, _) => file.tokenizer_json.is_some().then(|| "tokenizer.json".to_owned()),
    })
}

fn chat_templates(meta: &Metadata) -> Vec<String> {
    let key = "tokenizer.chat_template";
    let names = meta.iter().filter_map(|(it, _)| it.strip_prefix(key));
    let named = |rest: &str| match rest {
        "" => Some("default".to_owned()),
        rest => rest.strip_prefix('.').map(str::to_owned),
    };
    names.filter_map(named).collect()
}

fn licences(meta: &Metadata) -> BTreeMap<String, String> {
    let of = |(key, value): (&str, &Value)| {
        let name = key.strip_prefix("general.")?;
        name.starts_with("license").then(|| Some((name.to_owned(), value.as_str()?.to_owned())))?
    };
    meta.iter().filter_map(of).collect()
}

fn sampling(meta: &Metadata) -> BTreeMap<String, serde_json::Value> {
    let of = |(key, it): (&str, &Value)| {
        let name = key.strip_prefix("general.sampling.")?;
        Some((name.to_owned(), written::json(it)))
    };
    meta.iter().filter_map(of).collect()
}

/// Tensors and bytes by group, the largest first.
fn shares(file: &ModelFile, group: impl Fn(&str, &str) -> String) -> Vec<Share> {
    let mut groups: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for (name, tensor) in &file.tensors {
        let bytes: usize = tensor.parts.iter().map(|it| it.len()).sum();
        let entry = groups.entry(group(name, tensor.format.layout().name)).or_default();
        *entry = (entry.0 + 1, entry.1 + bytes as u64);
    }
    let share = |(name, (tensors, bytes))| Share { name, tensors, bytes };
    let mut shares: Vec<_> = groups.into_iter().map(share).collect();
    shares.sort_by_key(|it| std::cmp::Reverse(it.bytes));
    shares
}

/// What a tensor of this name is for.
fn part(name: &str) -> &'static str {
    let own = name.strip_prefix("blk.").and_then(|it| it.split_once('.')).map_or(name, |it| it.1);
    match own {
        _ if own.contains("norm") => "norms",
        _ if own.starts_with("token_embd") => "embedding",
        _ if own.starts_with("attn") => "attention",
        _ if own.starts_with("ffn") => "feed-forward",
        _ if own.starts_with("output") => "output",
        _ => "other",
    }
}
