//! How a [`Cpu`](super::Cpu) is built.

use std::fmt;

use super::{Isa, Precision, available_cores};

/// What a [`Cpu`](super::Cpu) uses of the machine. Only `isa` and `precision` change results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The instruction set of its kernels.
    pub isa: Isa,
    /// How exactly weights are multiplied with activations.
    pub precision: Precision,
    /// How many threads work on a run, the one that asks for it included: 1 to
    /// [`MAX_THREADS`](Config::MAX_THREADS).
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
    /// The most threads of one [`Cpu`](super::Cpu). Far more than a machine has cores for; some
    /// systems end a process that asks for millions of threads, instead of refusing one.
    pub const MAX_THREADS: usize = 1024;

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

/// Why an instruction set, a precision or a number of threads cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No instruction set has this name.
    UnknownIsa {
        /// What was asked for.
        found: String,
    },
    /// This machine cannot run it.
    MissingIsa {
        /// What was asked for.
        isa: Isa,
    },
    /// No precision has this name.
    UnknownPrecision {
        /// What was asked for.
        found: String,
    },
    /// Nobody is there to work.
    NoThreads,
    /// There are not so many threads: the system gives no more, or more were asked for than
    /// [`Config::MAX_THREADS`].
    Threads {
        /// How many were asked for.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

impl Error {
    /// What the user can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoThreads | Self::Threads { .. } => Some(format!(
                "leave the number out: one thread a physical core, {} here, is the default",
                available_cores()
            )),
            Self::UnknownIsa { .. } | Self::MissingIsa { .. } | Self::UnknownPrecision { .. } => {
                None
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIsa { found } => {
                write!(f, "no instruction set is called `{found}`, this machine has {}", Here)
            }
            Self::MissingIsa { isa } => {
                write!(f, "this machine cannot run `{isa}`, it has {}", Here)
            }
            Self::UnknownPrecision { found } => {
                write!(f, "no precision is called `{found}`, there are `exact` and `fast`")
            }
            Self::NoThreads => f.write_str("found 0 threads, expected at least 1"),
            Self::Threads { expected, found: Config::MAX_THREADS } => {
                write!(f, "found {expected} threads, expected at most {}", Config::MAX_THREADS)
            }
            Self::Threads { expected, found } => {
                write!(f, "the system gives {found} threads, expected {expected}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Prints the instruction sets of this machine.
struct Here;

impl fmt::Display for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let available = Isa::ALL.iter().filter(|isa| isa.is_available());
        for (i, isa) in available.enumerate() {
            write!(f, "{}`{isa}`", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Cpu;

    #[test]
    fn threads_are_bounded() {
        let cpu = |threads| Cpu::new(Config { threads, ..Config::detect() });
        let refusal = |threads| cpu(threads).err().map(|it| it.to_string());
        let most = "found 99999999 threads, expected at most 1024";
        assert_eq!(refusal(99_999_999).as_deref(), Some(most));
        assert_eq!(refusal(0).as_deref(), Some("found 0 threads, expected at least 1"));
        assert_eq!(refusal(2), None);
        let hint = Error::Threads { expected: 2000, found: Config::MAX_THREADS }.hint();
        assert!(hint.is_some_and(|it| it.starts_with("leave the number out")));
    }
}
