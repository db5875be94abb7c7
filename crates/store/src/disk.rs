//! Every change that Ingle makes to its library goes through a [`Disk`], so that a test can let
//! any one of them fail, or let the process be as if it had died there.
//!
//! A change is one call of the system: a folder made, a file made, bytes written, a file's bytes
//! brought to the disk, a name moved, linked or removed. Reading is not counted.
//!
//! `calls` makes them: on Linux in folders that are open, so that below the library's own folder no
//! link is followed, whenever it was laid there; elsewhere by their paths.

#[cfg_attr(target_os = "linux", path = "disk/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "disk/elsewhere.rs")]
mod calls;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

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
    /// To be read.
    Read,
}

/// A file that is written to.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    disk: Disk,
}

/// Which changes are to fail.
#[derive(Debug)]
struct Trouble {
    made: AtomicUsize,
    at: usize,
    kind: io::ErrorKind,
    lasting: bool,
}

impl Disk {
    /// The `nth` change, counted from 0, fails with `kind`; those after it are made again.
    pub fn failing(nth: usize, kind: io::ErrorKind) -> Self {
        Self::troubled(nth, kind, false)
    }

    /// The `nth` change and all after it are not made, as if the process had died there; of bytes
    /// that were to be written then, the first half is.
    pub fn dying(nth: usize) -> Self {
        Self::troubled(nth, io::ErrorKind::Other, true)
    }

    fn troubled(at: usize, kind: io::ErrorKind, lasting: bool) -> Self {
        let trouble = Trouble { made: AtomicUsize::new(0), at, kind, lasting };
        Self { trouble: Some(Arc::new(trouble)), base: None }
    }

    /// The same, which follows no link below `base`: not even one that is laid there meanwhile, where
    /// the system is Linux.
    pub(crate) fn below(self, base: &Path) -> Self {
        Self { base: Some(base.into()), ..self }
    }

    /// How many changes were asked for; of a `Disk` that may fail.
    pub fn changes(&self) -> usize {
        self.trouble.as_ref().map_or(0, |it| it.made.load(Ordering::Relaxed))
    }

    /// Makes the folder and those above it; others may read what is in it, as far as the user's mask
    /// lets them.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        calls::make_folder(path, self.base())
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
        Ok(DiskFile { file: calls::open(path, self.base(), how)?, disk: self.clone() })
    }

    /// Gives what is at `from` the name `to`, which may be taken by a file but not by a folder with
    /// something in it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        calls::rename(from, to, self.base())
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
        calls::exchange(one, other, self.base())
    }

    /// Gives the file at `from` the second name `to`.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        calls::hard_link(from, to, self.base())
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
        calls::remove_file(path, self.base())
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        calls::remove_folder(path, self.base())
    }

    /// Brings the names in a folder to the disk: they survive a power cut.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        #[cfg(unix)]
        File::open(path)?.sync_all()?;
        #[cfg(not(unix))]
        let _ = path;
        Ok(())
    }

    fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    /// Counts a change; the error that it is to fail with.
    fn change(&self) -> io::Result<()> {
        match &self.trouble {
            Some(trouble) => trouble.change(),
            None => Ok(()),
        }
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
        self.file.sync_all()
    }

    /// Copies as many bytes of `from` as there are after its place, and `most` of them; how many that
    /// were. Where the file system can, the two files share those blocks until one is written to.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn append(&mut self, mut from: &File, most: u64) -> io::Result<u64> {
        self.disk.change()?;
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
        self.file.set_len(size)
    }

    /// The same file, for another thread: it has the same place.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, disk: self.disk.clone() })
    }

    /// To read from.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.disk.change() {
            Ok(()) => self.file.write(bytes),
            Err(error) => {
                // A write that is cut short leaves what it had written.
                let first = self
                    .disk
                    .trouble
                    .as_ref()
                    .is_some_and(|it| it.made.load(Ordering::Relaxed) == it.at + 1);
                if first {
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
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_change_that_is_to_fail_does_and_leaves_half_of_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let disk = Disk::failing(1, io::ErrorKind::StorageFull);
        let mut file = disk.create(&path).unwrap();
        assert_eq!(file.write(b"abcd").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"ab");
        file.write_all(b"ef").unwrap();
        assert_eq!((fs::read(&path).unwrap(), disk.changes()), (b"abef".to_vec(), 3));
    }

    #[test]
    fn after_death_nothing_changes() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::dying(0);
        assert!(disk.make_folder(&dir.path().join("a")).is_err());
        assert!(disk.create(&dir.path().join("b")).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn two_folders_change_their_names_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        fs::create_dir(&old).unwrap();
        fs::create_dir(&new).unwrap();
        fs::write(old.join("a"), "old").unwrap();
        match Disk::default().exchange(&old, &new) {
            Ok(()) => assert_eq!(fs::read(new.join("a")).unwrap(), b"old"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
        let none = Disk::default().exchange(&old, &dir.path().join("none"));
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (victim, link) = (dir.path().join("victim"), dir.path().join("link"));
        fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(Disk::default().reopen(&link).is_err());
        assert!(Disk::default().copy(&link, &dir.path().join("copy")).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"kept");
    }

    /// Whoever may write to the library can put a link in the place of a folder after somebody looked.
    #[cfg(target_os = "linux")]
    #[test]
    fn t17_a_link_in_the_place_of_a_folder_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let [base, outside] = ["base", "outside"].map(|it| dir.path().join(it));
        fs::create_dir_all(outside.join("empty")).unwrap();
        fs::write(outside.join("victim"), "kept").unwrap();
        let disk = Disk::default().below(&base);
        disk.make_folder(&base.join("a/b")).unwrap();
        let mut own = disk.create(&base.join("a/b/own")).unwrap();
        own.write_all(b"own").unwrap();
        std::os::unix::fs::symlink(&outside, base.join("link")).unwrap();
        let [there, own] = ["link/victim", "a/b/own"].map(|it| base.join(it));
        assert!(disk.create(&base.join("link/new")).is_err());
        assert!(disk.reopen(&there).is_err());
        assert!(disk.make_folder(&base.join("link/new")).is_err());
        assert!(disk.rename(&own, &there).is_err() && disk.rename(&there, &own).is_err());
        assert!(disk.exchange(&own, &there).is_err());
        assert!(disk.hard_link(&own, &base.join("link/new")).is_err());
        assert!(disk.hard_link(&there, &base.join("a/new")).is_err());
        assert!(disk.copy(&there, &base.join("a/new")).is_err());
        assert!(disk.remove_file(&there).is_err());
        assert!(disk.remove_folder(&base.join("link/empty")).is_err());
        assert!(disk.create(&base.join("a/../../outside/new")).is_err());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
        assert_eq!(fs::read(outside.join("victim")).unwrap(), b"kept");
        assert_eq!(fs::read(&own).unwrap(), b"own");
        // The link itself is here, and goes.
        disk.remove_file(&base.join("link")).unwrap();
        disk.rename(&own, &base.join("a/new")).unwrap();
        disk.hard_link(&base.join("a/new"), &own).unwrap();
        disk.remove_file(&own).unwrap();
        disk.remove_folder(&base.join("a/b")).unwrap();
        assert_eq!(fs::read(base.join("a/new")).unwrap(), b"own");
    }

    /// The folder itself may be one, as of a library on another disk.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_base_may_be_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let [base, real] = ["base", "real"].map(|it| dir.path().join(it));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &base).unwrap();
        let disk = Disk::default().below(&base);
        disk.make_folder(&base).unwrap();
        disk.make_folder(&base.join("a")).unwrap();
        disk.create(&base.join("a/b")).unwrap();
        disk.sync_folder(&base).unwrap();
        assert!(real.join("a/b").is_file());
    }
}
