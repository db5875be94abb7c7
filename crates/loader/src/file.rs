//! A parsed model file, whatever container it came in.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    Access, Bytes, Error, Format, Mapping, Metadata, Override, gguf,
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
    /// supported.
    pub fn open(path: &Path, overrides: &[Override]) -> Result<Self, Error> {
        Self::open_with(path, overrides, Access::Map)
    }

    /// The same, and the files are mapped or read.
    ///
    /// # Errors
    ///
    /// As [`ModelFile::open`]; if they are read, also if they do not fit into memory.
    pub fn open_with(path: &Path, overrides: &[Override], access: Access) -> Result<Self, Error> {
        if path.is_dir() {
            recognise::folder(path)?;
            return safetensors::open_folder(path, access)?.finish(overrides);
        }
        let mapping = Mapping::open_with(path, access)?;
        match recognise::file(mapping.as_ref())? {
            Kind::Gguf => gguf::open(path, mapping, access)?.finish(overrides),
            Kind::Safetensors => safetensors::open_file(mapping, access)?.finish(overrides),
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
        Override::apply(overrides, &mut self.metadata);
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

    /// `general.architecture`; empty where the file names none.
    pub fn architecture(&self) -> &str {
        self.metadata.str("general.architecture").ok().flatten().unwrap_or_default()
    }
}
