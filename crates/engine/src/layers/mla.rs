//! Multi-head latent attention (DeepSeek V2), absorbed: the cache holds a row's latent, from which
//! keys and values of all heads come, and its turned key, which all heads share.
//!
//! A head's query is brought into the space of latents, so that it is compared with them as they
//! are, and what it attends to is brought back into the space of its values:
//! `q (W_k c)^T = (q W_k) c^T`, `sum_t p_t W_v c_t = W_v sum_t p_t c_t`.

use kernels::{Attn, Cache, Linear, Norm, Plan, Rope, Span, Tensor, Weight};

use super::load_rope;
use crate::{
    LoadError,
    arch::{Config, Numbers},
    weights::Weights,
};

/// What layers have in common.
#[derive(Clone, Copy)]
pub(crate) struct Latents {
    n_heads: usize,
    /// Columns of a latent.
    rank: usize,
    /// Of latent queries, where queries come from such.
    q_rank: Option<usize>,
    /// Columns of a head that do not turn.
    nope: usize,
    v_dim: usize,
    scale: f32,
    rope: Rope,
}

pub(crate) struct Mla {
    of: Latents,
    q: Query,
    /// The latent, and the key that turns.
    kv: [Linear; 2],
    kv_norm: Norm,
    k_up: Weight,
    v_up: Weight,
    out: Linear,
    cache: Cache,
    attn: Attn,
}

enum Query {
    Direct(Linear),
    Latent(Box<LatentQuery>),
}

struct LatentQuery {
    down: Linear,
    norm: Norm,
    up: Linear,
}

impl Latents {
    pub(crate) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Self, LoadError> {
        let n = Numbers::of(w.file);
        let rank = n.count("attention.kv_lora_rank", 1..=1 << 16)?;
        let q_rank = n.count_or("attention.q_lora_rank", 0, 0..=1 << 16)?;
        // Older files have the columns of a head where newer ones have those of a latent.
        let least = c.turned as u64 + 1;
        let head_dim = n.count_or("attention.key_length_mla", c.head_dim, least..=1 << 16)?;
        let v_dim = n.count_or("attention.value_length_mla", c.v_dim, 1..=1 << 16)?;
        let longer = match n.text("rope.scaling.type")? {
            Some("yarn") => n.real("rope.scaling.factor", None, 1e-6..=1e6)?,
            _ => 1.0,
        };
        let growth = n.real("rope.scaling.yarn_log_multiplier", Some(0.0), -1e6..=1e6)?;
        let growth = 1.0 + growth * longer.max(1.0).ln();
        Ok(Self {
            n_heads: c.n_heads,
            rank,
            q_rank: (q_rank > 0).then_some(q_rank),
            nope: head_dim - c.turned,
            v_dim,
            scale: (growth * growth / (head_dim as f64).sqrt()) as f32,
            rope: Rope { head_dim: c.turned, ..load_rope(w, c)? },
        })
    }
}

impl Mla {
    pub(crate) fn load(
        w: &mut Weights<'_>,
        c: &Config,
        of: Latents,
        span: Span,
    ) -> Result<Self, LoadError> {
        let Latents { n_heads, rank, nope, v_dim, scale, rope, .. } = of;
        let key = rank + rope.turned;
        let (k_up, v_up) = match w.has("attn_kv_b.weight") {
            true => w.split_heads("attn_kv_b.weight", n_heads, [nope, v_dim, rank])?,
            false => (
                w.stack("attn_k_b.weight", &[n_heads, rank, nope])?,
                w.stack("attn_v_b.weight", &[n_heads, v_dim, rank])?,
            ),
        };
        Ok(Self {
            of,
            q: Query::load(w, c.dim, of, c.eps)?,
            kv: w.fused_there("attn_kv_a_mqa", [rank, rope.turned], c.dim)?,
            kv_norm: w.norm("attn_kv_a_norm", rank, c.eps)?,
            k_up,
            v_up,
            out: w.linear("attn_output", [c.dim, n_heads * v_dim])?,
            cache: w.cache(key, 0, span)?,
            attn: Attn { head_dim: key, v_dim: rank, scale, softcap: None, span, sinks: None },
        })
    }

    pub(crate) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let Latents { n_heads, nope, ref rope, .. } = self.of;
        let q = self.q.forward(p, x);
        let q_rope = p.part(q, n_heads, nope, rope.turned);
        let q = p.part(q, n_heads, 0, nope);
        let q = p.head_linear(q, self.k_up); // (tokens, n_heads * rank)
        let [latent, k_rope] = p.linears(x, self.kv.each_ref());
        let latent = p.norm(latent, &self.kv_norm);
        let q_rope = p.rope(q_rope, rope);
        let k_rope = p.rope(k_rope, rope);
        let (q, k) = (p.join(q, q_rope, n_heads), p.join(latent, k_rope, 1));
        p.store(self.cache, k, None); // the value is the latent, the first columns of the key
        let h = p.attend(q, self.cache, &self.attn);
        let h = p.head_linear(h, self.v_up); // (tokens, n_heads * v_dim)
        p.linear(h, &self.out)
    }
}

impl Query {
    fn load(w: &mut Weights<'_>, dim: usize, of: Latents, eps: f32) -> Result<Self, LoadError> {
        let cols = of.n_heads * (of.nope + of.rope.turned);
        let Some(rank) = of.q_rank else {
            return Ok(Self::Direct(w.linear("attn_q", [cols, dim])?));
        };
        Ok(Self::Latent(Box::new(LatentQuery {
            down: w.linear("attn_q_a", [rank, dim])?,
            norm: w.norm("attn_q_a_norm", rank, eps)?,
            up: w.linear("attn_q_b", [cols, rank])?,
        })))
    }

    fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        match self {
            Self::Direct(q) => p.linear(x, q),
            Self::Latent(q) => {
                let x = p.linear(x, &q.down);
                let x = p.norm(x, &q.norm);
                p.linear(x, &q.up)
            }
        }
    }
}
