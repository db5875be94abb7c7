//! The files of a model: the weights, opened as the caller wants it, and the small ones beside them,
//! read whole, up to a bound, or not there. They are on a disk or in memory.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::Error as Fault;
use crate::{Access, Bytes, Error, Mapping, mapping::open_plain};

/// Longest template or JSON that is read whole: JSON can take 50 times its length in memory.
const MAX_TEXT: u64 = 4 << 20;

/// A folder of a model.
pub(super) struct Folder {
    path: PathBuf,
    files: Files,
    /// One of them that is open already.
    opened: Option<Mapping>,
}

enum Files {
    Disk(Access),
    Memory(BTreeMap<String, Bytes>),
}

impl Folder {
    pub(super) fn new(path: &Path, access: Access) -> Self {
        Self { path: path.to_owned(), files: Files::Disk(access), opened: None }
    }

    pub(super) fn in_memory(path: &Path, files: BTreeMap<String, Bytes>) -> Self {
        Self { path: path.to_owned(), files: Files::Memory(files), opened: None }
    }

    /// The same, one of whose files is open.
    pub(super) fn with(self, opened: Mapping) -> Self {
        Self { opened: Some(opened), ..self }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, as the user sees it.
    pub(super) fn name(&self) -> Option<String> {
        let path = match self.files {
            Files::Disk(_) => self.path.canonicalize().ok()?,
            Files::Memory(_) => self.path.clone(),
        };
        Some(path.file_name()?.to_string_lossy().into_owned())
    }

    /// Whether there is a file at `path`, which is below the folder's.
    pub(super) fn has(&self, path: &Path) -> bool {
        match &self.files {
            Files::Disk(_) => path.is_file(),
            Files::Memory(_) => self.held(path).is_some(),
        }
    }

    /// The path of `name`, if there is such a file.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        let path = self.path.join(name);
        self.has(&path).then_some(path)
    }

    /// The file at `path`, which is below the folder's.
    pub(super) fn open(&self, path: &Path) -> Result<Mapping, Error> {
        if let Some(opened) = self.opened.as_ref().filter(|it| it.path() == path) {
            return Ok(opened.clone());
        }
        match (&self.files, self.held(path)) {
            (Files::Disk(access), _) => Mapping::open_with(path, *access),
            (Files::Memory(_), Some(bytes)) => Ok(Mapping::in_memory(path, bytes.clone())),
            (Files::Memory(_), None) => {
                let source = io::ErrorKind::NotFound.into();
                Err(Error::Io { path: path.to_owned(), source })
            }
        }
    }

    /// The bytes of `name`, at most `limit`; `None` if there is no such file.
    pub(super) fn bytes(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path.join(name);
        let read = match &self.files {
            Files::Disk(_) => read_up_to(&path, limit),
            Files::Memory(_) => held_up_to(self.held(&path), limit),
        };
        match read {
            Ok(None) => Err(Fault::NotAFile { path }.into()),
            Ok(Some((bytes, len))) if len <= limit => Ok(Some(bytes)),
            Ok(Some((_, found))) => Err(Fault::LongText { path, found, limit }.into()),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// The JSON of `name`; `None` if there is no such file.
    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, Error> {
        let Some(bytes) = self.bytes(name, MAX_TEXT)? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        let error = |source| Fault::Json { path: self.path.join(name), source }.into();
        parsed.map(Some).map_err(error)
    }

    /// The JSON object of `name`; `None` if there is no such file.
    pub(super) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, Error> {
        match self.json(name)? {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => {
                let source = <serde_json::Error as serde::de::Error>::custom("expected an object");
                Err(Fault::Json { path: self.path.join(name), source }.into())
            }
        }
    }

    /// The text of `name`; `None` if there is no such file.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.bytes(name, MAX_TEXT)? else { return Ok(None) };
        let error = |_| Fault::NotUtf8 { path: self.path.join(name) }.into();
        String::from_utf8(bytes).map(Some).map_err(error)
    }

    /// The names of the files of `sub`, sorted; none if it is no folder.
    pub(super) fn names(&self, sub: &str) -> Vec<String> {
        if let Files::Memory(files) = &self.files {
            let below = |name: &String| Some(name.strip_prefix(sub)?.strip_prefix('/')?.to_owned());
            return files.keys().filter_map(below).collect();
        }
        let entries = fs::read_dir(self.path.join(sub)).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// What is in memory for `path`.
    fn held(&self, path: &Path) -> Option<&Bytes> {
        let Files::Memory(files) = &self.files else { return None };
        files.get(path.strip_prefix(&self.path).ok()?.to_str()?)
    }
}

/// The same of a file in memory.
fn held_up_to(bytes: Option<&Bytes>, limit: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let bytes = bytes.ok_or(io::ErrorKind::NotFound)?;
    let len = bytes.len() as u64;
    Ok(Some((if len <= limit { bytes.to_vec() } else { vec![] }, len)))
}

/// At most `limit` bytes of the file, and how many it has; none of what is no file.
fn read_up_to(path: &Path, limit: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let Some(file) = open_plain(path)? else { return Ok(None) };
    let len = file.metadata()?.len();
    let mut bytes = Vec::new();
    if len <= limit {
        file.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(Some((bytes, len)))
}
