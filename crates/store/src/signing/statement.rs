//! What is signed: an in-toto statement that lists the files of a model and their digests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
};

use loader::SafeRelPath;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Error, FILE, error::expect};
use crate::{digest::Sha256Hex, library::StoredFile};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://model_signing/signature/v1.0";
const SHA256: &str = "sha256";
/// How some programs call the only file of a model.
const ALONE: &str = ".";

/// What is signed of which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What the signer calls the model.
    pub name: String,
    files: BTreeMap<String, Content>,
}

/// What is signed of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Whole(Sha256Hex),
    Pieces(Pieces),
}

/// Where pieces end and their digests, by where they begin.
type Pieces = BTreeMap<u64, (u64, Sha256Hex)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Value,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Predicate {
    resources: Vec<Resource>,
    serialization: Serialization,
}

#[derive(Serialize, Deserialize)]
struct Resource {
    algorithm: String,
    name: String,
    digest: Sha256Hex,
}

#[derive(Deserialize)]
struct Serialization {
    method: String,
}

/// The statement about the files of a folder, as JSON.
pub(super) fn of_folder(name: &str, files: &[StoredFile], ignored: &[&str]) -> Vec<u8> {
    let mut resources: Vec<_> =
        files.iter().map(|it| Resource::new(it.path.0.as_str(), it.sha256)).collect();
    resources.sort_by(|a, b| a.name.cmp(&b.name));
    written(name, &resources, ignored)
}

/// The same about a model that is one file, wherever that is.
pub(super) fn of_file(name: &str, sha256: Sha256Hex) -> Vec<u8> {
    written(name, &[Resource::new(ALONE, sha256)], &[])
}

impl Resource {
    fn new(name: &str, digest: Sha256Hex) -> Self {
        Self { algorithm: SHA256.to_owned(), name: name.to_owned(), digest }
    }
}

fn written(name: &str, resources: &[Resource], ignored: &[&str]) -> Vec<u8> {
    let statement = json!({
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {SHA256: root(resources)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": SHA256,
                "allow_symlinks": false,
                "ignore_paths": ignored,
            },
            "resources": resources,
        },
    });
    serde_json::to_vec(&statement).expect("names of keys are texts")
}

/// Of all digests, one after the other.
fn root(resources: &[Resource]) -> Sha256Hex {
    let all: Vec<u8> = resources.iter().flat_map(|it| *it.digest.bytes()).collect();
    Sha256Hex::of(&all)
}

impl Statement {
    /// How many files are signed.
    pub fn n_files(&self) -> usize {
        self.files.len()
    }

    /// From JSON.
    ///
    /// # Errors
    ///
    /// If it is no statement of this version, or contradicts itself.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Error> {
        let form: Form = serde_json::from_slice(payload).map_err(Error::Json)?;
        expect("_type", form.kind, STATEMENT)?;
        expect("predicateType", form.predicate_type, PREDICATE)?;
        let [subject] = &form.subject[..] else {
            return Err(Error::Count { field: "subject", found: form.subject.len() });
        };
        // The algorithm comes first: digests of others have other lengths.
        for resource in form.predicate["resources"].as_array().into_iter().flatten() {
            let algorithm = resource["algorithm"].as_str().unwrap_or_default();
            // Some programs add of which length the pieces are.
            let plain = algorithm.split_once("-sharded-").map_or(algorithm, |it| it.0);
            expect("algorithm", plain.to_owned(), SHA256)?;
        }
        let predicate: Predicate = serde_json::from_value(form.predicate).map_err(Error::Json)?;
        let found = root(&predicate.resources);
        let said = subject.digest.get(SHA256).cloned().unwrap_or_default();
        match said.parse::<Sha256Hex>() {
            Ok(expected) if expected == found => {}
            Ok(expected) => return Err(Error::Root { found, expected }),
            Err(_) => {
                return Err(Error::Field { field: SHA256, found: said, expected: "a SHA-256" });
            }
        }
        let files = match predicate.serialization.method.as_str() {
            "files" => whole(predicate.resources)?,
            "shards" => pieces(predicate.resources)?,
            _ => {
                let found = predicate.serialization.method;
                let expected = "files` or `shards";
                return Err(Error::Field { field: "method", found, expected });
            }
        };
        Ok(Self { name: subject.name.clone(), files })
    }

    /// Whether these are the files, as they were signed; the signature's own file is none of them.
    pub(super) fn check(&self, folder: &Path, files: &[StoredFile]) -> Result<(), Error> {
        self.hold(files, |file, pieces| check_pieces(folder, file, pieces))
    }

    /// The same by digests alone.
    pub(super) fn check_digests(&self, files: &[StoredFile]) -> Result<(), Error> {
        self.hold(files, |file, _| Err(Error::InPieces { path: file.path.0.to_string() }))
    }

    fn hold(
        &self,
        files: &[StoredFile],
        check_pieces: impl Fn(&StoredFile, &Pieces) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let files: Vec<_> = files.iter().filter(|it| it.path.0.as_str() != FILE).collect();
        let alone = files.len() == 1 && self.files.len() == 1;
        let mut signed: BTreeSet<&str> = self.files.keys().map(String::as_str).collect();
        for file in &files {
            let path = file.path.0.as_str();
            let name = if alone && signed.contains(ALONE) { ALONE } else { path };
            signed.remove(name);
            match self.files.get(name) {
                Some(Content::Whole(digest)) => same(path, file.sha256, *digest)?,
                Some(Content::Pieces(pieces)) => check_pieces(file, pieces)?,
                None => return Err(Error::Unsigned { path: path.to_owned() }),
            }
        }
        match signed.into_iter().next() {
            Some(path) => Err(Error::Missing { path: path.to_owned() }),
            None => Ok(()),
        }
    }
}

fn same(path: &str, found: Sha256Hex, expected: Sha256Hex) -> Result<(), Error> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::Differs { path: path.to_owned(), found, expected }),
    }
}

fn whole(resources: Vec<Resource>) -> Result<BTreeMap<String, Content>, Error> {
    let mut files = BTreeMap::new();
    for Resource { name, digest, .. } in resources {
        check_name(&name, &name, "file")?;
        if files.insert(name.clone(), Content::Whole(digest)).is_some() {
            return Err(Error::Twice { name });
        }
    }
    Ok(files)
}

/// `path:start:end`.
fn pieces(resources: Vec<Resource>) -> Result<BTreeMap<String, Content>, Error> {
    let mut files = BTreeMap::new();
    for Resource { name, digest, .. } in resources {
        let wrong = || Error::Resource { found: name.clone(), expected: "piece of a file" };
        let parts: Vec<_> = name.split(':').collect();
        let [path, start, end] = parts[..] else { return Err(wrong()) };
        check_name(path, &name, "piece of a file")?;
        let start: u64 = start.parse().map_err(|_| wrong())?;
        let end = end.parse().ok().filter(|end| start < *end).ok_or_else(wrong)?;
        let file = files.entry(path.to_owned()).or_insert_with(|| Content::Pieces(BTreeMap::new()));
        let Content::Pieces(pieces) = file else { return Err(wrong()) };
        if pieces.insert(start, (end, digest)).is_some() {
            return Err(Error::Twice { name });
        }
    }
    Ok(files)
}

fn check_name(path: &str, found: &str, expected: &'static str) -> Result<(), Error> {
    match path == ALONE || path.parse::<SafeRelPath>().is_ok() {
        true => Ok(()),
        false => Err(Error::Resource { found: found.chars().take(120).collect(), expected }),
    }
}

/// Every byte of the file lies in one piece, and each piece is as it was signed.
fn check_pieces(folder: &Path, file: &StoredFile, pieces: &Pieces) -> Result<(), Error> {
    let name = file.path.0.as_str();
    let gap = |at| Error::Gap { path: name.to_owned(), at, size: file.size };
    let mut at = 0;
    for (&start, &(end, digest)) in pieces {
        if start != at || end > file.size {
            return Err(gap(at));
        }
        let path = file.path.0.below(folder);
        let found = piece(&path, start..end).map_err(Error::io(path))?;
        same(&format!("{name}:{start}:{end}"), found, digest)?;
        at = end;
    }
    if at == file.size { Ok(()) } else { Err(gap(at)) }
}

fn piece(path: &Path, bytes: Range<u64>) -> io::Result<Sha256Hex> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(bytes.start))?;
    let size = bytes.end - bytes.start;
    match Sha256Hex::of_all(file.take(size), |_| Ok(()))? {
        (digest, read) if read == size => Ok(digest),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
