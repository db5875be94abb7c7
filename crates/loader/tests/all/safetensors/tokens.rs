//! Special tokens, templates, sampling defaults and the licence of a folder.

use std::fs;

use loader::{Array, ModelFile, Value};
use serde_json::{Value as Json, json};

use super::{llama, model, open, refusal};

/// The llama with these files beside it.
fn with(files: &[(&str, &str)]) -> ModelFile {
    let mut config = llama();
    config["eos_token_id"] = json!([2, 3]);
    let dir = model(&config);
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    open(dir.path()).expect("a model")
}

#[track_caller]
fn check(file: &ModelFile, key: &str, value: Value) {
    assert_eq!(file.metadata.get(key), Some(&value), "{key}");
}

fn text(it: &str) -> Value {
    Value::String(it.to_owned())
}

fn tokenizer(post_processor: Json) -> String {
    let added = json!([{ "id": 4, "content": "<a>" }, { "id": 5, "content": "<b>" }]);
    json!({ "added_tokens": added, "post_processor": post_processor }).to_string()
}

#[test]
fn special_tokens_come_from_the_tokenizer_first() {
    let settings = json!({ "eos_token": { "content": "<b>" }, "unk_token": null }).to_string();
    let file = with(&[
        ("tokenizer.json", &tokenizer(Json::Null)),
        ("tokenizer_config.json", &settings),
        ("special_tokens_map.json", r#"{"bos_token": "<a>"}"#),
        ("generation_config.json", r#"{"eos_token_id": 7, "pad_token_id": 1}"#),
    ]);
    check(&file, "tokenizer.ggml.bos_token_id", Value::U32(4));
    check(&file, "tokenizer.ggml.eos_token_id", Value::U32(5));
    check(&file, "tokenizer.ggml.padding_token_id", Value::U32(1));
    check(&file, "tokenizer.ggml.eos_token_ids", Value::Array(Array::U32(vec![7, 2, 3, 5])));
    assert_eq!(file.metadata.get("tokenizer.ggml.unknown_token_id"), None);
    assert!(file.tokenizer_json.is_some_and(|it| it.starts_with(b"{")));
}

#[test]
fn special_tokens_come_from_the_config_else() {
    let file = with(&[]);
    check(&file, "tokenizer.ggml.eos_token_id", Value::U32(2));
    check(&file, "tokenizer.ggml.eos_token_ids", Value::Array(Array::U32(vec![2, 3])));
    assert_eq!(file.metadata.get("tokenizer.ggml.add_bos_token"), None);
}

#[test]
fn the_post_processor_says_what_is_added() {
    let template = json!({
        "type": "TemplateProcessing",
        "single": [{ "SpecialToken": { "id": "<a>" } }, { "Sequence": { "id": "A" } }],
    });
    let several = json!({ "type": "Sequence", "processors": [{ "type": "ByteLevel" }, template] });
    let settings = json!({ "bos_token": "<a>", "eos_token": "<b>" });
    for post_processor in [template, several] {
        let file = with(&[
            ("tokenizer.json", &tokenizer(post_processor)),
            ("tokenizer_config.json", &settings.to_string()),
        ]);
        check(&file, "tokenizer.ggml.add_bos_token", Value::Bool(true));
        assert_eq!(file.metadata.get("tokenizer.ggml.add_eos_token"), None);
    }
    let mut stated = settings;
    stated["add_bos_token"] = json!(false);
    let file = with(&[("tokenizer_config.json", &stated.to_string())]);
    check(&file, "tokenizer.ggml.add_bos_token", Value::Bool(false));
}

#[test]
fn templates_in_a_file_of_their_own_come_first() {
    let settings = ("tokenizer_config.json", r#"{"chat_template": "old"}"#);
    check(&with(&[settings]), "tokenizer.chat_template", text("old"));
    let json = ("chat_template.json", r#"{"chat_template": "newer"}"#);
    check(&with(&[settings, json]), "tokenizer.chat_template", text("newer"));
    let jinja = ("chat_template.jinja", "newest");
    let named = ("additional_chat_templates/rag.jinja", "for documents");
    let file = with(&[settings, json, jinja, named]);
    check(&file, "tokenizer.chat_template", text("newest"));
    check(&file, "tokenizer.chat_template.rag", text("for documents"));
}

#[test]
fn named_templates() {
    let templates = json!([
        { "name": "default", "template": "plain" },
        { "name": "tool_use", "template": "tools" },
    ]);
    let settings = json!({ "chat_template": templates }).to_string();
    let file = with(&[("tokenizer_config.json", &settings)]);
    check(&file, "tokenizer.chat_template", text("plain"));
    check(&file, "tokenizer.chat_template.tool_use", text("tools"));
}

#[test]
fn sampling_defaults() {
    let stated = json!({
        "do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1,
    });
    let file = with(&[("generation_config.json", &stated.to_string())]);
    check(&file, "general.sampling.temp", Value::F32(0.7));
    check(&file, "general.sampling.top_p", Value::F32(0.8));
    check(&file, "general.sampling.top_k", Value::I32(20));
    check(&file, "general.sampling.penalty_repeat", Value::F32(1.1));
    let mut greedy = stated;
    greedy["do_sample"] = json!(false);
    let file = with(&[("generation_config.json", &greedy.to_string())]);
    assert_eq!(file.metadata.get("general.sampling.temp"), None);
}

#[test]
fn the_licence_is_on_the_card() {
    let card = "---\nlanguage:\n- en\nlicense: other\nlicense_name: \"x-1\"\n---\nlicense: no\n";
    let file = with(&[("README.md", card)]);
    check(&file, "general.license", text("other"));
    check(&file, "general.license.name", text("x-1"));
    assert_eq!(file.metadata.get("general.license.link"), None);
    let file = with(&[("README.md", "license: mit")]);
    assert_eq!(file.metadata.get("general.license"), None, "no front matter");
}

#[test]
fn files_that_are_no_json_are_named() {
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        let dir = model(&llama());
        fs::write(dir.path().join(name), "{").expect("a file");
        let found = refusal(dir.path());
        let expected = format!("`{name}` is not the JSON that it has to be: EOF while parsing");
        assert!(found.starts_with(&expected), "{found}");
    }
    for name in ["config.json", "tokenizer_config.json", "special_tokens_map.json"] {
        let dir = model(&llama());
        fs::write(dir.path().join(name), "[]").expect("a file");
        let expected = format!("`{name}` is not the JSON that it has to be: expected an object");
        assert_eq!(refusal(dir.path()), expected);
    }
    let dir = model(&llama());
    fs::write(dir.path().join("chat_template.jinja"), b"\xff").expect("a file");
    assert_eq!(refusal(dir.path()), "`chat_template.jinja` is not UTF-8");
}
