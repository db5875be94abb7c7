//! Formats of 32 weights a block, with one scale, or a scale and a minimum.

use super::search::{Floor, Run, Span, inverse, nearest};
use crate::format::{e2m1, f16_at, iq4_nl, mxfp4, put_f16, q4_0, q4_1, q5_0, q5_1};

/// Candidates for whole numbers: one level up and down, in tenths.
const INTEGERS: Span = Span { width: 0.9, steps: 9 };
/// Candidates for the levels of `IQ4_NL`.
const LEVELS: Span = Span { width: 7.0, steps: 7 };

pub(super) fn q4_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let run = run(x, w);
    let level = |x: f32| nearest(x).clamp(-8.0, 7.0);
    put_f16(out, run.scale(-8.0, INTEGERS, level));
    let inverse = inverse(f16_at(out));
    q4_0::put(out, &run.x.map(|x| (level(x * inverse) + 8.0) as u8));
}

pub(super) fn q5_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let run = run(x, w);
    let level = |x: f32| nearest(x).clamp(-16.0, 15.0);
    put_f16(out, run.scale(-16.0, INTEGERS, level));
    let inverse = inverse(f16_at(out));
    q5_0::put(out, &run.x.map(|x| (level(x * inverse) + 16.0) as u8));
}

pub(super) fn q4_1(x: &[f32], w: &[f32], out: &mut [u8]) {
    let q = over_minimum(run(x, w), 15.0, out);
    q4_1::put(out, &q);
}

pub(super) fn q5_1(x: &[f32], w: &[f32], out: &mut [u8]) {
    let q = over_minimum(run(x, w), 31.0, out);
    q5_1::put(out, &q);
}

/// Writes scale and minimum; the codes.
fn over_minimum(run: Run<'_, 32>, top: f32, out: &mut [u8]) -> [u8; 32] {
    let (scale, min) = run.scale_and_min(top, Floor::Any);
    put_f16(out, scale);
    put_f16(&mut out[2..], min);
    let (inverse, min) = (inverse(f16_at(out)), f16_at(&out[2..]));
    run.x.map(|x| nearest((x - min) * inverse).clamp(0.0, top) as u8)
}

pub(super) fn iq4_nl(x: &[f32], w: &[f32], out: &mut [u8]) {
    let run = run(x, w);
    let level = |x: f32| iq4_nl::LEVELS[usize::from(iq4_nl::nearest(x))];
    put_f16(out, run.scale(-127.0, LEVELS, level));
    let inverse = inverse(f16_at(out));
    iq4_nl::put(&mut out[2..], &run.x.map(|x| iq4_nl::nearest(x * inverse)));
}

/// Of the power that holds the largest weight and its neighbours, the one that loses least.
pub(super) fn mxfp4(x: &[f32], w: &[f32], out: &mut [u8]) {
    let run = run(x, w);
    let plain = mxfp4::exponent(crate::format::largest(x).abs());
    let level = |x: f32| e2m1::DOUBLED[usize::from(e2m1::nearest(x))];
    let error = |e: &u8| run.error(mxfp4::half_of_power(*e), level);
    let candidates = [plain, plain.saturating_add(1), plain.saturating_sub(1)];
    let e = candidates.into_iter().min_by(|a, b| error(a).total_cmp(&error(b))).unwrap_or(plain);
    mxfp4::put(out, e, run.x);
}

fn run<'a>(x: &'a [f32], w: &'a [f32]) -> Run<'a, 32> {
    let whole = |it: &'a [f32]| it.try_into().expect("blocks of 32");
    Run { x: whole(x), w: whole(w) }
}
