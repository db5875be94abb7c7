//! A model that is being made.
//!
//! Its files grow in a folder of their own, where an interrupted writer finds them again.
//! [`Staging::publish`] is the only way from there into the library.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use loader::SafeRelPath;

use super::{Entry, Error, Library, MANIFEST, Manifest, PARTIAL};
use crate::name::Name;

/// A model that is being made by this process alone.
#[derive(Debug)]
pub struct Staging {
    library: Library,
    name: Name,
    folder: PathBuf,
    /// Held as long as this lives.
    _lock: File,
}

impl Staging {
    pub(super) fn begin(library: &Library, name: &Name) -> Result<Self, Error> {
        let partial = library.root.join(PARTIAL);
        let folder = partial.join(name.path());
        library.disk.make_folder(&folder).map_err(Error::io("make the folder", &folder))?;
        let path = partial.join(format!("{}.lock", name.fold_key().replace(['/', '\\'], "~")));
        let lock = library.disk.reopen(&path).map_err(Error::io("write", &path))?;
        let lock = lock.file().try_clone().map_err(Error::io("write", &path))?;
        match lock.try_lock() {
            Ok(()) => {
                Ok(Self { library: library.clone(), name: name.clone(), folder, _lock: lock })
            }
            Err(TryLockError::WouldBlock) => Err(Error::Busy { name: name.clone() }),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
        }
    }

    /// What it will be called.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The folder that it grows in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file `path` grows; the folders above it are made.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn place(&self, path: &SafeRelPath) -> Result<PathBuf, Error> {
        let place = path.below(&self.folder);
        let above = place.parent().expect("a safe path has a part");
        if above != self.folder {
            self.library.disk.make_folder(above).map_err(Error::io("make the folder", above))?;
        }
        Ok(place)
    }

    /// Makes it a model of the library. The caller has checked every file against its digest and
    /// brought it to the disk; here their names and the manifest follow, and then the whole
    /// appears at once. What was there under this name is replaced.
    ///
    /// # Errors
    ///
    /// If a file of the manifest is missing or of another size, there is one that it does not name,
    /// or the system refuses; the library is then as it was, or lacks what was to be replaced.
    pub fn publish(self, manifest: &Manifest) -> Result<Entry, Error> {
        self.check(manifest)?;
        let disk = &self.library.disk;
        let path = self.folder.join(MANIFEST);
        let written = (|| {
            if path.exists() {
                disk.remove_file(&path)?;
            }
            let mut file = disk.create(&path)?;
            file.write_all(&manifest.to_bytes())?;
            file.sync()?;
            self.folders()?.iter().try_for_each(|it| disk.sync_folder(it))
        })();
        written.map_err(Error::io("write", &path))?;
        let target = self.library.root.join(self.name.path());
        let above = target.parent().expect("a name has three parts");
        disk.make_folder(above).map_err(Error::io("make the folder", above))?;
        self.library.take_away(&self.name)?;
        let moved = disk.rename(&self.folder, &target).and_then(|()| disk.sync_folder(above));
        moved.map_err(Error::io("write", &target))?;
        Ok(Entry { manifest: manifest.clone(), folder: target })
    }

    /// Whether the files of the manifest are there, of its sizes, and no others.
    fn check(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut found = Vec::new();
        files_below(&self.folder, &mut found).map_err(Error::io("read", &self.folder))?;
        found.retain(|(path, _)| *path != self.folder.join(MANIFEST));
        for wanted in manifest.files.iter().filter(|_| manifest.root.is_none()) {
            let path = wanted.path.0.below(&self.folder);
            let at = found.iter().position(|it| it.0 == path);
            match at.map(|at| found.swap_remove(at).1) {
                Some(size) if size == wanted.size => {}
                found => return Err(Error::Size { path, found, expected: wanted.size }),
            }
        }
        match found.into_iter().next() {
            None => Ok(()),
            Some((path, _)) => Err(Error::Unnamed { path }),
        }
    }

    /// The model's folder and those in it.
    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let mut all = vec![self.folder.clone()];
        let mut next = 0;
        while let Some(folder) = all.get(next).cloned() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    all.push(entry.path());
                }
            }
            next += 1;
        }
        Ok(all)
    }

    /// Gives up what was made so far.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn abandon(self) -> Result<(), Error> {
        self.library.remove_tree(&self.folder)
    }
}

/// All that is below `folder` and no folder, with its size; a link is one without bytes.
fn files_below(folder: &Path, found: &mut Vec<(PathBuf, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files_below(&entry.path(), found)?;
        } else {
            found.push((entry.path(), if kind.is_file() { entry.metadata()?.len() } else { 0 }));
        }
    }
    Ok(())
}
