//! The weights of a folder: one file, or several and an index that says what is where.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{Error as Fault, folder::Folder, header::header};
use crate::{Bytes, Error, FileTensor, Mapping, path::SafeRelPath};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Longest index that is read: at some 100 bytes a tensor, more than any model has.
const MAX_INDEX: u64 = 64 << 20;

/// The tensors of a model by their names in the files, and the files.
#[derive(Default)]
pub(super) struct Weights {
    pub(super) tensors: Vec<(String, FileTensor)>,
    pub(super) mappings: Vec<Mapping>,
}

impl Weights {
    /// The weights of `folder`: `model.safetensors`, else those that the index names.
    pub(super) fn of(folder: &Folder) -> Result<Self, Error> {
        if let Some(path) = folder.file(WHOLE) {
            return Self::whole(&path, folder);
        }
        match Index::read(folder)? {
            Some(index) => index.open(folder),
            None => Err(Fault::NoWeights { folder: folder.path().to_owned() }.into()),
        }
    }

    /// The weights in the file `path`; all of the model's if `path` is one of its shards.
    pub(super) fn around(path: &Path, folder: &Folder) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default();
        if let Some(index) = Index::read(folder)?
            && index.shards.keys().any(|shard| name == shard.as_str())
        {
            return index.open(folder);
        }
        Self::whole(path, folder)
    }

    fn whole(path: &Path, folder: &Folder) -> Result<Self, Error> {
        let mut weights = Self::default();
        weights.add(path, folder)?;
        Ok(weights)
    }

    /// Opens the file and adds its tensors; returns the bytes of their numbers.
    fn add(&mut self, path: &Path, folder: &Folder) -> Result<u64, Error> {
        let mapping = folder.open(path)?;
        self.mappings.push(mapping.clone());
        let bytes = Bytes::new(mapping);
        let header =
            header(&bytes).map_err(|source| Fault::Header { path: path.to_owned(), source })?;
        self.tensors.reserve(header.tensors().len());
        let mut sum = 0;
        for it in header.tensors() {
            let Some(format) = it.dtype.format() else {
                return Err(
                    Fault::TensorType { tensor: it.name.to_owned(), found: it.dtype }.into()
                );
            };
            let parts = vec![bytes.slice(it.begin..it.end)];
            let tensor = FileTensor { format, shape: it.shape.to_vec(), parts };
            self.tensors.push((it.name.to_owned(), tensor));
            sum += (it.end - it.begin) as u64;
        }
        Ok(sum)
    }
}

/// `model.safetensors.index.json`.
struct Index {
    path: PathBuf,
    total_size: Option<u64>,
    /// The tensors that each shard has to hold.
    shards: BTreeMap<SafeRelPath, Vec<String>>,
}

impl Index {
    fn read(folder: &Folder) -> Result<Option<Self>, Error> {
        let Some(bytes) = folder.bytes(INDEX, MAX_INDEX)? else { return Ok(None) };
        let path = folder.path().join(INDEX);
        let raw = serde_json::from_slice(&bytes);
        let raw: RawIndex = raw.map_err(|source| Fault::Json { path: path.clone(), source })?;
        Ok(Some(Self::checked(path, raw)?))
    }

    fn checked(path: PathBuf, raw: RawIndex) -> Result<Self, Fault> {
        let mut shards: BTreeMap<SafeRelPath, Vec<String>> = BTreeMap::new();
        let mut seen = HashSet::new();
        for (tensor, shard) in raw.weight_map.0 {
            if !seen.insert(tensor.clone()) {
                return Err(Fault::IndexedTwice { index: path, tensor });
            }
            let parsed = shard.parse();
            let shard =
                parsed.map_err(|source| Fault::ShardPath { index: path.clone(), source })?;
            shards.entry(shard).or_default().push(tensor);
        }
        let mut folded = HashMap::new();
        for shard in shards.keys() {
            if let Some(first) = folded.insert(shard.fold_key(), shard) {
                let (first, second) = (first.to_string(), shard.to_string());
                return Err(Fault::ShardCase { index: path, first, second });
            }
        }
        let total_size = raw.metadata.and_then(|it| it.total_size).map(|it| it as u64);
        Ok(Self { path, total_size, shards })
    }

    fn open(self, folder: &Folder) -> Result<Weights, Error> {
        let (mut weights, mut found) = (Weights::default(), 0);
        let is_missing = |shard: &&SafeRelPath| !folder.has(&shard.below(folder.path()));
        if let Some(shard) = self.shards.keys().find(is_missing) {
            let shard = shard.to_string();
            return Err(Fault::ShardMissing { index: self.path, shard }.into());
        }
        for shard in self.shards.keys() {
            let first = weights.tensors.len();
            found += weights.add(&shard.below(folder.path()), folder)?;
            self.check(shard, &weights.tensors[first..])?;
        }
        match self.total_size {
            Some(expected) if expected != found => {
                Err(Fault::TotalSize { index: self.path, expected, found }.into())
            }
            _ => Ok(weights),
        }
    }

    /// A shard must hold what the index says, and nothing else: then no two hold one tensor.
    fn check(&self, shard: &SafeRelPath, found: &[(String, FileTensor)]) -> Result<(), Fault> {
        let sorted = |mut names: Vec<_>| {
            names.sort_unstable();
            names
        };
        let expected: Vec<&str> = sorted(self.shards[shard].iter().map(String::as_str).collect());
        let found: Vec<&str> = sorted(found.iter().map(|(name, _)| name.as_str()).collect());
        let (index, shard) = (self.path.clone(), shard.to_string());
        if let Some(tensor) = expected.iter().find(|it| found.binary_search(it).is_err()) {
            return Err(Fault::IndexedMissing { index, shard, tensor: (*tensor).to_owned() });
        }
        match found.iter().find(|it| expected.binary_search(it).is_err()) {
            Some(tensor) => {
                let expected = self.place(tensor);
                Err(Fault::Unindexed { index, shard, tensor: (*tensor).to_owned(), expected })
            }
            None => Ok(()),
        }
    }

    fn place(&self, tensor: &str) -> Option<String> {
        let holds = |names: &Vec<String>| names.iter().any(|it| it == tensor);
        self.shards.iter().find(|(_, names)| holds(names)).map(|(shard, _)| shard.to_string())
    }
}

#[derive(Deserialize)]
struct RawIndex {
    metadata: Option<RawMetadata>,
    weight_map: Pairs,
}

/// Some writers put the number down as `1.5e10`.
#[derive(Deserialize)]
struct RawMetadata {
    total_size: Option<f64>,
}

/// The pairs of an object, those of one key too: a map would keep one of them in silence.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Pairs {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of shard names by tensor name")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(pair) = map.next_entry()? {
            self.0.push(pair);
        }
        Ok(self)
    }
}
