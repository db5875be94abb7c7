//! What adapters add to weights: two thin matrices beside each, uploaded with it.

use std::{ops::Range, slice};

use kernels::{LowRank, TableRows, Weight, WeightSpec};
use loader::adapter::{is_table, transposed};

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
        let (name, file) = (format!("{}{name}", self.prefix), self.file);
        let Some(all) = file.low_rank.get(&name) else { return Ok(()) };
        for it in all {
            match is_table(&name) {
                true => self.add_to_table(w, it)?,
                false => self.add(w, it, rows)?,
            }
        }
        self.taken.adapted.insert(name);
        Ok(())
    }

    /// The same, for both matrices a head that [`split_heads`](Self::split_heads) makes.
    pub(super) fn adapt_heads(
        &mut self,
        name: &str,
        [one, two]: [Weight; 2],
    ) -> Result<(), LoadError> {
        let (name, file) = (format!("{}{name}", self.prefix), self.file);
        let Some(all) = file.low_rank.get(&name) else { return Ok(()) };
        for it in all {
            let added = it.by_head(one.n, [one.cols, two.rows]);
            for (w, it) in [one, two].into_iter().zip(&added) {
                self.add(w, it, slice::from_ref(&(0..w.n * w.rows)))?;
            }
        }
        self.taken.adapted.insert(name);
        Ok(())
    }

    fn add(
        &mut self,
        w: Weight,
        it: &loader::LowRank,
        rows: &[Range<usize>],
    ) -> Result<(), LoadError> {
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
        Ok(())
    }

    /// Of a table, rows as long as the rank are looked up, and a matrix makes them as long as its own.
    fn add_to_table(&mut self, table: Weight, it: &loader::LowRank) -> Result<(), LoadError> {
        let rank = it.b.shape.last().copied().unwrap_or(0);
        let spec = WeightSpec { n: 1, rows: table.rows, cols: rank, format: it.b.format };
        let rows = self.backend.upload(&spec, &it.b.parts)?;
        let up = transposed(&it.a);
        let spec = WeightSpec { n: 1, rows: table.cols, cols: rank, format: up.format };
        let up = self.backend.upload(&spec, &up.parts)?;
        self.taken.tables.push((table, TableRows { rows, up, scale: it.scale }));
        Ok(())
    }
}
