//! The weights of a folder: one file, or several and an `index` that says what is where.

use std::path::Path;

use super::{Error as Fault, dtype::Dtype, folder::Folder, header, index::Index};
use crate::{Bytes, Error, FileTensor, Mapping, SafeRelPath};

const WHOLE: &str = "model.safetensors";

/// The tensors of a model by their names in the files, and the files.
#[derive(Default)]
pub(super) struct Weights {
    pub(super) tensors: Vec<(String, Stored)>,
    pub(super) mappings: Vec<Mapping>,
}

/// A tensor as a file has it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Bytes,
}

impl Stored {
    /// Itself, if weights have its type.
    pub(super) fn plain(self, name: &str) -> Result<FileTensor, Fault> {
        let Self { dtype, shape, bytes } = self;
        match dtype.format() {
            Some(format) => Ok(FileTensor { format, shape, parts: vec![bytes] }),
            None => Err(Fault::TensorType { tensor: name.to_owned(), found: dtype }),
        }
    }

    /// Whether its numbers are floats of 8 bits.
    pub(super) fn is_fp8(&self) -> bool {
        Some(self.dtype) == Dtype::named("F8_E4M3")
    }

    /// Its numbers, if they are floats that weights may be.
    pub(super) fn numbers(&self) -> Option<Vec<f32>> {
        let format = self.dtype.format()?;
        let mut numbers = vec![0.0; self.shape.iter().product()];
        format.decode_row(&self.bytes, &mut numbers);
        Some(numbers)
    }

    /// Whether its numbers are integers of 32 bits.
    pub(super) fn is_words(&self) -> bool {
        ["I32", "U32"].iter().any(|it| Some(self.dtype) == Dtype::named(it))
    }

    /// Its numbers, if they are integers of 32 bits.
    pub(super) fn words(&self) -> Option<Vec<u32>> {
        self.is_words()
            .then(|| self.bytes.as_chunks().0.iter().map(|it| u32::from_le_bytes(*it)).collect())
    }
}

impl Weights {
    /// The weights of `folder`: `model.safetensors`, else those that the index names.
    pub(super) fn of(folder: &Folder) -> Result<Self, Error> {
        if let Some(path) = folder.file(WHOLE) {
            return Self::whole(&path, folder);
        }
        match Index::read(folder)? {
            Some(index) => Self::sharded(&index, folder),
            None => Err(Fault::NoWeights { folder: folder.path().to_owned() }.into()),
        }
    }

    /// The weights in the file `path`; all of the model's if `path` is one of its shards.
    pub(super) fn around(path: &Path, folder: &Folder) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default();
        if let Some(index) = Index::read(folder)?
            && index.shards.iter().any(|shard| name == shard.as_str())
        {
            return Self::sharded(&index, folder);
        }
        Self::whole(path, folder)
    }

    fn whole(path: &Path, folder: &Folder) -> Result<Self, Error> {
        let mut weights = Self::default();
        weights.add(path, folder)?;
        Ok(weights)
    }

    fn sharded(index: &Index, folder: &Folder) -> Result<Self, Error> {
        let (mut weights, mut found) = (Self::default(), 0);
        let is_missing = |shard: &&SafeRelPath| !folder.has(&shard.below(folder.path()));
        if let Some(shard) = index.shards.iter().find(is_missing) {
            return Err(index.missing(shard).into());
        }
        index.check_names()?;
        for (i, shard) in index.shards.iter().enumerate() {
            let first = weights.tensors.len();
            found += weights.add(&shard.below(folder.path()), folder)?;
            index.check(i, weights.tensors[first..].iter().map(|it| it.0.as_str()).collect())?;
        }
        index.check_size(found)?;
        Ok(weights)
    }

    /// Opens the file and adds its tensors; returns the bytes of their numbers.
    fn add(&mut self, path: &Path, folder: &Folder) -> Result<u64, Error> {
        let mapping = folder.open(path)?;
        self.mappings.push(mapping.clone());
        let bytes = Bytes::new(mapping);
        let error = |source| Fault::Header { path: path.to_owned(), source };
        // A copy: names are borrowed from it, and a mapped file can change.
        let json = header::json(&bytes).map_err(error)?.to_vec();
        let header = header::parse(&json, bytes.len()).map_err(error)?;
        self.tensors.reserve(header.tensors().len());
        let mut sum = 0;
        for it in header.tensors() {
            let bytes = bytes.slice(it.begin..it.end);
            let tensor = Stored { dtype: it.dtype, shape: it.shape.to_vec(), bytes };
            self.tensors.push((it.name.to_owned(), tensor));
            sum += (it.end - it.begin) as u64;
        }
        Ok(sum)
    }
}
