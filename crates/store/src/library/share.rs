//! Bytes that two models share: they are stored once where the disk can give a file two names, or
//! two files the same blocks.
//!
//! A file of two names is written into by nobody: a model that is there does not change, and one
//! that is being made lets go of what it shares before somebody goes on with it.

use std::{fs, io, path::Path};

use loader::SafeRelPath;

use super::{
    Entry, Error, Found, Library, Links, Manifest, SIGNATURES, Staging, StoredFile, Watch, absent,
    refuse_links, staging::files_below, verify::digest_at,
};
use crate::{disk::is_unknown, name::Name};

impl Staging {
    /// Takes the file `wanted` from a model of the library, if one has it: as a second name of the
    /// same bytes where the disk can do that. What is in here then was held against its digest. What
    /// has come of the file so far goes only for bytes that are right.
    ///
    /// # Errors
    ///
    /// If the system refuses, or `watch` asks to stop.
    pub fn share(&self, wanted: &StoredFile, watch: Watch<'_>) -> Result<bool, Error> {
        let entries = self.library.entries()?.into_iter().filter_map(Found::model);
        let same = |it: &&StoredFile| it.sha256 == wanted.sha256 && it.size == wanted.size;
        for entry in entries.filter(|it| !it.is_adopted()) {
            let Some(file) = entry.manifest.files.iter().find(same) else { continue };
            // A model that is got again for its damage has the damaged file by the same digest.
            if self.has_begun(wanted) && !has(&file.path.0.below(&entry.folder), wanted, watch)? {
                continue;
            }
            let take = || self.take_from(&entry, &file.path.0, wanted);
            if self.library.keeping_marks(take)? && self.is_right(wanted, watch)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether something of the file is here.
    fn has_begun(&self, wanted: &StoredFile) -> bool {
        fs::symlink_metadata(wanted.path.0.below(&self.folder)).is_ok()
    }

    /// Takes the file at `path` of `entry`, if it is there; nobody has read it yet.
    fn take_from(
        &self,
        entry: &Entry,
        path: &SafeRelPath,
        wanted: &StoredFile,
    ) -> Result<bool, Error> {
        let from = path.below(&entry.folder);
        let is_link = refuse_links(&entry.folder, Path::new(path.as_str())).is_err();
        if is_link || fs::symlink_metadata(&from).is_ok_and(|it| it.len() != wanted.size) {
            return Ok(false);
        }
        match self.take(&from, &wanted.path.0) {
            // Somebody removes that model.
            Err(Error::Io { source, .. }) if absent(&source) => Ok(false),
            taken => taken.map(|()| true),
        }
    }

    /// Whether what was taken has the bytes that are wanted; it goes if not. Only now: what was hashed
    /// under its other name could have been swapped since.
    fn is_right(&self, wanted: &StoredFile, watch: Watch<'_>) -> Result<bool, Error> {
        let place = wanted.path.0.below(&self.folder);
        let found = has(&place, wanted, watch);
        if !matches!(found, Ok(true)) {
            let disk = &self.library.disk;
            let remove = || disk.remove_file(&place).map_err(Error::io("remove", &place));
            self.library.keeping_marks(remove)?;
        }
        found
    }

    /// Gives the file at `from` the second name `path` in here, or copies it.
    fn take(&self, from: &Path, path: &SafeRelPath) -> Result<(), Error> {
        let place = self.place(path)?;
        let disk = &self.library.disk;
        if fs::symlink_metadata(&place).is_ok() {
            disk.remove_file(&place).map_err(Error::io("remove", &place))?;
        }
        // Only where `let_go` can tell a file with two names from one of its own.
        let linked = match cfg!(unix) {
            true => disk.hard_link(from, &place),
            false => Err(io::ErrorKind::Unsupported.into()),
        };
        let taken = match linked {
            Err(error) if cannot_link(&error) => disk.copy(from, &place),
            linked => linked,
        };
        taken.map_err(Error::io("write", place))
    }

    /// Removes what an interrupted writer took from another model. Whoever goes on here may write
    /// into the files that are here, and these would be that model's.
    #[cfg(unix)]
    pub(super) fn let_go(&self) -> Result<(), Error> {
        use std::os::unix::fs::MetadataExt;
        let mut found = Vec::new();
        files_below(&self.folder, &mut found).map_err(Error::io("read", &self.folder))?;
        let mut shared = Vec::new();
        for (path, _) in found {
            if fs::symlink_metadata(&path).map_err(Error::io("read", &path))?.nlink() > 1 {
                shared.push(path);
            }
        }
        if shared.is_empty() {
            return Ok(());
        }
        let disk = &self.library.disk;
        self.library.keeping_marks(|| {
            let mut shared = shared.iter();
            shared.try_for_each(|it| disk.remove_file(it).map_err(Error::io("remove", it)))
        })
    }

    #[cfg(not(unix))]
    pub(super) fn let_go(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Library {
    /// A second model of the same files, by another name: they are not stored twice where the disk
    /// can give a file two names, or two files the same blocks.
    ///
    /// # Errors
    ///
    /// If there is a model of that name, it is being made or removed, or the system refuses.
    pub fn copy(&self, from: &Entry, to: &Name) -> Result<Entry, Error> {
        self.refuse_existing(to)?;
        let staging = self.stage(to)?;
        // Nobody makes it from here on.
        self.refuse_existing(to)?;
        let mut own = from.manifest.files.iter().filter(|_| !from.is_adopted());
        self.keeping_marks(|| {
            own.try_for_each(|it| staging.take(&it.path.0.below(from.files()), &it.path.0))
        })?;
        let manifest = Manifest { name: to.clone(), ..from.manifest.clone() };
        staging.keep_only(&manifest)?;
        // Of the same files, the signatures are the same.
        let kept = from.folder.join(SIGNATURES);
        if fs::symlink_metadata(&kept).is_ok_and(|it| it.is_file()) {
            staging.take(&kept, &SIGNATURES.parse().expect("it is a plain name"))?;
        }
        staging.publish(&manifest)
    }

    /// An error if there is a model of this name.
    pub(crate) fn refuse_existing(&self, name: &Name) -> Result<(), Error> {
        match self.find(name)? {
            Some(_) => Err(Error::Exists { name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// Whether the file at `path` has the bytes that are wanted. One that cannot be read has not: its model
/// is damaged, and `verify` tells.
fn has(path: &Path, wanted: &StoredFile, watch: Watch<'_>) -> Result<bool, Error> {
    if fs::symlink_metadata(path).map(|it| it.len()).ok() != Some(wanted.size) {
        return Ok(false);
    }
    match digest_at(path, Links::Refused, watch) {
        Err(Error::Stopped) => Err(Error::Stopped),
        found => Ok(found.is_ok_and(|it| it == (wanted.sha256, wanted.size))),
    }
}

/// Whether a file cannot have a second name here, though it may be copied.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks};
    is_unknown(error) || matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_copied_where_the_disk_gives_no_second_names() {
        let raised = io::Error::from_raw_os_error;
        for code in [libc::EPERM, libc::EMLINK, libc::EXDEV, libc::EOPNOTSUPP, libc::ENOTSUP] {
            assert!(cannot_link(&raised(code)), "{code}");
        }
        for code in [libc::EIO, libc::ENOSPC, libc::ENOENT] {
            assert!(!cannot_link(&raised(code)), "{code}");
        }
    }
}
