//! What a power cut undoes: bytes of files that were not brought to the disk, and names in folders
//! that were not.
//!
//! A disk may keep more than it was told to, and this one keeps nothing else: a test that passes
//! here rests on no such luck. Only that a file or folder has one of two names, or the other, is
//! kept as soon as one of their folders is: file systems move at once or not at all.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::calls;

/// What is not on the disk yet.
#[derive(Debug, Default)]
pub(super) struct Volatile {
    files: Vec<Touched>,
    /// In the order in which they were done; those that are on the disk, too.
    steps: Vec<Step>,
}

/// A file that was written to.
#[derive(Debug)]
struct Touched {
    file: Arc<File>,
    /// What the disk has of it.
    kept: Vec<u8>,
}

/// A change of names.
#[derive(Debug)]
struct Step {
    what: What,
    is_kept: bool,
}

/// What was done to names. A path is what it was then.
#[derive(Debug)]
pub(super) enum What {
    /// A file or a folder was made, or a file got a second name.
    Made(PathBuf),
    /// One was moved, in the place of a file with these bytes.
    Moved { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
    /// Two changed their names.
    Exchanged(PathBuf, PathBuf),
    /// A file with these bytes was removed, or an empty folder.
    Removed { path: PathBuf, was: Option<Vec<u8>> },
}

impl Volatile {
    /// Before bytes of `file` are changed.
    pub(super) fn touch(&mut self, file: &Arc<File>) -> io::Result<()> {
        if !self.files.iter().any(|it| is_same(&it.file, file)) {
            let kept = whole(file)?;
            self.files.push(Touched { file: Arc::clone(file), kept });
        }
        Ok(())
    }

    /// The bytes of `file` were brought to the disk.
    pub(super) fn synced(&mut self, file: &File) {
        self.files.retain(|it| !is_same(&it.file, file));
    }

    /// What the disk has of the file at `path`; nothing if there is none.
    pub(super) fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        if !path.symlink_metadata().is_ok_and(|it| it.is_file()) {
            return None;
        }
        let file = File::open(path).ok()?;
        let touched = self.files.iter().find(|it| is_same(&it.file, &file));
        touched.map_or_else(|| whole(&file).ok(), |it| Some(it.kept.clone()))
    }

    /// Names were changed.
    pub(super) fn step(&mut self, what: What) {
        self.steps.push(Step { what, is_kept: false });
    }

    /// The names in the folder at `path` were brought to the disk.
    pub(super) fn synced_folder(&mut self, path: &Path) {
        for nth in 0..self.steps.len() {
            let later = &self.steps[nth + 1..];
            if self.steps[nth].folders().iter().any(|it| after(it, later) == path) {
                self.keep(nth);
            }
        }
    }

    fn keep(&mut self, nth: usize) {
        let was_kept = mem::replace(&mut self.steps[nth].is_kept, true);
        let What::Removed { path, was: None } = &self.steps[nth].what else { return };
        if was_kept {
            return;
        }
        // What was in a folder that is gone is not coming back.
        let gone = path.clone();
        for earlier in 0..nth {
            let later = &self.steps[earlier + 1..nth];
            if self.steps[earlier].folders().iter().any(|it| after(it, later) == gone) {
                self.keep(earlier);
            }
        }
    }

    /// Makes everything as the disk has it.
    pub(super) fn undo(self) -> io::Result<()> {
        for Touched { file, kept } in &self.files {
            let mut file = &**file;
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(kept)?;
        }
        for (nth, step) in self.steps.iter().enumerate().rev().filter(|it| !it.1.is_kept) {
            // Of the later ones, these alone are still done.
            let later = || self.steps[nth + 1..].iter().filter(|it| it.is_kept);
            let now = |path: &Path| {
                let name = path.file_name().unwrap_or_default();
                after(folder_of(path), later()).join(name)
            };
            match step.undo(&now) {
                // It lay in a folder that is gone, too.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                undone => undone?,
            }
        }
        Ok(())
    }
}

impl Step {
    /// The folders that have it when they are on the disk: any of them.
    fn folders(&self) -> Vec<&Path> {
        match &self.what {
            What::Made(path) | What::Removed { path, .. } => vec![folder_of(path)],
            What::Moved { from: one, to: other, .. } | What::Exchanged(one, other) => {
                vec![folder_of(one), folder_of(other)]
            }
        }
    }

    /// Undoes it, `now` that a path is another.
    fn undo(&self, now: &dyn Fn(&Path) -> PathBuf) -> io::Result<()> {
        match &self.what {
            What::Made(path) => {
                let path = now(path);
                match path.symlink_metadata()?.is_dir() {
                    true => fs::remove_dir_all(path),
                    false => fs::remove_file(path),
                }
            }
            What::Moved { from, to, replaced } => {
                fs::rename(now(to), now(from))?;
                replaced.as_ref().map_or(Ok(()), |it| fs::write(now(to), it))
            }
            What::Exchanged(one, other) => calls::exchange(&now(one), &now(other), None),
            What::Removed { path, was: Some(bytes) } => fs::write(now(path), bytes),
            What::Removed { path, was: None } => fs::create_dir(now(path)),
        }
    }
}

/// Where the folder at `path` is after these steps.
fn after<'a>(path: &Path, steps: impl IntoIterator<Item = &'a Step>) -> PathBuf {
    let mut at = path.to_owned();
    for step in steps {
        let moved = |from: &Path, to: &Path| at.strip_prefix(from).ok().map(|it| to.join(it));
        let new = match &step.what {
            What::Moved { from, to, .. } => moved(from, to),
            What::Exchanged(one, other) => moved(one, other).or_else(|| moved(other, one)),
            What::Made(_) | What::Removed { .. } => None,
        };
        at = new.unwrap_or(at);
    }
    at
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn whole(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether both are one file, opened twice.
#[cfg(unix)]
fn is_same(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |it: &File| it.metadata().ok().map(|it| (it.dev(), it.ino()));
    id(one).is_some_and(|it| Some(it) == id(other))
}

#[cfg(not(unix))]
fn is_same(one: &File, other: &File) -> bool {
    std::ptr::eq(one, other)
}

#[cfg(test)]
mod tests {
    use super::super::Disk;
    use super::*;

    /// A folder with a file of one byte in each of two folders; what is there after `change` and a
    /// power cut.
    fn left(change: impl FnOnce(&Disk, &Path) -> io::Result<()>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("old"), name).unwrap();
        }
        let disk = Disk::dying(usize::MAX);
        change(&disk, dir.path()).unwrap();
        disk.power_cut().unwrap();
        let mut found = Vec::new();
        for name in ["a", "b", "c"] {
            for entry in fs::read_dir(dir.path().join(name)).into_iter().flatten() {
                let path = entry.unwrap().path();
                let shown = path.file_name().unwrap().display().to_string();
                let bytes = fs::read_to_string(&path).unwrap();
                found.push(format!("{name}/{shown} {bytes}").trim_end().to_owned());
            }
        }
        found.sort();
        found
    }

    fn made(disk: &Disk, path: &Path) -> io::Result<()> {
        let mut file = disk.create(path)?;
        file.write_all(b"new")?;
        file.sync()
    }

    #[test]
    fn only_what_was_brought_to_the_disk_is_left() {
        let nothing = ["a/old a", "b/old b"];
        assert_eq!(left(|_, _| Ok(())), nothing);
        assert_eq!(left(|disk, at| made(disk, &at.join("a/new"))), nothing);
        let both = |disk: &Disk, at: &Path| {
            made(disk, &at.join("a/new"))?;
            disk.sync_folder(&at.join("a"))
        };
        assert_eq!(left(both), ["a/new new", "a/old a", "b/old b"]);
        let unsynced = |disk: &Disk, at: &Path| {
            disk.create(&at.join("a/new"))?.write_all(b"new")?;
            disk.sync_folder(&at.join("a"))
        };
        assert_eq!(left(unsynced), ["a/new", "a/old a", "b/old b"]);
        // Behind what it had, and over it.
        let longer = |disk: &Disk, at: &Path| {
            let mut file = disk.reopen(&at.join("a/old"))?;
            file.seek(SeekFrom::End(0))?;
            file.write_all(b"+")?;
            file.sync()?;
            file.write_all(b"++")?;
            file.set_len(0)
        };
        assert_eq!(left(longer), ["a/old a+", "b/old b"]);
        // It is one file, whoever syncs it.
        let other = |disk: &Disk, at: &Path| {
            disk.reopen(&at.join("a/old"))?.write_all(b"x")?;
            disk.reopen(&at.join("a/old"))?.sync()
        };
        assert_eq!(left(other), ["a/old x", "b/old b"]);
    }

    #[test]
    fn names_come_back_where_their_folder_was_not_synced() {
        let nothing = ["a/old a", "b/old b"];
        let moved = |disk: &Disk, at: &Path| disk.rename(&at.join("a/old"), &at.join("b/old"));
        assert_eq!(left(moved), nothing);
        let removed = |disk: &Disk, at: &Path| disk.remove_file(&at.join("a/old"));
        assert_eq!(left(removed), nothing);
        let linked = |disk: &Disk, at: &Path| disk.hard_link(&at.join("a/old"), &at.join("b/new"));
        assert_eq!(left(linked), nothing);
        for folder in ["a", "b"] {
            let kept =
                left(|disk, at| moved(disk, at).and_then(|()| disk.sync_folder(&at.join(folder))));
            assert_eq!(kept, ["b/old a"], "{folder}");
        }
        let emptied = |disk: &Disk, at: &Path| {
            removed(disk, at)?;
            disk.remove_folder(&at.join("a"))
        };
        assert_eq!(left(emptied), nothing);
        // With a folder goes what was in it.
        let gone = left(|disk, at| emptied(disk, at).and_then(|()| disk.sync_folder(at)));
        assert_eq!(gone, ["b/old b"]);
    }

    #[test]
    fn what_is_in_a_folder_goes_where_that_goes() {
        let moved = |disk: &Disk, at: &Path| {
            made(disk, &at.join("a/new"))?;
            disk.rename(&at.join("a"), &at.join("c"))
        };
        assert_eq!(left(moved), ["a/old a", "b/old b"]);
        let kept = left(|disk, at| moved(disk, at).and_then(|()| disk.sync_folder(at)));
        assert_eq!(kept, ["b/old b", "c/old a"]);
        let inside =
            left(|disk, at| moved(disk, at).and_then(|()| disk.sync_folder(&at.join("c"))));
        assert_eq!(inside, ["a/new new", "a/old a", "b/old b"]);
    }

    #[cfg(unix)]
    #[test]
    fn two_that_changed_their_names_have_them_back() {
        let changed = |disk: &Disk, at: &Path| {
            match disk.exchange(&at.join("a"), &at.join("b")) {
                Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
                changed => changed?,
            }
            made(disk, &at.join("a/new"))
        };
        assert_eq!(left(changed), ["a/old a", "b/old b"]);
    }

    /// A folder that was made is there, with all that were made above it.
    #[test]
    fn folders_are_on_the_disk_when_they_are_made() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, path) = (Disk::dying(usize::MAX), dir.path().join("a/b/c"));
        disk.make_folder(&path).unwrap();
        disk.power_cut().unwrap();
        assert!(path.is_dir());
        // Where it dies before they are, none is.
        let (disk, path) = (Disk::dying(1), dir.path().join("d/e"));
        assert!(disk.make_folder(&path).is_err());
        disk.power_cut().unwrap();
        assert!(!dir.path().join("d").exists());
    }
}
