//! How a cache keeps its numbers.
//!
//! A row of keys or values is rounded once, when it is stored. What the bytes of a format mean is in
//! [`loader::format`], as for weights; here is which of them a cache may have, and how a row gets
//! there. How fast a backend reads them is its own affair.

use std::fmt;

use half::f16;

use crate::Format;

/// How the numbers of a cache are stored. Those of `F32` and `F16` a backend may store better, never
/// worse; of the others each backend keeps what [`Format`] decodes from the same blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheFormat {
    /// IEEE single precision.
    F32,
    /// IEEE half precision, rounded to nearest, ties to even.
    F16,
    /// The upper half of an IEEE single, rounded to nearest, ties to even.
    BF16,
    /// 32 numbers in 34 bytes: one f16 scale, 32 signed bytes.
    Q8_0,
    /// 32 numbers in 18 bytes: one f16 scale, 16 bytes of nibbles.
    Q4_0,
}

impl CacheFormat {
    /// Every format, the one that rounds least first.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::BF16, Self::Q8_0, Self::Q4_0];

    /// What the stored bytes mean.
    pub const fn format(self) -> Format {
        match self {
            Self::F32 => Format::F32,
            Self::F16 => Format::F16,
            Self::BF16 => Format::BF16,
            Self::Q8_0 => Format::Q8_0,
            Self::Q4_0 => Format::Q4_0,
        }
    }

    /// As people write it, e.g. `q8_0`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }

    /// Numbers that are rounded together: heads are whole blocks of so many.
    pub const fn block_len(self) -> usize {
        self.format().layout().block_len
    }

    /// Bytes of a row of `cols` numbers, or `None` if they are no whole blocks.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        self.format().row_bytes(cols)
    }

    /// Whether rows are kept as bytes that are decoded before they are used.
    pub(crate) const fn is_packed(self) -> bool {
        match self {
            Self::F32 | Self::F16 => false,
            Self::BF16 | Self::Q8_0 | Self::Q4_0 => true,
        }
    }

    /// Writes the bytes of a row. A block with a number that is not finite is NaN all over, so that
    /// it is found where it was made: integers would hide it.
    pub(crate) fn encode_row(self, row: &[f32], bytes: &mut [u8]) {
        let layout = self.format().layout();
        assert_eq!(Some(bytes.len()), self.row_bytes(row.len()), "bytes of a row");
        if layout.block_len == 1 {
            return (layout.encode_block)(row, bytes);
        }
        let blocks = bytes.chunks_exact_mut(layout.block_bytes);
        for (numbers, block) in row.chunks_exact(layout.block_len).zip(blocks) {
            (layout.encode_block)(numbers, block);
            if !numbers.iter().all(|it| it.is_finite()) {
                // The formats of blocks begin with their scale.
                block[..2].copy_from_slice(&f16::NAN.to_le_bytes());
            }
        }
    }

    /// A row as the reference keeps it: as it is, or as it comes back from its bytes.
    pub(crate) fn kept(self, row: &[f64]) -> Vec<f64> {
        if !self.is_packed() {
            return row.to_vec();
        }
        let mut numbers: Vec<f32> = row.iter().map(|&x| x as f32).collect();
        let len = self.row_bytes(row.len()).expect("`CacheSpec::check` admits whole blocks");
        let mut bytes = vec![0; len];
        self.encode_row(&numbers, &mut bytes);
        self.format().decode_row(&bytes, &mut numbers);
        numbers.into_iter().map(f64::from).collect()
    }
}

impl fmt::Display for CacheFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_nearly_as_it_was() {
        let row: Vec<f64> = (0..96).map(|i| (f64::from(i) + 0.5).sin()).collect();
        // Half a step of the largest number, and what the scale is rounded by.
        let most = [0.0, 0.0, 0.002, 0.005, 0.13];
        for (format, most) in CacheFormat::ALL.into_iter().zip(most) {
            let off = row.iter().zip(format.kept(&row)).map(|(a, b)| (a - b).abs());
            let worst = off.fold(0.0, f64::max);
            assert!(worst <= most, "{format}: off by {worst}");
        }
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        for bad in [f64::NAN, f64::INFINITY, 1e30] {
            let mut row = vec![0.5; 64];
            row[40] = bad;
            for format in [CacheFormat::Q8_0, CacheFormat::Q4_0] {
                let kept = format.kept(&row);
                assert!(kept[..32].iter().all(|it| it.is_finite()), "{format}: {bad}");
                assert!(kept[32..].iter().any(|it| !it.is_finite()), "{format}: {bad}");
            }
        }
    }

    #[test]
    fn rows_are_whole_blocks() {
        let bytes = |cols: usize| CacheFormat::ALL.map(|it| it.row_bytes(cols));
        assert_eq!(bytes(64), [Some(256), Some(128), Some(128), Some(68), Some(36)]);
        assert_eq!(bytes(40), [Some(160), Some(80), Some(80), None, None]);
        assert_eq!(bytes(0), [Some(0); 5]);
    }
}
