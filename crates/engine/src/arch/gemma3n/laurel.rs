//! LAuReL, the learned augmented residual layer (Menghani et al., 2024), of its low-rank kind:
//! `x + norm(right(left(x)))`.

use kernels::{Linear, Norm, Plan, Tensor};

use crate::{LoadError, arch::Config, weights::Weights};

/// The path beside attention.
pub(super) struct Laurel {
    left: Linear,
    right: Linear,
    norm: Norm,
}

impl Laurel {
    pub(super) fn load(w: &mut Weights<'_>, c: &Config) -> Result<Self, LoadError> {
        let rank = w.rows("laurel_l.weight").unwrap_or(1);
        Ok(Self {
            left: w.linear("laurel_l", [rank, c.dim])?,
            right: w.linear("laurel_r", [c.dim, rank])?,
            norm: w.norm("laurel_post_norm", c.dim, c.eps)?,
        })
    }

    pub(super) fn forward(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.linear(x, &self.left);
        let h = p.linear(h, &self.right);
        let h = p.norm(h, &self.norm);
        p.add(x, h)
    }
}
