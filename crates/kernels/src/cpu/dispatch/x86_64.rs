//! The kernels of x86-64.

use super::{Kernel, Products, Vectors};
use crate::{
    Format,
    cpu::{
        Precision, avx2, avx512, scalar,
        wide::{Gathered, Sixteen, Whole},
    },
};

/// The kernels over a format of `avx2::exact`.
macro_rules! decoded_by_avx2 {
    ($format:expr) => {
        floats_of!(avx2, $format)
    };
    (other $format:ident, $n:literal) => {
        decoded_by_avx2!(avx2::exact::other::<{ Format::$format.layout().block_bytes }, $n>(
            Format::$format
        ))
    };
}

/// The kernels over a format of `avx2::formats` or `avx512::formats`.
macro_rules! packed {
    ($format:expr, once by $once:expr) => {
        packed!(
            $format,
            once by $once,
            by_sixteen: Whole::Scattered(checked!(|panel, x| $format.multiply(panel, x)))
        )
    };
    ($format:expr, once by $once:expr, by_sixteen: $by_sixteen:expr) => {
        Kernel::Blocks(Products::BySixteen(Sixteen {
            once: checked!(|rows, next, x, room| $once.once(rows, next, x, room)),
            lines: checked!(|cols| $format.lines(cols)),
            unpack: checked!(|rows, panel| $format.unpack(rows, panel)),
            by_one: checked!(|panel, x| $format.multiply(panel, x)),
            by_four: checked!(|panel, x| $format.multiply(panel, x)),
            by_sixteen: $by_sixteen,
        }))
    };
}

/// A format of `avx2::formats`, and what multiplies it.
macro_rules! by_avx2 {
    ($format:ident, $dot:ident) => {
        packed!(avx2::formats::$format::<$dot>(), once by avx2::formats::$format::<$dot>())
    };
}

/// A format of `avx512::formats`, and whether AMX multiplies it.
macro_rules! by_avx512 {
    ($format:ident, $tiles:ident) => {
        packed!(
            avx512::formats::$format::<$tiles>(),
            once by avx2::formats::$format::<{ avx2::dot::EVEX }>(),
            by_sixteen: match $tiles {
                false => Whole::Scattered(checked!(
                    |panel, x| avx512::formats::$format::<$tiles>().multiply(panel, x)
                )),
                true => Whole::Gathered(Gathered {
                    lines: checked!(|cols| avx512::formats::$format::<$tiles>().gathered(cols)),
                    gather: checked!(
                        |x, gathered| avx512::formats::$format::<$tiles>().gather(x, gathered)
                    ),
                    multiply: checked!(|panels, x, see| {
                        avx512::formats::$format::<$tiles>().multiply_tiles(panels, x, see)
                    }),
                }),
            }
        )
    };
}

pub(super) fn avx2_kernel(format: Format, precision: Precision) -> Kernel {
    of_256_bits::<{ avx2::dot::MADDUBS }>(format, precision)
}

/// In AVX-512's encoding where the CPU lacks AVX-VNNI, so that tests run there, too.
pub(super) fn avx_vnni_kernel(format: Format, precision: Precision) -> Kernel {
    match is_x86_feature_detected!("avxvnni") {
        true => of_256_bits::<{ avx2::dot::VEX }>(format, precision),
        false => of_256_bits::<{ avx2::dot::EVEX }>(format, precision),
    }
}

/// The kernels of `avx2`, and what multiplies bytes.
fn of_256_bits<const DOT: u8>(format: Format, precision: Precision) -> Kernel {
    use Precision::{Exact, Fast};
    match (format, precision) {
        (Format::F32, _) => decoded_by_avx2!(avx2::exact::f32()),
        (Format::F16, _) => decoded_by_avx2!(avx2::exact::f16()),
        (Format::BF16, _) => decoded_by_avx2!(avx2::exact::bf16()),
        (Format::Q4_1, Exact) => decoded_by_avx2!(other Q4_1, 1),
        (Format::Q5_1, Exact) => decoded_by_avx2!(other Q5_1, 1),
        (Format::Q2_K, Exact) => decoded_by_avx2!(other Q2_K, 8),
        (Format::Q3_K, Exact) => decoded_by_avx2!(other Q3_K, 8),
        (Format::Q5_K, Exact) => decoded_by_avx2!(other Q5_K, 8),
        (Format::IQ2_XXS, Exact) => decoded_by_avx2!(other IQ2_XXS, 8),
        (Format::IQ2_XS, Exact) => decoded_by_avx2!(other IQ2_XS, 8),
        (Format::IQ3_XXS, Exact) => decoded_by_avx2!(other IQ3_XXS, 8),
        (Format::IQ1_S, Exact) => decoded_by_avx2!(other IQ1_S, 8),
        (Format::IQ4_NL, Exact) => decoded_by_avx2!(other IQ4_NL, 1),
        (Format::IQ3_S, Exact) => decoded_by_avx2!(other IQ3_S, 8),
        (Format::IQ2_S, Exact) => decoded_by_avx2!(other IQ2_S, 8),
        (Format::IQ4_XS, Exact) => decoded_by_avx2!(other IQ4_XS, 8),
        (Format::IQ1_M, Exact) => decoded_by_avx2!(other IQ1_M, 8),
        (Format::TQ1_0, Exact) => decoded_by_avx2!(other TQ1_0, 8),
        (Format::TQ2_0, Exact) => decoded_by_avx2!(other TQ2_0, 8),
        (Format::MXFP4, Exact) => decoded_by_avx2!(other MXFP4, 1),
        (Format::NVFP4, Exact) => decoded_by_avx2!(other NVFP4, 2),
        (Format::Q4_0, Exact) => decoded_by_avx2!(avx2::exact::q4_0()),
        (Format::Q5_0, Exact) => decoded_by_avx2!(avx2::exact::q5_0()),
        (Format::Q8_0, Exact) => decoded_by_avx2!(avx2::exact::q8_0()),
        (Format::Q4_K, Exact) => decoded_by_avx2!(avx2::exact::q4_k()),
        (Format::Q6_K, Exact) => decoded_by_avx2!(avx2::exact::q6_k()),
        (Format::Q4_0, Fast) => by_avx2!(q4_0, DOT),
        (Format::Q4_1, Fast) => by_avx2!(q4_1, DOT),
        (Format::Q5_0, Fast) => by_avx2!(q5_0, DOT),
        (Format::Q5_1, Fast) => by_avx2!(q5_1, DOT),
        (Format::Q8_0, Fast) => by_avx2!(q8_0, DOT),
        (Format::Q2_K, Fast) => by_avx2!(q2_k, DOT),
        (Format::Q3_K, Fast) => by_avx2!(q3_k, DOT),
        (Format::Q4_K, Fast) => by_avx2!(q4_k, DOT),
        (Format::Q5_K, Fast) => by_avx2!(q5_k, DOT),
        (Format::Q6_K, Fast) => by_avx2!(q6_k, DOT),
        (Format::IQ2_XXS, Fast) => by_avx2!(iq2_xxs, DOT),
        (Format::IQ2_XS, Fast) => by_avx2!(iq2_xs, DOT),
        (Format::IQ3_XXS, Fast) => by_avx2!(iq3_xxs, DOT),
        (Format::IQ1_S, Fast) => by_avx2!(iq1_s, DOT),
        (Format::IQ4_NL, Fast) => by_avx2!(iq4_nl, DOT),
        (Format::IQ3_S, Fast) => by_avx2!(iq3_s, DOT),
        (Format::IQ2_S, Fast) => by_avx2!(iq2_s, DOT),
        (Format::IQ4_XS, Fast) => by_avx2!(iq4_xs, DOT),
        (Format::IQ1_M, Fast) => by_avx2!(iq1_m, DOT),
        (Format::TQ1_0, Fast) => by_avx2!(tq1_0, DOT),
        (Format::TQ2_0, Fast) => by_avx2!(tq2_0, DOT),
        (Format::MXFP4, Fast) => by_avx2!(mxfp4, DOT),
        (Format::NVFP4, Fast) => by_avx2!(nvfp4, DOT),
    }
}

/// The kernels of `avx512`, and whether there are tiles.
#[expect(clippy::cognitive_complexity, reason = "a table, a format a line")]
pub(super) fn avx512_kernel<const TILES: bool>(
    format: Format,
    precision: Precision,
    cols: usize,
) -> Kernel {
    use Precision::{Exact, Fast};
    let others = || of_256_bits::<{ avx2::dot::EVEX }>(format, precision);
    match (format, precision) {
        (Format::F32, _) => floats_of!(avx512, avx512::floats::f32()),
        (Format::F16, _) => floats_of!(avx512, avx512::floats::f16()),
        (Format::BF16, _) => floats_of!(avx512, avx512::floats::bf16()),
        (_, Exact) => others(),
        _ if !cols.is_multiple_of(avx512::PAIR) => others(),
        (Format::Q4_0, Fast) => by_avx512!(q4_0, TILES),
        (Format::Q4_1, Fast) => by_avx512!(q4_1, TILES),
        (Format::Q5_0, Fast) => by_avx512!(q5_0, TILES),
        (Format::Q5_1, Fast) => by_avx512!(q5_1, TILES),
        (Format::Q8_0, Fast) => by_avx512!(q8_0, TILES),
        (Format::Q2_K, Fast) => by_avx512!(q2_k, TILES),
        (Format::Q3_K, Fast) => by_avx512!(q3_k, TILES),
        (Format::Q4_K, Fast) => by_avx512!(q4_k, TILES),
        (Format::Q5_K, Fast) => by_avx512!(q5_k, TILES),
        (Format::Q6_K, Fast) => by_avx512!(q6_k, TILES),
        (Format::IQ2_XXS, Fast) => by_avx512!(iq2_xxs, TILES),
        (Format::IQ2_XS, Fast) => by_avx512!(iq2_xs, TILES),
        (Format::IQ3_XXS, Fast) => by_avx512!(iq3_xxs, TILES),
        (Format::IQ1_S, Fast) => by_avx512!(iq1_s, TILES),
        (Format::IQ4_NL, Fast) => by_avx512!(iq4_nl, TILES),
        (Format::IQ3_S, Fast) => by_avx512!(iq3_s, TILES),
        (Format::IQ2_S, Fast) => by_avx512!(iq2_s, TILES),
        (Format::IQ4_XS, Fast) => by_avx512!(iq4_xs, TILES),
        (Format::IQ1_M, Fast) => by_avx512!(iq1_m, TILES),
        (Format::TQ1_0, Fast) => by_avx512!(tq1_0, TILES),
        (Format::TQ2_0, Fast) => by_avx512!(tq2_0, TILES),
        (Format::MXFP4, Fast) => by_avx512!(mxfp4, TILES),
        (Format::NVFP4, Fast) => by_avx512!(nvfp4, TILES),
    }
}

pub(super) static AVX2_EXACT: Vectors = Vectors {
    exp_sum: scalar::vectors::exp_sum,
    silu: scalar::vectors::silu,
    gelu_tanh: scalar::vectors::gelu_tanh,
    softcap: scalar::vectors::softcap,
    ..AVX2_FAST
};

pub(super) static AVX2_FAST: Vectors = Vectors {
    dot: checked!(|a, b| avx2::vectors::dot(a, b)),
    scores: checked!(|q, keys, scores| avx2::vectors::scores(q, keys, scores)),
    scores_f16: checked!(|q, keys, scores| avx2::vectors::scores_f16(q, keys, scores)),
    scores_of_four: checked!(|q, keys, scores| avx2::vectors::scores_of_four(q, keys, scores)),
    scores_of_four_f16: checked!(|q, keys, scores| avx2::vectors::scores_of_four_f16(
        q, keys, scores
    )),
    axpy: checked!(|a, x, y| avx2::vectors::axpy(a, x, y)),
    weigh: checked!(|shares, values, y| avx2::vectors::weigh(shares, values, y)),
    weigh_f16: checked!(|shares, values, y| avx2::vectors::weigh_f16(shares, values, y)),
    weigh_of_four: checked!(|shares, values, y| avx2::vectors::weigh_of_four(shares, values, y)),
    weigh_of_four_f16: checked!(|shares, values, y| avx2::vectors::weigh_of_four_f16(
        shares, values, y
    )),
    to_f16: checked!(|x, y| avx2::vectors::to_f16(x, y)),
    decode: checked!(|format, x, y| avx2::vectors::decode(format, x, y)),
    max: checked!(|x| avx2::vectors::max(x)),
    exp_sum: checked!(|x, max| avx2::vectors::exp_sum(x, max)),
    silu: checked!(|x| avx2::vectors::silu(x)),
    gelu_tanh: checked!(|x| avx2::vectors::gelu_tanh(x)),
    softcap: checked!(|x, cap| avx2::vectors::softcap(x, cap)),
    quantise: checked!(|row, out| avx2::quantise::quantise(row, out)),
};

pub(super) static AVX512_EXACT: Vectors = Vectors {
    exp_sum: AVX2_EXACT.exp_sum,
    silu: AVX2_EXACT.silu,
    gelu_tanh: AVX2_EXACT.gelu_tanh,
    softcap: AVX2_EXACT.softcap,
    ..AVX512_FAST
};

pub(super) static AVX512_FAST: Vectors = Vectors {
    scores: checked!(|q, keys, scores| avx512::vectors::scores(q, keys, scores)),
    scores_f16: checked!(|q, keys, scores| avx512::vectors::scores_f16(q, keys, scores)),
    scores_of_four: checked!(|q, keys, scores| avx512::vectors::scores_of_four(q, keys, scores)),
    scores_of_four_f16: checked!(|q, keys, scores| avx512::vectors::scores_of_four_f16(
        q, keys, scores
    )),
    weigh: checked!(|shares, values, y| avx512::vectors::weigh(shares, values, y)),
    weigh_f16: checked!(|shares, values, y| avx512::vectors::weigh_f16(shares, values, y)),
    weigh_of_four: checked!(|shares, values, y| avx512::vectors::weigh_of_four(shares, values, y)),
    weigh_of_four_f16: checked!(|shares, values, y| avx512::vectors::weigh_of_four_f16(
        shares, values, y
    )),
    exp_sum: checked!(|x, max| avx512::vectors::exp_sum(x, max)),
    ..AVX2_FAST
};
