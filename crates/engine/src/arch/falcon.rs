//! Falcon: attention and a plain feed-forward block side by side, from one layer norm or two.
//!
//! Covers Falcon 7B, 40B, 180B and Falcon 2 11B; Falcon 3 is a `llama`.

use kernels::{Act, Linear, Norm, Plan, Tensor, Weight};

use super::{Config, Model};
use crate::{
    LoadError,
    layers::{Attention, load_rope},
    weights::Weights,
};

struct Falcon {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Weight,
}

struct Block {
    norm: Norm,
    /// Where attention has another norm than the feed-forward block.
    attn_norm: Option<Norm>,
    attn: Attention,
    up: Linear,
    down: Linear,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let rope = load_rope(w, c)?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let w = &mut w.block(layer);
            Ok(Block {
                norm: w.layer_norm("attn_norm", c.dim, c.eps)?,
                attn_norm: w.layer_norm_if("attn_norm_2", c.dim, c.eps)?,
                attn: Attention::without_norms(w, c, Some(rope), c.spans[layer])?,
                up: w.linear("ffn_up", [c.hidden, c.dim])?,
                down: w.linear("ffn_down", [c.dim, c.hidden])?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.layer_norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    Ok(Box::new(Falcon { embed, blocks, norm, head }))
}

impl Model for Falcon {
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
        let h = p.norm(x, &self.norm);
        let attn = match &self.attn_norm {
            Some(norm) => p.norm(x, norm),
            None => h,
        };
        let attn = self.attn.forward(p, attn);
        let h = p.linear(h, &self.up);
        let h = p.act(h, Act::Gelu);
        let mlp = p.linear(h, &self.down);
        let h = p.add(attn, mlp);
        p.add(x, h)
    }
}
