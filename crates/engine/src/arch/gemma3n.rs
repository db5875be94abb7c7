//! Gemma 3n: several streams of rows side by side, of which each layer computes one and the others
//! follow (alternating updates, Baykal et al., 2023), beside it a path of low rank (LAuReL), and an
//! embedding of the token for each layer.

use kernels::{Act, Linear, Norm, Plan, Rope, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Caches, Ropes, SharingAttention, TokenInput, TokenInputs},
    weights::Weights,
};

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
    mlp: Mlp,
    post_mlp_norm: Norm,
    /// Multiplies the columns of the stream that the token's input is made of.
    scale: Weight,
    input: TokenInput,
}

/// How the streams follow the one that is computed.
struct Streams {
    n: usize,
    active: usize,
    router_norm: Norm,
    router: Linear,
    predict: Linear,
    correct: Linear,
}

struct Laurel {
    left: Linear,
    right: Linear,
    norm: Norm,
}

struct Mlp {
    gate: Linear,
    up: Linear,
    down: Linear,
    /// Standard deviations above the mean that a gate has to reach.
    least: Option<f32>,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let n = Numbers::of(w.file);
    let softcap = n.real("final_logit_softcapping", Some(0.0), 0.0..=1e6)? as f32;
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
        softcap: (softcap > 0.0).then_some(softcap),
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
            mlp: Mlp::load(w, c, layer)?,
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

impl Streams {
    fn load(w: &mut Weights<'_>, c: &Config, n: usize) -> Result<Self, LoadError> {
        let active = Numbers::of(w.file).count_or("altup.active_idx", 0, 0..=n as u64 - 1)?;
        let correct = w.linear("altup_correct_coef", [n, n])?;
        // The stream that was computed moves every other at least as far as itself.
        let bias = Some(w.computed(&vec![1.0; n])?);
        Ok(Self {
            n,
            active,
            router_norm: w.norm("altup_router_norm", c.dim, c.eps)?,
            router: w.linear("altup_router", [n, c.dim])?,
            predict: w.linear("altup_predict_coef", [n * n, n])?,
            correct: Linear { bias, ..correct },
        })
    }

    fn active(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let dim = x.cols / self.n;
        p.part(x, 1, self.active * dim, dim)
    }

    fn route(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.norm(x, &self.router_norm);
        let h = p.scale(h, (x.cols as f32).recip());
        let h = p.linear(h, &self.router);
        p.act(h, Act::Tanh)
    }

    fn predict(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let active = self.active(p, x);
        let h = self.route(p, active);
        let c = p.linear(h, &self.predict);
        let h = p.mix(c, x, self.n);
        p.add(h, x)
    }

    /// The streams as they were predicted, moved by how far off that was of the computed one.
    fn correct(&self, p: &mut Plan, predicted: Tensor, computed: Tensor) -> Tensor {
        let h = self.route(p, computed);
        let c = p.linear(h, &self.correct);
        let active = self.active(p, predicted);
        let minus = p.scale(active, -1.0);
        let off = p.add(computed, minus);
        let h = p.mix(c, off, 1);
        p.add(h, predicted)
    }

    /// `h` is added to all streams but the first.
    fn add_to_others(&self, p: &mut Plan, x: Tensor, h: Tensor) -> Tensor {
        let dim = x.cols / self.n;
        let first = p.part(x, 1, 0, dim);
        let others = p.part(x, 1, dim, x.cols - dim);
        let all = (2..self.n).fold(h, |all, _| p.join(all, h, 1));
        let others = p.add(others, all);
        p.join(first, others, 1)
    }
}

impl Laurel {
    fn load(w: &mut Weights<'_>, c: &Config) -> Result<Self, LoadError> {
        let rank = w.rows_of("laurel_l.weight").unwrap_or(1);
        Ok(Self {
            left: w.linear("laurel_l", [rank, c.dim])?,
            right: w.linear("laurel_r", [c.dim, rank])?,
            norm: w.norm("laurel_post_norm", c.dim, c.eps)?,
        })
    }

    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.linear(x, &self.left);
        let h = p.linear(h, &self.right);
        let h = p.norm(h, &self.norm);
        p.add(x, h)
    }
}

impl Mlp {
    fn load(w: &mut Weights<'_>, c: &Config, layer: usize) -> Result<Self, LoadError> {
        let hidden = c.layers[layer].hidden;
        let n = Numbers::of(w.file);
        let least = n.metadata.f32s(&n.key("activation_sparsity_scale"))?;
        let least = least.and_then(|it| it.get(layer).copied()).filter(|it| it.is_finite());
        Ok(Self {
            gate: w.linear("ffn_gate", [hidden, c.dim])?,
            up: w.linear("ffn_up", [hidden, c.dim])?,
            down: w.linear("ffn_down", [c.dim, hidden])?,
            least,
        })
    }

    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let [gate, up] = p.linears(x, [&self.gate, &self.up]);
        let gate = self.least.map_or(gate, |z| p.sparsify(gate, z));
        let h = p.glu(gate, up, Act::GeluTanh);
        p.linear(h, &self.down)
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
