//! Runs models: architectures, caches, sampling, scheduling.
#![forbid(unsafe_code)]

pub mod arch;
mod error;
mod layers;
pub mod output;
mod prompt;
pub mod sample;
mod weights;

pub use arch::{Model, Pages};
pub use error::LoadError;
pub use prompt::Prompt;
