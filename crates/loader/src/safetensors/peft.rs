//! LoRA adapters as PEFT writes them: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! The factors of a module are `base_model.model.MODULE.lora_A.weight` and `…lora_B.weight`, where the
//! module is named as in the model's own checkpoint, so the tables of its families say what it is in
//! GGUF. Those of an embedding table are `…lora_embedding_A`, whose columns are looked up, and
//! `…lora_embedding_B`.

use std::{collections::BTreeMap, path::Path};

use super::{
    config::Config,
    falcon,
    families::FAMILIES,
    family::Family,
    folder::Folder,
    multimodal,
    names::{rename, vector},
    shards::{Stored, Weights},
};
use crate::{
    Access, Container, FileTensor, Metadata, ModelFile, Value,
    adapter::{Adapter, Error, Pair, Source, transposed},
};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// Settings that change what is computed, and the values that change nothing besides `null`.
const NEUTRAL: &[(&str, &[&str])] = &[
    ("peft_type", &["\"LORA\""]),
    ("bias", &["\"none\""]),
    ("fan_in_fan_out", &["false"]),
    ("layer_replication", &[]),
    ("lora_bias", &["false"]),
    ("megatron_config", &[]),
    ("modules_to_save", &["[]"]),
    ("target_parameters", &["[]"]),
    ("trainable_token_indices", &["[]", "{}"]),
    ("alora_invocation_tokens", &[]),
    ("use_dora", &["false"]),
    ("use_qalora", &["false"]),
];

/// The adapter in this folder, or around this file, for the architecture of `base`.
pub(crate) fn adapter(
    path: &Path,
    base: &ModelFile,
    access: Access,
) -> Result<Adapter, crate::Error> {
    let in_it = |error: Error| Error::In { path: path.to_owned(), source: Box::new(error) };
    let above = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = Folder::new(if path.is_dir() { path } else { above }, access);
    let Some(config) = folder.object(CONFIG)? else {
        return Err(in_it(Error::NotAnAdapter { found: format!("there is no `{CONFIG}`") }).into());
    };
    let config = Config::new(&config);
    check(config).map_err(in_it)?;
    let file = if path.is_dir() { path.join(WEIGHTS) } else { path.to_owned() };
    let Weights { tensors, mappings } = Weights::around(&file, &folder)?;
    let scales = Scales::of(config)?;
    let modules = modules(tensors).map_err(in_it)?;
    let families = FAMILIES.iter().filter(|it| it.architecture == base.architecture());
    let mut wrong = Error::Architecture {
        found: "a checkpoint of Hugging Face".to_owned(),
        expected: base.architecture().to_owned(),
    };
    for family in families {
        match pairs(family, &modules, &scales) {
            Ok(mut pairs) => {
                if family.architecture == "falcon" {
                    sort_rows(base, &mut pairs).map_err(in_it)?;
                }
                let (container, metadata) = (Container::Safetensors, metadata(config));
                let source = Source { container, metadata, mappings };
                return Ok(Adapter { pairs, qk_order: family.qk_order, source });
            }
            Err(error) => wrong = error,
        }
    }
    Err(in_it(wrong).into())
}

/// The model that it says it was made for.
fn metadata(config: Config<'_>) -> Metadata {
    let mut metadata = Metadata::default();
    if let Some(base) = config.get("base_model_name_or_path").and_then(|it| it.as_str()) {
        metadata.insert("general.base_model.count", Value::U32(1));
        metadata.insert("general.base_model.0.name", Value::String(base.to_owned()));
    }
    metadata
}

/// Whether it is a LoRA, of nothing but factors.
fn check(config: Config<'_>) -> Result<(), Error> {
    for (key, neutral) in NEUTRAL {
        let value = config.get(key).map(ToString::to_string);
        if let Some(value) = value.filter(|it| !neutral.contains(&it.as_str())) {
            return Err(Error::Unsupported { found: format!("`{key}` = {value}") });
        }
    }
    Ok(())
}

/// What the products of factors are multiplied with.
struct Scales {
    alpha: f64,
    /// Of some modules, by the end of their names.
    patterns: Vec<(String, f64)>,
    /// Whether it is divided by the root of the rank instead of the rank.
    by_root: bool,
}

impl Scales {
    fn of(config: Config<'_>) -> Result<Self, super::Error> {
        let alpha = config.real("lora_alpha")?;
        let patterns = config.object("alpha_pattern")?;
        let patterns = patterns.iter().flat_map(|it| it.keys());
        // PEFT takes names for regular expressions, which would say something else here.
        let is_plain = |name: &str| !name.contains(|c: char| r"\[](){}*+?|^$".contains(c));
        let number = |(name, value): (&str, &serde_json::Value)| match value.as_f64() {
            Some(alpha) if is_plain(name) => Ok((name.to_owned(), alpha)),
            _ => Err(config.not("alpha_pattern", "numbers by the ends of names")),
        };
        Ok(Self {
            alpha: alpha.ok_or_else(|| config.not("lora_alpha", "a number"))?,
            patterns: patterns.map(number).collect::<Result<_, _>>()?,
            by_root: config.flag("use_rslora")?.unwrap_or(false),
        })
    }

    fn scale(&self, module: &str, rank: usize) -> f32 {
        let ends = |end: &str| {
            module.strip_suffix(end).is_some_and(|it| it.is_empty() || it.ends_with('.'))
        };
        let own = self.patterns.iter().find(|(end, _)| ends(end));
        let (alpha, rank) = (own.map_or(self.alpha, |it| it.1), rank.max(1) as f64);
        (alpha / if self.by_root { rank.sqrt() } else { rank }) as f32
    }
}

/// How the names of both factors end.
const ENDS: [(&str, usize); 4] = [
    (".lora_A.weight", 0),
    (".lora_A.default.weight", 0),
    (".lora_B.weight", 1),
    (".lora_B.default.weight", 1),
];

/// The same of tables, whose factors are the other way round, each with columns as rows.
const ENDS_OF_TABLES: [(&str, usize); 4] = [
    (".lora_embedding_A", 1),
    (".lora_embedding_A.default", 1),
    (".lora_embedding_B", 0),
    (".lora_embedding_B.default", 0),
];

/// The factors of each module, by its name in the checkpoint.
type Modules = BTreeMap<String, [Option<FileTensor>; 2]>;

fn modules(tensors: Vec<(String, Stored)>) -> Result<Modules, Error> {
    let mut modules = Modules::new();
    for (name, stored) in tensors {
        let unsupported = || Error::Unsupported { found: format!("the tensor `{name}`") };
        let module = name.strip_prefix("base_model.model.").unwrap_or(&name);
        let end = |ends: &[(&str, usize)]| {
            ends.iter().find_map(|(end, i)| Some((module.strip_suffix(*end)?, *i)))
        };
        let (found, of_table) = match end(&ENDS) {
            Some(found) => (Some(found), false),
            None => (end(&ENDS_OF_TABLES), true),
        };
        let (module, i) = found.ok_or_else(unsupported)?;
        let factor = stored.plain(&name).map_err(|_| unsupported())?;
        let factor = if of_table { transposed(&factor) } else { factor };
        modules.entry(module.to_owned()).or_default()[i] = Some(factor);
    }
    match modules.is_empty() {
        true => Err(Error::NotAnAdapter { found: format!("`{WEIGHTS}` has no tensors") }),
        false => Ok(modules),
    }
}

/// The factors under GGUF's names, if the family knows all modules.
fn pairs(
    family: &Family,
    modules: &Modules,
    scales: &Scales,
) -> Result<BTreeMap<String, Pair>, Error> {
    let mut factors = [vec![], vec![]];
    let mut alphas = vec![];
    for (module, pair) in modules {
        let [Some(a), Some(b)] = pair else { return Err(Error::Half { found: module.clone() }) };
        let name = format!("{module}.weight");
        let name = if family.is_multimodal() { multimodal::plain(&name) } else { name };
        // One number goes the way of the factors, so that it ends with them.
        let rank = a.shape.first().copied().unwrap_or(1);
        let scale = vector(&[scales.scale(module, rank)]);
        factors[0].push((name.clone(), a.clone()));
        factors[1].push((name.clone(), b.clone()));
        alphas.push((name, scale));
    }
    let stray = |error: super::Error| match error {
        super::Error::StrayTensor { tensor, .. } | super::Error::Parts { tensor, .. } => {
            Error::NoTensor { tensor }
        }
        error => Error::Unsupported { found: error.to_string() },
    };
    let [a, b] = factors;
    let renamed = |tensors| rename(family, tensors).map_err(stray);
    let (a, mut b, mut scales) = (renamed(a)?, renamed(b)?, renamed(alphas)?);
    let pair = |(name, a): (String, FileTensor)| {
        let b = b.remove(&name).expect("both have the same names");
        let of_all = scales.remove(&name).expect("and so has this").numbers();
        let scale = of_all[0];
        match of_all.iter().all(|it| *it == scale) {
            true => Ok((name, Pair { a, b, scale })),
            false => Err(Error::Unsupported {
                found: format!("experts of `{name}` that `alpha_pattern` scales apart"),
            }),
        }
    };
    a.into_iter().map(pair).collect()
}

/// What is added to Falcon's fused matrices has the order of the checkpoint's rows, which is not that
/// of `base`.
fn sort_rows(base: &ModelFile, pairs: &mut BTreeMap<String, Pair>) -> Result<(), Error> {
    for (name, pair) in pairs.iter_mut().filter(|it| it.0.ends_with(".attn_qkv.weight")) {
        let sorted = falcon::sort_added(&base.metadata, &mut pair.b);
        sorted.ok_or_else(|| Error::Heads { tensor: name.clone() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack has one scale.
    #[test]
    fn experts_are_scaled_alike_or_refused() {
        let family = FAMILIES.iter().find(|it| it.class == "MixtralForCausalLM").unwrap();
        let factor = |shape: [usize; 2]| FileTensor { shape: shape.to_vec(), ..vector(&[1.0; 8]) };
        let module = |i: usize| {
            let name = format!("model.layers.0.block_sparse_moe.experts.{i}.w1");
            (name, [Some(factor([2, 4])), Some(factor([4, 2]))])
        };
        let modules: Modules = (0..2).map(module).collect();
        let found = |patterns: &[(&str, f64)]| {
            let patterns = patterns.iter().map(|it| (it.0.to_owned(), it.1)).collect();
            let scales = Scales { alpha: 4.0, patterns, by_root: false };
            match pairs(family, &modules, &scales) {
                Ok(pairs) => pairs["blk.0.ffn_gate_exps.weight"].scale.to_string(),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(found(&[]), "2");
        assert_eq!(found(&[("w1", 6.0)]), "3");
        assert_eq!(
            found(&[("experts.1.w1", 6.0)]),
            "it has experts of `blk.0.ffn_gate_exps.weight` that `alpha_pattern` scales apart, which \
             is not supported"
        );
    }
}
