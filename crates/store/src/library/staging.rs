//! A model that is being made.
//!
//! Its files grow in a folder of their own, where an interrupted writer finds them again.
//! [`Staging::publish`] is the only way from there into the library.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use loader::SafeRelPath;

use super::{
    Entry, Error, Found, Library, MANIFEST, Manifest, PARTIAL, StoredFile, Watch, digest_of,
    refuse_links,
};
use crate::name::Name;

/// A model that is being made by this process alone.
#[derive(Debug)]
pub struct Staging {
    library: Library,
    name: Name,
    folder: PathBuf,
    /// Whether an earlier process began it.
    is_resumed: bool,
    /// Held as long as this lives.
    _lock: File,
}

impl Staging {
    pub(super) fn begin(library: &Library, name: &Name) -> Result<Self, Error> {
        let lock = library.claim(name)?;
        library.refuse_twin(name)?;
        library.refuse_strangers(name)?;
        let folder = library.root.join(PARTIAL).join(name.path());
        refuse_links(&library.root, &Path::new(PARTIAL).join(name.path()))?;
        let is_resumed = fs::symlink_metadata(&folder).is_ok();
        library.disk.make_folder(&folder).map_err(Error::io("make the folder", &folder))?;
        let (library, name) = (library.clone(), name.clone());
        Ok(Self { library, name, folder, is_resumed, _lock: lock })
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

    /// Takes the file `wanted` from another model of the library, if one has it: as a second name of
    /// the same bytes where the disk can do that. They are held against its digest first.
    ///
    /// # Errors
    ///
    /// If the system refuses, or `watch` asks to stop.
    pub fn share(&self, wanted: &StoredFile, watch: Watch<'_>) -> Result<bool, Error> {
        let own = |it: &Entry| !it.is_adopted() && *it.name() != self.name;
        let entries = self.library.entries()?.into_iter().filter_map(Found::model).filter(own);
        let same = |it: &&StoredFile| it.sha256 == wanted.sha256 && it.size == wanted.size;
        for entry in entries {
            let Some(file) = entry.manifest.files.iter().find(same) else { continue };
            let from = file.path.0.below(entry.files());
            match digest_of(&from, watch) {
                Ok(found) if found == (wanted.sha256, wanted.size) => {
                    let take = || self.take(&from, &wanted.path.0);
                    return self.library.keeping_marks(take).map(|()| true);
                }
                Err(Error::Stopped) => return Err(Error::Stopped),
                // That model is damaged; `verify` tells.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Gives the file at `from` the second name `path` in here, or copies it.
    pub(super) fn take(&self, from: &Path, path: &SafeRelPath) -> Result<(), Error> {
        let place = self.place(path)?;
        let disk = &self.library.disk;
        if fs::symlink_metadata(&place).is_ok() {
            disk.remove_file(&place).map_err(Error::io("remove", &place))?;
        }
        let taken = match disk.hard_link(from, &place) {
            Err(error) if cannot_link(&error) => disk.copy(from, &place),
            linked => linked,
        };
        taken.map_err(Error::io("write", place))
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
    /// If the manifest is of another name, a file of it is missing or of another size, there is one
    /// that it does not name, something that is no model is in its place, or the system refuses; the
    /// library is then as it was, or lacks what was to be replaced.
    pub fn publish(self, manifest: &Manifest) -> Result<Entry, Error> {
        let path = self.folder.join(MANIFEST);
        if manifest.name != self.name {
            let (found, expected) = (Box::new(manifest.name.clone()), Box::new(self.name));
            return Err(Error::OtherName { path, found, expected });
        }
        self.check(manifest)?;
        self.write(&path, manifest).map_err(Error::io("write", &path))?;
        let library = &self.library;
        let _alone = library.alone()?;
        let target = library.folder(&self.name)?;
        library.refuse_strangers(&self.name)?;
        let above = target.parent().expect("a name has three parts");
        library.disk.make_folder(above).map_err(Error::io("make the folder", above))?;
        let replaced = library.set_aside(&self.name)?;
        if let Err(error) = library.disk.rename(&self.folder, &target) {
            if let Some(replaced) = replaced {
                // The first error is the one to tell.
                let _ = library.disk.rename(&replaced, &target);
            }
            return Err(Error::io("write", target)(error));
        }
        let mut folders = above.ancestors().take(self.name.parts().len());
        folders
            .try_for_each(|it| library.disk.sync_folder(it))
            .map_err(Error::io("write", &target))?;
        if let Some(replaced) = replaced {
            // The new model is there; what is left of the old one is removed next time.
            let _ = library.remove_tree(&replaced);
        }
        Ok(Entry { manifest: manifest.clone(), folder: target })
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

    /// Gives up what was made so far; what an earlier process began stays for the command that goes
    /// on with it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn abandon(self) -> Result<(), Error> {
        match self.is_resumed {
            true => Ok(()),
            false => self.library.remove_tree(&self.folder),
        }
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

/// Whether a file cannot have a second name here, though it may be copied.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
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
