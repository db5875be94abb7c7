//! Why a model is not found in, brought into or taken out of the library.

use std::{
    io::{self, ErrorKind::StaleNetworkFileHandle},
    path::PathBuf,
};

use super::{Fault, Unreadable};
use crate::{disk::has_no_locks, name::Name};

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
    /// A model that could not be found again.
    #[error("`{name}` cannot be kept")]
    Unkept {
        /// Which model.
        name: Box<Name>,
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
        found: Box<Name>,
        /// The name of its folder.
        expected: Box<Name>,
    },
    /// Another process is at it.
    #[error("another `ingle` is getting or removing `{name}`")]
    Busy {
        /// Which model.
        name: Name,
    },
    /// A file is not as long as its manifest says.
    #[error("`{}` {}", path.display(), length(*found, *expected))]
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
    /// A link where the library has a folder or a file of its own.
    #[error("`{}` is a link, or no file; expected a file or folder of the library", path.display())]
    Link {
        /// Where.
        path: PathBuf,
    },
    /// Something else in the place of a file.
    #[error("`{}` is no file", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// A manifest that is longer than any should be.
    #[error("`{}` has more than {limit} bytes, expected a manifest", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A folder that is where a model would be, and none is in it.
    #[error("`{}` holds no `manifest.json`", folder.display())]
    NoManifest {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder of a model is called what no model is called.
    #[error("`{}` is no place of a model", folder.display())]
    Place {
        /// The folder.
        folder: PathBuf,
    },
    /// A name that some disks cannot tell from another.
    #[error("`{name}` differs in case alone from `{}`", found.display())]
    Twin {
        /// The name.
        name: Name,
        /// What is there.
        found: PathBuf,
    },
    /// There is a model of that name.
    #[error("there is a model `{name}` already")]
    Exists {
        /// The name.
        name: Name,
    },
    /// A model is not what its manifest says.
    #[error(
        "`{name}` is not what its manifest says: {}",
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    Damaged {
        /// Which model.
        name: Name,
        /// What is wrong with it.
        faults: Vec<Fault>,
    },
    /// The loader refused a model.
    #[error("cannot load `{name}`")]
    Load {
        /// Which model.
        name: Name,
        /// Why.
        source: Box<loader::Error>,
    },
    /// Somebody asked to stop.
    #[error("stopped before it was done")]
    Stopped,
}

impl Error {
    /// What the user can do about it; nothing of files that are not what a manifest says: what mends
    /// them depends on where the model came from.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Manifest { why: Unreadable::Newer { .. }, .. } => {
                "a newer `ingle` reads it".to_owned()
            }
            Self::Unkept { .. } => {
                "rename such files, or leave some out, then say it again".to_owned()
            }
            Self::Manifest { .. } | Self::OtherName { .. } | Self::TooLong { .. } => {
                "get the model again with `-y`, or move its folder out of the library".to_owned()
            }
            Self::Io { action: "lock", source, .. } if has_no_locks(source) => {
                "that disk has no locks, so that two could write at once: name a folder on another \
                 by `INGLE_HOME`; the models on this one can be run"
                    .to_owned()
            }
            Self::Io { action: "lock", source, .. } if source.kind() == StaleNetworkFileHandle => {
                "say it again; if that repeats, end what removes files there, or name a folder on \
                 another disk by `INGLE_HOME`"
                    .to_owned()
            }
            Self::Io { source, .. } => of_system(source.kind())?.to_owned(),
            Self::Busy { .. } => "wait until it is done, or end it".to_owned(),
            Self::Link { .. } => "put what it leads to in its place".to_owned(),
            Self::NoManifest { .. } | Self::Place { .. } => {
                "it is no model of the library: move it out".to_owned()
            }
            Self::Twin { .. } => "spell it as what is there, or give it another name".to_owned(),
            Self::Exists { name } => format!("`ingle rm {name}` removes it"),
            Self::Load { source, .. } => source.hint()?,
            Self::Unnamed { .. } => "move it away, or get the model again with `-y`".to_owned(),
            Self::NotAFile { .. } => {
                "move it away, and get the model again with `-y`, or put its file there".to_owned()
            }
            Self::Size { .. } | Self::Damaged { .. } | Self::Stopped => return None,
        })
    }

    /// Whether a model has a manifest that is none, or not its own.
    pub(super) fn is_of_manifest(&self) -> bool {
        matches!(self, Self::Manifest { .. } | Self::OtherName { .. } | Self::TooLong { .. })
    }

    /// For `map_err`: the loader refused the model `name`.
    pub(super) fn load(name: &Name) -> impl Fn(loader::Error) -> Self {
        |source| Self::Load { name: name.clone(), source: Box::new(source) }
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

/// What is wrong with the length of a file, if it is there.
fn length(found: Option<u64>, expected: u64) -> String {
    match found {
        Some(found) => format!("has {found} bytes, expected {expected} bytes"),
        None => "is missing".to_owned(),
    }
}

/// What to do where the system refuses for this reason.
fn of_system(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match kind {
        StorageFull => Some("make room on that disk, then say it again: what is done is kept"),
        ReadOnlyFilesystem => {
            Some("models can be run from a disk that is read only; `INGLE_HOME` names another")
        }
        PermissionDenied => Some("ask whoever owns it, or name a folder of yours by `INGLE_HOME`"),
        // Of overlays, about folders of the layers below.
        CrossesDevices => Some(
            "it came with the image of a container, whose folders cannot be moved: keep models on a \
             volume, or name a folder there by `INGLE_HOME`",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(action: &'static str, source: impl Into<io::Error>, expected: &str) {
        let hint = Error::io(action, "models")(source.into()).hint().unwrap_or_default();
        assert!(hint.contains(expected), "{hint}");
    }

    #[test]
    fn what_a_disk_cannot_do_has_a_way_on() {
        use io::ErrorKind::{CrossesDevices, StorageFull, Unsupported};
        check("lock", Unsupported, "has no locks");
        #[cfg(unix)]
        check("lock", io::Error::from_raw_os_error(libc::ENOLCK), "has no locks");
        check("lock", StaleNetworkFileHandle, "say it again");
        check("remove", CrossesDevices, "keep models on a volume");
        check("write", StorageFull, "make room on that disk");
    }
}
