//! The smaller model that guesses ahead for the one that answers: held to the same policy, opened
//! before this process gives up its files, and counted where memory is.
//!
//! What a flag names is there, or nothing is answered. What the settings file names is for whatever
//! model it can guess for; the others answer alone, and that is said.

use std::path::Path;

use anyhow::Context;
use engine::{Engine, LoadError, Options, arch};
use loader::ModelFile;

use super::session::Session;
use crate::{
    args::{Chat, Load, Lookup, Settings, Think},
    device,
    failure::Failure,
    model::{self, Opened},
    numbers::grouped,
    terminal::tell,
};

/// How a warning begins that says why a draft is not there.
const ALONE: &str = "the draft guesses nothing: ";

/// A draft that is open.
pub(super) struct Draft {
    name: String,
    load: Load,
    pub(super) file: ModelFile,
    /// Said of it on standard error.
    pub(super) said: Vec<String>,
}

impl Draft {
    /// Opens the draft that is to guess for the model of this name, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or this site's policy denies it.
    pub(super) fn open(name: &str, settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(draft) = wanted(name, &settings.chat) else { return Ok(None) };
        // What changes the model, and what its memory should hold, is about the model alone.
        let load = Load {
            override_kv: Vec::new(),
            lora: Vec::new(),
            quant: None,
            cache_type: None,
            ..settings.load.clone()
        };
        let Opened { file, said, .. } = model::open_for(draft, &load)?;
        Ok(Some(Self { name: draft.to_owned(), load, file, said }))
    }

    /// Whether it is that very model, by whatever name.
    pub(super) fn is(&self, model: &ModelFile) -> bool {
        // What lies in memory has a name alone.
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        real(&self.file.path) == real(&model.path)
    }

    /// Itself, if fewer bytes are read for a guess than for a token of the model of this name.
    ///
    /// # Errors
    ///
    /// If it is as large as the model, or larger.
    pub(super) fn smaller_than(self, name: &str, model: &ModelFile) -> anyhow::Result<Self> {
        match bytes(&self.file) < bytes(model) {
            true => Ok(self),
            false => {
                Err(Failure::new(format!("`{}` is no smaller than `{name}`", self.name)).into())
            }
        }
    }

    /// Bytes of memory that its weights are still going to take.
    pub(super) fn weight_bytes(&self) -> u64 {
        if self.load.no_mmap { 0 } else { bytes(&self.file) }
    }

    /// Loads it, to guess for `engine`, the model of this name, which was loaded with these options.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded beside the model, or has another vocabulary.
    pub(super) fn guess_for(
        self,
        engine: &mut Engine,
        name: &str,
        options: &Options,
    ) -> anyhow::Result<()> {
        let config = arch::config(&self.file);
        let config = config.map_err(|error| device::refused(&self.name, &self.load, error))?;
        let info = engine.info();
        let context = info.context.min(config.context);
        let taken = info.cache_bytes + info.scratch_bytes;
        let free_memory = options.free_memory.map(|it| it.saturating_sub(taken));
        let load = |context: usize| {
            let options = Options { ctx_size: Some(context), free_memory, ..options.clone() };
            device::engine(&self.name, &self.file, &self.load, &options)
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

/// What came of a draft. Where that is the settings file's and cannot guess, the model answers alone,
/// which is told and put to the warnings.
///
/// # Errors
///
/// If a draft that a flag names cannot guess.
pub(super) fn or_alone<T>(
    done: anyhow::Result<T>,
    chat: &Chat,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Option<T>> {
    match done {
        Err(error) if chat.usual_draft => {
            let warning = format!("{ALONE}{error:#}");
            tell(format_args!("warning: {warning}"));
            warnings.push(warning);
            Ok(None)
        }
        done => done.map(Some),
    }
}

/// The draft that is to guess for the model of this name. The settings file's does not guess for
/// itself, and none is loaded that may guess nothing.
fn wanted<'a>(name: &str, chat: &'a Chat) -> Option<&'a str> {
    let draft = chat.draft.as_deref().filter(|_| chat.draft_max != Some(Lookup(0)))?;
    (!chat.usual_draft || draft != name).then_some(draft)
}

/// Bytes of the weights of a file.
fn bytes(file: &ModelFile) -> u64 {
    let parts = file.tensors.values().flat_map(|it| &it.parts);
    parts.map(|it| it.len() as u64).sum()
}

fn is_too_large(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LoadError::CacheTooLarge { .. }))
}

impl Session {
    /// What is asked of a draft and not done.
    pub(super) fn idle_draft(&self) -> Vec<String> {
        let Some(draft) = self.engine.draft() else {
            return self.absent_draft().into_iter().collect();
        };
        let mut warnings = Vec::new();
        if let Some(Think::AtMost(n)) = self.settings.chat.think {
            warnings.push(format!("the draft guesses nothing while `--think {n}` counts tokens"));
        }
        if draft.context < self.engine.context() {
            let context = grouped(draft.context as u64);
            warnings.push(format!(
                "the draft has room for {context} tokens: beyond them it guesses nothing"
            ));
        }
        if draft.weight_bytes >= self.engine.info().weight_bytes {
            let warning = "the draft is no smaller than the model: answers take longer";
            warnings.push(warning.to_owned());
        }
        warnings
    }

    /// The same where none is there.
    fn absent_draft(&self) -> Option<String> {
        let chat = &self.settings.chat;
        if self.is_own_draft {
            return None;
        }
        let Some(draft) = wanted(&self.name, chat) else {
            let n = chat.draft_max.filter(|_| chat.draft.is_none())?;
            return Some(format!(
                "`--draft-max {n}` changes nothing: no `--draft MODEL` is there to guess"
            ));
        };
        // `/set draft-max` wants one that was not loaded, or it cannot guess, which was said.
        let is_said = self.warnings.iter().any(|it| it.starts_with(ALONE));
        (!is_said).then(|| format!("`{draft}` is not loaded: `/model {}` loads it, too", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `device::engine` tells it.
    #[test]
    fn a_cache_that_is_too_large_is_found_below_what_is_told() {
        let told = |error| is_too_large(&device::refused("draft", &Load::default(), error));
        assert!(told(LoadError::CacheTooLarge { context: 4096, needed: 2, free: 1 }));
        assert!(!told(LoadError::Option { name: "chunk", found: 0 }));
        let Some(name) = model::BUILT_IN else { return };
        let bytes = model::built_in(name).expect("it is built in");
        let file = ModelFile::from_bytes(name, loader::Bytes::new(bytes), &[]).expect("sound");
        let options = Options { ctx_size: Some(64), free_memory: Some(1), ..Options::default() };
        let loaded = device::engine(name, &file, &Load::default(), &options);
        assert!(loaded.err().is_some_and(|error| is_too_large(&error)));
    }
}
