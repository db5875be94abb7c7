//! Portable kernels: the fallback on every CPU, and what the SIMD kernels are timed against.
//!
//! Here are those with activations in `f32`; `fast` has those with activations in 8 bits,
//! `vectors` those over activations alone. A kernel decodes some weights and multiplies them with
//! `N` rows of activations, so that a row's sum does not depend on how many there are.

pub(super) mod fast;
pub(super) mod vectors;

use crate::Format;

/// `sum(weights[i] * x[i])` over whole blocks of `format`.
///
/// Decodes `LEN` weights at a time, a whole number of blocks; the last time may give fewer.
pub(super) fn dot<const LEN: usize, const N: usize>(
    format: Format,
    weights: &[u8],
    x: [&[f32]; N],
) -> [f32; N] {
    let layout = format.layout();
    let bytes = LEN / layout.block_len * layout.block_bytes;
    let (mut sums, mut decoded) = ([[0.0; LANES]; N], [0.0; LEN]);
    for (i, w) in weights.chunks(bytes).enumerate() {
        let len = LEN * w.len() / bytes;
        (layout.decode_block)(w, &mut decoded[..len]);
        for (sums, x) in sums.iter_mut().zip(x) {
            add_products(&decoded[..len], &x[i * LEN..][..len], sums);
        }
    }
    sums.map(|sums| sums.iter().sum())
}

/// Sums that do not wait for one another, and that a compiler may keep in one vector.
const LANES: usize = 8;

fn add_products(a: &[f32], b: &[f32], sums: &mut [f32; LANES]) {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
}
