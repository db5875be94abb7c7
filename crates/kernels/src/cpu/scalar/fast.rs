//! Portable kernels with activations in blocks of 8-bit integers.
//!
//! Products are summed as integers within a block, blocks as floats.

use loader::format::{f16_at, q4_k_scales};

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

/// `sum(weights[i] * x[i])` over whole `Q5_0` blocks.
pub(in crate::cpu) fn dot_q5_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<22, N>(weights, x, |block, q| {
        let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
        for (i, &byte) in block[6..].iter().enumerate() {
            let bit = |i: usize| (fifth >> i & 1) as i8 * 16;
            q[i] = (byte & 0xf).cast_signed() + bit(i) - 16;
            q[i + 16] = (byte >> 4).cast_signed() + bit(i + 16) - 16;
        }
    })
}

/// `sum(weights[i] * x[i])` over whole `Q8_0` blocks.
pub(in crate::cpu) fn dot_q8_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<34, N>(weights, x, |block, q| {
        q.iter_mut().zip(&block[2..]).for_each(|(q, byte)| *q = byte.cast_signed());
    })
}

/// `sum(weights[i] * x[i])` over whole `Q4_K` blocks.
pub(in crate::cpu) fn dot_q4_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    let mut sums = [0.0; N];
    for (i, block) in weights.as_chunks::<144>().0.iter().enumerate() {
        let (d, d_min) = (f16_at(block), f16_at(&block[2..]));
        let (scales, mins) = q4_k_scales(&block[4..16]);
        let pairs = block[16..].as_chunks::<LEN>().0;
        for j in 0..8 {
            let q = pairs[j / 2].map(|q| (q >> (j % 2 * 4) & 0xf).cast_signed());
            for (sum, x) in sums.iter_mut().zip(x) {
                let x = &x[8 * i + j];
                let product = i32::from(scales[j]) * dot_i8(&q, &x.qs);
                *sum += d * x.d * product as f32 - d_min * f32::from(mins[j]) * x.sum;
            }
        }
    }
    sums
}

/// `sum(weights[i] * x[i])` over whole `Q6_K` blocks.
pub(in crate::cpu) fn dot_q6_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    let mut sums = [0.0; N];
    for (i, block) in weights.as_chunks::<210>().0.iter().enumerate() {
        let (d, scales) = (f16_at(&block[208..]), &block[192..208]);
        for j in 0..8 {
            let q = q6_k_run(block, j);
            let [first, second] = [2 * j, 2 * j + 1].map(|at| i32::from(scales[at].cast_signed()));
            for (sum, x) in sums.iter_mut().zip(x) {
                let x = &x[8 * i + j];
                let halves = x.qs.as_chunks::<16>().0;
                let product =
                    first * dot_i8(&q[0], &halves[0]) + second * dot_i8(&q[1], &halves[1]);
                *sum += d * x.d * product as f32;
            }
        }
    }
    sums
}

/// Integers `32 * j..32 * j + 32` of a `Q6_K` block, by scale.
fn q6_k_run(block: &[u8; 210], j: usize) -> [[i8; 16]; 2] {
    let (half, quarter) = (j / 4, j % 4);
    let low = block[64 * half + quarter % 2 * LEN..][..LEN].as_chunks::<16>().0;
    let high = block[128 + LEN * half..][..LEN].as_chunks::<16>().0;
    let mut q = [[0; 16]; 2];
    for ((q, low), high) in q.iter_mut().zip(low).zip(high) {
        for ((q, low), high) in q.iter_mut().zip(low).zip(high) {
            let six_bits = low >> (quarter / 2 * 4) & 0xf | (high >> (2 * quarter) & 3) << 4;
            *q = six_bits.cast_signed() - 32;
        }
    }
    q
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

// Not inlined: in the loop over four rows LLVM would no longer make it vector code.
#[inline(never)]
fn dot_i8<const LEN: usize>(a: &[i8; LEN], b: &[i8; LEN]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
