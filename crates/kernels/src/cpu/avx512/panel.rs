//! Sixteen weight rows, unpacked once for many rows of activations.
//!
//! ```text
//! of each run of 16 or 32 weights:
//!   line 0 ‥ 3 or 7    four weights of each row, one row a lane
//!   then               16 scales, and of formats with minimums 16 minimums
//! ```

use core::arch::x86_64::*;

use super::{Integers, Packed, Scaled, load_line, store_line, stored};
use crate::cpu::{
    quantise::Q8Block,
    wide::{Line, ROWS, blocks, nth},
};

impl<
    const TILES: bool,
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MINS: bool,
    I: Integers<BYTES>,
    S: Scaled<BYTES, RUNS>,
> Packed<TILES, BYTES, RUN, RUNS, MINS, I, S>
{
    /// Lines of a run.
    pub(super) const LINES: usize = RUN / 4 + if MINS { 2 } else { 1 };

    /// Lines that rows of so many weights take.
    pub(in crate::cpu) fn lines(&self, cols: usize) -> usize {
        cols / RUN * Self::LINES
    }

    /// Unpacks `rows`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(in crate::cpu) fn unpack(&self, rows: [&[u8]; ROWS], panel: &mut [Line]) {
        assert!(panel.len().is_multiple_of(RUNS * Self::LINES), "whole blocks");
        let rows = blocks(rows, panel.len() / (RUNS * Self::LINES));
        for (b, runs) in panel.chunks_exact_mut(RUNS * Self::LINES).enumerate() {
            let blocks = nth(&rows, b);
            let of_rows = (self.scales)(blocks);
            for (p, runs) in runs.chunks_exact_mut(Self::RUNS_OF_PAIR * Self::LINES).enumerate() {
                let mut integers = [_mm512_setzero_si512(); ROWS];
                for (integers, block) in integers.iter_mut().zip(blocks) {
                    *integers = Self::as_in_panels((self.integers)(block, p));
                }
                let integers = turned(integers);
                for (j, run) in runs.chunks_exact_mut(Self::LINES).enumerate() {
                    let (weights, rest) = run.split_at_mut(RUN / 4);
                    for (line, x) in weights.iter_mut().zip(&integers[j * RUN / 4..]) {
                        store_line(*x, line);
                    }
                    let of_run = p * Self::RUNS_OF_PAIR + j;
                    store_line(_mm512_castps_si512(of_rows.scales[of_run]), &mut rest[0]);
                    if MINS {
                        store_line(_mm512_castps_si512(of_rows.mins[of_run]), &mut rest[1]);
                    }
                }
            }
        }
    }

    /// `sum(rows[r][i] * x[n][i])` for each `n`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(in crate::cpu) fn multiply<const N: usize>(
        &self,
        panel: &[Line],
        x: [&[Q8Block]; N],
    ) -> [[f32; ROWS]; N] {
        let mut out = [[0.0; ROWS]; N];
        let ((eights, fewer), (to_eights, to_fewer)) = (x.as_chunks(), out.as_chunks_mut());
        let ((fours, ones), (to_fours, to_ones)) = (fewer.as_chunks(), to_fewer.as_chunks_mut());
        for (x, to) in eights.iter().zip(to_eights) {
            *to = Self::side_by_side::<8>(panel, *x);
        }
        for (x, to) in fours.iter().zip(to_fours) {
            *to = Self::side_by_side::<4>(panel, *x);
        }
        for (x, to) in ones.iter().zip(to_ones) {
            [*to] = Self::side_by_side(panel, [*x]);
        }
        out
    }

    /// The same of as many rows as have all their sums in registers. A Zen 5 begins two sums of integers
    /// in a cycle, each of which takes four: with eight rows in turn, none waits for itself.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn side_by_side<const N: usize>(panel: &[Line], x: [&[Q8Block]; N]) -> [[f32; ROWS]; N] {
        let runs_of_block = 32 / RUN;
        assert!(panel.len().is_multiple_of(runs_of_block * Self::LINES), "whole blocks");
        let blocks = panel.len() / (runs_of_block * Self::LINES);
        let x = x.map(|x| &x[..blocks]);
        let mut sums = [_mm512_setzero_ps(); N];
        for (b, runs) in panel.chunks_exact(runs_of_block * Self::LINES).enumerate() {
            let x = nth(&x, b);
            for (j, run) in runs.chunks_exact(Self::LINES).enumerate() {
                // In a loop: what `array::map` is given is not compiled for these instructions.
                let mut products = [_mm512_setzero_si512(); N];
                if !MINS {
                    for n in 0..N {
                        products[n] = _mm512_set1_epi32(x[n].excess_of_run::<RUN>(j));
                    }
                }
                for (g, line) in run[..RUN / 4].iter().enumerate() {
                    let w = Self::as_in_panels(load_line(line));
                    for n in 0..N {
                        let four = x[n].qs.as_chunks::<4>().0[j * RUN / 4 + g];
                        let four = i32::from_le_bytes(four.map(i8::cast_unsigned));
                        products[n] = _mm512_dpbusd_epi32(products[n], w, _mm512_set1_epi32(four));
                    }
                }
                let scale = _mm512_castsi512_ps(load_line(&run[RUN / 4]));
                for n in 0..N {
                    let scale = _mm512_mul_ps(scale, _mm512_set1_ps(x[n].d));
                    sums[n] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[n]), scale, sums[n]);
                    if MINS {
                        let min = _mm512_castsi512_ps(load_line(&run[RUN / 4 + 1]));
                        let sum = _mm512_set1_ps(x[n].sum_of_run::<RUN>(j));
                        sums[n] = _mm512_fnmadd_ps(min, sum, sums[n]);
                    }
                }
            }
        }
        let mut out = [[0.0; ROWS]; N];
        for n in 0..N {
            out[n] = stored(sums[n]);
        }
        out
    }
}

/// Four bytes `g` of each row, one row a lane: 16 by 16 turned round.
#[inline]
#[target_feature(enable = "avx512f")]
fn turned(rows: [__m512i; ROWS]) -> [__m512i; ROWS] {
    // Of four rows, in each quarter: four bytes 0, 1, 2 and 3 of that quarter.
    let mut fours = [[_mm512_setzero_si512(); 4]; 4];
    for (four, rows) in fours.iter_mut().zip(rows.as_chunks::<4>().0) {
        let low = [0, 2].map(|r| _mm512_unpacklo_epi32(rows[r], rows[r + 1]));
        let high = [0, 2].map(|r| _mm512_unpackhi_epi32(rows[r], rows[r + 1]));
        *four = [
            _mm512_unpacklo_epi64(low[0], low[1]),
            _mm512_unpackhi_epi64(low[0], low[1]),
            _mm512_unpacklo_epi64(high[0], high[1]),
            _mm512_unpackhi_epi64(high[0], high[1]),
        ];
    }
    let mut out = [_mm512_setzero_si512(); ROWS];
    for k in 0..4 {
        let quarters = quarters_turned([0, 1, 2, 3].map(|m| fours[m][k]));
        for (q, x) in quarters.into_iter().enumerate() {
            out[4 * q + k] = x;
        }
    }
    out
}

/// Quarter `j` of vector `i` becomes quarter `i` of vector `j`.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters_turned([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let low = [_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d)];
    let high = [_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d)];
    [
        _mm512_shuffle_i32x4::<0x88>(low[0], low[1]),
        _mm512_shuffle_i32x4::<0xdd>(low[0], low[1]),
        _mm512_shuffle_i32x4::<0x88>(high[0], high[1]),
        _mm512_shuffle_i32x4::<0xdd>(high[0], high[1]),
    ]
}
