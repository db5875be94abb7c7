//! Falcon H1: attention and a Mamba-2 mixer side by side in every layer, from one norm.
//!
//! Numbers between the parts are multiplied with constants; GGUF has them in the weights, and a
//! file that does not has keys for them.

use kernels::{Act, Linear, Norm, Plan, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Attention, Mamba, Multipliers, load_rope, scaled},
    weights::Weights,
};

/// Keys of the multipliers that other architectures have, too.
pub(super) const READS: &[&str] = &["embedding_scale", "logit_scale"];

struct FalconH1 {
    embed: Weight,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
    scales: Scales,
}

struct Block {
    norm: Norm,
    attn: Attention,
    mamba: Mamba,
    mlp_norm: Norm,
    gate: Linear,
    up: Linear,
    down: Linear,
    scales: Scales,
}

/// What the parts' numbers are multiplied with.
#[derive(Clone, Copy)]
struct Scales {
    embed: f32,
    logits: f32,
    attn_in: f32,
    attn_key: f32,
    attn_out: f32,
    mamba_in: f32,
    mamba_parts: Multipliers,
    mamba_out: f32,
    mlp_gate: f32,
    mlp_down: f32,
}

pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let scales = Scales::read(&Numbers::of(w.file))?;
    let rope = load_rope(w, c)?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let w = &mut w.block(layer);
            let mut attn = Attention::without_norms(w, c, Some(rope), c.spans[layer])?;
            // Rotary positions turn scaled keys as they turn keys.
            attn.attn.scale *= scales.attn_key;
            Ok(Block {
                norm: w.norm("attn_norm", c.dim, c.eps)?,
                attn,
                mamba: Mamba::load(w, c, scales.mamba_parts)?,
                mlp_norm: mlp_norm(w, c)?,
                gate: w.linear("ffn_gate", [c.hidden, c.dim])?,
                up: w.linear("ffn_up", [c.hidden, c.dim])?,
                down: w.linear("ffn_down", [c.dim, c.hidden])?,
                scales,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    let head = Linear { w: head, bias: None };
    Ok(Box::new(FalconH1 { embed, blocks, norm, head, scales }))
}

/// GGUF leaves out the end of this name.
fn mlp_norm(w: &mut Weights<'_>, c: &Config) -> Result<Norm, LoadError> {
    match w.optional("ffn_norm", [1, c.dim])? {
        Some(weight) => Ok(Norm::rms(c.dim, Some(weight), c.eps)),
        None => w.norm("ffn_norm", c.dim, c.eps),
    }
}

impl Scales {
    fn read(n: &Numbers<'_>) -> Result<Self, LoadError> {
        let scale = |key| Ok::<_, LoadError>(n.real(key, Some(1.0), -1e6..=1e6)? as f32);
        Ok(Self {
            embed: scale("embedding_scale")?,
            logits: scale("logit_scale")?,
            attn_in: scale("attention.input_scale")?,
            attn_key: scale("attention.key_scale")?,
            attn_out: scale("attention.output_scale")?,
            mamba_in: scale("ssm.input_scale")?,
            mamba_parts: Multipliers {
                gate: scale("ssm.gate_scale")?,
                x: scale("ssm.x_scale")?,
                b: scale("ssm.b_scale")?,
                c: scale("ssm.c_scale")?,
                dt: scale("ssm.dt_scale")?,
            },
            mamba_out: scale("ssm.output_scale")?,
            mlp_gate: scale("feed_forward.gate_scale")?,
            mlp_down: scale("feed_forward.down_scale")?,
        })
    }
}

impl Model for FalconH1 {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let mut x = p.embed(self.embed, self.scales.embed);
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| block.forward(p, x));
        }
        let x = p.outputs(x);
        let x = p.norm(x, &self.norm);
        let x = p.linear(x, &self.head);
        scaled(p, x, self.scales.logits)
    }
}

impl Block {
    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let s = &self.scales;
        let h = p.norm(x, &self.norm);
        let mamba = scaled(p, h, s.mamba_in);
        let mamba = self.mamba.forward(p, mamba);
        let mamba = scaled(p, mamba, s.mamba_out);
        let attn = scaled(p, h, s.attn_in);
        let attn = self.attn.forward(p, attn);
        let attn = scaled(p, attn, s.attn_out);
        let h = p.add(mamba, attn);
        let x = p.add(x, h);
        let h = p.norm(x, &self.mlp_norm);
        let h = self.gated(p, h);
        let h = p.linear(h, &self.down);
        let h = scaled(p, h, s.mlp_down);
        p.add(x, h)
    }

    fn gated(&self, p: &mut Plan, x: Tensor) -> Tensor {
        if self.scales.mlp_gate == 1.0 {
            return p.gated(x, &self.gate, &self.up, Act::Silu);
        }
        let [gate, up] = p.linears(x, [&self.gate, &self.up]);
        let gate = p.scale(gate, self.scales.mlp_gate);
        p.glu(gate, up, Act::Silu)
    }
}
