//! The kernels of arm64.

use super::{Dots, Kernel, Products, Vectors, scalar_kernel};
use crate::{
    Format,
    cpu::{Precision, neon, scalar, wide::Sixteen},
};

/// Both dot products of a function of `neon::fast`, with `sdot` or without.
macro_rules! neon {
    ($dot:ident, $sdot:expr) => {
        Kernel::Blocks(Products::ByRow(Dots {
            one: checked!(|w, x| neon::fast::$dot::<{ $sdot }, 1>(w, [x])[0]),
            four: checked!(|w, x| neon::fast::$dot::<{ $sdot }, 4>(w, x)),
        }))
    };
}

pub(super) fn neon_kernel<const DOT: bool>(format: Format, precision: Precision) -> Kernel {
    use Precision::{Exact, Fast};
    match (format, precision) {
        (Format::F32, _) => floats_of!(neon, neon::floats::f32()),
        (Format::F16, _) => floats_of!(neon, neon::floats::f16()),
        (Format::BF16, _) => floats_of!(neon, neon::floats::bf16()),
        (_, Exact) => scalar_kernel(format, precision),
        (Format::Q4_0, Fast) => neon!(dot_q4_0, DOT),
        (Format::Q4_1, Fast) => neon!(dot_q4_1, DOT),
        (Format::Q5_0, Fast) => neon!(dot_q5_0, DOT),
        (Format::Q5_1, Fast) => neon!(dot_q5_1, DOT),
        (Format::Q8_0, Fast) => neon!(dot_q8_0, DOT),
        (Format::Q2_K, Fast) => neon!(dot_q2_k, DOT),
        (Format::Q3_K, Fast) => neon!(dot_q3_k, DOT),
        (Format::Q4_K, Fast) => neon!(dot_q4_k, DOT),
        (Format::Q5_K, Fast) => neon!(dot_q5_k, DOT),
        (Format::Q6_K, Fast) => neon!(dot_q6_k, DOT),
        (Format::IQ4_NL, Fast) => neon!(dot_iq4_nl, DOT),
        (Format::IQ4_XS, Fast) => neon!(dot_iq4_xs, DOT),
        (Format::MXFP4, Fast) => neon!(dot_mxfp4, DOT),
        (
            Format::IQ2_XXS
            | Format::IQ2_XS
            | Format::IQ3_XXS
            | Format::IQ1_S
            | Format::IQ3_S
            | Format::IQ2_S
            | Format::IQ1_M
            | Format::TQ1_0
            | Format::TQ2_0
            | Format::NVFP4,
            Fast,
        ) => scalar_kernel(format, precision),
    }
}

pub(super) static NEON_EXACT: Vectors = Vectors {
    exp_sum: scalar::vectors::exp_sum,
    silu: scalar::vectors::silu,
    gelu_tanh: scalar::vectors::gelu_tanh,
    ..NEON_FAST
};

pub(super) static NEON_FAST: Vectors = Vectors {
    dot: checked!(|a, b| neon::vectors::dot(a, b)),
    scores: checked!(|q, keys, scores| neon::vectors::scores(q, keys, scores)),
    scores_f16: checked!(|q, keys, scores| neon::vectors::scores_f16(q, keys, scores)),
    axpy: checked!(|a, x, y| neon::vectors::axpy(a, x, y)),
    weigh: checked!(|shares, values, y| neon::vectors::weigh(shares, values, y)),
    weigh_f16: checked!(|shares, values, y| neon::vectors::weigh_f16(shares, values, y)),
    to_f16: checked!(|x, y| neon::vectors::to_f16(x, y)),
    exp_sum: checked!(|x, max| neon::vectors::exp_sum(x, max)),
    silu: checked!(|x| neon::vectors::silu(x)),
    gelu_tanh: checked!(|x| neon::vectors::gelu_tanh(x)),
    ..scalar::vectors::VECTORS
};
