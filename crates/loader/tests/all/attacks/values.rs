//! T5 and T6: values that would cost memory, and values of another type or count than they need.

use super::raw::{ARR, Raw, STR, U32, array, string, words};
use loader::{Error, gguf};

const F32: u32 = 6;
const I32: u32 = 5;

#[test]
fn t5_strings_that_the_file_does_not_hold() {
    Raw::new().key("k", ARR, &array(STR, 1 << 30, &[0; 64])).refused(
        gguf::Error::Count { what: "array elements", found: 1 << 30, most: 9 },
        "the file announces 1,073,741,824 array elements at a place where at most 9 fit",
    );
}

#[test]
fn t5_numbers_that_the_file_does_not_hold() {
    for (ty, most) in [(0, 79), (2, 39), (4, 19), (10, 9)] {
        Raw::new().key("k", ARR, &array(ty, u64::MAX, &[0; 64])).refused(
            gguf::Error::Count { what: "array elements", found: u64::MAX, most },
            &format!(
                "the file announces 18,446,744,073,709,551,615 array elements at a place where at \
                 most {most} fit"
            ),
        );
    }
}

#[test]
fn t5_nested_arrays() {
    let value = (0..64).fold(array(U32, 1, &[0; 4]), |inner, _| array(ARR, 1, &inner));
    Raw::new().key("k", ARR, &value).refused(
        gguf::Error::NestedArray { key: "k".to_owned() },
        "metadata key `k` is an array of arrays, which is not supported",
    );
}

#[test]
fn t5_more_keys_than_any_model_has() {
    let file = (0..40_000).fold(Raw::new(), |file, i| file.key(&format!("{i:05}"), 0, &[0]));
    file.refused(
        gguf::Error::Count { what: "metadata keys", found: 40_000, most: 32_768 },
        "the file announces 40,000 metadata keys at a place where at most 32,768 fit",
    );
}

/// Three tokens, and a key beside them.
#[track_caller]
fn check(key: &str, ty: u32, value: &[u8], message: &str) {
    let tokens = ["a", "b", "c"].map(string).concat();
    let file = Raw::new().key("tokenizer.ggml.tokens", ARR, &array(STR, 3, &tokens));
    let error = super::raw::open(file.key(key, ty, value).bytes());
    match error.expect_err("a vocabulary that contradicts itself") {
        error @ (Error::KeyType { .. } | Error::KeyRange { .. } | Error::KeyLength { .. }) => {
            assert_eq!(error.to_string(), message);
            let hint = format!("if the file is right otherwise, `--override-kv {key}=TYPE:VALUE`");
            assert_eq!(error.hint(), Some(hint));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn t6_scores() {
    let key = "tokenizer.ggml.scores";
    let message = "metadata key `tokenizer.ggml.scores` has 2 elements, expected 3";
    check(key, ARR, &array(F32, 2, &[0; 8]), message);
    let of = |found| {
        format!(
            "metadata key `tokenizer.ggml.scores` is {found}, expected an array of numbers ([f32])"
        )
    };
    check(key, ARR, &array(STR, 3, &words(&[0, 0, 0])), &of("[str]"));
    check(key, F32, &[0; 4], &of("f32"));
}

#[test]
fn t6_token_types() {
    let key = "tokenizer.ggml.token_type";
    let message = "metadata key `tokenizer.ggml.token_type` has 4 elements, expected 3";
    check(key, ARR, &array(I32, 4, &[0; 16]), message);
    for (ty, found) in [(F32, "[f32]"), (0, "[u8]")] {
        let message = format!(
            "metadata key `tokenizer.ggml.token_type` is {found}, expected an array of whole \
             numbers ([i32])"
        );
        check(key, ARR, &array(ty, 3, &[0; 12]), &message);
    }
}

#[test]
fn t6_merges() {
    let message =
        "metadata key `tokenizer.ggml.merges` is [i32], expected an array of strings ([str])";
    check("tokenizer.ggml.merges", ARR, &array(I32, 3, &[0; 12]), message);
}

#[test]
fn t6_special_ids() {
    for name in ["bos", "eos"] {
        let key = format!("tokenizer.ggml.{name}_token_id");
        let of = |found| format!("metadata key `{key}` is {found}, expected 0 to 2");
        check(&key, U32, &3u32.to_le_bytes(), &of("3"));
        check(&key, U32, &u32::MAX.to_le_bytes(), &of("4294967295"));
        let message = format!("metadata key `{key}` is i32, expected a whole number");
        check(&key, I32, &(-1i32).to_le_bytes(), &message);
    }
}

#[test]
fn t6_tokens() {
    let key = "tokenizer.ggml.tokens";
    let open = |value: &[u8]| super::raw::open(Raw::new().key(key, ARR, value).bytes());
    let error = open(&array(I32, 3, &[0; 12])).expect_err("tokens that are no text");
    let message =
        "metadata key `tokenizer.ggml.tokens` is [i32], expected an array of strings ([str])";
    assert_eq!(error.to_string(), message);
    let error = open(&array(STR, 0, &[])).expect_err("a vocabulary without tokens");
    let message = "metadata key `tokenizer.ggml.tokens` has 0 elements, expected 1";
    assert_eq!(error.to_string(), message);
}
