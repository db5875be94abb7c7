//! What an engine would take and do, before there is one: of a header alone, in no memory for steps,
//! caches and states, which `Cpu` takes when it loads a plan.
//!
//! Sizes are those that [`Engine::load`](crate::Engine::load) would have, to the byte: both ask the
//! same functions.

use kernels::{Backend, CacheFormat, Plan};
use loader::ModelFile;

use crate::{
    LoadError,
    arch::{self, Config},
    options::{Info, Options},
    runner,
};

/// An engine that is not there.
pub struct Outline {
    /// What it would be and take.
    pub info: Info,
    /// What it would do in each step.
    pub plan: Plan,
    config: Config,
    options: Options,
    cache: CacheFormat,
}

impl Outline {
    /// Of the model of `file` on `backend`, which holds its weights and loads and runs nothing. Of
    /// the weights, only vectors are read: those of a file that has nothing but a header are zeros.
    ///
    /// # Errors
    ///
    /// As [`Engine::load_ids_only`](crate::Engine::load_ids_only).
    pub fn of(
        file: &ModelFile,
        mut backend: Box<dyn Backend>,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let config = arch::config(file)?;
        let cache = backend.info().cache;
        let sizes = options.sizes(&config, cache)?;
        let model = arch::load_with(file, backend.as_mut(), config, &sizes.layout)?;
        let (plan, logits) = runner::record(&model);
        let scratch = backend.scratch(&plan, sizes.max);
        let device = (backend.info().name.clone(), logits.cols);
        let info = Info::new(file, &model, &sizes, options, (device, scratch));
        Ok(Self { info, plan, config: model.config, options: options.clone(), cache })
    }

    /// Bytes of its cache with another context.
    ///
    /// # Errors
    ///
    /// If that is no context, or the options know of less free memory.
    pub fn cache_bytes(&self, context: usize) -> Result<u64, LoadError> {
        let options = Options { ctx_size: Some(context), ..self.options.clone() };
        Ok(options.sizes(&self.config, self.cache)?.cache_bytes)
    }

    /// How its cache stores keys and values.
    pub fn cache_format(&self) -> CacheFormat {
        self.options.cache_format.unwrap_or(self.cache)
    }
}
