//! Where Ingle keeps its files: below `INGLE_HOME`, else in the platform's folders for data and
//! configuration (XDG on Linux).

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};

use crate::{Chats, Error};

/// The places; none need exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    data: PathBuf,
    config: PathBuf,
}

impl Home {
    /// From the environment of this process.
    ///
    /// # Errors
    ///
    /// If neither `INGLE_HOME` nor a home folder is known.
    pub fn find() -> Result<Self, Error> {
        match std::env::var_os("INGLE_HOME") {
            Some(home) if !home.is_empty() => Ok(Self::at(&home)),
            _ => Self::of_platform(),
        }
    }

    /// Everything in one folder.
    pub fn at(folder: impl AsRef<OsStr>) -> Self {
        let folder = PathBuf::from(folder.as_ref());
        Self { config: folder.clone(), data: folder }
    }

    fn of_platform() -> Result<Self, Error> {
        let base = choose_native_strategy().map_err(|_| Error::NoHome)?;
        Ok(Self { data: base.data_dir().join("ingle"), config: base.config_dir().join("ingle") })
    }

    /// The settings file.
    pub fn settings(&self) -> PathBuf {
        self.config.join("settings.toml")
    }

    /// What the user adds to the catalogue of models.
    pub fn catalogue(&self) -> PathBuf {
        self.config.join("catalogue.toml")
    }

    /// The lines typed at the prompt, newest last.
    pub fn history(&self) -> PathBuf {
        self.data.join("history")
    }

    /// The folder of saved chats.
    pub fn chats(&self) -> Chats {
        Chats::at(self.data.join("chats"))
    }

    /// How fast this machine was found to be, and what that was taken to mean for models.
    pub fn speed(&self) -> PathBuf {
        self.data.join("speed.json")
    }

    /// The folder of models.
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    /// The folder that holds chats and history.
    pub fn data(&self) -> &Path {
        &self.data
    }
}
