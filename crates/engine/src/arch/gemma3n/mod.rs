//! Gemma 3n: several streams of rows side by side, of which each layer computes one and the others
//! follow (`altup`), beside it a path of low rank (`laurel`), feed-forward blocks that are sparse in
//! the first layers (`mlp`), and an embedding of the token for each layer.

mod altup;
mod laurel;
mod mlp;

use kernels::{Linear, Norm, Plan, Rope, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Caches, Ropes, SharingAttention, TokenInput, TokenInputs},
    weights::Weights,
};
use altup::Streams;
use laurel::Laurel;
use mlp::SparseMlp;

/// Keeps a stream that is nearly zero from being made as large as the first.
const EPS: f32 = 1e-5;

struct Gemma3n {
    embed: Weight,
    inputs: TokenInputs,
    /// Of the streams but the first: from the first, and back.
    apart: Vec<Linear>,
    together: Vec<Linear>,
    blocks: Vec<Block>,
    norm: Norm,
    softcap: Option<f32>,
}

struct Block {
    streams: Streams,
    attn_norm: Norm,
    laurel: Laurel,
    attn: SharingAttention,
    post_attn_norm: Norm,
    mlp_norm: Norm,
    mlp: SparseMlp,
    post_mlp_norm: Norm,
    /// Multiplies the columns of the stream that the token's input is made of.
    scale: Weight,
    input: TokenInput,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let n = Numbers::of(w.file);
    let cols = n.count("embedding_length_per_layer_input", 1..=1 << 16)?;
    let n_streams = n.count("altup.num_inputs", 2..=16)?;
    let ropes = Ropes::load(w, c)?;
    let mut caches = Caches::default();
    let shape = [n_streams - 1, c.dim, c.dim];
    Ok(Box::new(Gemma3n {
        embed: w.matrix("token_embd", [c.vocab, c.dim])?,
        inputs: TokenInputs::load(w, c, cols)?,
        apart: w.stacked("altup_proj", shape)?,
        together: w.stacked("altup_unembd_proj", shape)?,
        blocks: (0..c.n_layers)
            .map(|layer| {
                let rope = ropes.of(c.spans[layer]);
                Block::load(&mut w.block(layer), c, (layer, rope), (n_streams, &mut caches))
            })
            .collect::<Result<_, LoadError>>()?,
        norm: w.norm("output_norm", c.dim, c.eps)?,
        softcap: n.cap("final_logit_softcapping")?,
    }))
}

impl Block {
    fn load(
        w: &mut Weights<'_>,
        c: &Config,
        (layer, rope): (usize, Rope),
        (n_streams, caches): (usize, &mut Caches),
    ) -> Result<Self, LoadError> {
        let n = Numbers::of(w.file);
        let cols = n.count("embedding_length_per_layer_input", 1..=1 << 16)?;
        Ok(Self {
            streams: Streams::load(w, c, n_streams)?,
            attn_norm: w.norm("attn_norm", c.dim, c.eps)?,
            laurel: Laurel::load(w, c)?,
            attn: SharingAttention::load(w, c, (layer, rope), caches)?,
            post_attn_norm: w.norm("post_attention_norm", c.dim, c.eps)?,
            mlp_norm: w.norm("ffn_norm", c.dim, c.eps)?,
            mlp: SparseMlp::load(w, c, layer)?,
            post_mlp_norm: w.norm("post_ffw_norm", c.dim, c.eps)?,
            scale: w.matrix("altup_correct_scale", [1, c.dim])?,
            input: TokenInput::load(w, c, cols)?,
        })
    }

    /// `x`: all streams; `input`: what this layer gets of the token.
    fn forward(&self, p: &mut Plan, x: Tensor, input: Tensor) -> Tensor {
        let streams = &self.streams;
        let predicted = streams.predict(p, x);
        let x = streams.active(p, predicted);
        let h = p.norm(x, &self.attn_norm);
        let laurel = self.laurel.forward(p, h);
        let h = self.attn.forward(p, h);
        let h = p.norm(h, &self.post_attn_norm);
        let h = p.add(x, h);
        let h = p.add(h, laurel);
        let y = p.scale(h, 0.5f32.sqrt());
        let h = p.norm(y, &self.mlp_norm);
        let h = self.mlp.forward(p, h);
        let h = p.norm(h, &self.post_mlp_norm);
        let y = p.add(y, h);
        let corrected = streams.correct(p, predicted, y);
        let first = streams.active(p, corrected);
        let first = p.weigh(first, self.scale);
        let h = self.input.forward(p, first, input);
        streams.add_to_others(p, corrected, h)
    }
}

impl Model for Gemma3n {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let first = p.embed(self.embed, (self.embed.cols as f32).sqrt());
        let inputs = self.inputs.forward(p, first);
        let mut x = first;
        for proj in &self.apart {
            let h = p.linear(first, proj);
            let h = p.rescale(h, first, EPS);
            x = p.join(x, h, 1);
        }
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| {
                let input = p.part(inputs, 1, i * self.inputs.cols, self.inputs.cols);
                block.forward(p, x, input)
            });
        }
        let x = p.outputs(x);
        let first = p.part(x, 1, 0, first.cols);
        let mut sum = first;
        for (i, proj) in self.together.iter().enumerate() {
            let h = p.part(x, 1, (i + 1) * first.cols, first.cols);
            let h = p.linear(h, proj);
            let h = p.rescale(h, first, EPS);
            sum = p.add(sum, h);
        }
        let x = p.scale(sum, (self.together.len() as f32 + 1.0).recip());
        let x = p.norm(x, &self.norm);
        let x = p.linear(x, &Linear { w: self.embed, bias: None });
        p.softcap_if(x, self.softcap)
    }
}
