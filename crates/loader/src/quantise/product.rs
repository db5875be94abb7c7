//! What an adapter adds to the rows of a tensor.

use crate::LowRank;

/// Both factors, as numbers.
pub(super) struct Product {
    a: Vec<f32>,
    b: Vec<f32>,
    rank: usize,
    /// Rows of a matrix, of which there may be several.
    rows: usize,
    scale: f32,
}

impl Product {
    pub(super) fn of(it: &LowRank) -> Self {
        let [.., rows, rank] = it.b.shape[..] else { unreachable!("factors are matrices") };
        Self { a: it.a.numbers(), b: it.b.numbers(), rank, rows, scale: it.scale }
    }

    /// Adds its row `row`, counted over all matrices, to `numbers`.
    pub(super) fn add_row(&self, row: usize, numbers: &mut [f32]) {
        let cols = numbers.len();
        let a = &self.a[row / self.rows * self.rank * cols..];
        let b = &self.b[row * self.rank..][..self.rank];
        for (b, a) in b.iter().zip(a.chunks_exact(cols)) {
            let factor = self.scale * b;
            numbers.iter_mut().zip(a).for_each(|(x, a)| *x += factor * a);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, FileTensor, Format};

    #[test]
    fn each_matrix_has_factors_of_its_own() {
        let factor = |shape: &[usize], numbers: &[f32]| {
            let parts = vec![Bytes::new(Format::F32.encode(numbers))];
            FileTensor { format: Format::F32, shape: shape.to_vec(), parts }
        };
        let a = factor(&[2, 1, 3], &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
        let b = factor(&[2, 2, 1], &[1.0, -1.0, 0.5, 2.0]);
        let product = Product::of(&LowRank { a, b, scale: 2.0 });
        let rows = (0..4).map(|row| {
            let mut numbers = [0.5; 3];
            product.add_row(row, &mut numbers);
            numbers
        });
        let expected =
            [[2.5, 4.5, 6.5], [-1.5, -3.5, -5.5], [10.5, 20.5, 30.5], [40.5, 80.5, 120.5]];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }
}
