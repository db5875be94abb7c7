//! Brings a model of a bundle into the library.
//!
//! Its files grow where downloads grow, under the same lock. What an interrupted import has already
//! copied is hashed and stays if it is right, what a model of the library has is not stored twice, and
//! the copy of the rest goes on behind what there is. When all of it is there and right, whoever asked
//! for it looks into it before it shows up: [`Incoming`].

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    ops::ControlFlow,
    path::Path,
};

use loader::{Access, ModelFile};
use sha2::{Digest as _, Sha256};

use super::{
    BadContent, Bundle, Carried, Error, Existing, Vouched, content::portable, room, stream,
};
use crate::{
    digest::Sha256Hex,
    disk::Disk,
    library::{
        Entry, Flaw, Found, Library, Links, Manifest, Origin, Staging, StoredFile, VERSION,
        plain_file,
    },
    policy::holds_weights,
    signing::{self, PublicKey, Trust},
};

/// How a model is taken.
#[derive(Clone, Debug)]
pub struct How<'a> {
    /// The time now, as RFC 3339 in UTC.
    pub arrived: &'a str,
    /// Whose signature it must have, if anybody's.
    pub trust: Option<&'a Trust>,
    /// What to do about another model of its name.
    pub existing: Existing,
}

/// A model of a bundle whose bytes are here.
#[derive(Debug)]
pub enum Brought {
    /// It does not show up yet.
    New(Incoming),
    /// It was in the library already.
    There(Imported),
}

/// All bytes of a model, each compared, where nobody sees them yet.
#[derive(Debug)]
pub struct Incoming {
    staging: Staging,
    manifest: Manifest,
    signer: Option<String>,
}

/// What became of a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Imported {
    /// It is in the library now; who signed it, if that was asked.
    New {
        /// As it is there.
        entry: Entry,
        /// Who signed it.
        signer: Option<String>,
    },
    /// The very same files were there already, whole, and stay as they are.
    There {
        /// As it is there.
        entry: Entry,
        /// Who signed it.
        signer: Option<String>,
    },
}

impl Bundle {
    /// The manifest that `model` will have.
    pub fn manifest(&self, model: &Carried, arrived: &str) -> Manifest {
        Manifest {
            version: VERSION,
            name: model.name.clone(),
            main: model.main.clone(),
            files: model.files.clone(),
            origin: Origin::Bundle {
                index: self.index(),
                before: Box::new(portable(&model.origin)),
            },
            arrived: arrived.to_owned(),
            facts: model.facts.clone(),
            root: None,
        }
    }

    /// Copies the bytes of `model` to where it can show up, and compares them all; `each` hears of
    /// every piece.
    ///
    /// # Errors
    ///
    /// If another model has its name and is to stay, a byte or the signature is not right, something
    /// else was signed than what is said of it, there is no room, or the system refuses. The library is
    /// then as it was, and the next try goes on from there.
    pub fn bring(
        &self,
        model: &Carried,
        library: &Library,
        how: &How<'_>,
        each: &mut dyn FnMut(u64),
    ) -> Result<Brought, Error> {
        let manifest = self.manifest(model, how.arrived);
        manifest.check()?;
        if let Some(trust) = how.trust {
            self.signed_with(model, trust)?;
        }
        let staging = loop {
            let seen = library.occupant(&model.name)?;
            let is_ours = match &seen {
                Some(Found::Model(entry)) if is_same(entry, model) => {
                    if let Some(there) = there(entry, &manifest, how)? {
                        each(model.size());
                        return Ok(Brought::There(there));
                    }
                    true
                }
                _ => false,
            };
            match seen {
                Some(found) if !is_ours && how.existing == Existing::Keep => {
                    return Err(taken(found, model));
                }
                // Unless something else came meanwhile: hashing takes minutes.
                seen => {
                    if let Some(staging) = library.stage_instead(&model.name, seen.as_ref())? {
                        break staging;
                    }
                }
            }
        };
        staging.keep_only(&manifest)?;
        room::check(model, &staging, library)?;
        for file in &model.files {
            self.bring_file(file, &staging, library, each)?;
        }
        let signer = how.trust.map(|it| signed(&manifest, staging.folder(), it)).transpose()?;
        Ok(Brought::New(Incoming { staging, manifest, signer }))
    }

    /// The key of the model's signature, before anything is said or copied of the model; what the
    /// signature is over is compared when the model is [brought](Self::bring).
    ///
    /// # Errors
    ///
    /// If it has none, or one of nobody who is trusted.
    pub fn signed_with(&self, model: &Carried, trust: &Trust) -> Result<PublicKey, Error> {
        let name = || model.name.clone();
        let file = model.files.iter().find(|it| it.path.0.as_str() == signing::FILE);
        let Some(file) = file else { return Err(Error::NotSigned { name: name() }) };
        if file.size > signing::MAX_BYTES {
            let (found, limit) = (file.size, signing::MAX_BYTES);
            return Err(self.bad(signing::FILE, BadContent::TooLarge { found, limit }));
        }
        let bytes = self.bytes(file)?;
        let refused = |source| Error::Signature { name: name(), source: Box::new(source) };
        signing::open(&bytes, trust).map(|it| it.key).map_err(refused)
    }

    fn bring_file(
        &self,
        file: &StoredFile,
        staging: &Staging,
        library: &Library,
        each: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let disk = library.disk();
        let place = staging.place(&file.path.0)?;
        if is_there(disk, &place, file)? || staging.share(file, &|_| ControlFlow::Continue(()))? {
            each(file.size);
            return Ok(());
        }
        if let Some(begun) = begun(&place, file)? {
            each(begun.size);
            match self.fill(file, begun, &place, disk, each) {
                // It was no beginning of this file: all of it is copied.
                Err(Error::Content { .. }) => {}
                filled => return filled,
            }
        }
        if place.symlink_metadata().is_ok() {
            disk.remove_file(&place).map_err(Error::io("remove", &place))?;
        }
        self.fill(file, Begun { size: 0, hash: Sha256::new() }, &place, disk, each)
    }

    /// Copies what is missing of a file at `place`, and brings it to the disk.
    fn fill(
        &self,
        file: &StoredFile,
        begun: Begun,
        place: &Path,
        disk: &Disk,
        each: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let opened = disk.reopen(place).and_then(|mut it| it.seek(SeekFrom::End(0)).map(|_| it));
        let mut to = opened.map_err(Error::io("write", place))?;
        let copied = self.copy(file, begun, &mut to, place, each);
        if let Err(Error::Content { .. }) = copied {
            // Wrong bytes are of no use to the next try. If they cannot be removed, it finds that.
            let _ = disk.remove_file(place);
        }
        copied?;
        to.sync().map_err(Error::io("write", place))
    }
}

impl Incoming {
    /// Opens it, as it will be opened there.
    ///
    /// # Errors
    ///
    /// If the loader refuses it, such as weights that run code while they are read.
    pub fn open(&self) -> Result<ModelFile, Error> {
        let folder = self.staging.folder().to_owned();
        let entry = Entry { manifest: self.manifest.clone(), folder };
        Ok(entry.open(Access::Map, |_| Vec::new())?)
    }

    /// Makes it a model of the library, in the place of what has its name.
    ///
    /// # Errors
    ///
    /// As [`Staging::publish`].
    pub fn publish(self) -> Result<Imported, Error> {
        let entry = self.staging.publish(&self.manifest)?;
        Ok(Imported::New { entry, signer: self.signer })
    }

    /// Removes its bytes: it may not come in.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn discard(self) -> Result<(), Error> {
        Ok(self.staging.discard()?)
    }
}

/// What is there of a file.
pub(super) struct Begun {
    /// Bytes from its beginning on.
    pub(super) size: u64,
    /// Of these.
    pub(super) hash: Sha256,
}

/// What an import that ended within the file left of it.
fn begun(place: &Path, file: &StoredFile) -> Result<Option<Begun>, Error> {
    match fs::symlink_metadata(place) {
        Ok(found) if found.is_file() && (1..file.size).contains(&found.len()) => {
            let size = found.len();
            let there = plain_file(place, Links::Refused).map_err(Error::io("read", place))?;
            let Some(there) = there else { return Ok(None) };
            let hashed = stream::hash(&mut there.take(size));
            hashed.map(|hash| Some(Begun { size, hash })).map_err(Error::io("read", place))
        }
        _ => Ok(None),
    }
}

/// Whether the file is at `place` already, by its bytes.
pub(super) fn is_there(disk: &Disk, place: &Path, file: &StoredFile) -> Result<bool, Error> {
    let found = fs::symlink_metadata(place);
    if !found.is_ok_and(|it| it.is_file() && it.len() == file.size) {
        return Ok(false);
    }
    let there = plain_file(place, Links::Refused).map_err(Error::io("read", place))?;
    let Some(there) = there else { return Ok(false) };
    let hashed = Sha256Hex::of_all(&there, |_| Ok(())).map_err(Error::io("read", place))?;
    if hashed.0 != file.sha256 {
        return Ok(false);
    }
    // It may not have been brought to the disk before the writer died; who only reads cannot do that
    // on every system.
    let synced = disk.reopen(place).and_then(|it| it.sync());
    synced.map_err(Error::io("write", place)).map(|()| true)
}

/// Who signed the files, which were found to have their digests; and nothing else is said of them
/// than what was signed.
fn signed(model: &Manifest, folder: &Path, trust: &Trust) -> Result<String, Error> {
    let name = || model.name.clone();
    let path = folder.join(signing::FILE);
    let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
    let refused = |source| Error::Signature { name: name(), source: Box::new(source) };
    let signed = signing::verify(&bytes, trust, folder, &model.files).map_err(refused)?;
    match Vouched::of(model) {
        Vouched::Otherwise => Err(Error::Relabelled { name: name() }),
        Vouched::Files | Vouched::All => Ok(signed.signer),
    }
}

/// The model that is in the library, if its files are whole and what is said of them is as well known.
fn there(entry: &Entry, manifest: &Manifest, how: &How<'_>) -> Result<Option<Imported>, Error> {
    // What its manifest says of them is not enough to vouch for its bytes.
    let is_known = how.trust.is_none() || Vouched::of(&entry.manifest) == Vouched::of(manifest);
    if !is_known || !is_whole(entry)? {
        return Ok(None);
    }
    let signer = how.trust.map(|it| signed(manifest, entry.files(), it)).transpose()?;
    Ok(Some(Imported::There { entry: entry.clone(), signer }))
}

/// Whether the library has this model, by its manifest.
fn is_same(entry: &Entry, model: &Carried) -> bool {
    let sorted = |files: &[StoredFile]| {
        let mut files = files.to_vec();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    };
    !entry.is_adopted() && sorted(&entry.manifest.files) == sorted(&model.files)
}

/// Whether its files have the bytes that its manifest says; one beside them does no harm.
fn is_whole(entry: &Entry) -> Result<bool, Error> {
    let faults = entry.verify(&|_| ControlFlow::Continue(()))?;
    Ok(faults.iter().all(|it| matches!(it.flaw, Flaw::Unnamed)))
}

/// Why `model` is not taken where `found` is to stay.
fn taken(found: Found, model: &Carried) -> Error {
    let name = model.name.clone();
    match found {
        Found::Unreadable { why, .. } => why.into(),
        Found::Model(entry) => match entry.manifest.origin {
            Origin::Adopted { program, .. } if entry.manifest.root.is_some() => {
                Error::Kept { name, program }
            }
            _ => match other_papers(&entry, model) {
                Some(papers) => Error::OtherPapers { name, papers },
                None => Error::Taken { name },
            },
        },
    }
}

/// The files in which the two differ, where the weights are the same.
fn other_papers(entry: &Entry, model: &Carried) -> Option<Vec<String>> {
    let main = model.main.as_ref().map(|it| Path::new(it.0.as_str()));
    let (there, new) = (&entry.manifest.files, &model.files);
    let lacks = |all: &[StoredFile], it: &StoredFile| !all.contains(it);
    let differing = there.iter().filter(|it| lacks(new, it));
    let differing = differing.chain(new.iter().filter(|it| lacks(there, it)));
    let mut papers = Vec::new();
    for file in differing {
        let path = file.path.0.as_str();
        if holds_weights(Path::new(path), main) {
            return None;
        }
        papers.push(path.to_owned());
    }
    papers.sort();
    papers.dedup();
    Some(papers)
}
