//! The kernels of each instruction set, format and precision, as plain function pointers.
//!
//! | table       | needs           | kernels                                       |
//! |-------------|-----------------|-----------------------------------------------|
//! | [`scalar`]  | nothing         | all formats                                   |
//!
//! Everything unsafe about instruction sets is here: the pointers below are safe to call because
//! nobody obtains those of an instruction set that this machine lacks.

use half::f16;

use super::{Isa, Precision, quantise::Q8Block, scalar};
use crate::Format;

/// The dot products of one weight format.
#[derive(Clone, Copy)]
pub(super) enum Kernel {
    /// Of weights with activations as they are.
    Floats(Dots<f32>),
    /// Of weights with activations as [`Vectors::quantise`] left them; a row's length must be a
    /// multiple of 32, as it is in every format that has such a kernel.
    Blocks(Dots<Q8Block>),
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

/// The kernels over rows of activations. Slices given together have one length.
pub(super) struct Vectors {
    /// `sum(a[i] * b[i])`
    pub(super) dot: fn(a: &[f32], b: &[f32]) -> f32,
    /// `sum(a[i] * b[i])`
    pub(super) dot_f16: fn(a: &[f32], b: &[f16]) -> f32,
    /// `y[i] += a * x[i]`
    pub(super) axpy: fn(a: f32, x: &[f32], y: &mut [f32]),
    /// `y[i] += a * x[i]`
    pub(super) axpy_f16: fn(a: f32, x: &[f16], y: &mut [f32]),
    /// `y[i] = x[i]`, rounded to nearest, ties to even.
    pub(super) to_f16: fn(x: &[f32], y: &mut [f16]),
    /// The largest, -∞ if there is none. A NaN may be passed over.
    pub(super) max: fn(x: &[f32]) -> f32,
    /// `x[i] = exp(x[i] - max)`, and their sum.
    pub(super) exp_sum: fn(x: &mut [f32], max: f32) -> f32,
    /// `x[i] = x[i] / (1 + exp(-x[i]))`
    pub(super) silu: fn(x: &mut [f32]),
    /// See [`quantise`](super::quantise::quantise).
    pub(super) quantise: fn(row: &[f32], out: &mut [Q8Block]),
}

/// The dot products of weights of `format`.
pub(super) fn kernel(isa: Isa, format: Format, precision: Precision) -> Kernel {
    match isa {
        Isa::Scalar | Isa::Avx2 => scalar_kernel(format, precision),
    }
}

/// The kernels over rows of activations.
pub(super) fn vectors(isa: Isa, _precision: Precision) -> &'static Vectors {
    match isa {
        Isa::Scalar | Isa::Avx2 => &scalar::vectors::VECTORS,
    }
}

macro_rules! portable {
    ($dot:expr) => {
        Dots { one: |w, x| $dot(w, [x])[0], four: |w, x| $dot(w, x) }
    };
}

fn scalar_kernel(format: Format, precision: Precision) -> Kernel {
    use Kernel::{Blocks, Floats};
    use Precision::{Exact, Fast};
    match (format, precision) {
        (Format::F32, _) => Floats(portable!(scalar::dot_f32)),
        (Format::F16, _) => Floats(portable!(scalar::dot_f16)),
        (Format::BF16, _) => Floats(portable!(scalar::dot_bf16)),
        (Format::Q5_0, _) => Floats(portable!(scalar::dot_q5_0)),
        (Format::Q4_K, _) => Floats(portable!(scalar::dot_q4_k)),
        (Format::Q6_K, _) => Floats(portable!(scalar::dot_q6_k)),
        (Format::Q4_0, Exact) => Floats(portable!(scalar::dot_q4_0)),
        (Format::Q8_0, Exact) => Floats(portable!(scalar::dot_q8_0)),
        (Format::Q4_0, Fast) => Blocks(portable!(scalar::fast::dot_q4_0)),
        (Format::Q8_0, Fast) => Blocks(portable!(scalar::fast::dot_q8_0)),
    }
}
