//! Mixtures of experts, and what works on heads one by one.

use super::{Bounds, Case, Maker};
use crate::{
    Act, Backend, Format, GroupScore, Groups, Plan, Router, Routing, Scoring, Tensor, Weigh,
};

/// Ways to choose, of 12 experts.
const ROUTERS: &[Router] = &[
    SOFTMAX,
    Router { renormalise: true, ..SOFTMAX },
    Router { k: 1, scoring: Scoring::Sigmoid, weigh: Weigh::Inputs, ..SOFTMAX },
    Router { k: 12, scoring: Scoring::SoftmaxOfChosen, ..SOFTMAX },
    Router { scoring: Scoring::SparseMixer { jitter: 0.2 }, scale: 1.0, ..SOFTMAX },
    Router { groups: groups(6, 3, GroupScore::Largest), scale: 16.0, ..SOFTMAX },
    Router {
        k: 4,
        scoring: Scoring::Sigmoid,
        groups: groups(3, 1, GroupScore::TwoLargest),
        renormalise: true,
        ..SOFTMAX
    },
];

const SOFTMAX: Router = Router {
    k: 3,
    scoring: Scoring::Softmax,
    bias: None,
    groups: None,
    renormalise: false,
    scale: 0.5,
    expert_scale: None,
    weigh: Weigh::Results,
};

const fn groups(n: usize, used: usize, score: GroupScore) -> Option<Groups> {
    Some(Groups { n, used, score })
}

const N_EXPERTS: usize = 12;

pub(super) fn check_routes(b: &mut dyn Backend, bounds: &Bounds) {
    for router in ROUTERS {
        for with_weights in [false, true] {
            let name = format!("route by {router}, with weights: {with_weights}");
            Case::new(name, &[7, 0, 2], N_EXPERTS, bounds.floats).check(b, |make, p, x| {
                let mut weight = || with_weights.then(|| make.weight(Format::F32, 1, N_EXPERTS));
                let (bias, expert_scale) = (weight(), weight());
                vec![p.route(x, &Router { bias, expert_scale, ..*router }).table]
            });
        }
    }
}

pub(super) fn check_experts(
    b: &mut dyn Backend,
    bounds: &Bounds,
    format: Format,
    [rows, out]: [usize; 2],
) {
    let cols = cols(format);
    let all = Router { scoring: Scoring::SoftmaxOfChosen, ..SOFTMAX };
    for (router, experts) in [(ROUTERS[0], 5), (ROUTERS[2], 3), (all, 3)] {
        let name = |op| {
            let format = format.layout().name;
            format!("{op} {format} {rows}x{cols}, {out} features, {router}, {experts} experts")
        };
        let case = |op| Case::new(name(op), &[rows], cols, bounds.of(format));
        let route = |make: &mut Maker<'_>, p: &mut Plan, x: Tensor| -> Routing {
            let scores = p.linear(x, &make.linear(Format::F32, experts, cols));
            p.route(scores, &router)
        };
        case("expert_linear, expert_sum").check(b, |make, p, x| {
            let r = route(make, p, x);
            let y = p.expert_linear(x, r, &make.experts(format, experts, [out, cols]));
            vec![y, p.expert_sum(y, r)]
        });
        case("expert_scale").check(b, |make, p, x| {
            let r = route(make, p, x);
            let y = p.expert_linear(x, r, &make.experts(format, experts, [out, cols]));
            let scale = make.weight(Format::F32, 1, experts);
            let bias = make.weights(Format::F32, experts, [1, out]);
            vec![p.expert_scale(y, r, scale, None), p.expert_scale(y, r, scale, Some(bias))]
        });
        case("expert_gated").check(b, |make, p, x| {
            let r = route(make, p, x);
            let [gate, up] = [(); 2].map(|()| make.experts(format, experts, [cols, cols]));
            let limit = (cols as f32).sqrt() / 2.0;
            let act = Act::ClampedSilu { alpha: 1.7, limit };
            vec![p.expert_gated(x, r, [&gate, &up], act)]
        });
        case("expert_linear of routed rows").check(b, |make, p, x| {
            let r = route(make, p, x);
            let h = p.expert_linear(x, r, &make.experts(Format::F32, experts, [cols, cols]));
            vec![p.expert_linear(h, r, &make.experts(format, experts, [out, cols]))]
        });
    }
}

/// A block or two, or a row of odd length where there are none.
fn cols(format: Format) -> usize {
    match format.layout().block_len {
        1 => 37,
        len => len.next_multiple_of(64),
    }
}

pub(super) fn check_heads(
    b: &mut dyn Backend,
    bounds: &Bounds,
    format: Format,
    [rows, out]: [usize; 2],
) {
    let cols = cols(format);
    for heads in [1, 3] {
        let name = format!("head_linear {} {rows}x{heads}x{cols} to {out}", format.layout().name);
        let case = Case::new(name, &[rows], heads * cols, bounds.of(format));
        case.check(b, |make, p, x| {
            vec![p.head_linear(x, make.weights(format, heads, [out, cols]))]
        });
    }
}
