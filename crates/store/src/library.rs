//! The library: models as plain files that a person can read and copy.
//!
//! ```text
//! INGLE_HOME/models/
//!   bartowski/Llama-3.2-3B-Instruct-GGUF/Q4_K_M/     a model: all of it, or it is not there
//!     Llama-3.2-3B-Instruct-Q4_K_M.gguf
//!     LICENSE.txt
//!     manifest.json                                  what it consists of, by size and SHA-256
//!   .partial/…the same path…/                        a model that is being made; goes on from there
//! ```
//!
//! A model appears by one rename of its folder, after all its bytes are on the disk and have the
//! digests that the manifest says; a model goes by one rename, too. So a reader sees it whole or
//! not at all, whatever happens to the writer.

mod error;
mod manifest;
mod staging;

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process,
};

pub use error::Error;
pub use manifest::{Facts, FileName, Manifest, Origin, StoredFile, Unreadable, VERSION};
pub use staging::Staging;

use crate::{disk::Disk, name::Name};

/// The file beside a model's files that says what they are.
pub const MANIFEST: &str = "manifest.json";
/// The folder of what is not whole yet.
const PARTIAL: &str = ".partial";
/// The folder in it of what is being removed.
const REMOVED: &str = ".removed";

/// A folder of models.
#[derive(Clone, Debug)]
pub struct Library {
    root: PathBuf,
    disk: Disk,
}

/// A model of the library.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is.
    pub manifest: Manifest,
    /// Where its manifest lies.
    pub folder: PathBuf,
}

impl Library {
    /// The library below `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>, disk: Disk) -> Self {
        Self { root: root.into(), disk }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What changes it.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The model of this name, if it is there.
    ///
    /// # Errors
    ///
    /// If its manifest cannot be read, is none, or is of another name.
    pub fn find(&self, name: &Name) -> Result<Option<Entry>, Error> {
        let folder = self.root.join(name.path());
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Err(error) if absent(&error) => return Ok(None),
            text => text.map_err(Error::io("read", &path))?,
        };
        let manifest =
            Manifest::read(&text).map_err(|why| Error::Manifest { path: path.clone(), why })?;
        match manifest.name == *name {
            true => Ok(Some(Entry { manifest, folder })),
            false => Err(Error::OtherName { path, found: manifest.name, expected: name.clone() }),
        }
    }

    /// Takes the model `name` out of the library, if it is there: it is gone by one rename, and its
    /// bytes after that. Files that another program keeps stay.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn take_away(&self, name: &Name) -> Result<bool, Error> {
        let folder = self.root.join(name.path());
        match fs::symlink_metadata(&folder) {
            Err(error) if absent(&error) => return Ok(false),
            found => found.map_err(Error::io("read", &folder))?,
        };
        let above = self.root.join(PARTIAL).join(REMOVED);
        self.disk.make_folder(&above).map_err(Error::io("make the folder", &above))?;
        let grave = free(&above);
        self.disk.rename(&folder, &grave).map_err(Error::io("remove", &folder))?;
        self.remove_tree(&grave)?;
        Ok(true)
    }

    /// Removes a folder with all that is in it; links are removed, not followed.
    fn remove_tree(&self, folder: &Path) -> Result<(), Error> {
        let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
        for entry in entries {
            let entry = entry.map_err(Error::io("read", folder))?;
            match entry.file_type().map_err(Error::io("read", entry.path()))?.is_dir() {
                true => self.remove_tree(&entry.path())?,
                false => self
                    .disk
                    .remove_file(&entry.path())
                    .map_err(Error::io("remove", entry.path()))?,
            }
        }
        self.disk.remove_folder(folder).map_err(Error::io("remove", folder))
    }

    /// A place to make the model `name` in, or to go on making it; nobody else does meanwhile.
    ///
    /// # Errors
    ///
    /// If another process is making it, or the system refuses.
    pub fn stage(&self, name: &Name) -> Result<Staging, Error> {
        Staging::begin(self, name)
    }
}

impl Entry {
    /// The folder that the files lie in.
    pub fn files(&self) -> &Path {
        self.manifest.root.as_deref().unwrap_or(&self.folder)
    }

    /// What the loader opens: a file, or the folder.
    pub fn to_open(&self) -> PathBuf {
        match &self.manifest.main {
            Some(main) => main.0.below(self.files()),
            None => self.files().to_owned(),
        }
    }
}

/// A name in `folder` that nothing has.
fn free(folder: &Path) -> PathBuf {
    let names = (0_u64..).map(|nth| folder.join(format!("{}-{nth}", process::id())));
    let taken = |it: &PathBuf| fs::symlink_metadata(it).is_ok();
    names
        .into_iter()
        .find(|it| !taken(it))
        .expect("a folder holds fewer files than there are numbers")
}

/// Whether it says that there is no such file or folder.
fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
