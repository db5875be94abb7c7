//! The kernels of each instruction set, format and precision, as plain function pointers.
//!
//! | table       | needs               | kernels                                                    |
//! |-------------|---------------------|------------------------------------------------------------|
//! | `avx512`    | AVX-512, VNNI (AMX) | numbers; those with integers, fast, for several rows of    |
//! |             |                     | activations; all else as `avx2`                            |
//! | `avx2`      | AVX2, FMA, F16C     | all formats; those with integers, fast, also by AVX-VNNI   |
//! | `neon`      | NEON (`sdot`, i8mm) | numbers; those with integers, fast; all else as [`scalar`] |
//! | [`scalar`]  | nothing             | all formats                                                |
//!
//! Numbers are weights of `F32`, `F16` and `BF16`, whose kernels are the same in both precisions.
//! `IQ1_S` to `IQ3_S`, `TQ1_0`, `TQ2_0` and `NVFP4` are multiplied as integers on x86-64 alone: `neon` takes
//! them from [`scalar`].
//!
//! Everything unsafe about instruction sets is here: the pointers below are safe to call because
//! nobody obtains those of an instruction set that this machine lacks. Each kind of processor has a
//! module with its own.

use half::f16;

use super::{Isa, Precision, quantise::Q8Block, scalar, wide::Sixteen};
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

/// [`Vectors::scores`] of four queries.
pub(super) type ScoresOfFour<T> = fn(q: [&[f32]; 4], keys: Strided<'_, T>, scores: [&mut [f32]; 4]);

/// [`Vectors::weigh`] with four rows of shares.
pub(super) type WeighOfFour<T> =
    fn(shares: [&[f32]; 4], values: Strided<'_, T>, y: [&mut [f32]; 4]);

/// The kernels over rows of activations. Slices given together have one length.
pub(super) struct Vectors {
    /// `sum(a[i] * b[i])`
    pub(super) dot: fn(a: &[f32], b: &[f32]) -> f32,
    /// `scores[t] = sum(q[i] * keys[t][i])`
    pub(super) scores: fn(q: &[f32], keys: Strided<'_, f32>, scores: &mut [f32]),
    /// The same.
    pub(super) scores_f16: fn(q: &[f32], keys: Strided<'_, f16>, scores: &mut [f32]),
    /// The same bits of four queries, for which keys may be read once.
    pub(super) scores_of_four: ScoresOfFour<f32>,
    /// The same.
    pub(super) scores_of_four_f16: ScoresOfFour<f16>,
    /// `y[i] += a * x[i]`
    pub(super) axpy: fn(a: f32, x: &[f32], y: &mut [f32]),
    /// `y[i] += shares[t] * values[t][i]`, `t` ascending; shares below the smallest normal number
    /// are passed over: products with them are slow and change nothing.
    pub(super) weigh: fn(shares: &[f32], values: Strided<'_, f32>, y: &mut [f32]),
    /// The same.
    pub(super) weigh_f16: fn(shares: &[f32], values: Strided<'_, f16>, y: &mut [f32]),
    /// The same bits of four times as many shares, for which values may be read once.
    pub(super) weigh_of_four: WeighOfFour<f32>,
    /// The same.
    pub(super) weigh_of_four_f16: WeighOfFour<f16>,
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
        Isa::Amx => x86_64::avx512_kernel::<true>(format, precision, cols),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => x86_64::avx512_kernel::<false>(format, precision, cols),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => x86_64::avx_vnni_kernel(format, precision),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => x86_64::avx2_kernel(format, precision),
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::AvxVnni | Isa::Avx512Vnni | Isa::Amx => unreachable!("not available"),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => aarch64::kernel::<false, false>(format, precision),
        #[cfg(target_arch = "aarch64")]
        Isa::NeonDot => aarch64::kernel::<true, false>(format, precision),
        #[cfg(target_arch = "aarch64")]
        Isa::NeonI8mm => aarch64::kernel::<true, true>(format, precision),
        #[cfg(not(target_arch = "aarch64"))]
        Isa::Neon | Isa::NeonDot | Isa::NeonI8mm => unreachable!("not available"),
        Isa::Scalar => scalar_kernel(format, precision),
    }
}

/// The kernels over rows of activations. Panics if this machine cannot run `isa`.
pub(super) fn vectors(isa: Isa, precision: Precision) -> &'static Vectors {
    assert!(isa.is_available(), "`Cpu` admits no instruction set that this machine lacks");
    match (isa, precision) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512Vnni | Isa::Amx, Precision::Exact) => &x86_64::AVX512_EXACT,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512Vnni | Isa::Amx, Precision::Fast) => &x86_64::AVX512_FAST,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::AvxVnni, Precision::Exact) => &x86_64::AVX2_EXACT,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::AvxVnni, Precision::Fast) => &x86_64::AVX2_FAST,
        #[cfg(not(target_arch = "x86_64"))]
        (Isa::Avx2 | Isa::AvxVnni | Isa::Avx512Vnni | Isa::Amx, _) => unreachable!("not available"),
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon | Isa::NeonDot | Isa::NeonI8mm, Precision::Exact) => &aarch64::EXACT,
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon | Isa::NeonDot | Isa::NeonI8mm, Precision::Fast) => &aarch64::FAST,
        #[cfg(not(target_arch = "aarch64"))]
        (Isa::Neon | Isa::NeonDot | Isa::NeonI8mm, _) => unreachable!("not available"),
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
            // enable or are written for, and a CPU does not lose features while a process runs, nor
            // the process the tiles that the system gave it.
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
            by_sixteen: Whole::Scattered(checked!(|panel, x| { $isa::floats::multiply(panel, x) })),
        }))
    };
}

// Below the macros that they take from here.
#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(test)]
mod tests;
