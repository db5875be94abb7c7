//! The kernels of each instruction set, format and precision, as plain function pointers.
//!
//! | table       | needs           | kernels                                       |
//! |-------------|-----------------|-----------------------------------------------|
//! | `avx512`    | AVX-512, VNNI   | those with integers, fast; all else as `avx2` |
//! | `avx2`      | AVX2, FMA, F16C | all formats                                   |
//! | `neon`      | NEON, or `sdot` | those with integers, fast; all else as scalar |
//! | [`scalar`]  | nothing         | all formats                                   |
//!
//! Everything unsafe about instruction sets is here: the pointers below are safe to call because
//! nobody obtains those of an instruction set that this machine lacks.

use half::f16;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::{
    Isa, Precision,
    quantise::Q8Block,
    scalar,
    wide::{PAIR, Sixteen},
};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::Format;

/// The dot products of one weight format.
#[derive(Clone, Copy)]
pub(super) enum Kernel {
    /// Of weights with activations as they are.
    Floats(Dots<f32>),
    /// Of weights with activations as [`Vectors::quantise`] left them; a row's length must be a
    /// multiple of 32, as it is in every format that has such a kernel. Some formats have products
    /// of sixteen weight rows at once, see [`Self::sixteen`].
    Blocks(Dots<Q8Block>, Option<Sixteen>),
}

impl Kernel {
    /// The products of sixteen rows at once, where rows of `cols` weights have them.
    pub(super) fn sixteen(&self, cols: usize) -> Option<&Sixteen> {
        match self {
            Self::Blocks(_, sixteen) if cols.is_multiple_of(PAIR) => sixteen.as_ref(),
            Self::Blocks(..) | Self::Floats(_) => None,
        }
    }
}

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

/// The dot products of weights of `format`. Panics if this machine cannot run `isa`.
pub(super) fn kernel(isa: Isa, format: Format, precision: Precision) -> Kernel {
    assert!(isa.is_available(), "`Cpu` admits no instruction set that this machine lacks");
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => avx512_kernel(format, precision),
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
        Dots { one: |w, x| $dot(w, [x])[0], four: |w, x| $dot(w, x) }
    };
}

/// Both dot products over weights that are decoded so many at a time.
macro_rules! decoded {
    ($len:literal, $format:expr) => {
        Dots {
            one: |w, x| scalar::dot::<$len, 1>($format, w, [x])[0],
            four: |w, x| scalar::dot::<$len, 4>($format, w, x),
        }
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
        (Format::Q4_0, Fast) => Blocks(portable!(scalar::fast::dot_q4_0), None),
        (Format::Q5_0, Fast) => Blocks(portable!(scalar::fast::dot_q5_0), None),
        (Format::Q8_0, Fast) => Blocks(portable!(scalar::fast::dot_q8_0), None),
        (Format::Q4_K, Fast) => Blocks(portable!(scalar::fast::dot_q4_k), None),
        (Format::Q6_K, Fast) => Blocks(portable!(scalar::fast::dot_q6_k), None),
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

/// Both dot products of a function that needs target features.
#[cfg(target_arch = "x86_64")]
macro_rules! avx2 {
    ($dot:path) => {
        Dots { one: checked!(|w, x| $dot(w, [x])[0]), four: checked!(|w, x| $dot(w, x)) }
    };
}

/// The same over weights that `loader::format` decodes so many at a time.
#[cfg(target_arch = "x86_64")]
macro_rules! avx2_decoded {
    ($len:literal, $format:expr) => {
        Dots {
            one: checked!(|w, x| avx2::exact::dot_decoded::<$len, 1>($format, w, [x])[0]),
            four: checked!(|w, x| avx2::exact::dot_decoded::<$len, 4>($format, w, x)),
        }
    };
}

#[cfg(target_arch = "x86_64")]
fn avx2_kernel(format: Format, precision: Precision) -> Kernel {
    use Kernel::{Blocks, Floats};
    use Precision::{Exact, Fast};
    match (format, precision) {
        (Format::F32, _) => Floats(avx2!(avx2::exact::dot_f32)),
        (Format::F16, _) => Floats(avx2!(avx2::exact::dot_f16)),
        (Format::BF16, _) => Floats(avx2!(avx2::exact::dot_bf16)),
        (Format::Q4_1, Exact) => Floats(avx2_decoded!(32, Format::Q4_1)),
        (Format::Q5_1, Exact) => Floats(avx2_decoded!(32, Format::Q5_1)),
        (Format::Q2_K, Exact) => Floats(avx2_decoded!(256, Format::Q2_K)),
        (Format::Q3_K, Exact) => Floats(avx2_decoded!(256, Format::Q3_K)),
        (Format::Q5_K, Exact) => Floats(avx2_decoded!(256, Format::Q5_K)),
        (Format::IQ2_XXS, _) => Floats(avx2_decoded!(256, Format::IQ2_XXS)),
        (Format::IQ2_XS, _) => Floats(avx2_decoded!(256, Format::IQ2_XS)),
        (Format::IQ3_XXS, _) => Floats(avx2_decoded!(256, Format::IQ3_XXS)),
        (Format::IQ1_S, _) => Floats(avx2_decoded!(256, Format::IQ1_S)),
        (Format::IQ4_NL, Exact) => Floats(avx2_decoded!(32, Format::IQ4_NL)),
        (Format::IQ3_S, _) => Floats(avx2_decoded!(256, Format::IQ3_S)),
        (Format::IQ2_S, _) => Floats(avx2_decoded!(256, Format::IQ2_S)),
        (Format::IQ4_XS, Exact) => Floats(avx2_decoded!(256, Format::IQ4_XS)),
        (Format::IQ1_M, _) => Floats(avx2_decoded!(256, Format::IQ1_M)),
        (Format::TQ1_0, _) => Floats(avx2_decoded!(256, Format::TQ1_0)),
        (Format::TQ2_0, _) => Floats(avx2_decoded!(256, Format::TQ2_0)),
        (Format::MXFP4, Exact) => Floats(avx2_decoded!(32, Format::MXFP4)),
        (Format::NVFP4, _) => Floats(avx2_decoded!(64, Format::NVFP4)),
        (Format::Q4_0, Exact) => Floats(avx2!(avx2::exact::dot_q4_0)),
        (Format::Q5_0, Exact) => Floats(avx2!(avx2::exact::dot_q5_0)),
        (Format::Q8_0, Exact) => Floats(avx2!(avx2::exact::dot_q8_0)),
        (Format::Q4_K, Exact) => Floats(avx2!(avx2::exact::dot_q4_k)),
        (Format::Q6_K, Exact) => Floats(avx2!(avx2::exact::dot_q6_k)),
        (Format::Q4_0, Fast) => Blocks(avx2!(avx2::fast::dot_q4_0), None),
        (Format::Q4_1, Fast) => Blocks(avx2!(avx2::fast::dot_q4_1), None),
        (Format::Q5_0, Fast) => Blocks(avx2!(avx2::fast::dot_q5_0), None),
        (Format::Q5_1, Fast) => Blocks(avx2!(avx2::fast::dot_q5_1), None),
        (Format::Q8_0, Fast) => Blocks(avx2!(avx2::fast::dot_q8_0), None),
        (Format::Q2_K, Fast) => Blocks(avx2!(avx2::fast::dot_q2_k), None),
        (Format::Q3_K, Fast) => Blocks(avx2!(avx2::fast::dot_q3_k), None),
        (Format::Q4_K, Fast) => Blocks(avx2!(avx2::fast::dot_q4_k), None),
        (Format::Q5_K, Fast) => Blocks(avx2!(avx2::fast::dot_q5_k), None),
        (Format::Q6_K, Fast) => Blocks(avx2!(avx2::fast::dot_q6_k), None),
        (Format::IQ4_NL, Fast) => Blocks(avx2!(avx2::fast::dot_iq4_nl), None),
        (Format::IQ4_XS, Fast) => Blocks(avx2!(avx2::fast::dot_iq4_xs), None),
        (Format::MXFP4, Fast) => Blocks(avx2!(avx2::fast::dot_mxfp4), None),
    }
}

/// The kernels over a format of `avx512::formats`.
#[cfg(target_arch = "x86_64")]
macro_rules! avx512 {
    ($format:path) => {
        Kernel::Blocks(
            Dots {
                one: checked!(|w, x| $format().dot(w, [x])[0]),
                four: checked!(|w, x| $format().dot(w, x)),
            },
            Some(Sixteen {
                once: checked!(|rows, next, x| $format().once(rows, next, x)),
                lines: checked!(|cols| $format().lines(cols)),
                unpack: checked!(|rows, panel| $format().unpack(rows, panel)),
                by_one: checked!(|panel, x| $format().multiply(panel, x)),
                by_four: checked!(|panel, x| $format().multiply(panel, x)),
                by_sixteen: checked!(|panel, x| $format().multiply(panel, x)),
            }),
        )
    };
}

#[cfg(target_arch = "x86_64")]
fn avx512_kernel(format: Format, precision: Precision) -> Kernel {
    use Precision::{Exact, Fast};
    match (format, precision) {
        (_, Exact) => avx2_kernel(format, precision),
        (Format::Q4_0, Fast) => avx512!(avx512::formats::q4_0),
        (Format::Q4_1, Fast) => avx512!(avx512::formats::q4_1),
        (Format::Q5_0, Fast) => avx512!(avx512::formats::q5_0),
        (Format::Q5_1, Fast) => avx512!(avx512::formats::q5_1),
        (Format::Q8_0, Fast) => avx512!(avx512::formats::q8_0),
        (Format::Q2_K, Fast) => avx512!(avx512::formats::q2_k),
        (Format::Q3_K, Fast) => avx512!(avx512::formats::q3_k),
        (Format::Q4_K, Fast) => avx512!(avx512::formats::q4_k),
        (Format::Q5_K, Fast) => avx512!(avx512::formats::q5_k),
        (Format::Q6_K, Fast) => avx512!(avx512::formats::q6_k),
        (Format::IQ4_NL, Fast) => avx512!(avx512::formats::iq4_nl),
        (Format::IQ4_XS, Fast) => avx512!(avx512::formats::iq4_xs),
        (Format::MXFP4, Fast) => avx512!(avx512::formats::mxfp4),
        (
            Format::F32
            | Format::F16
            | Format::BF16
            | Format::IQ2_XXS
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
        Kernel::Blocks(
            Dots {
                one: checked!(|w, x| neon::fast::$dot::<{ $sdot }, 1>(w, [x])[0]),
                four: checked!(|w, x| neon::fast::$dot::<{ $sdot }, 4>(w, x)),
            },
            None,
        )
    };
}

#[cfg(target_arch = "aarch64")]
fn neon_kernel<const DOT: bool>(format: Format, precision: Precision) -> Kernel {
    use Precision::{Exact, Fast};
    match (format, precision) {
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
            Format::F32
            | Format::F16
            | Format::BF16
            | Format::IQ2_XXS
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
mod tests {
    mod dots;
    mod vectors;

    use super::Isa;

    /// Those that this machine can run; says which it cannot.
    fn available() -> impl Iterator<Item = Isa> {
        Isa::ALL.iter().copied().filter(|isa| {
            if !isa.is_available() {
                eprintln!("skipped: no {isa}");
            }
            isa.is_available()
        })
    }

    /// Random numbers in -1..1.
    fn noise(seed: u32, len: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / 2.0f32.powi(31) - 1.0
        };
        (0..len).map(|_| next()).collect()
    }
}
