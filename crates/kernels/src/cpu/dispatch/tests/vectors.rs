//! The kernels over activations, of every instruction set, against `f64` or the portable ones.

use half::f16;

use super::{available, noise};
use crate::{
    CacheFormat,
    cpu::{
        Precision,
        dispatch::{Strided, Vectors, vectors},
    },
};

/// Runs `check` with each kernel table and rows of every length up to some vectors.
fn check_all(check: impl Fn(&str, &Vectors, usize)) {
    for isa in available() {
        for precision in [Precision::Exact, Precision::Fast] {
            for len in (0..100).chain([128, 1000]) {
                check(&format!("{isa} {precision} x {len}"), vectors(isa, precision), len);
            }
        }
    }
}

fn halves(x: &[f32]) -> Vec<f16> {
    x.iter().map(|&x| f16::from_f32(x)).collect()
}

fn floats(x: &[f16]) -> Vec<f32> {
    x.iter().map(|x| x.to_f32()).collect()
}

#[test]
fn dot() {
    check_all(|name, vectors, len| {
        let (a, b) = (noise(1, len), noise(2, len));
        let halves = halves(&b);
        check_dot(name, &a, &b, (vectors.dot)(&a, &b));
        // Three rows that overlap.
        let wide: Vec<f32> = noise(3, 2 * len + 5);
        let mut scores = [7.0; 3];
        (vectors.scores)(&a, Strided { items: &wide, stride: len / 2 + 1 }, &mut scores);
        for (t, score) in scores.into_iter().enumerate() {
            check_dot(name, &a, &wide[t * (len / 2 + 1)..][..len], score);
        }
        let mut score = [7.0];
        (vectors.scores_f16)(&a, Strided { items: &halves, stride: 0 }, &mut score);
        check_dot(name, &a, &floats(&halves), score[0]);
    });
}

#[track_caller]
fn check_dot(name: &str, a: &[f32], b: &[f32], y: f32) {
    let products = || a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
    let off = (f64::from(y) - products().sum::<f64>()).abs();
    assert!(off <= 1e-6 * products().map(f64::abs).sum::<f64>(), "{name}: off by {off:e}");
}

#[test]
fn axpy() {
    check_all(|name, vectors, len| {
        let (x, before) = (noise(1, len), noise(2, len));
        let halves = halves(&x);
        let (mut y, mut z) = (before.clone(), before.clone());
        (vectors.axpy)(0.3, &x, &mut y);
        (vectors.weigh_f16)(&[0.3], Strided { items: &halves, stride: 0 }, &mut z);
        for (x, y) in [(x, y), (floats(&halves), z)] {
            for ((x, y), before) in x.iter().zip(y).zip(&before) {
                assert!((before + 0.3 * x - y).abs() <= 2e-7, "{name}: {before} + 0.3 * {x} = {y}");
            }
        }
    });
}

#[test]
fn weigh() {
    check_all(|name, vectors, len| {
        let (values, before) = (noise(4, 3 * len), noise(5, len));
        let halves = halves(&values);
        let shares = [0.25, 1e-40, 0.5];
        let (mut y, mut z) = (before.clone(), before.clone());
        (vectors.weigh)(&shares, Strided { items: &values, stride: len }, &mut y);
        (vectors.weigh_f16)(&shares, Strided { items: &halves, stride: len }, &mut z);
        for (values, y) in [(values, y), (floats(&halves), z)] {
            for i in 0..len {
                let exact = before[i] + 0.25 * values[i] + 0.5 * values[2 * len + i];
                assert!((exact - y[i]).abs() <= 3e-7, "{name}: {} instead of {exact}", y[i]);
            }
        }
        let mut y = before;
        (vectors.weigh)(&[f32::NAN], Strided { items: &floats(&halves), stride: len }, &mut y);
        assert!(y.iter().all(|y| y.is_nan()), "{name}");
    });
}

/// What is beside a row changes nothing.
#[test]
fn four_at_once_are_as_one_by_one() {
    check_all(|name, vectors, len| {
        let stride = len + 3;
        let (rows, numbers) = (noise(6, 4 * len), noise(7, 21 * stride));
        let halves = halves(&numbers);
        let wide = Strided { items: &numbers[..], stride };
        let narrow = Strided { items: &halves[..], stride };
        let rows: [&[f32]; 4] = std::array::from_fn(|n| &rows[n * len..][..len]);
        let mut shares = [[0.0; 21]; 4];
        for (n, shares) in shares.iter_mut().enumerate() {
            shares.iter_mut().zip(noise(n as u32 + 8, 21)).for_each(|(to, x)| *to = x.abs());
        }
        (shares[1][2], shares[2][1], shares[3][20]) = (1e-40, 0.0, f32::NAN);
        for n in [0, 1, 2, 3, 4, 9, 16, 20, 21] {
            let shares = shares.each_ref().map(|it| &it[..n]);
            let (of_four, of_one) = (vectors.scores_of_four, vectors.scores);
            check_four(name, (of_four, of_one), rows, wide, n);
            let (of_four, of_one) = (vectors.scores_of_four_f16, vectors.scores_f16);
            check_four(name, (of_four, of_one), rows, narrow, n);
            let (of_four, of_one) = (vectors.weigh_of_four, vectors.weigh);
            check_four(name, (of_four, of_one), shares, wide, len);
            let (of_four, of_one) = (vectors.weigh_of_four_f16, vectors.weigh_f16);
            check_four(name, (of_four, of_one), shares, narrow, len);
        }
    });
}

/// A kernel over four rows, and that over one.
type FourAndOne<T> =
    (fn([&[f32]; 4], Strided<'_, T>, [&mut [f32]; 4]), fn(&[f32], Strided<'_, T>, &mut [f32]));

#[track_caller]
fn check_four<T: Copy>(
    name: &str,
    (of_four, of_one): FourAndOne<T>,
    rows: [&[f32]; 4],
    places: Strided<'_, T>,
    len: usize,
) {
    let mut together: [_; 4] = std::array::from_fn(|n| noise(n as u32 + 20, len));
    let mut alone = together.clone();
    of_four(rows, places, together.each_mut().map(Vec::as_mut_slice));
    for (row, alone) in rows.into_iter().zip(&mut alone) {
        of_one(row, places, alone);
    }
    let bits = |x: f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
    for (together, alone) in together.iter().flatten().zip(alone.iter().flatten()) {
        assert_eq!(bits(*together), bits(*alone), "{name}: {together} beside {alone}");
    }
}

#[test]
fn max() {
    check_all(|name, vectors, len| {
        let mut x: Vec<f32> = noise(3, len).iter().map(|x| x - 5.0).collect();
        assert_eq!(
            (vectors.max)(&x),
            x.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            "{name}"
        );
        for i in 0..len {
            x[i] = 1.0;
            assert_eq!((vectors.max)(&x), 1.0, "{name}: place {i}");
            x[i] = -6.0;
        }
    });
}

#[test]
fn to_f16_is_that_of_half() {
    let ties = [1.0, 1.0 + 2.0f32.powi(-11), 1.0 + 3.0 * 2.0f32.powi(-11)];
    let ends = [65504.0, 65519.9, 65520.0, f32::INFINITY, 6e-8, 3e-8, 2.9e-8, 1e-40, -0.0];
    let some: Vec<f32> = ties.into_iter().chain(ends).flat_map(|x| [x, -x]).collect();
    check_all(|name, vectors, len| {
        let x: Vec<f32> = some.iter().copied().cycle().take(len).collect();
        let mut y = vec![f16::NAN; len];
        (vectors.to_f16)(&x, &mut y);
        let bits = |x: &[f16]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&y), bits(&halves(&x)), "{name}");
    });
}

#[test]
fn decode_is_that_of_the_format() {
    for format in CacheFormat::ALL {
        check_all(|name, vectors, len| {
            let x = noise(9, len / format.block_len() * format.block_len());
            let bytes = format.format().encode(&x);
            let (mut y, mut expected) = (vec![7.0; x.len()], vec![0.0; x.len()]);
            (vectors.decode)(format, &bytes, &mut y);
            format.format().decode_row(&bytes, &mut expected);
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&y), bits(&expected), "{name}: {format}");
        });
    }
}

#[test]
fn exp_is_within_two_units() {
    let x: Vec<f32> = (0..400_001).map(|i| -110.0 + i as f32 * 5e-4).collect(); // to 90
    for isa in available() {
        let mut y = x.clone();
        (vectors(isa, Precision::Fast).exp_sum)(&mut y, 0.0);
        for (&x, &y) in x.iter().zip(&y) {
            let exact = f64::from(x).exp();
            match exact > f64::from(f32::MAX) {
                true => assert_eq!(y, f32::INFINITY, "{isa}: exp({x})"),
                false => {
                    let allowed = (2.0 * f64::from(f32::EPSILON) * exact).max(1.5e-45);
                    let off = (f64::from(y) - exact).abs();
                    assert!(off <= allowed, "{isa}: exp({x}) is {exact:e}, found {y:e}");
                }
            }
        }
    }
}

#[test]
fn exp_keeps_what_is_not_a_number() {
    check_all(|name, vectors, len| {
        for i in 0..len {
            let mut x = vec![0.0; len];
            x[i] = f32::NAN;
            assert!((vectors.exp_sum)(&mut x, 1.0).is_nan() && x[i].is_nan(), "{name}");
            x[i] = f32::NEG_INFINITY;
            (vectors.exp_sum)(&mut x, 1.0);
            assert_eq!(x[i], 0.0, "{name}");
        }
    });
}

#[test]
fn exp_sum() {
    check_all(|name, vectors, len| {
        let x: Vec<f32> = noise(4, len).iter().map(|x| 9.0 * x).collect();
        let mut y = x.clone();
        let sum = (vectors.exp_sum)(&mut y, 9.0);
        for (x, y) in x.iter().zip(&y) {
            assert!(((x - 9.0).exp() - y).abs() <= 2.0 * f32::EPSILON * y, "{name}: {x}");
        }
        let exact: f64 = y.iter().map(|&y| f64::from(y)).sum();
        assert!((f64::from(sum) - exact).abs() <= 1e-6 * exact, "{name}: {sum}, not {exact}");
    });
}

#[test]
fn silu() {
    check_all(|name, vectors, len| {
        let x: Vec<f32> = noise(5, len).iter().map(|x| 100.0 * x).collect();
        let mut y = x.clone();
        (vectors.silu)(&mut y);
        for (&x, y) in x.iter().zip(y) {
            let exact = f64::from(x) / (1.0 + (-f64::from(x)).exp());
            let off = (f64::from(y) - exact).abs();
            assert!(
                off <= 5e-7 * exact.abs() + 1e-36,
                "{name}: silu({x}) is {exact:e}, found {y:e}"
            );
        }
    });
}

/// `1 + tanh(u)` without the loss of a sum that is nearly zero.
fn exact_gelu(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
    x / (1.0 + (-2.0 * u).exp())
}

#[test]
fn gelu_tanh() {
    check_all(|name, vectors, len| {
        let x: Vec<f32> = noise(6, len).iter().map(|x| 12.0 * x).collect();
        let mut y = x.clone();
        (vectors.gelu_tanh)(&mut y);
        for (&x, y) in x.iter().zip(y) {
            let exact = exact_gelu(f64::from(x));
            let off = (f64::from(y) - exact).abs();
            // The exponent is off by some units in the last place, and its power by as many times it.
            let allowed = 4e-7 * exact.abs() * (1.0 + 1.6 * f64::from(x).abs().powi(3)) + 1e-36;
            assert!(off <= allowed, "{name}: gelu_tanh({x}) is {exact:e}, found {y:e}");
        }
    });
}

#[test]
fn softcap() {
    check_all(|name, vectors, len| {
        for (seed, cap) in [(7, 50.0), (8, 0.25)] {
            let x: Vec<f32> = noise(seed, len).iter().map(|x| 20.0 * x).collect();
            let mut y = x.clone();
            (vectors.softcap)(&mut y, cap);
            for (&x, y) in x.iter().zip(y) {
                let exact = f64::from(cap) * (f64::from(x) / f64::from(cap)).tanh();
                let off = (f64::from(y) - exact).abs();
                let allowed = 4e-7 * exact.abs();
                assert!(off <= allowed, "{name}: softcap({x}, {cap}) is {exact:e}, found {y:e}");
            }
        }
    });
}

#[test]
fn ends_of_gelu_and_softcap() {
    for isa in available() {
        for precision in [Precision::Exact, Precision::Fast] {
            let ends = [0.0, 1e30, -1e30, f32::INFINITY, f32::NAN];
            let (mut x, mut y) = (ends, ends);
            (vectors(isa, precision).gelu_tanh)(&mut x);
            assert_eq!(x[..4], [0.0, 1e30, 0.0, f32::INFINITY], "{isa} {precision}");
            (vectors(isa, precision).softcap)(&mut y, 30.0);
            assert_eq!(y[..4], [0.0, 30.0, -30.0, 30.0], "{isa} {precision}");
            assert!(x[4].is_nan() && y[4].is_nan(), "{isa} {precision}");
        }
    }
}

#[test]
fn silu_of_the_ends() {
    for isa in available() {
        for precision in [Precision::Exact, Precision::Fast] {
            let mut x = [0.0, 1e30, -1e30, f32::INFINITY, f32::NAN];
            (vectors(isa, precision).silu)(&mut x);
            assert_eq!(x[..4], [0.0, 1e30, 0.0, f32::INFINITY], "{isa} {precision}");
            assert!(x[4].is_nan(), "{isa} {precision}");
        }
    }
}
