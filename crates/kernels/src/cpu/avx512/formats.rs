//! How each format is packed: 64 weights of a block as bytes, and the scales and minimums of a block of
//! sixteen rows at once, a row a lane.
//!
//! The formats are defined in `loader::format`; their diagrams are there. Blocks of 32 weights are taken
//! two at a time, as one of twice as many bytes.

use core::arch::x86_64::*;

pub(in crate::cpu) use super::codebooks::{iq2_s, iq2_xs, iq2_xxs, iq3_s, iq3_xxs};
use super::{
    Integers, Packed, ROWS, SIGNED, Scaled, Scales, WITH_MINS,
    fields::{
        bits, fifth_bits, half_powers, halves, joined, k_scales, less_32, looked_up, low_halves,
        next_bits, nibbles, scaled, signed, two_bits, with_offsets, word, words,
    },
    load_32,
};
pub(in crate::cpu) use super::{
    nvfp4::nvfp4,
    ternary::{iq1_m, iq1_s, tq1_0, tq2_0},
};
use crate::cpu::{
    avx2::load_16,
    tables::{self, raised},
};

/// Two blocks: `d` at 0 and 18, nibbles at 2 and 20. A weight is `d * (q - 8)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q4_0<const TILES: bool>()
-> Packed<TILES, 36, 32, 2, SIGNED, impl Integers<36>, impl Scaled<36, 2>> {
    Packed {
        integers: |block: &[u8; 36], _| {
            let [a, b] = [2, 20].map(|at| nibbles(load_16(block, at)));
            // Less 8, and 128 more.
            _mm512_add_epi8(joined(a, b), _mm512_set1_epi8(120))
        },
        scales: |blocks: [&[u8; 36]; ROWS]| signed([halves(blocks, 0), halves(blocks, 18)]),
    }
}

/// Two blocks: `d` and `m` at 0 and 20, nibbles at 4 and 24. A weight is `d * q + m`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q4_1<const TILES: bool>()
-> Packed<TILES, 40, 32, 2, WITH_MINS, impl Integers<40>, impl Scaled<40, 2>> {
    Packed {
        integers: |block: &[u8; 40], _| {
            let [a, b] = [4, 24].map(|at| nibbles(load_16(block, at)));
            joined(a, b)
        },
        scales: |blocks: [&[u8; 40]; ROWS]| with_offsets([word(blocks, 0), word(blocks, 20)]),
    }
}

/// Two blocks: `d` at 0 and 22, fifth bits at 2 and 24, nibbles at 6 and 28. A weight is
/// `d * (q - 16)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q5_0<const TILES: bool>()
-> Packed<TILES, 44, 32, 2, SIGNED, impl Integers<44>, impl Scaled<44, 2>> {
    Packed {
        integers: |block: &[u8; 44], _| {
            let [a, b] = [6, 28].map(|at| nibbles(load_16(block, at)));
            // Less 16, and 128 more; 16 more again where the fifth bit is set.
            let x = _mm512_add_epi8(joined(a, b), _mm512_set1_epi8(112));
            _mm512_mask_add_epi8(x, fifth_bits(block, [2, 24]), x, _mm512_set1_epi8(16))
        },
        scales: |blocks: [&[u8; 44]; ROWS]| signed([halves(blocks, 0), halves(blocks, 22)]),
    }
}

/// Two blocks: `d` and `m` at 0 and 24, fifth bits at 4 and 28, nibbles at 8 and 32. A weight is
/// `d * q + m`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q5_1<const TILES: bool>()
-> Packed<TILES, 48, 32, 2, WITH_MINS, impl Integers<48>, impl Scaled<48, 2>> {
    Packed {
        integers: |block: &[u8; 48], _| {
            let [a, b] = [8, 32].map(|at| nibbles(load_16(block, at)));
            let x = joined(a, b);
            _mm512_mask_add_epi8(x, fifth_bits(block, [4, 28]), x, _mm512_set1_epi8(16))
        },
        scales: |blocks: [&[u8; 48]; ROWS]| with_offsets([word(blocks, 0), word(blocks, 24)]),
    }
}

/// Two blocks: `d` at 0 and 34, integers at 2 and 36. A weight is `d * q`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q8_0<const TILES: bool>()
-> Packed<TILES, 68, 32, 2, SIGNED, impl Integers<68>, impl Scaled<68, 2>> {
    Packed {
        integers: |block: &[u8; 68], _| {
            let [a, b] = [2, 36].map(|at| load_32(block, at));
            _mm512_xor_si512(joined(a, b), _mm512_set1_epi8(-128))
        },
        scales: |blocks: [&[u8; 68]; ROWS]| signed([halves(blocks, 0), halves(blocks, 34)]),
    }
}

/// Scales and minimums in the nibbles of bytes 0 to 15, two bits a weight at 16, `d` at 80, `dmin` at
/// 82. A weight is `d * scale * q - dmin * min`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q2_k<const TILES: bool>()
-> Packed<TILES, 84, 16, 16, WITH_MINS, impl Integers<84>, impl Scaled<84, 16>> {
    Packed {
        integers: |block: &[u8; 84], p| two_bits(load_32(block, 16 + p / 2 * 32), p),
        scales: |blocks: [&[u8; 84]; ROWS]| {
            let (both, words) = (word(blocks, 80), words(blocks, 0));
            let (d, d_min) = (low_halves(both), low_halves(_mm512_srli_epi32::<16>(both)));
            let (mut scales, mut mins) = ([d; 16], [d_min; 16]);
            for j in 0..16 {
                let at = 8 * (j % 4);
                scales[j] = scaled(bits(words[j / 4], at, 0xf), d);
                mins[j] = scaled(bits(words[j / 4], at + 4, 0xf), d_min);
            }
            Scales { scales, mins }
        },
    }
}

/// Third bits at 0, two bits a weight at 32, six bits a scale at 96, `d` at 108. A weight is
/// `d * (scale - 32) * (q - 4)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q3_k<const TILES: bool>()
-> Packed<TILES, 110, 16, 16, SIGNED, impl Integers<110>, impl Scaled<110, 16>> {
    Packed {
        integers: |block: &[u8; 110], p| {
            let low = two_bits(load_32(block, 32 + p / 2 * 32), p);
            // Less 4, and 128 more; 4 more again where the third bit is set.
            let x = _mm512_add_epi8(low, _mm512_set1_epi8(124));
            _mm512_mask_add_epi8(x, next_bits(load_32(block, 0), p), x, _mm512_set1_epi8(4))
        },
        scales: |blocks: [&[u8; 110]; ROWS]| {
            // The scales are the 12 bytes from 96 on.
            let (d, [_, low @ .., high]) = (halves(blocks, 108), words(blocks, 92));
            let mut scales = [d; 16];
            for (j, scale) in scales.iter_mut().enumerate() {
                let low = bits(low[j % 8 / 4], 8 * (j % 4) + 4 * (j / 8), 0xf);
                let high = bits(high, 8 * (j % 4) + 2 * (j / 4), 3);
                *scale = scaled(less_32(low, high), d);
            }
            signed(scales)
        },
    }
}

/// `d`, `dmin` and the scales in the first 16 bytes, then nibbles. A weight is
/// `d * scale * q - dmin * min`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q4_k<const TILES: bool>()
-> Packed<TILES, 144, 32, 8, WITH_MINS, impl Integers<144>, impl Scaled<144, 8>> {
    Packed {
        integers: |block: &[u8; 144], p| {
            let bytes = load_32(block, 16 + p * 32);
            let both = joined(bytes, _mm256_srli_epi16::<4>(bytes));
            _mm512_and_si512(both, _mm512_set1_epi8(0xf))
        },
        scales: |blocks: [&[u8; 144]; ROWS]| k_scales(blocks),
    }
}

/// `d`, `dmin` and the scales in the first 16 bytes, fifth bits at 16, nibbles at 48. A weight is
/// `d * scale * q - dmin * min`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q5_k<const TILES: bool>()
-> Packed<TILES, 176, 32, 8, WITH_MINS, impl Integers<176>, impl Scaled<176, 8>> {
    Packed {
        integers: |block: &[u8; 176], p| {
            let low = load_32(block, 48 + p * 32);
            let both = joined(low, _mm256_srli_epi16::<4>(low));
            let x = _mm512_and_si512(both, _mm512_set1_epi8(0xf));
            let fifth = next_bits(load_32(block, 16), p);
            _mm512_mask_add_epi8(x, fifth, x, _mm512_set1_epi8(16))
        },
        scales: |blocks: [&[u8; 176]; ROWS]| k_scales(blocks),
    }
}

/// Nibbles at 0, two bits a weight at 128, a scale a byte at 192, `d` at 208. A weight is
/// `d * scale * (q - 32)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn q6_k<const TILES: bool>()
-> Packed<TILES, 210, 16, 16, SIGNED, impl Integers<210>, impl Scaled<210, 16>> {
    Packed {
        integers: |block: &[u8; 210], p| {
            // Half a block is 128 weights: its first 64 in the low nibbles, the others in the high.
            let (half, second) = (p / 2, p % 2 == 1);
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
        scales: |blocks: [&[u8; 210]; ROWS]| {
            let (d, words) = (halves(blocks, 208), words(blocks, 192));
            let mut scales = [d; 16];
            for (j, scale) in scales.iter_mut().enumerate() {
                // The byte comes to the top, and down again with its sign.
                let above = _mm512_set1_epi32(24 - 8 * (j as i32 % 4));
                let top = _mm512_sllv_epi32(words[j / 4], above);
                *scale = scaled(_mm512_srai_epi32::<24>(top), d);
            }
            signed(scales)
        },
    }
}

/// Two blocks: `d` at 0 and 18, nibbles at 2 and 20. A weight is `d * LEVELS[q]`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq4_nl<const TILES: bool>()
-> Packed<TILES, 36, 32, 2, SIGNED, impl Integers<36>, impl Scaled<36, 2>> {
    Packed {
        integers: |block: &[u8; 36], _| {
            let [a, b] = [2, 20].map(|at| nibbles(load_16(block, at)));
            looked_up(LEVELS, joined(a, b))
        },
        scales: |blocks: [&[u8; 36]; ROWS]| signed([halves(blocks, 0), halves(blocks, 18)]),
    }
}

/// `d` at 0, the high bits of the scales at 2, the low ones at 4, nibbles at 8. A weight is
/// `d * (scale - 32) * LEVELS[q]`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq4_xs<const TILES: bool>()
-> Packed<TILES, 136, 32, 8, SIGNED, impl Integers<136>, impl Scaled<136, 8>> {
    Packed {
        integers: |block: &[u8; 136], p| {
            let at = 8 + p * 32;
            let [a, b] = [at, at + 16].map(|at| nibbles(load_16(block, at)));
            looked_up(LEVELS, joined(a, b))
        },
        scales: |blocks: [&[u8; 136]; ROWS]| {
            // A word holds the f16 and the high bits of all scales, the next one the low bits.
            let [first, low, ..] = words(blocks, 0);
            let d = low_halves(first);
            let mut scales = [d; 8];
            for (j, scale) in scales.iter_mut().enumerate() {
                *scale = scaled(less_32(bits(low, 4 * j, 0xf), bits(first, 16 + 2 * j, 3)), d);
            }
            signed(scales)
        },
    }
}

/// Two blocks: the exponent at 0 and 17, nibbles at 1 and 18. A weight is `2^(e - 128) * DOUBLED[q]`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn mxfp4<const TILES: bool>()
-> Packed<TILES, 34, 32, 2, SIGNED, impl Integers<34>, impl Scaled<34, 2>> {
    Packed {
        integers: |block: &[u8; 34], _| {
            let [a, b] = [1, 18].map(|at| nibbles(load_16(block, at)));
            looked_up(DOUBLED, joined(a, b))
        },
        scales: |blocks: [&[u8; 34]; ROWS]| {
            signed([half_powers(blocks, 0), half_powers(blocks, 17)])
        },
    }
}

/// The levels of `IQ4_NL`, and 128 more.
const LEVELS: [u8; 16] = raised(tables::LEVELS, 128);

/// Twice the numbers of `MXFP4`, and 128 more.
pub(super) const DOUBLED: [u8; 16] = raised(tables::DOUBLED, 128);
