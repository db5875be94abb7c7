//! Weights that have a scale beside them, for all of a matrix: what is multiplied with them is scaled.

use crate::{Basic, Linear, Plan, Routing, Rows, Tensor, Weight};

/// What a weight is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// All of it.
    All(f32),
    /// Its matrices, which are experts: one row of a number for each.
    Each(Weight),
}

impl Plan {
    /// From now on, `w` counts as `scale` times as large.
    pub fn scale_weight(&mut self, w: Weight, scale: Scale) {
        if let Scale::Each(each) = scale {
            self.check_vector("scale_weight", "the scale", Some(each), w.n);
        }
        self.scales.insert(w.id, scale);
    }

    /// Row `i k + j`: `scale[id_ij] * y[i k + j] + bias[id_ij]`.
    pub fn expert_scale(
        &mut self,
        y: Tensor,
        r: Routing,
        scale: Weight,
        bias: Option<Weight>,
    ) -> Tensor {
        self.check_routed("expert_scale", y, r);
        self.check_vector("expert_scale", "the scale", Some(scale), r.n);
        self.check_vector("expert_scale", "the bias", bias, y.cols);
        let biases = bias.map_or(r.n, |bias| bias.n);
        self.check("expert_scale", [y], biases == r.n, || {
            format!("{biases} biases for {} experts", r.n)
        });
        self.basic(Basic::ExpertScale(y, r, scale, bias), y.rows, y.cols)
    }

    /// Whether products with it are scaled.
    pub(super) fn is_scaled(&self, w: Weight) -> bool {
        self.scales.contains_key(&w.id)
    }

    /// What all of `w` is multiplied with.
    pub(super) fn scale_of(&self, w: Weight) -> f32 {
        match self.scales.get(&w.id) {
            Some(Scale::All(scale)) => *scale,
            Some(Scale::Each(_)) | None => 1.0,
        }
    }

    /// `x` as large as makes its product with `w` that of the scaled weight, without touching the bias.
    pub(super) fn scaled(&mut self, x: Tensor, w: Weight) -> Tensor {
        match self.scale_of(w) {
            1.0 => x,
            scale => self.scale(x, scale),
        }
    }

    /// What [`expert_linear`](Self::expert_linear) gives without adapters.
    pub(super) fn expert_product(&mut self, x: Tensor, r: Routing, l: &Linear) -> Tensor {
        let rows = Rows::Routed(r.k);
        if let Some(Scale::Each(scale)) = self.scales.get(&l.w.id).copied() {
            let plain = Linear { bias: None, ..*l };
            let y = self.basic(Basic::ExpertLinear(x, r, plain), rows, l.w.rows);
            return self.expert_scale(y, r, scale, l.bias);
        }
        let x = self.scaled(x, l.w);
        self.basic(Basic::ExpertLinear(x, r, *l), rows, l.w.rows)
    }
}
