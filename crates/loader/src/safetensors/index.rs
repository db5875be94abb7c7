//! `model.safetensors.index.json`: which file of a folder holds which tensor.
//!
//! Read as it goes by, so that a hostile one costs no more than its length.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use super::{Error as Fault, MAX_TENSORS, folder::Folder};
use crate::{Error, path::SafeRelPath};

const NAME: &str = "model.safetensors.index.json";
/// Longest index that is read: at some 100 bytes a tensor, what [`MAX_TENSORS`] need.
const MAX_INDEX: u64 = 16 << 20;
/// Most files of one model; as many can be mapped.
const MAX_SHARDS: usize = 1 << 12;

/// The files of a model, and what each has to hold.
pub(super) struct Index {
    path: PathBuf,
    total_size: Option<u64>,
    /// In order.
    pub(super) shards: Vec<SafeRelPath>,
    /// The shard of each tensor, in the order of the shards and then of the names.
    tensors: Vec<(u32, String)>,
}

impl Index {
    /// The index of `folder`, if it has one.
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>, Error> {
        let Some(bytes) = folder.bytes(NAME, MAX_INDEX)? else { return Ok(None) };
        let path = folder.path().join(NAME);
        let raw = serde_json::from_slice(&bytes);
        let raw: Raw = raw.map_err(|source| Fault::Json { path: path.clone(), source })?;
        Ok(Some(Self::checked(path, raw)?))
    }

    fn checked(path: PathBuf, raw: Raw) -> Result<Self, Fault> {
        let WeightMap { shards: names, mut tensors } = raw.weight_map;
        tensors.sort_unstable_by(|a, b| a.1.cmp(&b.1));
        if let Some(twice) = tensors.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(Fault::IndexedTwice { index: path, tensor: twice[0].1.clone() });
        }
        let (mut shards, mut place) = (Vec::new(), vec![0; names.len()]);
        for (name, id) in names {
            place[id as usize] = shards.len() as u32; // names come in order
            let shard = name.parse();
            shards.push(shard.map_err(|source| Fault::ShardPath { index: path.clone(), source })?);
        }
        check_case(&path, &shards)?;
        tensors.iter_mut().for_each(|it| it.0 = place[it.0 as usize]);
        tensors.sort_by_key(|it| it.0);
        let total_size = raw.metadata.and_then(|it| it.total_size).map(|it| it as u64);
        Ok(Self { path, total_size, shards, tensors })
    }

    /// The error for a shard that is not there.
    pub(super) fn missing(&self, shard: &SafeRelPath) -> Fault {
        Fault::ShardMissing { index: self.path.clone(), shard: shard.to_string() }
    }

    /// Weights lie in files that are called so: by that, others know whose digests those of the
    /// weights are.
    pub(super) fn check_names(&self) -> Result<(), Fault> {
        let is_stranger = |it: &&SafeRelPath| {
            let ending = Path::new(it.as_str()).extension();
            ending.is_none_or(|it| !it.eq_ignore_ascii_case("safetensors"))
        };
        match self.shards.iter().find(is_stranger) {
            Some(shard) => {
                let (index, shard) = (self.path.clone(), shard.to_string());
                Err(Fault::ShardName { index, shard })
            }
            None => Ok(()),
        }
    }

    /// A shard must hold what the index says, and nothing else: then no two hold one tensor.
    pub(super) fn check(&self, shard: usize, mut found: Vec<&str>) -> Result<(), Fault> {
        found.sort_unstable();
        let first = self.tensors.partition_point(|it| (it.0 as usize) < shard);
        let after = self.tensors.partition_point(|it| it.0 as usize <= shard);
        let expected = &self.tensors[first..after];
        let (index, name) = (self.path.clone(), self.shards[shard].to_string());
        let lacks = |it: &&(u32, String)| found.binary_search(&it.1.as_str()).is_err();
        if let Some((_, tensor)) = expected.iter().find(lacks) {
            return Err(Fault::IndexedMissing { index, shard: name, tensor: tensor.clone() });
        }
        let stray =
            |it: &&&str| expected.binary_search_by(|(_, name)| name.as_str().cmp(it)).is_err();
        match found.iter().find(stray) {
            Some(tensor) => {
                let expected = self.place(tensor);
                Err(Fault::Unindexed { index, shard: name, tensor: (*tensor).to_owned(), expected })
            }
            None => Ok(()),
        }
    }

    /// Holds `found` bytes against those that are stated.
    pub(super) fn check_size(&self, found: u64) -> Result<(), Fault> {
        match self.total_size {
            Some(expected) if expected != found => {
                Err(Fault::TotalSize { index: self.path.clone(), expected, found })
            }
            _ => Ok(()),
        }
    }

    fn place(&self, tensor: &str) -> Option<String> {
        let (shard, _) = self.tensors.iter().find(|it| it.1 == tensor)?;
        Some(self.shards[*shard as usize].to_string())
    }
}

fn check_case(index: &Path, shards: &[SafeRelPath]) -> Result<(), Fault> {
    let mut folded = HashMap::new();
    for shard in shards {
        if let Some(first) = folded.insert(shard.fold_key(), shard) {
            let (first, second) = (first.to_string(), shard.to_string());
            return Err(Fault::ShardCase { index: index.to_owned(), first, second });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Raw {
    metadata: Option<RawMetadata>,
    weight_map: WeightMap,
}

/// Some writers put the number down as `1.5e10`.
#[derive(Deserialize)]
struct RawMetadata {
    total_size: Option<f64>,
}

/// The pairs of an object, those of one key too: a map would keep one of them in silence.
#[derive(Default)]
struct WeightMap {
    /// The names of shards, with their numbers.
    shards: BTreeMap<String, u32>,
    /// Tensors, with the numbers of their shards.
    tensors: Vec<(u32, String)>,
}

impl WeightMap {
    /// The number of a shard; none for one too many.
    fn shard(&mut self, name: String) -> Option<u32> {
        if let Some(&shard) = self.shards.get(&name) {
            return Some(shard);
        }
        let next = self.shards.len();
        if next == MAX_SHARDS {
            return None;
        }
        self.shards.insert(name, next as u32);
        Some(next as u32)
    }
}

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for WeightMap {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of shard names by tensor name")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((tensor, shard)) = map.next_entry()? {
            if self.tensors.len() == MAX_TENSORS {
                return Err(A::Error::custom(format_args!("more than {MAX_TENSORS} tensors")));
            }
            let Some(shard) = self.shard(shard) else {
                return Err(A::Error::custom(format_args!("more than {MAX_SHARDS} shards")));
            };
            self.tensors.push((shard, tensor));
        }
        Ok(self)
    }
}
