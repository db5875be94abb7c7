//! Llama 4: pre-norm blocks, layers that look back within chunks, and layers that see everything
//! and do not look at positions; experts that are given weighed inputs, beside a shared one.

use kernels::{Growth, Linear, Norm, Plan, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Attention, FeedForward, load_rope},
    weights::Weights,
};

struct Llama4 {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

struct Block {
    attn_norm: Norm,
    attn: Attention,
    /// Of query and key heads, once they are turned.
    head_norm: Option<Norm>,
    mlp_norm: Norm,
    mlp: FeedForward,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let rope = load_rope(w, c)?;
    let (growth, head_norm) = (growth(w)?, head_norm(w, c)?);
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let (w, span) = (&mut w.block(layer), c.spans[layer]);
            let turns = c.turns[layer];
            let attn = Attention::without_norms(w, c, turns.then_some(rope), span)?;
            Ok(Block {
                attn_norm: w.norm("attn_norm", c.dim, c.eps)?,
                attn: Attention { growth: if turns { None } else { growth }, ..attn },
                head_norm: if turns { head_norm } else { None },
                mlp_norm: w.norm("ffn_norm", c.dim, c.eps)?,
                mlp: FeedForward::load(w, c)?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    Ok(Box::new(Llama4 { embed, blocks, norm, head: Linear { w: head, bias: None } }))
}

/// How queries grow in layers that do not look at positions. GGUF has no numbers for it: these are
/// those of all releases.
fn growth(w: &Weights<'_>) -> Result<Option<Growth>, LoadError> {
    let n = Numbers::of(w.file);
    let rate = n.real("attention.temperature_scale", Some(0.1), -1e6..=1e6)? as f32;
    let every = n.count_or("attention.temperature_length", 8192, 1..=u64::from(u32::MAX))? as u32;
    Ok((rate != 0.0).then_some(Growth { rate, every, shift: 1 }))
}

/// GGUF does not say where heads have no norms: that comes from the catalogue.
fn head_norm(w: &Weights<'_>, c: &Config) -> Result<Option<Norm>, LoadError> {
    let there = Numbers::of(w.file).flag("attention.head_norms")?.unwrap_or(true);
    Ok(there.then_some(Norm::rms(c.head_dim, None, c.eps)))
}

impl Model for Llama4 {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let mut x = p.embed(self.embed, 1.0);
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| block.forward(p, x));
        }
        let x = p.outputs(x);
        let x = p.norm(x, &self.norm);
        p.linear(x, &self.head)
    }
}

impl Block {
    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.norm(x, &self.attn_norm);
        let h = self.attend(p, h);
        let x = p.add(x, h);
        let h = p.norm(x, &self.mlp_norm);
        let h = self.mlp.forward(p, h);
        p.add(x, h)
    }

    /// Unlike elsewhere, heads are turned before they are normalised.
    fn attend(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let Attention { q, k, v, rope, growth, cache, attn, out, .. } = &self.attn;
        let [q, k, v] = p.linears(x, [q, k, v]);
        let (q, k) = (p.rope_if(q, rope), p.rope_if(k, rope));
        let (q, k) = (p.norm_if(q, &self.head_norm), p.norm_if(k, &self.head_norm));
        let q = growth.as_ref().map_or(q, |growth| p.place_scale(q, growth));
        p.store(*cache, k, Some(v));
        let h = p.attend(q, *cache, attn);
        p.linear(h, out)
    }
}
