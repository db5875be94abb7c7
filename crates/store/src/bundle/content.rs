//! What goes into a bundle: models of the library, or files and folders beside it.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use loader::{Access, Container, ModelFile, SafeRelPath};

use super::{Error, Vouched, vouched};
use crate::{
    digest::Sha256Hex,
    library::{Entry, Facts, FileName, OWN, Origin, StoredFile},
    link,
    name::Name,
    reference::quant_in,
    signing::{self, Signer},
};

/// Endings of files beside the weights that a folder of safetensors needs or that say what it is.
const WANTED: [&str; 6] = ["safetensors", "json", "txt", "model", "jinja", "md"];

/// A model that is to be packed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// What it will be called.
    pub name: Name,
    /// Its files, with where each of them is.
    pub(super) files: Vec<(StoredFile, Source)>,
    pub(super) main: Option<FileName>,
    pub(super) origin: Origin,
    pub(super) facts: Facts,
    /// Files of its folder that stay behind: nothing reads them, the library has their names, or they
    /// are links that lead out of it.
    pub left_out: Vec<PathBuf>,
}

/// Where bytes come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Source {
    /// Whether these are the first bytes; not where they cannot be read, which is told later.
    fn begins_with(&self, expected: &[u8; 4]) -> bool {
        let mut found = [0; 4];
        match self {
            Self::Bytes(bytes) => bytes.starts_with(expected),
            Self::File(path) => {
                let read = File::open(path).and_then(|mut it| it.read_exact(&mut found));
                read.is_ok() && found == *expected
            }
        }
    }
}

impl Packed {
    /// A model of the library, as its manifest says it is; while it is packed, that is compared.
    pub fn of(entry: &Entry) -> Self {
        let manifest = &entry.manifest;
        let source = |it: &StoredFile| Source::File(it.path.0.below(entry.files()));
        Self {
            name: manifest.name.clone(),
            files: manifest.files.iter().map(|it| (it.clone(), source(it))).collect(),
            main: manifest.main.clone(),
            origin: manifest.origin.clone(),
            facts: manifest.facts.clone(),
            left_out: Vec::new(),
        }
    }

    /// The model in a file (all shards of it) or folder, called `name` or as the file is; `each`
    /// hears of the bytes that are hashed.
    ///
    /// # Errors
    ///
    /// If it is no model, cannot be read, or has names that other systems do not take.
    pub fn from_path(
        path: &Path,
        name: Option<Name>,
        each: &mut dyn FnMut(u64),
    ) -> Result<Self, Error> {
        let model = ModelFile::open_with(path, &[], Access::Map)
            .map_err(|source| Error::Model { path: path.to_owned(), source: Box::new(source) })?;
        let (paths, left_out) = match model.container {
            Container::Safetensors if path.is_dir() => listed(path)?,
            _ => (model.mappings.iter().map(|it| it.path().to_owned()).collect(), Vec::new()),
        };
        let called = called(path)?;
        let name = name.map_or_else(|| named(path, &called), Ok)?;
        let mut files = paths.iter().map(|it| hashed(it, each)).collect::<Result<Vec<_>, _>>()?;
        files.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        let main = match model.container {
            Container::Gguf { .. } => files.first().map(|it| it.0.path.clone()),
            Container::Safetensors if path.is_dir() => None,
            Container::Safetensors => files.first().map(|it| it.0.path.clone()),
        };
        let format = quant_in(&called).map(str::to_ascii_uppercase);
        let text = |key: &str| model.metadata.str(key).ok().flatten().map(str::to_owned);
        let facts = Facts {
            licence: text("general.license"),
            licence_file: files.iter().map(|it| &it.0.path).find(|it| is_licence(it)).cloned(),
            architecture: Some(model.architecture().to_owned()),
            format: format.or_else(|| Facts::format_of(&model)),
            ..Facts::default()
        };
        // As it was named, where it was: what a link leads to may have no name to speak of.
        let place = match path.file_name() {
            Some(_) => std::path::absolute(path),
            None => path.canonicalize(),
        };
        let place = place.map_err(Error::io("read", path))?;
        // A manifest is JSON, which has no other paths.
        let origin = Origin::File { path: place.to_string_lossy().into_owned().into() };
        Ok(Self { name, files, main, origin, facts, left_out })
    }

    /// Adds the signature of its files and of what is known of it, in the place of one that it may
    /// have.
    pub fn sign(&mut self, signer: &Signer) {
        self.files.retain(|it| !is_of_signature(it.0.path.0.as_str()));
        let known = vouched::known(&self.name, self.main.as_ref(), &self.origin, &self.facts);
        self.add(vouched::FILE, known);
        let files: Vec<_> = self.files.iter().map(|it| it.0.clone()).collect();
        let bytes = signer.sign_folder(&self.name.to_string(), &files, &signing::BESIDE);
        self.add(signing::FILE, bytes);
    }

    /// Adds a file that lies nowhere yet.
    fn add(&mut self, path: &str, bytes: Vec<u8>) {
        let path = path.parse().expect("it is a plain name");
        let (size, sha256) = (bytes.len() as u64, Sha256Hex::of(&bytes));
        let file = StoredFile { path: FileName(path), size, sha256 };
        self.files.push((file, Source::Bytes(bytes)));
        self.files.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    }

    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &StoredFile> {
        self.files.iter().map(|it| &it.0)
    }

    /// Bytes of all of them.
    pub fn size(&self) -> u64 {
        self.files().map(|it| it.size).fold(0, u64::saturating_add)
    }

    /// Whether its weights are in GGUF: by a name, or by how the file begins that is opened, since
    /// other programs call theirs as they like.
    pub(super) fn is_gguf(&self) -> bool {
        self.files.iter().any(|(file, source)| {
            let is_main = self.main.as_ref() == Some(&file.path);
            file.path.0.fold_key().ends_with(".gguf") || (is_main && source.begins_with(b"GGUF"))
        })
    }

    /// What a signature among its files is over.
    pub fn vouched(&self) -> Vouched {
        Vouched::of(&self.manifest(""))
    }

    /// Whether the text of its licence goes with it.
    pub fn has_licence_text(&self) -> bool {
        self.facts.licence_file.is_some() || self.files().any(|it| is_licence(&it.path))
    }
}

/// Where a model came from, without what is of interest on one machine only: folders of that machine,
/// and the bundles that it was carried in.
pub(super) fn portable(origin: &Origin) -> Origin {
    match origin {
        Origin::File { path } => Origin::File { path: path.file_name().unwrap_or_default().into() },
        Origin::Bundle { before, .. } => portable(before),
        Origin::Hub { .. } | Origin::Adopted { .. } => origin.clone(),
    }
}

/// What a file or folder is called, wherever it is.
fn called(path: &Path) -> Result<String, Error> {
    let full = path.canonicalize().map_err(Error::io("read", path))?;
    let name = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(name)
}

/// `model-Q4_K_M` of `model-Q4_K_M-00001-of-00003.gguf`.
fn named(path: &Path, called: &str) -> Result<Name, Error> {
    let stem = ["gguf", "safetensors"].iter().find_map(|it| called.strip_suffix(&format!(".{it}")));
    let stem = stem.unwrap_or(called);
    let number = |it: &str| it.len() == 5 && it.bytes().all(|c| c.is_ascii_digit());
    let whole = stem.rsplit_once("-of-").filter(|it| number(it.1));
    let whole = whole.and_then(|it| it.0.rsplit_once('-')).filter(|it| number(it.1));
    let name = whole.map_or(stem, |it| it.0);
    name.parse().map_err(|source| Error::NoName { path: path.to_owned(), source })
}

/// The files of a folder that go with the model, and those that do not.
fn listed(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Error> {
    let (mut wanted, mut left_out) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let fits = WANTED.contains(&ending.as_str()) || name.to_ascii_lowercase().contains("licen");
        let is_ours = is_of_signature(&name) || OWN.contains(&name.to_ascii_lowercase().as_str());
        let is_wanted = path.is_file() && fits && !name.starts_with('.') && !is_ours;
        match is_wanted && link::stays(folder, &path) {
            true => wanted.push(path),
            false => left_out.push(path),
        }
    }
    left_out.sort();
    Ok((wanted, left_out))
}

fn hashed(path: &Path, each: &mut dyn FnMut(u64)) -> Result<(StoredFile, Source), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let safe: SafeRelPath =
        name.parse().map_err(|source| Error::FileName { path: path.to_owned(), source })?;
    let file = File::open(path).map_err(Error::io("read", path))?;
    let digest = Sha256Hex::of_all(file, |n| {
        each(n as u64);
        Ok(())
    });
    let (sha256, size) = digest.map_err(Error::io("read", path))?;
    let stored = StoredFile { path: FileName(safe), size, sha256 };
    Ok((stored, Source::File(path.to_owned())))
}

/// Whether it is written anew when a model is signed.
fn is_of_signature(path: &str) -> bool {
    [signing::FILE, vouched::FILE].contains(&path)
}

fn is_licence(path: &FileName) -> bool {
    path.0.as_str().to_ascii_lowercase().contains("licen")
}
