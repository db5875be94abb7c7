//! Models that other programs of this machine already have, used where they lie.
//!
//! ```text
//! Ollama        models/manifests/registry.ollama.ai/library/llama3.2/3b  →  models/blobs/sha256-…
//! LM Studio     models/publisher/model/*.gguf, or a folder of safetensors
//! llama.cpp     org_repo_file.gguf in one folder
//! Hugging Face  models--org--repo/snapshots/COMMIT/*  →  ../../blobs/…
//! ```
//!
//! [`survey`] reads no more than names, sizes and small manifests. [`Candidate::adopt`] hashes the
//! files and writes a manifest that points to them; nothing of the other program's is changed or
//! copied. Templates of Ollama are shown, not run: the model file's own is used.

mod hugging_face;
mod llama_cpp;
mod lm_studio;
mod ollama;
mod places;
mod sets;

use std::{
    collections::HashSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use loader::{Access, ModelFile, SafeRelPath};

use crate::{
    catalogue,
    digest::Sha256Hex,
    library::{
        self, Entry, Facts, FileName, Library, Look, Manifest, Origin, StoredFile, VERSION, Watch,
    },
    link,
    name::{Name, RepoId},
    reference::quant_in,
};
pub use ollama::{Foreign, foreign};
pub use places::Places;
pub(crate) use sets::shard;

/// A program that keeps models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Ollama.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// The cache of llama.cpp's programs.
    LlamaCpp,
    /// The cache of `huggingface_hub` and everything that is built on it.
    HuggingFace,
}

/// A model of another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Whose.
    pub program: Program,
    /// What it is called there.
    pub called: String,
    /// What it is going to be called here.
    pub name: Name,
    /// The folder that its files lie in.
    pub root: PathBuf,
    /// What is opened; nothing where the whole folder is the model.
    pub main: Option<FileName>,
    /// Its files.
    pub files: Vec<Piece>,
}

/// A file of a [`Candidate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies below the folder.
    pub path: FileName,
    /// In bytes.
    pub size: u64,
    /// What the other program calls it by, where that is its digest.
    pub promised: Option<Sha256Hex>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Models.
    pub candidates: Vec<Candidate>,
    /// What looks like one and cannot be used.
    pub passed: Vec<Passed>,
}

/// What cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// Why a model of another program cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The library refuses.
    #[error(transparent)]
    Library(#[from] library::Error),
    /// A file is not what the other program says.
    #[error("`{}` has the SHA-256 {found}, {program} says {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Of its bytes.
        found: Sha256Hex,
        /// What it is called by.
        expected: Sha256Hex,
        /// Who says so.
        program: Program,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Library(error) => error.hint(),
            Self::Damaged { program, .. } => Some(format!("get it again with {program}")),
        }
    }
}

/// Looks at all places; a model that two programs have under one name is two.
pub fn survey(places: &Places) -> Survey {
    let mut survey = Survey::default();
    places.ollama.iter().for_each(|it| ollama::survey(it, &mut survey));
    places.lm_studio.iter().for_each(|it| lm_studio::survey(it, &mut survey));
    places.llama_cpp.iter().for_each(|it| llama_cpp::survey(it, &mut survey));
    places.hugging_face.iter().for_each(|it| hugging_face::survey(it, &mut survey));
    let Survey { candidates, passed } = &mut survey;
    let mut taken = HashSet::new();
    candidates.retain_mut(|it| {
        // A manifest is JSON, which has no other paths.
        let is_unicode = it.root.to_str().is_some();
        if is_unicode && named_apart(it, &mut taken) {
            return true;
        }
        let why = match is_unicode {
            true => format!("another model is called `{}`, too", it.name),
            false => "its path is no Unicode".to_owned(),
        };
        passed.push(Passed { path: it.root.clone(), why });
        false
    });
    survey.candidates.sort_by(|a, b| a.name.cmp(&b.name));
    survey
}

/// Whether it has a name of its own: the second of two is told apart by its program.
fn named_apart(it: &mut Candidate, taken: &mut HashSet<String>) -> bool {
    if taken.insert(it.name.fold_key()) {
        return true;
    }
    let variant = format!("{}-{}", it.name.variant(), it.program);
    let Ok(name) = it.name.with_variant(&variant) else { return false };
    it.name = name;
    taken.insert(it.name.fold_key())
}

impl Candidate {
    /// Bytes of its files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|it| it.size).fold(0, u64::saturating_add)
    }

    /// Whether `entry` is this, adopted.
    pub fn is(&self, entry: &Entry) -> bool {
        let same = matches!(&entry.manifest.origin, Origin::Adopted { program, called }
            if *program == self.program.to_string() && *called == self.called);
        same && entry.manifest.root.as_ref() == Some(&self.root)
    }

    /// Opens it where it lies, before any digest is known.
    ///
    /// # Errors
    ///
    /// If a file is not as long as the other program says, or the loader refuses it.
    pub fn open(&self) -> Result<ModelFile, Error> {
        // When it arrived is of no interest yet, and nothing of it lies in a folder of ours.
        let entry = Entry { manifest: self.manifest(""), folder: self.root.clone() };
        Ok(entry.open(Access::Map, |_| Vec::new())?)
    }

    /// Makes it a model of the library, whose files stay where they are; `arrived` now, RFC 3339 in
    /// UTC.
    ///
    /// # Errors
    ///
    /// If there is a model of that name, a file is not what the other program says, the loader
    /// refuses it, `watch` asks to stop, or the system refuses.
    pub fn adopt(
        &self,
        library: &Library,
        arrived: &str,
        watch: Watch<'_>,
    ) -> Result<Entry, Error> {
        self.manifest(arrived).check()?;
        library.refuse_existing(&self.name)?;
        let staging = library.stage(&self.name)?;
        // Nobody makes it from here on.
        let read = library.refuse_existing(&self.name).map_err(Error::from);
        let read = read.and_then(|()| self.read(staging.folder(), arrived, watch));
        let (manifest, before) = match read {
            Ok(read) => read,
            Err(error) => {
                // The first error is the one to tell.
                let _ = staging.abandon();
                return Err(error);
            }
        };
        staging.keep_only(&manifest)?;
        let entry = staging.publish(&manifest)?;
        // Without the mark, the first load hashes it again.
        let _ = library.mark_verified(&entry, before, arrived);
        Ok(entry)
    }

    /// Its manifest, and what its files looked like before they were read.
    fn read(
        &self,
        folder: &Path,
        arrived: &str,
        watch: Watch<'_>,
    ) -> Result<(Manifest, Look), Error> {
        let mut entry = Entry { manifest: self.manifest(arrived), folder: folder.to_owned() };
        let before = entry.look()?;
        for (piece, stored) in self.files.iter().zip(&mut entry.manifest.files) {
            let path = piece.path.0.below(&self.root);
            let (found, size) = library::digest_of(&path, watch)?;
            if let Some(expected) = piece.promised.filter(|it| *it != found) {
                return Err(Error::Damaged { path, found, expected, program: self.program });
            }
            (stored.sha256, stored.size) = (found, size);
        }
        let file = entry.open(Access::Map, |_| Vec::new())?;
        let facts = &mut entry.manifest.facts;
        facts.architecture = Some(file.architecture().to_owned());
        facts.format = facts.format.take().or_else(|| Facts::format_of(&file));
        Ok((entry.manifest, before))
    }

    /// What the catalogue says of a repository of its name.
    fn facts(&self) -> Facts {
        let called = format!("{}/{}", self.name.publisher(), self.name.model());
        let repository = called.parse::<RepoId>().ok();
        let listed = repository.and_then(|it| catalogue::by_repository(&it));
        listed.map(|it| it.facts()).unwrap_or_default()
    }

    /// Its manifest, before anything was hashed; the digests are none yet.
    pub fn manifest(&self, arrived: &str) -> Manifest {
        let unread = Sha256Hex::from([0; 32]);
        let stored =
            |it: &Piece| StoredFile { path: it.path.clone(), size: it.size, sha256: unread };
        let file = self.main.as_ref().and_then(|it| it.0.as_str().rsplit('/').next());
        let format = file.and_then(quant_in).or_else(|| quant_in(self.name.variant()));
        Manifest {
            version: VERSION,
            name: self.name.clone(),
            main: self.main.clone(),
            files: self.files.iter().map(stored).collect(),
            origin: Origin::Adopted {
                program: self.program.to_string(),
                called: self.called.clone(),
            },
            arrived: arrived.to_owned(),
            facts: Facts { format: format.map(str::to_ascii_uppercase), ..self.facts() },
            root: Some(self.root.clone()),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ollama => "ollama",
            Self::LmStudio => "lm-studio",
            Self::LlamaCpp => "llama.cpp",
            Self::HuggingFace => "hugging-face",
        })
    }
}

impl Survey {
    /// Notes what cannot be used.
    fn pass(&mut self, path: impl Into<PathBuf>, why: impl Into<String>) {
        self.passed.push(Passed { path: path.into(), why: why.into() });
    }
}

/// Names in a folder of another program, sorted; a place that is not there holds none, and one that
/// cannot be read is noted.
fn names_in(folder: &Path, survey: &mut Survey) -> Vec<String> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) => {
            if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
                survey.pass(folder, error.to_string());
            }
            return Vec::new();
        }
    };
    let names = entries.flatten().filter_map(|it| it.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|it| !it.starts_with('.')).collect();
    names.sort();
    names
}

/// The files in a folder that may be of a model; folders in it are not looked at.
fn pieces_in(folder: &Path, survey: &mut Survey) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for name in names_in(folder, survey) {
        let path = folder.join(&name);
        let Some(found) = path.metadata().ok().filter(fs::Metadata::is_file) else { continue };
        if !link::stays(folder, &path) {
            survey.pass(path, "it is a link that leads out of the folder");
            continue;
        }
        match name.parse::<SafeRelPath>() {
            Ok(name) => {
                pieces.push(Piece { path: FileName(name), size: found.len(), promised: None });
            }
            Err(error) if name.ends_with(".gguf") || name.ends_with(".safetensors") => {
                survey.pass(path, error.to_string());
            }
            // Nothing of a model that is called otherwise.
            Err(_) => {}
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
