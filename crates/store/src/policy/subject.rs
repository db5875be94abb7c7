//! What a policy looks at: what is known of a model, and how well.

use std::fmt;

use loader::Metadata;
use serde::{Deserialize, Serialize};

use crate::{
    digest::Sha256Hex,
    library::{Facts, Manifest, Origin},
    name::RepoId,
};

/// What is known of a model when it is judged.
///
/// Country, licence and lineage are claims: of the catalogue, of a hub, or of the file itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// What the user calls it.
    pub name: String,
    /// The organisation that published these files.
    pub publisher: Option<String>,
    /// Who made the model.
    pub creator: Option<String>,
    /// The models that it was made from, nearest first.
    pub lineage: Vec<String>,
    /// The country of its creator, two letters (ISO 3166-1).
    pub country: Option<String>,
    /// An SPDX expression.
    pub licence: Option<String>,
    /// The container and the weight format, such as `gguf` and `Q4_K_M`.
    pub formats: Vec<String>,
    /// How well it is known where the files came from.
    pub provenance: Provenance,
    /// Digests of the files with weights; none where nobody has read them.
    pub weights: Vec<Sha256Hex>,
    /// Digests of its other files.
    pub others: Vec<Sha256Hex>,
    /// The fingerprint of the key whose signature over the files was checked.
    pub signer: Option<Sha256Hex>,
}

/// How well it is known where a model came from; each is better than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// A file that is not in the library.
    Unknown,
    /// The library says where it was taken from: a file, another program, a bundle.
    Recorded,
    /// A commit of a repository, whose files have the digests that the hub gave.
    Pinned,
    /// A signature over its files was checked.
    Signed,
}

/// Extensions of files with weights.
const WEIGHTS: [&str; 2] = ["gguf", "safetensors"];

/// Base models that a file can name: more than anybody merges.
const MAX_LINEAGE: u64 = 64;

impl Subject {
    /// A file or folder that the library does not know.
    pub fn unknown(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            publisher: None,
            creator: None,
            lineage: Vec::new(),
            country: None,
            licence: None,
            formats: Vec::new(),
            provenance: Provenance::Unknown,
            weights: Vec::new(),
            others: Vec::new(),
            signer: None,
        }
    }

    /// What would be fetched from a repository, as the catalogue or the hub describes it.
    pub fn of_repository(name: impl Into<String>, repository: &RepoId, facts: &Facts) -> Self {
        Self {
            publisher: Some(repository.organisation().to_owned()),
            provenance: Provenance::Pinned,
            ..Self::unknown(name).with_facts(facts)
        }
    }

    /// A model of the library, or one that is about to be.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let mut subject = Self::unknown(manifest.name.to_string()).with_facts(&manifest.facts);
        subject.publisher = publisher(&manifest.origin).or_else(|| {
            let named = manifest.name.publisher();
            (named != "local").then(|| named.to_owned())
        });
        subject.provenance = match manifest.origin {
            Origin::Hub { .. } => Provenance::Pinned,
            // A bundle says where its files were before; nothing holds it to that but a signature.
            Origin::File { .. } | Origin::Adopted { .. } | Origin::Bundle { .. } => {
                Provenance::Recorded
            }
        };
        // In the order of their names, so that the digest of several is always the same.
        let mut files: Vec<_> = manifest.files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        for file in files {
            match extension(file.path.0.as_str()) {
                Some(container) => {
                    subject.add_format(container);
                    subject.weights.push(file.sha256);
                }
                None if manifest.main.as_ref() == Some(&file.path) => {
                    subject.weights.push(file.sha256);
                }
                None => subject.others.push(file.sha256),
            }
        }
        subject
    }

    /// What the model file says of itself, where nothing better is known; its lineage counts in any
    /// case, or a file could shed it on its way through a repository.
    pub fn with_metadata(mut self, metadata: &Metadata) -> Self {
        let text = |key: &str| metadata.str(key).ok().flatten().map(str::to_owned);
        self.creator = self.creator.or_else(|| text("general.organization"));
        self.licence = self.licence.or_else(|| text("general.license"));
        let bases = metadata.u64("general.base_model.count").ok().flatten().unwrap_or(0);
        for nth in 0..bases.min(MAX_LINEAGE) {
            let key = |name: &str| text(&format!("general.base_model.{nth}.{name}"));
            let named = match (key("repo_url"), key("organization"), key("name")) {
                (Some(url), ..) => Some(repository(&url)),
                (None, Some(organisation), Some(name)) => Some(format!("{organisation}/{name}")),
                (None, organisation, name) => name.or(organisation),
            };
            if let Some(named) = named.filter(|it| !self.lineage.contains(it)) {
                self.lineage.push(named);
            }
        }
        self
    }

    /// The same with the digests of its weights.
    pub fn with_weights(self, weights: Vec<Sha256Hex>) -> Self {
        Self { weights, ..self }
    }

    /// The same after a signature over its files was checked; `key` is its key's fingerprint.
    pub fn signed_by(self, key: Sha256Hex) -> Self {
        Self { signer: Some(key), provenance: Provenance::Signed, ..self }
    }

    /// The same in the container `format`, or with weights of it.
    pub fn in_format(mut self, format: &str) -> Self {
        self.add_format(format);
        self
    }

    /// One digest for the model: that of its only file with weights, or the digest of all their
    /// digests one after the other.
    pub fn digest(&self) -> Option<Sha256Hex> {
        match self.weights.as_slice() {
            [] => None,
            [one] => Some(*one),
            all => {
                let bytes: Vec<u8> = all.iter().flat_map(|it| *it.bytes()).collect();
                Some(Sha256Hex::of(&bytes))
            }
        }
    }

    fn with_facts(mut self, facts: &Facts) -> Self {
        self.creator = facts.creator.clone();
        self.country = facts.country.clone();
        self.licence = facts.licence.clone();
        self.lineage = facts.lineage.clone();
        if let Some(format) = &facts.format {
            self.add_format(format);
        }
        self
    }

    fn add_format(&mut self, format: &str) {
        if !self.formats.iter().any(|it| it == format) {
            self.formats.push(format.to_owned());
        }
    }
}

/// The organisation of the repository that the files came from in the end.
fn publisher(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Hub { repository, .. } => Some(repository.organisation().to_owned()),
        Origin::Bundle { before, .. } => publisher(before),
        Origin::File { .. } | Origin::Adopted { .. } => None,
    }
}

/// The extension of a file with weights.
fn extension(path: &str) -> Option<&'static str> {
    let (_, found) = path.rsplit_once('.')?;
    WEIGHTS.into_iter().find(|it| it.eq_ignore_ascii_case(found))
}

/// `organisation/name` of a hub's address; another text as it is.
fn repository(url: &str) -> String {
    let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let path = path.map_or(url, |(_, path)| path).trim_matches('/');
    path.to_owned()
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Recorded => "recorded",
            Self::Pinned => "pinned",
            Self::Signed => "signed",
        })
    }
}
