//! A file that is being fetched: where it grows, and which parts of it are there.

use std::{
    fs,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Mutex,
};

use loader::SafeRelPath;
use store::{
    disk::Disk,
    library::{MANIFEST, Staging, StoredFile},
};

use super::journal::{self, Journal};
use crate::{Error, RemoteFile, Url};

/// A file that is being fetched.
pub(super) struct Job {
    pub(super) file: RemoteFile,
    pub(super) place: PathBuf,
    /// Which parts were there when this began.
    pub(super) had: Vec<bool>,
    /// Whether some of it was there before this process.
    pub(super) resumed: bool,
    pub(super) journal: Mutex<Journal>,
    pub(super) journal_place: PathBuf,
    /// Where a mirror, by its number, sent us for it.
    pub(super) store: Mutex<Option<(usize, Url)>>,
    part: NonZeroU64,
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
        let journal_place = journal::place(&place);
        let n_parts = file.size.div_ceil(part.get()) as usize;
        let size = fs::symlink_metadata(&place).ok().map(|it| it.len());
        let head = journal::head(file, part);
        let io = Error::io("write", &journal_place);
        let had_journal = journal_place.exists();
        let (mut journal, mut had) =
            Journal::open(disk, &journal_place, &head, n_parts).map_err(io)?;
        if size != Some(file.size) {
            // Whatever the journal says is of a file that is gone.
            if had.contains(&true) {
                journal.clear(&head).map_err(Error::io("write", &journal_place))?;
            }
            had = vec![false; n_parts];
            let sized = disk.reopen(&place).and_then(|it| it.set_len(file.size));
            sized.map_err(Error::io("write", &place))?;
        } else if !had_journal {
            // It was whole, and its journal gone: the last step before it is published.
            let marked = (0..n_parts).try_for_each(|it| journal.mark(it));
            marked.map_err(Error::io("write", &journal_place))?;
            had = vec![true; n_parts];
        }
        let (file, resumed) = (file.clone(), had.contains(&true));
        let (journal, store) = (Mutex::new(journal), Mutex::new(None));
        Ok(Self { file, place, had, resumed, journal, store, part, journal_place })
    }

    /// Bytes that were there when this began.
    pub(super) fn had(&self) -> u64 {
        let len = |part: usize| self.range(part).1 - self.range(part).0;
        self.had.iter().enumerate().filter(|it| *it.1).map(|it| len(it.0)).sum()
    }

    /// The first byte of a part, and the one after its last.
    pub(super) fn range(&self, part: usize) -> (u64, u64) {
        let begin = part as u64 * self.part.get();
        (begin, (begin + self.part.get()).min(self.file.size))
    }

    /// The same without a byte.
    pub(super) fn begin_anew(self, disk: &Disk) -> Result<Self, Error> {
        let head = journal::head(&self.file, self.part);
        let n_parts = self.had.len();
        let mut journal = self.journal.into_inner().unwrap_or_else(|it| it.into_inner());
        journal.clear(&head).map_err(Error::io("write", &self.journal_place))?;
        let emptied = disk
            .reopen(&self.place)
            .and_then(|it| it.set_len(0).and_then(|()| it.set_len(self.file.size)));
        emptied.map_err(Error::io("write", &self.place))?;
        let (had, store) = (vec![false; n_parts], Mutex::new(None));
        Ok(Self { had, journal: Mutex::new(journal), store, ..self })
    }

    /// Nothing is left of it.
    pub(super) fn remove(&self, disk: &Disk) -> Result<(), Error> {
        for path in [&self.place, &self.journal_place] {
            disk.remove_file(path).map_err(Error::io("remove", path))?;
        }
        Ok(())
    }
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
        wanted.push(journal::place(&path));
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
    let place = |path: &SafeRelPath| journal::place(&path.below(staging.folder()));
    for path in files.iter().map(|it| place(&it.path)) {
        disk.remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}
