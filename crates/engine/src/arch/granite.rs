//! Granite: a Llama whose embeddings, residuals, scores and logits are scaled, with experts
//! (`granitemoe`) and without.
//!
//! Granite 4 (`granitehybrid`) has Mamba-2 mixers in the place of attention in most layers, and need
//! not look at positions.

use kernels::{Attn, Linear, Norm, Plan, Rope, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Attention, FeedForward, Mamba, Multipliers, load_rope},
    weights::Weights,
};

/// What it reads of the keys that others do not compute.
pub(super) const READS: &[&str] =
    &["attention.scale", "embedding_scale", "logit_scale", "residual_scale"];

/// The same of those with experts.
pub(super) const MIXTURE_READS: &[&str] =
    &["attention.scale", "embedding_scale", "expert_count", "logit_scale", "residual_scale"];

/// The scales of a Granite.
pub(super) struct Scales {
    pub(super) embedding: f32,
    /// Of what attention and the feed-forward block add.
    pub(super) residual: f32,
    /// Of scores.
    pub(super) attention: f32,
    /// Of logits, which files state as what divides them.
    pub(super) logits: f32,
}

impl Scales {
    pub(super) fn read(w: &Weights<'_>, c: &Config) -> Result<Self, LoadError> {
        let n = Numbers::of(w.file);
        let scale = |key| n.real(key, Some(1.0), 1e-6..=1e6);
        let attention = n.real("attention.scale", Some(0.0), 0.0..=1e6)?;
        let of_heads = (c.head_dim as f64).sqrt().recip();
        Ok(Self {
            embedding: scale("embedding_scale")? as f32,
            residual: scale("residual_scale")? as f32,
            attention: if attention == 0.0 { of_heads } else { attention } as f32,
            logits: scale("logit_scale")?.recip() as f32,
        })
    }
}

struct Granite {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
    scales: Scales,
}

struct Block {
    mixer_norm: Norm,
    mixer: Mixer,
    mlp_norm: Norm,
    mlp: FeedForward,
    residual_scale: f32,
}

enum Mixer {
    Attention(Box<Attention>),
    Mamba(Box<Mamba>),
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let (n, scales) = (Numbers::of(w.file), Scales::read(w, c)?);
    let turns = n.flag("rope.scaling.finetuned")?.unwrap_or(true);
    let rope = turns.then(|| load_rope(w, c)).transpose()?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let w = &mut w.block(layer);
            let mixer = match c.layers[layer].n_kv_heads {
                0 => Mixer::Mamba(Box::new(Mamba::load(w, c, Multipliers::NONE)?)),
                _ => Mixer::attention(w, &c.of_layer(layer), rope, (layer, &scales))?,
            };
            Ok(Block {
                mixer_norm: w.norm("attn_norm", c.dim, c.eps)?,
                mixer,
                mlp_norm: w.norm("ffn_norm", c.dim, c.eps)?,
                mlp: FeedForward::load(w, c)?,
                residual_scale: scales.residual,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    let head = Linear { w: head, bias: None };
    Ok(Box::new(Granite { embed, blocks, norm, head, scales }))
}

impl Mixer {
    fn attention(
        w: &mut Weights<'_>,
        c: &Config,
        rope: Option<Rope>,
        (layer, scales): (usize, &Scales),
    ) -> Result<Self, LoadError> {
        let attn = Attention::load(w, c, rope, c.spans[layer])?;
        let attn = Attention { attn: Attn { scale: scales.attention, ..attn.attn }, ..attn };
        Ok(Self::Attention(Box::new(attn)))
    }

    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        match self {
            Self::Attention(attn) => attn.forward(p, x),
            Self::Mamba(mamba) => mamba.forward(p, x),
        }
    }
}

impl Model for Granite {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let mut x = p.embed(self.embed, self.scales.embedding);
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| block.forward(p, x));
        }
        let x = p.outputs(x);
        let x = p.norm(x, &self.norm);
        let x = p.linear(x, &self.head);
        p.scale(x, self.scales.logits)
    }
}

impl Block {
    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.norm(x, &self.mixer_norm);
        let h = self.mixer.forward(p, h);
        let h = p.scale(h, self.residual_scale);
        let x = p.add(x, h);
        let h = p.norm(x, &self.mlp_norm);
        let h = self.mlp.forward(p, h);
        let h = p.scale(h, self.residual_scale);
        p.add(x, h)
    }
}
