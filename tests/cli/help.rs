//! What each verb says it takes.

use std::fmt::Write;

use expect_test::expect_file;
use ingle_tests::binary::Place;

/// The whole help of the program and of each verb, in one file to be read.
#[test]
fn help_of_every_verb() {
    let place = Place::new();
    let mut all = String::new();
    for verb in [
        "",
        "run",
        "pull",
        "show",
        "list",
        "rm",
        "cp",
        "verify",
        "adopt",
        "bench",
        "bench compare",
        "fit",
        "perplexity",
        "quantize",
        "merge",
        "check",
        "logits",
        "export",
        "import",
        "sign",
        "tokenize",
        "policy",
        "policy check",
        "policy sign",
        "audit verify",
        "doctor",
        "completions",
    ] {
        let args: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
        let told = place.run_with(&args, b"", &[("INGLE_THREADS", ""), ("COLUMNS", "100")]);
        let help = told.strip_prefix("exit 0\n-- stdout\n").unwrap_or(&told);
        // Writing to a string cannot fail.
        let _ = write!(all, "$ ingle {}\n{help}\n", args.join(" "));
    }
    expect_file!["help.txt"].assert_eq(&all);
}

/// Help, a failure and nonsense.
#[test]
fn exit_codes() {
    let place = crate::place();
    for (args, code) in [
        (&["--help"][..], 0),
        (&["show", "parrot.gguf"], 0),
        (&["tokenize", "parrot.gguf", "a"], 0),
        (&["show", "none.gguf"], 1),
        (&["tokenize", "none.gguf", "a"], 1),
        (&["bench", "none.gguf"], 1),
        (&["logits", "parrot.gguf", "--ids", "1", "-o", "no/folder/o"], 1),
        (&["logits", "parrot.gguf"], 2),
        (&["bench", "parrot.gguf", "-r", "0"], 2),
        (&["show"], 2),
        (&["quantize", "none.gguf", "out.gguf", "q8_0"], 1),
        (&["quantize", "parrot.gguf", "out.gguf", "q9"], 2),
        (&["perplexity", "none.gguf", "--text", "none"], 1),
        (&["perplexity", "parrot.gguf"], 2),
        (&["check", "none.gguf"], 1),
        (&["check"], 2),
        (&["nonsense"], 2),
        (&["completions", "nosuchshell"], 2),
        (&["run", "parrot.gguf", "--top-p", "7", "a"], 2),
    ] {
        let told = place.run(args);
        assert!(told.starts_with(&format!("exit {code}\n")), "{args:?}\n{told}");
    }
}
