//! How keys and values are kept: what is asked for is done and told, or refused with what would do.

use serde_json::Value;

use crate::place;

const RUN: [&str; 4] = ["run", "parrot.gguf", "--no-save", "--verbose"];

#[test]
fn a_cache_that_is_not_as_usual_is_named() {
    let place = place();
    let usual = place.run(&[&RUN[..], &["hi"]].concat());
    assert!(usual.contains("Hello there, friend!") && !usual.contains("cache in"), "{usual}");
    for flags in [&["--cache-type", "bf16"][..], &["-ctk", "bf16", "-ctv", "bf16"]] {
        let told = place.run(&[&RUN[..], flags, &["hi"]].concat());
        let is_there = told.contains("Hello there, friend!") && told.contains(", cache in bf16, ");
        assert!(is_there, "{told}");
    }
    let told = place.run(&[&RUN[..], &["--cache-type", "f16", "hi"]].concat());
    assert!(told.starts_with("exit 0\n") && !told.contains("cache in"), "{told}");
}

#[test]
fn what_heads_do_not_fit_and_what_is_no_type_is_refused() {
    let place = place();
    let told = place.run(&[&RUN[..], &["--cache-type", "q8_0", "hi"]].concat());
    assert!(told.starts_with("exit 1\n"), "{told}");
    for part in [
        "cannot load `parrot.gguf`",
        "heads of 8 numbers, expected a multiple of 32",
        "`q8_0`",
        "hint: ",
        "`bf16`",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for flags in [&["--cache-type", "q5_1"][..], &["-ctk", "bf16", "-ctv", "f16"]] {
        let told = place.run(&[&RUN[..], flags, &["hi"]].concat());
        assert!(told.starts_with("exit 2\n") && told.contains("--cache-type"), "{told}");
    }
    place.file("ingle-home/settings.toml", "cache-type = \"q5_1\"\n");
    let told = place.run(&[&RUN[..], &["hi"]].concat());
    assert!(told.contains("no cache type is called `q5_1`, there are `f32`"), "{told}");
}

#[test]
fn a_benchmark_tells_it_and_has_another_fingerprint() {
    let place = place();
    let bench = |more: &[&str]| {
        let args = ["bench", "parrot.gguf", "-p", "8", "-n", "0", "-r", "1"];
        place.output(&[&args[..], more].concat(), b"", &[])
    };
    let row = |more: &[&str]| -> Value {
        let output = bench(&[more, &["-o", "jsonl"]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{told}"))
    };
    let (usual, half, other) =
        (row(&[]), row(&["--cache-type", "f16"]), row(&["--cache-type", "bf16"]));
    assert_eq!([&usual, &half].map(|it| &it["cache_type"]), [&Value::Null; 2]);
    assert_eq!(other["cache_type"], "bf16");
    assert_eq!(usual["fingerprint"], half["fingerprint"]);
    if !usual["fingerprint"].is_null() {
        assert_ne!(usual["fingerprint"], other["fingerprint"]);
    }
    let table = String::from_utf8(bench(&["--cache-type", "bf16"]).stdout).expect("UTF-8");
    assert!(table.contains("| llama 198.96 K F32, cache bf16 |"), "{table}");
}
