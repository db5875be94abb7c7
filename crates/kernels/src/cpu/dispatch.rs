//! The kernels of each instruction set, format and precision, as plain function pointers.
//!
//! | table       | needs           | kernels                                                    |
//! |-------------|-----------------|------------------------------------------------------------|
//! | `avx512`    | AVX-512, VNNI   | numbers; those with integers, fast; all else as `avx2`     |
//! | `avx2`      | AVX2, FMA, F16C | all formats                                                |
//! | `neon`      | NEON, or `sdot` | numbers; those with integers, fast; all else as [`scalar`] |
//! | [`scalar`]  | nothing         | all formats                                                |
//!
//! Numbers are weights of `F32`, `F16` and `BF16`, whose kernels are the same in both precisions.
//!
//! Everything unsafe about instruction sets is here: the pointers below are safe to call because
//! nobody obtains those of an instruction set that this machine lacks.

use half::f16;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::{Isa, Precision, quantise::Q8Block, scalar, wide::Sixteen};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::{CacheFormat, Format};

/// The dot products of one weight format.
#[derive(Clone, Copy)]
pub(super) enum Kernel {
    /// Of weights with activations as they are.
    Floats(Products<f32>),
    /// Of weights with activations as [`Vectors::quantise`] left them; a row's length is a multiple
    /// of 32, as it is in every format that has such a kernel.
    Blocks(Products<Q8Block>),
}

/// How many weight rows kernels take at once.
pub(super) enum Products<X: 'static> {
    ByRow(Dots<X>),
    #[cfg_attr(
        not(any(test, target_arch = "x86_64", target_arch = "aarch64")),
        expect(dead_code, reason = "portable kernels take one at a time")
    )]
    BySixteen(Sixteen<X>),
}

impl<X> Clone for Products<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for Products<X> {}

/// Dot products of one weight row with rows of activations of the same length.
///
/// A sum depends on its own two rows alone: `four` gives bit for bit what `one` gives.
pub(super) struct Dots<X: 'static> {
    /// With one row of activations.
    pub(super) one: fn(weights: &[u8], x: &[X]) -> f32,
    /// With four, reading and decoding the weights once.
    pub(super) four: fn(weights: &[u8], x: [&[X]; 4]) -> [f32; 4],
}

impl<X> Clone for Dots<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for Dots<X> {}

/// Rows that begin a stride apart.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a, T> {
    pub(super) items: &'a [T],
    pub(super) stride: usize,
}

impl<'a, T> Strided<'a, T> {
    /// The first `len` items of row `t`.
    pub(super) fn at(self, t: usize, len: usize) -> &'a [T] {
        &self.items[t * self.stride..][..len]
    }

    /// Those from row `t` on.
    pub(super) fn from(self, t: usize) -> Self {
        Self { items: &self.items[t * self.stride..], ..self }
    }
}

/// The kernels over rows of activations. Slices given together have one length.
pub(super) struct Vectors {
    /// `sum(a[i] * b[i])`
    pub(super) dot: fn(a: &[f32], b: &[f32]) -> f32,
    /// `scores[t] = sum(q[i] * keys[t][i])`
    pub(super) scores: fn(q: &[f32], keys: Strided<'_, f32>, scores: &mut [f32]),
    /// The same.
    pub(super) scores_f16: fn(q: &[f32], keys: Strided<'_, f16>, scores: &mut [f32]),
    /// `y[i] += a * x[i]`
    pub(super) axpy: fn(a: f32, x: &[f32], y: &mut [f32]),
    /// `y[i] += shares[t] * values[t][i]`, `t` ascending; shares below the smallest normal number
    /// are passed over: products with them are slow and change nothing.
    pub(super) weigh: fn(shares: &[f32], values: Strided<'_, f32>, y: &mut [f32]),
    /// The same.
    pub(super) weigh_f16: fn(shares: &[f32], values: Strided<'_, f16>, y: &mut [f32]),
    /// `y[i] = x[i]`, rounded to nearest, ties to even.
    pub(super) to_f16: fn(x: &[f32], y: &mut [f16]),
    /// `y = x`, of whole blocks.
    pub(super) decode: fn(format: CacheFormat, x: &[u8], y: &mut [f32]),
    /// The largest, -∞ if there is none. A NaN may be passed over.
    pub(super) max: fn(x: &[f32]) -> f32,
    /// `x[i] = exp(x[i] - max)`, and their sum.
    pub(super) exp_sum: fn(x: &mut [f32], max: f32) -> f32,
    /// `x[i] = x[i] / (1 + exp(-x[i]))`
    pub(super) silu: fn(x: &mut [f32]),
    /// As [`Act::GeluTanh`](crate::Act::GeluTanh) says.
    pub(super) gelu_tanh: fn(x: &mut [f32]),
    /// `x[i] = cap * tanh(x[i] / cap)`
    pub(super) softcap: fn(x: &mut [f32], cap: f32),
    /// See [`quantise`](super::quantise::quantise).
    pub(super) quantise: fn(row: &[f32], out: &mut [Q8Block]),
}

/// The dot products of rows of `cols` weights of `format`. Panics if this machine cannot run `isa`.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "the others take rows of any length")
)]
pub(super) fn kernel(isa: Isa, format: Format, precision: Precision, cols: usize) -> Kernel {
    assert!(isa.is_available(), "`Cpu` admits no instruction set that this machine lacks");
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => avx512_kernel(format, precision, cols),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2_kernel(format, precision),
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512Vnni => unreachable!("not available"),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon_kernel::<false>(format, precision),
        #[cfg(target_arch = "aarch64")]
        Isa::NeonDot => neon_kernel::<true>(format, precision),
        #[cfg(not(target_arch = "aarch64"))]
        Isa::Neon | Isa::NeonDot => unreachable!("not available"),
        Isa::Scalar => scalar_kernel(format, precision),
    }
}

/// The kernels over rows of activations. Panics if this machine cannot run `isa`.
pub(super) fn vectors(isa: Isa, precision: Precision) -> &'static Vectors {
    assert!(isa.is_available(), "`Cpu` admits no instruction set that this machine lacks");
    match (isa, precision) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512Vnni, Precision::Exact) => &AVX512_EXACT,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512Vnni, Precision::Fast) => &AVX512_FAST,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Precision::Exact) => &AVX2_EXACT,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Precision::Fast) => &AVX2_FAST,
        #[cfg(not(target_arch = "x86_64"))]
        (Isa::Avx2 | Isa::Avx512Vnni, _) => unreachable!("not available"),
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon | Isa::NeonDot, Precision::Exact) => &NEON_EXACT,
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon | Isa::NeonDot, Precision::Fast) => &NEON_FAST,
        #[cfg(not(target_arch = "aarch64"))]
        (Isa::Neon | Isa::NeonDot, _) => unreachable!("not available"),
        (Isa::Scalar, _) => &scalar::vectors::VECTORS,
    }
}

macro_rules! portable {
    ($dot:path) => {
        Products::ByRow(Dots { one: |w, x| $dot(w, [x])[0], four: |w, x| $dot(w, x) })
    };
}

/// Both dot products over weights that are decoded so many at a time.
macro_rules! decoded {
    ($len:literal, $format:expr) => {
        Products::ByRow(Dots {
            one: |w, x| scalar::dot::<$len, 1>($format, w, [x])[0],
            four: |w, x| scalar::dot::<$len, 4>($format, w, x),
        })
    };
}

fn scalar_kernel(format: Format, precision: Precision) -> Kernel {
    use Kernel::{Blocks, Floats};
    use Precision::{Exact, Fast};
    match (format, precision) {
        (Format::F32, _) => Floats(decoded!(32, Format::F32)),
        (Format::F16, _) => Floats(decoded!(32, Format::F16)),
        (Format::BF16, _) => Floats(decoded!(32, Format::BF16)),
        (Format::Q4_1, _) => Floats(decoded!(32, Format::Q4_1)),
        (Format::Q5_1, _) => Floats(decoded!(32, Format::Q5_1)),
        (Format::Q2_K, _) => Floats(decoded!(256, Format::Q2_K)),
        (Format::Q3_K, _) => Floats(decoded!(256, Format::Q3_K)),
        (Format::Q5_K, _) => Floats(decoded!(256, Format::Q5_K)),
        (Format::IQ2_XXS, _) => Floats(decoded!(256, Format::IQ2_XXS)),
        (Format::IQ2_XS, _) => Floats(decoded!(256, Format::IQ2_XS)),
        (Format::IQ3_XXS, _) => Floats(decoded!(256, Format::IQ3_XXS)),
        (Format::IQ1_S, _) => Floats(decoded!(256, Format::IQ1_S)),
        (Format::IQ4_NL, _) => Floats(decoded!(32, Format::IQ4_NL)),
        (Format::IQ3_S, _) => Floats(decoded!(256, Format::IQ3_S)),
        (Format::IQ2_S, _) => Floats(decoded!(256, Format::IQ2_S)),
        (Format::IQ4_XS, _) => Floats(decoded!(256, Format::IQ4_XS)),
        (Format::IQ1_M, _) => Floats(decoded!(256, Format::IQ1_M)),
        (Format::TQ1_0, _) => Floats(decoded!(256, Format::TQ1_0)),
        (Format::TQ2_0, _) => Floats(decoded!(256, Format::TQ2_0)),
        (Format::MXFP4, _) => Floats(decoded!(32, Format::MXFP4)),
        (Format::NVFP4, _) => Floats(decoded!(64, Format::NVFP4)),
        (Format::Q4_0, Exact) => Floats(decoded!(32, Format::Q4_0)),
        (Format::Q5_0, Exact) => Floats(decoded!(32, Format::Q5_0)),
        (Format::Q8_0, Exact) => Floats(decoded!(32, Format::Q8_0)),
        (Format::Q4_K, Exact) => Floats(decoded!(256, Format::Q4_K)),
        (Format::Q6_K, Exact) => Floats(decoded!(256, Format::Q6_K)),
        (Format::Q4_0, Fast) => Blocks(portable!(scalar::fast::dot_q4_0)),
        (Format::Q5_0, Fast) => Blocks(portable!(scalar::fast::dot_q5_0)),
        (Format::Q8_0, Fast) => Blocks(portable!(scalar::fast::dot_q8_0)),
        (Format::Q4_K, Fast) => Blocks(portable!(scalar::fast::dot_q4_k)),
        (Format::Q6_K, Fast) => Blocks(portable!(scalar::fast::dot_q6_k)),
    }
}

/// A safe pointer to a call of a function that needs target features.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! checked {
    (|$($arg:ident),+| $call:expr) => {
        |$($arg),+| {
            // SAFETY: `kernel` and `vectors`, the only ways to this pointer, have asserted
            // `Isa::is_available`, which asks the CPU for all features that these functions
            // enable, and a CPU does not lose features while a process runs.
            unsafe { $call }
        }
    };
}

/// The kernels over a format that the `floats` of an instruction set multiply.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! floats_of {
    ($isa:ident, $format:expr) => {
        Kernel::Floats(Products::BySixteen(Sixteen {
            once: checked!(|rows, _next, x, _room| $format.once(rows, x)),
            lines: checked!(|cols| $format.lines(cols)),
            unpack: checked!(|rows, panel| $format.unpack(rows, panel)),
            by_one: checked!(|panel, x| $isa::floats::multiply(panel, x)),
            by_four: checked!(|panel, x| $isa::floats::multiply(panel, x)),
            by_sixteen: checked!(|panel, x| $isa::floats::multiply(panel, x)),
        }))
    };
}

/// The kernels over a format of `avx2::exact`.
#[cfg(target_arch = "x86_64")]
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
#[cfg(target_arch = "x86_64")]
macro_rules! packed {
    ($format:path, |$rows:ident, $next:ident, $x:ident, $room:ident| $($once:tt)+) => {
        Kernel::Blocks(Products::BySixteen(Sixteen {
            once: checked!(|$rows, $next, $x, $room| $format().$($once)+),
            lines: checked!(|cols| $format().lines(cols)),
            unpack: checked!(|rows, panel| $format().unpack(rows, panel)),
            by_one: checked!(|panel, x| $format().multiply(panel, x)),
            by_four: checked!(|panel, x| $format().multiply(panel, x)),
            by_sixteen: checked!(|panel, x| $format().multiply(panel, x)),
        }))
    };
}

/// A format of `avx2::formats`.
#[cfg(target_arch = "x86_64")]
macro_rules! by_avx2 {
    ($format:ident) => {
        packed!(avx2::formats::$format, |rows, next, x, room| once(rows, next, x, room))
    };
}

/// A format of `avx512::formats`.
#[cfg(target_arch = "x86_64")]
macro_rules! by_avx512 {
    ($format:ident) => {
        packed!(avx512::formats::$format, |rows, next, x, _room| once(rows, next, x))
    };
}

#[cfg(target_arch = "x86_64")]
fn avx2_kernel(format: Format, precision: Precision) -> Kernel {
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
        (Format::IQ2_XXS, _) => decoded_by_avx2!(other IQ2_XXS, 8),
        (Format::IQ2_XS, _) => decoded_by_avx2!(other IQ2_XS, 8),
        (Format::IQ3_XXS, _) => decoded_by_avx2!(other IQ3_XXS, 8),
        (Format::IQ1_S, _) => decoded_by_avx2!(other IQ1_S, 8),
        (Format::IQ4_NL, Exact) => decoded_by_avx2!(other IQ4_NL, 1),
        (Format::IQ3_S, _) => decoded_by_avx2!(other IQ3_S, 8),
        (Format::IQ2_S, _) => decoded_by_avx2!(other IQ2_S, 8),
        (Format::IQ4_XS, Exact) => decoded_by_avx2!(other IQ4_XS, 8),
        (Format::IQ1_M, _) => decoded_by_avx2!(other IQ1_M, 8),
        (Format::TQ1_0, _) => decoded_by_avx2!(other TQ1_0, 8),
        (Format::TQ2_0, _) => decoded_by_avx2!(other TQ2_0, 8),
        (Format::MXFP4, Exact) => decoded_by_avx2!(other MXFP4, 1),
        (Format::NVFP4, _) => decoded_by_avx2!(other NVFP4, 2),
        (Format::Q4_0, Exact) => decoded_by_avx2!(avx2::exact::q4_0()),
        (Format::Q5_0, Exact) => decoded_by_avx2!(avx2::exact::q5_0()),
        (Format::Q8_0, Exact) => decoded_by_avx2!(avx2::exact::q8_0()),
        (Format::Q4_K, Exact) => decoded_by_avx2!(avx2::exact::q4_k()),
        (Format::Q6_K, Exact) => decoded_by_avx2!(avx2::exact::q6_k()),
        (Format::Q4_0, Fast) => by_avx2!(q4_0),
        (Format::Q4_1, Fast) => by_avx2!(q4_1),
        (Format::Q5_0, Fast) => by_avx2!(q5_0),
        (Format::Q5_1, Fast) => by_avx2!(q5_1),
        (Format::Q8_0, Fast) => by_avx2!(q8_0),
        (Format::Q2_K, Fast) => by_avx2!(q2_k),
        (Format::Q3_K, Fast) => by_avx2!(q3_k),
        (Format::Q4_K, Fast) => by_avx2!(q4_k),
        (Format::Q5_K, Fast) => by_avx2!(q5_k),
        (Format::Q6_K, Fast) => by_avx2!(q6_k),
        (Format::IQ4_NL, Fast) => by_avx2!(iq4_nl),
        (Format::IQ4_XS, Fast) => by_avx2!(iq4_xs),
        (Format::MXFP4, Fast) => by_avx2!(mxfp4),
    }
}

#[cfg(target_arch = "x86_64")]
fn avx512_kernel(format: Format, precision: Precision, cols: usize) -> Kernel {
    use Precision::{Exact, Fast};
    match (format, precision) {
        (Format::F32, _) => floats_of!(avx512, avx512::floats::f32()),
        (Format::F16, _) => floats_of!(avx512, avx512::floats::f16()),
        (Format::BF16, _) => floats_of!(avx512, avx512::floats::bf16()),
        (_, Exact) => avx2_kernel(format, precision),
        _ if !cols.is_multiple_of(avx512::PAIR) => avx2_kernel(format, precision),
        (Format::Q4_0, Fast) => by_avx512!(q4_0),
        (Format::Q4_1, Fast) => by_avx512!(q4_1),
        (Format::Q5_0, Fast) => by_avx512!(q5_0),
        (Format::Q5_1, Fast) => by_avx512!(q5_1),
        (Format::Q8_0, Fast) => by_avx512!(q8_0),
        (Format::Q2_K, Fast) => by_avx512!(q2_k),
        (Format::Q3_K, Fast) => by_avx512!(q3_k),
        (Format::Q4_K, Fast) => by_avx512!(q4_k),
        (Format::Q5_K, Fast) => by_avx512!(q5_k),
        (Format::Q6_K, Fast) => by_avx512!(q6_k),
        (Format::IQ4_NL, Fast) => by_avx512!(iq4_nl),
        (Format::IQ4_XS, Fast) => by_avx512!(iq4_xs),
        (Format::MXFP4, Fast) => by_avx512!(mxfp4),
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
        ) => avx2_kernel(format, precision),
    }
}

/// Both dot products of a function of `neon::fast`, with `sdot` or without.
#[cfg(target_arch = "aarch64")]
macro_rules! neon {
    ($dot:ident, $sdot:expr) => {
        Kernel::Blocks(Products::ByRow(Dots {
            one: checked!(|w, x| neon::fast::$dot::<{ $sdot }, 1>(w, [x])[0]),
            four: checked!(|w, x| neon::fast::$dot::<{ $sdot }, 4>(w, x)),
        }))
    };
}

#[cfg(target_arch = "aarch64")]
fn neon_kernel<const DOT: bool>(format: Format, precision: Precision) -> Kernel {
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

#[cfg(target_arch = "aarch64")]
static NEON_EXACT: Vectors = Vectors {
    exp_sum: scalar::vectors::exp_sum,
    silu: scalar::vectors::silu,
    gelu_tanh: scalar::vectors::gelu_tanh,
    ..NEON_FAST
};

#[cfg(target_arch = "aarch64")]
static NEON_FAST: Vectors = Vectors {
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

#[cfg(target_arch = "x86_64")]
static AVX2_EXACT: Vectors = Vectors {
    exp_sum: scalar::vectors::exp_sum,
    silu: scalar::vectors::silu,
    gelu_tanh: scalar::vectors::gelu_tanh,
    softcap: scalar::vectors::softcap,
    ..AVX2_FAST
};

#[cfg(target_arch = "x86_64")]
static AVX2_FAST: Vectors = Vectors {
    dot: checked!(|a, b| avx2::vectors::dot(a, b)),
    scores: checked!(|q, keys, scores| avx2::vectors::scores(q, keys, scores)),
    scores_f16: checked!(|q, keys, scores| avx2::vectors::scores_f16(q, keys, scores)),
    axpy: checked!(|a, x, y| avx2::vectors::axpy(a, x, y)),
    weigh: checked!(|shares, values, y| avx2::vectors::weigh(shares, values, y)),
    weigh_f16: checked!(|shares, values, y| avx2::vectors::weigh_f16(shares, values, y)),
    to_f16: checked!(|x, y| avx2::vectors::to_f16(x, y)),
    decode: checked!(|format, x, y| avx2::vectors::decode(format, x, y)),
    max: checked!(|x| avx2::vectors::max(x)),
    exp_sum: checked!(|x, max| avx2::vectors::exp_sum(x, max)),
    silu: checked!(|x| avx2::vectors::silu(x)),
    gelu_tanh: checked!(|x| avx2::vectors::gelu_tanh(x)),
    softcap: checked!(|x, cap| avx2::vectors::softcap(x, cap)),
    quantise: checked!(|row, out| avx2::quantise::quantise(row, out)),
};

#[cfg(target_arch = "x86_64")]
static AVX512_EXACT: Vectors = Vectors {
    exp_sum: AVX2_EXACT.exp_sum,
    silu: AVX2_EXACT.silu,
    gelu_tanh: AVX2_EXACT.gelu_tanh,
    softcap: AVX2_EXACT.softcap,
    ..AVX512_FAST
};

#[cfg(target_arch = "x86_64")]
static AVX512_FAST: Vectors = Vectors {
    scores: checked!(|q, keys, scores| avx512::vectors::scores(q, keys, scores)),
    scores_f16: checked!(|q, keys, scores| avx512::vectors::scores_f16(q, keys, scores)),
    weigh: checked!(|shares, values, y| avx512::vectors::weigh(shares, values, y)),
    weigh_f16: checked!(|shares, values, y| avx512::vectors::weigh_f16(shares, values, y)),
    ..AVX2_FAST
};

#[cfg(test)]
mod tests;
