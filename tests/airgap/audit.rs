//! The audit log: which models came, were loaded and went, who did it and how much was said, and never
//! what.

use std::{
    fs,
    path::{Path, PathBuf},
};

use expect_test::expect;
use ingle_tests::{binary::Place, parrot};
use loader::{Bytes, Format, ModelFile, Value, gguf::Writer};
use serde_json::Value as Json;
use store::digest::Sha256Hex;

/// A name in the environment is not who somebody is.
const ON: [(&str, &str); 2] = [("INGLE_AUDIT", "1"), ("USER", "alice")];

/// The log below `folder`, and its lines.
fn lines(folder: &Path) -> (PathBuf, String, Vec<Json>) {
    let mut files = fs::read_dir(folder).expect("a log").map(|it| it.expect("a file").path());
    let file = files.find(|it| it.extension().is_some_and(|it| it == "jsonl")).expect("a month");
    let text = fs::read_to_string(&file).expect("text");
    let lines = text.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
    (file, text, lines)
}

/// An adapter of the scripted model that adds nothing, and says that it was made from `lab/old`.
fn adapter() -> Vec<u8> {
    let model = ModelFile::from_bytes("parrot", Bytes::new(parrot::file()), &[]).expect("sound");
    let [rows, cols] = model.tensors["blk.0.attn_q.weight"].shape[..] else { panic!("a matrix") };
    let mut file = Writer::new();
    for (key, text) in [
        ("general.architecture", "llama"),
        ("general.type", "adapter"),
        ("adapter.type", "lora"),
        ("general.base_model.0.name", "lab/old"),
    ] {
        file.set(key, Value::String(text.to_owned()));
    }
    file.set("adapter.lora.alpha", Value::F32(1.0));
    file.set("general.base_model.count", Value::U32(1));
    for (name, shape) in [("lora_a", [1, cols]), ("lora_b", [rows, 1])] {
        let numbers = vec![0.0; shape[0] * shape[1]];
        let name = format!("blk.0.attn_q.weight.{name}");
        file.tensor(name, Format::F32, &shape, Format::F32.encode(&numbers));
    }
    file.to_bytes()
}

fn audit(place: &Place) -> PathBuf {
    place.path().join("ingle-home/audit")
}

/// Runs `ingle` beside a cache of llama.cpp that has the scripted model as `polly:polly`.
fn run(place: &Place, args: &[&str]) -> String {
    let cache = place.path().join("cache").display().to_string();
    let none = place.path().join("none").display().to_string();
    let places = [("LLAMA_CACHE", cache.as_str()), ("OLLAMA_MODELS", &none), ("HOME", &none)];
    let caches = [("HF_HUB_CACHE", none.as_str()), ("HF_HOME", &none)];
    place.run_with(args, b"", &[&ON[..], &places, &caches].concat())
}

#[test]
fn what_comes_and_goes_is_noted() {
    let place = crate::place();
    place.file("cache/polly.gguf", parrot::file());
    place.file("ingle-home/policy.toml", "version = 1\ndefault = \"allow\"\n");
    for args in [
        &["export", "parrot.gguf", "-o", "p.ingle"][..],
        &["import", "p.ingle"],
        // Nothing comes a second time.
        &["import", "p.ingle"],
        &["rm", "-y", "parrot"],
        &["adopt", "--all"],
    ] {
        let told = run(&place, args);
        assert!(told.starts_with("exit 0"), "{args:?}\n{told}");
    }
    let (_, _, entries) = lines(&audit(&place));
    let digest = Sha256Hex::of(&parrot::file()).to_string();
    let expected = [
        ("imported", "import", "parrot", Some("default")),
        ("removed", "rm", "parrot", None),
        ("adopted", "adopt", "polly:polly", Some("default")),
    ];
    assert_eq!(entries.len(), expected.len(), "{entries:#?}");
    for (entry, (event, verb, model, rule)) in entries.iter().zip(expected) {
        assert_eq!((&entry["event"], &entry["verb"]), (&event.into(), &verb.into()));
        assert_eq!((&entry["model"], &entry["sha256"]), (&model.into(), &digest.as_str().into()));
        assert_eq!(entry["policy"]["rule"], Json::from(rule), "{entry}");
        assert!(entry["who"].as_str().is_some_and(|it| it.starts_with("uid-")), "{entry}");
    }
    let told = place.run(&["audit", "verify"]);
    assert!(told.contains("\n1 adopted, 1 imported, 1 removed\n"), "{told}");
    let told = super::json(&place, &["audit", "verify", "--json"], &[]);
    assert_eq!(
        (&told["checked"]["entries"], &told["checked"]["events"]["removed"]),
        (&3.into(), &1.into())
    );
}

/// The log is there all the same.
#[test]
fn a_policy_that_cannot_be_used_keeps_nobody_from_a_log() {
    let place = crate::place();
    assert!(run(&place, &["tokenize", "parrot.gguf", "hi"]).starts_with("exit 0"));
    place.file("ingle-home/policy.toml", "version = 1\ndefault = \"allow\"\n");
    let public = fs::read(super::policy::key("p256.pub")).expect("a key of the tests");
    place.file("ingle-home/policy.pub", public);
    expect![[r#"
        exit 1
        -- stderr
        error: the policy, which says where the audit log lies, is of no use
          cause: `[DIR]/ingle-home/policy.toml` is not signed, expected `[DIR]/ingle-home/policy.toml.sig`

        hint: ask who keeps this machine's policy for the signed one; `ingle audit verify [DIR]/ingle-home/audit` looks at the log there
    "#]]
    .assert_eq(&place.run(&["audit", "verify"]));
    let folder = audit(&place).display().to_string();
    let told = place.run(&["audit", "verify", &folder]);
    assert!(told.starts_with("exit 0") && told.contains(" entries, unbroken, "), "{told}");
}

#[test]
fn what_may_not_come_in_is_noted() {
    let place = crate::place();
    place.file("cache/polly.gguf", parrot::file());
    place.run(&["export", "parrot.gguf", "-o", "p.ingle"]);
    place.file("ingle-home/policy.toml", "version = 1\ndefault = \"deny\"\n");
    for args in [&["import", "p.ingle"][..], &["adopt", "polly:polly"]] {
        let told = run(&place, args);
        assert!(told.starts_with("exit 1") && told.contains("rule `default`"), "{told}");
    }
    let (_, _, entries) = lines(&audit(&place));
    let events: Vec<_> = entries.iter().map(|it| (&it["event"], &it["verb"])).collect();
    let refused = Json::from("refused");
    assert_eq!(events, [(&refused, &Json::from("import")), (&refused, &Json::from("adopt"))]);
    for entry in &entries {
        assert_eq!(
            (&entry["policy"]["rule"], &entry["policy"]["allowed"]),
            (&"default".into(), &false.into())
        );
    }
}

#[test]
fn nothing_comes_or_goes_that_cannot_be_noted() {
    let place = crate::place();
    place.file("cache/polly.gguf", parrot::file());
    for args in [&["export", "parrot.gguf", "-o", "p.ingle"][..], &["adopt", "--all"]] {
        let told = run(&place, args);
        assert!(told.starts_with("exit 0"), "{told}");
    }
    let (file, text, _) = lines(&audit(&place));
    fs::write(&file, text.replace("polly:polly", "polly:molly")).unwrap();
    for args in [&["import", "p.ingle"][..], &["rm", "-y", "polly:polly"]] {
        let told = run(&place, args);
        assert!(told.starts_with("exit 1") && told.contains("error: the last line of"), "{told}");
    }
    let told = super::json(&place, &["list", "--json"], &[]);
    let names: Vec<_> = told["models"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["polly:polly"]);
}

#[test]
fn what_is_loaded_and_answered_is_noted_without_a_word_of_it() {
    let place = crate::place();
    let canary = "smile at the canary 58213";
    let args = ["run", "parrot.gguf", "--no-save", "--seed", "1", canary];
    let told = place.run_with(&args, b"", &ON);
    assert!(told.contains("Look🙂 yes"), "{told}");
    let told = place.run_with(&["run", "none.gguf", "hi"], b"", &ON);
    assert!(told.starts_with("exit 1"), "{told}");

    let (file, text, lines) = lines(&audit(&place));
    assert!(!text.contains("canary") && !text.contains("Look"), "{text}");
    assert!(!text.contains("alice"), "{text}");
    let [loaded, answered] = lines.as_slice() else { panic!("{text}") };
    assert_eq!(loaded["event"], "loaded");
    assert_eq!((&loaded["verb"], &loaded["model"]), (&"run".into(), &"parrot.gguf".into()));
    assert!(loaded["who"].as_str().unwrap().starts_with("uid-"), "{loaded}");
    assert_eq!(loaded["sha256"], Sha256Hex::of(&parrot::file()).to_string());
    assert!(answered["event"]["answered"]["answer_tokens"].as_u64().unwrap() > 1, "{answered}");

    let verify = ["audit", "verify"];
    let told = place.run(&verify);
    assert!(told.contains("[DIR]/ingle-home/audit: 2 entries, unbroken"), "{told}");
    assert!(told.contains("\n1 answered, 1 loaded\n"), "{told}");
    let head = loaded["digest"].as_str().unwrap();
    assert!(place.run(&["audit", "verify", "--head", head]).starts_with("exit 0"));
    fs::write(&file, text.replace("parrot.gguf", "pigeon.gguf")).unwrap();
    let told = place.run(&verify);
    assert!(told.contains(".jsonl`, line 1 was changed"), "{told}");
    // Whoever broke it does not go on in it.
    let told = place.run_with(&args, b"", &ON);
    assert!(told.contains("error: the last line of"), "{told}");
}

#[test]
fn an_answer_that_fails_is_noted() {
    let place = crate::place();
    place.file("broken.gguf", parrot::broken());
    let told = place.run_with(&["run", "broken.gguf", "--no-save", "smile"], b"", &ON);
    assert!(told.starts_with("exit 1"), "{told}");
    let (_, text, lines) = lines(&audit(&place));
    let [_, answered] = lines.as_slice() else { panic!("{text}") };
    assert!(answered["event"]["answered"]["prompt_tokens"].as_u64().unwrap() > 1, "{answered}");
}

#[test]
fn a_draft_is_noted_like_a_model() {
    let place = crate::place();
    let other = parrot::with(|file| {
        file.set("general.name", Value::String("Budgie".to_owned()));
    });
    place.file("draft.gguf", &other);
    let run = ["run", "parrot.gguf", "--no-save", "--draft", "draft.gguf", "hi"];
    let told = place.run_with(&run, b"", &ON);
    assert!(told.contains("Hello there, friend!"), "{told}");
    let (_, text, noted) = lines(&audit(&place));
    let [model, draft, answered] = noted.as_slice() else { panic!("{text}") };
    assert_eq!(model["model"], "parrot.gguf");
    assert_eq!((&draft["event"], &draft["model"]), (&"loaded".into(), &"draft.gguf".into()));
    assert_eq!(draft["sha256"], Sha256Hex::of(&other).to_string());
    assert_eq!(answered["model"], "parrot.gguf");
}

#[test]
fn an_adapter_is_judged_and_noted_like_a_model() {
    let place = crate::place();
    let bytes = adapter();
    place.file("adapter.gguf", &bytes);
    let run = ["run", "parrot.gguf", "--lora", "adapter.gguf", "--no-save", "hi"];
    let told = place.run_with(&run, b"", &ON);
    assert!(told.contains("Hello there, friend!"), "{told}");
    let (_, text, noted) = lines(&audit(&place));
    let [model, added, answered] = noted.as_slice() else { panic!("{text}") };
    assert!(model["adapters"].is_null(), "{model}");
    let digest = Sha256Hex::of(&bytes).to_string();
    assert_eq!(added["model"], "adapter.gguf");
    assert_eq!(added["sha256"], digest);
    assert_eq!(answered["adapters"], serde_json::json!([digest]));

    let rule = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"no lab\"\naction = \"deny\"\n\
                lineage = [\"lab/*\"]\n";
    place.file("ingle-home/policy.toml", rule);
    let merge = ["merge", "parrot.gguf", "out.gguf", "--lora", "adapter.gguf"];
    for args in [&run[..], &merge] {
        let told = place.run_with(args, b"", &ON);
        assert!(told.contains("not allow to load `adapter.gguf`: rule `no lab`"), "{told}");
        let (_, _, noted) = lines(&audit(&place));
        assert_eq!(noted.last().unwrap()["event"], "refused");
    }
    assert!(!place.path().join("out.gguf").exists());
}

#[test]
fn a_policy_says_where_the_log_lies() {
    let place = crate::place();
    let folder = place.path().join("logs");
    let text = format!(
        "version = 1\ndefault = \"allow\"\nrequire-audit = true\naudit-folder = {folder:?}\n"
    );
    place.file("ingle-home/policy.toml", text);
    assert!(place.run(&["tokenize", "parrot.gguf", "hi"]).starts_with("exit 0"));
    assert!(!audit(&place).exists());
    let own = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    assert!(own.file_name().to_str().unwrap().starts_with("uid-"), "{own:?}");
    let told = place.run(&["audit", "verify"]);
    assert!(told.contains("[DIR]/logs/uid-") && told.contains(": 1 entries, unbroken"), "{told}");
}

#[test]
fn a_refusal_is_noted_too() {
    let place = crate::place();
    place.file("ingle-home/policy.toml", "version = 1\ndefault = \"deny\"\n");
    place.file("ingle-home/settings.toml", "audit = true\n");
    assert!(place.run(&["run", "parrot.gguf", "hi"]).contains("rule `default`"));
    let told = super::json(&place, &["audit", "verify", "--json"], &[]);
    assert_eq!((&told["whole"], &told["checked"]["entries"]), (&true.into(), &1.into()));
    place.file("ingle-home/settings.toml", "audit = true\naudit-months = 3\n");
    let told = place.run(&["run", "parrot.gguf", "hi"]);
    assert!(told.contains("to be kept for 3 months, expected at least 6"), "{told}");
}

/// A log that was removed looks like one that was never begun.
#[test]
fn an_empty_log_is_not_called_whole() {
    let place = crate::place();
    let report = || super::json(&place, &["doctor", "--airgap", "--json"], &ON);
    let audit = report()["audit"].clone();
    assert_eq!((&audit["whole"], &audit["empty"]), (&false.into(), &true.into()), "{audit}");
    place.run_with(&["run", "parrot.gguf", "--no-save", "hi"], b"", &ON);
    assert_eq!(report()["audit"]["whole"], true);
    fs::remove_dir_all(place.path().join("ingle-home/audit")).unwrap();
    assert_eq!(report()["audit"]["empty"], true);
}

#[test]
fn nothing_is_noted_where_nobody_asked() {
    let place = crate::place();
    assert!(place.run(&["run", "parrot.gguf", "--no-save", "hi"]).starts_with("exit 0"));
    assert!(!place.path().join("ingle-home").exists());
    let told = place.run(&["audit", "verify"]);
    assert!(told.contains("error: there is no audit log in `[DIR]/ingle-home/audit`"), "{told}");
}
