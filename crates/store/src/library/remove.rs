//! How models go: by one rename out of the library, and their bytes after that.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process,
};

use super::{
    Error, LOCK, Library, PARTIAL, REMOVED, absent, lock_of, names_in, refuse_links,
    staging::holds_files,
};
use crate::{digest::Sha256Hex, disk::Lock, name::Name};

impl Library {
    /// Takes the model `name` out of the library, and what was made of it so far; whether there was
    /// any of it. Files that another program keeps stay.
    ///
    /// # Errors
    ///
    /// If another process is making or removing it, or the system refuses; it is then there whole,
    /// or not there and some of its bytes are, until something is made or removed again.
    pub fn remove(&self, name: &Name) -> Result<bool, Error> {
        let _claim = self.alone().and_then(|alone| self.claim(name, &alone))?;
        let removed = self.remove_claimed(name);
        self.tidy();
        removed
    }

    /// The same, while nobody else makes or removes it.
    fn remove_claimed(&self, name: &Name) -> Result<bool, Error> {
        let unfinished = Path::new(PARTIAL).join(name.path());
        refuse_links(&self.root, &unfinished)?;
        let unfinished = self.root.join(unfinished);
        let begun = fs::symlink_metadata(&unfinished).is_ok();
        if begun {
            self.remove_tree(&unfinished)?;
        }
        let alone = self.alone()?;
        let Some(grave) = self.set_aside(name)? else { return Ok(begun) };
        self.remove_empty(name)?;
        // In the place of that folder, it is where others put what they remove: not before it is gone.
        let alone = Some(alone).filter(|_| grave.ends_with(REMOVED));
        let removed = self.keeping_marks(move || {
            let _until_it_is_gone = alone;
            self.remove_tree(&grave)
        });
        removed.map(|()| true)
    }

    /// Moves the model `name` to where it is removed from, if it is there: into the folder for that, or
    /// into its place where there is no room to make one.
    pub(super) fn set_aside(&self, name: &Name) -> Result<Option<PathBuf>, Error> {
        let folder = self.folder(name)?;
        if fs::symlink_metadata(&folder).is_err_and(|it| absent(&it)) {
            return Ok(None);
        }
        let grave = match self.grave() {
            Err(Error::Io { source, .. }) if is_full(&source) => self.graves()?,
            grave => grave?,
        };
        self.disk.rename(&folder, &grave).map_err(Error::io("remove", &folder))?;
        Ok(Some(grave))
    }

    /// A free name where folders are removed from.
    pub(super) fn grave(&self) -> Result<PathBuf, Error> {
        let graves = self.graves()?;
        self.disk.make_folder(&graves).map_err(Error::io("make the folder", &graves))?;
        Ok(free(&graves))
    }

    /// Removes the folders that the model `name` was the last in, and brings its going to the disk.
    fn remove_empty(&self, name: &Name) -> Result<(), Error> {
        let mut above = self.root.join(name.publisher()).join(name.model());
        while above != self.root && names_in(&above)?.is_empty() {
            self.disk.remove_folder(&above).map_err(Error::io("remove", &above))?;
            above.pop();
        }
        self.disk.sync_folder(&above).map_err(Error::io("write", above))
    }

    /// Removes what an earlier process was removing when it ended. With the lock of
    /// [`Library::alone`], nobody is about to put anything of it back.
    ///
    /// # Errors
    ///
    /// If a link leads elsewhere.
    pub(super) fn sweep(&self, _alone: &Lock) -> Result<(), Error> {
        let graves = self.graves()?;
        for grave in names_in(&graves).unwrap_or_default() {
            // What stays takes room, and is tried again next time; it is in nobody's way.
            let _ = self.remove_tree(&graves.join(grave));
        }
        Ok(())
    }

    /// Removes what nobody needs any more of where models are made and removed, as far as the system
    /// lets that happen: the next one tries again.
    pub(super) fn tidy(&self) {
        if let Ok(alone) = self.alone() {
            self.prune(&alone);
        }
    }

    /// Removes files of locks that nobody holds, and folders that hold nothing, be it those of a model
    /// that somebody was about to make. With the lock of [`Library::alone`], nobody is about to use them.
    pub(super) fn prune(&self, _alone: &Lock) {
        let partial = self.root.join(PARTIAL);
        for name in self.staged().unwrap_or_default() {
            self.prune_place(&name);
        }
        for name in names_in(&partial).unwrap_or_default() {
            let path = partial.join(&name);
            let digest = name.strip_suffix(LOCK).and_then(|it| it.parse::<Sha256Hex>().ok());
            match name.as_str() {
                // It goes when it is let go of.
                _ if digest.is_some() => drop(self.disk.try_lock(&path)),
                REMOVED => self.remove_if_empty(&path, 0),
                _ => self.remove_if_empty(&path, 1),
            }
        }
    }

    /// Removes the folder that the model `name` was to be made in, if nothing is there and nobody is at it.
    fn prune_place(&self, name: &Name) {
        let place = Path::new(PARTIAL).join(name.path());
        let folder = self.root.join(&place);
        if refuse_links(&self.root, &place).is_err() || holds_files(&folder) {
            return;
        }
        let lock = self.root.join(PARTIAL).join(lock_of(name));
        if let Ok(Some(_held)) = self.disk.try_lock(&lock) {
            self.remove_if_empty(&folder, usize::MAX);
        }
    }

    /// Removes a folder that holds nothing, or nothing but such folders, `deep` of them one in the other;
    /// a link is none.
    fn remove_if_empty(&self, folder: &Path, deep: usize) {
        if !fs::symlink_metadata(folder).is_ok_and(|it| it.is_dir()) {
            return;
        }
        if let Some(deeper) = deep.checked_sub(1) {
            for name in names_in(folder).unwrap_or_default() {
                self.remove_if_empty(&folder.join(name), deeper);
            }
        }
        if names_in(folder).is_ok_and(|it| it.is_empty()) {
            let _ = self.disk.remove_folder(folder);
        }
    }

    /// The folder of what is being removed, which need not be there.
    ///
    /// # Errors
    ///
    /// If it is a link: what that leads to would be removed.
    fn graves(&self) -> Result<PathBuf, Error> {
        let graves = Path::new(PARTIAL).join(REMOVED);
        refuse_links(&self.root, &graves)?;
        Ok(self.root.join(graves))
    }

    /// Removes a folder with all that is in it; links are removed, not followed. What another
    /// process removes at the same time is as good.
    pub(super) fn remove_tree(&self, folder: &Path) -> Result<(), Error> {
        match fs::symlink_metadata(folder) {
            Err(error) if absent(&error) => return Ok(()),
            Err(error) => return Err(Error::io("read", folder)(error)),
            Ok(found) if !found.is_dir() => {
                return gone(self.disk.remove_file(folder)).map_err(Error::io("remove", folder));
            }
            Ok(_) => {}
        }
        let entries = match fs::read_dir(folder) {
            Err(error) if absent(&error) => return Ok(()),
            entries => entries.map_err(Error::io("read", folder))?,
        };
        for entry in entries {
            self.remove_tree(&entry.map_err(Error::io("read", folder))?.path())?;
        }
        gone(self.disk.remove_folder(folder)).map_err(Error::io("remove", folder))
    }
}

/// Somebody else removed it first.
fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether there is no room left, on the disk or for this user.
fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// A name in `folder` that nothing has.
fn free(folder: &Path) -> PathBuf {
    let mut names = (0_u64..).map(|nth| folder.join(format!("{}-{nth}", process::id())));
    let free = names.find(|it| fs::symlink_metadata(it).is_err());
    free.expect("a folder holds fewer files than there are numbers")
}
