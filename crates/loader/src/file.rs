//! A parsed model file, whatever container it came in.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{Bytes, Format, Metadata};

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
    /// `general.architecture`; empty where the file names none.
    pub fn architecture(&self) -> &str {
        self.metadata.str("general.architecture").ok().flatten().unwrap_or_default()
    }
}
