//! T8: headers.

use std::error::Error as _;

use loader::safetensors::{HeaderError, MAX_HEADER, header};
use safetensors::SafeTensors;

use super::file;

/// The error of a file with this header and `data` bytes behind it, with its cause.
#[track_caller]
fn refusal(json: &str, data: usize) -> String {
    told(&header(&file(json, &vec![0; data])).expect_err("this must not be read"))
}

fn told(error: &HeaderError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[track_caller]
fn check(json: &str, data: usize, text: &str) {
    assert_eq!(refusal(json, data), text);
}

const A: &str = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;

#[test]
fn t8_lengths() {
    let told_of = |bytes: &[u8]| told(&header(bytes).expect_err("cut"));
    assert_eq!(told_of(b""), "it has 0 bytes, a header starts with 8 bytes of length");
    assert_eq!(told_of(&[0; 7]), "it has 7 bytes, a header starts with 8 bytes of length");
    let announced = |n: u64, rest: &[u8]| told_of(&[&n.to_le_bytes(), rest].concat());
    assert_eq!(announced(3, b"{}"), "the header ends at byte 11, the file has 10");
    for n in [MAX_HEADER + 1, 100 << 20, u64::MAX, 1 << 63] {
        let text = format!("the header has {n} bytes, at most 67108864 are allowed");
        assert_eq!(announced(n, b"{}"), text);
    }
    assert_eq!(
        announced(0, b""),
        "the header is not the JSON of safetensors: EOF while parsing a value at line 1 column 0"
    );
}

#[test]
fn t8_a_header_of_100_mb_is_not_read() {
    let error = header(&file(&" ".repeat(100 << 20), b"")).expect_err("too long");
    assert!(matches!(error, HeaderError::Long { found } if found == 100 << 20));
}

#[test]
fn t8_what_is_not_json() {
    let json = "the header is not the JSON of safetensors: ";
    check("{", 0, &format!("{json}EOF while parsing an object at line 1 column 1"));
    check(
        "[]",
        0,
        &format!("{json}invalid type: sequence, expected an object of tensors at line 1 column 0"),
    );
    check("\0{}", 0, &format!("{json}expected value at line 1 column 1"));
    check("{}\0\0", 0, &format!("{json}trailing characters at line 1 column 3"));
    check("{}{}", 0, &format!("{json}trailing characters at line 1 column 3"));
    let utf8 = header(&[&3u64.to_le_bytes()[..], b"{\"\xff"].concat()).expect_err("not UTF-8");
    assert!(matches!(utf8, HeaderError::Json(_)), "{utf8}");
}

#[test]
fn t8_json_of_another_form() {
    let json = |error: String| assert!(error.starts_with("the header is not the JSON"), "{error}");
    json(refusal(r#"{"a":1}"#, 0));
    json(refusal(r#"{"a":{}}"#, 0));
    json(refusal(r#"{"a":{"dtype":"F32","shape":[2]}}"#, 8));
    json(refusal(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#, 8));
    json(refusal(r#"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8));
    json(refusal(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#, 8));
    json(refusal(r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8));
    json(refusal(r#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, 8));
    json(refusal(
        r#"{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8]}}"#,
        8,
    ));
}

#[test]
fn t8_metadata_of_other_than_strings() {
    let json = "the header is not the JSON of safetensors: invalid type: ";
    check(
        r#"{"__metadata__":{"a":1}}"#,
        0,
        &format!("{json}integer `1`, expected a string at line 1 column 22"),
    );
    check(
        r#"{"__metadata__":[]}"#,
        0,
        &format!(
            "{json}sequence, expected an object of strings as `__metadata__` at line 1 column 16"
        ),
    );
    check(r#"{"__metadata__":{},"__metadata__":{}}"#, 0, "there are two tensors `__metadata__`");
    assert!(header(&file(r#"{"__metadata__":{"format":"pt"}}"#, b"")).is_ok());
}

#[test]
fn t8_depth() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for n in [128, 100_000] {
        let deep = nested(n);
        for json in [
            format!(r#"{{"a":{{"dtype":"F32","shape":{deep},"data_offsets":[0,8]}}}}"#),
            format!(r#"{{"a":{deep}}}"#),
            format!(r#"{{"__metadata__":{{"a":{deep}}}}}"#),
            deep.clone(),
        ] {
            let error = header(&file(&json, &[0; 8])).expect_err("nested");
            assert!(matches!(error, HeaderError::Json(_)), "{error}");
        }
    }
}

#[test]
fn t8_two_tensors_of_one_name() {
    check(&format!("{{{A},{A}}}"), 8, "there are two tensors `a`");
    let other = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}"#;
    check(&format!("{{{A},{other}}}"), 16, "there are two tensors `a`");
    let escaped = r#""\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}"#;
    check(&format!("{{{A},{escaped}}}"), 16, "there are two tensors `a`");
}

#[test]
fn t8_sizes() {
    let one = |dtype: &str, shape: &str, offsets: &str| {
        let json =
            format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#);
        refusal(&json, 8)
    };
    assert_eq!(one("F32", "[3]", "[0,8]"), "tensor `a` of F32 [3] has bytes 0..8");
    assert_eq!(one("F16", "[2]", "[0,8]"), "tensor `a` of F16 [2] has bytes 0..8");
    assert_eq!(one("F4", "[3]", "[0,1]"), "tensor `a` of F4 [3] has bytes 0..1");
    assert_eq!(one("F32", "[2]", "[8,0]"), "tensor `a` of F32 [2] has bytes 8..0");
    assert_eq!(
        one("F32", "[4294967296,4294967296]", "[0,0]"),
        "tensor `a` of F32 [4294967296, 4294967296] has bytes 0..0"
    );
    assert_eq!(
        one("F32", "[2305843009213693952]", "[0,0]"),
        "tensor `a` of F32 [2305843009213693952] has bytes 0..0"
    );
    assert_eq!(
        one("F32", "[2]", "[18446744073709551608,0]"),
        "tensor `a` of F32 [2] has bytes 18446744073709551608..0"
    );
    assert_eq!(
        one("Q4_0", "[2]", "[0,8]"),
        "tensor `a` is of type `Q4_0`, which safetensors does not have"
    );
    assert_eq!(
        one("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"),
        "tensor `a` has 9 dimensions, at most 8 are allowed"
    );
}

/// They would cost their file nothing, and whoever makes something of each row all memory.
#[test]
fn t8_shapes_without_numbers() {
    let one =
        |shape: &str| format!(r#"{{"a":{{"dtype":"I32","shape":{shape},"data_offsets":[0,0]}}}}"#);
    let told = "has no numbers, expected dimensions up to 1048576";
    for (shape, shown) in [
        ("[1048577,0]", "[1048577, 0]"),
        ("[0,4611686018427387904]", "[0, 4611686018427387904]"),
        ("[1,1048577,0,16]", "[1, 1048577, 0, 16]"),
    ] {
        check(&one(shape), 0, &format!("tensor `a` of {shown} {told}"));
    }
    assert!(header(&file(&one("[1048576,0,3]"), b"")).is_ok());
}

#[test]
fn t8_offsets() {
    let b = |begin: usize, end: usize| {
        let n = (end - begin) / 4;
        format!(r#"{{{A},"b":{{"dtype":"F32","shape":[{n}],"data_offsets":[{begin},{end}]}}}}"#)
    };
    check(&b(12, 16), 16, "tensor `b` begins at data byte 12, the one before it ends at 8");
    check(&b(4, 12), 12, "tensor `b` begins at data byte 4, the one before it ends at 8");
    check(&b(0, 8), 8, "tensor `b` begins at data byte 0, the one before it ends at 8");
    let first = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    check(first, 8, "tensor `a` begins at data byte 4, the one before it ends at 0");
    check("{}", 1, "the tensors end at byte 10, the file has 11");
    check(&format!("{{{A}}}"), 7, "the tensors end at byte 70, the file has 69");
    assert!(header(&file(&b(8, 16), &[0; 16])).is_ok());
}

#[test]
fn empty_tensors_and_spaces_are_allowed() {
    let json = format!(r#"{{"e":{{"dtype":"I64","shape":[0,3],"data_offsets":[8,8]}},{A}}}   "#);
    let bytes = file(&json, &[0; 8]);
    let read = header(&bytes).expect("valid");
    let found: Vec<_> = read.tensors().map(|it| (it.name, it.shape.to_vec())).collect();
    assert_eq!(found, [("a", vec![2]), ("e", vec![0, 3])]);
}

/// Each file cut at every length, and with each byte of its header changed: no panic, and what is
/// read is what the reader of the `safetensors` crate reads.
#[test]
fn t8_changed_and_cut_files() {
    let whole = super::zeros(&super::TENSORS[..4]);
    for cut in 0..whole.len() {
        assert!(header(&whole[..cut]).is_err(), "cut at {cut}");
    }
    let header_end = whole.len() - 4 * (6 * 4 + 4 + 6 * 4 + 4);
    let mut accepted = 0;
    for at in 0..header_end {
        for change in [1, 2, 4, 16, 32, 128] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let Ok(ours) = header(&bytes) else { continue };
            accepted += 1;
            let theirs = SafeTensors::deserialize(&bytes).expect("we are not less strict");
            assert_eq!(ours.tensors().len(), theirs.len());
            for it in ours.tensors() {
                let their = theirs.tensor(it.name).expect("the same names");
                assert_eq!((it.shape, &bytes[it.begin..it.end]), (their.shape(), their.data()));
            }
        }
    }
    assert!(accepted > 100, "names can be changed: {accepted}");
}
