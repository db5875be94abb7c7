//! Locks that are files: such a file is there as long as somebody holds its lock or waits for it.
//!
//! Who opens a file and waits for its lock may get it when the file has no name any more. The next one
//! would make a file of that name and lock that, and both would go on. So on Unix the holder removes the
//! file before it lets go, and who gets a lock looks whether its file still has the name, and opens that
//! name anew if not. Windows removes no file that somebody opened without leave for that: there the
//! holder lets go and then removes it, and if somebody else is at it, that one does.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{Disk, How};

/// How often a file that lost its name is opened anew: more often than others can be there first.
const TRIES: usize = 1000;
/// How often, a millisecond after another, one is opened that cannot be while it is removed.
const MOMENTS: usize = 100;

/// A lock that is held until this is dropped; its file goes, too.
#[derive(Debug)]
pub(crate) struct Lock {
    disk: Disk,
    path: PathBuf,
    /// Open as long as the lock is held.
    file: Option<File>,
}

impl Disk {
    /// Locks the file at `path`, which is made where there is none; waits for who holds it.
    pub(crate) fn lock(&self, path: &Path) -> io::Result<Lock> {
        let lock = self.locked(path, |it| it.lock().map(|()| true))?;
        Ok(lock.expect("who waits for a lock gets it"))
    }

    /// The same, but nothing where somebody holds it.
    pub(crate) fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.locked(path, |it| match it.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        })
    }

    fn locked(
        &self,
        path: &Path,
        take: impl Fn(&File) -> io::Result<bool>,
    ) -> io::Result<Option<Lock>> {
        for _ in 0..TRIES {
            let file = self.lock_file(path)?;
            if !take(&file)? {
                return Ok(None);
            }
            if is_at(&file, path)? {
                let (disk, path) = (self.clone(), path.to_owned());
                return Ok(Some(Lock { disk, path, file: Some(file) }));
            }
        }
        Err(io::Error::other("another file takes its name again and again"))
    }

    fn lock_file(&self, path: &Path) -> io::Result<File> {
        for _ in 0..MOMENTS {
            match self.opened(path, How::Lock) {
                Err(error) if may_be_going(&error) => thread::sleep(Duration::from_millis(1)),
                opened => return opened.map(|it| it.file),
            }
        }
        self.opened(path, How::Lock).map(|it| it.file)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let has_its_name = is_at(&file, &self.path).unwrap_or(false);
        // Elsewhere than on Unix, what is open stays.
        #[cfg(not(unix))]
        drop(file);
        if has_its_name {
            // One that stays is in nobody's way: the next one takes it.
            let _ = self.disk.remove_file(&self.path);
        }
    }
}

/// Whether this may be said of a file because somebody removes it: denied, and shared otherwise.
fn may_be_going(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32))
}

/// Whether the file that is open still has the name `path`: who held it before may have removed it.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let named = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        named => named?,
    };
    let open = file.metadata()?;
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Elsewhere, one that is open keeps it.
#[cfg(not(unix))]
pub(crate) fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Each waits for a file that the one before it removes.
    #[test]
    fn of_many_one_holds_the_lock_and_its_file_has_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, path) = (Disk::default(), dir.path().join("lock"));
        let holders = AtomicUsize::new(0);
        let hold = |lock: &Lock| {
            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two hold it");
            let file = lock.file.as_ref().unwrap();
            assert!(is_at(file, &path).unwrap(), "its file has lost its name");
            thread::yield_now();
            holders.fetch_sub(1, Ordering::SeqCst);
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        hold(&disk.lock(&path).unwrap());
                        disk.try_lock(&path).unwrap().iter().for_each(hold);
                    }
                });
            }
        });
        assert!(!path.exists(), "the last one leaves its file");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_lost_its_name_is_opened_anew_and_no_other_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, path) = (Disk::default(), dir.path().join("lock"));
        let tries = AtomicUsize::new(0);
        let first = disk.locked(&path, |file| {
            // Who held it removes it while this one waits.
            if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                std::fs::remove_file(&path)?;
            }
            file.lock().map(|()| true)
        });
        let first = first.unwrap().unwrap();
        assert_eq!(tries.into_inner(), 2);
        assert!(disk.try_lock(&path).unwrap().is_none(), "it is held by its name");
        // Somebody removes it by hand: the next file of that name is another's.
        std::fs::remove_file(&path).unwrap();
        let second = disk.try_lock(&path).unwrap().unwrap();
        drop(first);
        assert!(disk.try_lock(&path).unwrap().is_none(), "it is held by its name");
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_process_left_is_locked_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        drop(Disk::dying(1).lock(&path).unwrap());
        assert!(path.exists());
        drop(Disk::default().try_lock(&path).unwrap().expect("nobody holds it"));
        assert!(!path.exists());
    }
}
