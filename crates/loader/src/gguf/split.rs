//! A model split over several files, `NAME-00001-of-00003.gguf`, as `gguf-split` writes them.
//!
//! The first file holds the metadata, each holds some of the tensors; `split.no`, `split.count` and
//! `split.tensors.count` say which file it is and what there should be in all.

use std::{io, path::Path};

use super::{Error, add, read};
use crate::{Access, Bytes, Mapping, ModelFile};

const NO: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

/// Of how many files a model is made.
pub(super) struct Split {
    count: u64,
}

impl Split {
    /// `None` for a file that is the whole model.
    pub(super) fn of(file: &ModelFile) -> Result<Option<Self>, crate::Error> {
        let count = file.metadata.u64(COUNT)?.unwrap_or(1);
        Ok((count > 1).then_some(Self { count }))
    }

    /// All shards as one file, without the keys of the split; `path` names any of them.
    pub(super) fn join(&self, path: &Path, access: Access) -> Result<ModelFile, crate::Error> {
        let prefix = self.prefix(path).ok_or_else(|| self.unnamed(path))?;
        let mut whole = self.shard(path, prefix, 0, access)?;
        for index in 1..self.count {
            absorb(&mut whole, self.shard(path, prefix, index, access)?)?;
        }
        let found = whole.tensors.len() as u64;
        if let Some(announced) = whole.metadata.u64(TENSORS)?
            && announced != found
        {
            let (name, found) = (self.name(prefix, 0), announced.to_string());
            let expected = whole.tensors.len() as u64;
            return Err(Error::Shard { name, key: TENSORS, found, expected }.into());
        }
        for key in [NO, COUNT, TENSORS] {
            whole.metadata.remove(key);
        }
        path.clone_into(&mut whole.path);
        Ok(whole)
    }

    /// The error for a shard whose siblings cannot be named.
    pub(super) fn unnamed(&self, path: &Path) -> Error {
        let found = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Error::ShardName { found, count: self.count }
    }

    fn shard(
        &self,
        path: &Path,
        prefix: &str,
        index: u64,
        access: Access,
    ) -> Result<ModelFile, crate::Error> {
        let name = self.name(prefix, index);
        let path = path.with_file_name(&name);
        let count = self.count;
        let mapping = Mapping::open_with(&path, access).map_err(|error| match error {
            crate::Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Error::MissingShard { name: name.clone(), count }.into()
            }
            other => other,
        })?;
        let file = read(&path, Bytes::new(mapping.clone()), vec![mapping]).map_err(|error| {
            crate::Error::InShard { name: name.clone(), source: Box::new(error.into()) }
        })?;
        expect(&file, &name, NO, index)?;
        expect(&file, &name, COUNT, count)?;
        Ok(file)
    }

    fn name(&self, prefix: &str, index: u64) -> String {
        format!("{prefix}-{:05}-of-{:05}.gguf", index + 1, self.count)
    }

    /// What stands before `-00001-of-00003.gguf`.
    fn prefix<'a>(&self, path: &'a Path) -> Option<&'a str> {
        let stem =
            path.file_name()?.to_str()?.strip_suffix(&format!("-of-{:05}.gguf", self.count))?;
        let (prefix, no) = stem.rsplit_once('-')?;
        (no.len() >= 5 && no.bytes().all(|it| it.is_ascii_digit())).then_some(prefix)
    }
}

fn expect(
    file: &ModelFile,
    name: &str,
    key: &'static str,
    expected: u64,
) -> Result<(), crate::Error> {
    let found = file.metadata.u64(key)?;
    if found == Some(expected) {
        return Ok(());
    }
    let found = found.map_or_else(|| "missing".to_owned(), |it| it.to_string());
    Err(Error::Shard { name: name.to_owned(), key, found, expected }.into())
}

/// Adds the tensors of `shard`.
fn absorb(whole: &mut ModelFile, shard: ModelFile) -> Result<(), Error> {
    for (name, tensor) in shard.tensors {
        add(&mut whole.tensors, name, tensor)?;
    }
    whole.mappings.extend(shard.mappings);
    Ok(())
}
