//! The files beside the weights: read whole, up to a bound, or not there.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::Error as Fault;
use crate::Error;

/// Longest template or JSON that is read whole: JSON can take 50 times its length in memory.
const MAX_TEXT: u64 = 4 << 20;

/// A folder of a model.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of `name`, if there is such a file.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        let path = self.0.join(name);
        path.is_file().then_some(path)
    }

    /// The bytes of `name`, at most `limit`; `None` if there is no such file.
    pub(super) fn bytes(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.0.join(name);
        match read_up_to(&path, limit) {
            Ok((bytes, len)) if len <= limit => Ok(Some(bytes)),
            Ok((_, found)) => Err(Fault::LongText { path, found, limit }.into()),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// The JSON of `name`; `None` if there is no such file.
    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, Error> {
        let Some(bytes) = self.bytes(name, MAX_TEXT)? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        let error = |source| Fault::Json { path: self.0.join(name), source }.into();
        parsed.map(Some).map_err(error)
    }

    /// The text of `name`; `None` if there is no such file.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.bytes(name, MAX_TEXT)? else { return Ok(None) };
        let error = |_| Fault::NotUtf8 { path: self.0.join(name) }.into();
        String::from_utf8(bytes).map(Some).map_err(error)
    }

    /// The names of the files of `sub`, sorted; none if it is no folder.
    pub(super) fn names(&self, sub: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(sub)).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

/// At most `limit` bytes of the file, and how many it has.
fn read_up_to(path: &Path, limit: u64) -> io::Result<(Vec<u8>, u64)> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut bytes = Vec::new();
    if len <= limit {
        file.take(limit).read_to_end(&mut bytes)?;
    }
    Ok((bytes, len))
}
