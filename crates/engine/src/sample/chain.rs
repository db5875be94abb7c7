//! The candidates for the next token, and the stages that drop some of them.
//!
//! Each stage keeps at least one. Candidates are ordered by logit, equals by token, as soon as a
//! stage needs an order, so that a text never depends on how a sort was written.

use super::{Candidate, Sampling, Stage, Xtc, repeats::Changes, top};

/// The tokens that are left, and their logits.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    left: Vec<(u32, f32)>,
    /// What `left` lacks of the logits, since a temperature takes the largest from all.
    base: f32,
    sorted: bool,
    /// Of `left`, in its order, after [`normalise`](Self::normalise).
    normal: Vec<Candidate>,
}

impl Candidates {
    /// Starts with every token that is not forbidden; where there is a `most`, with as many of the most
    /// probable, and some others.
    pub(super) fn fill(&mut self, logits: &[f32], most: Option<usize>) {
        self.left.clear();
        if let Some(k) = most {
            top::append(logits, k, &mut self.left);
        } else {
            let tokens = logits.iter().enumerate().map(|(i, &logit)| (i as u32, logit));
            self.left.extend(tokens.filter(|(_, logit)| *logit != f32::NEG_INFINITY));
        }
        if self.left.is_empty() {
            self.left.push((0, 0.0));
        }
        (self.base, self.sorted) = (0.0, false);
    }

    pub(super) fn adjust(&mut self, changes: &Changes) {
        if changes.0.is_empty() {
            return;
        }
        for (token, logit) in &mut self.left {
            if let Some(change) = changes.of(*token) {
                *logit = change.of(*logit + self.base) - self.base;
            }
        }
        self.sorted = false;
    }

    /// Runs `stage`; `chance` is XTC's number from 0 to 1.
    pub(super) fn keep(&mut self, stage: Stage, s: &Sampling, chance: impl FnOnce() -> f64) {
        match stage {
            Stage::Penalties | Stage::Dry => {}
            Stage::TopNSigma if s.top_n_sigma > 0.0 => self.top_n_sigma(s.top_n_sigma),
            Stage::TopK if s.top_k > 0 => self.top_k(s.top_k),
            Stage::Typical if s.typical_p < 1.0 => self.typical(s.typical_p),
            Stage::TopP if s.top_p < 1.0 => self.top_p(s.top_p),
            Stage::MinP if s.min_p > 0.0 => self.min_p(s.min_p),
            Stage::Xtc if s.xtc.probability > 0.0 => self.xtc(&s.xtc, chance()),
            Stage::Temperature => self.temper(s.temperature),
            Stage::TopNSigma | Stage::TopK | Stage::Typical => {}
            Stage::TopP | Stage::MinP | Stage::Xtc => {}
        }
    }

    /// The candidates with their probabilities, most probable first.
    pub(super) fn normalise(&mut self) -> &[Candidate] {
        self.sort();
        let probabilities = self.softmax();
        self.normal.clear();
        let pairs = self.left.iter().zip(probabilities);
        self.normal.extend(pairs.map(|(it, p)| Candidate { token: it.0, probability: p as f32 }));
        &self.normal
    }

    /// The candidate at `u` of the normalised probabilities laid end to end.
    pub(super) fn draw(&self, u: f64) -> u32 {
        let mut end = 0.0;
        for it in &self.normal {
            end += f64::from(it.probability);
            if u < end {
                return it.token;
            }
        }
        // Rounding may leave the sum a little below 1.
        self.normal.last().map_or(0, |it| it.token)
    }

    /// The largest becomes 0: no quotient of the others is too large for a number. A penalty that
    /// comes later asks for the sign that the logit itself would have.
    fn temper(&mut self, temperature: f32) {
        const MOST: f32 = 1e30;
        let max = self.left.iter().map(|it| it.1).fold(f32::NEG_INFINITY, f32::max);
        self.left.iter_mut().for_each(|it| it.1 = ((it.1 - max) / temperature).max(f32::MIN));
        self.base = ((self.base + max) / temperature).clamp(-MOST, MOST);
    }

    /// Keeps logits of at least `max - n * deviation`. Tang et al.: "Top-n-sigma", 2024.
    fn top_n_sigma(&mut self, n: f32) {
        let count = self.left.len() as f64;
        let logits = || self.left.iter().map(|it| f64::from(it.1));
        let mean = logits().sum::<f64>() / count;
        let variance = logits().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let least = logits().fold(f64::NEG_INFINITY, f64::max) - f64::from(n) * variance.sqrt();
        self.left.retain(|it| f64::from(it.1) >= least);
    }

    fn top_k(&mut self, k: usize) {
        if k < self.left.len() && !self.sorted {
            self.left.select_nth_unstable_by(k - 1, descending);
        }
        self.left.truncate(k);
        self.sort();
    }

    /// Keeps those whose surprise is nearest to the expected one, until their mass passes `p`.
    /// Meister et al.: "Locally typical sampling", 2022.
    fn typical(&mut self, p: f32) {
        self.sort();
        let probabilities = self.softmax();
        let surprise = |p: f64| if p > 0.0 { -p.ln() } else { f64::INFINITY };
        let entropy: f64 =
            probabilities.iter().filter(|p| **p > 0.0).map(|p| p * surprise(*p)).sum();
        let distance = |i: usize| (surprise(probabilities[i]) - entropy).abs();
        let mut nearest: Vec<usize> = (0..self.left.len()).collect();
        nearest.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        let kept = until(nearest.iter().map(|&i| probabilities[i]), |mass| mass > f64::from(p));
        nearest.truncate(kept);
        nearest.sort_unstable();
        self.left = nearest.into_iter().map(|i| self.left[i]).collect();
    }

    /// Holtzman et al.: "The curious case of neural text degeneration", 2020.
    fn top_p(&mut self, p: f32) {
        self.sort();
        let kept = until(self.softmax().into_iter(), |mass| mass >= f64::from(p));
        self.left.truncate(kept);
    }

    /// Nguyen et al.: "Turning up the heat: min-p sampling", 2024.
    fn min_p(&mut self, p: f32) {
        let max = self.left.iter().map(|it| it.1).fold(f32::NEG_INFINITY, f32::max);
        self.left.retain(|it| it.1 >= max + p.ln());
    }

    fn xtc(&mut self, xtc: &Xtc, chance: f64) {
        if chance >= f64::from(xtc.probability) || xtc.threshold > 0.5 {
            return;
        }
        self.sort();
        let reaches = |p: &&f64| **p >= f64::from(xtc.threshold);
        let above = self.softmax().iter().take_while(reaches).count();
        self.left.drain(..above.saturating_sub(1));
    }

    fn sort(&mut self) {
        if !self.sorted {
            self.left.sort_unstable_by(descending);
            self.sorted = true;
        }
    }

    /// Of `left`, in its order.
    fn softmax(&self) -> Vec<f64> {
        let max = self.left.iter().map(|it| it.1).fold(f32::NEG_INFINITY, f32::max);
        let mut p: Vec<f64> = self.left.iter().map(|it| f64::from(it.1 - max).exp()).collect();
        let total: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= total);
        p
    }
}

/// Whether `stage` drops candidates, or changes all of them.
pub(super) fn acts(stage: Stage, s: &Sampling) -> bool {
    match stage {
        Stage::Penalties | Stage::Dry => false,
        Stage::TopNSigma => s.top_n_sigma > 0.0,
        Stage::TopK => s.top_k > 0,
        Stage::Typical => s.typical_p < 1.0,
        Stage::TopP => s.top_p < 1.0,
        Stage::MinP => s.min_p > 0.0,
        Stage::Xtc => s.xtc.probability > 0.0,
        Stage::Temperature => true,
    }
}

pub(super) fn descending(a: &(u32, f32), b: &(u32, f32)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// How many of `p` it takes until their sum is `enough`; all, if it never is.
fn until(p: impl Iterator<Item = f64>, enough: impl Fn(f64) -> bool) -> usize {
    let (mut mass, mut count) = (0.0, 0);
    for p in p {
        mass += p;
        count += 1;
        if enough(mass) {
            break;
        }
    }
    count
}
