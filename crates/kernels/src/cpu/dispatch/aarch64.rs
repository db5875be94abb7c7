//! The kernels of arm64: of NEON, with `sdot` and `smmla` or without.

use super::{Kernel, Products, Vectors, scalar_kernel};
use crate::{
    Format,
    cpu::{
        Precision,
        neon::{self, formats},
        scalar::{self, vectors::one_by_one},
        wide::{Sixteen, Whole},
    },
};

/// A format of `neon::formats`: with `sdot` or without, and unpacked rows by `smmla` or without.
macro_rules! by_neon {
    ($format:ident, $sdot:expr, $smmla:expr) => {{
        let by_row = Sixteen {
            once: checked!(|rows, _next, x, _room| formats::$format().once::<{ $sdot }>(rows, x)),
            lines: checked!(|cols| formats::$format().lines(cols)),
            unpack: checked!(|rows, panel| formats::$format().unpack(rows, panel)),
            by_one: checked!(|panel, x| formats::$format().multiply::<{ $sdot }, 1>(panel, x)),
            by_four: checked!(|panel, x| formats::$format().multiply::<{ $sdot }, 4>(panel, x)),
            by_sixteen: Whole::Scattered(checked!(
                |panel, x| formats::$format().multiply::<{ $sdot }, 16>(panel, x)
            )),
        };
        let by_two = Sixteen {
            unpack: checked!(|rows, panel| formats::$format().unpack_pairs(rows, panel)),
            // It is its own second one.
            by_one: checked!(|panel, x| [formats::$format().multiply_pairs(panel, [x[0]; 2])[0]]),
            by_four: checked!(|panel, x| formats::$format().multiply_pairs(panel, x)),
            by_sixteen: Whole::Scattered(checked!(
                |panel, x| formats::$format().multiply_pairs(panel, x)
            )),
            ..by_row
        };
        Kernel::Blocks(Products::BySixteen(if $smmla { by_two } else { by_row }))
    }};
}

/// The dot products of rows of weights of `format`.
pub(super) fn kernel<const DOT: bool, const I8MM: bool>(
    format: Format,
    precision: Precision,
) -> Kernel {
    use Precision::{Exact, Fast};
    match (format, precision) {
        (Format::F32, _) => floats_of!(neon, neon::floats::f32()),
        (Format::F16, _) => floats_of!(neon, neon::floats::f16()),
        (Format::BF16, _) => floats_of!(neon, neon::floats::bf16()),
        (_, Exact) => scalar_kernel(format, precision),
        (Format::Q4_0, Fast) => by_neon!(q4_0, DOT, I8MM),
        (Format::Q4_1, Fast) => by_neon!(q4_1, DOT, I8MM),
        (Format::Q5_0, Fast) => by_neon!(q5_0, DOT, I8MM),
        (Format::Q5_1, Fast) => by_neon!(q5_1, DOT, I8MM),
        (Format::Q8_0, Fast) => by_neon!(q8_0, DOT, I8MM),
        (Format::Q2_K, Fast) => by_neon!(q2_k, DOT, I8MM),
        (Format::Q3_K, Fast) => by_neon!(q3_k, DOT, I8MM),
        (Format::Q4_K, Fast) => by_neon!(q4_k, DOT, I8MM),
        (Format::Q5_K, Fast) => by_neon!(q5_k, DOT, I8MM),
        (Format::Q6_K, Fast) => by_neon!(q6_k, DOT, I8MM),
        (Format::IQ4_NL, Fast) => by_neon!(iq4_nl, DOT, I8MM),
        (Format::IQ4_XS, Fast) => by_neon!(iq4_xs, DOT, I8MM),
        (Format::MXFP4, Fast) => by_neon!(mxfp4, DOT, I8MM),
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

pub(super) static EXACT: Vectors = Vectors {
    exp_sum: scalar::vectors::exp_sum,
    silu: scalar::vectors::silu,
    gelu_tanh: scalar::vectors::gelu_tanh,
    ..FAST
};

pub(super) static FAST: Vectors = Vectors {
    dot: checked!(|a, b| neon::vectors::dot(a, b)),
    scores: checked!(|q, keys, scores| neon::vectors::scores(q, keys, scores)),
    scores_f16: checked!(|q, keys, scores| neon::vectors::scores_f16(q, keys, scores)),
    scores_of_four: |q, keys, scores| one_by_one(FAST.scores, q, keys, scores),
    scores_of_four_f16: |q, keys, scores| one_by_one(FAST.scores_f16, q, keys, scores),
    axpy: checked!(|a, x, y| neon::vectors::axpy(a, x, y)),
    weigh: checked!(|shares, values, y| neon::vectors::weigh(shares, values, y)),
    weigh_f16: checked!(|shares, values, y| neon::vectors::weigh_f16(shares, values, y)),
    weigh_of_four: |shares, values, y| one_by_one(FAST.weigh, shares, values, y),
    weigh_of_four_f16: |shares, values, y| one_by_one(FAST.weigh_f16, shares, values, y),
    to_f16: checked!(|x, y| neon::vectors::to_f16(x, y)),
    exp_sum: checked!(|x, max| neon::vectors::exp_sum(x, max)),
    silu: checked!(|x| neon::vectors::silu(x)),
    gelu_tanh: checked!(|x| neon::vectors::gelu_tanh(x)),
    ..scalar::vectors::VECTORS
};
