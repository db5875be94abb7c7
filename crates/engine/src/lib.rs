//! Runs models: architectures, caches, sampling, scheduling.
#![forbid(unsafe_code)]

pub mod arch;
mod error;
mod layers;
pub mod output;
mod prompt;
mod runner;
pub mod sample;
mod weights;

pub use arch::{Model, Pages};
pub use error::{Error, LoadError};
pub use prompt::Prompt;
pub use runner::Runner;
