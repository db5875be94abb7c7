//! Gemma 4: norms before and after each part of a block, of queries, keys and values, and layers
//! that look at the keys and values of an earlier one.
//!
//! The small ones (E2B, E4B) give each layer an embedding of the token of its own.

use kernels::{Act, Linear, Norm, Plan, Rope, Span, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Caches, Mlp, SharingAttention, TokenInput, TokenInputs, load_plain_rope, load_rope},
    weights::Weights,
};

struct Gemma4 {
    embed: Weight,
    inputs: Option<TokenInputs>,
    blocks: Vec<Block>,
    norm: Norm,
    softcap: Option<f32>,
}

struct Block {
    attn_norm: Norm,
    attn: SharingAttention,
    post_attn_norm: Norm,
    mlp_norm: Norm,
    mlp: Mlp,
    post_mlp_norm: Norm,
    input: Option<TokenInput>,
    /// Multiplies the rows at the end.
    scale: f32,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let n = Numbers::of(w.file);
    let softcap = n.real("final_logit_softcapping", Some(0.0), 0.0..=1e6)? as f32;
    let cols = n.count_or("embedding_length_per_layer_input", 0, 0..=1 << 16)?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let ropes = Ropes::load(w, c)?;
    let mut caches = Caches::default();
    let blocks = (0..c.n_layers)
        .map(|layer| Block::load(&mut w.block(layer), c, (layer, cols), (&ropes, &mut caches)))
        .collect::<Result<_, LoadError>>()?;
    Ok(Box::new(Gemma4 {
        embed,
        inputs: (cols > 0).then(|| TokenInputs::load(w, c, cols)).transpose()?,
        blocks,
        norm: w.norm("output_norm", c.dim, c.eps)?,
        softcap: (softcap > 0.0).then_some(softcap),
    }))
}

/// Of the layers that see everything, and of those with a window.
struct Ropes {
    full: Rope,
    windowed: Rope,
}

impl Ropes {
    fn load(w: &mut Weights<'_>, c: &Config) -> Result<Self, LoadError> {
        let layer_of = |full: bool| c.spans.iter().position(|it| (*it == Span::Full) == full);
        let of = |full: bool| c.of_layer(layer_of(full).unwrap_or(0));
        Ok(Self {
            full: load_rope(w, &of(true))?,
            windowed: load_plain_rope(w, &of(false), "rope.freq_base_swa")?,
        })
    }
}

impl Block {
    fn load(
        w: &mut Weights<'_>,
        c: &Config,
        (layer, cols): (usize, usize),
        (ropes, caches): (&Ropes, &mut Caches),
    ) -> Result<Self, LoadError> {
        let rope = if c.spans[layer] == Span::Full { ropes.full } else { ropes.windowed };
        Ok(Self {
            attn_norm: w.norm("attn_norm", c.dim, c.eps)?,
            attn: SharingAttention::load(w, c, (layer, rope), caches)?,
            post_attn_norm: w.norm("post_attention_norm", c.dim, c.eps)?,
            mlp_norm: w.norm("ffn_norm", c.dim, c.eps)?,
            mlp: Mlp { act: Act::GeluTanh, ..Mlp::load(w, c.dim, c.layers[layer].hidden)? },
            post_mlp_norm: w.norm("post_ffw_norm", c.dim, c.eps)?,
            input: (cols > 0).then(|| TokenInput::load(w, c, cols)).transpose()?,
            scale: w.numbers("layer_output_scale.weight", 1)?.map_or(1.0, |it| it[0]),
        })
    }

    /// `input` is what this layer gets of the token, where there is such a thing.
    fn forward(&self, p: &mut Plan, x: Tensor, input: Option<Tensor>) -> Tensor {
        let h = p.norm(x, &self.attn_norm);
        let h = self.attn.forward(p, h);
        let h = p.norm(h, &self.post_attn_norm);
        let x = p.add(x, h);
        let h = p.norm(x, &self.mlp_norm);
        let h = self.mlp.forward(p, h);
        let h = p.norm(h, &self.post_mlp_norm);
        let mut x = p.add(x, h);
        if let (Some(it), Some(input)) = (&self.input, input) {
            let h = it.forward(p, x, input);
            x = p.add(x, h);
        }
        p.scale(x, self.scale)
    }
}

impl Model for Gemma4 {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let mut x = p.embed(self.embed, (self.embed.cols as f32).sqrt());
        let inputs = self.inputs.as_ref().map(|it| (it.forward(p, x), it.cols));
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| {
                let input = inputs.map(|(all, cols)| p.part(all, 1, i * cols, cols));
                block.forward(p, x, input)
            });
        }
        let x = p.outputs(x);
        let x = p.norm(x, &self.norm);
        let x = p.linear(x, &Linear { w: self.embed, bias: None });
        p.softcap_if(x, self.softcap)
    }
}
