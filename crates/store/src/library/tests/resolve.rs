//! Which model a reference means.

use super::*;

/// A library of models with names, names in the catalogue, and formats.
fn shelf() -> Place {
    let place = place();
    for (called, catalogue, format) in [
        ("bartowski/Llama-3.2-3B-GGUF:Q4_K_M", Some("llama3.2:3b"), Some("Q4_K_M")),
        ("bartowski/Llama-3.2-3B-GGUF:Q8_0", Some("llama3.2:3b"), Some("Q8_0")),
        ("Qwen/Qwen3-8B:safetensors", Some("qwen3:8b"), Some("BF16")),
        ("mine", None, None),
        ("phi4-mini:latest", None, Some("Q4_K_M")),
    ] {
        let mut manifest = manifest(called, &[("x", b"1")]);
        manifest.facts.catalogue = catalogue.map(str::to_owned);
        manifest.facts.format = format.map(str::to_owned);
        manifest.origin = Origin::Hub {
            endpoint: "https://huggingface.co".to_owned(),
            repository: "a/b".parse().unwrap(),
            revision: "main".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        };
        publish(&place.library, manifest, &[("x", b"1")]).unwrap();
    }
    place
}

#[test]
fn what_is_meant() {
    let Place { library, .. } = &shelf();
    let found = |text: &str| match library.resolve(&text.parse().unwrap()).unwrap() {
        Resolved::Model(entry) => entry.name().to_string(),
        Resolved::Several(all) => format!("{} of them", all.len()),
        Resolved::Absent => "-".to_owned(),
    };
    for (text, meant) in [
        ("bartowski/Llama-3.2-3B-GGUF:Q4_K_M", "bartowski/Llama-3.2-3B-GGUF:Q4_K_M"),
        ("hf.co/bartowski/llama-3.2-3b-gguf:q8_0", "bartowski/Llama-3.2-3B-GGUF:Q8_0"),
        ("bartowski/Llama-3.2-3B-GGUF", "2 of them"),
        ("bartowski/Llama-3.2-3B-GGUF:Q2_K", "-"),
        ("Qwen/Qwen3-8B:x", "Qwen/Qwen3-8B:safetensors"),
        ("llama3.2:3b", "2 of them"),
        ("llama3.2:3b-q8_0", "bartowski/Llama-3.2-3B-GGUF:Q8_0"),
        ("llama3.2", "2 of them"),
        ("llama3.2:1b", "-"),
        ("qwen3:8b", "Qwen/Qwen3-8B:safetensors"),
        ("qwen3:8b-bf16", "Qwen/Qwen3-8B:safetensors"),
        ("Qwen3", "Qwen/Qwen3-8B:safetensors"),
        ("Qwen/Qwen3-8B@main", "Qwen/Qwen3-8B:safetensors"),
        ("Qwen/Qwen3-8B@v2", "-"),
        ("Qwen/Qwen3-8B@0123456789abcdef0123456789abcdef01234567", "Qwen/Qwen3-8B:safetensors"),
        ("mine", "mine"),
        ("MINE", "mine"),
        ("yours", "-"),
        ("phi4-mini", "phi4-mini:latest"),
        ("phi4-mini:latest", "phi4-mini:latest"),
    ] {
        assert_eq!(found(text), meant, "{text}");
    }
}

/// It can claim any; it is meant where the catalogue has that model under its own name.
#[test]
fn a_bundle_takes_no_name_of_the_catalogue() {
    let Place { library, .. } = &place();
    let import = |called: &str| {
        let mut manifest = manifest(called, &[("x", b"1")]);
        manifest.facts.catalogue = Some("llama3.2:3b".to_owned());
        let before = Box::new(manifest.origin);
        manifest.origin = Origin::Bundle { index: Sha256Hex::of(b""), before };
        publish(library, manifest, &[("x", b"1")]).unwrap()
    };
    let found = |text: &str| match library.resolve(&text.parse().unwrap()).unwrap() {
        Resolved::Model(entry) => Some(entry.name().to_string()),
        Resolved::Several(_) | Resolved::Absent => None,
    };
    assert_eq!(import("company/helper:Q4").called_in_catalogue(), None);
    assert_eq!(found("llama3.2:3b"), None);
    assert_eq!(found("llama3.2"), None);
    assert_eq!(found("company/helper").as_deref(), Some("company/helper:Q4"));
    let right = import("bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M");
    assert_eq!(right.called_in_catalogue(), Some("llama3.2:3b"));
    for meant in ["llama3.2:3b", "llama3.2"] {
        assert_eq!(found(meant), Some(right.name().to_string()));
    }
}

#[test]
fn a_path_means_what_its_manifest_opens() {
    let Place { library, .. } = &place();
    let files: &[(&str, &[u8])] = &[
        ("m-00001-of-00002.gguf", b"1"),
        ("m-00002-of-00002.gguf", b"2"),
        ("mmproj.gguf", b"3"),
        ("LICENSE", b"free"),
    ];
    let folder = make(library, "a/b:c", files).unwrap().folder;
    fs::write(folder.join("m-00003-of-00002.gguf"), "4").unwrap();
    let found = |path: &str| library.at_path(&folder.join(path)).unwrap().is_some();
    assert!(found("m-00001-of-00002.gguf") && found("m-00002-of-00002.gguf"));
    for other in ["mmproj.gguf", "LICENSE", "m-00003-of-00002.gguf", "gone.gguf", "", ".."] {
        assert!(!found(other), "{other}");
    }
    let mut whole = manifest("a/b:folder", &[("config.json", b"{}")]);
    whole.main = None;
    let folder = publish(library, whole, &[("config.json", b"{}")]).unwrap().folder;
    assert!(library.at_path(&folder).unwrap().is_some());
    assert!(library.at_path(&folder.join("config.json")).unwrap().is_none());
}

/// A manifest that cannot be read is in nobody's way but that of its own model.
#[test]
fn what_cannot_be_read_is_told_where_it_is_meant() {
    let Place { library, .. } = &shelf();
    let mine = library.find(&name("mine")).unwrap().unwrap();
    fs::write(mine.folder.join(MANIFEST), r#"{"version": 99}"#).unwrap();
    let error = library.resolve(&"mine".parse().unwrap()).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("a newer `ingle` reads it"));
    assert!(matches!(library.resolve(&"qwen3".parse().unwrap()), Ok(Resolved::Model(_))));
}
