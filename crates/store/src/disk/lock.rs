//! Locks that are files: such a file is there as long as somebody holds its lock or waits for it.
//!
//! Who opens a file and waits for its lock may get it when the file has no name any more. The next one
//! would make a file of that name and lock that, and both would go on. So on Unix the holder removes the
//! file before it lets go, and who gets a lock looks whether its file still has the name, and opens that
//! name anew if not. To look, it opens the name once more: over a network, what the system remembers of
//! a name may be old, and NFS asks the server about what is opened. Windows removes no file that somebody
//! opened without leave for that: there the holder lets go and then removes it, and if somebody else is
//! at it, that one does.

use std::{
    fs::{File, TryLockError},
    io::{
        self,
        ErrorKind::{NotFound, ResourceBusy, StaleNetworkFileHandle},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{Disk, How};

/// How often a file that lost its name is opened anew by who does not wait, and one that its server removed
/// by anybody: more often than others can be there first.
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
        // Each time that the name is lost, somebody else had the lock.
        let lock = self.locked(path, usize::MAX, |it| it.lock().map(|()| true))?;
        Ok(lock.expect("who waits for a lock gets it"))
    }

    /// The same, but nothing where somebody holds it.
    pub(crate) fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.locked(path, TRIES, |it| match it.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        })
    }

    fn locked(
        &self,
        path: &Path,
        tries: usize,
        take: impl Fn(&File) -> io::Result<bool>,
    ) -> io::Result<Option<Lock>> {
        let mut stale = 0;
        for _ in 0..tries {
            let file = self.lock_file(path)?;
            match take(&file) {
                Ok(true) => {}
                Ok(false) => {
                    // While it was open here, who held it could not remove it.
                    #[cfg(not(unix))]
                    {
                        drop(file);
                        let _ = self.remove_file(path);
                    }
                    return Ok(None);
                }
                // The server has removed it.
                Err(error) if error.kind() == StaleNetworkFileHandle && stale < TRIES => {
                    stale += 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            if is_at(&file, path)? {
                let (disk, path) = (self.clone(), path.to_owned());
                return Ok(Some(Lock { disk, path, file: Some(file) }));
            }
        }
        let found =
            format!("after {tries} tries, its name is another file's, expected the locked one's");
        Err(io::Error::new(StaleNetworkFileHandle, found))
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

/// Whether this may be said of a file because somebody removes it: gone or busy, of one over a network;
/// by Windows, denied, and shared otherwise.
fn may_be_going(error: &io::Error) -> bool {
    is_gone(error)
        || error.kind() == ResourceBusy
        || cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32))
}

/// Whether it says that a file is there no more.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), NotFound | StaleNetworkFileHandle)
}

/// Whether the file that is open still has the name `path`: who held it before may have removed it.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    // A pipe that somebody put there is not waited for.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let named = || File::options().read(true).custom_flags(flags).open(path)?.metadata();
    match named().and_then(|named| Ok((named, file.metadata()?))) {
        Ok((named, open)) => Ok((open.dev(), open.ino()) == (named.dev(), named.ino())),
        // The name, or, on a server, what is open here.
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
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
        let first = disk.locked(&path, TRIES, |file| {
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

    /// Who waits goes on for as long as others are there first.
    #[cfg(unix)]
    #[test]
    fn who_waits_gives_up_no_sooner_than_it_has_the_lock_and_who_tries_does() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, path) = (Disk::default(), dir.path().join("lock"));
        let lost = AtomicUsize::new(0);
        let losing = |most: usize| {
            let (lost, path) = (&lost, &path);
            lost.store(0, Ordering::SeqCst);
            move |file: &File| -> io::Result<bool> {
                if lost.fetch_add(1, Ordering::SeqCst) < most {
                    std::fs::remove_file(path)?;
                }
                file.lock().map(|()| true)
            }
        };
        assert!(disk.locked(&path, usize::MAX, losing(2 * TRIES)).unwrap().is_some());
        let error = disk.locked(&path, TRIES, losing(usize::MAX)).unwrap_err();
        assert_eq!(lost.into_inner(), TRIES);
        assert!(error.to_string().starts_with("after 1000 tries"), "{error}");
    }

    /// As a file server tells of it: of the name, and of what was opened by it.
    #[test]
    fn a_file_that_is_gone_or_going_is_opened_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        for kind in [NotFound, ResourceBusy, StaleNetworkFileHandle] {
            Disk::failing(0, kind).lock(&path).unwrap();
        }
        let (disk, tries) = (Disk::default(), AtomicUsize::new(0));
        let lock = disk.locked(&path, 2, |file| match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(StaleNetworkFileHandle.into()),
            _ => file.lock().map(|()| true),
        });
        assert!(lock.unwrap().is_some());
        // Not for ever: a server that is wrong about its files is no reason to wait.
        let error = disk.locked(&path, usize::MAX, |_| Err(StaleNetworkFileHandle.into()));
        assert_eq!(error.unwrap_err().kind(), StaleNetworkFileHandle);
    }

    #[cfg(unix)]
    #[test]
    fn whatever_else_has_the_name_is_not_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        std::fs::create_dir(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        std::fs::remove_dir(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success() && !is_at(&file, &path).unwrap());
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
