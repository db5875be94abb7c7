//! gpt-oss: pre-norm blocks, attention with sinks and biases, every second layer with a window,
//! experts with biases and a clamped activation.

use kernels::{Act, Linear, Norm, Plan, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Attention, Mixture, Ramp, load_rope_with},
    weights::Weights,
};

struct GptOss {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
}

struct Block {
    attn_norm: Norm,
    attn: Attention,
    mlp_norm: Norm,
    mlp: Mixture,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let rope = load_rope_with(w, c, Ramp::Exact)?;
    let n = Numbers::of(w.file);
    // GGUF has neither; these are those of all releases.
    let alpha = n.real("expert_swiglu_alpha", Some(1.702), 0.0..=1e6)? as f32;
    let limit = n.real("expert_swiglu_limit", Some(7.0), 0.0..=1e6)? as f32;
    let act = Act::ClampedSilu { alpha, limit };
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let w = &mut w.block(layer);
            Ok(Block {
                attn_norm: w.norm("attn_norm", c.dim, c.eps)?,
                attn: Attention::without_norms(w, c, Some(rope), c.spans[layer])?,
                mlp_norm: w.norm("post_attention_norm", c.dim, c.eps)?,
                mlp: Mixture::load(w, c, act)?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    Ok(Box::new(GptOss { embed, blocks, norm, head: Linear { w: head, bias: None } }))
}

impl Model for GptOss {
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
