//! What a person reads when a hostile file is opened: one case or more of each attack class T1 to
//! T8, with what was found, what was expected and what to do. The loader's tests have all cases.

use expect_test::{Expect, expect};
use ingle_tests::{binary::Place, parrot};
use loader::{Array, Value};

const F32: u32 = 0;
const I32: u32 = 5;
const U32: u32 = 4;
const STR: u32 = 8;
const ARR: u32 = 9;

/// Runs the model files with `hi`; what each says, after its title.
#[track_caller]
fn check(cases: &[(&str, Vec<u8>)], expected: Expect) {
    let mut all = String::new();
    for (title, bytes) in cases {
        let place = Place::new();
        place.file("m.gguf", bytes);
        all += &format!("== {title}\n{}", refusal(&place, "m.gguf"));
    }
    expected.assert_eq(&all);
}

/// What follows the heading that all of them have.
#[track_caller]
fn refusal(place: &Place, model: &str) -> String {
    let told = place.run(&["run", model, "--no-save", "hi"]);
    let heading = format!("exit 1\n-- stderr\nerror: cannot load `{model}`\n");
    told.strip_prefix(&heading).unwrap_or(&told).to_owned()
}

/// A GGUF file of these keys and tensors, which may lie.
fn gguf(keys: &[Vec<u8>], tensors: &[Vec<u8>], data: usize) -> Vec<u8> {
    counted(keys.len() as u64, keys, tensors.len() as u64, tensors, data)
}

fn counted(n_keys: u64, keys: &[Vec<u8>], n: u64, tensors: &[Vec<u8>], data: usize) -> Vec<u8> {
    let head = [&b"GGUF"[..], &3u32.to_le_bytes(), &words(&[n, n_keys])].concat();
    let mut file = [head, keys.concat(), tensors.concat()].concat();
    file.resize(file.len().next_multiple_of(32) + data, 0);
    file
}

fn key(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&string(name)[..], &kind.to_le_bytes(), value].concat()
}

/// `dims` are innermost first.
fn tensor(name: &str, dims: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let dims = [&(dims.len() as u32).to_le_bytes()[..], &words(dims)].concat();
    [&string(name)[..], &dims, &kind.to_le_bytes(), &words(&[offset])].concat()
}

fn array(kind: u32, n: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &words(&[n]), elements].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&words(&[text.len() as u64])[..], text.as_bytes()].concat()
}

fn words(of: &[u64]) -> Vec<u8> {
    of.iter().flat_map(|it| it.to_le_bytes()).collect()
}

#[test]
fn t1_headers() {
    let mut version = gguf(&[], &[], 0);
    version[4] = 4;
    let long_name = tensor(&"n".repeat(64), &[8], F32, 0);
    check(
        &[
            ("version 4", version),
            ("2^63 tensors", counted(0, &[], 1 << 63, &[], 0)),
            ("-1 keys", counted(u64::MAX, &[], 0, &[], 0)),
            ("an empty key", gguf(&[key("", U32, &[0; 4])], &[], 0)),
            ("a string of 2^30+1 bytes", gguf(&[key("k", STR, &words(&[(1 << 30) + 1]))], &[], 0)),
            ("value type 13", gguf(&[key("k", 13, &[0; 8])], &[], 0)),
            ("a key twice", gguf(&[key("k", U32, &[0; 4]), key("k", U32, &[0; 4])], &[], 0)),
            ("a tensor name of 64", gguf(&[], &[long_name], 32)),
            ("five dimensions", gguf(&[], &[tensor("t", &[1; 5], F32, 0)], 32)),
            ("a zero dimension", gguf(&[], &[tensor("t", &[8, 0], F32, 0)], 32)),
            ("tensor type 4242", gguf(&[], &[tensor("t", &[8], 4242, 0)], 32)),
            ("missing bytes", gguf(&[], &[tensor("t", &[9], F32, 0)], 35)),
            ("trailing bytes", gguf(&[], &[tensor("t", &[8], F32, 0)], 33)),
        ],
        expect![[r#"
            == version 4
              cause: GGUF version 4 is not supported, expected 2 or 3

            hint: the file may need a newer version of this program
            == 2^63 tensors
              cause: the file announces 9,223,372,036,854,775,808 tensors at a place where at most 0 fit

            hint: the file is incomplete or damaged; get it again
            == -1 keys
              cause: the file announces 18,446,744,073,709,551,615 metadata keys at a place where at most 0 fit

            hint: the file is incomplete or damaged; get it again
            == an empty key
              cause: metadata key 0 has 0 bytes, expected 1 to 65535

            hint: the file is damaged, or was written wrongly; get it from another source
            == a string of 2^30+1 bytes
              cause: the file announces 1,073,741,825 bytes of a metadata string at a place where at most 19 fit

            hint: the file is incomplete or damaged; get it again
            == value type 13
              cause: metadata key `k` has type 13, expected 0 to 12

            hint: the file is damaged, or was written wrongly; get it from another source
            == a key twice
              cause: metadata key `k` occurs twice

            hint: the file is damaged, or was written wrongly; get it from another source
            == a tensor name of 64
              cause: the name of tensor 0 has 64 bytes, expected 1 to 63

            hint: the file is damaged, or was written wrongly; get it from another source
            == five dimensions
              cause: tensor `t` has 5 dimensions, expected at most 4

            hint: the file is damaged, or was written wrongly; get it from another source
            == a zero dimension
              cause: tensor `t` has 0 as dimension 1, expected at least 1

            hint: the file is damaged, or was written wrongly; get it from another source
            == tensor type 4242
              cause: tensor `t` has the unknown type 4242

            hint: the file is damaged, or was written wrongly; get it from another source
            == missing bytes
              cause: tensor `t` ends at byte 100, the file has 99

            hint: the file is incomplete or damaged; get it again
            == trailing bytes
              cause: the file has 97 bytes, expected 96: something follows the last tensor

            hint: two files were joined, or a download was resumed wrongly; get the file again
        "#]],
    );
}

#[test]
fn t2_t3_t4_sizes_offsets_and_alignments() {
    let two = |second| [tensor("s", &[9], F32, 0), tensor("t", &[8], F32, second)];
    let align = |it: u32| [key("general.alignment", U32, &it.to_le_bytes())];
    check(
        &[
            ("2^64 weights", gguf(&[], &[tensor("t", &[1 << 32, 1 << 32], F32, 0)], 32)),
            ("2^31 weights", gguf(&[], &[tensor("t", &[1 << 31], F32, 0)], 32)),
            ("rows of half a block", gguf(&[], &[tensor("t", &[33, 32], 8, 0)], 2048)),
            ("overlapping", gguf(&[], &two(32), 96)),
            ("beyond the file", gguf(&[], &two(1 << 40), 96)),
            ("alignment 0", gguf(&align(0), &[], 0)),
            ("alignment 33", gguf(&align(33), &[], 0)),
            ("alignment i32", gguf(&[key("general.alignment", I32, &[32, 0, 0, 0])], &[], 0)),
        ],
        expect![[r#"
            == 2^64 weights
              cause: tensor `t` of shape [4294967296, 4294967296] is too large to address

            hint: the file is damaged, or was written wrongly; get it from another source
            == 2^31 weights
              cause: tensor `t` ends at byte 8,589,934,656, the file has 96

            hint: the file is incomplete or damaged; get it again
            == rows of half a block
              cause: tensor `t` has rows of 33 weights, Q8_0 needs a multiple of 32

            hint: the file is damaged, or was written wrongly; get it from another source
            == overlapping
              cause: tensor `t` starts at offset 32, expected 64

            hint: the file is damaged, or was written wrongly; get it from another source
            == beyond the file
              cause: tensor `t` starts at offset 1,099,511,627,776, expected 64

            hint: the file is damaged, or was written wrongly; get it from another source
            == alignment 0
              cause: `general.alignment` is 0, expected a power of two from 8 to 1048576

            hint: the file is damaged, or was written wrongly; get it from another source
            == alignment 33
              cause: `general.alignment` is 33, expected a power of two from 8 to 1048576

            hint: the file is damaged, or was written wrongly; get it from another source
            == alignment i32
              cause: `general.alignment` is i32, expected u32

            hint: the file is damaged, or was written wrongly; get it from another source
        "#]],
    );
}

#[test]
fn t5_amplification() {
    let nested = (0..64).fold(array(U32, 1, &[0; 4]), |inner, _| array(ARR, 1, &inner));
    let keys: Vec<_> = (0..40_000).map(|i| key(&format!("{i:05}"), 0, &[0])).collect();
    check(
        &[
            ("2^30 strings", gguf(&[key("k", ARR, &array(STR, 1 << 30, &[0; 64]))], &[], 0)),
            ("64 nested arrays", gguf(&[key("k", ARR, &nested)], &[], 0)),
            ("40,000 keys", gguf(&keys, &[], 0)),
        ],
        expect![[r#"
            == 2^30 strings
              cause: the file announces 1,073,741,824 array elements at a place where at most 9 fit

            hint: the file is incomplete or damaged; get it again
            == 64 nested arrays
              cause: metadata key `k` is an array of arrays, which is not supported

            hint: the file is damaged, or was written wrongly; get it from another source
            == 40,000 keys
              cause: the file announces 40,000 metadata keys at a place where at most 32,768 fit

            hint: the file is incomplete or damaged; get it again
        "#]],
    );
}

#[test]
fn t6_types_and_ranges() {
    let set = |key: &str, value: Value| {
        parrot::with(|file| {
            file.set(key, value);
        })
    };
    let scores = |n| Value::Array(Array::F32(vec![0.0; n]));
    check(
        &[
            ("scores of strings", set("tokenizer.ggml.scores", Value::Bool(true))),
            ("too few scores", set("tokenizer.ggml.scores", scores(7))),
            ("eos beyond the vocabulary", set("tokenizer.ggml.eos_token_id", Value::U32(301))),
            ("no layers", set("llama.block_count", Value::U32(0))),
            ("2^31 layers", set("llama.block_count", Value::U32(1 << 31))),
            ("layers as text", set("llama.block_count", Value::String("1".into()))),
            ("no heads", set("llama.attention.head_count", Value::U32(0))),
            ("513 heads", set("llama.attention.head_count", Value::U32(513))),
            ("rope of no dimensions", set("llama.rope.dimension_count", Value::U32(0))),
            ("rope of 513 dimensions", set("llama.rope.dimension_count", Value::U32(513))),
            ("rope of 2^31 dimensions", set("llama.rope.dimension_count", Value::U32(1 << 31))),
        ],
        expect![[r#"
            == scores of strings
              cause: metadata key `tokenizer.ggml.scores` is bool, expected an array of numbers ([f32])

            hint: if the file is right otherwise, `--override-kv tokenizer.ggml.scores=TYPE:VALUE`
            == too few scores
              cause: metadata key `tokenizer.ggml.scores` has 7 elements, expected 301

            hint: if the file is right otherwise, `--override-kv tokenizer.ggml.scores=TYPE:VALUE`
            == eos beyond the vocabulary
              cause: metadata key `tokenizer.ggml.eos_token_id` is 301, expected 0 to 300

            hint: if the file is right otherwise, `--override-kv tokenizer.ggml.eos_token_id=TYPE:VALUE`
            == no layers
              cause: metadata key `llama.block_count` is 0, expected a whole number from 1 to 512

            hint: `--override-kv llama.block_count=TYPE:VALUE` sets it, if you know what it should be
            == 2^31 layers
              cause: metadata key `llama.block_count` is 2147483648, expected a whole number from 1 to 512

            hint: `--override-kv llama.block_count=TYPE:VALUE` sets it, if you know what it should be
            == layers as text
              cause: metadata key `llama.block_count` is str, expected a whole number
            == no heads
              cause: metadata key `llama.attention.head_count` is 0, expected a whole number from 1 to 512

            hint: `--override-kv llama.attention.head_count=TYPE:VALUE` sets it, if you know what it should be
            == 513 heads
              cause: metadata key `llama.attention.head_count` is 513, expected a whole number from 1 to 512

            hint: `--override-kv llama.attention.head_count=TYPE:VALUE` sets it, if you know what it should be
            == rope of no dimensions
              cause: metadata key `llama.rope.dimension_count` is 0, expected a whole number from 2 to 8

            hint: `--override-kv llama.rope.dimension_count=TYPE:VALUE` sets it, if you know what it should be
            == rope of 513 dimensions
              cause: metadata key `llama.rope.dimension_count` is 513, expected a whole number from 2 to 8

            hint: `--override-kv llama.rope.dimension_count=TYPE:VALUE` sets it, if you know what it should be
            == rope of 2^31 dimensions
              cause: metadata key `llama.rope.dimension_count` is 2147483648, expected a whole number from 2 to 8

            hint: `--override-kv llama.rope.dimension_count=TYPE:VALUE` sets it, if you know what it should be
        "#]],
    );
}

/// Weights that are no numbers end in an error that names where, not in an endless loop.
#[test]
fn t7_tensor_values() {
    let place = Place::new();
    place.file("nan.gguf", parrot::broken());
    expect![[r#"
        exit 1
        -- stderr
        error: embed gave numbers that are not finite

        hint: the weights are damaged, or a kernel is wrong: compare `--device reference`
    "#]]
    .assert_eq(&place.run(&["run", "nan.gguf", "--no-save", "smile"]));
}

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
    let pickle = folder(|place, _| {
        place.file("m/pytorch_model.bin", b"PK\x03\x04\x14\x00\x00\x00data.pkl");
    });
    let disguised = folder(|place, _| {
        place.file("m/model.safetensors", b"PK\x03\x04\x14\x00\x00\x00data.pkl");
    });
    let mut all = String::new();
    for (title, told) in [
        ("a shard that is missing", named(r#"{"x":"none.safetensors"}"#)),
        ("a shard outside", named(r#"{"x":"../other.safetensors"}"#)),
        ("a shard with an absolute path", named(r#"{"x":"/etc/passwd"}"#)),
        ("a tensor that its shard does not hold", wrong),
        ("a tensor in two shards", twice),
        ("a pickle alone", pickle),
        ("a pickle called safetensors", disguised),
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
