//! FP8: floats of 8 bits, of which a scale is shared by a tensor, a row or a block.
//!
//! ```text
//! bit 7 sign, bits 3..7 exponent (biased by 7), bits 0..3 fraction; 0x7f and 0xff are NaN
//!
//! weight[i, j] = number[i, j] * scale[i / block rows, j / block columns]
//! ```
//!
//! Whether the scale is called `weight_scale` or `weight_scale_inv`, it is multiplied with. Scales of
//! activations (`input_scale`, `activation_scale`) are for hardware that rounds them; here they are
//! not rounded so far, and the scales are not needed.

use std::collections::BTreeMap;

use super::{misfit, need};
use crate::{
    Bytes, FileTensor, Format,
    safetensors::{Error, shards::Stored},
};

const SCALES: [&str; 2] = ["weight_scale_inv", "weight_scale"];
const OF_ACTIVATIONS: [&str; 3] = ["input_scale", "activation_scale", "input_scale_ub"];

pub(super) fn decode(
    rest: &mut BTreeMap<String, Stored>,
    stem: &str,
    block: Option<[usize; 2]>,
) -> Result<FileTensor, Error> {
    let weight = need(rest, format!("{stem}.weight"))?;
    let name = SCALES.map(|it| format!("{stem}.{it}"));
    let name = name.iter().find(|it| rest.contains_key(*it)).unwrap_or(&name[0]).clone();
    let scale = need(rest, name.clone())?;
    for name in OF_ACTIVATIONS {
        rest.remove(&format!("{stem}.{name}"));
    }
    let (&[rows, cols], false) = (&weight.shape[..], weight.bytes.is_empty()) else {
        let expected = "two dimensions above 0".to_owned();
        return Err(misfit(&format!("{stem}.weight"), &weight, expected));
    };
    let block = match (scale.shape.as_slice(), block) {
        ([] | [1] | [1, 1], _) => [rows.max(1), cols.max(1)],
        ([n] | [n, 1], None) if *n == rows => [1, cols.max(1)],
        ([a, b], Some([r, c])) if [*a, *b] == [rows.div_ceil(r), cols.div_ceil(c)] => [r, c],
        _ => {
            let expected = match block {
                Some([r, c]) => format!("F32 [{}, {}]", rows.div_ceil(r), cols.div_ceil(c)),
                None => format!("F32 [1] or [{rows}, 1]"),
            };
            return Err(misfit(&name, &scale, expected));
        }
    };
    let scales =
        scale.numbers().ok_or_else(|| misfit(&name, &scale, "F32, BF16 or F16".to_owned()))?;
    let bits = weight.bytes;
    let part = Bytes::computed(2 * rows * cols, move || multiplied(&bits, cols, &scales, block));
    Ok(FileTensor { format: Format::BF16, shape: weight.shape, parts: vec![part] })
}

/// Rows of `cols` numbers as `BF16`; a scale for each `block` of rows and columns.
fn multiplied(bits: &[u8], cols: usize, scales: &[f32], block: [usize; 2]) -> Vec<u8> {
    let [block_rows, block_cols] = block;
    let across = cols.div_ceil(block_cols);
    let mut bytes = Vec::with_capacity(2 * bits.len());
    let mut numbers = vec![0.0; cols];
    for (i, row) in bits.chunks_exact(cols.max(1)).enumerate() {
        let scales = &scales[i / block_rows * across..][..across];
        for ((row, numbers), scale) in
            row.chunks(block_cols).zip(numbers.chunks_mut(block_cols)).zip(scales)
        {
            row.iter().zip(numbers).for_each(|(&bits, x)| *x = number(bits) * scale);
        }
        bytes.extend(Format::BF16.encode(&numbers));
    }
    bytes
}

/// The number of these bits.
#[inline]
fn number(bits: u8) -> f32 {
    /// 2^120: the distance between the exponents' biases, 127 and 7.
    const REBIAS: f32 = f32::from_bits((127 + 120) << 23);
    let magnitude = match bits & 0x7f {
        0x7f => f32::NAN,
        magnitude => f32::from_bits(u32::from(magnitude) << 20) * REBIAS,
    };
    if bits >> 7 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_8_bits() {
        let found = [0x00, 0x01, 0x07, 0x08, 0x38, 0x3c, 0x7e, 0xb8].map(number);
        let step = 2f32.powi(-9);
        assert_eq!(found, [0.0, step, 7.0 * step, 8.0 * step, 1.0, 1.5, 448.0, -1.0]);
        assert!(number(0x7f).is_nan() && number(0xff).is_nan());
    }
}
