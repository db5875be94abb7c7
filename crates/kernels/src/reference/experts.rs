//! Mixtures of experts, and what works on heads one by one: the operations of `plan/experts.rs`.

use super::{Run, dot};
use crate::{GroupScore, Linear, Router, Routing, Rows, Scoring, Tensor, Weigh, Weight};

impl Run<'_> {
    pub(super) fn route(&self, scores: Tensor, r: &Router) -> Vec<f64> {
        let bias = r.bias.map(|bias| &self.weights[bias.id]);
        let scale = r.expert_scale.map(|scale| &self.weights[scale.id]);
        let mut out = Vec::new();
        for x in self.values[&scores.id].chunks_exact(scores.cols) {
            let scores = r.scoring.scores(x);
            let add = |(e, score): (usize, &f64)| score + bias.map_or(0.0, |bias| bias[e]);
            let biased: Vec<f64> = scores.iter().enumerate().map(add).collect();
            let chosen = best(&in_good_groups(biased, r), r.k);
            let weights = weights(&scores, &chosen, r);
            out.extend(chosen.iter().map(|&e| e as f64));
            let scale = chosen.iter().map(|&e| scale.map_or(1.0, |scale| scale[e]));
            out.extend(weights.iter().zip(scale).map(|(weight, scale)| weight * scale));
        }
        out
    }

    pub(super) fn expert_linear(&self, x: Tensor, r: Routing, l: &Linear) -> Vec<f64> {
        let mut out = Vec::new();
        for i in 0..self.batch.tokens.len() {
            for j in 0..r.k {
                let (expert, weight) = self.routed(r, i, j);
                let (x, weight) = match (x.rows, r.weigh) {
                    (Rows::Routed(k), _) => (self.row(x, i * k + j), 1.0),
                    (Rows::Step | Rows::Outputs, Weigh::Inputs) => (self.row(x, i), weight),
                    (Rows::Step | Rows::Outputs, Weigh::Results) => (self.row(x, i), 1.0),
                };
                for o in expert * l.w.rows..(expert + 1) * l.w.rows {
                    let w = &self.weights[l.w.id][o * l.w.cols..][..l.w.cols];
                    let bias = l.bias.map_or(0.0, |bias| self.weights[bias.id][o]);
                    out.push(weight * dot(x, w) + bias);
                }
            }
        }
        out
    }

    pub(super) fn expert_scale(
        &self,
        y: Tensor,
        r: Routing,
        scale: Weight,
        bias: Option<Weight>,
    ) -> Vec<f64> {
        let mut out = Vec::new();
        for i in 0..self.batch.tokens.len() {
            for j in 0..r.k {
                let (expert, _) = self.routed(r, i, j);
                let at =
                    |c: usize| bias.map_or(0.0, |bias| self.weights[bias.id][expert * y.cols + c]);
                let scale = self.weights[scale.id][expert];
                let row = self.row(y, i * r.k + j).iter().enumerate();
                out.extend(row.map(|(c, y)| scale * y + at(c)));
            }
        }
        out
    }

    pub(super) fn expert_sum(&self, y: Tensor, r: Routing) -> Vec<f64> {
        let mut out = Vec::new();
        for i in 0..self.batch.tokens.len() {
            let mut sum = vec![0.0; y.cols];
            for j in 0..r.k {
                let weight = match r.weigh {
                    Weigh::Results => self.routed(r, i, j).1,
                    Weigh::Inputs => 1.0,
                };
                let y = self.row(y, i * r.k + j);
                sum.iter_mut().zip(y).for_each(|(sum, y)| *sum += weight * y);
            }
            out.extend(sum);
        }
        out
    }

    /// The `j`-th expert of row `i`, and its weight.
    fn routed(&self, r: Routing, i: usize, j: usize) -> (usize, f64) {
        let row = self.row(r.table, i);
        (row[j] as usize, row[r.k + j])
    }

    pub(super) fn head_linear(&self, x: Tensor, w: Weight) -> Vec<f64> {
        let mut out = Vec::new();
        for row in self.values[&x.id].chunks_exact(x.cols) {
            let matrices = self.weights[w.id].chunks_exact(w.rows * w.cols);
            for (x, matrix) in row.chunks_exact(w.cols).zip(matrices) {
                out.extend(matrix.chunks_exact(w.cols).map(|w| dot(x, w)));
            }
        }
        out
    }
}

impl Scoring {
    fn scores(self, x: &[f64]) -> Vec<f64> {
        match self {
            Self::Softmax => softmax(x),
            Self::Sigmoid => x.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
            Self::SoftmaxOfChosen | Self::SparseMixer { .. } => x.to_vec(),
        }
    }
}

/// The scores of experts that may be chosen; the others are negative infinity.
fn in_good_groups(mut scores: Vec<f64>, r: &Router) -> Vec<f64> {
    let Some(groups) = r.groups else { return scores };
    let size = scores.len() / groups.n;
    let of_group = |group: &[f64]| -> f64 {
        let n = match groups.score {
            GroupScore::Largest => 1,
            GroupScore::TwoLargest => 2,
        };
        best(group, n).into_iter().map(|e| group[e]).sum()
    };
    let of_groups: Vec<f64> = scores.chunks_exact(size).map(of_group).collect();
    let good = best(&of_groups, groups.used);
    for (g, group) in scores.chunks_exact_mut(size).enumerate() {
        if !good.contains(&g) {
            group.fill(f64::NEG_INFINITY);
        }
    }
    scores
}

/// The places of the `n` largest, the largest first, of equal ones the first.
fn best(x: &[f64], n: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..x.len()).collect();
    places.sort_by(|&a, &b| x[b].total_cmp(&x[a]));
    places.truncate(n);
    places
}

fn weights(scores: &[f64], chosen: &[usize], r: &Router) -> Vec<f64> {
    let of_chosen: Vec<f64> = chosen.iter().map(|&e| scores[e]).collect();
    let mut weights = match r.scoring {
        Scoring::Softmax | Scoring::Sigmoid => of_chosen,
        Scoring::SoftmaxOfChosen => softmax(&of_chosen),
        Scoring::SparseMixer { jitter } => {
            (0..chosen.len()).map(|j| near_share(scores, chosen, j, f64::from(jitter))).collect()
        }
    };
    if r.renormalise {
        let total = weights.iter().sum::<f64>() + 1e-20;
        weights.iter_mut().for_each(|weight| *weight /= total);
    }
    weights.iter_mut().for_each(|weight| *weight *= f64::from(r.scale));
    weights
}

/// The share of the `j`-th chosen one in the softmax of those near it that are not chosen before.
fn near_share(x: &[f64], chosen: &[usize], j: usize, jitter: f64) -> f64 {
    let max = x[chosen[j]];
    let free = (0..x.len()).filter(|e| !chosen[..j].contains(e));
    let near = free.filter(|&e| (max - x[e]) / x[e].abs().max(max) <= 2.0 * jitter);
    1.0 / near.map(|e| (x[e] - max).exp()).sum::<f64>()
}

fn softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = x.iter().map(|x| (x - max).exp()).sum();
    x.iter().map(|x| (x - max).exp() / total).collect()
}
