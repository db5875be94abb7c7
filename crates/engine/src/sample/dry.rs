//! DRY: a token that would prolong a run of tokens that occurred before loses by the run's length.
//!
//! For every earlier place the longest common suffix of "the tokens up to there" and "all tokens"
//! is wanted. Read backwards these are common prefixes, which the Z algorithm (Gusfield, 1997)
//! finds in linear time.

use std::collections::BTreeMap;

use super::{
    Dry,
    repeats::{Change, Changes},
};

/// What DRY subtracts after `last`, of which the final `unbroken` tokens follow the last breaker.
pub(super) fn changes(last: &[u32], unbroken: usize, dry: &Dry) -> Changes {
    if dry.multiplier == 0.0 || unbroken < dry.allowed_length || last.is_empty() {
        return Changes::default();
    }
    let reversed: Vec<u32> = last.iter().rev().copied().collect();
    let mut longest = BTreeMap::new();
    // Place `i` counts from the end, so the token that followed it is one nearer to the end.
    for (i, run) in common_prefixes(&reversed).into_iter().enumerate().skip(1) {
        let run = run.min(unbroken);
        if run > 0 && run >= dry.allowed_length {
            let best = longest.entry(reversed[i - 1]).or_insert(run);
            *best = run.max(*best);
        }
    }
    let minus = |run: usize| {
        let penalty = dry.multiplier * dry.base.powf((run - dry.allowed_length) as f32);
        penalty.min(f32::MAX)
    };
    let change = |(token, run)| (token, Change { factor: 1.0, minus: minus(run) });
    Changes(longest.into_iter().map(change).collect())
}

/// For each place, how many tokens from there on equal those from the start on.
fn common_prefixes(tokens: &[u32]) -> Vec<usize> {
    let mut z = vec![0; tokens.len()];
    // `left..right` is the match that reaches furthest.
    let (mut left, mut right) = (0, 0);
    for i in 1..tokens.len() {
        let mut n = if i < right { z[i - left].min(right - i) } else { 0 };
        while tokens.get(i + n).is_some_and(|it| *it == tokens[n]) {
            n += 1;
        }
        if i + n > right {
            (left, right) = (i, i + n);
        }
        z[i] = n;
    }
    z
}
