//! Holds the files of a model against its manifest, byte for byte.
//!
//! Several files are hashed at a time, one by one thread each. What a loader has open is hashed
//! there, and not by its path: a file that is swapped meanwhile is not what was verified.

use std::{
    collections::HashMap,
    io::{self, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use loader::{Mapping, ModelFile};

use super::{Entry, Error, Links, OWN, StoredFile, absent, plain_file, staging::files_below};
use crate::digest::Sha256Hex;

/// Files that are hashed at a time: more than most disks are faster for, fewer than would make a
/// turning one seek.
const THREADS: usize = 4;

/// Hears of bytes that were hashed, from any thread; says whether to go on.
pub type Watch<'a> = &'a (dyn Fn(u64) -> ControlFlow<()> + Sync);

/// A file that is not what the manifest says.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {flaw}", path.display())]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// How it is not.
    pub flaw: Flaw,
}

/// How a file is not what a manifest says.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is too long or too short.
    #[error("has {found} bytes, expected {expected}")]
    Size {
        /// Its bytes.
        found: u64,
        /// Those it should have.
        expected: u64,
    },
    /// Its bytes are others.
    #[error("has the SHA-256 {found}, expected {expected}")]
    Digest {
        /// Of its bytes.
        found: Sha256Hex,
        /// What it should be.
        expected: Sha256Hex,
    },
    /// A folder, a pipe, or a link where no link may be.
    #[error("is no plain file")]
    NotAFile,
    /// The manifest does not name it.
    #[error("is not named in the manifest")]
    Unnamed,
    /// The system refused.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
}

/// The SHA-256 of the file at `path`, and how many bytes it has.
///
/// # Errors
///
/// If it cannot be read, is no file, or `watch` asks to stop.
pub fn digest_of(path: &Path, watch: Watch<'_>) -> Result<(Sha256Hex, u64), Error> {
    digest_at(path, Links::Followed, watch)
}

/// The same, and what is done about a link in its place.
pub(super) fn digest_at(
    path: &Path,
    links: Links,
    watch: Watch<'_>,
) -> Result<(Sha256Hex, u64), Error> {
    let file = plain_file(path, links).map_err(Error::io("read", path))?;
    let file = file.ok_or_else(|| Error::NotAFile { path: path.to_owned() })?;
    let stop = AtomicBool::new(false);
    let found = digest(file, watch, &stop);
    if stop.into_inner() {
        return Err(Error::Stopped);
    }
    found.map_err(Error::io("read", path))
}

impl Entry {
    /// What is wrong with the files of the model: each is read and hashed.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or `watch` asks to stop. What cannot be read of a file is a
    /// fault of it.
    pub fn verify(&self, watch: Watch<'_>) -> Result<Vec<Fault>, Error> {
        self.hold(&HashMap::new(), watch)
    }

    /// The same, and what `file` has open is hashed there.
    ///
    /// # Errors
    ///
    /// As [`Entry::verify`]; if what is open changed meanwhile.
    pub fn verify_opened(&self, file: &ModelFile, watch: Watch<'_>) -> Result<Vec<Fault>, Error> {
        let opened = file.mappings.iter().map(|it| (it.path().to_owned(), it)).collect();
        let faults = self.hold(&opened, watch)?;
        file.check_intact().map_err(Error::load(self.name()))?;
        Ok(faults)
    }

    fn hold(
        &self,
        opened: &HashMap<PathBuf, &Mapping>,
        watch: Watch<'_>,
    ) -> Result<Vec<Fault>, Error> {
        let mut jobs: Vec<Job<'_>> = self.manifest.files.iter().map(|it| self.job(it)).collect();
        // The largest first, so that no thread begins it when the others are done.
        jobs.sort_by_key(|it| std::cmp::Reverse(it.wanted.size));
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut faults = Vec::new();
            while !stop.load(Ordering::Relaxed)
                && let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
            {
                faults.extend(job.fault(opened, watch, &stop));
            }
            faults
        };
        let mut faults: Vec<Fault> = thread::scope(|scope| {
            let threads = thread::available_parallelism().map_or(1, Into::into).min(THREADS);
            let running: Vec<_> = (0..threads.min(jobs.len())).map(|_| scope.spawn(work)).collect();
            running.into_iter().flat_map(|it| it.join().expect("hashing does not panic")).collect()
        });
        if stop.into_inner() {
            return Err(Error::Stopped);
        }
        faults.extend(self.unnamed()?);
        faults.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(faults)
    }

    fn job<'a>(&self, wanted: &'a StoredFile) -> Job<'a> {
        Job { wanted, path: wanted.path.0.below(self.files()), links: self.links() }
    }

    /// Links in the place of its files.
    pub(super) fn links(&self) -> Links {
        match self.is_adopted() {
            true => Links::Followed,
            false => Links::Refused,
        }
    }

    /// Files in its folder that the manifest does not name.
    pub(super) fn unnamed(&self) -> Result<Vec<Fault>, Error> {
        let mut found = Vec::new();
        files_below(&self.folder, &mut found).map_err(Error::io("read", &self.folder))?;
        let own = self.manifest.files.iter().filter(|_| !self.is_adopted());
        let mut named: Vec<_> = own.map(|it| it.path.0.below(&self.folder)).collect();
        named.extend(OWN.map(|it| self.folder.join(it)));
        let stray = found.into_iter().map(|it| it.0).filter(|it| !named.contains(it));
        Ok(stray.map(|path| Fault { path, flaw: Flaw::Unnamed }).collect())
    }
}

/// A file to hash.
struct Job<'a> {
    wanted: &'a StoredFile,
    path: PathBuf,
    links: Links,
}

impl Job<'_> {
    fn fault(
        &self,
        opened: &HashMap<PathBuf, &Mapping>,
        watch: Watch<'_>,
        stop: &AtomicBool,
    ) -> Option<Fault> {
        let flaw = match opened.get(&self.path) {
            Some(mapping) => {
                let bytes: &[u8] = (*mapping).as_ref();
                self.flaw(bytes.len() as u64, bytes, watch, stop)
            }
            None => self.at_path(watch, stop),
        };
        let flaw = match flaw {
            Err(error) if absent(&error) => Some(Flaw::Missing),
            Err(error) => Some(Flaw::Unreadable(error)),
            Ok(flaw) => flaw,
        };
        flaw.map(|flaw| Fault { path: self.path.clone(), flaw })
    }

    fn at_path(&self, watch: Watch<'_>, stop: &AtomicBool) -> io::Result<Option<Flaw>> {
        match plain_file(&self.path, self.links)? {
            None => Ok(Some(Flaw::NotAFile)),
            Some(file) => self.flaw(file.metadata()?.len(), file, watch, stop),
        }
    }

    fn flaw(
        &self,
        size: u64,
        bytes: impl Read,
        watch: Watch<'_>,
        stop: &AtomicBool,
    ) -> io::Result<Option<Flaw>> {
        let (expected, wanted) = (self.wanted.size, self.wanted.sha256);
        if size != expected {
            return Ok(Some(Flaw::Size { found: size, expected }));
        }
        let (found, size) = digest(bytes, watch, stop)?;
        Ok(match found == wanted {
            true => None,
            // It grew or shrank while it was read.
            false if size != expected => Some(Flaw::Size { found: size, expected }),
            false => Some(Flaw::Digest { found, expected: wanted }),
        })
    }
}

/// What all that `bytes` gives hashes to, unless somebody asks to stop: `stop` is set then.
fn digest(bytes: impl Read, watch: Watch<'_>, stop: &AtomicBool) -> io::Result<(Sha256Hex, u64)> {
    Sha256Hex::of_all(bytes, |n| {
        if watch(n as u64).is_break() {
            stop.store(true, Ordering::Relaxed);
        }
        match stop.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    })
}
