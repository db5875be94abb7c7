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
mod dtype;
mod error;
mod families;
mod family;
mod folder;
mod header;
mod header_error;
mod header_json;
mod index;
mod keys;
mod names;
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
use shards::Weights;

use crate::{Access, Bytes, Container, Mapping, Metadata, ModelFile, QkOrder, Value};

/// Opens a folder. Overrides are not applied.
///
/// A file may be missing or break its format's rules, a tensor may not be of F32, F16 or BF16, and
/// a known class may say something in `config.json` that is not known of it: all are errors.
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
    let config = match folder.json("config.json")? {
        Some(Json::Object(config)) => config,
        Some(_) => return Err(not_an_object(folder).into()),
        None => return Err(Error::NoConfig { folder: folder.path().to_owned() }.into()),
    };
    let weights = weights(folder)?;
    assemble(path, folder, &config, weights)
}

fn not_an_object(folder: &Folder) -> Error {
    let source = <serde_json::Error as serde::de::Error>::custom("expected an object");
    Error::Json { path: folder.path().join("config.json"), source }
}

fn assemble(
    path: &Path,
    folder: &Folder,
    config: &Map<String, Json>,
    weights: Weights,
) -> Result<ModelFile, crate::Error> {
    let (mut metadata, mut mappings) = (Metadata::default(), weights.mappings);
    let family = family_of(Config::new(config))?;
    let model_type = || Config::new(config).text("model_type");
    let architecture = match family {
        Some(family) => family.architecture,
        None => model_type()?.unwrap_or_default(),
    };
    metadata.insert("general.architecture", Value::String(architecture.to_owned()));
    if let Some(name) = folder.name() {
        metadata.insert("general.name", Value::String(name));
    }
    card::apply(folder, &mut metadata);
    let mut tensors: BTreeMap<_, _> = match family {
        Some(family) => names::rename(family, weights.tensors)?,
        None => weights.tensors.into_iter().collect(),
    };
    if let Some(family) = family {
        let config = Config::new(config);
        View { family, config, metadata: &mut metadata, tensors: &mut tensors }.apply()?;
    }
    let tokenizer = folder.file("tokenizer.json").map(|it| folder.open(&it)).transpose()?;
    mappings.extend(tokenizer.clone());
    let tokenizer_json = tokenizer.map(Bytes::new);
    tokens::apply(folder, config, tokenizer_json.as_ref(), &mut metadata)?;
    Ok(ModelFile {
        path: path.to_owned(),
        container: Container::Safetensors,
        metadata,
        tensors,
        qk_order: family.map_or(QkOrder::Halves, |it| it.qk_order),
        tokenizer_json,
        mappings,
    })
}

/// The family whose class and type `config.json` names; of the two, one is enough.
fn family_of(config: Config<'_>) -> Result<Option<&'static Family>, Error> {
    let class = config.array("architectures")?.and_then(|it| it.first()?.as_str());
    let model_type = config.text("model_type")?;
    let fits = |stated: Option<&str>, name| stated.is_none_or(|it| it == name);
    Ok(FAMILIES.iter().find(|it| {
        (class.is_some() || model_type.is_some())
            && fits(class, it.class)
            && fits(model_type, it.model_type)
    }))
}
