//! Where numbers stopped being finite: runs beginnings of the plan on the same batch.
//!
//! A layer adds to what it got, so what is not finite after one layer is not finite after the
//! next: halving finds the layer. Within it, each operation is looked at in order. A run stores the
//! same keys and values at the same places again, so nothing is disturbed.

use kernels::{Batch, Plan, PlanId, Rows, Tensor};

use super::Runner;
use crate::Error;

impl Runner {
    /// The first operation that gives sequence `seq` of `batch` numbers that are not finite.
    pub fn diagnose(&mut self, batch: &Batch, seq: u32) -> Error {
        let ends = self.layer_ends();
        let layer = ends.partition_point(|&n| self.is_finite_after(n, batch, seq));
        let first = layer.checked_sub(1).map_or(0, |before| ends[before]);
        let last = ends.get(layer).copied().unwrap_or(self.plan.steps().len());
        let found = (first + 1..=last).find(|&n| !self.is_finite_after(n, batch, seq));
        let step = &self.plan.steps()[found.unwrap_or(last) - 1];
        Error::NotFinite { operation: step.op.name().to_owned(), layer: step.layer }
    }

    /// How many operations end with a layer, for each layer and what is before and after them.
    fn layer_ends(&self) -> Vec<usize> {
        let steps = self.plan.steps();
        let ends = (1..steps.len()).filter(|&n| steps[n - 1].layer != steps[n].layer);
        ends.chain([steps.len()]).collect()
    }

    /// Whether the results of operation `n - 1` are finite. One that cannot be looked at counts as
    /// finite, so that the search goes on.
    fn is_finite_after(&mut self, n: usize, batch: &Batch, seq: u32) -> bool {
        let prefix = self.plan.prefix(n);
        let Ok(id) = self.backend.load(&prefix, self.max) else { return true };
        let finite = self.is_finite_in(&prefix, id, batch, seq);
        self.backend.unload(id);
        finite
    }

    fn is_finite_in(&mut self, prefix: &Plan, id: PlanId, batch: &Batch, seq: u32) -> bool {
        if self.backend.run(id, batch).is_err() {
            return true;
        }
        let mut finite = true;
        for &port in prefix.ports() {
            let mut seen = true;
            let see = &mut |rows: &[f32]| seen = is_finite(rows, port, batch, seq);
            let read = self.backend.read(id, port, see).is_ok();
            finite &= seen || !read;
        }
        finite
    }
}

/// Whether the rows of `seq` are finite.
fn is_finite(rows: &[f32], x: Tensor, batch: &Batch, seq: u32) -> bool {
    rows.chunks_exact(x.cols).enumerate().all(|(i, row)| {
        let i = match x.rows {
            Rows::Step => i,
            Rows::Outputs => batch.out[i] as usize,
            Rows::Routed(k) => i / k,
        };
        batch.seq[i] != seq || row.iter().all(|it| it.is_finite())
    })
}
