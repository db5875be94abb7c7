//! T1: headers that break GGUF's rules. Covers every kind of llama.cpp's `test-gguf`.

use super::raw::{ARR, F32, Raw, STR, U32, array, open, refused, string, words};
use loader::{Error, NotAModel, gguf};

const U64_MAX: &str = "18,446,744,073,709,551,615";
const TWO_63: &str = "9,223,372,036,854,775,808";

fn count(what: &'static str, found: u64, most: u64) -> gguf::Error {
    gguf::Error::Count { what, found, most }
}

#[test]
fn t1_bad_magic() {
    let file = Raw { magic: *b"FUGG", ..Raw::new() };
    match open(file.bytes()) {
        Err(Error::NotAModel(error @ NotAModel::Unknown { .. })) => assert_eq!(
            error.to_string(),
            "the file starts with `FUGG`, expected `GGUF` or a safetensors header"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn t1_versions() {
    for found in [0, 1, 4, 0x1_0003, u32::MAX] {
        let file = Raw { version: found.to_le_bytes(), ..Raw::new() };
        let message = format!("GGUF version {found} is not supported, expected 2 or 3");
        file.refused(gguf::Error::Version { found }, &message);
    }
    Raw { version: 2u32.to_le_bytes(), ..Raw::new() }.accepted();
    Raw::new().accepted();
}

#[test]
fn t1_big_endian() {
    for version in [2u32, 3] {
        let file = Raw { version: version.to_be_bytes(), ..Raw::new() };
        file.refused(
            gguf::Error::BigEndian { version },
            &format!(
                "the file is big-endian GGUF version {version}, only little-endian is supported"
            ),
        );
    }
}

#[test]
fn t1_number_of_tensors() {
    for (found, text) in
        [(u64::MAX, U64_MAX), (1 << 63, TWO_63), (1, "1"), (1_000_000, "1,000,000")]
    {
        Raw { n_tensors: Some(found), ..Raw::new() }.refused(
            count("tensors", found, 0),
            &format!("the file announces {text} tensors at a place where at most 0 fit"),
        );
    }
}

#[test]
fn t1_number_of_keys() {
    for (found, text) in [(u64::MAX, U64_MAX), (1 << 63, TWO_63), (1, "1")] {
        Raw { n_keys: Some(found), ..Raw::new() }.refused(
            count("metadata keys", found, 0),
            &format!("the file announces {text} metadata keys at a place where at most 0 fit"),
        );
    }
}

#[test]
fn t1_empty_key() {
    Raw::new().key("", U32, &[0; 4]).refused(
        gguf::Error::KeyLength { index: 0, found: 0 },
        "metadata key 0 has 0 bytes, expected 1 to 65535",
    );
}

#[test]
fn t1_key_length() {
    let most = 32; // what follows in the file, with its padding
    for (found, text) in [(u64::MAX, U64_MAX), ((1 << 30) + 1, "1,073,741,825"), (33, "33")] {
        let key = [&words(&[found])[..], &[b'k'; 17]].concat();
        Raw::new().raw_key(key).refused(
            count("bytes of a metadata key", found, most),
            &format!(
                "the file announces {text} bytes of a metadata key at a place where at most 32 fit"
            ),
        );
    }
    let long = "k".repeat(65_536);
    Raw::new().key(&long, U32, &[0; 4]).refused(
        gguf::Error::KeyLength { index: 0, found: 65_536 },
        "metadata key 0 has 65536 bytes, expected 1 to 65535",
    );
    Raw::new().key(&long[1..], U32, &[0; 4]).accepted();
}

#[test]
fn t1_key_that_is_no_text() {
    let key = [&words(&[2])[..], &[0xff, 0xfe], &U32.to_le_bytes(), &[0; 4]].concat();
    Raw::new().raw_key(key).refused(
        gguf::Error::NotUtf8 { what: "bytes of a metadata key", at: 32 },
        "bytes of a metadata key at byte 32 are not UTF-8",
    );
}

#[test]
fn t1_value_types() {
    for found in [-1, 13, i32::MIN] {
        let key = "k".to_owned();
        let message = format!("metadata key `k` has type {found}, expected 0 to 12");
        Raw::new()
            .key("k", found as u32, &[0; 8])
            .refused(gguf::Error::ValueType { key: key.clone(), found }, &message);
        Raw::new()
            .key("k", ARR, &array(found as u32, 1, &[0; 8]))
            .refused(gguf::Error::ValueType { key, found }, &message);
    }
}

#[test]
fn t1_bool_value() {
    let expected = || gguf::Error::Bool { key: "k".to_owned(), found: 2 };
    let message = "metadata key `k` has a bool of 2, expected 0 or 1";
    Raw::new().key("k", 7, &[2]).refused(expected(), message);
    Raw::new().key("k", ARR, &array(7, 3, &[0, 1, 2])).refused(expected(), message);
}

#[test]
fn t1_string_value_length() {
    for (found, text) in [(u64::MAX, U64_MAX), ((1 << 30) + 1, "1,073,741,825")] {
        let value = words(&[found]);
        Raw::new().key("key", STR, &value).refused(
            count("bytes of a metadata string", found, 17),
            &format!("the file announces {text} bytes of a metadata string at a place where at most 17 fit"),
        );
        let value = array(STR, 1, &value);
        Raw::new().key("key", ARR, &value).refused(
            count("bytes of a string in a metadata array", found, 5),
            &format!(
                "the file announces {text} bytes of a string in a metadata array at a place where \
                 at most 5 fit"
            ),
        );
    }
}

#[test]
fn t1_duplicate_key() {
    let file = Raw::new().key("k", U32, &[0; 4]).key("j", U32, &[0; 4]).key("k", 7, &[1]);
    let message = "metadata key `k` occurs twice";
    file.refused(gguf::Error::DuplicateKey { key: "k".to_owned() }, message);
}

#[test]
fn t1_tensor_name_length() {
    for found in [0, 64, 200] {
        Raw::new().tensor(&"n".repeat(found), &[8], F32, 0).data(32).refused(
            gguf::Error::NameLength { index: 0, found },
            &format!("the name of tensor 0 has {found} bytes, expected 1 to 63"),
        );
    }
    Raw::new().tensor(&"n".repeat(63), &[8], F32, 0).data(32).accepted();
    let name = [&words(&[u64::MAX])[..], &[b'n'; 32]].concat();
    Raw::new().raw_tensor(name).refused(
        count("bytes of a tensor name", u64::MAX, 32),
        &format!(
            "the file announces {U64_MAX} bytes of a tensor name at a place where at most 32 fit"
        ),
    );
}

#[test]
fn t1_number_of_dimensions() {
    for found in [5, u32::MAX] {
        let tensor = [&string("t")[..], &found.to_le_bytes(), &words(&[1; 6])].concat();
        Raw::new().raw_tensor(tensor).refused(
            gguf::Error::Dims { name: "t".to_owned(), found },
            &format!("tensor `t` has {found} dimensions, expected at most 4"),
        );
    }
    let scalar = Raw::new().tensor("t", &[], F32, 0).data(4).accepted();
    assert_eq!(scalar.tensors["t"].shape, [1]);
}

#[test]
fn t1_zero_and_negative_dimensions() {
    for (found, text) in [(0, "0"), (-1, "-1"), (i64::MIN, "-9223372036854775808")] {
        Raw::new().tensor("t", &[8, found as u64], F32, 0).data(32).refused(
            gguf::Error::Dim { name: "t".to_owned(), axis: 1, found },
            &format!("tensor `t` has {text} as dimension 1, expected at least 1"),
        );
    }
}

#[test]
fn t1_tensor_types() {
    for found in [-1, 4242, i32::MIN] {
        Raw::new().tensor("t", &[8], found as u32, 0).data(32).refused(
            gguf::Error::TensorType { name: "t".to_owned(), found },
            &format!("tensor `t` has the unknown type {found}"),
        );
    }
}

#[test]
fn t1_duplicate_tensor() {
    let file = Raw::new().tensor("t", &[8], F32, 0).tensor("t", &[8], F32, 32).data(64);
    let message = "tensor `t` occurs twice";
    file.refused(gguf::Error::DuplicateTensor { name: "t".to_owned() }, message);
}

#[test]
fn t1_trailing_bytes() {
    let file = Raw::new().tensor("t", &[9], F32, 0); // 36 bytes, padded to 64
    file.clone().data(36).accepted();
    file.clone().data(64).accepted();
    file.data(65).refused(
        gguf::Error::TrailingBytes { found: 129, expected: 128 },
        "the file has 129 bytes, expected 128: something follows the last tensor",
    );
    Raw::new().data(1).refused(
        gguf::Error::TrailingBytes { found: 33, expected: 32 },
        "the file has 33 bytes, expected 32: something follows the last tensor",
    );
}

#[test]
fn t1_missing_bytes() {
    let file = Raw::new().tensor("t", &[9], F32, 0);
    file.clone().data(35).refused(
        gguf::Error::TensorPastEnd { name: "t".to_owned(), found: 99, expected: 100 },
        "tensor `t` ends at byte 100, the file has 99",
    );
    refused(
        file.bytes()[..30].to_vec(),
        count("tensors", 1, 0),
        "the file announces 1 tensors at a place where at most 0 fit",
    );
    refused(
        b"GGUF\x03\0\0\0\0\0".to_vec(),
        gguf::Error::Truncated { what: "the number of tensors", found: 10, expected: 16 },
        "the file has 10 bytes and ends in the number of tensors, expected at least 16",
    );
}

/// A file that is cut anywhere is refused, and nothing panics.
#[test]
fn t1_files_cut_at_every_percent() {
    let mut file = gguf::Writer::new();
    let text: loader::Strings = (0..40).map(|i| format!("<{i}>")).collect();
    file.set("general.architecture", loader::Value::String("llama".to_owned()));
    file.set("tokenizer.ggml.tokens", loader::Value::Array(loader::Array::String(text)));
    for i in 0..5 {
        let data = loader::Format::F32.encode(&[0.5; 16]);
        file.tensor(format!("t{i}"), loader::Format::F32, &[2, 8], data);
    }
    let bytes = file.to_bytes();
    open(bytes.clone()).expect("the whole file is right");
    for percent in 0..100 {
        let len = bytes.len() * percent / 100;
        let error = open(bytes[..len].to_vec()).expect_err("a cut file");
        assert!(
            matches!(&error, Error::NotAModel(NotAModel::Empty) | Error::Gguf(_)),
            "{percent}%: {error}"
        );
    }
    for len in 0..bytes.len() {
        open(bytes[..len].to_vec()).expect_err("a cut file");
    }
}
