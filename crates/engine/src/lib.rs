//! Runs models: architectures, caches, sampling, scheduling.
#![forbid(unsafe_code)]

pub mod arch;
mod cache;
mod draft;
mod engine;
mod error;
mod layers;
mod lookup;
mod options;
mod outline;
pub mod output;
mod prompt;
mod reach;
pub mod reasoning;
mod request;
mod runner;
pub mod sample;
mod scheduler;
mod sequence;
mod solo;
pub mod template;
pub mod tokenizer;
pub mod tools;
mod weights;

pub use arch::{Model, Pages};
pub use engine::Engine;
pub use error::{DraftError, Error, LoadError};
pub use options::{Info, Options, Order};
pub use outline::Outline;
pub use prompt::Prompt;
pub use request::{Event, EventKind, Finish, Request, SeqId, Usage, WhenFull};
pub use runner::Runner;
pub use scheduler::Stats;
pub use template::Template;
pub use tokenizer::Tokenizer;
