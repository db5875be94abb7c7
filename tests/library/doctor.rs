//! What `ingle doctor` knows of the library without reading its files.

use std::fs;

use serde_json::Value;

use super::*;

/// What it finds about the library, and the exit code.
fn found(place: &Place) -> (Value, Vec<String>, Option<i32>) {
    let output =
        place.output(&["doctor", "--json"], b"", &[("HTTPS_PROXY", ""), ("HF_ENDPOINT", "")]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let all = told["findings"].as_array().expect("a list").iter();
    let all = all.filter(|it| it["about"] == "library" && it["what"] != Value::Null);
    let text = |it: &Value| it.as_str().expect("a text").to_owned();
    let all = all.map(|it| format!("{}: {}", text(&it["level"]), text(&it["what"])));
    // The disk of whoever runs this may be nearly full.
    let all = all.filter(|it| !it.contains("nearly full")).collect();
    (told["library"].clone(), all, output.status.code())
}

#[test]
fn a_sound_library_is_counted() {
    let (library, found, code) = found(&place());
    assert_eq!((&library["models"], &library["unverified"]), (&1.into(), &1.into()));
    assert_eq!(library["bytes"], parrot::file().len() + 5);
    assert!(library["disk"]["free"].as_u64() <= library["disk"]["total"].as_u64(), "{library}");
    assert_eq!((found, code), (vec![], Some(0)));
}

#[test]
fn a_file_that_was_cut_and_one_that_is_gone_are_damage() {
    let place = place();
    let folder = place.path().join("ingle-home/models/someone/parrots/F32");
    let path = folder.join("LICENSE").display().to_string();
    fs::write(folder.join("LICENSE"), "f").unwrap();
    let (_, told, code) = found(&place);
    assert_eq!(told, [format!("broken: `{path}` has 1 bytes, expected 5 bytes")]);
    assert_eq!(code, Some(1));
    fs::remove_file(folder.join("LICENSE")).unwrap();
    let (library, told, _) = found(&place);
    assert_eq!(told, [format!("broken: `{path}` is missing")]);
    assert_eq!(library["models"], 1);
    fs::write(folder.join("manifest.json"), "{}").unwrap();
    let (library, told, code) = found(&place);
    assert!(told[0].starts_with("broken: ") && told[0].contains("manifest.json"), "{told:?}");
    assert_eq!((&library["models"], code), (&0.into(), Some(1)));
}

#[test]
fn what_was_begun_is_a_warning() {
    let place = place();
    place.file("ingle-home/models/.partial/a/b/Q8_0/m.gguf", [0; 2048]);
    let (library, told, code) = found(&place);
    assert_eq!(library["unfinished"][0]["name"], "a/b:Q8_0");
    assert_eq!(told, ["warning: `a/b:Q8_0` is not complete, 2.0 KiB so far"]);
    assert_eq!(code, Some(0));
}
