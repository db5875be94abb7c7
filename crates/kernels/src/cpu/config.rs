//! How a [`Cpu`](super::Cpu) is built.

use super::{Isa, Precision, available_cores};

/// What a [`Cpu`](super::Cpu) uses of the machine. Only `isa` and `precision` change results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The instruction set of its kernels.
    pub isa: Isa,
    /// How exactly weights are multiplied with activations.
    pub precision: Precision,
    /// How many threads work on a run, the one that asks for it included: at least 1.
    pub threads: usize,
    /// Which fused operations it takes.
    pub fuse: Fuse,
}

/// Which fused operations a [`Cpu`](super::Cpu) takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuse {
    /// Those that it has a kernel for.
    Known,
    /// None: each runs as its meaning. For tests, and to find a wrong kernel.
    Nothing,
}

impl Config {
    /// All of this machine that we may use, in the default precision.
    pub fn detect() -> Self {
        Self {
            isa: Isa::best(),
            precision: Precision::Fast,
            threads: available_cores(),
            fuse: Fuse::Known,
        }
    }
}
