//! Hugging Face folders: `config.json`, safetensors and the small files beside them, as one
//! [`ModelFile`] with GGUF's names.
//!
//! `header`, `index` and `shards` read weights, strictly; `families` has what the keys of `config.json` and
//! the tensors of each class are called, `keys`, `window`, `rope` and `names` follow it; `tokens`
//! reads special tokens, templates and sampling defaults, `card` the licence. A class that no
//! family has still opens: its tensors keep their names, and the engine says that it is not
//! supported.

mod card;
mod config;
mod deepseek;
mod dtype;
mod error;
mod experts;
mod falcon;
mod families;
mod family;
mod folder;
mod gemma;
mod gemma3n;
mod gemma4;
mod granite;
mod header;
mod header_error;
mod header_json;
mod hybrid;
mod index;
mod keys;
mod llama4;
mod mamba;
mod multimodal;
mod names;
mod outline;
mod packed;
mod peft;
mod phi;
mod rope;
mod shards;
mod tokenizer;
mod tokens;
mod window;

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value as Json};

pub use dtype::Dtype;
pub use error::Error;
pub use header::{Header, MAX_DIMS, MAX_HEADER, MAX_TENSORS, Tensor, header};
pub use header_error::HeaderError;

use config::Config;
use families::FAMILIES;
use family::Family;
use folder::Folder;
pub use keys::UNREAD_KEYS;
use keys::View;
pub use multimodal::SKIPPED_PARTS;
pub use outline::outline;
pub(crate) use peft::adapter;
use shards::Weights;

use crate::{Access, Bytes, Container, Mapping, Metadata, ModelFile, QkOrder, Value};

/// Longest `tokenizer.json` that is read: four times the longest that is known, of Gemma 3.
const MAX_TOKENIZER: u64 = 128 << 20;

/// How transformers spelled the class before its first release with it.
const OLD_LLAMA: &str = "LLaMAForCausalLM";

/// Opens a folder. Overrides are not applied.
///
/// Errors: a file is missing or breaks its format's rules, a tensor is neither of F32, F16 or BF16
/// nor part of a weight that `packed` decodes, or a known class says something in `config.json` that
/// is not known of it.
pub(crate) fn open_folder(path: &Path, access: Access) -> Result<ModelFile, crate::Error> {
    open(path, &Folder::new(path, access), Weights::of)
}

/// The same of the folder around a `.safetensors` file, with that file's tensors: all of the
/// model's, if the file is one of several shards.
pub(crate) fn open_file(file: Mapping, access: Access) -> Result<ModelFile, crate::Error> {
    let path = file.path().to_owned();
    let above = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = Folder::new(above, access).with(file);
    open(&path, &folder, |folder| Weights::around(&path, folder))
}

/// The same of a folder in memory.
pub(crate) fn from_files(
    name: &Path,
    files: BTreeMap<String, Bytes>,
) -> Result<ModelFile, crate::Error> {
    open(name, &Folder::in_memory(name, files), Weights::of)
}

fn open(
    path: &Path,
    folder: &Folder,
    weights: impl FnOnce(&Folder) -> Result<Weights, crate::Error>,
) -> Result<ModelFile, crate::Error> {
    let config = folder.object("config.json")?;
    let config = config.ok_or_else(|| Error::NoConfig { folder: folder.path().to_owned() })?;
    let weights = weights(folder)?;
    assemble(path, folder, &config, weights)
}

fn assemble(
    path: &Path,
    folder: &Folder,
    config: &Map<String, Json>,
    weights: Weights,
) -> Result<ModelFile, crate::Error> {
    let mut metadata = Metadata::default();
    let (family, architecture) = family_of(Config::new(config))?;
    let stored = packed::Scheme::of(Config::new(config))?.decode(weights.tensors)?;
    let is_multimodal = family.is_some_and(Family::is_multimodal);
    let config = &if is_multimodal { multimodal::text_config(config) } else { config.clone() };
    metadata.insert("general.architecture", Value::String(architecture.to_owned()));
    if let Some(name) = folder.name() {
        metadata.insert("general.name", Value::String(name));
    }
    card::apply(folder, &mut metadata);
    let mut tensors: BTreeMap<_, _> = match family {
        Some(family) if is_multimodal => {
            names::rename(family, multimodal::text_tensors(stored, &mut metadata))?
        }
        Some(family) => names::rename(family, stored)?,
        None => stored.into_iter().collect(),
    };
    if let Some(family) = family {
        let config = Config::new(config);
        View { family, config, metadata: &mut metadata, tensors: &mut tensors }.apply()?;
    }
    let tokenizer_json = folder.bytes("tokenizer.json", MAX_TOKENIZER)?.map(Bytes::new);
    tokens::apply(folder, config, tokenizer_json.as_ref(), &mut metadata)?;
    Ok(ModelFile {
        path: path.to_owned(),
        container: Container::Safetensors,
        metadata,
        tensors,
        low_rank: BTreeMap::new(),
        qk_order: family.map_or(QkOrder::Halves, |it| it.qk_order),
        tokenizer_json,
        mappings: weights.mappings,
    })
}

/// The family whose class and type `config.json` names, and the architecture; of class and type,
/// one is enough. Without a family the class is the architecture: a type may be that of a family
/// whose class is another, with tensors of its own.
fn family_of<'a>(config: Config<'a>) -> Result<(Option<&'static Family>, &'a str), Error> {
    let class = config.array("architectures")?.and_then(|it| it.first()?.as_str());
    let class = class.map(|it| if it == OLD_LLAMA { "LlamaForCausalLM" } else { it });
    let model_type = config.text("model_type")?;
    let fits = |stated: Option<&str>, name| stated.is_none_or(|it| it == name);
    let family = FAMILIES.iter().find(|it| {
        (class.is_some() || model_type.is_some())
            && fits(class, it.class)
            && fits(model_type, it.model_type)
    });
    let named = class.or(model_type).unwrap_or_default();
    Ok((family, family.map_or(named, |it| it.architecture)))
}
