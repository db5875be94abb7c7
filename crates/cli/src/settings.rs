//! Where settings come from: flags win over the environment, that over the settings file.

use std::{env, fmt};

use anyhow::Context;
use clap::{Args, Command};
use store::Home;

use crate::{
    args::{Chat, Confine, Load, Sampling, Settings},
    failure::Failure,
};

/// What the settings file says, and where everything else is kept.
pub(crate) struct Site {
    pub(crate) home: Home,
    /// The model to use where none is named.
    pub(crate) model: Option<String>,
    /// Whether there is to be an audit log.
    pub(crate) audit: Option<bool>,
    /// How long that is kept.
    pub(crate) audit_months: Option<u32>,
    /// What a process with a model gives up.
    pub(crate) confine: Confine,
    file: Settings,
}

/// Keys that are no flags of every chat.
const OTHER: [&str; 5] = ["model", "audit", "audit-months", "sandbox", "allow-read"];

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Other {
    model: Option<String>,
    audit: Option<bool>,
    audit_months: Option<u32>,
}

impl Site {
    /// Finds the folders, and reads the settings file and the user's own catalogue where they are.
    ///
    /// # Errors
    ///
    /// If there is no home folder, the settings have what no flag is called, or something in the
    /// catalogue is wrong.
    pub(crate) fn find() -> Result<Self, store::Error> {
        let home = Home::find()?;
        store::catalogue::take_in(&home)?;
        let text = store::Settings::read(&home.settings())?;
        let flags = Settings::augment_args(Command::new("settings"));
        let mut names: Vec<_> = flags.get_arguments().filter_map(|it| it.get_long()).collect();
        names.extend(OTHER);
        text.check_keys(&names)?;
        let Other { model, audit, audit_months } = text.part()?;
        let confine: Confine = text.part()?;
        let chat: Chat = text.part()?;
        let chat = Chat { usual_draft: chat.draft.is_some(), ..chat };
        let (load, sampling): (Load, Sampling) = (text.part()?, text.part()?);
        let file = Settings { chat, sampling, load };
        Ok(Self { home, model, audit, audit_months, confine, file })
    }

    /// `flags`, and where they say nothing, the environment, and then the file.
    ///
    /// # Errors
    ///
    /// If the environment says what no flag would take.
    pub(crate) fn under(&self, flags: Settings) -> anyhow::Result<Settings> {
        let load = flags.load.or_environment()?;
        Ok(Settings { load, ..flags }.or(self.file.clone()))
    }

    /// Overrides of the file, then `flags`.
    pub(crate) fn override_kv(&self, flags: Vec<loader::Override>) -> Vec<loader::Override> {
        [self.file.load.override_kv.clone(), flags].concat()
    }

    /// The same as [`under`](Self::under) for those that load only.
    ///
    /// # Errors
    ///
    /// If the environment says what no flag would take.
    pub(crate) fn under_load(&self, flags: Load) -> anyhow::Result<Load> {
        Ok(flags.or_environment()?.or(self.file.load.clone()))
    }

    /// The same for those that measure: their context is what a flag says, or what the measurement
    /// needs. The file's is that of chats, and would make other figures of the same test.
    ///
    /// # Errors
    ///
    /// As [`under`](Self::under).
    pub(crate) fn under_measured(&self, flags: Load) -> anyhow::Result<Load> {
        let ctx_size = flags.ctx_size;
        Ok(Load { ctx_size, ..self.under_load(flags)? })
    }
}

/// `flag`, and where it says nothing, the variable of this name.
///
/// # Errors
///
/// If the variable says what cannot be read.
pub(crate) fn or_variable<T, E: fmt::Display>(
    flag: Option<T>,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> anyhow::Result<Option<T>> {
    match flag {
        Some(_) => Ok(flag),
        None => variable(name, read),
    }
}

/// What the environment variable of this name says; an empty one is as none.
///
/// # Errors
///
/// If it says what cannot be read.
pub(crate) fn variable<T, E: fmt::Display>(
    name: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> anyhow::Result<Option<T>> {
    let text = env::var_os(name).unwrap_or_default();
    match text.to_string_lossy().trim() {
        "" => Ok(None),
        text => {
            let value = read(text).map_err(|error| Failure::usage(error.to_string()));
            value.map(Some).with_context(|| format!("`{name}` cannot be obeyed"))
        }
    }
}

impl Settings {
    /// These, and where they say nothing, those of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            chat: self.chat.or(other.chat),
            sampling: self.sampling.or(other.sampling),
            load: self.load.or(other.load),
        }
    }
}
