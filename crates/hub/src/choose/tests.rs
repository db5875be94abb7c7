//! Repositories as they are found on the hub, and what is chosen from them.

use store::digest::{CommitHex, Sha256Hex};

use super::*;
use crate::{Card, Endpoint, Expected, Revision};

fn repository(names: &[&str]) -> Snapshot {
    let file = |(i, name): (usize, &&str)| RemoteFile {
        path: name.parse().unwrap(),
        size: 1000 + i as u64,
        digest: Expected::Sha256(Sha256Hex::of(name.as_bytes())),
    };
    let commit: CommitHex = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    Snapshot {
        repository: "org/model".parse().unwrap(),
        revision: Revision::default(),
        commit,
        endpoint: Endpoint::usual(),
        files: names.iter().enumerate().map(file).collect(),
        refused: Vec::new(),
        card: Card::default(),
    }
}

/// The variant and the files that are chosen, or what is said instead.
#[track_caller]
fn check(names: &[&str], wanted: Option<&str>, expected: Result<(&str, &[&str]), &str>) {
    let snapshot = repository(names);
    let found = snapshot.offer(wanted).and_then(|offer| {
        let files = match offer.kind {
            Kind::Gguf => offer.files().to_vec(),
            Kind::Safetensors => snapshot.weights().into_iter().cloned().collect(),
        };
        snapshot.choice(&offer, files, wanted)
    });
    let found = found
        .map(|it| (it.variant, it.files.iter().map(|it| it.path.to_string()).collect::<Vec<_>>()))
        .map_err(|it| it.to_string());
    let names = |it: &[&str]| it.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = expected
        .map(|(variant, files)| (variant.to_owned(), names(files)))
        .map_err(ToOwned::to_owned);
    assert_eq!(found, expected, "{wanted:?}");
}

const GGUF: &[&str] = &[
    ".gitattributes",
    "LICENSE.txt",
    "README.md",
    "m-F16.gguf",
    "m-Q4_K_M.gguf",
    "m-Q8_0.gguf",
    "m.imatrix.gguf",
    "mmproj-m-f16.gguf",
];

#[test]
fn one_file_and_its_papers() {
    let papers = ["LICENSE.txt", "README.md"];
    let with = |file| [file, papers[0], papers[1]];
    check(GGUF, None, Ok(("Q4_K_M", &with("m-Q4_K_M.gguf"))));
    check(GGUF, Some("q8_0"), Ok(("Q8_0", &with("m-Q8_0.gguf"))));
    check(GGUF, Some("m-F16.gguf"), Ok(("F16", &with("m-F16.gguf"))));
    check(GGUF, Some("Q2_K"), Err("`org/model` has no `Q2_K`"));
    check(&["Some.gguf"], None, Ok(("default", &["Some.gguf"])));
}

#[test]
fn several_files_are_one_model_and_all_of_it() {
    let names = ["b/m-Q8_0-00001-of-00002.gguf", "b/m-Q8_0-00002-of-00002.gguf", "m-F16.gguf"];
    check(&names, None, Ok(("Q8_0", &names[..2])));
    let missing = "`org/model` lacks `m-Q8_0-00001-of-00002.gguf`, a part of the model";
    check(&names[1..], Some("Q8_0"), Err(missing));
}

#[test]
fn models_of_one_format_are_told_apart_by_their_files() {
    let names = ["a-Q4_0.gguf", "b-Q4_0.gguf"];
    check(&names, Some("Q4_0"), Err("`org/model` has 2 models of the format `Q4_0`"));
    check(&names, Some("b-Q4_0.gguf"), Ok(("b-Q4_0", &names[1..])));
    check(&names, Some("B-q4_0"), Ok(("b-Q4_0", &names[1..])));
}

#[test]
fn files_of_one_name_are_told_apart_by_their_folders() {
    let names = ["a/b/m-Q4_0.gguf", "c/m-Q4_0.gguf", "m-Q4_0.gguf"];
    check(&names, Some("a/b/m-Q4_0.gguf"), Ok(("a-b-m-Q4_0", &names[..1])));
    check(&names, Some("c/m-Q4_0.gguf"), Ok(("c-m-Q4_0", &names[1..2])));
    check(&names, Some("m-Q4_0.gguf"), Ok(("m-Q4_0", &names[2..])));
    check(&names, Some("c-m-Q4_0"), Ok(("c-m-Q4_0", &names[1..2])));
    let several = "`org/model` has 2 models of the format `m-Q4_0.gguf`";
    check(&names[..2], Some("m-Q4_0.gguf"), Err(several));
}

#[test]
fn a_folder_of_safetensors() {
    let names = ["README.md", "config.json", "model.safetensors"];
    let chosen = ["model.safetensors", "README.md"];
    check(&names, None, Ok(("safetensors", &chosen)));
}

#[test]
fn t20_code_formats_are_refused_and_named() {
    let why = "`org/model` has neither `.gguf` nor `model.safetensors`, but `pytorch_model.bin`, which \
               can run any code while it is loaded";
    check(&["config.json", "pytorch_model.bin"], None, Err(why));
    check(
        &["README.md"],
        Some("Q4_0"),
        Err("`org/model` has neither `.gguf` nor `model.safetensors`"),
    );
}

#[test]
fn an_index_names_files_of_the_repository_only() {
    let snapshot = repository(&["model.safetensors.index.json", "a.safetensors", "x.py"]);
    let index = |shard: &str| {
        let text = format!(r#"{{"weight_map": {{"w": "{shard}"}}}}"#);
        let found = snapshot.indexed(text.as_bytes());
        found.map(|it| it.len()).map_err(|it| it.to_string())
    };
    assert_eq!(index("a.safetensors"), Ok(1));
    assert_eq!(index("x.py"), Err("`org/model` lacks `x.py`, a part of the model".to_owned()));
    assert!(index("../../a.safetensors").unwrap_err().contains("cannot be stored"));
    assert!(snapshot.indexed(b"{}").is_err());
}

#[test]
fn t16_names_that_are_one_file_to_some_systems() {
    let snapshot = repository(&["m-Q4_0.gguf", "README.md", "readme.md"]);
    let offer = snapshot.offer(None).unwrap();
    let error = snapshot.choice(&offer, offer.files().to_vec(), None).unwrap_err();
    assert!(matches!(error, Error::Twice { .. }), "{error}");
}
