//! Why something could not be read from or kept on disk.

use std::{io, path::PathBuf};

use crate::{ChatName, catalogue::Flaw};

/// What went wrong below Ingle's folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither `INGLE_HOME` nor a home folder is known.
    #[error("no home folder: neither `INGLE_HOME` nor `HOME` is set")]
    NoHome,
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The settings file is not what it should be.
    #[error("settings `{}`, line {line}: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the TOML reader says of it.
        reason: String,
    },
    /// The user's own catalogue is not what it should be.
    #[error("catalogue `{}`, line {line}: {flaw}", path.display())]
    Catalogue {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        flaw: Flaw,
    },
    /// A chat's name could lead out of the chats folder, or is no name at all.
    #[error(
        "`{found}` is no name for a chat, expected 1 to {} of a-z A-Z 0-9 - _ and inner dots, and \
         none that Windows gives to a device",
        ChatName::MAX
    )]
    ChatName {
        /// What was given.
        found: String,
    },
    /// No chat of that name.
    #[error("no chat `{name}` in `{}`", folder.display())]
    NoChat {
        /// The name.
        name: ChatName,
        /// Where it was looked for.
        folder: PathBuf,
        /// The latest chats there.
        latest: Vec<ChatName>,
    },
    /// Nothing was saved yet.
    #[error("no chat is saved in `{}`", folder.display())]
    NoChats {
        /// Where they would be.
        folder: PathBuf,
    },
    /// A saved chat cannot be understood.
    #[error("`{}` is not a saved chat", path.display())]
    BadChat {
        /// The file.
        path: PathBuf,
        /// What the JSON reader says.
        source: serde_json::Error,
    },
    /// A saved chat was written by a newer Ingle.
    #[error("`{}` is a chat of version {found}, expected at most {known}", path.display())]
    NewerChat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("set `INGLE_HOME` to a folder of yours".to_owned()),
            Self::NoChat { latest, .. } if !latest.is_empty() => {
                let names: Vec<_> = latest.iter().map(|it| format!("`{it}`")).collect();
                Some(format!("the latest are {}", names.join(", ")))
            }
            Self::Catalogue { .. } => Some(
                "mend it, or move it away: without it, the built-in catalogue holds".to_owned(),
            ),
            Self::NewerChat { .. } => Some("a newer `ingle` opens it".to_owned()),
            _ => None,
        }
    }

    /// For `map_err`: `action` on `path` was refused.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
