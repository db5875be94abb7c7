//! Portable kernels with activations in blocks of 8-bit integers.
//!
//! Products are summed as integers within a block, blocks as floats.

use loader::format::f16_at;

use crate::cpu::quantise::{LEN, Q8Block};

/// `sum(weights[i] * x[i])` over whole `Q4_0` blocks.
pub(in crate::cpu) fn dot_q4_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<18, N>(weights, x, |block, q| {
        let (low, high) = q.split_at_mut(LEN / 2);
        for ((&byte, low), high) in block[2..].iter().zip(low).zip(high) {
            *low = (byte & 0xf).cast_signed() - 8;
            *high = (byte >> 4).cast_signed() - 8;
        }
    })
}

/// `sum(weights[i] * x[i])` over whole `Q8_0` blocks.
pub(in crate::cpu) fn dot_q8_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<34, N>(weights, x, |block, q| {
        q.iter_mut().zip(&block[2..]).for_each(|(q, byte)| *q = byte.cast_signed());
    })
}

/// Over blocks of `BYTES`: an f16 scale, and what `unpack` makes 32 signed integers of.
fn dot_signed<const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    unpack: impl Fn(&[u8; BYTES], &mut [i8; LEN]),
) -> [f32; N] {
    let mut sums = [0.0; N];
    let mut q = [0; LEN];
    for (i, block) in weights.as_chunks::<BYTES>().0.iter().enumerate() {
        unpack(block, &mut q);
        let d = f16_at(block);
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += d * x[i].d * dot_i8(&q, &x[i].qs) as f32;
        }
    }
    sums
}

fn dot_i8<const LEN: usize>(a: &[i8; LEN], b: &[i8; LEN]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
