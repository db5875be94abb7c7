//! What `ingle check` compares texts with, made from the golden data: ids of llama.cpp's vocabularies
//! and renderings of real chat templates, both recorded from their own implementations.
//!
//! `UPDATE_EXPECT=1` writes the files anew.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use check::{Fnv, vocabulary};
use engine::Tokenizer;
use expect_test::expect_file;
use ingle_tests::{files, golden, root};
use loader::ModelFile;
use serde_json::{Value as Json, json};

/// The texts that are kept of each vocabulary's.
const TEXTS: [&str; 12] = [
    "ied 4 ½ months",
    "\t\n",
    " Hello World!",
    "Hello, y'all! How are you 😁 ?我想在apple工作1314151天～",
    "w048 7tuijk dsdfhu",
    "нещо на Български",
    "កាន់តែពិសេសអាចខលចេញ",
    "🚀 (normal) 😶‍🌫️ (multiple emojis concatenated) ✅ (only emoji that has its own token)",
    "    Hello\n    Hello",
    "' era",
    "333333333",
    "!!!!!!",
];

/// Conversations of the golden battery: the case, whether the assistant is to answer, with tools.
const CASES: [(&str, bool, bool); 8] = [
    ("user", true, false),
    ("user", true, true),
    ("system_user", true, false),
    ("user_assistant_user", true, false),
    ("user_assistant_user", false, false),
    ("system_user_assistant_user", true, false),
    ("system_user_assistant_user", true, true),
    ("tool_call", true, true),
];

fn fixture(name: &str) -> PathBuf {
    root().join("crates/check/fixtures").join(name)
}

#[test]
fn golden_ids_are_those_of_the_recorded_vocabularies() {
    let Some(golden) = golden() else { return };
    let mut lines: Vec<(String, String)> = Vec::new();
    for path in files(&golden.join("vocabs"), "gguf") {
        let file = ModelFile::open(&path, &[]).expect("a sound file");
        let tokenizer = Tokenizer::load(&file).expect("a sound vocabulary");
        let hash = vocabulary(&tokenizer).to_string();
        let name = path.file_stem().unwrap().to_string_lossy().replace("ggml-vocab-", "");
        let Some(ids) = recorded(&path) else { continue };
        // Phi 3 has the pieces of Llama 2.
        if let Some((_, line)) = lines.iter().find(|it| it.0 == hash) {
            assert!(line.ends_with(&format!("{ids}}}")), "{name}: one vocabulary, other ids");
            continue;
        }
        let line = format!("{{\"name\": \"{name}\", \"hash\": \"{hash}\",\n   \"ids\": {ids}}}");
        lines.push((hash, line));
    }
    let lines: Vec<String> = lines.into_iter().map(|it| it.1).collect();
    let texts: Vec<String> = TEXTS.iter().map(|it| format!("  {}", json!(it))).collect();
    let made = format!(
        "{{\"texts\": [\n{}\n ],\n \"vocabularies\": [\n  {}\n ]}}\n",
        texts.join(",\n"),
        lines.join(",\n  ")
    );
    expect_file![fixture("tokens.json")].assert_eq(&made);
}

/// The ids of [`TEXTS`] in the files beside a vocabulary, as JSON; `None` if it has other texts.
fn recorded(path: &Path) -> Option<String> {
    let with = |end: &str| fs::read_to_string(format!("{}.{end}", path.display())).expect("text");
    let (inputs, outputs) = (with("inp"), with("out"));
    let inputs: Vec<_> = inputs.split("\n__ggml_vocab_test__\n").collect();
    let outputs: Vec<_> = outputs.lines().collect();
    let ids = TEXTS.map(|text| {
        let at = inputs.iter().position(|it| *it == text)?;
        let ids: Vec<&str> = outputs.get(at)?.split_whitespace().collect();
        Some(format!("[{}]", ids.join(",")))
    });
    let ids: Option<Vec<String>> = ids.into_iter().collect();
    Some(format!("[{}]", ids?.join(",\n    ")))
}

#[test]
fn golden_renderings_are_those_of_the_recorded_templates() {
    let Some(golden) = golden() else { return };
    let folder = golden.join("chat_templates");
    let cases: Json = serde_json::from_str(&read(&folder.join("cases.json"))).expect("JSON");
    let texts = ["bos_token", "eos_token", "now"].map(|key| cases[key].as_str());
    assert_eq!(texts, [Some("<s>"), Some("</s>"), Some("2025-01-15T12:00:00")]);
    let conversations = CASES.map(|(name, answers, tools)| {
        json!({
            "name": name,
            "messages": cases["cases"][name],
            "tools": if tools { cases["tools"].clone() } else { json!([]) },
            "add_generation_prompt": answers,
        })
    });
    let made = format!("{:#}\n", Json::from(conversations.to_vec()));
    expect_file![fixture("conversations.json")].assert_eq(&made);

    let expected = read(&folder.join("expected.jsonl"));
    let expected: Vec<Json> = expected
        .lines()
        .filter(|it| !it.is_empty())
        .map(|it| serde_json::from_str(it).expect("a JSON line"))
        .collect();
    let mut made = "# A template's hash, then those of its renderings of `conversations.json`; \
                    `-` where transformers makes none.\n"
        .to_owned();
    let mut seen = Vec::new();
    for path in files(&folder.join("all"), "jinja") {
        let hash = Fnv::of(&read(&path)).to_string();
        if seen.contains(&hash) {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Writing to a string cannot fail.
        let _ = writeln!(made, "{hash} {}", renderings(&name, &expected));
        seen.push(hash);
    }
    expect_file![fixture("templates.txt")].assert_eq(&made);
}

fn renderings(template: &str, expected: &[Json]) -> String {
    let hashes = CASES.map(|(case, answers, tools)| {
        let line = expected.iter().find(|it| {
            it["template"] == template
                && it["case"] == case
                && it["add_generation_prompt"] == answers
                && it["tools"] == tools
        });
        let rendered = line.and_then(|it| it["rendered"].as_str());
        rendered.map_or_else(|| "-".to_owned(), |it| Fnv::of(it).to_string())
    });
    hashes.join(" ")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
