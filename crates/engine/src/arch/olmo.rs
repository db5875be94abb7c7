//! OLMo 2 and 3: norms after attention and after the feed-forward block, and of all queries and
//! keys of a row together.
//!
//! OLMo 3 has windows, and scales the positions of the layers without one alone. Newer converters
//! write down the base of the others, too.

use kernels::{Linear, Norm, Plan, Span, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Attention, Mlp, load_plain_rope, load_rope},
    weights::Weights,
};

struct Olmo {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Weight,
}

struct Block {
    attn: Attention,
    attn_norm: Norm,
    mlp: Mlp,
    mlp_norm: Norm,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let own = "rope.freq_base_swa";
    let base = if Numbers::of(w.file).has(own) { own } else { "rope.freq_base" };
    let (scaled, plain) = (load_rope(w, c)?, load_plain_rope(w, c, base)?);
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let (w, span) = (&mut w.block(layer), c.spans[layer]);
            let rope = if span == Span::Full { scaled } else { plain };
            let attn = Attention::without_norms(w, c, Some(rope), span)?;
            let q_norm = Some(w.norm("attn_q_norm", c.n_heads * c.head_dim, c.eps)?);
            let k_norm = Some(w.norm("attn_k_norm", c.n_kv_heads * c.head_dim, c.eps)?);
            Ok(Block {
                attn: Attention { q_norm, k_norm, ..attn },
                attn_norm: w.norm("post_attention_norm", c.dim, c.eps)?,
                mlp: Mlp::load(w, c.dim, c.hidden)?,
                mlp_norm: w.norm("post_ffw_norm", c.dim, c.eps)?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    Ok(Box::new(Olmo { embed, blocks, norm, head }))
}

impl Model for Olmo {
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
        let h = self.attn.forward(p, x);
        let h = p.norm(h, &self.attn_norm);
        let x = p.add(x, h);
        let h = self.mlp.forward(p, x);
        let h = p.norm(h, &self.mlp_norm);
        p.add(x, h)
    }
}
