//! Why a model is not found in, brought into or taken out of the library.

use std::{io, path::PathBuf};

use super::Unreadable;
use crate::name::Name;

/// What went wrong with the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// A manifest cannot be used.
    #[error("`{}` cannot be read", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: Unreadable,
    },
    /// A folder holds the manifest of another model.
    #[error("`{}` is the manifest of `{found}`, expected `{expected}`", path.display())]
    OtherName {
        /// The file.
        path: PathBuf,
        /// The name in it.
        found: Name,
        /// The name of its folder.
        expected: Name,
    },
    /// Another process is at it.
    #[error("another `ingle` is getting or removing `{name}`")]
    Busy {
        /// Which model.
        name: Name,
    },
    /// A file is not as long as its manifest says.
    #[error(
        "`{}` has {}, expected {expected} bytes", path.display(),
        found.map_or("no bytes: it is missing".to_owned(), |it| format!("{it} bytes"))
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// Its bytes, if it is there.
        found: Option<u64>,
        /// What the manifest says.
        expected: u64,
    },
    /// A file that the manifest does not name.
    #[error("`{}` is not named in the manifest", path.display())]
    Unnamed {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Manifest { why: Unreadable::Newer { .. }, .. } => {
                Some("a newer `ingle` reads it".to_owned())
            }
            Self::Busy { .. } => Some("wait until it is done, or end it".to_owned()),
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
