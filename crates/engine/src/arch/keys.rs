//! Which keys of a file's metadata each architecture reads, so that one that nobody reads is found: a
//! model whose file says more than its architecture computes may be computed wrong.
//!
//! [`Numbers`](super::Numbers) reads no key that is not here: where debug assertions are on, as in
//! tests, it panics over one. Of the keys of `config.json` the loader keeps account itself.

use loader::{ModelFile, Value};

use super::{ARCHITECTURES, config::NEUTRAL};

/// What every architecture reads, besides the keys that it may refuse.
const ALWAYS: &[&str] = &[
    "attention.causal",
    "attention.chunk_size",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.key_length_swa",
    "attention.kv_lora_rank",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attention.value_length_swa",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.dimension_count_swa",
    "rope.freq_base",
    "rope.layers",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_log_multiplier",
    "rope.scaling.yarn_truncate",
    "vocab_size",
];

/// Of most architectures.
pub(super) const PLAIN: &[&[&str]] = &[ATTENTION];

/// Of those that may have experts in the place of the feed-forward block.
pub(super) const MIXTURE: &[&[&str]] = &[ATTENTION, EXPERTS];

/// Of attention whose queries may grow with their position.
pub(super) const ATTENTION: &[&str] =
    &["attention.temperature_length", "attention.temperature_scale"];

/// Of latent attention.
pub(super) const LATENTS: &[&str] =
    &["attention.key_length_mla", "attention.q_lora_rank", "attention.value_length_mla"];

/// Of mixtures.
pub(super) const EXPERTS: &[&str] = &[
    "expert_feed_forward_length",
    "expert_gating_func",
    "expert_group_count",
    "expert_group_used_count",
    "expert_used_count",
    "expert_weights_norm",
    "expert_weights_scale",
];

/// Of Mamba-2.
pub(super) const STATES: &[&str] = &[
    "ssm.conv_kernel",
    "ssm.dt_max",
    "ssm.dt_min",
    "ssm.group_count",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
];

/// Of layers with a window that have a rotary base of their own.
pub(super) const WINDOW_BASE: &[&str] = &["rope.freq_base_swa"];

/// Of layers that have an input of the token.
pub(super) const TOKEN_INPUTS: &[&str] = &["embedding_length_per_layer_input"];

/// Of Falcon H1: what its parts' numbers are multiplied with.
pub(super) const MULTIPLIERS: &[&str] = &[
    "attention.input_scale",
    "attention.key_scale",
    "attention.output_scale",
    "feed_forward.down_scale",
    "feed_forward.gate_scale",
    "ssm.b_scale",
    "ssm.c_scale",
    "ssm.dt_scale",
    "ssm.gate_scale",
    "ssm.input_scale",
    "ssm.output_scale",
    "ssm.x_scale",
];

/// Of Gemma 3n.
pub(super) const STREAMS: &[&str] =
    &["activation_sparsity_scale", "altup.active_idx", "altup.num_inputs"];

/// Of gpt-oss: how it clamps what its experts compute.
pub(super) const CLAMP: &[&str] = &["expert_swiglu_alpha", "expert_swiglu_limit"];

/// Of Granite: whether it looks at positions at all.
pub(super) const POSITIONS: &[&str] = &["rope.scaling.finetuned"];

/// Of Llama 4: whether its heads have norms.
pub(super) const HEAD_NORMS: &[&str] = &["attention.head_norms"];

/// Of Phi-3.5-MoE: how near the best an expert's score must be.
pub(super) const JITTER: &[&str] = &["expert_jitter"];

/// Keys that files state and that change nothing of what is computed; some at this value alone.
const WITHOUT_EFFECT: &[(&str, Option<f64>)] = &[
    // The tensors say it: how wide those are that all rows share, and which layers have a router.
    ("expert_shared_count", None),
    ("expert_shared_feed_forward_length", None),
    ("interleave_moe_layer_step", None),
    ("leading_dense_block_count", None),
    // Layers that predict further tokens are not run.
    ("nextn_predict_layers", None),
    // How rows become one vector, where that is asked for and no token.
    ("pooling_type", None),
    // That positions were scaled in training, too. Granite means something else by it, and reads it.
    ("rope.scaling.finetuned", None),
    // How much of YaRN there is: all.
    ("rope.scaling.yarn_ext_factor", Some(1.0)),
    // How rows were ordered before they were converted.
    ("tensor_data_layout", None),
    // The tensors say it: the feed-forward block has a norm of its own, or not.
    ("use_parallel_residual", None),
];

/// The keys below the name of `file`'s architecture that nothing here reads and that may change what
/// the model computes. None where the architecture is not known, and of a key that says 0 or false.
pub fn unread_keys(file: &ModelFile) -> Vec<String> {
    let architecture = file.architecture();
    if ARCHITECTURES.iter().all(|it| it.name != architecture) {
        return Vec::new();
    }
    let is_unread = |key: &str, value: &Value| {
        let own = key.strip_prefix(architecture).and_then(|it| it.strip_prefix('.'));
        own.is_some_and(|own| !is_read(architecture, own) && may_matter(own, value))
    };
    let unread = file.metadata.iter().filter(|it| is_unread(it.0, it.1));
    unread.map(|it| it.0.to_owned()).collect()
}

/// Whether a model of this architecture reads `{architecture}.{key}`.
pub(super) fn is_read(architecture: &str, key: &str) -> bool {
    let own = ARCHITECTURES.iter().find(|it| it.name == architecture).map(|it| it.keys);
    ALWAYS.contains(&key)
        || NEUTRAL.iter().any(|it| it.0 == key)
        || own.is_some_and(|own| own.iter().any(|part| part.contains(&key)))
}

fn may_matter(key: &str, value: &Value) -> bool {
    let number = value.as_f64();
    let says_no = *value == Value::Bool(false) || number == Some(0.0);
    let is_idle = |it: &(&str, Option<f64>)| it.0 == key && (it.1.is_none() || it.1 == number);
    !says_no && !WITHOUT_EFFECT.iter().any(is_idle)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use loader::{Bytes, gguf::Writer};

    use super::*;

    #[track_caller]
    fn check(architecture: &str, stated: &[(&str, Value)], expected: &[&str]) {
        let mut file = Writer::new();
        file.set("general.architecture", Value::String(architecture.to_owned()));
        for (key, value) in stated {
            file.set(*key, value.clone());
        }
        let file = ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), &[]).unwrap();
        assert_eq!(unread_keys(&file), expected, "{architecture}: {stated:?}");
    }

    #[test]
    fn a_key_that_nobody_reads_is_named() {
        let (base, ext) = ("gemma3.rope.local.freq_base", "gemma3.rope.scaling.yarn_ext_factor");
        check("gemma3", &[(base, Value::F32(1e4)), (ext, Value::F32(0.5))], &[base, ext]);
        let text = Value::String("longer".to_owned());
        check("llama", &[("llama.rope.new", text)], &["llama.rope.new"]);
    }

    #[test]
    fn what_one_architecture_reads_another_may_not() {
        for (key, reader, other) in [
            ("rope.freq_base_swa", "gemma3", "gemma2"),
            ("expert_weights_scale", "deepseek2", "qwen3"),
            ("attention.temperature_scale", "mistral3", "gemma4"),
            ("ssm.conv_kernel", "falcon-h1", "llama"),
            ("altup.num_inputs", "gemma3n", "gemma4"),
        ] {
            let (read, unread) = (format!("{reader}.{key}"), format!("{other}.{key}"));
            check(reader, &[(read.as_str(), Value::U32(4))], &[]);
            check(other, &[(unread.as_str(), Value::U32(4))], &[unread.as_str()]);
        }
    }

    #[test]
    fn what_changes_nothing_is_not_named() {
        let (one, text) = (Value::F32(1.0), Value::String("jploski".to_owned()));
        check("falcon", &[("falcon.tensor_data_layout", text)], &[]);
        check("qwen3", &[("qwen3.rope.scaling.yarn_ext_factor", one.clone())], &[]);
        check("llama", &[("llama.novel", Value::Bool(false))], &[]);
        check("qwen3", &[("qwen3.novel", Value::U32(0)), ("qwen2.novel", one.clone())], &[]);
        check("llama", &[("general.novel", one.clone()), ("llama4.novel", one.clone())], &[]);
        check("mamba2", &[("mamba2.novel", one)], &[]);
    }

    /// A key that is listed and that nobody reads would be passed over in silence.
    #[test]
    fn every_key_that_is_listed_is_read_somewhere() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let code = code(&source.join("arch")) + &code(&source.join("layers"));
        let own = ARCHITECTURES.iter().flat_map(|it| it.keys);
        for key in own.copied().chain([ALWAYS]).flatten() {
            let is_there = |name: &str| code.contains(&format!("\"{name}\""));
            let is_read = is_there(key) || key.strip_suffix("_swa").is_some_and(is_there);
            assert!(is_read, "`{key}` is in the table, and nobody reads it");
        }
    }

    /// What lies in `folder`, but this file.
    fn code(folder: &Path) -> String {
        let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        let others = entries.filter(|it| !it.ends_with("keys.rs"));
        let text = |it: &Path| if it.is_dir() { code(it) } else { fs::read_to_string(it).unwrap() };
        others.map(|it| text(&it)).collect()
    }
}
