//! How each format is read: 64 weights of a row as bytes, their scales and minimums.
//!
//! The formats are defined in `loader::format`; their diagrams are there.

use core::arch::x86_64::*;

use loader::format::q4_k_scales;

use super::{Blocks, Integers, Kind, Scaled, Scales, half_at};
use crate::cpu::avx2::{load_16, load_32, unpack::nibbles};

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q4_0() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let [a, b] = pair::<18>(row, i).map(|it| nibbles(load_16(it, 2)));
            // Less 8, and 128 more.
            _mm512_add_epi8(joined(a, b), _mm512_set1_epi8(120))
        },
        scales: |row: &[u8], i: usize| leading_scales::<18>(row, i),
        kind: Kind::Signed,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q5_0() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let blocks = pair::<22>(row, i);
            let [a, b] = blocks.map(|it| nibbles(load_16(it, 6)));
            // Less 16, and 128 more; 16 more again where the fifth bit is set.
            let x = _mm512_add_epi8(joined(a, b), _mm512_set1_epi8(112));
            _mm512_mask_add_epi8(x, fifth_bits(blocks, 2), x, _mm512_set1_epi8(16))
        },
        scales: |row: &[u8], i: usize| leading_scales::<22>(row, i),
        kind: Kind::Signed,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q8_0() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let [a, b] = pair::<34>(row, i).map(|it| load_32(it, 2));
            _mm512_xor_si512(joined(a, b), _mm512_set1_epi8(-128))
        },
        scales: |row: &[u8], i: usize| leading_scales::<34>(row, i),
        kind: Kind::Signed,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q4_k() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let bytes = load_32(&row.as_chunks::<144>().0[i / 4], 16 + i % 4 * 32);
            let both = joined(bytes, _mm256_srli_epi16::<4>(bytes));
            _mm512_and_si512(both, _mm512_set1_epi8(0xf))
        },
        scales: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<144>().0[i / 4];
            k_scales(half_at(block, 0), half_at(block, 2), &block[4..16], i)
        },
        kind: Kind::WithMins,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q6_k() -> Blocks<16, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<210>().0[i / 4];
            // Half a block is 128 weights: its first 64 in the low nibbles, the others in the high.
            let (half, second) = (i % 4 / 2, i % 2 == 1);
            let low = joined(load_32(block, 64 * half), load_32(block, 64 * half + 32));
            let high = load_32(block, 128 + 32 * half);
            let (low, high) = match second {
                false => (low, joined(_mm256_slli_epi16::<4>(high), _mm256_slli_epi16::<2>(high))),
                true => (_mm512_srli_epi16::<4>(low), joined(high, _mm256_srli_epi16::<2>(high))),
            };
            let low = _mm512_and_si512(low, _mm512_set1_epi8(0xf));
            let high = _mm512_and_si512(high, _mm512_set1_epi8(0x30));
            // Less 32, and 128 more.
            _mm512_add_epi8(_mm512_or_si512(low, high), _mm512_set1_epi8(96))
        },
        scales: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<210>().0[i / 4];
            let (d, at) = (half_at(block, 208), 192 + i % 4 * 4);
            let scale = |j: usize| f32::from(block[at + j].cast_signed()) * d;
            Scales { scales: [scale(0), scale(1), scale(2), scale(3)], mins: [0.0; 4] }
        },
        kind: Kind::Signed,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q4_1() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let [a, b] = pair::<20>(row, i).map(|it| nibbles(load_16(it, 4)));
            joined(a, b)
        },
        scales: |row: &[u8], i: usize| leading_mins::<20>(row, i),
        kind: Kind::WithMins,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q5_1() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let blocks = pair::<24>(row, i);
            let [a, b] = blocks.map(|it| nibbles(load_16(it, 8)));
            let x = joined(a, b);
            _mm512_mask_add_epi8(x, fifth_bits(blocks, 4), x, _mm512_set1_epi8(16))
        },
        scales: |row: &[u8], i: usize| leading_mins::<24>(row, i),
        kind: Kind::WithMins,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq4_nl() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let [a, b] = pair::<18>(row, i).map(|it| nibbles(load_16(it, 2)));
            looked_up(LEVELS, joined(a, b))
        },
        scales: |row: &[u8], i: usize| leading_scales::<18>(row, i),
        kind: Kind::Signed,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn mxfp4() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let [a, b] = pair::<17>(row, i).map(|it| nibbles(load_16(it, 1)));
            looked_up(DOUBLED, joined(a, b))
        },
        scales: |row: &[u8], i: usize| {
            let [a, b] = pair::<17>(row, i).map(|it| mxfp4_half_scale(it[0]));
            Scales { scales: [a, b, 0.0, 0.0], mins: [0.0; 4] }
        },
        kind: Kind::Signed,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q2_k() -> Blocks<16, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<84>().0[i / 4];
            two_bits(load_32(block, 16 + i % 4 / 2 * 32), i)
        },
        scales: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<84>().0[i / 4];
            let (d, d_min, runs) = (half_at(block, 80), half_at(block, 82), &block[i % 4 * 4..]);
            let scale = |j: usize| f32::from(runs[j] & 0xf) * d;
            let min = |j: usize| f32::from(runs[j] >> 4) * d_min;
            Scales { scales: [0, 1, 2, 3].map(scale), mins: [0, 1, 2, 3].map(min) }
        },
        kind: Kind::WithMins,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q3_k() -> Blocks<16, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<110>().0[i / 4];
            let low = two_bits(load_32(block, 32 + i % 4 / 2 * 32), i);
            // Bit `2 i % 8` and the one above, of the same 32 bytes.
            let high = load_32(block, 0);
            let first = _mm512_set1_epi8((1u8 << (i % 4 * 2)).cast_signed());
            let bits = joined(high, _mm256_srli_epi16::<1>(high));
            let third = _mm512_test_epi8_mask(bits, first);
            // Less 4, and 128 more.
            let x = _mm512_add_epi8(low, _mm512_set1_epi8(124));
            _mm512_mask_add_epi8(x, third, x, _mm512_set1_epi8(4))
        },
        scales: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<110>().0[i / 4];
            let d = half_at(block, 108);
            let scale = |j: usize| {
                let run = i % 4 * 4 + j;
                let low = block[96 + run % 8] >> (run / 8 * 4) & 0xf;
                let scale = low | (block[104 + run % 4] >> (run / 4 * 2) & 3) << 4;
                (f32::from(scale) - 32.0) * d
            };
            Scales { scales: [0, 1, 2, 3].map(scale), mins: [0.0; 4] }
        },
        kind: Kind::Signed,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q5_k() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<176>().0[i / 4];
            let low = load_32(block, 48 + i % 4 * 32);
            let both = joined(low, _mm256_srli_epi16::<4>(low));
            let x = _mm512_and_si512(both, _mm512_set1_epi8(0xf));
            let high = load_32(block, 16);
            let first = _mm512_set1_epi8((1u8 << (i % 4 * 2)).cast_signed());
            let bits = joined(high, _mm256_srli_epi16::<1>(high));
            let fifth = _mm512_test_epi8_mask(bits, first);
            _mm512_mask_add_epi8(x, fifth, x, _mm512_set1_epi8(16))
        },
        scales: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<176>().0[i / 4];
            k_scales(half_at(block, 0), half_at(block, 2), &block[4..16], i)
        },
        kind: Kind::WithMins,
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq4_xs() -> Blocks<32, impl Integers, impl Scaled> {
    Blocks {
        integers: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<136>().0[i / 4];
            let at = 8 + i % 4 * 32;
            let [a, b] = [at, at + 16].map(|at| nibbles(load_16(block, at)));
            looked_up(LEVELS, joined(a, b))
        },
        scales: |row: &[u8], i: usize| {
            let block = &row.as_chunks::<136>().0[i / 4];
            let (d, high) = (half_at(block, 0), u16::from_le_bytes([block[2], block[3]]));
            let scale = |j: usize| {
                let low = block[4 + i % 4] >> (j * 4) & 0xf;
                let scale = u16::from(low) | (high >> (i % 4 * 4 + j * 2) & 3) << 4;
                (f32::from(scale) - 32.0) * d
            };
            Scales { scales: [scale(0), scale(1), 0.0, 0.0], mins: [0.0; 4] }
        },
        kind: Kind::Signed,
    }
}

/// The levels of `IQ4_NL`, and 128 more.
const LEVELS: [u8; 16] = [1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241];

/// Twice the numbers of `MXFP4`, and 128 more.
const DOUBLED: [u8; 16] =
    [128, 129, 130, 131, 132, 134, 136, 140, 128, 127, 126, 125, 124, 122, 120, 116];

/// Blocks `2 i` and `2 i + 1` of `row`.
fn pair<const BYTES: usize>(row: &[u8], i: usize) -> [&[u8; BYTES]; 2] {
    let blocks = &row.as_chunks::<BYTES>().0[2 * i..2 * i + 2];
    [&blocks[0], &blocks[1]]
}

/// The f16 that each of two blocks begins with.
#[inline]
#[target_feature(enable = "f16c")]
fn leading_scales<const BYTES: usize>(row: &[u8], i: usize) -> Scales {
    let [a, b] = pair::<BYTES>(row, i).map(|it| half_at(it, 0));
    Scales { scales: [a, b, 0.0, 0.0], mins: [0.0; 4] }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn joined(a: __m256i, b: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b)
}

/// The f16 that each of two blocks begins with, and the one after it, which is added to weights.
#[inline]
#[target_feature(enable = "f16c")]
fn leading_mins<const BYTES: usize>(row: &[u8], i: usize) -> Scales {
    let [a, b] = pair::<BYTES>(row, i);
    let (scales, mins) = ([half_at(a, 0), half_at(b, 0)], [-half_at(a, 2), -half_at(b, 2)]);
    Scales { scales: [scales[0], scales[1], 0.0, 0.0], mins: [mins[0], mins[1], 0.0, 0.0] }
}

/// Scales and minimums of pair `i` as `Q4_K` and `Q5_K` have them.
fn k_scales(d: f32, d_min: f32, packed: &[u8], i: usize) -> Scales {
    let (scales, mins) = q4_k_scales(packed);
    let j = i % 4 * 2;
    let both = |of: [u8; 8], d: f32| [f32::from(of[j]) * d, f32::from(of[j + 1]) * d, 0.0, 0.0];
    Scales { scales: both(scales, d), mins: both(mins, d_min) }
}

/// `2^(e - 128)`: half the scale of `MXFP4`.
fn mxfp4_half_scale(e: u8) -> f32 {
    f32::from_bits(if e < 2 { 0x0020_0000 << e } else { (u32::from(e) - 1) << 23 })
}

/// The bits at byte `at` of two blocks, one for each weight.
fn fifth_bits<const BYTES: usize>(blocks: [&[u8; BYTES]; 2], at: usize) -> u64 {
    let [low, high] = blocks
        .map(|it| u64::from(u32::from_le_bytes([it[at], it[at + 1], it[at + 2], it[at + 3]])));
    low | high << 32
}

/// Of 32 bytes of four weights each: weights 0 and 1, or 2 and 3 where `i` is odd.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
fn two_bits(bytes: __m256i, i: usize) -> __m512i {
    let both = joined(bytes, _mm256_srli_epi16::<2>(bytes));
    let both = if i % 2 == 1 { _mm512_srli_epi16::<4>(both) } else { both };
    _mm512_and_si512(both, _mm512_set1_epi8(3))
}

/// The numbers of a table that 64 nibbles stand for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn looked_up(table: [u8; 16], nibbles: __m512i) -> __m512i {
    _mm512_shuffle_epi8(_mm512_broadcast_i32x4(load_16(&table, 0)), nibbles)
}
