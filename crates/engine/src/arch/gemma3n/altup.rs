//! Alternating updates (Baykal et al., 2023): rows are several streams side by side, of which a layer
//! computes one; the others are predicted from all, and moved by how far off the prediction was.

use kernels::{Act, Linear, Norm, Plan, Tensor};

use crate::{
    LoadError,
    arch::{Config, Numbers},
    weights::Weights,
};

/// How the streams follow the one that is computed.
pub(super) struct Streams {
    n: usize,
    active: usize,
    router_norm: Norm,
    router: Linear,
    predict: Linear,
    correct: Linear,
}

impl Streams {
    pub(super) fn load(w: &mut Weights<'_>, c: &Config, n: usize) -> Result<Self, LoadError> {
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

    /// The stream that the layer computes.
    pub(super) fn active(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let dim = x.cols / self.n;
        p.part(x, 1, self.active * dim, dim)
    }

    fn route(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let h = p.norm(x, &self.router_norm);
        let h = p.scale(h, (x.cols as f32).recip());
        let h = p.linear(h, &self.router);
        p.act(h, Act::Tanh)
    }

    /// The streams as they would be without the layer.
    pub(super) fn predict(&self, p: &mut Plan, x: Tensor) -> Tensor {
        let active = self.active(p, x);
        let h = self.route(p, active);
        let c = p.linear(h, &self.predict);
        let h = p.mix(c, x, self.n);
        p.add(h, x)
    }

    /// The streams as they were predicted, moved by how far off that was of the computed one.
    pub(super) fn correct(&self, p: &mut Plan, predicted: Tensor, computed: Tensor) -> Tensor {
        let h = self.route(p, computed);
        let c = p.linear(h, &self.correct);
        let active = self.active(p, predicted);
        let minus = p.scale(active, -1.0);
        let off = p.add(computed, minus);
        let h = p.mix(c, off, 1);
        p.add(h, predicted)
    }

    /// `h` is added to all streams but the first.
    pub(super) fn add_to_others(&self, p: &mut Plan, x: Tensor, h: Tensor) -> Tensor {
        let dim = x.cols / self.n;
        let first = p.part(x, 1, 0, dim);
        let others = p.part(x, 1, dim, x.cols - dim);
        let all = (2..self.n).fold(h, |all, _| p.join(all, h, 1));
        let others = p.add(others, all);
        p.join(first, others, 1)
    }
}
