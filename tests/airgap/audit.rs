//! The audit log: who loaded what and how much was said, and never what.

use std::fs;

const ON: [(&str, &str); 2] = [("INGLE_AUDIT", "1"), ("USER", "alice")];

#[test]
fn what_is_loaded_and_answered_is_noted_without_a_word_of_it() {
    let place = crate::place();
    let canary = "smile at the canary 58213";
    let args = ["run", "parrot.gguf", "--no-save", "--seed", "1", canary];
    let told = place.run_with(&args, b"", &ON);
    assert!(told.contains("Look🙂 yes"), "{told}");
    let told = place.run_with(&["run", "none.gguf", "hi"], b"", &ON);
    assert!(told.starts_with("exit 1"), "{told}");

    let folder = place.path().join("ingle-home/audit");
    let mut files = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path());
    let file = files.find(|it| it.extension().is_some_and(|it| it == "jsonl")).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("canary") && !text.contains("Look"), "{text}");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let [loaded, answered] = lines.as_slice() else { panic!("{text}") };
    assert_eq!(loaded["event"], "loaded");
    assert_eq!((&loaded["verb"], &loaded["model"]), (&"run".into(), &"parrot.gguf".into()));
    assert!(loaded["who"].as_str().unwrap().starts_with("alice ("), "{loaded}");
    assert_eq!(loaded["sha256"].as_str().unwrap().len(), 64);
    assert!(answered["event"]["answered"]["answer_tokens"].as_u64().unwrap() > 1, "{answered}");

    let verify = ["audit", "verify"];
    let told = place.run(&verify);
    assert!(told.contains("[DIR]/ingle-home/audit: 2 entries, unbroken"), "{told}");
    let head = loaded["digest"].as_str().unwrap();
    assert!(place.run(&["audit", "verify", "--head", head]).starts_with("exit 0"));
    fs::write(&file, text.replace("alice", "mallory")).unwrap();
    let told = place.run(&verify);
    assert!(told.contains(".jsonl`, line 1 was changed"), "{told}");
    // Whoever broke it does not go on in it.
    let told = place.run_with(&args, b"", &ON);
    assert!(told.contains("error: the last line of"), "{told}");
}

#[test]
fn a_refusal_is_noted_too() {
    let place = crate::place();
    place.file("ingle-home/policy.toml", "version = 1\ndefault = \"deny\"\n");
    place.file("ingle-home/settings.toml", "audit = true\n");
    assert!(place.run(&["run", "parrot.gguf", "hi"]).contains("rule `default`"));
    let told = crate::json(&place, &["audit", "verify", "--json"], &[]);
    assert_eq!((&told["whole"], &told["checked"]["entries"]), (&true.into(), &1.into()));
    place.file("ingle-home/settings.toml", "audit = true\naudit-months = 3\n");
    let told = place.run(&["run", "parrot.gguf", "hi"]);
    assert!(told.contains("to be kept for 3 months, expected at least 6"), "{told}");
}

/// A log that was removed looks like one that was never begun.
#[test]
fn an_empty_log_is_not_called_whole() {
    let place = crate::place();
    let report = || crate::json(&place, &["doctor", "--airgap", "--json"], &ON);
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
