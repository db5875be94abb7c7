//! Whether a model is computed right on this machine, with nothing but this machine.
//!
//! `logits` runs tiny models of the same architecture, whose weights `weights` makes on the spot, beside
//! what transformers computed for them; `products` multiplies with some of the model's own weights and
//! `itself` runs all of it, beside plain loops; `tokens` and `template` compare how it handles text with
//! what was recorded for the same vocabulary and the same chat template. What was recorded lies in
//! `fixtures/`, and `fixtures/README.md` says how.
#![forbid(unsafe_code)]

mod compare;
mod finding;
mod fixture;
mod hash;
mod itself;
mod logits;
mod machine;
mod products;
mod template;
mod tokens;
mod weights;

use engine::{Tokenizer, tokenizer};
use loader::ModelFile;

pub use finding::{Finding, Part, Verdict};
pub use hash::Fnv;
pub use logits::REFERENCE;
pub use machine::Machine;
pub use tokens::vocabulary;

/// How much is to be checked, and on what.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// What computes.
    pub machine: Machine,
    /// Bytes of memory that are free, where the caller knows.
    pub free_memory: Option<u64>,
    /// Whether the model runs beside plain loops however long that takes.
    pub full: bool,
}

/// Checks `file`, and shows each finding when it is made.
///
/// That it loads is for the caller to see: what cannot be loaded here is a finding that failed.
pub fn check(file: &ModelFile, how: &How, see: &mut dyn FnMut(Finding)) {
    logits::check(file.architecture(), how.machine, see);
    products::check(file, how.machine, see);
    let tokenizer = tokenizer(file);
    itself::check(file, tokenizer.as_ref().and_then(|it| it.as_ref().ok()), how, see);
    match &tokenizer {
        None => see(Finding::skipped(Part::Tokens, "ids", "the model has no tokenizer")),
        Some(Err(error)) => see(Finding::error(Part::Tokens, "ids", error)),
        Some(Ok(it)) => tokens::check(it, see),
    }
    template::check(&file.metadata, see);
}

/// The model's tokenizer; `None` if it has none.
fn tokenizer(file: &ModelFile) -> Option<Result<Tokenizer, tokenizer::Error>> {
    let has = file.tokenizer_json.is_some() || file.metadata.get("tokenizer.ggml.model").is_some();
    has.then(|| Tokenizer::load(file))
}
