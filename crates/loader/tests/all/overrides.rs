//! `KEY=TYPE:VALUE`: what is understood, and how what is not is refused.

use loader::{Array, Override, Value, overrides::Error};

#[track_caller]
fn check(text: &str, expected: Value) {
    let found: Override = text.parse().expect("a sound override");
    assert_eq!(found, Override { key: "k".to_owned(), value: expected });
}

#[track_caller]
fn check_refused(text: &str, message: &str) {
    let error = text.parse::<Override>().expect_err("a wrong override");
    assert_eq!(error.to_string(), message);
}

#[test]
fn every_type_is_understood() {
    check("k=u8:255", Value::U8(255));
    check("k=i8:-128", Value::I8(-128));
    check("k=u16:65535", Value::U16(65535));
    check("k=i16:-1", Value::I16(-1));
    check("k=u32:4294967295", Value::U32(u32::MAX));
    check("k=i32:-1", Value::I32(-1));
    check("k=u64:18446744073709551615", Value::U64(u64::MAX));
    check("k=i64:-1", Value::I64(-1));
    check("k=f32:0.5", Value::F32(0.5));
    check("k=f64:1e300", Value::F64(1e300));
    check("k=bool:true", Value::Bool(true));
    check("k=str:a=b:c, d", Value::String("a=b:c, d".to_owned()));
    check("k=str:", Value::String(String::new()));
    check("k=int:-5", Value::I64(-5));
    check("k=float:3", Value::F64(3.0));
}

#[test]
fn arrays_are_understood() {
    let strings = |it: &[&str]| Value::Array(Array::String(it.iter().collect()));
    check("k=[u32]:1,2, 3", Value::Array(Array::U32(vec![1, 2, 3])));
    check("k=[u32]:[1, 2]", Value::Array(Array::U32(vec![1, 2])));
    check("k=[int]:-1", Value::Array(Array::I64(vec![-1])));
    check("k=[f32]:", Value::Array(Array::F32(vec![])));
    check("k=[float]:[1, 0.5]", Value::Array(Array::F64(vec![1.0, 0.5])));
    check("k=[bool]:true,false", Value::Array(Array::Bool(vec![true, false])));
    check("k=[str]:a, b,", strings(&["a", " b", ""]));
    check(r#"k=[str]:["a, b", "]"]"#, strings(&["a, b", "]"]));
}

#[test]
fn wrong_ones_are_refused() {
    const TYPES: &str = "u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool, str, int, float, \
        or an array of them such as [u32]";
    for text in ["", "k", "k=u32", "=u32:1", "k:u32=1"] {
        check_refused(text, &format!("override `{text}` is not of the form `KEY=TYPE:VALUE`"));
    }
    for ty in ["uint", "U32", "[]", "[u32", "[[u32]]", ""] {
        let message = format!("override of `k` has the unknown type `{ty}`, expected {TYPES}");
        check_refused(&format!("k={ty}:1"), &message);
    }
    for (ty, value) in [
        ("u8", "256"),
        ("u32", "-1"),
        ("u32", "1.0"),
        ("int", "9223372036854775808"),
        ("f32", "1e39"),
        ("f64", "nan"),
        ("bool", "1"),
        ("[u8]", "1,256"),
        ("[u8]", "1,,2"),
        ("[u8]", "[1, \"2\"]"),
        ("[str]", "[1]"),
        ("[f32]", "inf"),
    ] {
        let message = format!("override of `k`: `{value}` is not a value of type {ty}");
        check_refused(&format!("k={ty}:{value}"), &message);
    }
    check_refused(
        "general.alignment=u32:64",
        "`general.alignment` cannot be overridden: it says where the tensors of the file are",
    );
}

#[test]
fn json_is_understood() {
    let text =
        r#"{"a": {"u32": 16}, "b": {"f32": 500042.0}, "c": {"[str]": ["x"]}, "d": {"bool": true}}"#;
    let found = Override::from_json(&serde_json::from_str(text).expect("JSON"));
    let same: Vec<Override> = ["a=u32:16", "b=f32:500042", "c=[str]:x", "d=bool:true"]
        .map(|it| it.parse().expect("a sound override"))
        .into();
    assert_eq!(found, Ok(same));
}

#[test]
fn wrong_json_is_refused() {
    let check = |text: &str, expected: Error| {
        let json = serde_json::from_str(text).expect("JSON");
        assert_eq!(Override::from_json(&json), Err(expected));
    };
    let form = |found: &str| Error::Json { found: found.to_owned() };
    check("[]", form("[]"));
    check(r#"{"k": 1}"#, form("1"));
    check(r#"{"k": {}}"#, form("{}"));
    check(r#"{"k": {"u8": 1, "u16": 1}}"#, form(r#"{"u8":1,"u16":1}"#));
    let key = || "k".to_owned();
    let (expected, found) = ("u8".to_owned(), "\"1\"".to_owned());
    check(r#"{"k": {"u8": "1"}}"#, Error::Value { key: key(), found, expected });
    check(r#"{"k": {"u9": 1}}"#, Error::Type { key: key(), found: "u9".to_owned() });
}
