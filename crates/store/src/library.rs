//! The library: models as plain files that a person can read and copy.
//!
//! ```text
//! INGLE_HOME/models/
//!   bartowski/Llama-3.2-3B-Instruct-GGUF/Q4_K_M/     a model: all of it, or it is not there
//!     Llama-3.2-3B-Instruct-Q4_K_M.gguf
//!     LICENSE.txt
//!     manifest.json                                  what it consists of, by size and SHA-256
//!     verified.json                                  when its files were last found to be that
//!     signatures.json                                signatures over them, and with which keys
//!   .partial/…the same path…/                        a model that is being made; goes on from there
//!   .partial/.removed/                               what is being removed, until its bytes are gone
//!   .partial/HEX.lock                                held by who makes or removes a model
//! ```
//!
//! What is done leaves nothing in `.partial`: no lock, and no folder.
//!
//! A model appears by one rename of its folder, after all its bytes are on the disk and have the
//! digests that the manifest says; a model goes by one rename, too. One that is replaced changes
//! names with the new one at once; where the disk cannot do that (those of Linux and macOS can, but for
//! some over a network), there is none between two renames. So a reader sees a model whole or not at
//! all, whatever happens to the writer, and needs no lock: a library may lie on a disk that is read
//! only.
//!
//! Below the library's own folder no link is followed. Each part of a path is looked at before a file
//! is opened, and the last one again while it is (`O_NOFOLLOW`), but for what the loader opens by its
//! path; that is hashed where it is open, unless its mark holds. What changes the library goes, on
//! Unix, from one folder that is open to the next (`disk`): nobody leads a writer elsewhere. What
//! remains: a reader goes by paths, so whoever can move folders of the library at the right moment can
//! lead one elsewhere. They must be able to write to the library, and could have put there what they
//! like: let nobody do that whom you do not trust.
//!
//! `entries` reads the library, `staging`, `share` and `remove` change it, `verify`, `mark` and
//! `open` hold a model against its manifest.

mod entries;
mod error;
mod manifest;
mod mark;
mod open;
mod remove;
mod share;
mod staging;
mod verify;

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

pub use entries::{Found, Resolved};
pub use error::Error;
pub use manifest::{Facts, FileName, Manifest, Origin, StoredFile, Unreadable, VERSION};
pub use mark::Look;
pub use staging::Staging;
pub use verify::{Fault, Flaw, Watch, digest_of};

use crate::{
    digest::Sha256Hex,
    disk::{Disk, Lock},
    name::Name,
};

/// The file beside a model's files that says what they are.
pub const MANIFEST: &str = "manifest.json";
/// The file beside it that says when they were last verified.
pub(crate) const MARK: &str = "verified.json";
/// The file beside it that holds signatures which were checked; see `signing::keep`.
pub(crate) const SIGNATURES: &str = "signatures.json";
/// Names of what the library writes beside a model's files: none of them has one.
pub(crate) const OWN: [&str; 3] = [MANIFEST, MARK, SIGNATURES];
/// The folder of what is not whole yet.
const PARTIAL: &str = ".partial";
/// The folder in it of what is being removed.
const REMOVED: &str = ".removed";
/// The file in it that is locked while a model appears or goes; after a digest, the end of the name of
/// one that is locked for one model.
const LOCK: &str = ".lock";
/// Bytes of the longest manifest, of some ten thousand files; nothing beside it is longer.
const MAX_MANIFEST: u64 = 16 << 20;

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
        let root = root.into();
        let disk = disk.below(&root);
        Self { root, disk }
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
    /// If its manifest cannot be read, is none, or is of another name; if a link lies in the way.
    pub fn find(&self, name: &Name) -> Result<Option<Entry>, Error> {
        let folder = self.folder(name)?;
        let path = folder.join(MANIFEST);
        let Some(text) = small_file(&path)? else { return Ok(None) };
        let manifest =
            Manifest::read(&text).map_err(|why| Error::Manifest { path: path.clone(), why })?;
        match manifest.name == *name {
            true => Ok(Some(Entry { manifest, folder })),
            false => {
                let (found, expected) = (Box::new(manifest.name), Box::new(name.clone()));
                Err(Error::OtherName { path, found, expected })
            }
        }
    }

    /// A place to make the model `name` in, or to go on making it; nobody else does meanwhile.
    ///
    /// # Errors
    ///
    /// If another process is making or removing it, there is a model whose name differs in case
    /// alone, something that is no model is in its place, or the system refuses.
    pub fn stage(&self, name: &Name) -> Result<Staging, Error> {
        Staging::begin(self, name)
    }

    /// The same, to make it instead of what was `seen` there; nothing where that is not there any more,
    /// or something else is: then it is to be decided anew.
    ///
    /// # Errors
    ///
    /// As [`Library::stage`].
    pub fn stage_instead(
        &self,
        name: &Name,
        seen: Option<&Found>,
    ) -> Result<Option<Staging>, Error> {
        let staging = self.stage(name)?;
        // Nobody makes or removes it from here on.
        match self.occupant(name) {
            Ok(now) if Found::is_same(seen, now.as_ref()) => Ok(Some(staging)),
            now => {
                let abandoned = staging.abandon();
                now.and(abandoned).map(|()| None)
            }
        }
    }

    /// Where the model `name` is or would be.
    fn folder(&self, name: &Name) -> Result<PathBuf, Error> {
        refuse_links(&self.root, &name.path())?;
        Ok(self.root.join(name.path()))
    }

    /// Nobody else makes, replaces or removes the model `name` while the result is kept. It is asked for
    /// with the lock of [`Library::alone`], so that who tidies up is not taken for somebody at it.
    fn claim(&self, name: &Name, alone: &Lock) -> Result<Lock, Error> {
        let path = self.root.join(PARTIAL).join(lock_of(name));
        let lock = self.disk.try_lock(&path).map_err(Error::io("lock", path))?;
        let lock = lock.ok_or_else(|| Error::Busy { name: name.clone() })?;
        self.sweep(alone)?;
        Ok(lock)
    }

    /// No model appears or goes elsewhere while the result is kept: for moments, not for downloads.
    fn alone(&self) -> Result<Lock, Error> {
        refuse_links(&self.root, Path::new(PARTIAL))?;
        let folder = self.root.join(PARTIAL);
        self.disk.make_folder(&folder).map_err(Error::io("make the folder", &folder))?;
        let path = folder.join(LOCK);
        self.disk.lock(&path).map_err(Error::io("lock", path))
    }

    /// An error if no manifest says of what is in the place of the model `name` that it is one: it is
    /// somebody's own, and nothing takes its place.
    fn refuse_strangers(&self, name: &Name) -> Result<(), Error> {
        let folder = self.folder(name)?;
        let is_there = |it: &Path| fs::symlink_metadata(it).is_ok();
        match is_there(&folder) && !is_there(&folder.join(MANIFEST)) {
            true => Err(Error::NoManifest { folder }),
            false => Ok(()),
        }
    }

    /// An error if there is a model, or a folder of models, whose name differs from this in case
    /// alone: on some disks, the two would be one.
    fn refuse_twin(&self, name: &Name) -> Result<(), Error> {
        let mut folder = self.root.clone();
        for part in name.parts() {
            let twin = names_in(&folder)?;
            let twin = twin.into_iter().find(|it| it != part && it.eq_ignore_ascii_case(part));
            if let Some(twin) = twin {
                return Err(Error::Twin { name: name.clone(), found: folder.join(twin) });
            }
            folder.push(part);
        }
        Ok(())
    }
}

impl Entry {
    /// What it is called.
    pub fn name(&self) -> &Name {
        &self.manifest.name
    }

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

    /// Whether another program keeps its files.
    pub fn is_adopted(&self) -> bool {
        self.manifest.root.is_some()
    }
}

/// The file that is locked for the model `name`: three parts of a name together can be longer than the
/// name of a file may be.
fn lock_of(name: &Name) -> String {
    format!("{}{LOCK}", Sha256Hex::of(name.fold_key().as_bytes()))
}

/// An error if a part of `path`, from below `base` on, is a link: it could lead anywhere.
fn refuse_links(base: &Path, path: &Path) -> Result<(), Error> {
    let mut at = base.to_owned();
    for part in path {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_symlink() => return Err(Error::Link { path: at }),
            Err(error) if !absent(&error) => return Err(Error::io("read", at)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Names in a folder, sorted; none if it is not there.
fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if absent(&error) => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read the folder", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read the folder", folder))?;
        // A name that is no Unicode is none of ours.
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// The bytes of what the library writes beside a model's files; nothing where there is none.
pub(crate) fn small_file(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let read = || -> io::Result<Option<Vec<u8>>> {
        let Some(file) = plain_file(path, Links::Refused)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MAX_MANIFEST + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    match read() {
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
        Ok(None) => Err(Error::Link { path: path.to_owned() }),
        Ok(Some(bytes)) if bytes.len() as u64 > MAX_MANIFEST => {
            Err(Error::TooLong { path: path.to_owned(), limit: MAX_MANIFEST })
        }
        Ok(Some(bytes)) => Ok(Some(bytes)),
    }
}

/// What is done about a link in the place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Of a model that another program keeps: the Hugging Face cache is made of them.
    Followed,
    Refused,
}

/// Opens a file to read it; nothing if it is a folder, a pipe or a link that is not to be followed.
pub(crate) fn plain_file(path: &Path, links: Links) -> io::Result<Option<File>> {
    let found = match links {
        Links::Followed => fs::metadata(path)?,
        Links::Refused => fs::symlink_metadata(path)?,
    };
    // Before it is opened: opening a pipe would wait for somebody to write into it.
    if !found.is_file() {
        return Ok(None);
    }
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    if links == Links::Refused {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
    }
    options.open(path).map(Some)
}

/// Whether it says that there is no such file or folder.
fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
