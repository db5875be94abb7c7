//! A model that is being made.
//!
//! Its files grow in a folder of their own, where an interrupted writer finds them again.
//! [`Staging::publish`] is the only way from there into the library.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use loader::SafeRelPath;

use super::{Entry, Error, Library, MANIFEST, Manifest, OWN, PARTIAL, absent, refuse_links};
use crate::{disk::Lock, name::Name};

/// A model that is being made by this process alone.
#[derive(Debug)]
pub struct Staging {
    pub(super) library: Library,
    name: Name,
    pub(super) folder: PathBuf,
    /// Whether an earlier process began it, and something of that is there.
    is_resumed: bool,
    /// Held as long as this lives.
    _lock: Lock,
}

impl Staging {
    pub(super) fn begin(library: &Library, name: &Name) -> Result<Self, Error> {
        let alone = library.alone()?;
        let lock = library.claim(name, &alone)?;
        library.refuse_twin(name)?;
        library.refuse_strangers(name)?;
        let folder = library.root.join(PARTIAL).join(name.path());
        refuse_links(&library.root, &Path::new(PARTIAL).join(name.path()))?;
        let is_resumed = holds_files(&folder);
        library.disk.make_folder(&folder).map_err(Error::io("make the folder", &folder))?;
        let (library, name) = (library.clone(), name.clone());
        let staging = Self { library, name, folder, is_resumed, _lock: lock };
        // Only now: who tidies up removes folders that hold nothing.
        drop(alone);
        staging.let_go()?;
        Ok(staging)
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
    /// If a link lies in the way, or the system refuses.
    pub fn place(&self, path: &SafeRelPath) -> Result<PathBuf, Error> {
        let place = path.below(&self.folder);
        let above = place.parent().expect("a safe path has a part");
        if above != self.folder {
            refuse_links(&self.folder, above.strip_prefix(&self.folder).expect("it is below"))?;
            self.library.disk.make_folder(above).map_err(Error::io("make the folder", above))?;
        }
        Ok(place)
    }

    /// Removes what an earlier writer left here that `manifest` does not name.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn keep_only(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut found = Vec::new();
        files_below(&self.folder, &mut found).map_err(Error::io("read", &self.folder))?;
        // The files of an adopted model lie elsewhere.
        let own = manifest.files.iter().filter(|_| manifest.root.is_none());
        let wanted: Vec<_> = own.map(|it| it.path.0.below(&self.folder)).collect();
        for (path, _) in found.into_iter().filter(|(path, _)| !wanted.contains(path)) {
            self.library.disk.remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    /// Makes it a model of the library. The caller has checked every file against its digest and
    /// brought it to the disk; here their names and the manifest follow, and then the whole
    /// appears at once. A model that was there under this name is replaced.
    ///
    /// # Errors
    ///
    /// If the manifest is of another name, or one that could not be read again, a file of it is missing
    /// or of another size, there is one that it does not name, something that is no model is in its
    /// place, or the system refuses; the library is then as it was. Only where the disk cannot exchange two folders may a process that
    /// dies leave it without what was to be replaced.
    pub fn publish(self, manifest: &Manifest) -> Result<Entry, Error> {
        let path = self.folder.join(MANIFEST);
        if manifest.name != self.name {
            let (found, expected) = (Box::new(manifest.name.clone()), Box::new(self.name));
            return Err(Error::OtherName { path, found, expected });
        }
        manifest.check()?;
        self.check(manifest)?;
        self.write(&path, manifest).map_err(Error::io("write", &path))?;
        let library = &self.library;
        let alone = library.alone()?;
        let target = library.folder(&self.name)?;
        library.refuse_strangers(&self.name)?;
        let above = target.parent().expect("a name has three parts");
        library.disk.make_folder(above).map_err(Error::io("make the folder", above))?;
        let replaced = self.appear(&target)?;
        let mut folders = above.ancestors().take(self.name.parts().len());
        folders
            .try_for_each(|it| library.disk.sync_folder(it))
            .map_err(Error::io("write", &target))?;
        drop(alone);
        if let Some(replaced) = replaced {
            // The new model is there; what is left of the old one is removed next time.
            let _ = library.keeping_marks(|| library.remove_tree(&replaced));
        }
        library.tidy();
        Ok(Entry { manifest: manifest.clone(), folder: target })
    }

    /// Gives the folder the name `target`; where what had that name lies now, to be removed.
    fn appear(&self, target: &Path) -> Result<Option<PathBuf>, Error> {
        let (library, disk) = (&self.library, &self.library.disk);
        let refused = |error| Error::io("write", target)(error);
        if fs::symlink_metadata(target).is_err_and(|it| absent(&it)) {
            return disk.rename(&self.folder, target).map(|()| None).map_err(refused);
        }
        let grave = library.grave()?;
        match disk.exchange(&self.folder, target) {
            // The old one lies where the new one grew.
            Ok(()) => Ok(Some(match disk.rename(&self.folder, &grave) {
                Ok(()) => grave,
                Err(_) => self.folder.clone(),
            })),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                disk.rename(target, &grave).map_err(refused)?;
                if let Err(error) = disk.rename(&self.folder, target) {
                    // The first error is the one to tell.
                    let _ = disk.rename(&grave, target);
                    return Err(refused(error));
                }
                Ok(Some(grave))
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Brings the manifest and all names to the disk.
    fn write(&self, path: &Path, manifest: &Manifest) -> io::Result<()> {
        let disk = &self.library.disk;
        if fs::symlink_metadata(path).is_ok() {
            disk.remove_file(path)?;
        }
        let mut file = disk.create(path)?;
        file.write_all(&manifest.to_bytes())?;
        file.sync()?;
        self.folders()?.iter().try_for_each(|it| disk.sync_folder(it))
    }

    /// Whether the files of the manifest are there, of its sizes, and no others.
    fn check(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut found = Vec::new();
        files_below(&self.folder, &mut found).map_err(Error::io("read", &self.folder))?;
        found.retain(|(path, _)| OWN.iter().all(|it| *path != self.folder.join(it)));
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

    /// Gives up what was made so far; what an earlier process began stays for the command that goes
    /// on with it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn abandon(self) -> Result<(), Error> {
        if self.is_resumed {
            return Ok(());
        }
        let removed = self.library.remove_tree(&self.folder);
        self.library.tidy();
        removed
    }

    /// Removes all that was made, whoever began it: it is to become no model.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn discard(self) -> Result<(), Error> {
        let removed = self.library.keeping_marks(|| self.library.remove_tree(&self.folder));
        self.library.tidy();
        removed
    }
}

/// Whether there is anything below `folder` that is no folder; what cannot be read may be.
pub(super) fn holds_files(folder: &Path) -> bool {
    let mut found = Vec::new();
    match files_below(folder, &mut found) {
        Ok(()) => !found.is_empty(),
        Err(error) => !absent(&error),
    }
}

/// All that is below `folder` and no folder, with its size; a link is one without bytes.
pub(super) fn files_below(folder: &Path, found: &mut Vec<(PathBuf, u64)>) -> io::Result<()> {
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
