//! GGUF, versions 2 and 3: one file, or one split over several.
//!
//! ```text
//! byte 0..4    "GGUF"
//! byte 4..8    u32 version
//! byte 8..16   u64 number of tensors
//! byte 16..24  u64 number of metadata keys
//!              keys:     string key, u32 type, value
//!              tensors:  string name, u32 n, u64 dims[n], u32 type, u64 offset
//!              padding up to a multiple of `general.alignment` (32)
//!              data:     each tensor padded to the alignment, in the order above
//!
//! string = u64 length, UTF-8 bytes       array = u32 element type, u64 length, elements
//! ```
//!
//! All numbers are little endian. Dimensions are stored innermost first, and turned round here.
//! The reader trusts nothing: each count is held against the bytes that are left before anything
//! is allocated, offsets must be the running sum that a writer makes, and no two names are equal.
//! Tensor data and the strings of arrays stay in the file.

mod cursor;
mod error;
mod header;
mod passing;
mod split;
mod stream;
mod value;
mod write;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
};

pub use error::Error;
pub use passing::copy_header;
pub use stream::{Announced, Stream};
pub use write::Writer;

use crate::{Access, Bytes, Container, FileTensor, Mapping, ModelFile, QkOrder};

/// The first four bytes of every GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";

/// Keys and tensors of one file: far above any model, and low enough to bound the memory.
const MAX_KEYS: u64 = 1 << 15;
const MAX_TENSORS: u64 = 1 << 16;
const MAX_KEY: usize = 65_535;
/// ggml keeps a zero after the name in 64 bytes.
const MAX_NAME: usize = 63;
const MAX_DIMS: u32 = 4;
const DEFAULT_ALIGNMENT: u32 = 32;
/// GGUF asks for a multiple of 8.
const MIN_ALIGNMENT: u32 = 8;
const MAX_ALIGNMENT: u32 = 1 << 20;

/// Architectures whose rows of `attn_q` and `attn_k` turn in pairs `2 j`, `2 j + 1` in GGUF: decoders
/// with `LLAMA_ROPE_TYPE_NORM` in `llama_model_rope_type` of llama.cpp. Which of them can be run is
/// for the engine to say.
const INTERLEAVED: &[&str] = &[
    "arcee",
    "baichuan",
    "chameleon",
    "cohere2",
    "command-r",
    "deci",
    "deepseek",
    "deepseek2",
    "ernie4_5",
    "ernie4_5-moe",
    "granite",
    "granitehybrid",
    "granitemoe",
    "internlm2",
    "llama",
    "llama4",
    "minicpm",
    "mistral3",
    "mistral4",
    "olmo",
    "smollm3",
    "xverse",
];

/// How the rows of this architecture are ordered.
pub(crate) fn qk_order(architecture: &str) -> QkOrder {
    match INTERLEAVED.contains(&architecture) {
        true => QkOrder::Interleaved,
        false => QkOrder::Halves,
    }
}

/// A file, with its shards if it is one of several; overrides are not applied.
pub(crate) fn open(
    path: &Path,
    mapping: Mapping,
    access: Access,
) -> Result<ModelFile, crate::Error> {
    let shard = read(path, Bytes::new(mapping.clone()), vec![mapping])?;
    match split::Split::of(&shard)? {
        Some(split) => split.join(path, access),
        None => Ok(shard),
    }
}

/// What `bytes` hold, under this name; a split file is an error.
pub(crate) fn from_bytes(name: &Path, bytes: Bytes) -> Result<ModelFile, crate::Error> {
    let file = read(name, bytes, Vec::new())?;
    match split::Split::of(&file)? {
        Some(split) => Err(split.unnamed(name).into()),
        None => Ok(file),
    }
}

/// One file; shards of a split one are not joined.
fn read(path: &Path, bytes: Bytes, mappings: Vec<Mapping>) -> Result<ModelFile, Error> {
    let header = header::read(&bytes)?;
    let mut tensors = BTreeMap::new();
    for info in header.tensors {
        let (name, tensor) = info.in_file(&bytes);
        add(&mut tensors, name, tensor)?;
    }
    Ok(ModelFile {
        path: path.to_owned(),
        container: Container::Gguf { version: header.version },
        metadata: header.metadata,
        tensors,
        low_rank: BTreeMap::new(),
        // Until the overrides have said what architecture it is.
        qk_order: QkOrder::Halves,
        tokenizer_json: None,
        mappings,
    })
}

/// Adds a tensor, whose name must be a new one.
fn add(
    tensors: &mut BTreeMap<String, FileTensor>,
    name: String,
    tensor: FileTensor,
) -> Result<(), Error> {
    match tensors.entry(name) {
        Entry::Vacant(place) => {
            place.insert(tensor);
            Ok(())
        }
        Entry::Occupied(place) => Err(Error::DuplicateTensor { name: place.key().clone() }),
    }
}
