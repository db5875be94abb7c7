//! What adapters add to weights: two thin matrices beside each, uploaded with it.

use std::ops::Range;

use kernels::{LowRank, Weight, WeightSpec};

use super::{Weights, part};
use crate::LoadError;

impl Weights<'_> {
    /// Uploads what adapters add to the tensor `name`, for `w`, whose matrices are these of its rows.
    pub(super) fn adapt(
        &mut self,
        name: &str,
        w: Weight,
        rows: &[Range<usize>],
    ) -> Result<(), LoadError> {
        let name = format!("{}{name}", self.prefix);
        let Some(all) = self.file.low_rank.get(&name) else { return Ok(()) };
        for it in all {
            let rank = it.b.shape.last().copied().unwrap_or(0);
            let spec = WeightSpec { n: w.n, rows: rank, cols: w.cols, format: it.a.format };
            let a = self.backend.upload(&spec, &it.a.parts)?;
            let b_rows = it.b.shape.iter().rev().skip(1).product();
            let whole = WeightSpec { n: 1, rows: b_rows, cols: rank, format: it.b.format };
            let row_bytes = whole.check(&it.b.parts)?;
            let parts = rows.iter().flat_map(|rows| part(&it.b, row_bytes, rows.clone()));
            let spec = WeightSpec { n: w.n, rows: w.rows, ..whole };
            let b = self.backend.upload(&spec, &parts.collect::<Vec<_>>())?;
            self.taken.low_rank.push((w, LowRank { a, b, scale: it.scale }));
        }
        self.taken.adapted.insert(name);
        Ok(())
    }
}
