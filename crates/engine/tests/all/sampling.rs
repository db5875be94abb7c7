//! Samplers: probabilities against results worked out by hand from the definitions, draws against
//! the probabilities, seeds.

use engine::sample::{Dry, Error, Penalties, Sampler, Sampling, Stage, Xtc, greedy};

/// Everything off but what a case switches on.
fn plain() -> Sampling {
    Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() }
}

/// Logits of these probabilities.
fn logits(p: &[f32]) -> Vec<f32> {
    p.iter().map(|p| p.ln()).collect()
}

/// Checks the candidates after `history`, each token of which reads like its number.
#[track_caller]
fn check_after(history: &[u32], settings: &Sampling, logits: &[f32], want: &[(u32, f32)]) {
    let mut sampler = Sampler::new(settings, logits.len()).expect("settings in range");
    for token in history {
        sampler.accept(*token, format!("{token};").as_bytes());
    }
    let got = sampler.candidates(&mut logits.to_vec()).to_vec();
    let near = |(got, want): (&engine::sample::Candidate, &(u32, f32))| {
        got.token == want.0 && (got.probability - want.1).abs() < 1e-6
    };
    let same = got.len() == want.len() && got.iter().zip(want).all(near);
    assert!(same, "found {got:?}, expected {want:?}");
}

#[track_caller]
fn check(settings: &Sampling, p: &[f32], want: &[(u32, f32)]) {
    check_after(&[], settings, &logits(p), want);
}

const FOUR: &[f32] = &[0.2, 0.4, 0.1, 0.3];

#[test]
fn stages_that_drop_candidates() {
    let all = [(1, 0.4), (3, 0.3), (0, 0.2), (2, 0.1)];
    check(&plain(), FOUR, &all);
    check(&Sampling { top_k: 2, ..plain() }, FOUR, &[(1, 4.0 / 7.0), (3, 3.0 / 7.0)]);
    check(&Sampling { top_k: 9, ..plain() }, FOUR, &all);
    check(&Sampling { top_p: 0.65, ..plain() }, FOUR, &[(1, 4.0 / 7.0), (3, 3.0 / 7.0)]);
    check(&Sampling { top_p: 0.1, ..plain() }, FOUR, &[(1, 1.0)]);
    let three = [(1, 4.0 / 9.0), (3, 3.0 / 9.0), (0, 2.0 / 9.0)];
    check(&Sampling { min_p: 0.45, ..plain() }, FOUR, &three);
    check(&Sampling { min_p: 1.0, ..plain() }, FOUR, &[(1, 1.0)]);
}

/// Of many tokens those that are too small are never listed, also after a penalty; equals by token.
#[test]
fn the_most_probable_of_many_are_those_of_an_order_of_all() {
    let mut x = 1_u32;
    let mut number = || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as f32 / 32.0
    };
    let all: Vec<f32> = (0..5000).map(|_| number()).collect();
    for (k, allowed) in [(1, 5000), (40, 5000), (600, 5000), (700, 5000), (40, 10)] {
        let mut logits = all.clone();
        logits[allowed..].fill(f32::NEG_INFINITY);
        let penalties = Penalties { last_n: None, repeat: 2.0, frequency: 0.0, presence: 0.0 };
        let mut want: Vec<(u32, f32)> = (0..).zip(logits[..allowed].iter().copied()).collect();
        (want[3].1, want[7].1) = (logits[3] / 2.0, logits[7] / 2.0);
        want.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        want.truncate(k);
        let total: f32 = want.iter().map(|it| it.1.exp()).sum();
        want.iter_mut().for_each(|it| it.1 = it.1.exp() / total);
        check_after(&[3, 7], &Sampling { top_k: k, penalties, ..plain() }, &logits, &want);
    }
}

#[test]
fn the_largest_logit_is_the_first_of_equals() {
    for n in [1, 2, 63, 64, 65, 128, 1000] {
        for at in [0, n / 2, n - 1] {
            let mut logits: Vec<f32> = (0..n).map(|i| -1.0 - (i % 7) as f32).collect();
            logits[at] = 0.5;
            logits[n - 1] = 0.5;
            assert_eq!(greedy(&logits) as usize, at, "of {n}");
        }
    }
    assert_eq!(greedy(&[]), 0);
    assert_eq!(greedy(&[f32::NEG_INFINITY; 100]), 0);
}

#[test]
fn the_smallest_temperatures_take_the_most_probable() {
    for temperature in [1e-30, 1e-40, f32::from_bits(1)] {
        let settings = Sampling { temperature, ..plain() };
        let mut sampler = Sampler::new(&settings, 4).expect("settings in range");
        assert_eq!(sampler.sample(&mut [20.0, 40.0, 10.0, 30.0]), 1, "{temperature:e}");
    }
}

/// The entropy is 1.280; 0.3 is 0.076 from it, 0.2 is 0.330, 0.4 is 0.364, 0.1 is 1.023.
#[test]
fn typical_keeps_what_surprises_as_expected() {
    check(&Sampling { typical_p: 0.45, ..plain() }, FOUR, &[(3, 0.6), (0, 0.4)]);
    check(&Sampling { typical_p: 0.29, ..plain() }, FOUR, &[(3, 1.0)]);
    let three = [(1, 4.0 / 9.0), (3, 3.0 / 9.0), (0, 2.0 / 9.0)];
    check(&Sampling { typical_p: 0.55, ..plain() }, FOUR, &three);
}

/// Logits 0, 1, 2, 5: mean 2, deviation 1.871.
#[test]
fn top_n_sigma_counts_deviations_from_the_largest() {
    let share = |n| Sampling { top_n_sigma: n, ..plain() };
    check_after(&[], &share(1.0), &[0.0, 1.0, 2.0, 5.0], &[(3, 1.0)]);
    let e3 = 3.0_f32.exp();
    let want = [(3, e3 / (1.0 + e3)), (2, 1.0 / (1.0 + e3))];
    check_after(&[], &share(2.0), &[0.0, 1.0, 2.0, 5.0], &want);
    // A forbidden token is no part of the mean.
    let forbidden = [0.0, 1.0, 2.0, 5.0, f32::NEG_INFINITY];
    check_after(&[], &share(2.0), &forbidden, &want);
}

#[test]
fn xtc_leaves_the_least_probable_of_the_top() {
    let xtc = |probability, threshold| Sampling { xtc: Xtc { probability, threshold }, ..plain() };
    let all = [(1, 0.4), (3, 0.3), (0, 0.2), (2, 0.1)];
    check(&xtc(1.0, 0.15), FOUR, &[(0, 2.0 / 3.0), (2, 1.0 / 3.0)]);
    check(&xtc(1.0, 0.35), FOUR, &all);
    check(&xtc(1.0, 0.6), FOUR, &all);
    check(&xtc(0.0, 0.15), FOUR, &all);
}

/// With probability 0.3 it acts at about 3 of 10 positions.
#[test]
fn xtc_acts_by_chance() {
    let xtc = Xtc { probability: 0.3, threshold: 0.15 };
    let settings = Sampling { xtc, seed: Some(1), ..plain() };
    let mut sampler = Sampler::new(&settings, 4).expect("settings in range");
    let mut acted = 0;
    for _ in 0..10_000 {
        acted += usize::from(sampler.candidates(&mut logits(FOUR)).len() == 2);
        sampler.accept(0, b"x");
    }
    assert!((2850..3150).contains(&acted), "{acted} of 10,000"); // 3 deviations are 137
}

#[test]
fn penalties_follow_the_last_tokens() {
    let (repeat, frequency, presence) = (2.0, 0.1, 0.5);
    let penalties = |last_n| Sampling {
        penalties: Penalties { last_n, repeat, frequency, presence },
        ..plain()
    };
    let softmax = |x: [f32; 3]| x.map(|it| it.exp() / x.iter().map(|x| x.exp()).sum::<f32>());
    let before = [2.0, -1.0, 0.5];
    // 2 / 2 - 2 * 0.1 - 0.5 = 0.3;  -1 * 2 - 0.1 - 0.5 = -2.6
    let p = softmax([0.3, -2.6, 0.5]);
    check_after(&[0, 1, 0], &penalties(None), &before, &[(2, p[2]), (0, p[0]), (1, p[1])]);
    // Only the last one: 2 / 2 - 0.1 - 0.5 = 0.4
    let p = softmax([0.4, -1.0, 0.5]);
    check_after(&[0, 1, 0], &penalties(Some(1)), &before, &[(2, p[2]), (0, p[0]), (1, p[1])]);
    let p = softmax(before);
    check_after(&[0, 1], &penalties(Some(0)), &before, &[(0, p[0]), (2, p[2]), (1, p[1])]);
}

fn dry(allowed_length: usize, last_n: Option<usize>, breakers: &[&str]) -> Sampling {
    let breakers = breakers.iter().map(|&it| it.to_owned()).collect();
    Sampling {
        dry: Dry { multiplier: 1.5, base: 2.0, allowed_length, last_n, breakers },
        ..plain()
    }
}

/// After `0 1 2 2 1 2 3 0 1 2` a 2 would prolong a run of three, a 1 of one, a 3 of two.
#[test]
fn dry_grows_with_the_run() {
    const SAID: &[u32] = &[0, 1, 2, 2, 1, 2, 3, 0, 1, 2];
    let even = [0.0; 5];
    let want = |minus: [f32; 5]| {
        let total: f32 = minus.iter().map(|m| (-m).exp()).sum();
        let mut all: Vec<_> = (0..5).map(|i| (i as u32, (-minus[i]).exp() / total)).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all
    };
    check_after(SAID, &dry(1, None, &[]), &even, &want([0.0, 1.5, 6.0, 3.0, 0.0]));
    check_after(SAID, &dry(2, None, &[]), &even, &want([0.0, 0.0, 3.0, 1.5, 0.0]));
    check_after(SAID, &dry(4, None, &[]), &even, &want([0.0; 5]));
    // The last seven are 2 1 2 3 0 1 2: a 3 prolongs `1 2`, a 1 prolongs `2`.
    check_after(SAID, &dry(1, Some(7), &[]), &even, &want([0.0, 1.5, 0.0, 3.0, 0.0]));
    // A breaker in token 1 leaves one unbroken token, the 2; no run is longer, and a 1 is free.
    check_after(SAID, &dry(1, None, &["1"]), &even, &want([0.0, 0.0, 1.5, 1.5, 0.0]));
    // The same for a breaker that lies across two tokens: `0;1;` ends in the 1.
    check_after(SAID, &dry(1, None, &["0;1"]), &even, &want([0.0, 1.5, 1.5, 1.5, 0.0]));
    check_after(SAID, &dry(1, None, &["2"]), &even, &want([0.0; 5]));
}

/// Min-p before temperature drops the 0.1; after it, 0.1 has 0.378 of the largest and stays.
#[test]
fn the_order_is_llama_cpps_unless_set() {
    use Stage::{Dry, MinP, Penalties, Temperature, TopK, TopNSigma, TopP, Typical, Xtc};
    let order = [Penalties, Dry, TopNSigma, TopK, Typical, TopP, MinP, Xtc, Temperature];
    assert_eq!(Sampling::default().order, order);

    let settings = Sampling { temperature: 2.0, min_p: 0.2, ..plain() };
    let root = |p: f32| p.sqrt();
    let total = root(0.7) + root(0.2);
    check(&settings, &[0.7, 0.2, 0.1], &[(0, root(0.7) / total), (1, root(0.2) / total)]);
    let turned = Sampling { order: vec![Temperature, MinP], ..settings };
    let total = total + root(0.1);
    let want = [0.7, 0.2, 0.1].map(|p| root(p) / total);
    check(&turned, &[0.7, 0.2, 0.1], &[(0, want[0]), (1, want[1]), (2, want[2])]);
}

/// Top-k first counts the penalised tokens out: penalties come before it.
#[test]
fn penalties_come_before_top_k() {
    let penalties = Penalties { last_n: None, repeat: 1.0, frequency: 0.0, presence: 9.0 };
    let settings = Sampling { top_k: 1, penalties, ..plain() };
    check_after(&[1], &settings, &logits(FOUR), &[(3, 1.0)]);
}

/// A temperature of 0.5 makes 4 and 3 of 2 and 1.5; then 4 / 2 = 2, and -4 * 2 = -8.
#[test]
fn penalties_after_the_temperature_go_by_the_sign_of_the_logit() {
    let penalties = Penalties { last_n: None, repeat: 2.0, frequency: 0.0, presence: 0.0 };
    let order = vec![Stage::Temperature, Stage::Penalties];
    let settings = Sampling { temperature: 0.5, penalties, order, ..plain() };
    let shares = |x: f32| [1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp())];
    let [more, less] = shares(3.0 - 2.0);
    check_after(&[0], &settings, &[2.0, 1.5], &[(1, more), (0, less)]);
    let [more, less] = shares(-5.0 - -8.0);
    check_after(&[0], &settings, &[-2.0, -2.5], &[(1, more), (0, less)]);
}

#[test]
fn a_bias_comes_first_and_can_forbid() {
    let logit_bias = vec![(1, f32::NEG_INFINITY), (2, 3.0_f32.ln())];
    let settings = Sampling { logit_bias, ..plain() };
    check(&settings, FOUR, &[(2, 0.375), (3, 0.375), (0, 0.25)]);
    let greedy = Sampling { temperature: 0.0, ..settings };
    let mut sampler = Sampler::new(&greedy, 4).expect("settings in range");
    assert_eq!(sampler.sample(&mut logits(FOUR)), 2, "the first of equals");
}

#[test]
fn greedy_is_the_most_probable_whatever_else_is_set() {
    let xtc = Xtc { probability: 1.0, threshold: 0.1 };
    let settings = Sampling { xtc, typical_p: 0.3, ..Sampling::greedy() };
    let mut sampler = Sampler::new(&settings, 4).expect("settings in range");
    assert_eq!(sampler.sample(&mut logits(FOUR)), 1);
}

/// Chi-square with 7 degrees of freedom: above 24.32 once in a thousand.
#[test]
fn draws_follow_the_probabilities() {
    const P: [f32; 8] = [0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.03, 0.02];
    const DRAWS: f64 = 100_000.0;
    for seed in [0, 1, u64::MAX] {
        let settings = Sampling { seed: Some(seed), ..plain() };
        let mut sampler = Sampler::new(&settings, 8).expect("settings in range");
        let mut counts = [0.0; 8];
        for _ in 0..DRAWS as usize {
            let token = sampler.sample(&mut logits(&P));
            counts[token as usize] += 1.0;
            sampler.accept(token, b"");
        }
        let term = |(n, p): (f64, f32)| (n - DRAWS * f64::from(p)).powi(2) / (DRAWS * f64::from(p));
        let chi: f64 = counts.into_iter().zip(P).map(term).sum();
        assert!(chi < 24.32, "seed {seed}: chi-square {chi}, counts {counts:?}");
    }
}

/// A hundred tokens, where each token's logits follow from the one before.
fn text(seed: Option<u64>) -> (u64, Vec<u32>) {
    let settings = Sampling { seed, top_p: 0.95, ..plain() };
    let mut sampler = Sampler::new(&settings, 32).expect("settings in range");
    let (mut token, mut all) = (0, Vec::new());
    for _ in 0..100 {
        let mut logits: Vec<f32> = (0..32).map(|i| ((i * 7 + token * 3) as f32).sin()).collect();
        token = sampler.sample(&mut logits);
        sampler.accept(token, b"");
        all.push(token);
    }
    (sampler.seed(), all)
}

#[test]
fn a_seed_means_a_text() {
    assert_eq!(text(Some(7)), text(Some(7)));
    assert_ne!(text(Some(7)).1, text(Some(8)).1);
    let (seed, said) = text(None);
    assert_eq!(text(Some(seed)).1, said, "the seed that was taken can be given");
    assert_ne!(text(None).1, said);
}

#[test]
fn settings_out_of_range_are_refused() {
    let check = |settings: Sampling, want: &str| {
        let error = Sampler::new(&settings, 4).expect_err("out of range");
        assert_eq!(error.to_string(), want);
    };
    check(Sampling { temperature: -1.0, ..plain() }, "temperature is -1, expected 0 or more");
    check(Sampling { temperature: f32::NAN, ..plain() }, "temperature is NaN, expected 0 or more");
    check(Sampling { top_p: 0.0, ..plain() }, "top-p is 0, expected above 0, at most 1");
    check(Sampling { min_p: 1.5, ..plain() }, "min-p is 1.5, expected 0 to 1");
    let xtc = Xtc { probability: 2.0, threshold: 0.1 };
    check(Sampling { xtc, ..plain() }, "XTC probability is 2, expected 0 to 1");
    let logit_bias = vec![(4, 1.0)];
    check(Sampling { logit_bias, ..plain() }, "logit bias on token 4, the vocabulary has 4");
    let order = vec![Stage::TopK, Stage::MinP, Stage::TopK];
    check(Sampling { order, ..plain() }, "sampler `top_k` is listed twice");
    let error = "tfs".parse::<Stage>().expect_err("not a stage");
    assert!(matches!(&error, Error::Unknown { found } if found == "tfs"));
    assert!(
        error.to_string().starts_with("sampler `tfs` is not known, expected one of `penalties`")
    );
}
