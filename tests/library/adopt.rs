//! What other programs have is used where it lies.

use std::{fs, path::PathBuf};

use loader::Value;

use super::*;

/// A place where Ollama has the scripted model as `parrot:latest`, with a template of its own.
struct Shared {
    place: Place,
    blob: PathBuf,
}

fn shared() -> Shared {
    shared_with(&parrot::file(), &[])
}

/// With these layers, too.
fn shared_with(model: &[u8], more: &[(&str, &str)]) -> Shared {
    let place = Place::new();
    let layer = |kind: &str, bytes: &[u8]| {
        let digest = Sha256Hex::of(bytes);
        let path = place.file(&format!("ollama/blobs/sha256-{digest}"), bytes);
        let kind = format!("application/vnd.ollama.image.{kind}");
        let digest = format!("sha256:{digest}");
        (path, serde_json::json!({"mediaType": kind, "digest": digest, "size": bytes.len()}))
    };
    let (blob, weights) = layer("model", model);
    let (_, template) = layer("template", b"{{ .Prompt }}");
    let more = more.iter().map(|(kind, text)| layer(kind, text.as_bytes()).1);
    let layers: Vec<_> = [weights, template].into_iter().chain(more).collect();
    let manifest = serde_json::json!({ "layers": layers }).to_string();
    place.file("ollama/manifests/registry.ollama.ai/library/parrot/latest", manifest);
    place.file("ollama/manifests/registry.ollama.ai/library/empty/1b", r#"{"layers": []}"#);
    Shared { place, blob }
}

impl Shared {
    fn run(&self, args: &[&str]) -> String {
        let home = self.place.path().join("home").display().to_string();
        let ollama = self.place.path().join("ollama").display().to_string();
        let none = self.place.path().join("none").display().to_string();
        let variables = [
            ("HOME", home.as_str()),
            ("OLLAMA_MODELS", &ollama),
            ("LLAMA_CACHE", &none),
            ("HF_HUB_CACHE", &none),
        ];
        self.place.run_with(args, b"", &variables)
    }
}

#[test]
fn a_model_of_ollama_is_used_in_place() {
    let shared = shared();
    let told = shared.run(&["adopt"]);
    let row = told.lines().find(|it| it.starts_with("parrot:latest  "));
    assert!(row.is_some_and(|it| it.ends_with("KiB  ollama")), "{told}");
    assert!(told.contains(" is passed over: its weights are not one GGUF file\n"), "{told}");
    expect![[r#"
        exit 1
        -- stderr
        note: `[DIR]/ollama/manifests/registry.ollama.ai/library/empty/1b` is passed over: its weights are not one GGUF file
        error: no other program was found to have `parot`

        hint: `ingle adopt` lists what they have, such as `parrot:latest`
    "#]].assert_eq(&shared.run(&["adopt", "parot"]));
    expect![[r#"
        exit 0
        -- stderr
        note: `[DIR]/ollama/manifests/registry.ollama.ai/library/empty/1b` is passed over: its weights are not one GGUF file
        `parrot:latest` is adopted from ollama; `ingle run parrot:latest` runs it
    "#]].assert_eq(&shared.run(&["adopt", "parrot:latest"]));
    expect![[r#"
        exit 1
        -- stderr
        note: `[DIR]/ollama/manifests/registry.ollama.ai/library/empty/1b` is passed over: its weights are not one GGUF file
        error: there is a model `parrot:latest` already

        hint: `ingle rm parrot:latest` removes it
    "#]].assert_eq(&shared.run(&["adopt", "parrot:latest"]));
    expect![[r#"
        exit 0
        -- stderr
        note: `[DIR]/ollama/manifests/registry.ollama.ai/library/empty/1b` is passed over: its weights are not one GGUF file
        Nothing was found that is not in the library.
    "#]].assert_eq(&shared.run(&["adopt", "--all"]));
    let told = shared.run(&["run", "parrot", "--no-save", "hi"]);
    assert!(told.contains("Hello there, friend!"), "{told}");
    let told = shared.run(&["show", "parrot"]);
    assert!(
        told.ends_with("Ollama's template, which Ingle does not use:\n{{ .Prompt }}\n"),
        "{told}"
    );
    expect![[r#"
        exit 0
        -- stderr
        `parrot:latest` is forgotten; ollama keeps its files
    "#]]
    .assert_eq(&shared.run(&["rm", "-y", "parrot"]));
    assert!(shared.blob.is_file());
}

/// They change what it answers there, and not here.
#[test]
fn parameters_and_a_system_prompt_of_ollama_are_told_of() {
    let more = [("params", r#"{"temperature":0.3}"#), ("system", "You are a pirate.")];
    let shared = shared_with(&parrot::file(), &more);
    assert!(shared.run(&["adopt", "--all"]).starts_with("exit 0"));
    let told = shared.run(&["run", "parrot", "--no-save", "hi"]);
    let warning = "warning: Ollama's parameters and system prompt of `parrot:latest` are not used: \
                   `ingle show parrot:latest` shows them, flags such as `--temp` and `--system` set \
                   others\n";
    assert_eq!(told.matches(warning).count(), 1, "{told}");
    let json = shared.run(&["run", "parrot", "--no-save", "--json", "hi"]);
    assert!(json.contains("\"Ollama's parameters and system prompt of `parrot:latest`"), "{json}");
    assert!(!shared.run(&["tokenize", "parrot", "hi"]).contains("Ollama"));
    let told = shared.run(&["show", "parrot"]);
    for text in [
        "Ollama's parameters, which Ingle does not use:\n{\"temperature\":0.3}\n",
        "Ollama's system prompt, which Ingle does not use:\nYou are a pirate.\n",
    ] {
        assert!(told.contains(text), "{told}");
    }
    assert!(!self::shared().run(&["run", "parrot", "--no-save", "hi"]).contains("Ollama's"));
}

#[test]
fn what_its_owner_removed_is_told() {
    let shared = shared();
    assert!(shared.run(&["adopt", "--all"]).starts_with("exit 0"));
    fs::remove_file(&shared.blob).unwrap();
    let told = shared.run(&["run", "parrot", "--no-save", "hi"]);
    let blob = shared.blob.file_name().unwrap().to_str().unwrap();
    let missing = format!("error: `[DIR]/ollama/blobs/{blob}` is missing\n");
    assert!(told.contains(&missing), "{told}");
    let hint = "hint: ollama keeps the files of `parrot:latest` and may have removed them, or their \
                disk is not there: let it get them again, or forget the model: `ingle rm \
                parrot:latest`\n";
    assert!(told.ends_with(hint), "{told}");
    let verified = shared.run(&["verify", "parrot"]);
    assert!(verified.starts_with("exit 1") && verified.ends_with(hint), "{verified}");
}

#[test]
fn what_the_policy_denies_is_not_adopted() {
    let shared = shared();
    let policy = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"countries\"\n\
                  action = \"deny\"\nat = [\"import\"]\ncountry = [\"unknown\"]\n";
    shared.place.file("ingle-home/policy.toml", policy);
    let told = shared.run(&["adopt", "parrot:latest"]);
    let denied =
        "error: this site's policy does not allow to import `parrot:latest`: rule `countries`";
    assert!(told.starts_with("exit 1") && told.contains(denied), "{told}");
    assert!(library(&shared.place).entries().unwrap().is_empty());
}

/// What its program does not say of a model, the model's own file may.
#[test]
fn a_lineage_in_the_header_is_denied_before_it_is_adopted() {
    let model = parrot::with(|it| {
        it.set("general.base_model.count", Value::U32(1));
        let url = "https://huggingface.co/barred/base".to_owned();
        it.set("general.base_model.0.repo_url", Value::String(url));
    });
    let shared = shared_with(&model, &[]);
    let policy = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"lineage\"\n\
                  action = \"deny\"\nat = [\"import\"]\nlineage = [\"barred/*\"]\n";
    shared.place.file("ingle-home/policy.toml", policy);
    let told = shared.run(&["adopt", "parrot:latest"]);
    let denied = "does not allow to import `parrot:latest`: rule `lineage`";
    assert!(told.starts_with("exit 1") && told.contains(denied), "{told}");
    assert!(library(&shared.place).entries().unwrap().is_empty());
}

#[test]
fn where_no_other_program_is() {
    let place = Place::new();
    let none = place.path().display().to_string();
    let variables = [
        ("HOME", none.as_str()),
        ("OLLAMA_MODELS", &none),
        ("LLAMA_CACHE", &none),
        ("HF_HUB_CACHE", &none),
    ];
    expect![[r#"
        exit 0
        -- stderr
        No other program was found to have models; `ingle adopt --help` says where they are looked for.
    "#]].assert_eq(&place.run_with(&["adopt"], b"", &variables));
}
