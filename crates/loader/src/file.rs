//! A parsed model file, whatever container it came in.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    Access, Bytes, Error, Format, LowRank, Mapping, Metadata, Override, Value, adapter, gguf,
    recognise::{self, Kind},
    safetensors, vocabulary,
};

/// What the containers have in common: metadata in GGUF's spelling, tensors by GGUF's names.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// Where it was read from; a name for what lies in memory.
    pub path: PathBuf,
    /// The container.
    pub container: Container,
    /// Keys and values, overrides applied.
    pub metadata: Metadata,
    /// Tensors, by full name.
    pub tensors: BTreeMap<String, FileTensor>,
    /// What adapters add to tensors, by their names.
    pub low_rank: BTreeMap<String, Vec<LowRank>>,
    /// How the rows of `attn_q` and `attn_k` are ordered within a head.
    pub qk_order: QkOrder,
    /// `tokenizer.json`, where the container is a Hugging Face folder.
    pub tokenizer_json: Option<Bytes>,
    /// The files behind the bytes, for [`ModelFile::check_intact`]; none for what lies in memory.
    pub mappings: Vec<Mapping>,
}

/// The kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// GGUF of this version.
    Gguf {
        /// 2 or 3.
        version: u32,
    },
    /// A Hugging Face folder.
    Safetensors,
}

/// Which two rows of a query or key head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QkOrder {
    /// `2 j` and `2 j + 1`: GGUF's `llama`.
    Interleaved,
    /// `j` and `j + head_dim / 2`: checkpoints as transformers writes them.
    Halves,
}

/// One tensor of a [`ModelFile`].
#[derive(Clone, Debug)]
pub struct FileTensor {
    /// Storage format.
    pub format: Format,
    /// Outermost dimension first: `[cols]`, `[rows, cols]` or `[n, rows, cols]`.
    pub shape: Vec<usize>,
    /// The rows in order, in the mapped file; several parts where the file keeps them apart.
    pub parts: Vec<Bytes>,
}

impl ModelFile {
    /// Opens a GGUF or safetensors file, where any shard of a split one opens all, or a Hugging
    /// Face folder, and applies `overrides`.
    ///
    /// The files are mapped, not read; they must stay as they are while the result is in use.
    ///
    /// # Errors
    ///
    /// If it is not a model, breaks its format's rules, or needs a weight format that is not
    /// supported; if nothing would read what is overridden.
    pub fn open(path: &Path, overrides: &[Override]) -> Result<Self, Error> {
        Self::open_with(path, overrides, Access::Map)
    }

    /// The same, and the files are mapped or read.
    ///
    /// # Errors
    ///
    /// As [`ModelFile::open`]; if they are read, also if they do not fit into memory.
    pub fn open_with(path: &Path, overrides: &[Override], access: Access) -> Result<Self, Error> {
        Self::open_choosing(path, access, |_| overrides.to_vec())
    }

    /// The same, and what to override is chosen once the file has been read: `overrides` is shown it
    /// as it is.
    ///
    /// # Errors
    ///
    /// As [`ModelFile::open_with`].
    pub fn open_choosing(
        path: &Path,
        access: Access,
        overrides: impl FnOnce(&Self) -> Vec<Override>,
    ) -> Result<Self, Error> {
        let file = Self::read(path, access)?;
        let overrides = overrides(&file);
        file.finish(&overrides)
    }

    /// Nothing is overridden yet.
    fn read(path: &Path, access: Access) -> Result<Self, Error> {
        if path.is_dir() {
            recognise::folder(path)?;
            return safetensors::open_folder(path, access);
        }
        let mapping = Mapping::open_with(path, access)?;
        match recognise::file(mapping.as_ref())? {
            Kind::Gguf => gguf::open(path, mapping, access),
            Kind::Safetensors => safetensors::open_file(mapping, access),
        }
    }

    /// The same for a GGUF file in memory; `name` stands in for its path.
    ///
    /// # Errors
    ///
    /// As [`ModelFile::open`]; a shard of a split file is an error.
    pub fn from_bytes(name: &str, bytes: Bytes, overrides: &[Override]) -> Result<Self, Error> {
        match recognise::file(&bytes)? {
            Kind::Gguf => gguf::from_bytes(Path::new(name), bytes)?.finish(overrides),
            Kind::Safetensors => Err(Error::Container { container: "safetensors" }),
        }
    }

    /// The same for a Hugging Face folder in memory: its files by their paths in the folder, which
    /// `name` stands in for.
    ///
    /// # Errors
    ///
    /// As [`ModelFile::open`].
    pub fn from_files(
        name: &str,
        files: BTreeMap<String, Bytes>,
        overrides: &[Override],
    ) -> Result<Self, Error> {
        safetensors::from_files(Path::new(name), files)?.finish(overrides)
    }

    fn finish(mut self, overrides: &[Override]) -> Result<Self, Error> {
        Override::apply(overrides, &mut self.metadata)?;
        if self.metadata.str("general.type").ok().flatten() == Some("adapter") {
            return Err(adapter::Error::NotAModel { path: self.path }.into());
        }
        if let Container::Gguf { .. } = self.container {
            self.qk_order = gguf::qk_order(self.architecture());
        }
        vocabulary::check(&self.metadata)?;
        Ok(self)
    }

    /// Whether everything read from the mapped files so far was what they hold.
    ///
    /// Cheap enough to be asked before the results of each step are used.
    ///
    /// # Errors
    ///
    /// If a file became shorter since it was opened, or could not be read: zeros were read then. If it
    /// was written to: what was read may be of the one or the other.
    pub fn check_intact(&self) -> Result<(), Error> {
        self.mappings.iter().try_for_each(Mapping::check)
    }

    /// The heads of a tensor `attn_q` or `attn_k`, a matrix or a bias; `None` of others.
    pub(crate) fn heads(&self, name: &str) -> Result<Option<Heads>, Error> {
        let heads = match name.rsplit('.').nth(1) {
            Some("attn_q") => "attention.head_count",
            Some("attn_k") => "attention.head_count_kv",
            _ => return Ok(None),
        };
        let key = |key: &str| format!("{}.{key}", self.architecture());
        let count = |heads: &str| match self.metadata.get(&key(heads)).and_then(Value::as_array) {
            Some(array) => {
                let block = name.split('.').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
                Ok(array.get(block).and_then(|it| it.as_u64()))
            }
            None => self.metadata.u64(&key(heads)),
        };
        let heads = count(heads)?.or(count("attention.head_count")?).unwrap_or(1).max(1) as usize;
        let rows = match self.tensors[name].shape.as_slice() {
            [.., rows, _] => *rows,
            shape => shape.iter().product(),
        };
        if !rows.is_multiple_of(heads) || rows == 0 {
            return Err(Error::KeyRange {
                key: key("attention.head_count"),
                expected: format!("a divisor of the {rows} rows of `{name}`"),
                found: heads.to_string(),
            });
        }
        let dim = rows / heads;
        let turned = self.metadata.u64(&key("rope.dimension_count"))?;
        Ok(Some(Heads { dim, turned: turned.map_or(dim, |it| (it as usize).min(dim)) }))
    }

    /// `general.architecture`; empty where the file names none.
    pub fn architecture(&self) -> &str {
        self.metadata.str("general.architecture").ok().flatten().unwrap_or_default()
    }
}

/// How the rows of a tensor are heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Rows of a head.
    pub(crate) dim: usize,
    /// Those of them that turn, the first.
    pub(crate) turned: usize,
}

impl FileTensor {
    /// All its numbers, row after row.
    ///
    /// # Panics
    ///
    /// If its bytes are not as many as its shape says.
    pub fn numbers(&self) -> Vec<f32> {
        let mut numbers = vec![0.0; self.shape.iter().product()];
        let bytes: Vec<u8> = self.parts.iter().flat_map(|it| it.iter().copied()).collect();
        self.format.decode_row(&bytes, &mut numbers);
        numbers
    }
}
