//! StableLM 2: a llama with layer norms, whose heads turn in part.
//!
//! Where a layer has no norm of its own for the feed-forward block (12B), that stands beside
//! attention and reads the same rows.

use kernels::{Linear, Norm, Plan, Tensor, Weight};

use super::{Config, Model};
use crate::{
    LoadError,
    layers::{Attention, Mlp, load_rope},
    weights::Weights,
};

struct StableLm {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Weight,
}

struct Block {
    attn_norm: Norm,
    attn: Attention,
    mlp_norm: Option<Norm>,
    mlp: Mlp,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let rope = load_rope(w, c)?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let w = &mut w.block(layer);
            let attn = Attention::without_norms(w, c, Some(rope), c.spans[layer])?;
            let q_norm = w.head_norms("attn_q_norm", [c.n_heads, c.head_dim], c.eps)?;
            let k_norm = w.head_norms("attn_k_norm", [c.n_kv_heads, c.head_dim], c.eps)?;
            Ok(Block {
                attn_norm: w.layer_norm("attn_norm", c.dim, c.eps)?,
                attn: Attention { q_norm, k_norm, ..attn },
                mlp_norm: w.layer_norm_if("ffn_norm", c.dim, c.eps)?,
                mlp: Mlp::load(w, c.dim, c.hidden)?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.layer_norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    Ok(Box::new(StableLm { embed, blocks, norm, head }))
}

impl Model for StableLm {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let mut x = p.embed(self.embed, 1.0);
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| block.forward(p, x));
        }
        let x = p.outputs(x);
        let x = p.norm(x, &self.norm);
        p.linear(x, &Linear { w: self.head, bias: None })
    }
}

impl Block {
    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.norm(x, &self.attn_norm);
        let attn = self.attn.forward(p, h);
        let Some(norm) = &self.mlp_norm else {
            let mlp = self.mlp.forward(p, h);
            let h = p.add(attn, mlp);
            return p.add(x, h);
        };
        let x = p.add(x, attn);
        let h = p.norm(x, norm);
        let h = self.mlp.forward(p, h);
        p.add(x, h)
    }
}
