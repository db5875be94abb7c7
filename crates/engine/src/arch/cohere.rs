//! Cohere: attention and feed-forward side by side, from one layer norm.
//!
//! Covers Command R and R+ (`command-r`), whose heads may have norms of their own, and Command R7B
//! (`cohere2`), whose layers without a window do not look at positions.

use kernels::{Linear, Norm, Plan, Span, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Attention, Mlp, load_rope},
    weights::Weights,
};

struct Cohere {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Weight,
    logit_scale: f32,
}

struct Block {
    norm: Norm,
    attn: Attention,
    mlp: Mlp,
}

/// Command R and R+: all layers look at positions.
pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    load_with(w, c, |_| true)
}

/// Command R7B: only layers with a window look at positions.
pub(super) fn load_r7b(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    load_with(w, c, |span| span != Span::Full)
}

fn load_with(
    w: &mut Weights<'_>,
    c: &Config,
    turns: impl Fn(Span) -> bool,
) -> Result<Box<dyn Model>, LoadError> {
    let rope = load_rope(w, c)?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let (w, span) = (&mut w.block(layer), c.spans[layer]);
            let attn = Attention::without_norms(w, c, turns(span).then_some(rope), span)?;
            let q_norm = w.head_norms("attn_q_norm", [c.n_heads, c.head_dim], c.eps)?;
            let k_norm = w.head_norms("attn_k_norm", [c.n_kv_heads, c.head_dim], c.eps)?;
            Ok(Block {
                norm: w.layer_norm("attn_norm", c.dim, c.eps)?,
                attn: Attention { q_norm, k_norm, ..attn },
                mlp: Mlp::load(w, c.dim, c.hidden)?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.layer_norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    let logit_scale = Numbers::of(w.file).real("logit_scale", None, -1e6..=1e6)? as f32;
    Ok(Box::new(Cohere { embed, blocks, norm, head, logit_scale }))
}

impl Model for Cohere {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let mut x = p.embed(self.embed, 1.0);
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| block.forward(p, x));
        }
        let x = p.outputs(x);
        let x = p.norm(x, &self.norm);
        let x = p.linear(x, &Linear { w: self.head, bias: None });
        p.scale(x, self.logit_scale)
    }
}

impl Block {
    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.norm(x, &self.norm);
        let attn = self.attn.forward(p, h);
        let mlp = self.mlp.forward(p, h);
        let h = p.add(attn, mlp);
        p.add(x, h)
    }
}
