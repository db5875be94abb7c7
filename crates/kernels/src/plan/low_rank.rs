//! Products with weights that adapters add to: the product with two thin matrices beside each. Rows that
//! are looked up in a table: a product with a row that is looked up beside it.

use crate::{Basic, Linear, Plan, Rows, Tensor, Weight};

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

/// What is added to each row that is looked up in a table: `scale rows[token] up^T`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableRows {
    /// As many rows as the table, of as many columns as the rank.
    pub rows: Weight,
    /// As many rows as the table has columns.
    pub up: Weight,
    /// What the product is multiplied with.
    pub scale: f32,
}

impl Plan {
    /// From now on, each row that is looked up in `table` has that of `added` added to it; products with
    /// it stay what they are.
    pub fn adapt_table(&mut self, table: Weight, added: TableRows) {
        let TableRows { rows, up, .. } = added;
        let fits = rows.rows == table.rows && rows.cols == up.cols && up.rows == table.cols;
        self.check("adapt_table", [], fits, || {
            format!("{table} has rows of {rows} times {up} added")
        });
        self.tables.entry(table.id).or_default().push(added);
    }

    /// `x`, which are rows of `table` times `scale`, and all that is added to them.
    pub(super) fn adapted_rows(&mut self, table: Weight, x: Tensor, scale: f32) -> Tensor {
        let all = self.tables.get(&table.id).cloned().unwrap_or_default();
        all.into_iter().fold(x, |x, TableRows { rows, up, scale: own }| {
            let h = self.basic(Basic::Embed(rows, scale * own), Rows::Step, rows.cols);
            let h = self.linear(h, &Linear { w: up, bias: None });
            self.add(x, h)
        })
    }

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
