//! Model architectures, one file per family.
//!
//! A file holds the whole model in the order a token sees it: load, forward; the numbers are in
//! `config`, and `keys` knows what is read. To add one, copy the nearest, add a row to
//! `ARCHITECTURES`, and give `tests/golden` its logits.

mod cohere;
mod config;
mod deepseek;
mod falcon;
mod falcon_h1;
mod gemma;
mod gemma3n;
mod gemma4;
mod gpt_oss;
mod granite;
mod keys;
mod llama;
mod llama4;
mod numbers;
mod olmo;
mod recurrent;
mod rope_sets;
mod stablelm;

use kernels::{Backend, CacheFormat, LowRank, Plan, Scale, TableRows, Tensor, Weight};
use loader::ModelFile;

pub(crate) use config::LONG_FACTORS;
pub use config::{Config, LayerConfig};
pub use keys::unread_keys;
pub(crate) use numbers::Numbers;
use recurrent::Recurrent;
pub use recurrent::Scan;
pub use rope_sets::RopeSets;

use crate::{
    LoadError,
    cache::Layout,
    weights::{Taken, Weights},
};

/// A loaded model: weights and caches on a device.
pub trait Model: Send {
    /// Writes down how tokens become logits. Runs once a plan, never in a step.
    fn forward(&self, p: &mut Plan) -> Tensor;
}

/// How much cache to make.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// Blocks a layer, for all sequences and however far back it sees; as many slots of states.
    pub blocks: usize,
    /// Tokens a block.
    pub block_len: usize,
    /// How keys and values are stored.
    pub format: CacheFormat,
}

/// A model with what it took.
pub struct Loaded {
    /// The model.
    pub model: Box<dyn Model>,
    /// Its numbers.
    pub config: Config,
    /// Bytes of the weights it reads.
    pub weight_bytes: u64,
    /// Weights it reads.
    pub parameters: u64,
    /// What adapters add to them.
    pub low_rank: Vec<(Weight, LowRank)>,
    /// What adapters add to the rows of those that are tables.
    pub tables: Vec<(Weight, TableRows)>,
    /// What they are multiplied with, where the file keeps that beside them.
    pub scales: Vec<(Weight, Scale)>,
}

type Load = fn(&mut Weights<'_>, &Config) -> Result<Box<dyn Model>, LoadError>;

/// What is true of all models of an architecture.
struct Architecture {
    /// `general.architecture`.
    name: &'static str,
    load: Load,
    /// Keys that change what is computed and that `load` reads, of those of [`config::NEUTRAL`].
    reads: &'static [&'static str],
    /// What else it reads, besides what all architectures read.
    keys: &'static [&'static [&'static str]],
    /// Where a file has a window and no pattern of it: the last of so many layers in a row sees
    /// everything; 0 for a window everywhere.
    full_every: usize,
    /// Whether it tells layers with a window from others, so that a file must say how far that
    /// reaches; 0 says that it has none.
    has_windows: bool,
    /// Where a file does not say which layers turn: the last of so many in a row does not; 0 if all
    /// do.
    still_every: usize,
    /// Where layers look back within chunks and a file does not say how long these are; 0: none do.
    chunk: usize,
    /// Which layers are recurrent.
    recurrent: Recurrent,
}

/// An architecture of plain numbers.
const fn plain(name: &'static str, load: Load) -> Architecture {
    Architecture {
        name,
        load,
        reads: &[],
        keys: keys::PLAIN,
        full_every: 0,
        has_windows: false,
        still_every: 0,
        chunk: 0,
        recurrent: Recurrent::Never,
    }
}

/// The same, with a window in all but the last of `full_every` layers in a row.
const fn windowed(name: &'static str, load: Load, full_every: usize) -> Architecture {
    Architecture { full_every, has_windows: true, ..plain(name, load) }
}

/// The same, which may have experts.
const fn mixture(name: &'static str, load: Load) -> Architecture {
    Architecture { reads: &["expert_count"], keys: keys::MIXTURE, ..plain(name, load) }
}

/// Models that differ only in their numbers and in which optional tensors they have share a
/// loader: `qwen2` has biases, `qwen3` head norms.
const ARCHITECTURES: &[Architecture] = &[
    Architecture { reads: &["logit_scale"], ..plain("command-r", cohere::load) },
    Architecture { reads: &["logit_scale"], ..windowed("cohere2", cohere::load_r7b, 4) },
    Architecture { keys: &[keys::EXPERTS, keys::LATENTS], ..mixture("deepseek2", deepseek::load) },
    plain("falcon", falcon::load),
    plain("gemma", gemma::load),
    Architecture { reads: gemma::READS, ..windowed("gemma2", gemma::load, 2) },
    Architecture {
        reads: gemma::READS,
        keys: &[keys::ATTENTION, keys::WINDOW_BASE],
        ..windowed("gemma3", gemma::load_3, 6)
    },
    Architecture {
        reads: &["attention.shared_kv_layers", "final_logit_softcapping"],
        keys: &[keys::WINDOW_BASE, keys::TOKEN_INPUTS, keys::STREAMS],
        ..windowed("gemma3n", gemma3n::load, 5)
    },
    Architecture {
        reads: falcon_h1::READS,
        keys: &[keys::ATTENTION, keys::STATES, keys::MULTIPLIERS],
        recurrent: Recurrent::Always,
        ..plain("falcon-h1", falcon_h1::load)
    },
    Architecture {
        reads: gemma4::READS,
        keys: &[keys::WINDOW_BASE, keys::TOKEN_INPUTS, keys::EXPERTS],
        ..windowed("gemma4", gemma4::load, 6)
    },
    Architecture {
        reads: &["expert_count"],
        keys: &[keys::ATTENTION, keys::EXPERTS, keys::CLAMP],
        ..windowed("gpt-oss", gpt_oss::load, 2)
    },
    Architecture {
        reads: granite::READS,
        keys: &[keys::ATTENTION, keys::POSITIONS],
        ..plain("granite", granite::load)
    },
    Architecture {
        reads: granite::MIXTURE_READS,
        keys: &[keys::ATTENTION, keys::EXPERTS, keys::STATES, keys::POSITIONS],
        recurrent: Recurrent::WithoutHeads,
        ..plain("granitehybrid", granite::load)
    },
    Architecture {
        reads: granite::MIXTURE_READS,
        keys: &[keys::ATTENTION, keys::EXPERTS, keys::POSITIONS],
        ..plain("granitemoe", granite::load)
    },
    mixture("llama", llama::load),
    Architecture {
        keys: &[keys::ATTENTION, keys::EXPERTS, keys::HEAD_NORMS],
        full_every: 4,
        still_every: 4,
        chunk: 8192,
        ..mixture("llama4", llama4::load)
    },
    plain("mistral3", llama::load),
    Architecture {
        keys: &[keys::ATTENTION, keys::WINDOW_BASE],
        full_every: 4,
        ..plain("olmo2", olmo::load)
    },
    plain("phi3", llama::load),
    Architecture {
        keys: &[keys::ATTENTION, keys::EXPERTS, keys::JITTER],
        ..mixture("phimoe", llama::load_with_layer_norms)
    },
    plain("qwen2", llama::load),
    mixture("qwen2moe", llama::load),
    plain("qwen3", llama::load),
    mixture("qwen3moe", llama::load),
    Architecture { still_every: 4, ..plain("smollm3", llama::load) },
    plain("stablelm", stablelm::load),
];

/// The architectures that [`load`] knows.
pub fn supported() -> impl Iterator<Item = &'static str> {
    ARCHITECTURES.iter().map(|it| it.name)
}

/// The numbers of the model in `file`, from metadata alone.
///
/// # Errors
///
/// If the architecture is unknown, a key is missing or a number impossible.
pub fn config(file: &ModelFile) -> Result<Config, LoadError> {
    Config::read(file, find(file)?)
}

/// Builds the model a file describes.
///
/// # Errors
///
/// If the architecture is unknown, a key or tensor is missing or of the wrong shape, a tensor is
/// left over, or the device does not take it.
pub fn load(
    file: &ModelFile,
    backend: &mut dyn Backend,
    pages: Pages,
) -> Result<Loaded, LoadError> {
    let Pages { blocks, block_len, format } = pages;
    let config = config(file)?;
    let layout = Layout::new(config.caches(), (block_len, format), |_| blocks)
        .with_slots(config.slot_numbers(), blocks)
        .with_rope_sets(&config, blocks.saturating_mul(block_len));
    load_with(file, backend, config, &layout)
}

/// Builds the model a file describes, whose numbers are `config`, with caches as `layout` says.
pub(crate) fn load_with(
    file: &ModelFile,
    backend: &mut dyn Backend,
    config: Config,
    layout: &Layout,
) -> Result<Loaded, LoadError> {
    let Architecture { load, .. } = find(file)?;
    config.check_cache(layout.format)?;
    let mut taken = Taken::default();
    let model = load(&mut Weights::new(file, backend, layout, &mut taken), &config)?;
    taken.check_all(file)?;
    let Taken { bytes, parameters, low_rank, tables, scales, .. } = taken;
    Ok(Loaded { model, config, weight_bytes: bytes, parameters, low_rank, tables, scales })
}

fn find(file: &ModelFile) -> Result<&'static Architecture, LoadError> {
    let name = file.architecture();
    let unknown = || LoadError::UnknownArchitecture { name: name.to_owned() };
    ARCHITECTURES.iter().find(|it| it.name == name).ok_or_else(unknown)
}
