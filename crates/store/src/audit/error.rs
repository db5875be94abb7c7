//! Why an audit log cannot be written, or cannot be believed.

use std::{io, path::PathBuf};

use super::{LONGEST, MONTHS};
use crate::disk::has_no_locks;

/// What went wrong with an audit log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} the audit log `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder cannot be made.
    #[error("the audit log has no folder")]
    Folder {
        /// Why.
        source: Box<crate::Error>,
    },
    /// Entries would not be kept long enough.
    #[error("the audit log is to be kept for {found} months, expected at least {MONTHS}")]
    Retention {
        /// What was asked for.
        found: u32,
    },
    /// The time of an entry is not one.
    #[error("`{0}` is no time of an entry, expected RFC 3339 in UTC")]
    Time(String),
    /// An entry is too long for a line.
    #[error("an entry of the audit log would have {found} bytes, expected at most {LONGEST}")]
    Long {
        /// How long its line could get.
        found: usize,
        /// How many adapters it names.
        adapters: usize,
    },
    /// What the next entry would follow is no entry.
    #[error("the last line of `{}` {flaw}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The last entries are gone.
    #[error("`{}` ends with entry {found}, expected entry {expected}", folder.display())]
    Cut {
        /// The folder.
        folder: PathBuf,
        /// The last entry that is there; 0 without any.
        found: u64,
        /// The last entry that was written.
        expected: u64,
    },
    /// There are entries, and nothing says which is the last.
    #[error("`{}` has entries and no file `head`, which says which is the last", folder.display())]
    NoHead {
        /// The folder.
        folder: PathBuf,
    },
    /// The last entry is another.
    #[error("the last entry in `{}`, {nth}, is not the one that was written", folder.display())]
    Replaced {
        /// The folder.
        folder: PathBuf,
        /// The entry's number.
        nth: u64,
    },
    /// A line is not what it should be.
    #[error("`{}`, line {line} {flaw}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// An entry that was noted elsewhere is not in the log.
    #[error("no entry has the digest {0}")]
    NotThere(crate::digest::Sha256Hex),
    /// There is nothing to verify.
    #[error("there is no audit log in `{}`", .0.display())]
    Empty(PathBuf),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It has another digest than it says.
    #[error("was changed: its digest is another than it says")]
    Changed,
    /// It is not JSON, or lacks something.
    #[error("is no entry")]
    NoEntry,
    /// It has no line end.
    #[error("is not complete: whoever wrote it did not finish")]
    Torn,
    /// Entries between it and the one before are gone.
    #[error("is entry {found}, expected entry {expected}: what was between was removed or moved")]
    Removed {
        /// Its number.
        found: u64,
        /// The number after that of the line before.
        expected: u64,
    },
    /// Entries before the first are gone, and no entry says so.
    #[error("is entry {found}, and no entry says that those before it were no longer kept")]
    Begun {
        /// Its number.
        found: u64,
    },
    /// It was somewhere else, or is there twice.
    #[error("is entry {found}, expected entry {expected}: it was moved or copied")]
    Moved {
        /// Its number.
        found: u64,
        /// The number after that of the line before.
        expected: u64,
    },
    /// It follows another line than the one before it.
    #[error("does not follow the line before it: one of the two was replaced")]
    Unlinked,
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Retention { .. } => {
                Some(format!("`audit-months = {MONTHS}` in the settings file, or more"))
            }
            Self::Long { adapters, .. } => Some(format!(
                "use fewer adapters, of which it names {adapters}, or give the policy's rule a \
                 shorter name: what cannot be noted is not done"
            )),
            Self::Unreadable { .. } | Self::Cut { .. } | Self::NoHead { .. } => Some(
                "`ingle audit verify` tells more; keep the folder for whoever looks into it, and \
                 move it away to begin a new log"
                    .to_owned(),
            ),
            Self::Broken { .. } | Self::Replaced { .. } | Self::NotThere(_) => {
                Some("keep the log as it is for whoever looks into it".to_owned())
            }
            Self::Empty(_) => {
                Some("`INGLE_AUDIT=1` or `audit = true` in the settings file begins one".to_owned())
            }
            Self::Folder { source } => source.hint(),
            Self::Io { action, source, .. } => of_system(action, source).map(str::to_owned),
            Self::Time(_) => None,
        }
    }

    /// For `map_err`: `action` on `path` was refused.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// What to do where the system refuses for this reason. Where entries must be kept, nothing is done
/// that cannot be noted.
fn of_system(action: &str, error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull => Some("make room on that disk: what cannot be noted is not done"),
        PermissionDenied | ReadOnlyFilesystem => Some(
            "whoever runs `ingle` must be able to write there: `audit-folder` of the policy names \
             the folder, else `INGLE_HOME`",
        ),
        _ if action == "lock" && has_no_locks(error) => Some(
            "that disk has no locks: name a folder on another by `audit-folder` of the policy, or \
             by `INGLE_HOME`",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_has_a_way_on() {
        use io::ErrorKind::{PermissionDenied, StorageFull, Unsupported};
        let hint = |action, kind: io::ErrorKind| Error::io(action, "audit")(kind.into()).hint();
        assert!(hint("write", StorageFull).unwrap().contains("make room"));
        assert!(hint("write", PermissionDenied).unwrap().contains("`audit-folder`"));
        assert!(hint("lock", Unsupported).unwrap().contains("has no locks"));
        assert_eq!(hint("read", io::ErrorKind::NotFound), None);
    }
}
