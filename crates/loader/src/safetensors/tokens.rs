//! Special tokens, chat templates and sampling defaults: from the small files of a Hugging Face
//! folder to GGUF's keys. Vocabulary and merges stay in `tokenizer.json`, for the tokenizer.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::{folder::Folder, tokenizer::Tokenizer};
use crate::{Array, Bytes, Error, Metadata, Value};

/// The names of special tokens: in `tokenizer_config.json` before `_token`, in `config.json`
/// before `_token_id`, and in GGUF before `_token_id`.
const SPECIAL: &[(&str, &str)] = &[
    ("bos", "bos"),
    ("eos", "eos"),
    ("unk", "unknown"),
    ("sep", "seperator"), // GGUF's spelling
    ("pad", "padding"),
    ("cls", "cls"),
    ("mask", "mask"),
];

/// The sampling defaults of `generation_config.json` and GGUF's names for them.
const SAMPLING: &[(&str, &str)] = &[
    ("temperature", "temp"),
    ("top_p", "top_p"),
    ("min_p", "min_p"),
    ("repetition_penalty", "penalty_repeat"),
];

/// Sets what the folder says about tokens, templates and sampling.
pub(super) fn apply(
    folder: &Folder,
    config: &Map<String, Json>,
    tokenizer: Option<&Bytes>,
    metadata: &mut Metadata,
) -> Result<(), Error> {
    let tokenizer = match tokenizer {
        Some(bytes) => Tokenizer::parse(folder, bytes)?,
        None => Tokenizer::default(),
    };
    let settings = folder.object("tokenizer_config.json")?.unwrap_or_default();
    let map = folder.object("special_tokens_map.json")?.unwrap_or_default();
    let generation = folder.object("generation_config.json")?.unwrap_or_default();
    for (name, gguf) in SPECIAL {
        let text =
            [&settings, &map].into_iter().find_map(|it| content(it.get(&format!("{name}_token"))?));
        let id = text.and_then(|text| tokenizer.id(text));
        let stated = || first(&ids(config.get(&format!("{name}_token_id"))));
        let generated = || first(&ids(generation.get(&format!("{name}_token_id"))));
        if let Some(id) = id.or_else(stated).or_else(generated) {
            metadata.insert(format!("tokenizer.ggml.{gguf}_token_id"), Value::U32(id));
        }
    }
    let mut eos = ids(generation.get("eos_token_id"));
    eos.extend(ids(config.get("eos_token_id")));
    eos.extend(metadata.u64("tokenizer.ggml.eos_token_id")?.map(|id| id as u32));
    set_ids(metadata, eos);
    set_added(&tokenizer, &settings, metadata);
    templates(folder, &settings, metadata)?;
    sampling(&generation, metadata);
    Ok(())
}

/// A token, as a string or as an object with its `content`.
fn content(token: &Json) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// One id or an array of them.
fn ids(value: Option<&Json>) -> Vec<u32> {
    let id = |it: &Json| it.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Some(Json::Array(all)) => all.iter().filter_map(id).collect(),
        Some(one) => id(one).into_iter().collect(),
        None => Vec::new(),
    }
}

fn first(ids: &[u32]) -> Option<u32> {
    ids.first().copied()
}

fn set_ids(metadata: &mut Metadata, mut ids: Vec<u32>) {
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    if !ids.is_empty() {
        metadata.insert("tokenizer.ggml.eos_token_ids", Value::Array(Array::U32(ids)));
    }
}

/// Whether a text gets a first and a last token: as the post-processor does, unless
/// `tokenizer_config.json` says otherwise.
fn set_added(tokenizer: &Tokenizer<'_>, settings: &Map<String, Json>, metadata: &mut Metadata) {
    for (name, end) in [("bos", tokenizer.first()), ("eos", tokenizer.last())] {
        let stated = settings.get(&format!("add_{name}_token")).and_then(Json::as_bool);
        let special = settings.get(&format!("{name}_token")).and_then(content);
        let processed = || end.map(|end| Some(end) == special);
        if let Some(added) = stated.or_else(processed) {
            metadata.insert(format!("tokenizer.ggml.add_{name}_token"), Value::Bool(added));
        }
    }
}

/// Templates: files of their own come before `tokenizer_config.json`, as in transformers.
fn templates(
    folder: &Folder,
    settings: &Map<String, Json>,
    metadata: &mut Metadata,
) -> Result<(), Error> {
    if let Some(text) = folder.text("chat_template.jinja")? {
        metadata.insert("tokenizer.chat_template", Value::String(text));
        return named_files(folder, metadata);
    }
    let file = folder.object("chat_template.json")?.unwrap_or_default();
    match file.get("chat_template").or_else(|| settings.get("chat_template")) {
        Some(Json::String(text)) => {
            metadata.insert("tokenizer.chat_template", Value::String(text.clone()));
        }
        Some(Json::Array(all)) => {
            for it in all {
                let text = |key| it.get(key).and_then(Json::as_str);
                if let (Some(name), Some(template)) = (text("name"), text("template")) {
                    set_template(metadata, name, template.to_owned());
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn named_files(folder: &Folder, metadata: &mut Metadata) -> Result<(), Error> {
    let sub = "additional_chat_templates";
    for file in folder.names(sub) {
        if let Some(name) = file.strip_suffix(".jinja")
            && let Some(text) = folder.text(&format!("{sub}/{file}"))?
        {
            set_template(metadata, name, text);
        }
    }
    Ok(())
}

fn set_template(metadata: &mut Metadata, name: &str, template: String) {
    let key = match name {
        "default" => "tokenizer.chat_template".to_owned(),
        name => format!("tokenizer.chat_template.{name}"),
    };
    metadata.insert(key, Value::String(template));
}

/// The author's sampling defaults; none where the author says not to sample.
fn sampling(generation: &Map<String, Json>, metadata: &mut Metadata) {
    if generation.get("do_sample") == Some(&Json::Bool(false)) {
        return;
    }
    for (name, gguf) in SAMPLING {
        if let Some(x) = generation.get(*name).and_then(Json::as_f64) {
            metadata.insert(format!("general.sampling.{gguf}"), Value::F32(x as f32));
        }
    }
    if let Some(k) =
        generation.get("top_k").and_then(Json::as_i64).and_then(|k| i32::try_from(k).ok())
    {
        metadata.insert("general.sampling.top_k", Value::I32(k));
    }
}
