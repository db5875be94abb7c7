//! A model as its `config.json` alone tells it, before there are weights: its metadata, and those
//! tensors that hang on what stands there. How large the others are is not asked here.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value as Json};

use super::{
    Error,
    config::Config,
    family::{Family, Means},
    family_of, gemma3n, gemma4,
    keys::View,
    multimodal,
};
use crate::{Container, FileTensor, Format, Metadata, ModelFile, Value};

/// The model that `config`, the text of a `config.json`, describes; `name` stands in for its path.
///
/// Its tensors have no bytes. Those that the configuration computes, such as rotary factors, or whose
/// size no key of the metadata tells, have their shapes; those of which it only says that they are
/// there, such as a head of its own or the biases of the first block, have none.
///
/// # Errors
///
/// If it is no JSON object, of no class that is known, or says what that class is not known to have.
pub fn outline(name: &str, config: &[u8]) -> Result<ModelFile, crate::Error> {
    let path = Path::new(name).to_owned();
    let whole: Map<String, Json> = serde_json::from_slice(config)
        .map_err(|source| Error::Json { path: path.clone(), source })?;
    let (family, architecture) = family_of(Config::new(&whole))?;
    let unknown = || Config::new(&whole).not("architectures", "a class of models that is known");
    let family = family.ok_or_else(unknown)?;
    let text = if family.is_multimodal() { multimodal::text_config(&whole) } else { whole.clone() };
    let config = Config::new(&text);
    let mut metadata = Metadata::default();
    metadata.insert("general.architecture", Value::String(architecture.to_owned()));
    let mut tensors = stated(family, config)?;
    for (name, shape) in further(architecture, config)? {
        tensors.insert(name, FileTensor { shape, ..blank() });
    }
    View { family, config, metadata: &mut metadata, tensors: &mut tensors }.apply()?;
    for tensor in tensors.values_mut() {
        (tensor.format, tensor.parts) = (Format::F32, Vec::new());
    }
    Ok(ModelFile {
        path,
        container: Container::Safetensors,
        metadata,
        tensors,
        low_rank: BTreeMap::new(),
        qk_order: family.qk_order,
        tokenizer_json: None,
        mappings: Vec::new(),
    })
}

/// The tensors of which a flag says that they are there.
fn stated(family: &Family, config: Config<'_>) -> Result<BTreeMap<String, FileTensor>, Error> {
    let (mut all, mut done) = (BTreeMap::new(), Vec::new());
    let mut put = |name: String| {
        all.insert(name, blank());
    };
    for key in family.keys.iter().copied().flatten() {
        if done.contains(&key.name) {
            continue;
        }
        done.push(key.name);
        let flag = |otherwise: bool| Ok::<_, Error>(config.flag(key.name)?.unwrap_or(otherwise));
        match &key.means {
            Means::Tensors { otherwise, names } if flag(*otherwise)? => {
                names.iter().for_each(|it| put(format!("blk.0.{it}")));
            }
            Means::Tied { otherwise } if !flag(*otherwise)? => put("output.weight".to_owned()),
            _ => {}
        }
    }
    Ok(all)
}

/// The tensors of which something else than a flag of the table says that they are there, or how large
/// they are: in a folder, what is there says it.
fn further(architecture: &str, config: Config<'_>) -> Result<Vec<(String, Vec<usize>)>, Error> {
    let flag = |key: &str, otherwise: bool| Ok::<_, Error>(config.flag(key)?.unwrap_or(otherwise));
    let names: (bool, &[&str]) = match architecture {
        "falcon" => {
            let norms = config.count("num_ln_in_parallel_attn")?.unwrap_or(2);
            let is_there = flag("new_decoder_architecture", false)? && norms == 2;
            (is_there, &["blk.0.attn_norm_2.weight"])
        }
        "granitehybrid" => (flag("mamba_conv_bias", true)?, &["blk.0.ssm_conv1d.bias"]),
        "phimoe" => (flag("lm_head_bias", false)?, &["output.bias"]),
        "stablelm" => (flag("use_qkv_bias", false)?, &["blk.0.attn_k.bias", "blk.0.attn_v.bias"]),
        _ => (false, &[]),
    };
    let without_shape = |name: String| (name, Vec::new());
    let stated = names.1.iter().filter(|_| names.0);
    let mut all: Vec<_> = stated.map(|it| without_shape((*it).to_owned())).collect();
    match architecture {
        "gemma3n" => all.push(gemma3n::low_rank(config)?),
        // Else its keys are its values, too.
        "gemma4" if !flag("attention_k_eq_v", false)? => {
            let layer = gemma4::first_full(config)?;
            all.push(without_shape(format!("blk.{layer}.attn_v.weight")));
        }
        "stablelm" if !flag("use_parallel_residual", false)? => {
            all.push(without_shape("blk.0.ffn_norm.weight".to_owned()));
        }
        _ => {}
    }
    Ok(all)
}

fn blank() -> FileTensor {
    FileTensor { format: Format::F32, shape: Vec::new(), parts: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn llama(more: &str) -> Result<ModelFile, String> {
        let config = format!(
            r#"{{"architectures": ["LlamaForCausalLM"], "vocab_size": 9, "hidden_size": 8,
                "intermediate_size": 6, "num_hidden_layers": 3, "num_attention_heads": 2{more}}}"#
        );
        outline("config.json", config.as_bytes()).map_err(|it| it.to_string())
    }

    fn names(file: &ModelFile) -> String {
        file.tensors.keys().cloned().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_and_what_hangs_on_flags_are_told() {
        let plain = llama("").expect("a known class");
        let blocks = plain.metadata.u64("llama.block_count").expect("a number");
        assert_eq!((plain.architecture(), blocks), ("llama", Some(3)));
        assert_eq!(names(&plain), "output.weight");
        let biased = llama(r#", "tie_word_embeddings": true, "mlp_bias": true"#).expect("known");
        assert_eq!(names(&biased), "blk.0.ffn_down.bias blk.0.ffn_gate.bias blk.0.ffn_up.bias");
    }

    #[test]
    fn what_is_there_may_hang_on_numbers() {
        let falcon = |more: &str| {
            let config = format!(
                r#"{{"architectures": ["FalconForCausalLM"], "vocab_size": 9, "hidden_size": 8,
                    "num_hidden_layers": 3, "num_attention_heads": 2{more}}}"#
            );
            names(&outline("config.json", config.as_bytes()).expect("a known class"))
        };
        assert_eq!(falcon(""), "");
        let grouped = r#", "new_decoder_architecture": true, "num_kv_heads": 1"#;
        assert_eq!(falcon(grouped), "blk.0.attn_norm_2.weight");
        assert_eq!(falcon(&format!("{grouped}, \"num_ln_in_parallel_attn\": 1")), "");
    }

    #[test]
    fn what_no_key_of_the_metadata_tells_is_told_by_a_tensor() {
        let gemma = |class: &str, more: &str| {
            let config = format!(
                r#"{{"architectures": ["{class}"], "vocab_size": 9, "hidden_size": 8,
                    "intermediate_size": 6, "num_hidden_layers": 7,
                    "num_attention_heads": 2{more}}}"#
            );
            outline("config.json", config.as_bytes()).expect("a known class")
        };
        let third = gemma("Gemma3nForCausalLM", r#", "laurel_rank": 3"#);
        assert_eq!(third.tensors["blk.0.laurel_l.weight"].shape, [3, 8]);
        let fourth = |more: &str| names(&gemma("Gemma4ForCausalLM", more));
        assert_eq!(fourth(""), "blk.5.attn_v.weight rope_freqs.weight");
        assert_eq!(fourth(r#", "attention_k_eq_v": true"#), "rope_freqs.weight");
        let (windowed, full) = (r#""sliding_attention""#, r#""full_attention""#);
        let types = [windowed, full, windowed, windowed, windowed, windowed, full].join(", ");
        let types = format!(r#", "layer_types": [{types}]"#);
        assert_eq!(fourth(&types), "blk.1.attn_v.weight rope_freqs.weight");
    }

    #[test]
    fn computed_tensors_have_shapes_and_no_bytes() {
        let scaling = r#", "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
            "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}"#;
        let file = llama(scaling).expect("a known class");
        let factors = &file.tensors["rope_freqs.weight"];
        assert_eq!((&factors.shape[..], factors.parts.len()), (&[2][..], 0));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let class = outline("c", br#"{"architectures": ["NovelForCausalLM"]}"#).unwrap_err();
        assert!(class.to_string().starts_with("`architectures` in `config.json` is "), "{class}");
        let list = outline("c", b"[]").unwrap_err().to_string();
        assert_eq!(list, "`c` is not the JSON that it has to be");
        assert!(llama(r#", "sliding_window": 16"#).is_err());
    }
}
