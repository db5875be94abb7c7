//! Gemma 1, 2 and 3: scaled embeddings and, from 2 on, norms before and after each part of a block,
//! windows in most layers, and caps or norms that keep scores small.
//!
//! In Gemma 3 layers with a window have rotary positions of their own. Files hold the `1 + w` that
//! its norms multiply with.

use kernels::{Act, Attn, Linear, Norm, Plan, Rope, Span, Tensor, Weight};

use super::{Config, Model, Numbers};
use crate::{
    LoadError,
    layers::{Attention, Mlp, load_plain_rope, load_rope},
    weights::Weights,
};

/// What Gemma 2 and 3 read of the keys that others do not compute.
pub(super) const READS: &[&str] =
    &["attention.scale", "attn_logit_softcapping", "final_logit_softcapping"];

struct Gemma {
    embed: Weight,
    embed_scale: f32,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
    cap: Option<f32>,
}

struct Block {
    attn_norm: Norm,
    attn: Attention,
    attn_post_norm: Option<Norm>,
    mlp_norm: Norm,
    mlp: Mlp,
    mlp_post_norm: Option<Norm>,
}

/// Gemma 1 and 2.
pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let rope = load_rope(w, c)?;
    build(w, c, |_| rope)
}

/// Gemma 3.
pub(super) fn load_3(w: &mut Weights<'_>, c: &Config) -> Result<Box<dyn Model>, LoadError> {
    let (full, windowed) = (load_rope(w, c)?, load_plain_rope(w, c, "rope.freq_base_swa")?);
    build(w, c, |span| if span == Span::Full { full } else { windowed })
}

fn build(
    w: &mut Weights<'_>,
    c: &Config,
    rope: impl Fn(Span) -> Rope,
) -> Result<Box<dyn Model>, LoadError> {
    let scale = scale(w, c)?;
    let n = Numbers::of(w.file);
    let softcap = n.cap("attn_logit_softcapping")?;
    let cap = n.cap("final_logit_softcapping")?;
    let embed = w.matrix("token_embd", [c.vocab, c.dim])?;
    let blocks = (0..c.n_layers)
        .map(|layer| {
            let (w, span) = (&mut w.block(layer), c.spans[layer]);
            let attn = Attention::load(w, c, Some(rope(span)), span)?;
            let attn = Attention { attn: Attn { scale, softcap, ..attn.attn }, ..attn };
            Ok(Block {
                attn_norm: w.norm("attn_norm", c.dim, c.eps)?,
                attn,
                attn_post_norm: w.norm_if("post_attention_norm", c.dim, c.eps)?,
                mlp_norm: w.norm("ffn_norm", c.dim, c.eps)?,
                mlp: Mlp::with(w, [c.dim, c.hidden], Act::GeluTanh)?,
                mlp_post_norm: w.norm_if("post_ffw_norm", c.dim, c.eps)?,
            })
        })
        .collect::<Result<_, LoadError>>()?;
    let norm = w.norm("output_norm", c.dim, c.eps)?;
    let head = w.optional("output.weight", [c.vocab, c.dim])?.unwrap_or(embed); // tied when absent
    let head = Linear { w: head, bias: None };
    Ok(Box::new(Gemma { embed, embed_scale: (c.dim as f32).sqrt(), blocks, norm, head, cap }))
}

/// What scores are multiplied with. GGUF files do not say it: that of the 27B models, which is not
/// that of their heads' width, comes from the catalogue.
fn scale(w: &Weights<'_>, c: &Config) -> Result<f32, LoadError> {
    let stated = Numbers::of(w.file).real("attention.scale", Some(0.0), 0.0..=1e6)? as f32;
    Ok(if stated == 0.0 { (c.head_dim as f32).sqrt().recip() } else { stated })
}

impl Model for Gemma {
    fn forward(&self, p: &mut Plan) -> Tensor {
        let mut x = p.embed(self.embed, self.embed_scale);
        for (i, block) in self.blocks.iter().enumerate() {
            x = p.layer(i, |p| block.forward(p, x));
        }
        let x = p.outputs(x);
        let x = p.norm(x, &self.norm);
        let x = p.linear(x, &self.head);
        p.softcap_if(x, self.cap)
    }
}

impl Block {
    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.norm(x, &self.attn_norm);
        let h = self.attn.forward(p, h);
        let h = p.norm_if(h, &self.attn_post_norm);
        let x = p.add(x, h);
        let h = p.norm(x, &self.mlp_norm);
        let h = self.mlp.forward(p, h);
        let h = p.norm_if(h, &self.mlp_post_norm);
        p.add(x, h)
    }
}
