//! The manifest of a model: what it consists of, where that came from, and what is known of it.
//!
//! `manifest.json` lies beside the model's files. It is the pin that `verify` holds them against.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use loader::{ModelFile, SafeRelPath};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Error, MAX_MANIFEST, OWN};
use crate::{
    digest::{CommitHex, Sha256Hex},
    name::{Name, RepoId},
};

/// The version of manifests that this program writes.
pub const VERSION: u32 = 1;

/// What is known of a stored model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Of the file's form: [`VERSION`].
    pub version: u32,
    /// What it is called.
    pub name: Name,
    /// What is opened: one of `files`, or nothing where the whole folder is the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<FileName>,
    /// All files, by name.
    pub files: Vec<StoredFile>,
    /// Where they came from.
    pub origin: Origin,
    /// When they came, as RFC 3339 in UTC.
    pub arrived: String,
    /// What the catalogue or the hub said of the model then.
    #[serde(default)]
    pub facts: Facts,
    /// The folder that holds the files of a model that is used in place, where another program keeps
    /// it; absolute. Without it, they lie beside the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredFile {
    /// Where it lies below the model's folder.
    pub path: FileName,
    /// In bytes.
    pub size: u64,
    /// Of its bytes.
    pub sha256: Sha256Hex,
}

/// A safe relative path, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(pub SafeRelPath);

/// Where a model came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Origin {
    /// A hub.
    Hub {
        /// Its address, as it was set: `https://huggingface.co`, or a mirror of it.
        endpoint: String,
        /// Which repository.
        repository: RepoId,
        /// The branch or tag that was asked for.
        revision: String,
        /// The commit that it was then.
        commit: CommitHex,
    },
    /// A file or folder of this machine.
    File {
        /// Where it was.
        path: PathBuf,
    },
    /// Another program of this machine, which keeps it.
    Adopted {
        /// Which: `ollama`, `lm-studio`, `llama.cpp`, `hugging-face`.
        program: String,
        /// What it is called there.
        called: String,
    },
    /// A bundle that was carried here.
    Bundle {
        /// Of the bundle's index, which names all of it by digest.
        index: Sha256Hex,
        /// Where the model came from before it was packed.
        before: Box<Origin>,
    },
}

/// What is said of a model, and by whom is in its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// The catalogue's name of it, such as `llama3.2:3b`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// The country of its creator, two letters (ISO 3166-1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Who claims that, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_claim: Option<String>,
    /// An SPDX expression, or `LicenseRef-…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The file of the model that holds the licence's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence_file: Option<FileName>,
    /// The models that it was made from, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<String>,
    /// Its architecture, as the model file calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The weight format of most of it, such as `Q4_K_M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Written by a newer Ingle.
    #[error("it is a manifest of version {found}, expected at most {VERSION}")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// Not the JSON that it should be.
    #[error("it is not a manifest")]
    Json(#[source] serde_json::Error),
    /// Files that could be one.
    #[error("`{0}` is there twice, or differs in case alone")]
    Twice(SafeRelPath),
    /// What is to be opened is none of the files.
    #[error("it is to be opened at `{0}`, which is none of its files")]
    Main(SafeRelPath),
    /// A file that is called as one of the library's.
    #[error("`{0}` is what the library calls a file of its own")]
    Own(SafeRelPath),
    /// Longer than any should be.
    #[error("its manifest has {found} bytes, at most {MAX_MANIFEST} are read")]
    Long {
        /// Its bytes.
        found: u64,
    },
}

impl Manifest {
    /// From the bytes of `manifest.json`.
    ///
    /// # Errors
    ///
    /// If that is none, or of a newer version.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes).map_err(Unreadable::Json)?;
        if version > VERSION {
            return Err(Unreadable::Newer { found: version });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(Unreadable::Json)?;
        let mut names = HashSet::new();
        if let Some(twice) = manifest.files.iter().find(|it| !names.insert(it.path.0.fold_key())) {
            return Err(Unreadable::Twice(twice.path.0.clone()));
        }
        match &manifest.main {
            Some(main) if manifest.files.iter().all(|it| it.path != *main) => {
                Err(Unreadable::Main(main.0.clone()))
            }
            _ => Ok(manifest),
        }
    }

    /// Whether a model with this manifest would be found again.
    ///
    /// # Errors
    ///
    /// If it would not: two of its files may be one, one has a name of the library's own, or nobody
    /// reads so much.
    pub(crate) fn check(&self) -> Result<(), Error> {
        // The files of an adopted model lie elsewhere.
        let mut own = self.files.iter().filter(|_| self.root.is_none());
        let own = own.find(|it| OWN.contains(&it.path.0.fold_key().as_str()));
        let bytes = self.to_bytes();
        let (found, limit) = (bytes.len() as u64, MAX_MANIFEST);
        let read = match own {
            Some(own) => Err(Unreadable::Own(own.path.0.clone())),
            None if found > limit => Err(Unreadable::Long { found }),
            None => Self::read(&bytes).map(drop),
        };
        read.map_err(|why| Error::Unkept { name: Box::new(self.name.clone()), why })
    }

    /// As it is written: JSON that a person can read, the same bytes every time.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("names of keys are texts");
        bytes.push(b'\n');
        bytes
    }

    /// Bytes of all files, as far as a number holds what somebody may have written.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|it| it.size).fold(0, u64::saturating_add)
    }
}

impl Origin {
    /// The repository that the files came from in the end.
    pub fn repository(&self) -> Option<&RepoId> {
        self.source().map(|it| it.1)
    }

    /// The address of the hub that they came from, and the repository.
    pub fn source(&self) -> Option<(&str, &RepoId)> {
        match self {
            Self::Hub { endpoint, repository, .. } => Some((endpoint, repository)),
            Self::Bundle { before, .. } => before.source(),
            Self::File { .. } | Self::Adopted { .. } => None,
        }
    }

    /// The revision that was asked for at a hub and the commit that it was, at whatever time before
    /// it was packed.
    pub fn hub(&self) -> Option<(&str, &CommitHex)> {
        match self {
            Self::Hub { revision, commit, .. } => Some((revision, commit)),
            Self::Bundle { before, .. } => before.hub(),
            Self::File { .. } | Self::Adopted { .. } => None,
        }
    }
}

impl Facts {
    /// The weight format of most of the file's bytes.
    pub(crate) fn format_of(file: &ModelFile) -> Option<String> {
        let mut formats: BTreeMap<&str, usize> = BTreeMap::new();
        for tensor in file.tensors.values() {
            let bytes: usize = tensor.parts.iter().map(|it| it.len()).sum();
            *formats.entry(tensor.format.layout().name).or_default() += bytes;
        }
        formats.into_iter().max_by_key(|it| it.1).map(|it| it.0.to_owned())
    }
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}
