//! What a policy looks at: what is known of a model, and how well.

use std::{fmt, path::Path};

use loader::{Container, Metadata, ModelFile, Value};
use serde::{Deserialize, Serialize};

use super::rule::UNKNOWN;
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
    /// The organisation that published these files, as the hub has it, or as somebody says who packed
    /// them.
    pub publisher: Option<String>,
    /// The address of the hub that the files came from in the end.
    pub hub: Option<String>,
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
    /// How well it is known where the files came from. That it is signed is for a policy to say, which
    /// knows whose signatures count.
    pub provenance: Provenance,
    /// Digests of the files with weights; none where nobody has read them.
    pub weights: Vec<Sha256Hex>,
    /// Digests of its other files.
    pub others: Vec<Sha256Hex>,
    /// The fingerprints of the keys whose signatures over the files were checked.
    pub signers: Vec<Sha256Hex>,
    /// Those of them whose signatures are also over what is said of the files: name, origin, facts.
    pub vouched_by: Vec<Sha256Hex>,
    /// What the model file says of itself; nothing where nobody has looked into it yet.
    pub stated: Option<Stated>,
}

/// What a model file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stated {
    /// Who made the model.
    pub creator: Option<String>,
    /// The models that it was made from.
    pub lineage: Vec<String>,
    /// A licence, by whatever name.
    pub licence: Option<String>,
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
    /// A signature over its files and what is said of them was checked, of somebody whose counts.
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
            hub: None,
            creator: None,
            lineage: Vec::new(),
            country: None,
            licence: None,
            formats: Vec::new(),
            provenance: Provenance::Unknown,
            weights: Vec::new(),
            others: Vec::new(),
            signers: Vec::new(),
            vouched_by: Vec::new(),
            stated: None,
        }
    }

    /// What would be fetched from a repository of the hub at this address, as the catalogue or the
    /// hub describes it.
    pub fn of_repository(
        name: impl Into<String>,
        hub: impl Into<String>,
        repository: &RepoId,
        facts: &Facts,
    ) -> Self {
        Self {
            publisher: Some(repository.organisation().to_owned()),
            hub: Some(hub.into()),
            provenance: Provenance::Pinned,
            ..Self::unknown(name).with_facts(facts)
        }
    }

    /// A model of the library, or one that is about to be. Its name tells nothing: anybody may have
    /// given it.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let mut subject = Self::unknown(manifest.name.to_string()).with_facts(&manifest.facts);
        if let Some((hub, repository)) = manifest.origin.source() {
            subject.hub = Some(hub.to_owned());
            subject.publisher = Some(repository.organisation().to_owned());
        }
        subject.provenance = match manifest.origin {
            Origin::Hub { .. } => Provenance::Pinned,
            // A bundle says where its files were before; nothing holds it to that but a signature.
            Origin::File { .. } | Origin::Adopted { .. } | Origin::Bundle { .. } => {
                Provenance::Recorded
            }
        };
        let main = manifest.main.as_ref().map(|it| Path::new(it.0.as_str()));
        for file in &manifest.files {
            let path = Path::new(file.path.0.as_str());
            extension(path).into_iter().for_each(|it| subject.add_format(it));
            match holds_weights(path, main) {
                true => subject.weights.push(file.sha256),
                false => subject.others.push(file.sha256),
            }
        }
        subject
    }

    /// The same now that the model is open: the kind of file, the format of most of its weights
    /// where no better is known, and what it says of itself.
    pub fn opened(mut self, file: &ModelFile) -> Self {
        self.add_format(container(file.container));
        if self.formats.iter().all(|it| WEIGHTS.contains(&it.as_str())) {
            Facts::format_of(file).iter().for_each(|it| self.add_format(it));
        }
        self.with_metadata(&file.metadata)
    }

    /// An adapter that is added to a model: nothing is known of it but what it says of itself.
    pub fn of_adapter(name: impl Into<String>, adapter: &loader::adapter::Source) -> Self {
        let subject = Self::unknown(name).in_format(container(adapter.container));
        subject.with_metadata(&adapter.metadata)
    }

    /// What the model file says of itself, whatever a user would have read in its place, where
    /// nothing better is known; its lineage counts in any case, or a file could shed it on its way
    /// through a repository.
    pub fn with_metadata(mut self, metadata: &Metadata) -> Self {
        let stated = Stated::of(metadata);
        self.creator = self.creator.or_else(|| stated.creator.clone());
        self.licence = self.licence.or_else(|| stated.licence.clone());
        for base in &stated.lineage {
            if !self.lineage.contains(base) {
                self.lineage.push(base.clone());
            }
        }
        Self { stated: Some(stated), ..self }
    }

    /// The same with the digests of its weights.
    pub fn with_weights(self, weights: Vec<Sha256Hex>) -> Self {
        Self { weights, ..self }
    }

    /// The same after a signature over its files and what is said of them was checked; `key` is its
    /// key's fingerprint.
    pub fn signed_by(self, key: Sha256Hex) -> Self {
        let mut subject = self.with_files_signed_by(key);
        subject.vouched_by.push(key);
        subject
    }

    /// The same after a signature over its files alone was checked: what is said of them, and where
    /// they came from, stays a claim.
    pub fn with_files_signed_by(mut self, key: Sha256Hex) -> Self {
        self.signers.push(key);
        self
    }

    /// The same in the container `format`, or with weights of it.
    pub fn in_format(mut self, format: &str) -> Self {
        self.add_format(format);
        self
    }

    /// Whether it is known where the files came from: a hub gave them for a commit, or somebody signed
    /// what is said of them. Of which hubs and signers that is believed is for a policy to say, so this
    /// is of what a policy has [counted](super::Policy::counted). Of other models, all that is said of
    /// them is a claim: of a bundle, of a mirror, or of whoever gave them the name of a repository.
    pub fn has_known_source(&self) -> bool {
        self.provenance >= Provenance::Pinned
    }

    /// What it has under the key of a rule, claims and all.
    pub(super) fn said(&self, key: &str) -> Vec<&str> {
        match key {
            "publisher" => one(self.publisher.as_ref()),
            "creator" => one(self.creator.as_ref()),
            "country" => one(self.country.as_ref()),
            "licence" => one(self.licence.as_ref()),
            "lineage" => all(&self.lineage),
            _ => all(&self.formats),
        }
    }

    /// What it has there if no claim is true: what its file says of itself, which names neither a
    /// publisher nor a country. Before anybody has looked into that, it may say what is claimed.
    pub(super) fn without_claims(&self, key: &str) -> Vec<&str> {
        if self.has_known_source() {
            return self.said(key);
        }
        match (key, &self.stated) {
            ("publisher" | "country", _) => Vec::new(),
            ("creator", Some(stated)) => one(stated.creator.as_ref()),
            ("licence", Some(stated)) => one(stated.licence.as_ref()),
            ("lineage", Some(stated)) => all(&stated.lineage),
            _ => self.said(key),
        }
    }

    /// What it has under the key of a rule, for people, who are told of a claim that it is one.
    pub fn told(&self, key: &str) -> String {
        let shown = |found: &[&str]| found.join(", ");
        let (said, sure) = (self.said(key), self.without_claims(key));
        match (said == sure, sure.is_empty()) {
            (true, true) => UNKNOWN.to_owned(),
            (true, false) => shown(&said),
            (false, true) => format!("{} (a claim that nobody signed)", shown(&said)),
            (false, false) => {
                let (said, sure) = (shown(&said), shown(&sure));
                format!("{said} (a claim that nobody signed; the file itself says {sure})")
            }
        }
    }

    /// One digest for the model: that of its only file with weights, or the digest of all their
    /// digests one after the other, the smallest first, so that it is the same whatever the files
    /// are called.
    pub fn digest(&self) -> Option<Sha256Hex> {
        let mut all = self.weights.clone();
        all.sort_unstable();
        match all.as_slice() {
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

impl Stated {
    fn of(metadata: &Metadata) -> Self {
        let text = |key: &str| metadata.stated(key).and_then(Value::as_str).map(str::to_owned);
        let bases =
            metadata.stated("general.base_model.count").and_then(Value::as_u64).unwrap_or(0);
        let mut lineage: Vec<String> = Vec::new();
        for nth in 0..bases.min(MAX_LINEAGE) {
            let key = |name: &str| text(&format!("general.base_model.{nth}.{name}"));
            let named = match (key("repo_url"), key("organization"), key("name")) {
                (Some(url), ..) => Some(repository(&url)),
                (None, Some(organisation), Some(name)) => Some(format!("{organisation}/{name}")),
                (None, organisation, name) => name.or(organisation),
            };
            if let Some(named) = named.filter(|it| !lineage.contains(it)) {
                lineage.push(named);
            }
        }
        Self { creator: text("general.organization"), lineage, licence: text("general.license") }
    }
}

fn one(text: Option<&String>) -> Vec<&str> {
    text.map(String::as_str).into_iter().collect()
}

fn all(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Whether the file at `path` holds weights: its name says so, or it is the one that is opened.
pub fn holds_weights(path: &Path, opened: Option<&Path>) -> bool {
    extension(path).is_some() || opened == Some(path)
}

fn container(container: Container) -> &'static str {
    match container {
        Container::Gguf { .. } => "gguf",
        Container::Safetensors => "safetensors",
    }
}

/// The extension of a file with weights.
fn extension(path: &Path) -> Option<&'static str> {
    let found = path.extension()?;
    WEIGHTS.into_iter().find(|it| found.eq_ignore_ascii_case(it))
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
