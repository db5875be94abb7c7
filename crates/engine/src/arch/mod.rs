//! Model architectures, one file per family.
//!
//! A file holds the whole model in the order a token sees it: config, load, forward. To add one,
//! copy the nearest, add a row to `ARCHITECTURES`, and give `tests/golden` its logits.

mod llama;
mod qwen3;

use kernels::{Backend, Plan, Tensor};
use loader::ModelFile;

use crate::{LoadError, weights::Weights};

/// A loaded model: weights and caches on a device.
pub trait Model: Send {
    /// Writes down how tokens become logits. Runs once a plan, never in a step.
    fn forward(&self, p: &mut Plan) -> Tensor;
}

/// How much cache to make.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// Blocks a layer, for all sequences.
    pub blocks: usize,
    /// Tokens a block.
    pub block_len: usize,
}

type Load = fn(&mut Weights<'_>) -> Result<Box<dyn Model>, LoadError>;

/// `general.architecture` to loader. Models that differ only in their numbers share a row's loader.
const ARCHITECTURES: &[(&str, Load)] =
    &[("llama", llama::load), ("mistral", llama::load), ("qwen3", qwen3::load)];

/// Builds the model a file describes.
///
/// # Errors
///
/// If the architecture is unknown, a key or tensor is missing or of the wrong shape, or the
/// device does not take it.
pub fn load(
    file: &ModelFile,
    backend: &mut dyn Backend,
    pages: Pages,
) -> Result<Box<dyn Model>, LoadError> {
    let name = file.architecture();
    match ARCHITECTURES.iter().find(|(known, _)| *known == name) {
        Some((_, load)) => load(&mut Weights::new(file, backend, pages)),
        None => Err(LoadError::UnknownArchitecture { name: name.to_owned() }),
    }
}
