//! The numbers of a decoder-only transformer, read from metadata and checked.
//!
//! Every number that becomes a size is bounded here, before anything is sized by it; the tensors'
//! shapes are then checked against them in `weights`.

use kernels::{CacheFormat, Span};
use loader::{ModelFile, Value};

use super::{Architecture, Numbers, Recurrent, RopeSets, Scan};
use crate::LoadError;

/// As many as any published model has, with room: GGUF readers agree on 512 layers.
const MAX_LAYERS: u64 = 512;
const MAX_HEADS: u64 = 512;
const MAX_HEAD_DIM: u64 = 4096;
const MAX_WIDTH: u64 = 1 << 24;

/// Keys that change what is computed, with the value that changes nothing: the only one for
/// architectures that do not read the key.
pub(super) const NEUTRAL: &[(&str, f64, &str)] = &[
    ("expert_count", 0.0, "0"),
    ("attention.scale", 0.0, "0"),
    ("attention.shared_kv_layers", 0.0, "0"),
    ("attention.clamp_kqv", 0.0, "0"),
    ("attention.max_alibi_bias", 0.0, "0"),
    ("attn_logit_softcapping", 0.0, "0"),
    ("final_logit_softcapping", 0.0, "0"),
    ("logit_scale", 1.0, "1"),
    ("residual_scale", 1.0, "1"),
    ("embedding_scale", 1.0, "1"),
];

/// What divides the rotary frequencies of long sequences.
pub(crate) const LONG_FACTORS: &str = "rope_factors_long.weight";

/// What the metadata says about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Columns of a row between layers.
    pub dim: usize,
    /// Columns inside the feed-forward block.
    pub hidden: usize,
    /// Tokens.
    pub vocab: usize,
    /// Layers.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Columns of a query or key head.
    pub head_dim: usize,
    /// Columns of a value head.
    pub v_dim: usize,
    /// Columns of a head that turn.
    pub turned: usize,
    /// The longest sequence the model was made for.
    pub context: usize,
    /// How far back a row sees, by layer.
    pub spans: Vec<Span>,
    /// Of the recurrent layers, where there are some.
    pub recurrent: Option<Scan>,
    /// What differs from layer to layer; the numbers above are those of the first.
    pub layers: Vec<LayerConfig>,
    /// Whether queries and keys turn with their position, by layer.
    pub turns: Vec<bool>,
    /// Columns that the keys and values of all heads come from and that are kept in their place; 0:
    /// keys and values are kept.
    pub latent: usize,
    /// How many sets of rotary frequencies there are, and for which sequences.
    pub rope_sets: RopeSets,
    /// Of the norms.
    pub eps: f32,
}

/// The numbers of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerConfig {
    /// Columns inside the feed-forward block.
    pub hidden: usize,
    /// Key and value heads; 0 where it does not attend.
    pub n_kv_heads: usize,
    /// Columns of a query or key head.
    pub head_dim: usize,
    /// Columns of a value head.
    pub v_dim: usize,
    /// Columns of a head that turn.
    pub turned: usize,
    /// Whether it keeps keys and values of its own; else it looks at those of the last layer before
    /// it that sees as far back and has some.
    pub has_cache: bool,
}

impl Config {
    /// Reads and checks the numbers of `file`, which is of this architecture.
    pub(super) fn read(file: &ModelFile, of: &Architecture) -> Result<Self, LoadError> {
        let n = Numbers::of(file);
        n.only_neutral(of.reads)?;
        let dim = n.count("embedding_length", 1..=MAX_WIDTH)?;
        let n_heads = n.count("attention.head_count", 1..=MAX_HEADS)?;
        let n_layers = n.count("block_count", 1..=MAX_LAYERS)?;
        let spans = n.spans(n_layers, of)?;
        let layers = n.layers([dim, n_heads], &spans, of.recurrent)?;
        let recurrent = layers.iter().filter(|it| of.recurrent.is(it.n_kv_heads)).count();
        let first = layers[0];
        let context = n.count("context_length", 1..=u64::from(u32::MAX))?;
        Ok(Self {
            dim,
            hidden: first.hidden,
            vocab: n.vocab(file)?,
            n_layers,
            n_heads,
            n_kv_heads: first.n_kv_heads,
            head_dim: first.head_dim,
            v_dim: first.v_dim,
            turned: first.turned,
            context,
            spans,
            layers,
            recurrent: (recurrent > 0).then(|| Scan::read(&n, recurrent)).transpose()?,
            turns: n.turns(n_layers, of.still_every)?,
            latent: n.count_or("attention.kv_lora_rank", 0, 0..=MAX_WIDTH)?,
            rope_sets: RopeSets::read(&n, file, context)?,
            eps: n.eps()?,
        })
    }

    /// The same, as if all layers were like this one.
    pub(crate) fn of_layer(&self, layer: usize) -> Self {
        let LayerConfig { hidden, n_kv_heads, head_dim, v_dim, turned, .. } = self.layers[layer];
        Self { hidden, n_kv_heads, head_dim, v_dim, turned, ..self.clone() }
    }

    /// How far back each layer sees, and the numbers that its cache holds for one token.
    pub(crate) fn caches(&self) -> impl Iterator<Item = (Span, usize)> {
        let numbers = |it: &LayerConfig| match (it.has_cache, self.latent) {
            (false, _) => 0,
            (true, 0) => it.n_kv_heads * (it.head_dim + it.v_dim),
            (true, latent) => latent + it.turned,
        };
        self.spans.iter().zip(&self.layers).map(move |(span, layer)| (*span, numbers(layer)))
    }

    /// Whether a cache of this format can hold what each layer keeps: whole blocks a head, so that no
    /// head is rounded with another.
    ///
    /// # Errors
    ///
    /// If a layer has heads that are none.
    pub(crate) fn check_cache(&self, format: CacheFormat) -> Result<(), LoadError> {
        let heads = |it: &LayerConfig| match self.latent {
            0 => [it.head_dim, it.v_dim],
            // The value is a part of the one key that all heads share.
            latent => [latent + it.turned; 2],
        };
        let layers = self.layers.iter().enumerate();
        let keeps = layers.filter(|(_, it)| it.has_cache && it.n_kv_heads > 0);
        for (layer, it) in keeps {
            let cut = |&cols: &usize| format.row_bytes(cols).is_none();
            if let Some(found) = heads(it).into_iter().find(cut) {
                return Err(LoadError::CacheFormat { format, layer, found });
            }
        }
        Ok(())
    }

    /// Pairs of columns that turn in layers that see everything, whose frequencies are scaled.
    pub(crate) fn turned_pairs(&self) -> usize {
        let full = self.spans.iter().position(|it| *it == Span::Full);
        self.layers[full.unwrap_or(0)].turned / 2
    }

    /// Numbers that a slot of the states of all recurrent layers holds.
    pub(crate) fn slot_numbers(&self) -> usize {
        self.recurrent.as_ref().map_or(0, Scan::slot_numbers)
    }
}

impl Numbers<'_> {
    /// Layers with a window may have heads of their own.
    fn layers(
        &self,
        [dim, n_heads]: [usize; 2],
        spans: &[Span],
        recurrent: Recurrent,
    ) -> Result<Vec<LayerConfig>, LoadError> {
        let n_layers = spans.len();
        let hidden = self.count_by_layer("feed_forward_length", n_layers, None, 1..=MAX_WIDTH)?;
        let key = "attention.head_count_kv";
        let least = if recurrent == Recurrent::WithoutHeads { 0 } else { 1 };
        let kv_heads = self.count_by_layer(key, n_layers, Some(n_heads), least..=MAX_HEADS)?;
        let fits = |it: usize| it == 0 || n_heads.is_multiple_of(it);
        if let Some(found) = kv_heads.iter().find(|it| !fits(**it)) {
            let expected = format!("a divisor of {n_heads}, the number of query heads");
            return Err(self.range(key, found, expected));
        }
        let full = self.heads(dim / n_heads, "")?;
        let windowed = match self.has("attention.key_length_swa") {
            true => self.heads(full[0], "_swa")?,
            false => full,
        };
        let shared = self.count_or("attention.shared_kv_layers", 0, 0..=n_layers as u64)?;
        let layer = |i: usize| {
            let heads = if spans[i] == Span::Full { full } else { windowed };
            let [head_dim, v_dim, turned] = heads;
            let has_cache = i + shared < n_layers;
            LayerConfig {
                hidden: hidden[i],
                n_kv_heads: kv_heads[i],
                head_dim,
                v_dim,
                turned,
                has_cache,
            }
        };
        Ok((0..n_layers).map(layer).collect())
    }

    /// Columns of a query head, of a value head, and those that turn.
    fn heads(&self, otherwise: usize, suffix: &str) -> Result<[usize; 3], LoadError> {
        let key = |name: &str| format!("{name}{suffix}");
        let head_dim = self.count_or(&key("attention.key_length"), otherwise, 2..=MAX_HEAD_DIM)?;
        let turned_key = key("rope.dimension_count");
        let turned = self.count_or(&turned_key, head_dim, 2..=head_dim as u64)?;
        if !turned.is_multiple_of(2) {
            return Err(self.range(&turned_key, turned, "an even number".to_owned()));
        }
        let v_dim = self.count_or(&key("attention.value_length"), head_dim, 1..=MAX_HEAD_DIM)?;
        Ok([head_dim, v_dim, turned])
    }

    /// A file that does not say has as many tokens as rows in its embedding table.
    fn vocab(&self, file: &ModelFile) -> Result<usize, LoadError> {
        let table = file.tensors.get("token_embd.weight");
        let rows = table.and_then(|it| it.shape.first()).copied().unwrap_or(0);
        self.count_or("vocab_size", rows, 1..=MAX_WIDTH)
    }

    /// Of root mean square norms, else of layer norms.
    fn eps(&self) -> Result<f32, LoadError> {
        let [rms, layer] = ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"];
        let key = if self.has(layer) && !self.has(rms) { layer } else { rms };
        Ok(self.real(key, None, 0.0..=1.0)? as f32)
    }

    /// A window of 0 means that there is none, as in other readers of the format. A pattern says of
    /// each layer whether it has the window; without one, the last of `full_every` layers has not.
    fn spans(&self, n_layers: usize, of: &Architecture) -> Result<Vec<Span>, LoadError> {
        let (key, any) = ("attention.sliding_window", 0..=u64::from(u32::MAX));
        let chunk = self.count_or("attention.chunk_size", of.chunk, any.clone())?;
        let window = match of.has_windows && chunk == 0 {
            true => self.count(key, any)?,
            false => self.count_or(key, 0, any)?,
        };
        let span = match (window, chunk) {
            (0, 0) => Span::Full,
            (0, chunk) => Span::Chunk(chunk as u32),
            (window, _) => Span::Window(window as u32),
        };
        let key = "attention.sliding_window_pattern";
        let windowed = self.by_layer(key, n_layers, of.full_every)?;
        Ok(windowed.into_iter().map(|it| if it { span } else { Span::Full }).collect())
    }

    /// Where a file says nothing, the last of `still_every` layers does not turn.
    fn turns(&self, n_layers: usize, still_every: usize) -> Result<Vec<bool>, LoadError> {
        self.by_layer("rope.layers", n_layers, still_every)
    }

    fn only_neutral(&self, read: &[&str]) -> Result<(), LoadError> {
        for (key, neutral, supported) in NEUTRAL.iter().filter(|it| !read.contains(&it.0)) {
            if let Some(x) = self.number(key)?.filter(|x| x != neutral) {
                let (key, found) = (self.key(key), x.to_string());
                return Err(LoadError::Unsupported { key, found, supported });
            }
        }
        let key = "attention.causal";
        match self.value(key) {
            None | Some(Value::Bool(true)) => Ok(()),
            Some(_) => {
                let (key, found) = (self.key(key), "not true".to_owned());
                Err(LoadError::Unsupported { key, found, supported: "true" })
            }
        }
    }
}
