//! `config.json`: mapped, known to change nothing, neutral, listed, or an error; never ignored.

use std::fs;

use loader::{Array, ModelFile, Value};
use serde_json::{Value as Json, json};

use super::{TENSORS, folder, llama, model, open, refusal, zeros};

/// The llama with these keys changed.
fn with(changes: Json) -> Json {
    let mut config = llama();
    for (key, value) in changes.as_object().expect("an object") {
        config[key] = value.clone();
    }
    config
}

fn opened(changes: Json) -> ModelFile {
    open(model(&with(changes)).path()).expect("a model")
}

#[track_caller]
fn check(changes: Json, text: &str) {
    assert_eq!(refusal(model(&with(changes)).path()), text);
}

#[test]
fn values_that_cannot_be_followed() {
    check(
        json!({ "hidden_act": "gelu" }),
        "`hidden_act` in `config.json` is `\"gelu\"`, expected `silu` or `swish`",
    );
    check(
        json!({ "hidden_size": -1 }),
        "`hidden_size` in `config.json` is `-1`, expected a whole number below 2^32",
    );
    check(json!({ "hidden_size": null }), "`config.json` has no `hidden_size`");
    check(
        json!({ "rms_norm_eps": "x" }),
        "`rms_norm_eps` in `config.json` is `\"x\"`, expected a number",
    );
    check(
        json!({ "num_attention_heads": 3 }),
        "`num_attention_heads` in `config.json` is `3`, expected a divisor of `hidden_size`, 4",
    );
    check(
        json!({ "num_attention_heads": 0 }),
        "`num_attention_heads` in `config.json` is `0`, expected a divisor of `hidden_size`, 4",
    );
    check(
        json!({ "tie_word_embeddings": 1 }),
        "`tie_word_embeddings` in `config.json` is `1`, expected true or false",
    );
}

#[test]
fn keys_that_change_results_are_not_ignored() {
    let class = "which a `LlamaForCausalLM` is not known to have";
    check(
        json!({ "residual_multiplier": 0.22 }),
        &format!("`residual_multiplier` in `config.json` is `0.22`, {class}"),
    );
    check(
        json!({ "quantization_config": { "quant_method": "exl2" } }),
        "`quant_method` in `config.json` is `\"exl2\"`, expected `fp8`, `fbgemm_fp8`, `mxfp4`, `gptq` or `awq`",
    );
    check(
        json!({ "sliding_window": 16 }),
        &format!("`sliding_window` in `config.json` is `16`, {class}"),
    );
    let file = opened(json!({
        "residual_multiplier": 1.0, "sliding_window": null, "use_qk_norm": false, "alibi": false,
    }));
    assert_eq!(file.metadata.get("ingle.config.unread_keys"), None);
}

#[test]
fn keys_that_nobody_knows_are_listed() {
    let file = opened(json!({ "favourite_colour": "blue", "nothing": null }));
    let listed = Value::Array(Array::String(["favourite_colour"].into_iter().collect()));
    assert_eq!(file.metadata.get("ingle.config.unread_keys"), Some(&listed));
}

#[test]
fn flags_and_tensors_must_agree() {
    check(
        json!({ "attention_bias": true }),
        "`attention_bias` in `config.json` is true, but tensor `blk.0.attn_q.bias` is not there",
    );
    let mut tensors = TENSORS.to_vec();
    tensors.push(("model.layers.0.mlp.up_proj.bias", &[8]));
    let dir = model(&llama());
    fs::write(dir.path().join("model.safetensors"), zeros(&tensors)).expect("a file");
    assert_eq!(
        refusal(dir.path()),
        "`mlp_bias` in `config.json` is false, but tensor `blk.0.ffn_up.bias` is there"
    );
    fs::write(dir.path().join("model.safetensors"), zeros(&TENSORS[..2])).expect("a file");
    assert_eq!(
        refusal(dir.path()),
        "`tie_word_embeddings` in `config.json` is false, but tensor `output.weight` is not there"
    );
}

#[test]
fn a_tied_head_is_the_table() {
    let file = opened(json!({ "tie_word_embeddings": true }));
    assert!(!file.tensors.contains_key("output.weight"));
}

#[test]
fn tensors_of_another_kind_are_named() {
    let mut tensors = TENSORS.to_vec();
    tensors.push(("model.layers.0.self_attn.q_norm.weight", &[2]));
    let weights = zeros(&tensors);
    let config = llama().to_string();
    let dir = folder(&[("config.json", config.as_bytes()), ("model.safetensors", &weights)]);
    assert_eq!(
        refusal(dir.path()),
        "tensor `model.layers.0.self_attn.q_norm.weight` is not one of a `LlamaForCausalLM`"
    );
    let i64 = r#"{"lm_head.weight":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
    let weights = super::file(i64, &[0; 8]);
    let dir = folder(&[("config.json", config.as_bytes()), ("model.safetensors", &weights)]);
    let text = "tensor `lm_head.weight` is of type I64, expected F32, F16 or BF16";
    assert_eq!(refusal(dir.path()), text);
}

#[test]
fn rope_in_both_spellings() {
    let old = json!({ "rope_theta": 5e5, "rope_scaling": { "type": "linear", "factor": 4.0 } });
    let new = json!({
        "rope_parameters": { "rope_type": "linear", "factor": 4.0, "rope_theta": 5e5 },
    });
    for config in [old, new] {
        let file = opened(config);
        let get = |key: &str| file.metadata.get(&format!("llama.rope.{key}")).cloned();
        assert_eq!(get("freq_base"), Some(Value::F32(5e5)));
        assert_eq!(get("scaling.type"), Some(Value::String("linear".to_owned())));
        assert_eq!(get("scaling.factor"), Some(Value::F32(4.0)));
    }
    let default =
        opened(json!({ "rope_parameters": { "rope_type": "default", "rope_theta": 3.0 } }));
    assert_eq!(default.metadata.get("llama.rope.freq_base"), Some(&Value::F32(3.0)));
    assert_eq!(default.metadata.get("llama.rope.scaling.type"), None);
}

#[test]
fn rope_that_changes_beyond_the_context_alone() {
    let file = opened(json!({ "rope_scaling": { "type": "dynamic", "factor": 2.0 } }));
    let get = |key: &str| file.metadata.get(&format!("llama.rope.scaling.{key}")).cloned();
    assert_eq!(get("type"), Some(Value::String("dynamic".to_owned())));
    assert_eq!(get("factor"), Some(Value::F32(2.0)));
}

#[test]
fn rope_of_yarn() {
    let file = opened(json!({
        "max_position_embeddings": 64,
        "rope_scaling": { "rope_type": "yarn", "factor": 2.0, "beta_fast": 16 },
    }));
    let get = |key: &str| file.metadata.get(&format!("llama.rope.scaling.{key}")).cloned();
    assert_eq!(get("type"), Some(Value::String("yarn".to_owned())));
    assert_eq!(get("original_context_length"), Some(Value::U32(64)));
    assert_eq!(get("yarn_beta_fast"), Some(Value::F32(16.0)));
}

/// Not of Phi alone; what stands beside the scaling goes before what stands in it.
#[test]
fn rope_with_factors_for_short_and_long_texts() {
    let rope = |changes: Json| {
        let mut rope = json!({
            "type": "longrope", "long_factor": [4.0], "short_factor": [1.5],
            "original_max_position_embeddings": 32,
        });
        for (key, value) in changes.as_object().expect("an object") {
            rope[key] = value.clone();
        }
        json!({ "max_position_embeddings": 64, "rope_scaling": rope })
    };
    let gain = |factor: f32, original: f32| (1.0 + factor.ln() / original.ln()).sqrt();
    let check = |config: Json, original: u32, gain: f32| {
        let file = opened(config);
        let get = |key: &str| file.metadata.get(&format!("llama.rope.scaling.{key}")).cloned();
        assert_eq!(get("original_context_length"), Some(Value::U32(original)));
        let Some(Value::F32(found)) = get("attn_factor") else { panic!("no gain") };
        assert!((found - gain).abs() < 1e-6, "{found}, expected {gain}");
        for (set, factor) in [("short", 1.5), ("long", 4.0)] {
            let tensor = &file.tensors[&format!("rope_factors_{set}.weight")];
            assert_eq!(tensor.numbers(), [factor]);
        }
        assert_eq!(file.metadata.get("ingle.config.unread_keys"), None);
    };
    check(rope(json!({})), 32, gain(2.0, 32.0));
    check(rope(json!({ "factor": 8.0 })), 32, gain(8.0, 32.0));
    check(rope(json!({ "attention_factor": 1.25 })), 32, 1.25);
    check(rope(json!({ "type": null, "rope_type": "longrope" })), 32, gain(2.0, 32.0));
    let mut beside = rope(json!({}));
    beside["original_max_position_embeddings"] = json!(16);
    check(beside, 16, gain(4.0, 16.0));
    let absent = json!({ "original_max_position_embeddings": null });
    check(rope(absent), 64, 1.0);
}

#[test]
fn rope_that_cannot_be_followed() {
    let rope = |scaling: Json| json!({ "rope_scaling": scaling });
    check(
        rope(json!({ "type": "ntk", "factor": 2.0 })),
        "`type` in `config.json` is `\"ntk\"`, \
         expected `default`, `linear`, `dynamic`, `llama3`, `longrope` or `yarn`",
    );
    check(rope(json!({ "type": "linear" })), "`config.json` has no `factor`");
    check(
        rope(json!({ "type": "linear", "factor": 0 })),
        "`factor` in `config.json` is `0`, expected a number above 0",
    );
    check(
        rope(json!({ "type": "linear", "factor": 2, "mscale": 2 })),
        "`mscale` in `config.json` is `2`, expected no such parameter of this `rope_type`",
    );
    check(
        rope(json!({
            "rope_type": "llama3", "factor": 8, "low_freq_factor": 5, "high_freq_factor": 4,
            "original_max_position_embeddings": 64,
        })),
        "`low_freq_factor` in `config.json` is `5`, expected at most `high_freq_factor`",
    );
    check(
        json!({ "rope_scaling": { "type": "linear", "factor": 2 }, "rope_parameters": {} }),
        "`rope_scaling` in `config.json` is `{\"type\":\"linear\",\"factor\":2}`, \
         expected what `rope_parameters` says",
    );
}

/// Parameters of positions that a family is not known to have are not passed over.
#[test]
fn rope_by_kind_of_layer_is_followed_whole_or_refused() {
    let check = |class: &str, model_type: &str, key: &str, rope: Json, text: &str| {
        check(json!({ "architectures": [class], "model_type": model_type, key: rope }), text);
    };
    let unknown = "expected no such parameter of this `rope_type`";
    let gemma = |rope: Json, text: &str| {
        check("Gemma3nForCausalLM", "gemma3n_text", "rope_parameters", rope, text);
    };
    gemma(
        json!({ "full_attention": { "rope_type": "linear", "factor": 8.0 } }),
        "`rope_type` in `config.json` is `\"linear\"`, expected `default`",
    );
    gemma(
        json!({ "sliding_attention": { "novel": 2 } }),
        &format!("`novel` in `config.json` is `2`, {unknown}"),
    );
    gemma(
        json!({ "rope_theta": 5.0 }),
        "`rope_theta` in `config.json` is `5.0`, expected `full_attention` and `sliding_attention` alone",
    );
    check(
        "Gemma4ForCausalLM",
        "gemma4_text",
        "rope_parameters",
        json!({ "full_attention": { "rope_type": "proportional", "factor": 2.0 } }),
        &format!("`factor` in `config.json` is `2.0`, {unknown}"),
    );
    let factors = json!([1.0, 2.0]);
    let long = |name: &str, value: f64, text: &str| {
        let rope = json!({
            "type": "longrope", "long_factor": factors, "short_factor": factors, name: value,
        });
        check("Phi3ForCausalLM", "phi3", "rope_scaling", rope, text);
    };
    long("novel", 2.0, &format!("`novel` in `config.json` is `2.0`, {unknown}"));
    let share = "partial_rotary_factor";
    long(
        share,
        0.5,
        &format!("`{share}` in `config.json` is `0.5`, expected the same as beside it"),
    );
}

#[test]
fn a_head_is_not_as_wide_as_memory() {
    check(
        json!({
            "head_dim": 4294967294u32,
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
                "original_max_position_embeddings": 64,
            },
        }),
        "`head_dim` in `config.json` is `4294967294`, expected an even number up to 4096",
    );
}

#[test]
fn windows() {
    let window = |config: Json| {
        let file = open(model(&config).path()).expect("a model");
        let key = format!("{}.attention.sliding_window", file.architecture());
        file.metadata.u64(&key).expect("a number")
    };
    let mistral = |changes: Json| {
        let mut config = with(changes);
        config["architectures"] = json!(["MistralForCausalLM"]);
        config["model_type"] = json!("mistral");
        config
    };
    assert_eq!(window(mistral(json!({ "sliding_window": 16 }))), Some(16));
    assert_eq!(window(mistral(json!({ "sliding_window": null }))), None);
    assert_eq!(window(mistral(json!({}))), Some(4096), "transformers' default");
    let qwen = |changes: Json| {
        let mut config = with(changes);
        config["architectures"] = json!(["Qwen2ForCausalLM"]);
        config["model_type"] = json!("qwen2");
        config
    };
    let used = |first: u32| json!({ "sliding_window": 16, "use_sliding_window": true, "max_window_layers": first });
    assert_eq!(window(qwen(json!({ "sliding_window": 16, "use_sliding_window": false }))), None);
    assert_eq!(window(qwen(used(0))), Some(16));
    assert_eq!(window(qwen(used(1))), None);
    let types = json!({ "layer_types": ["sliding_attention"], "sliding_window": 16 });
    assert_eq!(
        refusal(model(&qwen(types)).path()),
        "`layer_types` in `config.json` is `[\"sliding_attention\"]`, \
         expected `full_attention` for all layers"
    );
}

/// Which layers have a window, where that is not all of them or none.
#[test]
fn windows_of_some_layers() {
    let check = |class: &str, model_type: &str, changes: Json, expected: &[u8]| {
        let mut config = with(json!({
            "architectures": [class], "model_type": model_type, "num_hidden_layers": 4,
            "sliding_window": 16, "use_sliding_window": true,
        }));
        for (key, value) in changes.as_object().expect("an object") {
            config[key] = value.clone();
        }
        let file = open(model(&config).path()).expect("a model");
        let get = |key: &str| file.metadata.get(&format!("{}.{key}", file.architecture())).cloned();
        let pattern = expected.iter().map(|it| *it == 1).collect();
        assert_eq!(
            get("attention.sliding_window_pattern"),
            Some(Value::Array(Array::Bool(pattern))),
            "{class}: {changes}"
        );
        assert_eq!(get("attention.sliding_window"), Some(Value::U32(16)));
    };
    let types =
        json!(["full_attention", "sliding_attention", "sliding_attention", "full_attention"]);
    let first = |n: u32| json!({ "max_window_layers": n });
    for (class, model_type) in [("Qwen2ForCausalLM", "qwen2"), ("Qwen3ForCausalLM", "qwen3")] {
        let types = json!({ "layer_types": types, "max_window_layers": 3 });
        check(class, model_type, first(3), &[0, 0, 0, 1]);
        check(class, model_type, types, &[0, 1, 1, 0]);
    }
    check("Qwen2MoeForCausalLM", "qwen2_moe", experts(first(28)), &[1, 0, 1, 0]);
    check("Qwen2MoeForCausalLM", "qwen2_moe", experts(first(1)), &[1, 0, 0, 0]);
    check("SmolLM3ForCausalLM", "smollm3", json!({}), &[0, 0, 0, 1]);
    check(
        "SmolLM3ForCausalLM",
        "smollm3",
        json!({ "no_rope_layers": [0, 1, 0, 1] }),
        &[1, 0, 1, 0],
    );
    let types = json!({ "layer_types": types, "use_sliding_window": null });
    check("MinistralForCausalLM", "ministral", types, &[0, 1, 1, 0]);
}

/// Without biases, which the tensors here do not have.
fn experts(mut changes: Json) -> Json {
    changes["qkv_bias"] = json!(false);
    changes
}

/// Where transformers has the window in all layers, whatever else is stated.
#[test]
fn windows_of_all_layers() {
    let window = |class: &str, model_type: &str, changes: Json| {
        let mut config = with(changes);
        config["architectures"] = json!([class]);
        config["model_type"] = json!(model_type);
        let file = open(model(&config).path()).expect("a model");
        let get = |key: &str| file.metadata.get(&format!("{}.{key}", file.architecture())).cloned();
        assert_eq!(get("attention.sliding_window_pattern"), None);
        get("attention.sliding_window").and_then(|it| it.as_u64())
    };
    let used = json!({ "sliding_window": 16, "use_sliding_window": true, "max_window_layers": 1, "num_hidden_layers": 2 });
    assert_eq!(window("Qwen3MoeForCausalLM", "qwen3_moe", used), Some(16));
    let ministral = |changes: Json| window("MinistralForCausalLM", "ministral", changes);
    assert_eq!(ministral(json!({})), Some(4096), "transformers' default");
    assert_eq!(ministral(json!({ "sliding_window": null })), None);
    assert_eq!(
        ministral(json!({ "sliding_window": 16, "layer_types": ["sliding_attention"] })),
        Some(16)
    );
    assert_eq!(ministral(json!({ "sliding_window": 16, "layer_types": ["full_attention"] })), None);
}

#[test]
fn the_language_model_of_ministral_3_alone() {
    let config = |changes: Json| {
        let mut config = with(changes);
        config["architectures"] = json!(["Ministral3ForCausalLM"]);
        config["model_type"] = json!("ministral3");
        config
    };
    let file = open(model(&config(json!({
        "head_dim": 2,
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 1e6, "factor": 16.0, "mscale": 1.0, "mscale_all_dim": 1.0,
            "original_max_position_embeddings": 16384, "max_position_embeddings": 262144,
            "llama_4_scaling_beta": 0.1,
        },
    }))).path()).expect("a model");
    let get = |key: &str| file.metadata.get(&format!("mistral3.{key}")).cloned();
    assert_eq!(file.architecture(), "mistral3");
    assert_eq!(get("rope.scaling.factor"), Some(Value::F32(16.0)));
    assert_eq!(get("attention.temperature_scale"), Some(Value::F32(0.1)));
    assert_eq!(get("attention.sliding_window"), None);
    assert_eq!(
        refusal(model(&config(json!({}))).path()),
        "`config.json` has no `rope_parameters`",
        "transformers' default is no model's"
    );
}

#[test]
fn a_config_that_is_none() {
    let weights = zeros(TENSORS);
    let json = "`config.json` is not the JSON that it has to be: ";
    for (config, why) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "expected an object"),
        (&"[".repeat(1000), "recursion limit exceeded at line 1 column 128"),
    ] {
        let dir = folder(&[("config.json", config.as_bytes()), ("model.safetensors", &weights)]);
        assert_eq!(refusal(dir.path()), format!("{json}{why}"));
    }
}
