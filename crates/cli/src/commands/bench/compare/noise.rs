//! Whether two samples differ by more than chance: the rank test of Mann and Whitney, two-sided.
//!
//! H. B. Mann and D. R. Whitney, On a test of whether one of two random variables is stochastically
//! larger than the other, 1947. Nothing is assumed of how times are distributed. For few values all
//! ways to deal the ranks are counted, ties included; for many, their sum is close to normal.

/// Differences that come by chance less often than this are none of chance.
pub(super) const LEVEL: f64 = 0.05;

/// Up to so many values all ways are counted.
const FEW: usize = 60;

/// How often chance alone makes samples differ as much as these or more: 0 to 1.
pub(super) fn p_value(a: &[f64], b: &[f64]) -> f64 {
    let ranks = doubled_ranks(a, b);
    let sum: usize = ranks[..a.len()].iter().sum();
    match ranks.len() <= FEW {
        true => exact(&ranks, a.len(), sum),
        false => normal(&ranks, a.len(), sum),
    }
}

/// The least that [`p_value`] can be for samples of these sizes.
pub(super) fn least(a: usize, b: usize) -> f64 {
    // C(a + b, a)
    let ways: f64 = (1..=a).map(|i| (b + i) as f64 / i as f64).product();
    (2.0 / ways).min(1.0)
}

/// Twice the rank of each value of both samples, `a` first: equal ones share the mean of theirs.
fn doubled_ranks(a: &[f64], b: &[f64]) -> Vec<usize> {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&i, &j| all[i].total_cmp(&all[j]));
    let mut ranks = vec![0; all.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&i, &j| all[i] == all[j]) {
        // The mean of before + 1 ..= before + n.
        tied.iter().for_each(|&i| ranks[i] = 2 * before + tied.len() + 1);
        before += tied.len();
    }
    ranks
}

/// Counts in how many of all ways to choose `n` of the ranks their sum is as far from the middle.
fn exact(ranks: &[usize], n: usize, sum: usize) -> f64 {
    let all: usize = ranks.iter().sum();
    // ways[k][s]: to choose k ranks with the sum s.
    let mut ways = vec![vec![0.0_f64; all + 1]; n + 1];
    ways[0][0] = 1.0;
    for &rank in ranks {
        for k in (0..n).rev() {
            for s in (0..=all - rank).rev() {
                ways[k + 1][s + rank] += ways[k][s];
            }
        }
    }
    let distance = |s: usize| (s * ranks.len()).abs_diff(n * all);
    let counted: f64 = ways[n].iter().sum();
    let as_far = ways[n].iter().enumerate().filter(|(s, _)| distance(*s) >= distance(sum));
    as_far.map(|(_, ways)| ways).sum::<f64>() / counted
}

/// The same by the normal distribution, with the corrections for ties and for whole steps.
fn normal(ranks: &[usize], n: usize, sum: usize) -> f64 {
    let (n, all) = (n as f64, ranks.len() as f64);
    let mean = n * (all + 1.0) / 2.0;
    // Of the ranks as they are, without replacement.
    let squares: f64 = ranks.iter().map(|&it| (it as f64 / 2.0 - (all + 1.0) / 2.0).powi(2)).sum();
    let variance = n * (all - n) / (all * (all - 1.0)) * squares;
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = ((sum as f64 / 2.0 - mean).abs() - 0.5).max(0.0);
    (2.0 * upper_tail(distance / variance.sqrt())).min(1.0)
}

/// How much of the normal distribution lies above `z`, which is not negative, to 1e-7: Abramowitz
/// and Stegun, Handbook of Mathematical Functions, 26.2.17.
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let coefficients = [0.319_381_53, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = coefficients.iter().rev().fold(0.0, |sum, it| (sum + it) * t);
    (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &[f64], b: &[f64], expected: f64) {
        let (one, other) = (p_value(a, b), p_value(b, a));
        assert!((one - expected).abs() < 1e-9, "{one}, expected {expected}");
        assert!((other - expected).abs() < 1e-9, "{other}, expected {expected}");
    }

    #[test]
    fn few_values_are_counted() {
        // Of C(6, 3) = 20 ways, two are as far apart.
        check(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 0.1);
        check(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], 2.0 / 70.0);
        check(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0], 2.0 / 252.0);
        // R: wilcox.test(c(1, 2, 4, 6, 7), c(3, 5, 8, 9, 10)): W = 5.
        check(&[1.0, 2.0, 4.0, 6.0, 7.0], &[3.0, 5.0, 8.0, 9.0, 10.0], 38.0 / 252.0);
        check(&[1.0], &[1.0], 1.0);
        check(&[5.0; 5], &[5.0; 5], 1.0);
        check(&[1.0, 4.0], &[2.0, 3.0], 1.0);
    }

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(doubled_ranks(&[2.0, 1.0, 2.0], &[3.0, 2.0]), [6, 2, 6, 10, 6]);
        // Sums of two of 1, 2.5, 2.5, 4: the middle is 5; 3.5 and 6.5 are four of the six.
        check(&[1.0, 2.0], &[2.0, 3.0], 4.0 / 6.0);
    }

    #[test]
    fn the_least_is_what_samples_apart_have() {
        for n in 1..8_u32 {
            let (a, b): (Vec<f64>, Vec<f64>) =
                ((0..n).map(f64::from).collect(), (100..100 + n).map(f64::from).collect());
            check(&a, &b, least(a.len(), b.len()));
        }
        assert!(least(3, 3) > LEVEL && least(4, 4) < LEVEL);
    }

    #[test]
    fn many_values_are_as_few_ones() {
        assert!((upper_tail(0.0) - 0.5).abs() < 1e-7);
        assert!((upper_tail(1.959_964) - 0.025).abs() < 1e-7);
        let a: Vec<f64> = (0..30_u32).map(|it| f64::from(it * 7 % 40)).collect();
        let b: Vec<f64> = (0..30_u32).map(|it| f64::from(it * 11 % 40 + 5)).collect();
        let ranks = doubled_ranks(&a, &b);
        let sum = ranks[..30].iter().sum();
        let (exact, normal) = (exact(&ranks, 30, sum), normal(&ranks, 30, sum));
        assert!((exact - normal).abs() < 2e-3, "{exact}, {normal}");
        let long = |from: f64| (0..100_u32).map(|it| from + f64::from(it)).collect::<Vec<_>>();
        assert!(p_value(&long(0.0), &long(50.0)) < 1e-6);
        assert!(p_value(&long(0.0), &long(0.0)) > 0.99);
    }
}
