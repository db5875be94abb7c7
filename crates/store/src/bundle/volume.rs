//! Where a bundle is written: to hidden files beside its place, which get their names when all of
//! it is on the disk.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    Error, Existing,
    parts::{MAX_PARTS, part},
};
use crate::{
    disk::{Disk, DiskFile, has_no_locks, is_at},
    room,
};

/// A bundle that is being written.
pub(super) struct Volume<'a> {
    disk: &'a Disk,
    target: &'a Path,
    /// Bytes of a part, where it is split.
    split: Option<u64>,
    existing: Existing,
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
        refuse(target, existing)?;
        // What is replaced stays until all of the new one is there.
        let folder = folder(target);
        if let Some(free) = room::too_little(folder, size) {
            return Err(Error::TooSmall { folder: folder.to_owned(), free, needed: size });
        }
        Ok(Self { disk, target, split, existing, parts: Vec::new(), current: None })
    }

    /// Gives it its name, the first part last; what was there before is gone then.
    pub(super) fn finish(&mut self) -> Result<Vec<PathBuf>, Error> {
        self.close().map_err(Error::write(self.target))?;
        // It takes minutes to write all of it, and somebody may have been faster.
        refuse(self.target, self.existing)?;
        for path in self.parts.iter().rev() {
            let hidden = hidden(path);
            self.disk.rename(&hidden, path).map_err(Error::write(path))?;
        }
        let folder = folder(self.target);
        self.disk.sync_folder(folder).map_err(Error::write(folder))?;
        // Only now: whatever of this the disk knows after a power cut, a bundle is there.
        for old in there(self.target).filter(|it| !self.parts.contains(it)) {
            self.disk.remove_file(&old).map_err(Error::io("remove", &old))?;
        }
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
        let file = begin(self.disk, &hidden(&path))?;
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

/// What is in the place of a hidden file and is not what an `ingle` of this user left.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is in the way: {why}", path.display())]
struct InTheWay {
    path: PathBuf,
    why: &'static str,
}

/// Makes the hidden file at `path`, which nobody else holds open. What a process of this user left
/// that died goes; what a living one writes does not, and nobody else's file is written to.
fn begin(disk: &Disk, path: &Path) -> io::Result<DiskFile> {
    let file = match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if let Some(why) = stranger(&fs::symlink_metadata(path)?) {
                let way = InTheWay { path: path.to_owned(), why };
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, way));
            }
            let left = disk.reopen(path)?;
            hold(left.file(), path)?;
            // Elsewhere than on Unix, a name is gone only when nobody has it open.
            #[cfg(not(unix))]
            drop(left);
            disk.remove_file(path)?;
            disk.create(path)?
        }
        made => made?,
    };
    hold(file.file(), path)?;
    Ok(file)
}

/// Why what was found is nothing that an `ingle` of this user left there, if it is not.
fn stranger(found: &Metadata) -> Option<&'static str> {
    if !found.is_file() {
        return Some("it is no file");
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(found) > 1 {
        return Some("it is a file that has another name, too");
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::uid(found) != rustix::process::geteuid().as_raw() {
        return Some("it is another user's");
    }
    None
}

/// Locks the file at `path`, as long as it is open.
fn hold(file: &File, path: &Path) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
        // Where nobody can say that they are at it, nobody is asked.
        Err(TryLockError::Error(error)) if has_no_locks(&error) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    match is_at(file, path)? {
        true => Ok(()),
        false => Err(io::ErrorKind::ResourceBusy.into()),
    }
}

/// An error if something is at `target` that does not give way to a bundle.
fn refuse(target: &Path, existing: Existing) -> Result<(), Error> {
    match there(target).find(|it| existing == Existing::Keep || it.is_dir()) {
        Some(path) => Err(Error::There { path }),
        None => Ok(()),
    }
}

/// The bundle at `target` as it was before, split or not; also parts of one whose others are elsewhere.
pub(super) fn there(target: &Path) -> impl Iterator<Item = PathBuf> {
    let all = [target.to_owned()].into_iter().chain((1..=MAX_PARTS).map(|it| part(target, it)));
    let there: Vec<_> = all.filter(|it| it.symlink_metadata().is_ok()).collect();
    there.into_iter()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn volume<'a>(disk: &'a Disk, target: &'a Path, size: u64) -> Result<Volume<'a>, Error> {
        Volume::new(disk, target, size, None, Existing::Keep)
    }

    #[test]
    fn what_does_not_fit_is_refused_before_its_first_byte() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, target) = (Disk::default(), dir.path().join("b.ingle"));
        let error = volume(&disk, &target, 1 << 60).map(drop).unwrap_err();
        assert!(matches!(error, Error::TooSmall { needed: 0x1000_0000_0000_0000, .. }), "{error}");
        assert_eq!(error.hint().unwrap(), "free some room there, or write it to a larger disk");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    /// The second part of an older bundle whose first was carried on another disk.
    #[test]
    fn a_part_of_another_bundle_stays_unless_it_is_to_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, target) = (Disk::default(), dir.path().join("b.ingle"));
        let second = part(&target, 2);
        fs::write(&second, "kept").unwrap();
        let error = volume(&disk, &target, 3).map(drop).unwrap_err();
        assert!(matches!(&error, Error::There { path } if *path == second), "{error}");
        assert_eq!(fs::read(&second).unwrap(), b"kept");
        let mut volume = Volume::new(&disk, &target, 3, Some(9), Existing::Replace).unwrap();
        volume.write_all(b"new").unwrap();
        assert_eq!(volume.finish().unwrap(), [part(&target, 1)]);
        assert!(!second.exists(), "it would be read as the end of the new one");
    }

    #[test]
    fn what_came_while_it_was_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, target) = (Disk::default(), dir.path().join("b.ingle"));
        let mut volume = volume(&disk, &target, 3).unwrap();
        volume.write_all(b"new").unwrap();
        fs::write(&target, "kept").unwrap();
        assert!(matches!(volume.finish(), Err(Error::There { .. })));
        volume.discard();
        assert_eq!(fs::read(&target).unwrap(), b"kept");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_dead_process_left_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, target) = (Disk::default(), dir.path().join("b.ingle"));
        fs::write(dir.path().join(".b.ingle.partial"), "much more than is written").unwrap();
        let mut volume = volume(&disk, &target, 3).unwrap();
        volume.write_all(b"new").unwrap();
        volume.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_living_process_writes_is_left_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, target) = (Disk::default(), dir.path().join("b.ingle"));
        let mut first = volume(&disk, &target, 3).unwrap();
        first.write_all(b"new").unwrap();
        let mut second = volume(&disk, &target, 5).unwrap();
        let error = second.write_all(b"other").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(Error::write(&target)(error).hint().unwrap().contains("wait until it is done"));
        second.discard();
        first.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    /// In a folder that others write to, they can lay something in the place of the hidden file.
    #[cfg(unix)]
    #[test]
    fn what_somebody_else_laid_there_is_neither_written_to_nor_used() {
        for (what, why) in [
            ("a second name", "has another name, too"),
            ("a link", "is no file"),
            ("a folder", "is no file"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let (disk, target) = (Disk::default(), dir.path().join("b.ingle"));
            let (victim, hidden) = (dir.path().join("victim"), dir.path().join(".b.ingle.partial"));
            fs::write(&victim, "kept").unwrap();
            let laid = match what {
                "a second name" => fs::hard_link(&victim, &hidden),
                "a link" => std::os::unix::fs::symlink(&victim, &hidden),
                _ => fs::create_dir(&hidden),
            };
            laid.unwrap();
            let mut volume = volume(&disk, &target, 3).unwrap();
            let error = volume.write_all(b"new").unwrap_err();
            assert!(error.to_string().ends_with(why), "{error}");
            assert!(Error::write(&target)(error).hint().unwrap().contains("look whose that is"));
            volume.discard();
            assert_eq!(fs::read(&victim).unwrap(), b"kept");
            assert!(hidden.symlink_metadata().is_ok() && !target.exists());
        }
    }
}
