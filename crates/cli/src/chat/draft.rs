//! The smaller model that guesses ahead for the one that answers: held to the same policy, opened
//! before this process gives up its files, and counted where memory is.

use anyhow::Context;
use engine::{Engine, Options};
use loader::ModelFile;

use super::session::Session;
use crate::{
    args::{Load, Settings, Think},
    device,
    failure::Failure,
    model::{self, Opened},
    numbers::grouped,
};

/// A draft that is open.
pub(super) struct Draft {
    name: String,
    load: Load,
    pub(super) file: ModelFile,
    /// Said of it on standard error.
    pub(super) said: Vec<String>,
}

impl Draft {
    /// Opens the draft that these settings name, if they name one.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or this site's policy denies it.
    pub(super) fn open(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(name) = settings.chat.draft.clone() else { return Ok(None) };
        // What changes the model is about the model alone.
        let (override_kv, lora) = (Vec::new(), Vec::new());
        let load = Load { override_kv, lora, quant: None, ..settings.load.clone() };
        let Opened { file, said, .. } = model::open_for(&name, &load)?;
        Ok(Some(Self { name, load, file, said }))
    }

    /// Bytes of memory that its weights are still going to take.
    pub(super) fn weight_bytes(&self) -> u64 {
        if self.load.no_mmap {
            return 0;
        }
        let parts = self.file.tensors.values().flat_map(|it| &it.parts);
        parts.map(|it| it.len() as u64).sum()
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
        let info = engine.info();
        let taken = info.cache_bytes + info.scratch_bytes;
        let options = Options {
            ctx_size: Some(info.context.min(self.context())),
            free_memory: options.free_memory.map(|it| it.saturating_sub(taken)),
            ..options.clone()
        };
        let draft = device::engine(&self.name, &self.file, &self.load, &options)?;
        let joined = engine.draft_with(draft);
        joined.with_context(|| Failure::new(format!("`{}` cannot draft for `{name}`", self.name)))
    }

    /// Tokens that it was made for.
    fn context(&self) -> usize {
        let key = format!("{}.context_length", self.file.architecture());
        let known = self.file.metadata.u64(&key).ok().flatten();
        known.and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX).max(1)
    }
}

impl Session {
    /// What is asked of a draft and not done.
    pub(super) fn idle_draft(&self) -> Vec<String> {
        let chat = &self.settings.chat;
        let Some(draft) = self.engine.draft() else {
            let idle = chat.draft_max.map(|n| {
                format!("`--draft-max {n}` changes nothing: no `--draft MODEL` is there to guess")
            });
            return idle.into_iter().collect();
        };
        let mut warnings = Vec::new();
        if let Some(Think::AtMost(n)) = chat.think {
            warnings.push(format!("the draft guesses nothing while `--think {n}` counts tokens"));
        }
        if draft.context < self.engine.context() {
            let context = grouped(draft.context as u64);
            warnings.push(format!(
                "the draft was made for {context} tokens: beyond them it guesses nothing"
            ));
        }
        warnings
    }
}
