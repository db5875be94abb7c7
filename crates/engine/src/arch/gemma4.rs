//! Gemma 4: norms before and after each part of a block, of queries, keys and values, and layers
//! that look at the keys and values of an earlier one.
//!
//! The small ones (E2B, E4B) give each layer an embedding of the token of its own; in the one with
//! experts these stand beside the feed-forward part and look at what it looks at.

use kernels::{Act, Linear, Norm, Plan, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Caches, Mixture, Mlp, Ropes, SharingAttention, TokenInput, TokenInputs},
    weights::Weights,
};

pub(super) const READS: &[&str] =
    &["attention.shared_kv_layers", "expert_count", "final_logit_softcapping"];

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
    experts: Option<Box<Experts>>,
    post_mlp_norm: Norm,
    input: Option<TokenInput>,
    /// Multiplies the rows at the end.
    scale: f32,
}

/// A mixture beside the feed-forward part; what both give is normalised before it is added.
struct Experts {
    router_norm: Norm,
    norm: Norm,
    mixture: Mixture,
    post_norm: Norm,
    post_mlp_norm: Norm,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let n = Numbers::of(w.file);
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
        softcap: n.cap("final_logit_softcapping")?,
    }))
}

impl Block {
    fn load(
        w: &mut Weights<'_>,
        c: &Config,
        (layer, cols): (usize, usize),
        (ropes, caches): (&Ropes, &mut Caches),
    ) -> Result<Self, LoadError> {
        let rope = ropes.of(c.spans[layer]);
        Ok(Self {
            attn_norm: w.norm("attn_norm", c.dim, c.eps)?,
            attn: SharingAttention::load(w, c, (layer, rope), caches)?,
            post_attn_norm: w.norm("post_attention_norm", c.dim, c.eps)?,
            mlp_norm: w.norm("ffn_norm", c.dim, c.eps)?,
            mlp: Mlp { act: Act::GeluTanh, ..Mlp::load(w, c.dim, c.layers[layer].hidden)? },
            experts: Experts::load(w, c)?.map(Box::new),
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
        let mut h = self.mlp.forward(p, h);
        if let Some(experts) = &self.experts {
            h = experts.forward(p, x, h);
        }
        let h = p.norm(h, &self.post_mlp_norm);
        let mut x = p.add(x, h);
        if let (Some(it), Some(input)) = (&self.input, input) {
            let h = it.forward(p, x, input);
            x = p.add(x, h);
        }
        p.scale(x, self.scale)
    }
}

impl Experts {
    /// `None` in a layer without a router.
    fn load(w: &mut Weights<'_>, c: &Config) -> Result<Option<Self>, LoadError> {
        let Some(mut scale) = w.numbers("ffn_gate_inp.scale", c.dim)? else { return Ok(None) };
        scale.iter_mut().for_each(|it| *it /= (c.dim as f32).sqrt());
        let scale = w.computed(&scale)?;
        Ok(Some(Self {
            router_norm: Norm::rms(c.dim, Some(scale), c.eps),
            norm: w.norm("pre_ffw_norm_2", c.dim, c.eps)?,
            mixture: Mixture::load(w, c, Act::GeluTanh)?,
            post_norm: w.norm("post_ffw_norm_2", c.dim, c.eps)?,
            post_mlp_norm: w.norm("post_ffw_norm_1", c.dim, c.eps)?,
        }))
    }

    /// `h` is what the feed-forward part made of `x`.
    fn forward(&self, p: &mut Plan, x: Tensor, h: Tensor) -> Tensor {
        let h = p.norm(h, &self.post_mlp_norm);
        let scored = p.norm(x, &self.router_norm);
        let y = p.norm(x, &self.norm);
        let y = self.mixture.forward_scored(p, y, scored);
        let y = p.norm(y, &self.post_norm);
        p.add(h, y)
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
