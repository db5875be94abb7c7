//! Products straight from the file: sixteen weight rows with one row of activations, and one weight
//! row with several.

use core::arch::x86_64::*;

use super::{Blocks, Integers, Kind, PAIR, ROWS, Scaled, load_16, load_pair, stored, sum_of_run};
use crate::cpu::quantise::Q8Block;

/// `sum(rows[r][i] * x[i])`, for an even number of blocks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(in crate::cpu) fn sixteen<const RUN: usize, I: Integers, S: Scaled>(
    rows: [&[u8]; ROWS],
    x: &[Q8Block],
    of: &Blocks<RUN, I, S>,
) -> [f32; ROWS] {
    let mut sums = _mm512_setzero_ps();
    for (i, pair) in x.as_chunks::<2>().0.iter().enumerate() {
        let acts = load_pair(pair);
        let start = start(of.kind, acts);
        let mut products = [start; ROWS];
        let (mut scales, mut mins) = ([[0.0; ROWS]; 4], [[0.0; ROWS]; 4]);
        for r in 0..ROWS {
            products[r] = _mm512_dpbusd_epi32(start, (of.integers)(rows[r], i), acts);
            let here = (of.scales)(rows[r], i);
            scales.iter_mut().zip(here.scales).for_each(|(of_run, it)| of_run[r] = it);
            if of.kind == Kind::WithMins {
                mins.iter_mut().zip(here.mins).for_each(|(of_run, it)| of_run[r] = it);
            }
        }
        let quarters = by_row(products);
        for j in 0..PAIR / RUN {
            let (product, block) = (run::<RUN>(quarters, j), &pair[j * RUN / 32]);
            let scale = _mm512_mul_ps(load_16(&scales[j]), _mm512_set1_ps(block.d));
            sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), scale, sums);
            if of.kind == Kind::WithMins {
                let sum = _mm512_set1_ps(sum_of_run::<RUN>(block, j % (32 / RUN)));
                sums = _mm512_fnmadd_ps(load_16(&mins[j]), sum, sums);
            }
        }
    }
    stored(sums)
}

/// `sum(row[i] * x[n][i])`
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(in crate::cpu) fn one<const RUN: usize, const N: usize, I: Integers, S: Scaled>(
    row: &[u8],
    x: [&[Q8Block]; N],
    of: &Blocks<RUN, I, S>,
) -> [f32; N] {
    let (mut sums, blocks) = ([0.0; N], x[0].len());
    for i in 0..blocks / 2 {
        add_pair((row, i), x.map(|x| &x.as_chunks::<2>().0[i]), of, &mut sums);
    }
    if blocks % 2 == 1 {
        // The last one, and beside it one that is zero.
        let (bytes, mut padded) = (row.len() / blocks, [0; 2 * LONGEST]);
        padded[..bytes].copy_from_slice(&row[row.len() - bytes..]);
        let last = x.map(|x| [x[blocks - 1], Q8Block::default()]);
        add_pair((&padded[..2 * bytes], 0), last.each_ref(), of, &mut sums);
    }
    sums
}

/// Bytes of the longest block of 32 weights: those of `Q8_0`.
const LONGEST: usize = 34;

/// Adds the products of 64 weights, pair `i` of `row`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn add_pair<const RUN: usize, const N: usize, I: Integers, S: Scaled>(
    (row, i): (&[u8], usize),
    x: [&[Q8Block; 2]; N],
    of: &Blocks<RUN, I, S>,
    sums: &mut [f32; N],
) {
    let (integers, here) = ((of.integers)(row, i), (of.scales)(row, i));
    for (sum, pair) in sums.iter_mut().zip(x) {
        let acts = load_pair(pair);
        let products = _mm512_dpbusd_epi32(start(of.kind, acts), integers, acts);
        let quarters = quarters(products);
        for j in 0..PAIR / RUN {
            let block = &pair[j * RUN / 32];
            let product = match RUN {
                16 => quarters[j],
                _ => quarters[2 * j] + quarters[2 * j + 1],
            };
            *sum = (product as f32).mul_add(here.scales[j] * block.d, *sum);
            if of.kind == Kind::WithMins {
                let run = sum_of_run::<RUN>(block, j % (32 / RUN));
                *sum = (-here.mins[j]).mul_add(run, *sum);
            }
        }
    }
}

/// Where sums of four products begin, so that 128 more a weight is nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn start(kind: Kind, acts: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    match kind {
        Kind::Signed => {
            let excess = _mm512_dpbusd_epi32(zero, _mm512_set1_epi8(-128), acts);
            _mm512_sub_epi32(zero, excess)
        }
        Kind::WithMins => zero,
    }
}

/// The sums of each quarter of a row's products.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn quarters(products: __m512i) -> [i32; 4] {
    let x = _mm512_add_epi32(products, _mm512_shuffle_epi32::<0b01_00_11_10>(products));
    let x = _mm512_add_epi32(x, _mm512_shuffle_epi32::<0b10_11_00_01>(x));
    [
        _mm_cvtsi128_si32(_mm512_castsi512_si128(x)),
        _mm_cvtsi128_si32(_mm512_extracti32x4_epi32::<1>(x)),
        _mm_cvtsi128_si32(_mm512_extracti32x4_epi32::<2>(x)),
        _mm_cvtsi128_si32(_mm512_extracti32x4_epi32::<3>(x)),
    ]
}

/// The sums of each quarter of sixteen rows' products, a row a lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn by_row(rows: [__m512i; ROWS]) -> [__m512i; 4] {
    let mut fours = [_mm512_setzero_si512(); 4];
    for (four, rows) in fours.iter_mut().zip(rows.as_chunks::<4>().0) {
        // In each quarter: both halves' sums of two rows, then the sums of four.
        let two = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (a, b) = (two(rows[0], rows[1]), two(rows[2], rows[3]));
        *four = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }
    quarters_turned(fours)
}

/// Quarter `j` of vector `i` becomes quarter `i` of vector `j`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn quarters_turned([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let low = [_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d)];
    let high = [_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d)];
    [
        _mm512_shuffle_i32x4::<0x88>(low[0], low[1]),
        _mm512_shuffle_i32x4::<0xdd>(low[0], low[1]),
        _mm512_shuffle_i32x4::<0x88>(high[0], high[1]),
        _mm512_shuffle_i32x4::<0xdd>(high[0], high[1]),
    ]
}

/// The sums of run `j`.
#[inline]
#[target_feature(enable = "avx512f")]
fn run<const RUN: usize>(quarters: [__m512i; 4], j: usize) -> __m512i {
    match RUN {
        16 => quarters[j],
        _ => _mm512_add_epi32(quarters[2 * j], quarters[2 * j + 1]),
    }
}
