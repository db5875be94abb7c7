//! Weights where the file has them.

use loader::Bytes;

use crate::{Error, WeightSpec};

/// The rows of a weight, matrix after matrix. Nothing is copied, but for single rows, which are kept
/// decoded, too.
pub(super) struct Held {
    parts: Vec<Part>,
    row_bytes: usize,
    /// Decoded, if matrices have a single row: a bias, a norm or frequencies.
    pub(super) vector: Vec<f32>,
}

/// The rows of a weight from some row on; those of the same part are found without a search.
#[derive(Clone, Copy)]
pub(super) struct Onward<'a> {
    held: &'a Held,
    first: usize,
    /// Of the part, from the first row on.
    bytes: &'a [u8],
}

/// Rows from `first` on.
struct Part {
    first: usize,
    bytes: Bytes,
}

impl Held {
    pub(super) fn new(spec: &WeightSpec, parts: &[Bytes]) -> Result<Self, Error> {
        let row_bytes = spec.check(parts)?;
        let mut held = Self { parts: Vec::new(), row_bytes, vector: Vec::new() };
        if parts.iter().all(|part| part.len().is_multiple_of(row_bytes)) {
            let mut first = 0;
            for bytes in parts.iter().filter(|part| !part.is_empty()) {
                held.parts.push(Part { first, bytes: bytes.clone() });
                first += bytes.len() / row_bytes;
            }
        } else {
            // A row goes on in the next part: kernels want it in one piece.
            let whole = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<_>>();
            held.parts.push(Part { first: 0, bytes: Bytes::new(whole) });
        }
        if spec.rows == 1 {
            let mut vector = vec![0.0; spec.n * spec.cols];
            for (i, row) in vector.chunks_exact_mut(spec.cols).enumerate() {
                spec.format.decode_row(held.row(i), row);
            }
            held.vector = vector;
        }
        Ok(held)
    }

    /// The bytes of row `r`.
    pub(super) fn row(&self, r: usize) -> &[u8] {
        &self.onward(r).bytes[..self.row_bytes]
    }

    /// The rows from `first` on.
    pub(super) fn onward(&self, first: usize) -> Onward<'_> {
        let after = self.parts.partition_point(|part| part.first <= first);
        let part = &self.parts[after - 1];
        Onward { held: self, first, bytes: &part.bytes[(first - part.first) * self.row_bytes..] }
    }
}

impl<'a> Onward<'a> {
    /// The bytes of row `r`, which is none before the first.
    pub(super) fn row(&self, r: usize) -> &'a [u8] {
        let (row_bytes, at) = (self.held.row_bytes, (r - self.first) * self.held.row_bytes);
        match self.bytes.get(at..at + row_bytes) {
            Some(row) => row,
            None => self.held.row(r),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    #[test]
    fn rows_come_from_their_parts() {
        let spec = WeightSpec { n: 1, rows: 4, cols: 2, format: Format::F32 };
        let numbers: Vec<f32> = (0..8u8).map(f32::from).collect();
        let bytes = Bytes::new(Format::F32.encode(&numbers));
        for cuts in [vec![0, 32], vec![0, 8, 8, 24, 32], vec![0, 4, 20, 32]] {
            let parts: Vec<Bytes> =
                cuts.windows(2).map(|cut| bytes.slice(cut[0]..cut[1])).collect();
            let held = Held::new(&spec, &parts).expect("the bytes fit");
            for r in 0..4 {
                let expected = &bytes[r * 8..][..8];
                assert_eq!(held.row(r), expected, "row {r} of parts at {cuts:?}");
                for first in 0..=r {
                    let found = held.onward(first).row(r);
                    assert_eq!(found, expected, "row {r} from {first} of parts at {cuts:?}");
                }
            }
        }
    }
}
