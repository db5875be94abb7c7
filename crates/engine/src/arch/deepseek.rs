//! DeepSeek V2, V3 and R1: pre-norm blocks, latent attention, experts after some dense layers.
//!
//! The layers that predict further tokens (`nextn`) are not run.

use kernels::{Linear, Norm, Plan, Tensor, Weight};

use super::{Config, Model};
use crate::{
    LoadError,
    layers::{FeedForward, Latents, Mla},
    weights::Weights,
};

struct Deepseek {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

struct Block {
    attn_norm: Norm,
    attn: Mla,
    mlp_norm: Norm,
    mlp: FeedForward,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let latents = Latents::load(w, c)?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let w = &mut w.block(layer);
            Ok(Block {
                attn_norm: w.norm("attn_norm", c.dim, c.eps)?,
                attn: Mla::load(w, c, latents, c.spans[layer])?,
                mlp_norm: w.norm("ffn_norm", c.dim, c.eps)?,
                mlp: FeedForward::load(w, c)?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    Ok(Box::new(Deepseek { embed, blocks, norm, head: Linear { w: head, bias: None } }))
}

impl Model for Deepseek {
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
        let h = self.attn.forward(p, h);
        let x = p.add(x, h);
        let h = p.norm(x, &self.mlp_norm);
        let h = self.mlp.forward(p, h);
        p.add(x, h)
    }
}
