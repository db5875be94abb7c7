//! Recurrent layers: sequences beside padding, then all of them a little further; and one in chunks.

use super::{Bounds, Case, Maker};
use crate::{Backend, Conv, Format, Plan, Ssm, Tensor};

pub(super) fn check_convs(b: &mut dyn Backend, bounds: &Bounds) {
    for (cols, taps) in [(1, 2), (37, 4), (64, 3), (200, 4)] {
        for biased in [false, true] {
            let conv = |make: &mut Maker<'_>, p: &mut Plan, x: Tensor| {
                let w = make.weight(Format::F32, 1, cols * taps);
                let bias = biased.then(|| make.weight(Format::F32, 1, cols));
                let c = Conv { taps, w, bias };
                vec![p.conv(x, &c, make.state(c.state_cols(cols)))]
            };
            let name = format!("conv F32 {cols} columns, {taps} taps, biased: {biased}");
            each_case(&name, cols, bounds).iter().for_each(|case| case.check(b, conv));
        }
    }
}

pub(super) fn check_ssms(b: &mut dyn Backend, bounds: &Bounds) {
    for [n_heads, head_dim, d_state, n_groups] in
        [[1, 1, 1, 1], [4, 8, 5, 2], [6, 10, 16, 1], [4, 16, 64, 4]]
    {
        for dt_range in [[0.0, f32::INFINITY], [0.5, 0.75]] {
            let ssm = |make: &mut Maker<'_>, p: &mut Plan, x: Tensor| {
                let a = make.negative(n_heads);
                let [d, dt_bias] = [(); 2].map(|()| make.weight(Format::F32, 1, n_heads));
                let m = Ssm { n_heads, head_dim, d_state, n_groups, a, d, dt_bias, dt_range };
                let dt = p.linear(x, &make.linear(Format::F32, n_heads, m.cols()));
                vec![p.ssm(x, dt, &m, make.state(m.state_cols()))]
            };
            let heads = format!("{n_heads} heads of {head_dim} x {d_state}, {n_groups} groups");
            let name = format!("ssm F32 {heads}, steps {dt_range:?}");
            let cols = n_heads * head_dim + 2 * n_groups * d_state;
            each_case(&name, cols, bounds).iter().for_each(|case| case.check(b, ssm));
        }
    }
}

fn each_case(name: &str, cols: usize, bounds: &Bounds) -> [Case; 2] {
    let case = |name: String, lens: &[usize]| Case::new(name, lens, cols, bounds.floats);
    let chunked = case(format!("{name}, in chunks"), &[]).chunked(&[9, 1, 40, 2]);
    [case(name.to_owned(), &[0, 5, 0, 1, 7, 0]), chunked]
}
