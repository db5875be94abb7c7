//! Which experts a row goes to, and with which weights. What is computed is at
//! [`Router`](crate::Router).

use crate::{Groups, MAX_EXPERTS, Router, Scoring};

/// The numbers of a router's weights; empty where it has none.
#[derive(Clone, Copy)]
pub(super) struct OfExperts<'a> {
    pub(super) bias: &'a [f32],
    pub(super) scale: &'a [f32],
}

/// Writes the `k` experts of a row with these numbers, then their weights. Whatever the numbers
/// are, NaN among them, it is `k` different experts.
pub(super) fn row(x: &[f32], of_experts: OfExperts<'_>, r: &Router, out: &mut [f32]) {
    let mut room = [0.0; MAX_EXPERTS];
    let scores = &mut room[..x.len()];
    scores.copy_from_slice(x);
    match r.scoring {
        Scoring::Softmax => softmax(scores),
        Scoring::Sigmoid => scores.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
        Scoring::SoftmaxOfChosen | Scoring::SparseMixer { .. } => {}
    }
    let mut room = [0.0; MAX_EXPERTS];
    let biased = &mut room[..x.len()];
    biased.copy_from_slice(scores);
    biased.iter_mut().zip(of_experts.bias).for_each(|(score, bias)| *score += bias);

    let (chosen, weights) = out.split_at_mut(r.k);
    let mut free = [true; MAX_EXPERTS];
    if let Some(groups) = r.groups {
        only_good_groups(biased, groups, &mut free);
    }
    for (j, chosen) in chosen.iter_mut().enumerate() {
        let expert = largest(biased, &free);
        *chosen = expert as f32;
        weights[j] = match r.scoring {
            Scoring::Softmax | Scoring::Sigmoid | Scoring::SoftmaxOfChosen => scores[expert],
            Scoring::SparseMixer { jitter } => near_share(scores, &free, expert, jitter),
        };
        free[expert] = false;
    }
    if r.scoring == Scoring::SoftmaxOfChosen {
        softmax(weights);
    }
    if r.renormalise {
        let total = weights.iter().sum::<f32>() + 1e-20;
        weights.iter_mut().for_each(|weight| *weight /= total);
    }
    weights.iter_mut().for_each(|weight| *weight *= r.scale);
    for (weight, expert) in weights.iter_mut().zip(chosen) {
        *weight *= of_experts.scale.get(*expert as usize).copied().unwrap_or(1.0);
    }
}

/// Leaves free what is in the groups with the largest scores.
fn only_good_groups(scores: &[f32], groups: Groups, free: &mut [bool; MAX_EXPERTS]) {
    let size = scores.len() / groups.n;
    let mut of_groups = [0.0; MAX_EXPERTS];
    for (score, group) in of_groups.iter_mut().zip(scores.chunks_exact(size)) {
        let mut left = [true; MAX_EXPERTS];
        for _ in 0..groups.score.experts() {
            let best = largest(group, &left);
            *score += group[best];
            left[best] = false;
        }
    }
    let mut left = [true; MAX_EXPERTS];
    free.fill(false);
    for _ in 0..groups.used {
        let good = largest(&of_groups[..groups.n], &left);
        left[good] = false;
        free[good * size..][..size].fill(true);
    }
}

/// The place of the largest that is free, of equal ones the first.
fn largest(x: &[f32], free: &[bool; MAX_EXPERTS]) -> usize {
    let mut places = (0..x.len()).filter(|&i| free[i]);
    let first = places.next().expect("the plan has seen that there are enough");
    places.fold(first, |best, i| if x[i] > x[best] { i } else { best })
}

/// The share of `expert` in the softmax of the free ones near it.
fn near_share(x: &[f32], free: &[bool; MAX_EXPERTS], expert: usize, jitter: f32) -> f32 {
    let max = x[expert];
    let near = x.iter().zip(free).filter(|&(x, free)| {
        let is_far = (max - x) / x.abs().max(max) > 2.0 * jitter;
        *free && !is_far
    });
    1.0 / near.map(|(x, _)| (x - max).exp()).sum::<f32>()
}

fn softmax(x: &mut [f32]) {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - max).exp());
    let total: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= total);
}
