//! Attention of Gemma 3n and 4: scores are not scaled, values have a norm, keys may serve as values,
//! and the last layers keep none of their own.

use kernels::{Attn, Cache, Linear, Norm, Plan, Rope, Span, Tensor};

use crate::{LoadError, arch::Config, weights::Weights};

pub(crate) struct SharingAttention {
    q: Linear,
    q_norm: Norm,
    /// None where those of an earlier layer are looked at.
    kv: Option<Kv>,
    out: Linear,
    rope: Rope,
    cache: Cache,
    attn: Attn,
}

/// What a layer keeps.
struct Kv {
    k: Linear,
    k_norm: Norm,
    /// None where keys, before their norm, are the values, too: only if they have as many columns.
    v: Option<Linear>,
    v_norm: Norm,
}

/// The caches of the last layers so far that have one, by how far back they see.
#[derive(Default)]
pub(crate) struct Caches {
    full: Option<Cache>,
    windowed: Option<Cache>,
}

impl Caches {
    fn of(&mut self, span: Span) -> &mut Option<Cache> {
        match span {
            Span::Full => &mut self.full,
            Span::Window(_) | Span::Chunk(_) => &mut self.windowed,
        }
    }
}

impl SharingAttention {
    pub(crate) fn load(
        w: &mut Weights<'_>,
        c: &Config,
        (layer, rope): (usize, Rope),
        caches: &mut Caches,
    ) -> Result<Self, LoadError> {
        let span = c.spans[layer];
        let has_cache = c.layers[layer].has_cache;
        let c = &c.of_layer(layer);
        let (head_dim, v_dim) = (c.head_dim, c.v_dim);
        let q_cols = c.n_heads * head_dim;
        let shared = caches.of(span);
        let kv = match (has_cache, *shared) {
            (false, Some(_)) => {
                w.leave(&["attn_k.weight", "attn_k_norm.weight", "attn_v.weight"]);
                None
            }
            _ => Some(Kv::load(w, c)?),
        };
        let cache = match (&kv, *shared) {
            (None, Some(cache)) => cache,
            _ => w.cache(c.n_kv_heads * head_dim, c.n_kv_heads * v_dim, span)?,
        };
        *shared = Some(cache);
        Ok(Self {
            q: w.linear("attn_q", [q_cols, c.dim])?,
            q_norm: w.norm("attn_q_norm", head_dim, c.eps)?,
            kv,
            out: w.linear("attn_output", [c.dim, c.n_heads * v_dim])?,
            rope,
            cache,
            attn: Attn { head_dim, v_dim, scale: 1.0, softcap: None, span, sinks: None },
        })
    }

    pub(crate) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let q = p.linear(x, &self.q);
        let q = p.norm(q, &self.q_norm);
        let q = p.rope(q, &self.rope);
        if let Some(kv) = &self.kv {
            kv.store(p, x, (self.cache, &self.rope));
        }
        let h = p.attend(q, self.cache, &self.attn);
        p.linear(h, &self.out)
    }
}

impl Kv {
    fn load(w: &mut Weights<'_>, c: &Config) -> Result<Self, LoadError> {
        let (k_cols, v_cols) = (c.n_kv_heads * c.head_dim, c.n_kv_heads * c.v_dim);
        let v = match k_cols == v_cols {
            true => w.linear_if("attn_v", [v_cols, c.dim])?,
            false => Some(w.linear("attn_v", [v_cols, c.dim])?),
        };
        Ok(Self {
            k: w.linear("attn_k", [k_cols, c.dim])?,
            k_norm: w.norm("attn_k_norm", c.head_dim, c.eps)?,
            v,
            v_norm: Norm::rms(c.v_dim, None, c.eps),
        })
    }

    fn store(&self, p: &mut Plan, x: Tensor, (cache, rope): (Cache, &Rope)) {
        let k = p.linear(x, &self.k);
        let v = self.v.as_ref().map_or(k, |v| p.linear(x, v));
        let k = p.norm(k, &self.k_norm);
        let k = p.rope(k, rope);
        let v = p.norm(v, &self.v_norm);
        p.store(cache, k, Some(v));
    }
}
