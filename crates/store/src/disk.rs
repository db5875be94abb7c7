//! Every change that Ingle makes to its library goes through a [`Disk`], so that a test can let
//! any one of them fail, or let the process be as if it had died there.
//!
//! A change is one call of the system: a folder made, a file made, bytes written, a file's bytes
//! or a folder's names brought to the disk, a name moved, linked or removed. Reading is not counted.
//!
//! `calls` makes them: on Unix in folders that are open, so that below the library's own folder no
//! link is followed, whenever it was laid there; elsewhere by their paths. `lock` are locks whose files
//! go when they are let go of, `power` is what a power cut undoes of changes.

#[cfg_attr(unix, path = "disk/unix.rs")]
#[cfg_attr(not(unix), path = "disk/elsewhere.rs")]
mod calls;
mod lock;
mod power;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) use lock::{Lock, is_at};
use power::{Volatile, What};

/// What changes files.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    trouble: Option<Arc<Trouble>>,
    /// The folder below which no link is followed.
    base: Option<Arc<Path>>,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
enum How {
    /// To be written, and made: it must not be there.
    New,
    /// To be written, and made where it is not there.
    OldOrNew,
    /// The same, to be locked: as long as it is open, others do not remove it where the system can hold
    /// them to that.
    Lock,
    /// To be read.
    Read,
}

/// A file that is written to.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    disk: Disk,
    /// The same file, opened once more and without its locks, on a disk that a test lets die.
    twin: Option<Arc<File>>,
}

/// Which changes are to fail.
#[derive(Debug)]
struct Trouble {
    made: AtomicUsize,
    at: usize,
    kind: io::ErrorKind,
    lasting: bool,
    /// Of one that lasts.
    volatile: Mutex<Volatile>,
}

impl Disk {
    /// The `nth` change, counted from 0, fails with `kind`; those after it are made again.
    pub fn failing(nth: usize, kind: io::ErrorKind) -> Self {
        Self::troubled(nth, kind, false)
    }

    /// The `nth` change and all after it are not made, as if the process had died there; of bytes
    /// that were to be written then, the first half is. [`power_cut`](Self::power_cut) goes on from
    /// there.
    pub fn dying(nth: usize) -> Self {
        Self::troubled(nth, io::ErrorKind::Other, true)
    }

    fn troubled(at: usize, kind: io::ErrorKind, lasting: bool) -> Self {
        let (made, volatile) = (AtomicUsize::new(0), Mutex::default());
        let trouble = Trouble { made, at, kind, lasting, volatile };
        Self { trouble: Some(Arc::new(trouble)), base: None }
    }

    /// The same, which follows no link below `base`: not even one that is laid there meanwhile, where
    /// the system is a Unix.
    pub(crate) fn below(self, base: &Path) -> Self {
        Self { base: Some(base.into()), ..self }
    }

    /// Undoes what a [`dying`](Self::dying) disk was not told to keep: bytes of files that were not
    /// synced since, and names in folders that were not.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn power_cut(&self) -> io::Result<()> {
        self.volatile().map_or(Ok(()), |mut it| std::mem::take(&mut *it).undo())
    }

    /// How many changes were asked for; of a `Disk` that may fail.
    pub fn changes(&self) -> usize {
        self.trouble.as_ref().map_or(0, |it| it.made.load(Ordering::Relaxed))
    }

    /// Makes the folder and those above it, and brings the names of new ones to the disk; others may
    /// read what is in it, as far as the user's mask lets them.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        let is_missing = |it: &&Path| !it.as_os_str().is_empty() && !it.exists();
        let mut made: Vec<_> = path.ancestors().take_while(is_missing).collect();
        made.reverse();
        calls::make_folder(path, self.base())?;
        made.iter().for_each(|it| self.step(|| What::Made((*it).to_owned())));
        for above in made.iter().filter_map(|it| it.parent()) {
            match self.sync_folder(above) {
                // It may be written to and not read: then nobody can ask for that.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                synced => synced?,
            }
        }
        Ok(())
    }

    /// Makes a file that was not there.
    ///
    /// # Errors
    ///
    /// If there is one, or the system refuses.
    pub fn create(&self, path: &Path) -> io::Result<DiskFile> {
        self.opened(path, How::New)
    }

    /// Opens a file to go on writing it, made empty where there is none.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn reopen(&self, path: &Path) -> io::Result<DiskFile> {
        self.opened(path, How::OldOrNew)
    }

    fn opened(&self, path: &Path, how: How) -> io::Result<DiskFile> {
        self.change()?;
        let is_new = self.volatile().is_some() && path.symlink_metadata().is_err();
        let file = calls::open(path, self.base(), how)?;
        if is_new {
            self.step(|| What::Made(path.to_owned()));
        }
        let again = || calls::open(path, self.base(), How::OldOrNew).map(Arc::new);
        let twin = self.volatile().is_some().then(again).transpose()?;
        Ok(DiskFile { file, disk: self.clone(), twin })
    }

    /// Gives what is at `from` the name `to`, which may be taken by a file but not by a folder with
    /// something in it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        let replaced = self.volatile().and_then(|it| it.bytes(to));
        calls::rename(from, to, self.base())?;
        self.step(|| What::Moved { from: from.to_owned(), to: to.to_owned(), replaced });
        Ok(())
    }

    /// Gives each of two files or folders the name of the other, at once: whoever looks finds one of
    /// them under either name, whatever happens meanwhile.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] where the system or that file system has no such call; if it
    /// refuses.
    pub fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.change()?;
        calls::exchange(one, other, self.base())?;
        self.step(|| What::Exchanged(one.to_owned(), other.to_owned()));
        Ok(())
    }

    /// Gives the file at `from` the second name `to`.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        calls::hard_link(from, to, self.base())?;
        self.step(|| What::Made(to.to_owned()));
        Ok(())
    }

    /// Makes the new file `to` with what is in `from`, which is no link, and brings its bytes to the
    /// disk. Where the file system can, the two share their blocks until one is written to.
    ///
    /// # Errors
    ///
    /// If there is a file `to`, `from` is a link, or the system refuses.
    pub fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let from = calls::open(from, self.base(), How::Read)?;
        let mut file = self.create(to)?;
        while file.append(&from, u64::MAX)? > 0 {}
        file.sync()
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        let was = self.volatile().and_then(|it| it.bytes(path));
        calls::remove_file(path, self.base())?;
        if was.is_some() {
            self.step(|| What::Removed { path: path.to_owned(), was });
        }
        Ok(())
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        calls::remove_folder(path, self.base())?;
        self.step(|| What::Removed { path: path.to_owned(), was: None });
        Ok(())
    }

    /// Brings the names in a folder to the disk, where its file system can be asked for that: they
    /// survive a power cut.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        #[cfg(unix)]
        unless_unknown(File::open(path)?.sync_all())?;
        if let Some(mut volatile) = self.volatile() {
            volatile.synced_folder(path);
        }
        Ok(())
    }

    fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    /// Notes what was done to names.
    fn step(&self, what: impl FnOnce() -> What) {
        if let Some(mut volatile) = self.volatile() {
            volatile.step(what());
        }
    }

    /// What a power cut would undo, of a disk that a test lets die.
    fn volatile(&self) -> Option<MutexGuard<'_, Volatile>> {
        let trouble = self.trouble.as_ref().filter(|it| it.lasting)?;
        Some(trouble.volatile.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a change; the error that it is to fail with.
    fn change(&self) -> io::Result<()> {
        match &self.trouble {
            Some(trouble) => trouble.change(),
            None => Ok(()),
        }
    }
}

/// Whether the file system, most often one over a network or of the machine around a virtual one, has
/// no locks.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOLCK) {
        return true;
    }
    is_unknown(error)
}

/// Whether the system or the file system knows no such call.
pub(crate) fn is_unknown(error: &io::Error) -> bool {
    // macOS has two numbers for that, and one of them is no `Unsupported`.
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOTSUP) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// What a file system does not know how to do, it cannot be asked for: it keeps names by itself, or
/// nobody can make it.
#[cfg(unix)]
fn unless_unknown(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(error) if is_unknown(&error) || error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

impl Trouble {
    fn change(&self) -> io::Result<()> {
        let nth = self.made.fetch_add(1, Ordering::Relaxed);
        match nth == self.at || (self.lasting && nth > self.at) {
            true => Err(io::Error::new(self.kind, "let fail by a test")),
            false => Ok(()),
        }
    }
}

impl DiskFile {
    /// Brings the bytes to the disk.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.change()?;
        self.file.sync_all()?;
        if let (Some(twin), Some(mut volatile)) = (&self.twin, self.disk.volatile()) {
            volatile.synced(twin);
        }
        Ok(())
    }

    /// Before its bytes change.
    fn touch(&self) -> io::Result<()> {
        match (&self.twin, self.disk.volatile()) {
            (Some(twin), Some(mut volatile)) => volatile.touch(twin),
            _ => Ok(()),
        }
    }

    /// Copies as many bytes of `from` as there are after its place, and `most` of them; how many that
    /// were. Where the file system can, the two files share those blocks until one is written to.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn append(&mut self, mut from: &File, most: u64) -> io::Result<u64> {
        self.disk.change()?;
        self.touch()?;
        // Between two files, this asks the system to copy, which shares blocks if it can.
        io::copy(&mut Read::take(&mut from, most), &mut self.file)
    }

    /// Makes the file `size` bytes long; what is new reads as zeros and takes no room.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        self.disk.change()?;
        self.touch()?;
        self.file.set_len(size)
    }

    /// The same file, for another thread: it has the same place.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn try_clone(&self) -> io::Result<Self> {
        let (file, disk, twin) = (self.file.try_clone()?, self.disk.clone(), self.twin.clone());
        Ok(Self { file, disk, twin })
    }

    /// To read from.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.disk.change() {
            Ok(()) => {
                self.touch()?;
                self.file.write(bytes)
            }
            Err(error) => {
                // A write that is cut short leaves what it had written.
                let first = self
                    .disk
                    .trouble
                    .as_ref()
                    .is_some_and(|it| it.made.load(Ordering::Relaxed) == it.at + 1);
                if first {
                    self.touch()?;
                    self.file.write_all(&bytes[..bytes.len() / 2])?;
                }
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests;
