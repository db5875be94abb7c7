//! The largest of many logits, for which those that are too small are looked at some at a time.

use super::chain::descending;

/// Logits that are passed over together where none of them is large enough: one vector of truths after
/// the other.
const SOME: usize = 64;

/// The token of the largest logit, the first of equals.
pub fn greedy(logits: &[f32]) -> u32 {
    let (mut best, mut most) = (0, logits.first().copied().unwrap_or_default());
    for (c, some) in logits.chunks(SOME).enumerate() {
        let mut above = false;
        for logit in some {
            above |= *logit > most;
        }
        if !above {
            continue;
        }
        for (i, logit) in some.iter().enumerate() {
            if *logit > most {
                (best, most) = (c * SOME + i, *logit);
            }
        }
    }
    best as u32
}

/// Appends the tokens of the `k` largest logits, and of some others, that are not forbidden.
pub(super) fn append(logits: &[f32], k: usize, to: &mut Vec<(u32, f32)>) {
    let enough = (4 * k).max(256);
    // That many as large ones are there already; a NaN is passed over by nobody.
    let mut least = f32::NEG_INFINITY;
    for (c, some) in logits.chunks(SOME).enumerate() {
        let mut any = false;
        for logit in some {
            any |= *logit >= least || logit.is_nan();
        }
        if !any {
            continue;
        }
        let large = |it: &(usize, &f32)| *it.1 >= least || it.1.is_nan();
        let allowed = |it: &(usize, &f32)| *it.1 != f32::NEG_INFINITY;
        let some = some.iter().enumerate().filter(large).filter(allowed);
        to.extend(some.map(|(i, logit)| ((c * SOME + i) as u32, *logit)));
        if to.len() >= enough {
            to.select_nth_unstable_by(k - 1, descending);
            to.truncate(k);
            least = to[k - 1].1;
        }
    }
}
