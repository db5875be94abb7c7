//! The mark beside a manifest: when the files of a model were last found to be what it says.
//!
//! It saves hashing gigabytes before each chat. It holds as long as manifest, sizes and times are
//! those that were seen before the files were read; a model without it, such as one that was
//! carried here, is hashed when it is first opened. Who can forge it could forge the manifest;
//! who can only write to the files, as those of another program, cannot set the time of a change
//! back. `verify` never believes it.

use std::{
    fs::{self, Metadata},
    io::Write,
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use super::{Entry, Error, Found, Library, Links, MARK, MAX_MANIFEST, StoredFile, small_file};
use crate::digest::Sha256Hex;

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// Of the manifest that the files were held against.
    manifest: Sha256Hex,
    /// When, as RFC 3339 in UTC.
    at: String,
    /// In the manifest's order.
    files: Vec<Seen>,
}

/// What the files of a model look like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look(Vec<Seen>);

/// What changes when a file is written to or replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    size: u64,
    /// Nanoseconds after 1970.
    modified: Option<u64>,
    /// The same for the file's name, owner and rights, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<u64>,
}

impl Library {
    /// Notes that the files of `entry` were verified `at` this time, RFC 3339 in UTC; `before` they
    /// were read, they looked so.
    ///
    /// # Errors
    ///
    /// If the system refuses, as it does where the library is read only.
    pub fn mark_verified(&self, entry: &Entry, before: Look, at: &str) -> Result<(), Error> {
        let mark = Mark { manifest: entry.manifest_digest(), at: at.to_owned(), files: before.0 };
        let text = serde_json::to_vec_pretty(&mark).expect("digests and numbers are JSON");
        self.write_beside(entry, MARK, &text)
    }

    /// Writes what the library says of `entry` itself, beside its manifest: it appears whole.
    pub(crate) fn write_beside(
        &self,
        entry: &Entry,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let path = entry.folder.join(name);
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(Error::TooLong { path, limit: MAX_MANIFEST });
        }
        // What an earlier process left of one is swept.
        // Where the disk knows no locks, another process may sweep it away, and the next one makes it.
        let alone = self.alone().ok();
        alone.as_ref().map_or(Ok(()), |it| self.sweep(it))?;
        let begun = self.grave()?;
        let written = self.disk.create(&begun).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()?;
            self.disk.rename(&begun, &path)
        });
        if let Some(alone) = &alone {
            self.prune(alone);
        }
        written.map_err(Error::io("write", path))
    }

    /// Does `work`, which gives or takes second names of files: to the system that is a change of
    /// them, though their bytes stay as they were. What was verified before still is, if names are all
    /// that changed. Files of other programs get no names here, so their marks are left alone. `work` is
    /// to be short: who writes to a file that gets a name at the same time is not seen.
    pub(super) fn keeping_marks<T>(
        &self,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let entries = self.entries().unwrap_or_default().into_iter().filter_map(Found::model);
        let marked = |it: Entry| {
            let before = it.found().ok()?;
            it.verified().map(|at| (it, before, at))
        };
        let own = entries.filter(|it| !it.is_adopted());
        let marked: Vec<_> = own.filter_map(marked).collect();
        let done = work();
        for (entry, before, at) in marked {
            let Ok(after) = entry.found() else { continue };
            let both = || before.iter().zip(&after);
            let is_untouched = both().all(|(a, b)| Seen::of(a) == Seen::of(b));
            if !is_untouched && both().all(|(a, b)| Seen::of(a) == Seen::of(b) || renamed(a, b)) {
                // Without the mark, the next load hashes it again.
                let _ = self.mark_verified(&entry, Look::of(&after), &at);
            }
        }
        done
    }
}

impl Look {
    fn of(found: &[Metadata]) -> Self {
        Self(found.iter().map(Seen::of).collect())
    }
}

/// Whether all that happened to a file is that a name of it came or went.
#[cfg(unix)]
fn renamed(before: &Metadata, after: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (was, is) = (Seen::of(before), Seen::of(after));
    before.nlink() != after.nlink()
        && (before.dev(), before.ino()) == (after.dev(), after.ino())
        && (was.size, was.modified) == (is.size, is.modified)
}

/// What of a file changes with its names is not seen here.
#[cfg(not(unix))]
fn renamed(_: &Metadata, _: &Metadata) -> bool {
    false
}

impl Entry {
    /// When its files were last verified, if they look as they did then.
    pub fn verified(&self) -> Option<String> {
        // What cannot be read is no mark.
        let mark = small_file(&self.folder.join(MARK)).ok()??;
        let mark: Mark = serde_json::from_slice(&mark).ok()?;
        let holds = mark.manifest == self.manifest_digest() && mark.files == self.look().ok()?.0;
        holds.then_some(mark.at)
    }

    /// What its files look like now.
    ///
    /// # Errors
    ///
    /// If one is not there.
    pub fn look(&self) -> Result<Look, Error> {
        self.found().map(|it| Look::of(&it))
    }

    /// What the system says of its files, in the manifest's order.
    fn found(&self) -> Result<Vec<Metadata>, Error> {
        let found = |file: &StoredFile| {
            let path = file.path.0.below(self.files());
            let found = match self.links() {
                Links::Followed => fs::metadata(&path),
                Links::Refused => fs::symlink_metadata(&path),
            };
            found.map_err(Error::io("read", path))
        };
        self.manifest.files.iter().map(found).collect()
    }

    fn manifest_digest(&self) -> Sha256Hex {
        Sha256Hex::of(&self.manifest.to_bytes())
    }
}

impl Seen {
    fn of(found: &Metadata) -> Self {
        let since = found.modified().ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        let modified = since.and_then(|it| it.as_nanos().try_into().ok());
        Self { size: found.len(), modified, changed: changed(found) }
    }
}

#[cfg(unix)]
fn changed(found: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanoseconds) = (found.ctime(), found.ctime_nsec());
    u64::try_from(seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?).ok()
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<u64> {
    None
}
