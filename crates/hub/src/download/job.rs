//! A file that is being fetched: where it grows, and what of it is there.

use std::{
    collections::BTreeSet,
    fs, io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Release},
        },
    },
};

use loader::SafeRelPath;
use store::{
    disk::Disk,
    library::{MANIFEST, Staging, StoredFile},
    parts::{self, Journal, Parts},
};

use crate::{Error, Expected, RemoteFile, Url};

/// A file that is being fetched.
pub(super) struct Job {
    pub(super) file: RemoteFile,
    pub(super) place: PathBuf,
    pub(super) parts: Parts,
    /// Of each part, how many of its first bytes were there when this began.
    pub(super) had: Vec<u64>,
    /// And how many are there now.
    have: Vec<AtomicU64>,
    /// Whether some of it was there before this process.
    pub(super) resumed: bool,
    journal: Mutex<Journal>,
    /// Where a mirror, by its number, sent us for it.
    pub(super) store: Mutex<Option<(usize, Url)>>,
}

impl Job {
    /// Opens the file and its journal, or makes them.
    pub(super) fn open(
        disk: &Disk,
        staging: &Staging,
        file: &RemoteFile,
        part: NonZeroU64,
    ) -> Result<Self, Error> {
        let place = staging.place(&file.path)?;
        let parts = Parts { size: file.size, part, digest: digest(file) };
        let size = fs::symlink_metadata(&place).ok().map(|it| it.len());
        let had_journal = parts::place(&place).exists();
        let mut journal = Journal::open(disk, &place, &parts).map_err(unsaid(&place))?;
        let all = 0..parts.count();
        if size != Some(file.size) {
            // Whatever the journal says is of a file that is gone.
            if all.clone().any(|it| journal.said(it) > 0) {
                journal.clear().map_err(unsaid(&place))?;
            }
            let sized = disk.reopen(&place).and_then(|it| it.set_len(file.size));
            sized.map_err(Error::io("write", &place))?;
        } else if !had_journal {
            // It was whole, and its journal gone: the last step before it is published.
            let whole: Vec<_> = all.clone().map(|it| (it, parts.bytes_of(it))).collect();
            journal.say(&whole).map_err(unsaid(&place))?;
        }
        let had: Vec<u64> = all.map(|it| journal.said(it)).collect();
        let have = had.iter().copied().map(AtomicU64::new).collect();
        let (file, resumed) = (file.clone(), had.iter().any(|&it| it > 0));
        let (journal, store) = (Mutex::new(journal), Mutex::new(None));
        Ok(Self { file, place, parts, had, have, resumed, journal, store })
    }

    /// Bytes that were there when this began.
    pub(super) fn had(&self) -> u64 {
        self.had.iter().sum()
    }

    /// Whether all of the part was.
    pub(super) fn had_whole(&self, part: usize) -> bool {
        self.had[part] == self.parts.bytes_of(part)
    }

    /// The first `bytes` bytes of the part were written.
    pub(super) fn wrote(&self, part: usize, bytes: u64) {
        self.have[part].fetch_max(bytes, Release);
    }

    /// Brings what was written to the disk, and then has the journal say so.
    pub(super) fn keep(&self, disk: &Disk) -> Result<(), Error> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let have = self.have.iter().map(|it| it.load(Acquire)).enumerate();
        let news: Vec<_> = have.filter(|&(part, bytes)| bytes > journal.said(part)).collect();
        if news.is_empty() {
            return Ok(());
        }
        let synced = disk.reopen(&self.place).and_then(|it| it.sync());
        synced.map_err(Error::io("write", &self.place))?;
        journal.say(&news).map_err(unsaid(&self.place))
    }

    /// The same without a byte.
    pub(super) fn begin_anew(mut self, disk: &Disk) -> Result<Self, Error> {
        let journal = self.journal.get_mut().unwrap_or_else(PoisonError::into_inner);
        journal.clear().map_err(unsaid(&self.place))?;
        let emptied = disk
            .reopen(&self.place)
            .and_then(|it| it.set_len(0).and_then(|()| it.set_len(self.file.size)));
        emptied.map_err(Error::io("write", &self.place))?;
        let had = vec![0; self.parts.count()];
        let have = had.iter().copied().map(AtomicU64::new).collect();
        Ok(Self { had, have, store: Mutex::new(None), ..self })
    }

    /// Nothing is left of it.
    pub(super) fn remove(&self, disk: &Disk) -> Result<(), Error> {
        for path in [&self.place, &parts::place(&self.place)] {
            disk.remove_file(path).map_err(Error::io("remove", path))?;
        }
        Ok(())
    }
}

/// The kind of the digest that the hub announces, and the digest.
fn digest(file: &RemoteFile) -> String {
    let kind = match file.digest {
        Expected::Sha256(_) => "sha256",
        Expected::GitBlob(_) => "git sha1",
    };
    format!("{kind} {}", file.digest)
}

/// For `map_err`: the journal of the file at `place` cannot be written.
fn unsaid(place: &Path) -> impl FnOnce(io::Error) -> Error {
    Error::io("write", parts::place(place))
}

/// Brings the names of files and journals to the disk: what is brought there of the files themselves
/// is to be found again.
pub(super) fn keep_names(disk: &Disk, jobs: &[Job]) -> Result<(), Error> {
    let folders: BTreeSet<&Path> = jobs.iter().filter_map(|it| it.place.parent()).collect();
    folders
        .into_iter()
        .try_for_each(|folder| disk.sync_folder(folder).map_err(Error::io("write", folder)))
}

/// Bytes by which `files` are longer than what is in `staging`: no fewer are to be written.
pub(super) fn missing(staging: &Staging, files: &[RemoteFile]) -> u64 {
    let here = |it: &RemoteFile| {
        fs::symlink_metadata(it.path.below(staging.folder())).map_or(0, |it| it.len())
    };
    files.iter().map(|it| it.size.saturating_sub(here(it))).fold(0, u64::saturating_add)
}

/// Removes what an earlier choice left in `staging`: all but `files` and their journals, and what is
/// `kept`.
pub(super) fn sweep(
    disk: &Disk,
    staging: &Staging,
    (files, kept): (&[RemoteFile], &[StoredFile]),
) -> Result<(), Error> {
    let mut wanted: Vec<PathBuf> = vec![staging.folder().join(MANIFEST)];
    wanted.extend(kept.iter().map(|it| it.path.0.below(staging.folder())));
    for path in files.iter().map(|it| it.path.below(staging.folder())) {
        wanted.push(parts::place(&path));
        wanted.push(path);
    }
    sweep_folder(disk, staging.folder(), &wanted)
}

fn sweep_folder(disk: &Disk, folder: &Path, wanted: &[PathBuf]) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        let path = entry.path();
        if entry.file_type().map_err(Error::io("read", &path))?.is_dir() {
            sweep_folder(disk, &path, wanted)?;
            if fs::read_dir(&path).map_err(Error::io("read", &path))?.next().is_none() {
                disk.remove_folder(&path).map_err(Error::io("remove", &path))?;
            }
        } else if !wanted.contains(&path) {
            disk.remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes the journals: what is left is what is published.
pub(super) fn forget_journals(
    disk: &Disk,
    staging: &Staging,
    files: &[RemoteFile],
) -> Result<(), Error> {
    let place = |path: &SafeRelPath| parts::place(&path.below(staging.folder()));
    for path in files.iter().map(|it| place(&it.path)) {
        disk.remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}
