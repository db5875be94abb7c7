//! What computes: a device of this machine, in each of its precisions.

use std::fmt;

use kernels::{
    Backend,
    cpu::{Config, ConfigError, Cpu, Precision},
    reference::Reference,
};

/// A device. A new one is made for each model that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// The processor, with this instruction set and so many threads; its precision does not matter.
    Cpu(Config),
    /// Plain loops.
    Reference,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(Config { isa, threads: 1, .. }) => write!(f, "cpu ({isa}, 1 thread)"),
            Self::Cpu(Config { isa, threads, .. }) => write!(f, "cpu ({isa}, {threads} threads)"),
            Self::Reference => f.write_str("reference"),
        }
    }
}

impl Machine {
    /// The precisions that it has, the more exact first.
    pub fn precisions(self) -> &'static [Precision] {
        match self {
            Self::Cpu(_) => &[Precision::Exact, Precision::Fast],
            Self::Reference => &[Precision::Exact],
        }
    }

    /// The device in this precision.
    pub(crate) fn backend(self, precision: Precision) -> Result<Box<dyn Backend>, ConfigError> {
        Ok(match self {
            Self::Cpu(config) => Box::new(Cpu::new(Config { precision, ..config })?),
            Self::Reference => Box::new(Reference::default()),
        })
    }
}
