//! What a person reads when safetensors (attack class T8) or shards are not as they have to be.

use expect_test::expect;
use ingle_tests::{binary::Place, parrot};
use loader::Value;

use super::attacks::{refusal, words};

/// A small folder of safetensors, changed.
fn folder(change: impl FnOnce(&Place, Vec<u8>)) -> String {
    let place = Place::new();
    let small = ingle_tests::root().join("tests/golden/small/families/llama");
    let read = |name: &str| std::fs::read(small.join(name)).expect("it is committed");
    place.file("m/config.json", read("config.json"));
    change(&place, read("model.safetensors"));
    refusal(&place, "m")
}

/// A safetensors file with this header.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    [&words(&[header.len() as u64])[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn t8_safetensors() {
    let one = |bytes: Vec<u8>| folder(|place, _| drop(place.file("m/model.safetensors", &bytes)));
    let entry = |name: &str, at: &str| {
        format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":{at}}}"#)
    };
    let a = entry("a", "[0,8]");
    let mut all = String::new();
    for (title, bytes) in [
        ("a header of 100 MB", words(&[100_000_001])),
        ("no JSON", safetensors("{oops", 0)),
        ("128 levels", safetensors(&"[".repeat(128), 0)),
        ("a name twice", safetensors(&format!("{{{a},{a}}}"), 8)),
        ("metadata of numbers", safetensors(r#"{"__metadata__":{"a":1}}"#, 0)),
        ("a hole", safetensors(&format!("{{{a},{}}}", entry("b", "[12,20]")), 20)),
        ("too long for its shape", safetensors(&format!("{{{}}}", entry("a", "[0,12]")), 12)),
        ("beyond the file", safetensors(&format!("{{{a}}}"), 4)),
        ("bytes after the last", safetensors(&format!("{{{a}}}"), 12)),
    ] {
        all += &format!("== {title}\n{}", one(bytes));
    }
    expect![[r#"
        == a header of 100 MB
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: the header has 100000001 bytes, at most 67108864 are allowed

        hint: the file is damaged, or was written wrongly; get it from another source
        == no JSON
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: the header is not the JSON of safetensors
          cause: key must be a string at line 1 column 2

        hint: the file is damaged, or was written wrongly; get it from another source
        == 128 levels
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: the header is not the JSON of safetensors
          cause: invalid type: sequence, expected an object of tensors at line 1 column 0

        hint: the file is damaged, or was written wrongly; get it from another source
        == a name twice
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: there are two tensors `a`

        hint: the file is damaged, or was written wrongly; get it from another source
        == metadata of numbers
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: the header is not the JSON of safetensors
          cause: invalid type: integer `1`, expected a string at line 1 column 22

        hint: the file is damaged, or was written wrongly; get it from another source
        == a hole
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: tensor `b` begins at data byte 12, the one before it ends at 8

        hint: the file is damaged, or was written wrongly; get it from another source
        == too long for its shape
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: tensor `a` of F32 [2] has bytes 0..12

        hint: the file is damaged, or was written wrongly; get it from another source
        == beyond the file
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: the tensors end at byte 70, the file has 66

        hint: the download is not complete; fetch the model again
        == bytes after the last
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: the tensors end at byte 70, the file has 74

        hint: the download is not complete; fetch the model again
    "#]]
    .assert_eq(&all);
}

#[test]
fn t8_shards_of_safetensors() {
    let index = |map: &str| format!(r#"{{"metadata":{{"total_size":8}},"weight_map":{map}}}"#);
    let named = |map: &str| {
        folder(|place, whole| {
            place.file("m/a.safetensors", whole);
            place.file("m/model.safetensors.index.json", index(map));
        })
    };
    let shard = |header: &str| safetensors(header, 8);
    let tensor =
        |name: &str| format!(r#"{{"{name}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}}}"#);
    let wrong = folder(|place, _| {
        place.file("m/a.safetensors", shard(&tensor("x")));
        place.file("m/model.safetensors.index.json", index(r#"{"y":"a.safetensors"}"#));
    });
    let twice = folder(|place, _| {
        place.file("m/a.safetensors", shard(&tensor("x")));
        place.file("m/b.safetensors", shard(&tensor("x")));
        let map = r#"{"x":"a.safetensors","y":"b.safetensors"}"#;
        place.file("m/model.safetensors.index.json", index(map));
    });
    let mut all = String::new();
    for (title, told) in [
        ("a shard that is missing", named(r#"{"x":"none.safetensors"}"#)),
        ("a shard outside", named(r#"{"x":"../other.safetensors"}"#)),
        ("a shard with an absolute path", named(r#"{"x":"/etc/passwd"}"#)),
        ("a tensor that its shard does not hold", wrong),
        ("a tensor in two shards", twice),
    ] {
        all += &format!("== {title}\n{told}");
    }
    expect![[r#"
        == a shard that is missing
          cause: `m/model.safetensors.index.json` names the shard `none.safetensors`, which is not in its folder

        hint: the download is not complete; fetch the model again
        == a shard outside
          cause: `m/model.safetensors.index.json` names a shard that is not in its folder
          cause: `../other.safetensors` is not a safe relative path: it has a part `.` or `..`

        hint: the file is damaged, or was written wrongly; get it from another source
        == a shard with an absolute path
          cause: `m/model.safetensors.index.json` names a shard that is not in its folder
          cause: `/etc/passwd` is not a safe relative path: it is absolute

        hint: the file is damaged, or was written wrongly; get it from another source
        == a tensor that its shard does not hold
          cause: `m/model.safetensors.index.json` says that `a.safetensors` holds tensor `y`, it does not

        hint: the file is damaged, or was written wrongly; get it from another source
        == a tensor in two shards
          cause: `m/model.safetensors.index.json` says that `b.safetensors` holds tensor `y`, it does not

        hint: the file is damaged, or was written wrongly; get it from another source
    "#]]
    .assert_eq(&all);
}

const PICKLE: &[u8] = b"PK\x03\x04\x14\x00\x00\x00data.pkl";

#[test]
fn t20_pickles() {
    let pickled = |name: &str| folder(|place, _| drop(place.file(name, PICKLE)));
    let mut all = String::new();
    for (title, name) in [
        ("a pickle alone", "m/pytorch_model.bin"),
        ("a pickle called safetensors", "m/model.safetensors"),
    ] {
        all += &format!("== {title}\n{}", pickled(name));
    }
    expect![[r#"
        == a pickle alone
          cause: the file is a Python pickle (a zip archive with `data.pkl`), which can run any code while it is loaded

        hint: get the model as `.safetensors` or `.gguf`
        == a pickle called safetensors
          cause: `m/model.safetensors` is not a whole safetensors file
          cause: the header has 85966670672 bytes, at most 67108864 are allowed

        hint: the file is damaged, or was written wrongly; get it from another source
    "#]]
    .assert_eq(&all);
}

/// Python's programs run what `auto_map` names. Here, a model that needs it is refused, and one that
/// does not is the same with it and without.
#[test]
fn t20_code_beside_a_model_is_never_run() {
    let small = ingle_tests::root().join("tests/golden/small/families/llama");
    let read = |name: &str| std::fs::read(small.join(name)).expect("it is committed");
    let config: serde_json::Value =
        serde_json::from_slice(&read("config.json")).expect("it is JSON");
    let place = Place::new();
    let put = |folder: &str, config: &serde_json::Value| {
        place.file(&format!("{folder}/config.json"), config.to_string());
        place.file(&format!("{folder}/model.safetensors"), read("model.safetensors"));
        place.file(&format!("{folder}/modeling_own.py"), "open('ran', 'w')\n");
    };
    let mut named = config.clone();
    named["auto_map"] = serde_json::json!({"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"});
    let mut own = named.clone();
    own["model_type"] = "own".into();
    own["architectures"] = serde_json::json!(["OwnForCausalLM"]);
    put("plain/small", &config);
    put("named/small", &named);
    put("own", &own);
    for name in ["plain", "named"] {
        let (folder, file) = (format!("{name}/small"), format!("{name}.gguf"));
        let told = place.run(&["quantize", &folder, &file, "f32"]);
        assert!(told.starts_with("exit 0"), "{told}");
    }
    let written = ["plain.gguf", "named.gguf"].map(|it| std::fs::read(place.path().join(it)));
    let [plain, named] = written.map(|it| it.expect("it was written"));
    assert!(plain == named);
    let told = place.run(&["quantize", "own", "own.gguf", "f32"]);
    assert!(told.starts_with("exit 1") && told.contains("`OwnForCausalLM`"), "{told}");
    assert!(!place.path().join("ran").exists());
}

/// Half of the parrot in each of two files, and what may go wrong with the second.
#[test]
fn shards_of_gguf() {
    let mut all = String::new();
    for (title, second) in [
        ("missing", None),
        ("the first again", Some(shard(0, 2))),
        ("of a model in three files", Some(shard(1, 3))),
        ("no model", Some(b"once upon a time".to_vec())),
        ("cut", Some(shard(1, 2)[..60].to_vec())),
    ] {
        let place = Place::new();
        place.file("m-00001-of-00002.gguf", shard(0, 2));
        second.map(|it| place.file("m-00002-of-00002.gguf", it));
        all += &format!("== {title}\n{}", refusal(&place, "m-00001-of-00002.gguf"));
    }
    let place = Place::new();
    place.file("renamed.gguf", shard(0, 2));
    all += &format!("== renamed\n{}", refusal(&place, "renamed.gguf"));
    expect![[r#"
        == missing
          cause: `m-00002-of-00002.gguf` is missing: the model is split over 2 files

        hint: put all shards into the same folder
        == the first again
          cause: `split.no` is 0 in `m-00002-of-00002.gguf`, expected 1

        hint: the file is damaged, or was written wrongly; get it from another source
        == of a model in three files
          cause: `split.count` is 3 in `m-00002-of-00002.gguf`, expected 2

        hint: the file is damaged, or was written wrongly; get it from another source
        == no model
          cause: cannot load shard `m-00002-of-00002.gguf`
          cause: the file starts with once, expected `GGUF`

        hint: the file is damaged, or was written wrongly; get it from another source
        == cut
          cause: cannot load shard `m-00002-of-00002.gguf`
          cause: the file announces 29 metadata keys at a place where at most 2 fit

        hint: the file is incomplete or damaged; get it again
        == renamed
          cause: `renamed.gguf` is one of 2 files of a split model, expected a name like `model-00001-of-00002.gguf`

        hint: give the shards their original names back
    "#]]
    .assert_eq(&all);
}

fn shard(no: u16, count: u16) -> Vec<u8> {
    parrot::with(|file| {
        file.set("split.no", Value::U16(no));
        file.set("split.count", Value::U16(count));
        file.set("split.tensors.count", Value::I32(24));
    })
}
