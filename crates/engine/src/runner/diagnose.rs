//! Where numbers stopped being finite: runs beginnings of the plan on the same rows.
//!
//! A layer adds to what it got, so what is not finite after one layer is not finite after the
//! next: halving finds the layer. Within it, each operation is looked at in order.
//!
//! Only the rows of the sequence that fails are run again. A step may keep a state in the slot that
//! it started from, and a second run would move the states of the others on twice, and store other
//! keys and values for them.

use kernels::{Batch, Plan, PlanId};

use super::Runner;
use crate::Error;

impl Runner {
    /// The first operation that gives sequence `seq` of `batch` numbers that are not finite.
    pub fn diagnose(&mut self, batch: &Batch, seq: u32) -> Error {
        let batch = &alone(batch, seq as usize);
        let ends = self.layer_ends();
        let layer = ends.partition_point(|&n| self.is_finite_after(n, batch));
        let first = layer.checked_sub(1).map_or(0, |before| ends[before]);
        let last = ends.get(layer).copied().unwrap_or(self.plan.steps().len());
        let found = (first + 1..=last).find(|&n| !self.is_finite_after(n, batch));
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
    fn is_finite_after(&mut self, n: usize, batch: &Batch) -> bool {
        let prefix = self.plan.prefix(n);
        let Ok(id) = self.backend.load(&prefix, self.max) else { return true };
        let finite = self.is_finite_in(&prefix, id, batch);
        self.backend.unload(id);
        finite
    }

    fn is_finite_in(&mut self, prefix: &Plan, id: PlanId, batch: &Batch) -> bool {
        if self.backend.run(id, batch).is_err() {
            return true;
        }
        let mut finite = true;
        for &port in prefix.ports() {
            let mut seen = true;
            let see = &mut |rows: &[f32]| seen = rows.iter().all(|it| it.is_finite());
            let read = self.backend.read(id, port, see).is_ok();
            finite &= seen || !read;
        }
        finite
    }
}

/// The rows of one sequence of `batch`.
fn alone(batch: &Batch, seq: usize) -> Batch {
    let first = batch.first[seq] as usize;
    let n = batch.seq[first..].iter().take_while(|&&it| it as usize == seq).count();
    let rows = first..first + n;
    let of = |column: &[u32]| column[rows.clone()].to_vec();
    let out = batch.out.iter().map(|&row| row as usize).filter(|row| rows.contains(row));
    Batch {
        tokens: of(&batch.tokens),
        seq: vec![0; n],
        at: of(&batch.at),
        positions: of(&batch.positions),
        rope_set: of(&batch.rope_set),
        sees: of(&batch.sees),
        keep: of(&batch.keep),
        first: vec![0],
        len: vec![batch.len[seq]],
        from: vec![batch.from[seq]],
        tables: vec![batch.tables[seq].clone()],
        out: out.map(|row| (row - first) as u32).collect(),
    }
}
