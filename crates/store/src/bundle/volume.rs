//! Where a bundle is written: to hidden files beside its place, which get their names when all of
//! it is on the disk.

use std::{
    ffi::OsString,
    fs::TryLockError,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    Error, Existing,
    parts::{MAX_PARTS, part},
};
use crate::disk::{Disk, DiskFile};

/// A bundle that is being written.
pub(super) struct Volume<'a> {
    disk: &'a Disk,
    target: &'a Path,
    /// Bytes of a part, where it is split.
    split: Option<u64>,
    /// What is written, by its later name.
    parts: Vec<PathBuf>,
    current: Option<(DiskFile, u64)>,
}

impl<'a> Volume<'a> {
    /// For `size` bytes at `target`, which is free or to be replaced.
    pub(super) fn new(
        disk: &'a Disk,
        target: &'a Path,
        size: u64,
        split: Option<u64>,
        existing: Existing,
    ) -> Result<Self, Error> {
        if let Some(split) = split {
            let parts = size.div_ceil(split.max(1));
            if parts > MAX_PARTS {
                return Err(Error::Parts { bytes: size, split, parts, limit: MAX_PARTS });
            }
        }
        let there = there(target).next();
        match there {
            Some(path) if existing == Existing::Keep || path.is_dir() => Err(Error::There { path }),
            _ => Ok(Self { disk, target, split, parts: Vec::new(), current: None }),
        }
    }

    /// Gives it its name, the first part last; what was there before is gone then.
    pub(super) fn finish(&mut self) -> Result<Vec<PathBuf>, Error> {
        self.close().map_err(Error::io("write", self.target))?;
        for path in self.parts.iter().rev() {
            let hidden = hidden(path);
            self.disk.rename(&hidden, path).map_err(Error::io("write", path))?;
        }
        for old in there(self.target).filter(|it| !self.parts.contains(it)) {
            self.disk.remove_file(&old).map_err(Error::io("remove", &old))?;
        }
        let folder = folder(self.target);
        self.disk.sync_folder(folder).map_err(Error::io("write", folder))?;
        Ok(self.parts.clone())
    }

    /// Removes what has not got its name; the first error is the one to tell.
    pub(super) fn discard(mut self) {
        self.current = None;
        for path in &self.parts {
            let _ = self.disk.remove_file(&hidden(path));
        }
    }

    fn close(&mut self) -> io::Result<()> {
        match self.current.take() {
            Some((file, _)) => file.sync(),
            None => Ok(()),
        }
    }

    fn next(&mut self) -> io::Result<()> {
        self.close()?;
        let (path, room) = match self.split {
            Some(split) => (part(self.target, self.parts.len() as u64 + 1), split),
            None => (self.target.to_owned(), u64::MAX),
        };
        let file = self.disk.reopen(&hidden(&path))?;
        // What a process left that died is written over; what a living one writes is not.
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        self.parts.push(path);
        self.current = Some((file, room));
        Ok(())
    }
}

impl Write for Volume<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.current.as_ref().is_none_or(|(_, room)| *room == 0) {
            self.next()?;
        }
        let (file, room) = self.current.as_mut().expect("it was opened now or earlier");
        let n = bytes.len().min(usize::try_from(*room).unwrap_or(usize::MAX));
        let n = file.write(&bytes[..n])?;
        *room -= n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bundle at `target` as it was before, split or not.
fn there(target: &Path) -> impl Iterator<Item = PathBuf> {
    let parts = (1..=MAX_PARTS).map(|it| part(target, it)).take_while(|it| it.exists());
    let whole = target.symlink_metadata().is_ok().then(|| target.to_owned());
    let parts: Vec<_> = whole.into_iter().chain(parts).collect();
    parts.into_iter()
}

fn hidden(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// The folder that a file is in, or will be.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}
