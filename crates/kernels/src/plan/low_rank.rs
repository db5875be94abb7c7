//! Products with weights that adapters add to: the product with two thin matrices beside each.

use crate::{Linear, Plan, Tensor, Weight};

/// What is added to a weight: `scale b a`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LowRank {
    /// As many rows as the rank, for each matrix of the weight.
    pub a: Weight,
    /// As many columns.
    pub b: Weight,
    /// What the product is multiplied with.
    pub scale: f32,
}

impl Plan {
    /// Whether the products with it are more than one operation.
    pub(super) fn is_changed(&self, l: &Linear) -> bool {
        self.low_rank.contains_key(&l.w.id) || self.is_scaled(l.w)
    }

    /// `y`, which is the `product` of `x` and `l`, and all that is added to it.
    pub(super) fn adapted(
        &mut self,
        l: &Linear,
        y: Tensor,
        product: impl Fn(&mut Self, Tensor, &Linear) -> Tensor,
        x: Tensor,
    ) -> Tensor {
        let all = self.low_rank.get(&l.w.id).cloned().unwrap_or_default();
        all.into_iter().fold(y, |y, LowRank { a, b, scale }| {
            let h = product(self, x, &Linear { w: a, bias: None });
            let h = self.scale(h, scale);
            let h = product(self, h, &Linear { w: b, bias: None });
            self.add(y, h)
        })
    }
}
