//! A smaller model that guesses ahead for another: held to the same policy, opened before this
//! process gives up its files, counted where memory is, and computed on the threads of the other.
//!
//! When a chat has one is in `chat::draft`, what one brings, `ingle bench --draft` measures.

use std::path::Path;

use anyhow::Context;
use engine::{Engine, Info, LoadError, Options, arch};
use loader::ModelFile;

use crate::{
    args::Load,
    device,
    failure::Failure,
    model::{self, Opened},
    numbers::grouped,
    resident,
};

/// A draft that is open.
pub(crate) struct Draft {
    pub(crate) name: String,
    load: Load,
    pub(crate) file: ModelFile,
    /// Said of it on standard error.
    pub(crate) said: Vec<String>,
}

impl Draft {
    /// Opens the draft of this name, for a model that is loaded as `load` says.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or this site's policy denies it.
    pub(crate) fn open(name: &str, load: &Load) -> anyhow::Result<Self> {
        // What changes the model, and what its memory should hold, is about the model alone.
        let load = Load {
            override_kv: Vec::new(),
            lora: Vec::new(),
            quant: None,
            cache_type: None,
            ..load.clone()
        };
        let Opened { file, said, .. } = model::open_for(name, &load)?;
        Ok(Self { name: name.to_owned(), load, file, said })
    }

    /// Whether it is that very model, by whatever name.
    pub(crate) fn is(&self, model: &ModelFile) -> bool {
        // What lies in memory has a name alone.
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        real(&self.file.path) == real(&model.path)
    }

    /// Itself, if fewer bytes are read for a guess than for a token of the model of this name.
    ///
    /// # Errors
    ///
    /// If it is as large as the model, or larger.
    pub(crate) fn smaller_than(self, name: &str, model: &ModelFile) -> anyhow::Result<Self> {
        match bytes(&self.file) < bytes(model) {
            true => Ok(self),
            false => {
                Err(Failure::new(format!("`{}` is no smaller than `{name}`", self.name)).into())
            }
        }
    }

    /// Bytes of memory that its weights are still going to take.
    pub(crate) fn weight_bytes(&self) -> u64 {
        if self.load.no_mmap { 0 } else { bytes(&self.file) }
    }

    /// Locks its weights in memory, if the model's are to be: as [`resident::lock`].
    pub(crate) fn lock(&self) -> Option<String> {
        resident::lock(&self.name, &self.file, &self.load)
    }

    /// Loads it beside `engine`, the model of this name, which was loaded with these options, to
    /// guess for it. `others` are the bytes of the model's file that are to stay in memory, as in
    /// [`resident::beside`].
    ///
    /// # Errors
    ///
    /// If it cannot be loaded beside the model, or has another vocabulary.
    pub(crate) fn guess_for(
        &self,
        engine: &mut Engine,
        name: &str,
        options: &Options,
        others: u64,
    ) -> anyhow::Result<()> {
        let config = arch::config(&self.file);
        let config = config.map_err(|error| device::refused(&self.name, &self.load, error))?;
        let info = engine.info();
        let context = info.context.min(config.context);
        let taken = info.cache_bytes + info.scratch_bytes;
        let free_memory = options.free_memory.map(|it| it.saturating_sub(taken));
        let load = |context: usize| {
            let options = Options { ctx_size: Some(context), free_memory, ..options.clone() };
            let backend = engine.backend_beside();
            device::engine_on(backend, &self.name, &self.file, &self.load, &options, others)
        };
        let draft = match load(context) {
            // Nobody asked for a context that takes as much as the model's did.
            Err(error) if options.ctx_size.is_none() && is_too_large(&error) => {
                load(context.div_ceil(4))?
            }
            loaded => loaded?,
        };
        let joined = engine.draft_with(draft);
        joined.with_context(|| Failure::new(format!("`{}` cannot draft for `{name}`", self.name)))
    }
}

/// What is asked of a draft and not done, where it guesses for this model in texts of so many tokens.
pub(crate) fn idle(draft: &Info, model: &Info, tokens: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if draft.context < tokens {
        let context = grouped(draft.context as u64);
        warnings.push(format!(
            "the draft has room for {context} tokens, and guesses nothing beyond them: take one \
             that has more"
        ));
    }
    if draft.weight_bytes >= model.weight_bytes {
        let warning = "the draft is no smaller than the model, and answers take longer: take a \
                       smaller one, or none";
        warnings.push(warning.to_owned());
    }
    warnings
}

/// Bytes of the weights of a file.
fn bytes(file: &ModelFile) -> u64 {
    let parts = file.tensors.values().flat_map(|it| &it.parts);
    parts.map(|it| it.len() as u64).sum()
}

fn is_too_large(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LoadError::CacheTooLarge { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_idle_beyond_its_context_and_where_it_saves_nothing() {
        let bytes = loader::Bytes::new(ingle_tests::parrot::file());
        let file = ModelFile::from_bytes("parrot", bytes, &[]).expect("sound");
        let options = Options { ctx_size: Some(64), ..Options::default() };
        let engine = device::engine("parrot", &file, &Load::default(), &options).expect("it fits");
        let model = engine.info();
        let smaller = Info { weight_bytes: model.weight_bytes - 1, ..model.clone() };
        let room = "the draft has room for 64 tokens, and guesses nothing beyond them: take one \
                    that has more";
        let size = "the draft is no smaller than the model, and answers take longer: take a \
                    smaller one, or none";
        assert!(idle(&smaller, model, 64).is_empty());
        assert_eq!(idle(&smaller, model, 65), [room]);
        assert_eq!(idle(model, model, 64), [size]);
        assert_eq!(idle(model, model, 65), [room, size]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_draft_is_read_ahead_where_memory_holds_the_model_too() {
        let parrot = || {
            let bytes = loader::Bytes::new(ingle_tests::parrot::file());
            ModelFile::from_bytes("parrot", bytes, &[]).expect("sound")
        };
        // Nobody wrote to it: none of it is in memory.
        let hole = tempfile::NamedTempFile::new().expect("a temporary file");
        hole.as_file().set_len(1 << 20).expect("room for nothing");
        let mut file = parrot();
        file.mappings = vec![loader::Mapping::open(hole.path()).expect("it is mapped")];
        let (name, load) = ("parrot".to_owned(), Load::default());
        let draft = Draft { name, load, file, said: Vec::new() };
        let options = Options { ctx_size: Some(64), ..Options::default() };
        let is_cold_beside = |others: u64| {
            let engine = device::engine("parrot", &parrot(), &Load::default(), &options);
            let mut engine = engine.expect("it fits");
            draft.guess_for(&mut engine, "parrot", &options, others).expect("one vocabulary");
            draft.file.mappings[0].is_cold()
        };
        assert!(is_cold_beside(u64::MAX));
        assert!(!is_cold_beside(0));
    }

    /// As `device::engine` tells it.
    #[test]
    fn a_cache_that_is_too_large_is_found_below_what_is_told() {
        let told = |error| is_too_large(&device::refused("draft", &Load::default(), error));
        let (context, sequences) = (4096, 1);
        assert!(told(LoadError::CacheTooLarge { context, sequences, needed: 2, free: 1 }));
        assert!(!told(LoadError::Option { name: "chunk", found: 0 }));
        let Some(name) = model::BUILT_IN else { return };
        let bytes = model::built_in(name).expect("it is built in");
        let file = ModelFile::from_bytes(name, loader::Bytes::new(bytes), &[]).expect("sound");
        let options = Options { ctx_size: Some(64), free_memory: Some(1), ..Options::default() };
        let loaded = device::engine(name, &file, &Load::default(), &options);
        assert!(loaded.err().is_some_and(|error| is_too_large(&error)));
    }
}
