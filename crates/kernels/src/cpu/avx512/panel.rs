//! Sixteen weight rows, unpacked once for many rows of activations.
//!
//! ```text
//! of each run of 16 or 32 weights:
//!   line 0 ‥ 3 or 7    four weights of each row, one row a lane
//!   then               16 scales, and of formats with minimums 16 of them
//! ```

use core::arch::x86_64::*;

use super::{
    Blocks, Integers, Kind, Line, PAIR, ROWS, Scaled, few::quarters_turned, load_16, load_line,
    store_line, stored, sum_of_run,
};
use crate::cpu::quantise::Q8Block;

impl<const RUN: usize, I, S> Blocks<RUN, I, S> {
    /// Lines of a run.
    const fn lines(kind: Kind) -> usize {
        RUN / 4
            + match kind {
                Kind::Signed => 1,
                Kind::WithMins => 2,
            }
    }

    /// Lines that rows of so many weights take.
    pub(in crate::cpu) fn panel_lines(&self, cols: usize) -> usize {
        cols / RUN * Self::lines(self.kind)
    }
}

/// Unpacks `rows`, whole pairs of blocks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(in crate::cpu) fn unpack<const RUN: usize, I: Integers, S: Scaled>(
    rows: [&[u8]; ROWS],
    panel: &mut [Line],
    of: &Blocks<RUN, I, S>,
) {
    let lines = Blocks::<RUN, I, S>::lines(of.kind);
    for (i, panel) in panel.chunks_exact_mut(PAIR / RUN * lines).enumerate() {
        let mut integers = [_mm512_setzero_si512(); ROWS];
        let (mut scales, mut mins) = ([[0.0; ROWS]; 4], [[0.0; ROWS]; 4]);
        for r in 0..ROWS {
            integers[r] = (of.integers)(rows[r], i);
            let here = (of.scales)(rows[r], i);
            (0..4).for_each(|j| scales[j][r] = here.scales[j]);
            (0..4).for_each(|j| mins[j][r] = here.mins[j]);
        }
        let integers = turned(integers);
        for (j, run) in panel.chunks_exact_mut(lines).enumerate() {
            let (weights, rest) = run.split_at_mut(RUN / 4);
            for (line, x) in weights.iter_mut().zip(&integers[j * RUN / 4..]) {
                store_line(*x, line);
            }
            store_line(_mm512_castps_si512(load_16(&scales[j])), &mut rest[0]);
            if of.kind == Kind::WithMins {
                store_line(_mm512_castps_si512(load_16(&mins[j])), &mut rest[1]);
            }
        }
    }
}

/// `sum(rows[r][i] * x[n][i])` for each `n`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(in crate::cpu) fn multiply<const RUN: usize, const N: usize, I: Integers, S: Scaled>(
    panel: &[Line],
    x: [&[Q8Block]; N],
    of: &Blocks<RUN, I, S>,
) -> [[f32; ROWS]; N] {
    let lines = Blocks::<RUN, I, S>::lines(of.kind);
    let blocks = panel.len() / (32 / RUN * lines);
    let x = x.map(|x| &x[..blocks]);
    let mut sums = [_mm512_setzero_ps(); N];
    for (b, runs) in panel.chunks_exact(32 / RUN * lines).enumerate() {
        for (j, run) in runs.chunks_exact(lines).enumerate() {
            let mut w = [_mm512_setzero_si512(); 8];
            for (w, line) in w.iter_mut().zip(&run[..RUN / 4]) {
                *w = load_line(line);
            }
            let scale = _mm512_castsi512_ps(load_line(&run[RUN / 4]));
            for n in 0..N {
                let x = &x[n][b];
                let mut product = match of.kind {
                    Kind::Signed if RUN == 16 => _mm512_set1_epi32(x.excess_of_halves[j]),
                    Kind::Signed => _mm512_set1_epi32(x.excess),
                    Kind::WithMins => _mm512_setzero_si512(),
                };
                let four = &x.qs.as_chunks::<4>().0[j * RUN / 4..];
                for g in 0..RUN / 4 {
                    let four = i32::from_le_bytes(four[g].map(i8::cast_unsigned));
                    product = _mm512_dpbusd_epi32(product, w[g], _mm512_set1_epi32(four));
                }
                let scale = _mm512_mul_ps(scale, _mm512_set1_ps(x.d));
                sums[n] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), scale, sums[n]);
                if of.kind == Kind::WithMins {
                    let min = _mm512_castsi512_ps(load_line(&run[RUN / 4 + 1]));
                    let sum = _mm512_set1_ps(sum_of_run::<RUN>(x, j));
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
