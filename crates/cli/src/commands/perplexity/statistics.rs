//! Sums over tokens, and the figures that they become.

use serde_json::json;

/// What tokens cost: `-ln p` of each.
#[derive(Debug, Default)]
pub(super) struct Losses {
    n: usize,
    sum: f64,
    squares: f64,
}

impl Losses {
    pub(super) fn add(&mut self, logits: &[f32], next: u32) {
        let loss = normaliser(logits) - f64::from(logits[next as usize]);
        self.n += 1;
        self.sum += loss;
        self.squares += loss * loss;
    }

    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// `exp` of the mean loss, and how uncertain it is: one standard deviation of the mean.
    pub(super) fn perplexity(&self) -> (f64, f64) {
        let (mean, off) = mean_and_error(self.n, self.sum, self.squares);
        (mean.exp(), mean.exp() * off)
    }
}

/// How far one distribution is from another, token by token.
#[derive(Debug, Default)]
pub(super) struct Distances {
    /// `sum p ln (p / q)`, `p` the better model's.
    divergences: Vec<f64>,
    same_first: usize,
    /// Of the probability of the token that came: q - p.
    shifts: f64,
    shift_squares: f64,
    theirs: Losses,
    /// `ln p - ln q` of the token that came.
    ratios: f64,
    ratio_squares: f64,
}

impl Distances {
    pub(super) fn add(&mut self, theirs: &[f32], ours: &[f32], next: u32) {
        let [a, b] = [theirs, ours].map(normaliser);
        let mut divergence = 0.0;
        for (&x, &y) in theirs.iter().zip(ours) {
            let [p, q] = [f64::from(x) - a, f64::from(y) - b];
            // What cannot come adds nothing: 0 ln 0 is 0.
            divergence += if p.exp() > 0.0 { p.exp() * (p - q) } else { 0.0 };
        }
        let [p, q] = [f64::from(theirs[next as usize]) - a, f64::from(ours[next as usize]) - b];
        self.divergences.push(divergence);
        self.same_first += usize::from(first(theirs) == first(ours));
        self.shifts += q.exp() - p.exp();
        self.shift_squares += (q.exp() - p.exp()).powi(2);
        self.ratios += p - q;
        self.ratio_squares += (p - q).powi(2);
        self.theirs.add(theirs, next);
    }

    fn figures(&self) -> Figures {
        let n = self.divergences.len();
        let mut sorted = self.divergences.clone();
        sorted.sort_by(f64::total_cmp);
        let squares = sorted.iter().map(|it| it * it).sum();
        let share = self.same_first as f64 / n.max(1) as f64;
        Figures {
            theirs: self.theirs.perplexity(),
            ratio: mean_and_error(n, self.ratios, self.ratio_squares),
            mean: mean_and_error(n, sorted.iter().sum(), squares),
            median: quantile(&sorted, 0.5),
            high: quantile(&sorted, 0.99),
            max: sorted.last().copied().unwrap_or(0.0),
            same: (share, (share * (1.0 - share) / (n.max(2) - 1) as f64).sqrt()),
            shift: mean_and_error(n, self.shifts, self.shift_squares),
            shift_rms: (self.shift_squares / n.max(1) as f64).sqrt(),
        }
    }

    pub(super) fn page(&self) -> String {
        let it = self.figures();
        let rows = [
            ("its perplexity", format!("{:.4} ± {:.4}", it.theirs.0, it.theirs.1)),
            ("ln ratio", format!("{:.6} ± {:.6}", it.ratio.0, it.ratio.1)),
            ("mean KLD", format!("{:.6} ± {:.6}", it.mean.0, it.mean.1)),
            ("median KLD", format!("{:.6}", it.median)),
            ("99% KLD", format!("{:.6}", it.high)),
            ("maximum KLD", format!("{:.6}", it.max)),
            ("same top token", percent(it.same)),
            ("mean shift of p", percent(it.shift)),
            ("RMS shift of p", format!("{:.3} %", 100.0 * it.shift_rms)),
        ];
        rows.iter().map(|(name, text)| format!("{name:<17}{text}\n")).collect()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let it = self.figures();
        json!({
            "base_perplexity": it.theirs.0,
            "base_perplexity_error": it.theirs.1,
            "mean_ln_ratio": it.ratio.0,
            "mean_ln_ratio_error": it.ratio.1,
            "mean": it.mean.0,
            "mean_error": it.mean.1,
            "median": it.median,
            "p99": it.high,
            "max": it.max,
            "same_top": it.same.0,
            "same_top_error": it.same.1,
            "mean_delta_p": it.shift.0,
            "rms_delta_p": it.shift_rms,
        })
    }
}

/// With their uncertainties, where they are means.
struct Figures {
    theirs: (f64, f64),
    ratio: (f64, f64),
    mean: (f64, f64),
    median: f64,
    high: f64,
    max: f64,
    same: (f64, f64),
    shift: (f64, f64),
    shift_rms: f64,
}

fn percent((mean, off): (f64, f64)) -> String {
    format!("{:.3} ± {:.3} %", 100.0 * mean, 100.0 * off)
}

/// `ln sum exp`
fn normaliser(logits: &[f32]) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&it| f64::from(it - max).exp()).sum();
    sum.ln() + f64::from(max)
}

fn first(logits: &[f32]) -> usize {
    let better = |best: usize, i: usize| if logits[i] > logits[best] { i } else { best };
    (0..logits.len()).fold(0, better)
}

/// The mean of `n` numbers, and one standard deviation of it.
fn mean_and_error(n: usize, sum: f64, squares: f64) -> (f64, f64) {
    let mean = sum / n.max(1) as f64;
    let variance = (squares / n.max(1) as f64 - mean * mean).max(0.0);
    (mean, (variance / (n.max(2) - 1) as f64).sqrt())
}

/// Of sorted numbers, between the two nearest.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = at * last as f64;
    let (low, part) = (place as usize, place.fract());
    sorted[low] * (1.0 - part) + sorted[(low + 1).min(last)] * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_odds_cost_their_number() {
        let mut losses = Losses::default();
        for next in 0..4 {
            losses.add(&[1.5; 4], next);
        }
        let (perplexity, off) = losses.perplexity();
        assert!((perplexity - 4.0).abs() < 1e-9 && off < 1e-6, "{perplexity} ± {off}");
    }

    #[test]
    fn a_model_is_at_no_distance_from_itself() {
        let mut same = Distances::default();
        (0..3).for_each(|next| same.add(&[0.1, 2.0, -1.0], &[0.1, 2.0, -1.0], next));
        let it = same.figures();
        assert_eq!((it.mean.0, it.max, it.same.0, it.shift_rms), (0.0, 0.0, 1.0, 0.0));
    }

    #[test]
    fn distances_are_those_of_a_small_example() {
        let mut apart = Distances::default();
        // p = 3/4, 1/4; q = 1/2, 1/2.
        apart.add(&[3f32.ln(), 0.0], &[0.0, 0.0], 0);
        let it = apart.figures();
        let expected = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        assert!((it.mean.0 - expected).abs() < 1e-7, "{}", it.mean.0);
        assert!((it.ratio.0 - 1.5f64.ln()).abs() < 1e-7 && (it.shift.0 + 0.25).abs() < 1e-7);
        assert!((it.theirs.0 - 4.0 / 3.0).abs() < 1e-6);
    }

    /// After llama.cpp's `kl_divergence`, in numpy with float64, with natural logarithms:
    ///
    /// ```text
    /// lp, lq = [x - log(exp(x).sum(1, keepdims=True)) for x in (THEIRS, OURS)]
    /// kld = (exp(lp) * (lp - lq)).sum(1);   at(l) = l[range(6), NEXT]
    /// error(x) = sqrt((mean(x * x) - mean(x) ** 2) / (len(x) - 1))
    /// perplexity(l) = exp(mean(-at(l))), times error(-at(l)) for its error
    /// ratio = mean(at(lp) - at(lq));        shift = exp(at(lq)) - exp(at(lp))
    /// median: of the two in the middle; p99: between the two nearest, numpy.quantile(kld, 0.99)
    /// same = mean(argmax(lp) == argmax(lq)), sqrt(same * (1 - same) / 5) for its error
    /// ```
    #[test]
    fn figures_are_those_that_numpy_computes() {
        const THEIRS: [[f32; 4]; 6] = [
            [1.5, -0.25, 0.75, -2.0],
            [0.0, 2.0, -1.0, 0.5],
            [-1.0, -1.5, 3.0, 0.25],
            [0.5, 0.25, -0.5, 1.0],
            [2.0, 1.0, 0.0, -1.0],
            [-0.75, 0.5, 0.25, -3.0],
        ];
        const OURS: [[f32; 4]; 6] = [
            [1.25, 0.0, 1.0, -1.5],
            [0.25, 1.5, -0.5, 0.75],
            [-0.5, -1.0, 2.0, 0.5],
            [1.0, 0.5, -0.25, 0.75],
            [1.75, 1.25, 0.5, -1.5],
            [-0.25, 0.0, 0.75, -1.0],
        ];
        const NEXT: [u32; 6] = [2, 1, 3, 0, 1, 3];
        let (mut ours, mut apart) = (Losses::default(), Distances::default());
        for ((x, y), next) in THEIRS.iter().zip(&OURS).zip(NEXT) {
            ours.add(y, next);
            apart.add(x, y, next);
        }
        let it = apart.figures();
        let (perplexity, off) = ours.perplexity();
        for (what, found, expected) in [
            ("perplexity", perplexity, 3.818865979354),
            ("its error", off, 1.036848058750),
            ("their perplexity", it.theirs.0, 6.755321430330),
            ("its error", it.theirs.1, 3.844337153942),
            ("ln ratio", it.ratio.0, -0.570377039839),
            ("its error", it.ratio.1, 0.298974384343),
            ("mean", it.mean.0, 0.077154465558),
            ("its error", it.mean.1, 0.020317455018),
            ("median", it.median, 0.060246714969),
            ("p99", it.high, 0.162693811229),
            ("maximum", it.max, 0.165935643127),
            ("same", it.same.0, 0.666666666667),
            ("its error", it.same.1, 0.210818510678),
            ("shift", it.shift.0, 0.044627513585),
            ("its error", it.shift.1, 0.045808872939),
            ("RMS of shifts", it.shift_rms, 0.111731281066),
        ] {
            assert!((found - expected).abs() < 1e-9, "{what}: {found}, numpy says {expected}");
        }
    }

    #[test]
    fn what_cannot_come_is_at_no_distance() {
        let mut apart = Distances::default();
        let never = f32::NEG_INFINITY;
        apart.add(&[0.0, 0.0, never], &[0.0, 0.0, never], 0);
        assert_eq!(apart.figures().max, 0.0);
    }

    #[test]
    fn quantiles_lie_between() {
        let sorted = [0.0, 1.0, 2.0, 4.0];
        assert_eq!([0.0, 0.5, 1.0].map(|at| quantile(&sorted, at)), [0.0, 1.5, 4.0]);
    }
}
