//! T8: shards and their index.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{TENSORS, TOTAL, folder, llama, open, refusal, zeros};

const FIRST: &str = "model-00001-of-00002.safetensors";
const SECOND: &str = "model-00002-of-00002.safetensors";
const CUT: usize = 5;

/// The llama in two shards, with an index that `change` changes.
fn sharded(change: impl FnOnce(&mut Map<String, Value>)) -> TempDir {
    let shard = |i: usize| if i < CUT { FIRST } else { SECOND };
    let mut map = Map::new();
    for (i, (name, _)) in TENSORS.iter().enumerate() {
        map.insert((*name).to_owned(), shard(i).into());
    }
    change(&mut map);
    with_index(&json!({ "metadata": { "total_size": TOTAL }, "weight_map": map }).to_string())
}

fn with_index(index: &str) -> TempDir {
    folder(&[
        ("config.json", llama().to_string().as_bytes()),
        ("model.safetensors.index.json", index.as_bytes()),
        (FIRST, &zeros(&TENSORS[..CUT])),
        (SECOND, &zeros(&TENSORS[CUT..])),
    ])
}

#[track_caller]
fn check(change: impl FnOnce(&mut Map<String, Value>), text: &str) {
    assert_eq!(refusal(sharded(change).path()), text);
}

#[test]
fn shards_are_one_model() {
    let dir = sharded(|_| {});
    for path in [dir.path().to_owned(), dir.path().join(FIRST), dir.path().join(SECOND)] {
        let file = open(&path).expect("a model");
        assert_eq!((file.tensors.len(), file.mappings.len()), (TENSORS.len(), 2));
    }
}

#[test]
fn t8_shards_outside_the_folder() {
    let name = "model.norm.weight";
    for (shard, why) in [
        ("../model.safetensors", "it has a part `.` or `..`"),
        ("/etc/passwd", "it is absolute"),
        ("a\\b", "it holds '\\\\'"),
        ("C:x", "it holds ':'"),
        ("", "a part of it is empty"),
        ("nul", "a part names a device of Windows"),
    ] {
        let text = format!(
            "`model.safetensors.index.json` names a shard that is not in its folder: \
             `{}` is not a safe relative path: {why}",
            shard.escape_debug()
        );
        check(|map| map[name] = shard.into(), &text);
    }
}

#[test]
fn t8_a_shard_is_missing() {
    check(
        |map| map["model.norm.weight"] = "model-00003-of-00002.safetensors".into(),
        "`model.safetensors.index.json` names the shard `model-00003-of-00002.safetensors`, \
         which is not in its folder",
    );
}

/// A policy that allows weights by their digests goes by the names of files: what is called otherwise
/// would be loaded beside a file that is allowed and that nobody loads.
#[test]
fn t8_shards_that_are_not_called_as_weights() {
    for shard in ["model-00001-of-00002.dat", "safetensors", ".safetensors", "a.safetensors.txt"] {
        let dir = sharded(|map| {
            let of_first = map.values_mut().filter(|it| it.as_str() == Some(FIRST));
            of_first.for_each(|it| *it = shard.into());
        });
        fs::rename(dir.path().join(FIRST), dir.path().join(shard)).expect("another name");
        let text = format!(
            "`model.safetensors.index.json` names the shard `{shard}`, expected one called \
             `NAME.safetensors`"
        );
        assert_eq!(refusal(dir.path()), text);
        assert_eq!(refusal(&dir.path().join(SECOND)), text);
    }
}

#[test]
fn t8_shards_that_differ_in_case() {
    check(
        |map| map["model.norm.weight"] = "MODEL-00001-of-00002.safetensors".into(),
        "`model.safetensors.index.json` names `MODEL-00001-of-00002.safetensors` and \
         `model-00001-of-00002.safetensors`, which some systems take for one file",
    );
}

#[test]
fn t8_two_shards_with_one_tensor() {
    let dir = sharded(|_| {});
    let both: Vec<_> = [&TENSORS[CUT..], &TENSORS[..1]].concat();
    fs::write(dir.path().join(SECOND), zeros(&both)).expect("a file");
    assert_eq!(
        refusal(dir.path()),
        "`model-00002-of-00002.safetensors` holds tensor `model.embed_tokens.weight`, \
         `model.safetensors.index.json` places it in `model-00001-of-00002.safetensors`"
    );
}

#[test]
fn t8_a_tensor_that_the_index_does_not_have() {
    check(
        |map| _ = map.remove("model.norm.weight"),
        "`model-00001-of-00002.safetensors` holds tensor `model.norm.weight`, \
         `model.safetensors.index.json` places it in no shard",
    );
}

#[test]
fn t8_a_tensor_that_its_shard_does_not_have() {
    check(
        |map| _ = map.insert("model.x".to_owned(), FIRST.into()),
        "`model.safetensors.index.json` says that `model-00001-of-00002.safetensors` holds tensor \
         `model.x`, it does not",
    );
}

#[test]
fn t8_one_tensor_twice_in_the_index() {
    let index = format!(r#"{{"weight_map":{{"a":"{FIRST}","a":"{SECOND}"}}}}"#);
    let text = "`model.safetensors.index.json` has two entries for `a`";
    assert_eq!(refusal(with_index(&index).path()), text);
}

#[test]
fn t8_the_total_size_is_a_lie() {
    let dir = sharded(|_| {});
    let index = dir.path().join("model.safetensors.index.json");
    let lie = |size: &str| {
        let text = fs::read_to_string(&index).expect("an index");
        let changed =
            text.replace(&format!("\"total_size\":{TOTAL}"), &format!("\"total_size\":{size}"));
        folder_with(dir.path(), &changed)
    };
    let text = format!("the tensors have {TOTAL} bytes, `model.safetensors.index.json` says 1");
    assert_eq!(refusal(lie("1").path()), text);
    assert!(refusal(lie("1e300").path()).ends_with("says 18446744073709551615"));
    assert!(refusal(lie("-1").path()).ends_with("says 0"));
    assert!(open(lie(&format!("{TOTAL}.0")).path()).is_ok(), "some writers use floats");
}

fn folder_with(from: &Path, index: &str) -> TempDir {
    let dir = with_index(index);
    for shard in [FIRST, SECOND] {
        fs::copy(from.join(shard), dir.path().join(shard)).expect("a copy");
    }
    dir
}

#[test]
fn t8_an_index_that_is_none() {
    let json = "`model.safetensors.index.json` is not the JSON that it has to be: ";
    for (index, why) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("{}", "missing field `weight_map` at line 1 column 2"),
        (
            r#"{"weight_map":{"a":1}}"#,
            "invalid type: integer `1`, expected a string at line 1 column 20",
        ),
    ] {
        assert_eq!(refusal(with_index(index).path()), format!("{json}{why}"));
    }
}

#[test]
fn a_folder_without_what_it_needs() {
    let weights = zeros(TENSORS);
    let dir = folder(&[("model.safetensors", &weights)]);
    let text = "`DIR` has no `config.json`, which says what model its tensors are";
    assert_eq!(refusal(dir.path()), text);
    let config = llama().to_string();
    let dir = folder(&[("config.json", config.as_bytes()), ("adapter.safetensors", &weights)]);
    let text = "`DIR` has neither `model.safetensors` nor `model.safetensors.index.json`";
    assert_eq!(refusal(dir.path()), text);
    assert!(open(&dir.path().join("adapter.safetensors")).is_ok(), "named itself, it is read");
}

#[test]
fn a_shard_that_is_cut() {
    let dir = sharded(|_| {});
    let path = dir.path().join(FIRST);
    let whole = fs::read(&path).expect("a shard");
    for percent in 0..100 {
        fs::write(&path, &whole[..whole.len() * percent / 100]).expect("a cut shard");
        let text = refusal(dir.path());
        let expected = "`model-00001-of-00002.safetensors` is not a whole safetensors file: ";
        assert!(text.starts_with(expected), "{percent}%: {text}");
    }
}
