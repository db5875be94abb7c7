//! Which tensor of a model gets which format, so that the ones that suffer most get more bits.
//!
//! The rules are llama.cpp's (`llama_tensor_get_type_impl`), so that a name means the same here: a
//! file as `Q4_K_M` has the same formats whoever wrote it.

use std::collections::BTreeSet;

use super::{Mix, is_encoded};
use crate::{Error, Format, Metadata, ModelFile};

/// What the rules ask about a model.
#[derive(Clone, Debug)]
pub struct Recipe {
    mix: Mix,
    measured: Measured,
    is_falcon: bool,
    n_layers: usize,
    /// Query heads to a key head.
    group: usize,
    n_experts: usize,
    /// The embedding table is the head, too.
    is_tied: bool,
    /// The layers that have attention values, ascending.
    with_values: Vec<usize>,
}

/// Whether measured activations say how much each column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// There is an importance matrix.
    Yes,
    /// There is none.
    No,
}

impl Recipe {
    /// The rules of `mix` for this model.
    ///
    /// # Errors
    ///
    /// If a number of the model that a rule asks about is not one.
    pub fn new(mix: Mix, file: &ModelFile, measured: Measured) -> Result<Self, Error> {
        let (meta, architecture) = (&file.metadata, file.architecture());
        let count = |key: &str| first(meta, &format!("{architecture}.{key}"));
        let heads = count("attention.head_count")?.unwrap_or(1);
        let kv_heads = count("attention.head_count_kv")?.unwrap_or(heads);
        let values = file.tensors.keys().filter(|it| Role::of(it) == Role::Values);
        let with_values: BTreeSet<_> = values.filter_map(|it| layer(it)).collect();
        Ok(Self {
            mix,
            measured,
            is_falcon: architecture == "falcon",
            n_layers: count("block_count")?.unwrap_or(0),
            group: heads / kv_heads.max(1),
            n_experts: count("expert_count")?.unwrap_or(0),
            is_tied: !file.tensors.contains_key("output.weight"),
            with_values: with_values.into_iter().collect(),
        })
    }

    /// The format of the tensor `name`; `None` if it is to stay as it is.
    pub fn format(&self, name: &str, shape: &[usize]) -> Option<Format> {
        let cols = shape.last().copied().unwrap_or(0);
        let format = fitting(self.wanted(name, shape)?, cols);
        debug_assert!(is_encoded(format));
        Some(format)
    }

    /// The format that it would have if its rows were whole blocks of that.
    pub fn wanted(&self, name: &str, shape: &[usize]) -> Option<Format> {
        if is_kept(name, shape) {
            return None;
        }
        Some(match self.mix.base() {
            base @ (Format::F32 | Format::F16 | Format::BF16) => base,
            base => self.chosen(base, name, shape),
        })
    }

    fn chosen(&self, base: Format, name: &str, shape: &[usize]) -> Format {
        let cols = shape.last().copied().unwrap_or(0);
        let layer = layer(name).unwrap_or(0);
        match Role::of(name) {
            Role::Output => self.output(base, cols),
            Role::Embedding if self.is_tied => self.output(base, cols),
            _ if self.mix == Mix::MXFP4_MOE => match n_dims(shape) {
                3.. => Format::MXFP4,
                _ => Format::Q8_0,
            },
            Role::Values => self.values(base, layer),
            Role::Keys if self.n_experts == 8 => Format::Q8_0,
            Role::AttentionOutput => self.attention_output(base),
            Role::Down => self.down(base, layer),
            Role::Embedding | Role::Keys | Role::Other => base,
        }
    }

    fn output(&self, base: Format, cols: usize) -> Format {
        let whole = cols.is_multiple_of(base.layout().block_len);
        match base {
            Format::Q8_0 => Format::Q8_0,
            _ if self.is_falcon || !whole => Format::Q8_0,
            _ => Format::Q6_K,
        }
    }

    fn values(&self, base: Format, layer: usize) -> Format {
        let rank = self.with_values.iter().position(|&it| it == layer).unwrap_or(0);
        let grouped = self.group >= 4;
        let format = match self.mix {
            Mix::Q2_K if grouped => Format::Q4_K,
            Mix::Q2_K => Format::Q3_K,
            Mix::Q2_K_S if grouped => Format::Q4_K,
            Mix::Q3_K_M if rank < 2 => Format::Q5_K,
            Mix::Q3_K_M => Format::Q4_K,
            Mix::Q3_K_L => Format::Q5_K,
            Mix::IQ4_NL | Mix::IQ4_XS if grouped => Format::Q5_K,
            Mix::Q4_K_M | Mix::Q5_K_M if matters(rank, self.with_values.len()) => Format::Q6_K,
            Mix::Q4_K_S if rank < 4 => Format::Q5_K,
            _ => base,
        };
        match format {
            _ if self.n_experts == 8 => Format::Q8_0,
            // So few values for so many queries cost little, and count for much.
            Format::Q3_K | Format::Q4_K if self.n_layers == 80 && self.group > 1 => Format::Q5_K,
            _ => format,
        }
    }

    fn attention_output(&self, base: Format) -> Format {
        match self.mix {
            Mix::Q3_K_L if self.is_falcon => Format::Q4_K,
            _ if self.is_falcon => base,
            Mix::Q2_K
            | Mix::Q3_K_S
            | Mix::Q3_K_M
            | Mix::IQ4_NL
            | Mix::IQ4_XS
            | Mix::Q4_K_S
            | Mix::Q4_K_M
                if self.n_experts == 8 =>
            {
                Format::Q5_K
            }
            _ if self.n_experts == 8 => base,
            Mix::Q2_K => Format::Q3_K,
            Mix::Q3_K_M => Format::Q4_K,
            Mix::Q3_K_L => Format::Q5_K,
            _ => base,
        }
    }

    fn down(&self, base: Format, layer: usize) -> Format {
        let n = self.n_layers;
        let (eighth, sixteenth, matters) = (layer < n / 8, layer < n / 16, matters(layer, n));
        match (self.mix, self.measured) {
            (Mix::Q2_K, _) => Format::Q3_K,
            (Mix::Q2_K_S, _) if eighth => Format::Q4_K,
            (Mix::Q3_K_M, _) if sixteenth => Format::Q5_K,
            (Mix::Q3_K_M, _) if !self.is_falcon || matters => Format::Q4_K,
            (Mix::Q3_K_L, _) if self.is_falcon => Format::Q4_K,
            (Mix::Q3_K_L, _) => Format::Q5_K,
            (Mix::Q4_K_M, _) if self.is_falcon && sixteenth => Format::Q6_K,
            (Mix::Q4_K_M, _) if self.is_falcon && matters => Format::Q5_K,
            (Mix::Q4_K_M, _) if !self.is_falcon && matters => Format::Q6_K,
            (Mix::Q5_K_M, _) if matters => Format::Q6_K,
            (Mix::Q4_K_S, _) if !self.is_falcon && eighth => Format::Q5_K,
            (Mix::IQ4_NL | Mix::IQ4_XS, Measured::No) if eighth => Format::Q5_K,
            (Mix::Q4_0, Measured::Yes) if eighth => Format::Q4_1,
            (Mix::Q5_0, Measured::Yes) if eighth => Format::Q5_1,
            _ => base,
        }
    }
}

/// What a tensor is for, as far as rules ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Output,
    Embedding,
    Values,
    Keys,
    AttentionOutput,
    Down,
    Other,
}

impl Role {
    fn of(name: &str) -> Self {
        let has = |part: &str| name.contains(part);
        match name {
            "output.weight" => Self::Output,
            "token_embd.weight" | "per_layer_token_embd.weight" => Self::Embedding,
            _ if has("attn_qkv.weight") || has("attn_kv_b.weight") => Self::Values,
            _ if has("attn_v.weight") => Self::Values,
            _ if has("attn_k.weight") => Self::Keys,
            _ if has("attn_output.weight") => Self::AttentionOutput,
            _ if has("ffn_down") => Self::Down,
            _ => Self::Other,
        }
    }
}

/// The first and the last eighth of the layers, and every third between.
fn matters(i: usize, n: usize) -> bool {
    i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2
}

/// The format, or one of about as many bits whose blocks fit rows of `cols`.
fn fitting(format: Format, cols: usize) -> Format {
    if cols.is_multiple_of(format.layout().block_len) {
        return format;
    }
    let other = match format {
        Format::IQ4_XS => Format::IQ4_NL,
        Format::Q2_K | Format::Q3_K => Format::Q4_0,
        Format::Q4_K => Format::Q5_0,
        Format::Q5_K => Format::Q5_1,
        Format::Q6_K => Format::Q8_0,
        other => other,
    };
    if cols.is_multiple_of(other.layout().block_len) { other } else { Format::F16 }
}

/// Whether a tensor stays as it is: vectors, norms, routers and what else is small and delicate.
fn is_kept(name: &str, shape: &[usize]) -> bool {
    const SMALL: &[&str] = &[
        "_norm.weight",
        "ffn_gate_inp.weight",
        "altup",
        "laurel",
        "per_layer_model_proj",
        "ssm_conv1d",
        "shortconv.conv.weight",
        "indexer.k_proj.weight",
        "indexer.q_proj.weight",
        "attn_rel_b.weight",
        "position_embd",
    ];
    n_dims(shape) < 2 || !name.ends_with("weight") || SMALL.iter().any(|it| name.contains(it))
}

/// How many dimensions count, as ggml counts them: outer ones of length 1 do not.
fn n_dims(shape: &[usize]) -> usize {
    shape.iter().skip_while(|it| **it == 1).count()
}

/// The number of the layer, from `blk.7.…`.
fn layer(name: &str) -> Option<usize> {
    name.strip_prefix("blk.")?.split('.').next()?.parse().ok()
}

/// A number, or the first of one a layer.
fn first(metadata: &Metadata, key: &str) -> Result<Option<usize>, Error> {
    match metadata.get(key).and_then(|it| it.as_array()) {
        Some(array) => {
            let first = array.get(0).and_then(|it| u32::try_from(it.as_u64()?).ok());
            Ok(first.map(|it| it as usize))
        }
        None => metadata.usize_in(key, 0..=u32::MAX as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(mix: Mix, n_layers: usize, group: usize) -> Recipe {
        Recipe {
            mix,
            measured: Measured::No,
            is_falcon: false,
            n_layers,
            group,
            n_experts: 0,
            is_tied: false,
            with_values: (0..n_layers).collect(),
        }
    }

    /// The files of Qwen2.5 0.5B: 896 columns are no whole blocks of 256, 4,864 are.
    #[test]
    fn q4_k_m_of_a_narrow_model() {
        let recipe = recipe(Mix::Q4_K_M, 24, 7);
        let format = |name: &str, cols| recipe.format(name, &[64, cols]);
        assert_eq!(format("token_embd.weight", 896), Some(Format::Q5_0));
        assert_eq!(format("output.weight", 896), Some(Format::Q8_0));
        assert_eq!(format("blk.0.attn_q.weight", 896), Some(Format::Q5_0));
        assert_eq!(format("blk.0.attn_v.weight", 896), Some(Format::Q8_0));
        assert_eq!(format("blk.3.attn_v.weight", 896), Some(Format::Q5_0));
        assert_eq!(format("blk.0.ffn_down.weight", 4864), Some(Format::Q6_K));
        assert_eq!(format("blk.3.ffn_down.weight", 4864), Some(Format::Q4_K));
        assert_eq!(format("blk.23.ffn_down.weight", 4864), Some(Format::Q6_K));
        assert_eq!(format("blk.0.attn_norm.weight", 896), None);
        assert_eq!(recipe.format("blk.0.attn_q.bias", &[896]), None);
        assert_eq!(format("blk.0.odd.weight", 33), Some(Format::F16));
    }

    #[test]
    fn few_bits_are_spent_where_they_matter() {
        let of = |mix, name: &str| recipe(mix, 32, 4).format(name, &[4096, 4096]);
        let (value, down) = ("blk.9.attn_v.weight", "blk.9.ffn_down.weight");
        let output = "blk.9.attn_output.weight";
        assert_eq!(of(Mix::Q2_K, value), Some(Format::Q4_K));
        assert_eq!(of(Mix::Q2_K, down), Some(Format::Q3_K));
        assert_eq!(of(Mix::Q2_K, "blk.9.ffn_up.weight"), Some(Format::Q2_K));
        assert_eq!(of(Mix::Q3_K_S, value), Some(Format::Q3_K));
        assert_eq!(of(Mix::Q3_K_M, output), Some(Format::Q4_K));
        assert_eq!(of(Mix::Q3_K_L, output), Some(Format::Q5_K));
        assert_eq!(of(Mix::Q4_K_S, "blk.3.attn_v.weight"), Some(Format::Q5_K));
        assert_eq!(of(Mix::IQ4_XS, value), Some(Format::Q5_K));
        assert_eq!(of(Mix::Q8_0, "output.weight"), Some(Format::Q8_0));
        assert_eq!(of(Mix::Q4_0, "output.weight"), Some(Format::Q6_K));
        assert_eq!(of(Mix::F16, "output.weight"), Some(Format::F16));
    }

    #[test]
    fn experts_become_mxfp4_and_their_neighbours_q8_0() {
        let mut recipe = recipe(Mix::MXFP4_MOE, 32, 4);
        recipe.n_experts = 32;
        let experts = recipe.format("blk.0.ffn_down_exps.weight", &[32, 64, 2880]);
        assert_eq!(experts, Some(Format::MXFP4));
        assert_eq!(recipe.format("blk.0.attn_q.weight", &[64, 2880]), Some(Format::Q8_0));
        assert_eq!(recipe.format("blk.0.ffn_gate_inp.weight", &[32, 2880]), None);
        let one = recipe.format("blk.0.ffn_down_exps.weight", &[1, 64, 2880]);
        assert_eq!(one, Some(Format::Q8_0), "a stack of one is a matrix");
    }

    /// Qwen's shared experts: their gate is a row, whether or not the file says that it is one.
    #[test]
    fn a_matrix_of_one_row_is_a_vector() {
        let recipe = recipe(Mix::Q4_K_M, 24, 4);
        let gate = |shape: &[usize]| recipe.format("blk.0.ffn_gate_inp_shexp.weight", shape);
        assert_eq!(gate(&[2048]), None);
        assert_eq!(gate(&[1, 2048]), None);
        assert_eq!(gate(&[1, 1, 2048]), None);
        assert_eq!(gate(&[2, 2048]), Some(Format::Q4_K));
        assert_eq!(gate(&[2, 1, 2048]), Some(Format::Q4_K), "only outer ones are left out");
    }
}
