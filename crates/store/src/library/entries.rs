//! What is in the library, and which of it somebody means.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Entry, Error, FileName, Library, OWN, Origin, PARTIAL, names_in, staging::files_below,
};
use crate::{
    bundle::Vouched,
    catalogue,
    name::{Name, RepoId},
    parts,
    reference::{Reference, Wanted},
    signing,
};

/// What is in the place of a model.
#[expect(clippy::large_enum_variant, reason = "few are made, and most are models")]
#[derive(Debug)]
pub enum Found {
    /// A model.
    Model(Entry),
    /// A folder that is none, or whose manifest cannot be read.
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        why: Error,
    },
}

/// What a reference means in the library.
#[expect(clippy::large_enum_variant, reason = "few are made, and most are models")]
#[derive(Debug)]
pub enum Resolved {
    /// This model.
    Model(Entry),
    /// One of these: it is not said which.
    Several(Vec<Entry>),
    /// Nothing that is there.
    Absent,
}

impl Found {
    /// The model, if it is one.
    pub fn model(self) -> Option<Entry> {
        match self {
            Self::Model(entry) => Some(entry),
            Self::Unreadable { .. } => None,
        }
    }

    /// Whether what was seen in the place of a model is still there: the same model, by its manifest,
    /// or one that cannot be read.
    pub(super) fn is_same(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (None, None) | (Some(Self::Unreadable { .. }), Some(Self::Unreadable { .. })) => true,
            (Some(Self::Model(one)), Some(Self::Model(other))) => one.manifest == other.manifest,
            _ => false,
        }
    }
}

impl Library {
    /// Everything in it, by name; nothing where there is no library.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read.
    pub fn entries(&self) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for [publisher, model, variant] in self.places(PathBuf::new())? {
            let folder = self.root.join(&publisher).join(&model).join(&variant);
            let name = format!("{publisher}/{model}:{variant}").parse::<Name>();
            let entry = match name.ok().filter(|it| it.parts() == [&publisher, &model, &variant]) {
                None => Err(Error::Place { folder: folder.clone() }),
                Some(name) => self
                    .find(&name)
                    .and_then(|it| it.ok_or_else(|| Error::NoManifest { folder: folder.clone() })),
            };
            match entry {
                Ok(entry) => found.push(Found::Model(entry)),
                // Somebody removed it since.
                Err(Error::NoManifest { .. }) if !folder.exists() => {}
                Err(why) => found.push(Found::Unreadable { folder, why }),
            }
        }
        Ok(found)
    }

    /// What is in the place of the model `name` and may give way to another of that name: a model,
    /// or one whose manifest cannot be read.
    ///
    /// # Errors
    ///
    /// If something is there that may not, such as files without a manifest or a link; if the system
    /// refuses.
    pub fn occupant(&self, name: &Name) -> Result<Option<Found>, Error> {
        self.refuse_strangers(name)?;
        match self.find(name) {
            Err(why) if why.is_of_manifest() => {
                Ok(Some(Found::Unreadable { folder: self.root.join(name.path()), why }))
            }
            found => Ok(found?.map(Found::Model)),
        }
    }

    /// Models that somebody began to make and did not finish, and their bytes so far: those that are
    /// not fetched or copied again.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read.
    pub fn unfinished(&self) -> Result<Vec<(Name, u64)>, Error> {
        let mut found = Vec::new();
        for name in self.staged()? {
            let folder = self.root.join(PARTIAL).join(name.path());
            let (own, mut files) = (OWN.map(|it| folder.join(it)), Vec::new());
            // One that is finished meanwhile is unfinished no more.
            if files_below(&folder, &mut files).is_ok() && !files.is_empty() {
                let of_model = files.iter().filter(|it| !own.contains(&it.0));
                let come = of_model.map(|(path, size)| come(path, *size));
                found.push((name, come.fold(0, u64::saturating_add)));
            }
        }
        Ok(found)
    }

    /// Models that there is a folder to make them in, whatever is in it.
    pub(super) fn staged(&self) -> Result<Vec<Name>, Error> {
        let places = self.places(PathBuf::from(PARTIAL))?.into_iter();
        let name = |[publisher, model, variant]: [String; 3]| {
            format!("{publisher}/{model}:{variant}").parse::<Name>().ok()
        };
        Ok(places.filter_map(name).collect())
    }

    /// Three folders one in the other below `below`, which is below the library.
    fn places(&self, below: PathBuf) -> Result<Vec<[String; 3]>, Error> {
        let root = self.root.join(below);
        let mut found = Vec::new();
        for publisher in names_in(&root)?.into_iter().filter(|it| !it.starts_with('.')) {
            for model in names_in(&root.join(&publisher))? {
                let folder = root.join(&publisher).join(&model);
                for variant in names_in(&folder)? {
                    let kind = fs::symlink_metadata(folder.join(&variant));
                    // A stray file is no model; a link in the place of one is told.
                    if kind.is_ok_and(|it| it.is_dir() || it.is_symlink()) {
                        found.push([publisher.clone(), model.clone(), variant]);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The model that is opened where `path` is: the file that its manifest opens, another shard of
    /// that, or its folder. Nothing where `path` is elsewhere, or what the manifest does not open.
    ///
    /// # Errors
    ///
    /// If its manifest cannot be read, is none, or is of another name; if a link lies in the way.
    pub fn at_path(&self, path: &Path) -> Result<Option<Entry>, Error> {
        let (Ok(root), Ok(path)) = (self.root.canonicalize(), path.canonicalize()) else {
            return Ok(None);
        };
        let Ok(below) = path.strip_prefix(root) else { return Ok(None) };
        let parts: Vec<&str> = below.iter().take(3).filter_map(OsStr::to_str).collect();
        let [publisher, model, variant] = parts[..] else { return Ok(None) };
        let Ok(name) = format!("{publisher}/{model}:{variant}").parse::<Name>() else {
            return Ok(None);
        };
        let found = self.find(&name)?.filter(|it| !it.is_adopted());
        let rest: PathBuf = below.iter().skip(3).collect();
        Ok(found.filter(|it| match &it.manifest.main {
            None => rest.as_os_str().is_empty(),
            Some(main) => {
                it.manifest.files.iter().any(|file| {
                    file.path.0.below(Path::new("")) == rest && is_shard(&file.path, main)
                })
            }
        }))
    }

    /// Which model of the library is meant. What cannot be read is passed over, except where it is
    /// exactly what was named.
    ///
    /// # Errors
    ///
    /// If a folder, or the manifest of the model that was named, cannot be read.
    pub fn resolve(&self, reference: &Reference) -> Result<Resolved, Error> {
        if let Some(name) = exact(reference) {
            match self.find(&name)? {
                Some(entry) if came_as(&entry, reference) => return Ok(Resolved::Model(entry)),
                _ => {}
            }
        }
        let all: Vec<Entry> = self.entries()?.into_iter().filter_map(Found::model).collect();
        for meant in [named, called, begun] {
            let fits = |it: &&Entry| meant(it, reference) && came_as(it, reference);
            let mut fitting: Vec<Entry> = all.iter().filter(fits).cloned().collect();
            match fitting.len() {
                0 => {}
                1 => return Ok(Resolved::Model(fitting.remove(0))),
                _ => return Ok(Resolved::Several(fitting)),
            }
        }
        Ok(Resolved::Absent)
    }
}

impl Entry {
    /// What the catalogue calls it, so that it can be meant by that. A bundle can claim any such name
    /// for its model: that is believed where the catalogue has that model in the repository that this
    /// one is named after, so that whoever imported it knew, or where it is signed and somebody checked
    /// that with a key or a certificate.
    pub fn called_in_catalogue(&self) -> Option<&str> {
        let called = self.manifest.facts.catalogue.as_deref()?;
        let is_claim = matches!(self.manifest.origin, Origin::Bundle { .. });
        (!is_claim || self.is_named_after(called) || self.is_vouched_for()).then_some(called)
    }

    fn is_named_after(&self, called: &str) -> bool {
        let name = self.name();
        let repository = format!("{}/{}", name.publisher(), name.model()).parse::<RepoId>();
        repository.is_ok_and(|it| catalogue::is_in(called, &it))
    }

    /// Whether what its manifest says of it is signed by somebody whom the user trusted.
    fn is_vouched_for(&self) -> bool {
        Vouched::of(&self.manifest) == Vouched::All && !signing::signers(self).is_empty()
    }
}

/// How many bytes of the file at `path` have come. One that is fetched has its full size at once, and a
/// journal beside it.
fn come(path: &Path, size: u64) -> u64 {
    match parts::told(path) {
        _ if parts::is_journal(path) => 0,
        Some((parts, told)) if parts.size == size => told.values().sum(),
        Some(_) => 0,
        None if parts::place(path).exists() => 0,
        None => size,
    }
}

/// Whether it is `main`, or another file of the same set of shards.
fn is_shard(file: &FileName, main: &FileName) -> bool {
    let (file, main) = (file.0.as_str(), main.0.as_str());
    let digits_alone = |(a, b): (u8, u8)| a == b || (a.is_ascii_digit() && b.is_ascii_digit());
    file == main
        || (main.contains("-of-")
            && file.len() == main.len()
            && file.bytes().zip(main.bytes()).all(digits_alone))
}

/// The name that this is, letter by letter.
fn exact(reference: &Reference) -> Option<Name> {
    match (&reference.wanted, &reference.quant) {
        (Wanted::Repository(repository), Some(quant)) => Name::new(repository, quant).ok(),
        (Wanted::Repository(repository), None) => repository.to_string().parse().ok(),
        (Wanted::Called(_), _) => local_text(reference)?.parse().ok(),
    }
}

/// `llama3.2:3b-q4_k_m`, as it was typed.
fn local_text(reference: &Reference) -> Option<String> {
    match (&reference.wanted, &reference.quant) {
        (Wanted::Repository(_), _) => None,
        (Wanted::Called(name), None) => Some(name.clone()),
        (Wanted::Called(name), Some(quant)) => Some(format!("{name}-{quant}")),
    }
}

/// Whether it is called so, in letters of any case.
fn named(entry: &Entry, reference: &Reference) -> bool {
    exact(reference).is_some_and(|it| it.fold_key() == entry.name().fold_key())
}

/// Whether it is of this repository or has this name in the catalogue, and is of this variant.
fn called(entry: &Entry, reference: &Reference) -> bool {
    let name = entry.name();
    let is = match &reference.wanted {
        Wanted::Repository(repository) => {
            repository.organisation().eq_ignore_ascii_case(name.publisher())
                && repository.name().eq_ignore_ascii_case(name.model())
        }
        Wanted::Called(called) => {
            entry.called_in_catalogue().is_some_and(|it| it.eq_ignore_ascii_case(called))
        }
    };
    is && is_variant(entry, reference)
}

/// Whether it is called so without its variant, publisher or tag: `llama3.2` for `llama3.2:3b`.
fn begun(entry: &Entry, reference: &Reference) -> bool {
    let Wanted::Called(called) = &reference.wanted else { return false };
    let family = entry.called_in_catalogue().and_then(|it| it.split(':').next());
    let family = family.is_some_and(|it| it.eq_ignore_ascii_case(called));
    let model = entry.name().model().eq_ignore_ascii_case(called);
    (family || model) && is_variant(entry, reference)
}

fn is_variant(entry: &Entry, reference: &Reference) -> bool {
    let Some(quant) = &reference.quant else { return true };
    let format = entry.manifest.facts.format.as_deref();
    let mut called = [Some(entry.name().variant()), format].into_iter().flatten();
    let mut files = entry.manifest.files.iter().map(|it| it.path.0.as_str());
    called.any(|it| it.eq_ignore_ascii_case(quant))
        || files.any(|it| it.rsplit('/').next() == Some(quant.as_str()))
}

/// Whether it came from the revision that is asked for, if one is.
fn came_as(entry: &Entry, reference: &Reference) -> bool {
    let Some(wanted) = &reference.revision else { return true };
    match entry.manifest.origin.hub() {
        Some((revision, commit)) => revision == wanted || commit.to_string() == *wanted,
        None => false,
    }
}
