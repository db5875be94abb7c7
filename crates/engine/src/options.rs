//! How large an engine is: what the caller chooses, and what follows from it.

use kernels::{CacheFormat, Shape};
use loader::ModelFile;

use crate::{
    LoadError,
    arch::{Config, Loaded},
    cache::{Layout, blocks_for, slots_for},
};

/// Tokens a block of the cache.
pub(crate) const BLOCK_LEN: usize = 32;

/// The longest context that is made unless more is asked for.
const DEFAULT_CONTEXT: usize = 32_768;

/// Rows of logits a step may give besides one for each sequence: for [`Engine::logits`].
///
/// [`Engine::logits`]: crate::Engine::logits
const OUTPUTS: usize = 32;

/// What the caller chooses.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tokens a sequence may have. Absent: the smallest of the model's context, 32,768 and what
    /// half of the free memory holds.
    pub ctx_size: Option<usize>,
    /// Bytes of memory that are free, where the caller knows.
    pub free_memory: Option<u64>,
    /// Sequences at a time; more wait.
    pub max_seqs: usize,
    /// Tokens of prompts that one step computes.
    pub chunk: usize,
    /// How keys and values are stored. Absent: as the backend prefers.
    pub cache_format: Option<CacheFormat>,
    /// The most that [`Request::lookup`](crate::Request::lookup) and
    /// [`Request::draft`](crate::Request::draft) can have.
    pub lookup: usize,
    /// Who waits for whom.
    pub order: Order,
}

/// Whether prompts are read beside the answers to others, or before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Each answer goes on in each step, and prompts fill up what that leaves: no answer waits.
    #[default]
    AnswersFirst,
    /// Answers wait until all prompts are read; then each goes on by a step at a time. So what
    /// several sequences take together can be measured.
    PromptsFirst,
}

impl Default for Options {
    /// One sequence.
    fn default() -> Self {
        Self {
            ctx_size: None,
            free_memory: None,
            max_seqs: 1,
            chunk: 512,
            cache_format: None,
            lookup: 0,
            order: Order::default(),
        }
    }
}

/// What an engine is and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// `general.architecture`.
    pub architecture: String,
    /// `general.name`, where the file has one.
    pub name: Option<String>,
    /// The backend.
    pub device: String,
    /// Layers.
    pub n_layers: usize,
    /// Columns of a row of logits.
    pub vocab: usize,
    /// Tokens a sequence may have.
    pub context: usize,
    /// Tokens the model was made for.
    pub model_context: usize,
    /// Sequences at a time.
    pub max_seqs: usize,
    /// Weights that are read.
    pub parameters: u64,
    /// Their bytes in the file.
    pub weight_bytes: u64,
    /// How keys and values are stored, where that is not as the backend prefers.
    pub cache_format: Option<CacheFormat>,
    /// Bytes of the cache when all of it is used, with states, and with the rotary frequencies of all
    /// lengths where these depend on the length of a sequence.
    pub cache_bytes: u64,
    /// Bytes that a step works in.
    pub scratch_bytes: u64,
}

impl Info {
    /// Of the model that was loaded from `file`. What comes from the device: its name, the columns of
    /// the logits, and the bytes that a step works in.
    pub(crate) fn new(
        file: &ModelFile,
        model: &Loaded,
        sizes: &Sizes,
        options: &Options,
        ((device, vocab), scratch_bytes): ((String, usize), u64),
    ) -> Self {
        Self {
            architecture: file.architecture().to_owned(),
            name: file.metadata.str("general.name").ok().flatten().map(str::to_owned),
            device,
            n_layers: model.config.n_layers,
            vocab,
            context: sizes.context,
            model_context: model.config.context,
            max_seqs: options.max_seqs,
            parameters: model.parameters,
            weight_bytes: model.weight_bytes,
            cache_format: sizes.cache_format,
            cache_bytes: sizes.cache_bytes,
            scratch_bytes,
        }
    }
}

/// The sizes of an engine.
pub(crate) struct Sizes {
    pub(crate) context: usize,
    pub(crate) layout: Layout,
    pub(crate) max: Shape,
    /// As in [`Info`].
    pub(crate) cache_format: Option<CacheFormat>,
    pub(crate) cache_bytes: u64,
}

impl Options {
    pub(crate) fn sizes(
        &self,
        config: &Config,
        preferred: CacheFormat,
    ) -> Result<Sizes, LoadError> {
        let format = self.cache_format.unwrap_or(preferred);
        at_least_one("ctx_size", self.ctx_size.unwrap_or(1))?;
        at_least_one("max_seqs", self.max_seqs)?;
        at_least_one("chunk", self.chunk)?;
        config.check_cache(format)?;
        let context = self.context(config, format);
        let layout = self.layout(config, format, context);
        let needed = cache_bytes(&layout);
        let free = self.free_memory.unwrap_or(isize::MAX as u64);
        if needed > u128::from(free) || u32::try_from(context).is_err() {
            let sequences = self.max_seqs;
            return Err(LoadError::CacheTooLarge { context, sequences, needed, free });
        }
        let max = self.max(context);
        let cache_format = Some(format).filter(|it| *it != preferred);
        Ok(Sizes { context, layout, max, cache_format, cache_bytes: needed as u64 })
    }

    fn context(&self, config: &Config, format: CacheFormat) -> usize {
        if let Some(n) = self.ctx_size {
            return n;
        }
        let most = config.context.min(DEFAULT_CONTEXT);
        let half = u128::from(self.free_memory.unwrap_or(u64::MAX) / 2);
        let fits = |n| cache_bytes(&self.layout(config, format, n)) <= half;
        if fits(most) {
            return most;
        }
        // Whole blocks, and never none: the check of the bytes says what does not fit.
        let (mut held, mut too_many) = (1, most.div_ceil(BLOCK_LEN));
        while too_many - held > 1 {
            let middle = held.midpoint(too_many);
            if fits(middle * BLOCK_LEN) { held = middle } else { too_many = middle }
        }
        most.min(held * BLOCK_LEN)
    }

    fn layout(&self, config: &Config, format: CacheFormat, context: usize) -> Layout {
        let max = self.max(context);
        let blocks = |span| blocks_for(span, max, BLOCK_LEN);
        let slots = slots_for(self.max_seqs, self.lookup, BLOCK_LEN);
        Layout::new(config.caches(), (BLOCK_LEN, format), blocks)
            .with_slots(config.slot_numbers(), slots)
            .with_rope_sets(config, context)
    }

    /// The largest batch.
    fn max(&self, context: usize) -> Shape {
        let decoding = self.max_seqs.saturating_mul(self.lookup.saturating_add(1));
        Shape {
            rows: self.chunk.min(context).saturating_add(decoding),
            seqs: self.max_seqs,
            outputs: decoding.max(OUTPUTS),
            len: context,
        }
    }
}

fn cache_bytes(layout: &Layout) -> u128 {
    // Rows are whole blocks, or `Config::check_cache` had refused them.
    let blocks = layout.numbers().div_ceil(layout.format.block_len() as u128);
    let bytes = layout.format.format().layout().block_bytes as u128;
    let kept = blocks.saturating_mul(bytes);
    kept.saturating_add(layout.slot_bytes()).saturating_add(layout.rope_bytes())
}

fn at_least_one(name: &'static str, found: usize) -> Result<(), LoadError> {
    if found > 0 { Ok(()) } else { Err(LoadError::Option { name, found }) }
}
