//! What a person reads when a hostile file is opened: one case or more of each attack class T1 to
//! T7, with what was found, what was expected and what to do. The loader's tests have all cases;
//! T8 is in `folders`.

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
pub(crate) fn refusal(place: &Place, model: &str) -> String {
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

pub(crate) fn words(of: &[u64]) -> Vec<u8> {
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
