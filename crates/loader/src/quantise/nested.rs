//! Formats of 256 weights a block: an f16 scale of the scales of runs, which are small integers.
//!
//! First each run gets the scale that suits it; these are rounded to multiples of a common one; then
//! the neighbours of each rounded scale are tried, because a run's codes can make up for some of
//! the rounding.

use super::search::{Floor, Run, Span, inverse, nearest};
use crate::format::{f16_at, iq4_nl, iq4_xs, largest, put_f16, q2_k, q3_k, q4_k, q5_k, q6_k};

pub(super) fn q2_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let found = over_minima::<16, 16>(x, w, Tops { code: 3.0, scale: 15.0 });
    put_f16(&mut out[80..], found.d);
    put_f16(&mut out[82..], found.dmin);
    q2_k::put(out, &found.scales, &found.q);
}

pub(super) fn q4_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let found = over_minima::<32, 8>(x, w, Tops { code: 15.0, scale: 63.0 });
    put_f16(out, found.d);
    put_f16(&mut out[2..], found.dmin);
    let [scales, mins] = [0, 1].map(|i| found.scales.map(|it| it[i]));
    q4_k::put(out, (&scales, &mins), &found.q);
}

pub(super) fn q5_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let found = over_minima::<32, 8>(x, w, Tops { code: 31.0, scale: 63.0 });
    put_f16(out, found.d);
    put_f16(&mut out[2..], found.dmin);
    let [scales, mins] = [0, 1].map(|i| found.scales.map(|it| it[i]));
    q5_k::put(out, (&scales, &mins), &found.q);
}

pub(super) fn q3_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let level = |x: f32| nearest(x).clamp(-4.0, 3.0);
    let of = Signed { end: -4.0, span: INTEGERS, lowest_scale: -32.0 };
    let (d, scales) = signed::<16, 16>(x, w, of, level);
    put_f16(&mut out[108..], d);
    let q = codes::<16, _>(x, steps(d, scales), |x| level(x) as i8);
    q3_k::put(out, &scales, &q);
}

pub(super) fn q6_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let level = |x: f32| nearest(x).clamp(-32.0, 31.0);
    let of = Signed { end: -32.0, span: INTEGERS, lowest_scale: -128.0 };
    let (d, scales) = signed::<16, 16>(x, w, of, level);
    put_f16(&mut out[208..], d);
    let q = codes::<16, _>(x, steps(d, scales), |x| level(x) as i8);
    q6_k::put(out, &scales, &q);
}

pub(super) fn iq4_xs(x: &[f32], w: &[f32], out: &mut [u8]) {
    let level = |x: f32| iq4_nl::LEVELS[usize::from(iq4_nl::nearest(x))];
    let of = Signed { end: -127.0, span: Span { width: 7.0, steps: 7 }, lowest_scale: -32.0 };
    let (d, scales) = signed::<32, 8>(x, w, of, level);
    put_f16(out, d);
    iq4_xs::put(out, &scales, &codes::<32, _>(x, steps(d, scales), iq4_nl::nearest));
}

/// Candidates for whole numbers: one level up and down, in tenths.
const INTEGERS: Span = Span { width: 0.9, steps: 9 };

/// Of a format whose codes and scales have signs.
struct Signed {
    /// The level that the largest weight of a run gets.
    end: f32,
    span: Span,
    /// The scale that the largest scale gets; the highest is one less than its magnitude.
    lowest_scale: f32,
}

/// `d` as an f16 holds it, and the scale of each run.
fn signed<const LEN: usize, const RUNS: usize>(
    x: &[f32],
    w: &[f32],
    of: Signed,
    level: impl Fn(f32) -> f32 + Copy,
) -> (f32, [i8; RUNS]) {
    let runs = runs::<LEN, RUNS>(x, w);
    let wanted = runs.map(|run| run.scale(of.end, of.span, level));
    let d = as_f16(largest(&wanted) / of.lowest_scale);
    let ratio = inverse(d);
    let mut scales = [0; RUNS];
    for ((scale, run), wanted) in scales.iter_mut().zip(runs).zip(wanted) {
        let rounded = nearest(wanted * ratio);
        let neighbours = [rounded, rounded - 1.0, rounded + 1.0];
        let fits = |it: &f32| (of.lowest_scale..-of.lowest_scale).contains(it);
        let error = |it: &f32| run.error(d * it, level);
        let clamped = rounded.clamp(of.lowest_scale, -of.lowest_scale - 1.0);
        let best = neighbours.into_iter().filter(fits).min_by(|a, b| error(a).total_cmp(&error(b)));
        *scale = best.unwrap_or(clamped) as i8;
    }
    (d, scales)
}

/// What a code counts in each run.
fn steps<const RUNS: usize>(d: f32, scales: [i8; RUNS]) -> impl Iterator<Item = f32> {
    scales.into_iter().map(move |it| d * f32::from(it))
}

/// The codes of all weights, given the scale of each run.
fn codes<const LEN: usize, C: Copy + Default>(
    x: &[f32],
    scales: impl Iterator<Item = f32>,
    code: impl Fn(f32) -> C,
) -> [C; 256] {
    let mut q = [C::default(); 256];
    for ((q, x), scale) in q.chunks_exact_mut(LEN).zip(x.chunks_exact(LEN)).zip(scales) {
        let inverse = inverse(scale);
        q.iter_mut().zip(x).for_each(|(q, x)| *q = code(x * inverse));
    }
    q
}

/// The largest code and the largest scale of a format with minima.
#[derive(Clone, Copy)]
struct Tops {
    code: f32,
    scale: f32,
}

/// A block of a format with minima.
struct OverMinima<const RUNS: usize> {
    /// The scale of the scales, as an f16 holds it.
    d: f32,
    /// The scale of the minima.
    dmin: f32,
    /// Scale and minimum of each run.
    scales: [[u8; 2]; RUNS],
    q: [u8; 256],
}

fn over_minima<const LEN: usize, const RUNS: usize>(
    x: &[f32],
    w: &[f32],
    tops: Tops,
) -> OverMinima<RUNS> {
    let runs = runs::<LEN, RUNS>(x, w);
    let wanted = runs.map(|run| run.scale_and_min(tops.code, Floor::AtMostZero));
    let d = unit(wanted.map(|it| it.0), tops.scale);
    let dmin = unit(wanted.map(|it| -it.1), tops.scale);
    let (mut scales, mut q) = ([[0; 2]; RUNS], [0; 256]);
    for (i, (run, (scale, min))) in runs.into_iter().zip(wanted).enumerate() {
        let rounded = [nearest(scale * inverse(d)), nearest(-min * inverse(dmin))];
        let [scale, min] = best_neighbour(run, [d, dmin], rounded, tops);
        scales[i] = [scale as u8, min as u8];
        let (inverse, min) = (inverse(d * scale), dmin * min);
        for (q, x) in q[LEN * i..].iter_mut().zip(run.x) {
            *q = nearest((x + min) * inverse).clamp(0.0, tops.code) as u8;
        }
    }
    OverMinima { d, dmin, scales, q }
}

/// What the scales are multiples of, as an f16 holds it: the largest one, of at most `top`, is a whole
/// multiple, and of all loses least by rounding.
fn unit<const RUNS: usize>(scales: [f32; RUNS], top: f32) -> f32 {
    let largest = scales.into_iter().fold(0.0, f32::max);
    let lost = |unit: &f32| -> f32 {
        let ratio = inverse(*unit);
        let off = |it: f32| it - unit * nearest(it * ratio).clamp(0.0, top);
        scales.iter().map(|it| off(*it).powi(2)).sum()
    };
    let multiples = (top as i32 / 2 + 1..=top as i32).rev();
    let units = multiples.map(|it| as_f16(largest / it as f32));
    units.min_by(|a, b| lost(a).total_cmp(&lost(b))).unwrap_or(0.0)
}

/// Of a rounded scale and minimum and their neighbours, those that lose least.
fn best_neighbour<const LEN: usize>(
    run: Run<'_, LEN>,
    [d, dmin]: [f32; 2],
    rounded: [f32; 2],
    tops: Tops,
) -> [f32; 2] {
    let mut best = (f32::INFINITY, [0.0; 2]);
    for ds in [0.0, -1.0, 1.0] {
        for dm in [0.0, -1.0, 1.0] {
            let [scale, min] =
                [rounded[0] + ds, rounded[1] + dm].map(|it| it.clamp(0.0, tops.scale));
            let error = run.error_over(tops.code, (d * scale, -dmin * min));
            if error < best.0 {
                best = (error, [scale, min]);
            }
        }
    }
    best.1
}

/// The number that is stored where this is to be.
fn as_f16(x: f32) -> f32 {
    let mut bytes = [0; 2];
    put_f16(&mut bytes, x);
    f16_at(&bytes)
}

fn runs<'a, const LEN: usize, const RUNS: usize>(
    x: &'a [f32],
    w: &'a [f32],
) -> [Run<'a, LEN>; RUNS] {
    let (x, w) = (x.as_chunks::<LEN>().0, w.as_chunks::<LEN>().0);
    std::array::from_fn(|i| Run { x: &x[i], w: &w[i] })
}
