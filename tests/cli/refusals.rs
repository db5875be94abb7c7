//! What is refused although the model is sound: conversations that do not fit, commands that make
//! no sense.

use expect_test::expect;
use ingle_tests::parrot;

use super::check;
use crate::place;

#[test]
fn conversations_that_do_not_fit() {
    let place = place();
    let long = "x".repeat(100);
    let args = ["run", "parrot.gguf", "--no-save", "-c", "64", &long];
    check(
        &place,
        &args,
        expect![[r#"
        exit 1
        -- stderr
        error: the prompt has 102 tokens, the context holds 64

        hint: `--ctx-size 128` needs 2.0 KiB more memory; a shorter text fits
    "#]],
    );
    let args = ["run", "parrot.gguf", "--no-save", "-c", "32", "count"];
    check(
        &place,
        &args,
        expect![[r#"
            exit 1
            -- stdout
            1 2 3 4 5 6 7 8 2 3 4 5 6 7 8 2 3 4 5 6 7 8 2 3 4 5
            -- stderr
            error: the answer was cut: the context of 32 tokens is full

            hint: `--ctx-size 64` needs 1.0 KiB more memory; `--context-shift` drops the oldest text
        "#]],
    );
    place.file("broken.gguf", parrot::broken());
    check(
        &place,
        &["run", "broken.gguf", "--no-save", "smile"],
        expect![[r#"
        exit 1
        -- stderr
        error: embed gave numbers that are not finite

        hint: the weights are damaged, or a kernel is wrong: compare `--device reference`
    "#]],
    );
}

#[test]
fn commands_that_make_no_sense() {
    let place = place();
    check(
        &place,
        &["run"],
        expect![[r#"
            exit 2
            -- stderr
            error: no model is named

            hint: name a `.gguf` file, a model that `ingle list` has, or the built-in `ember`
        "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf"],
        expect![[r#"
        exit 2
        -- stderr
        error: the prompt is empty

        hint: at a terminal, `ingle run MODEL` asks for one
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "-p", "a", "b"],
        expect![[r#"
        exit 2
        -- stderr
        error: two prompts: `-p` and `b`

        hint: give one of them
    "#]],
    );
}

#[test]
fn settings_that_do_not_exist() {
    let place = place();
    check(
        &place,
        &["run", "parrot.gguf", "--temperatur", "1", "a"],
        expect![[r#"
        exit 2
        -- stderr
        error: unexpected argument '--temperatur' found

          tip: a similar argument exists: '--temp'

        Usage: ingle run --temp <X> <MODEL> [PROMPT]...

        For more information, try '--help'.
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "--temp", "-1", "a"],
        expect![[r#"
        exit 2
        -- stderr
        error: temperature is -1, expected 0 or more
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "--samplers", "top_k;nope", "a"],
        expect![[r#"
        exit 2
        -- stderr
        error: invalid value 'nope' for '--samplers <NAMES>': sampler `nope` is not known, expected one of `penalties`, `dry`, `top_n_sigma`, `top_k`, `typ_p`, `top_p`, `min_p`, `xtc`, `temperature`

        For more information, try '--help'.
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "--device", "cuda", "a"],
        expect![[r#"
        exit 2
        -- stderr
        error: invalid value 'cuda' for '--device <DEVICE>': no device is called `cuda`, there are `auto`, `cpu` and `reference`

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn names_that_lead_nowhere() {
    let place = place();
    check(
        &place,
        &["run", "parrot.gguf", "--resume=../x", "a"],
        expect![[r#"
        exit 2
        -- stderr
        error: `../x` is no name for a chat, expected 1 to 80 of a-z A-Z 0-9 - _ and inner dots, and none that Windows gives to a device
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "--resume", "a"],
        expect![[r#"
        exit 1
        -- stderr
        error: no chat is saved in `[DIR]/ingle-home/chats`
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "-f", "none.txt"],
        expect![[r#"
        exit 1
        -- stderr
        error: cannot read `none.txt`
          cause: No such file or directory (os error 2)
    "#]],
    );
    check(
        &place,
        &["show", "parrot.gguf", "more"],
        expect![[r#"
        exit 2
        -- stderr
        error: unexpected argument 'more' found

        Usage: ingle show [OPTIONS] [MODEL]

        For more information, try '--help'.
    "#]],
    );
    check(
        &place,
        &["show", "-m", "parrot.gguf", "more"],
        expect![[r#"
        exit 2
        -- stderr
        error: unexpected argument `more` after the model `parrot.gguf`
    "#]],
    );
}

/// A first word that is no verb is often a model, or a verb of another program.
#[test]
fn first_words_that_are_no_verbs() {
    let place = place();
    for (word, told) in [
        ("parrot.gguf", "`parrot.gguf` is no command\n\nhint: `ingle run parrot.gguf`\n"),
        ("ember", "`ember` is no command\n\nhint: `ingle run ember`\n"),
        ("serve", "`serve` is not in this version\n\nhint: `ingle --help` lists what is\n"),
    ] {
        assert_eq!(place.run(&[word]), format!("exit 2\n-- stderr\nerror: {told}"));
    }
    let address = "exit 1\n-- stderr\nerror: `https://x/m.gguf` is an address, and none of a \
                   model's repository\n\nhint: name a repository, such as `org/repo`, or fetch the \
                   file and `ingle run FILE.gguf`\n";
    assert_eq!(place.run(&["https://x/m.gguf"]), address);
    assert_eq!(place.run(&["run", "https://x/m.gguf", "hi"]), address);
    assert_eq!(place.run(&["help"]), place.run(&["--help"]));
    assert_eq!(place.run(&["help", "show"]), place.run(&["show", "--help"]));
}

#[test]
fn numbers_that_are_none() {
    let place = place();
    let said = |flag: &str, value: &str| {
        let told = place.run(&["run", "parrot.gguf", "--no-save", flag, value, "hi"]);
        told.lines().nth(2).unwrap_or_default().to_owned()
    };
    for (flag, value, expected) in [
        ("-n", "0", "a whole number from 1, or -1 for no limit"),
        ("-n", "-2", "a whole number from 1, or -1 for no limit"),
        ("-c", "0", "a whole number from 1"),
        ("-t", "-1", "a whole number from 1"),
        ("--top-k", "1.5", "a whole number from 0"),
        ("--repeat-last-n", "abc", "a whole number from 0, or -1 for all"),
        ("--temp", "abc", "a number"),
        ("--seed", "abc", "a whole number from 0"),
    ] {
        let told = said(flag, value);
        let expected = format!(">': expected {expected}, found `{value}`");
        assert!(told.starts_with("error: invalid value '") && told.ends_with(&expected), "{told}");
    }
    assert_eq!(said("-n", "-1"), "Hello there, friend!");
    place.file("ingle-home/settings.toml", "threads = \"x\"\n");
    check(
        &place,
        &["tokenize", "parrot.gguf", "hi"],
        expect![[r#"
            exit 1
            -- stderr
            error: settings `[DIR]/ingle-home/settings.toml`, line 1: expected a whole number from 1, found `x`
        "#]],
    );
}

/// More threads than any machine has cores for are refused before one is started; more than this
/// one has are named.
#[test]
fn threads_beyond_the_cores() {
    let place = place();
    let run = |threads: &str| place.run(&["run", "parrot.gguf", "--no-save", "-t", threads, "hi"]);
    let told = run("99999999");
    let expected = "exit 2\n-- stderr\nerror: found 99999999 threads, expected at most 1024\n\n\
                    hint: leave the number out: one thread a physical core, ";
    assert!(told.starts_with(expected), "{told}");
    let n = kernels::cpu::available_cores().max(2) + 1;
    let told = run(&n.to_string());
    assert!(told.contains("Hello there, friend!"), "{told}");
    assert_eq!(told.matches(&format!("warning: {n} threads on ")).count(), 1, "{told}");
    assert!(!run("2").contains("warning"));
}

/// What is to be given less is what was given.
#[test]
fn a_benchmark_that_has_no_room() {
    let place = place();
    let cause = "\n  cause: a context of 10,000,000,000,000 tokens needs ";
    for (more, hint) in [
        (&[][..], "give less to `-p`, `-n` or `-d`"),
        (&["-c", "10000000000000"][..], "a smaller `--ctx-size` needs less"),
    ] {
        let args = ["bench", "parrot.gguf", "-p", "0", "-n", "9999999999999"];
        let told = place.run(&[&args[..], more].concat());
        let hint = format!("\nhint: {hint}\n");
        assert!(told.starts_with("exit 1") && told.contains(cause), "{told}");
        assert!(told.ends_with(&hint), "{told}");
    }
}

#[test]
fn arguments_of_other_commands() {
    let place = place();
    check(
        &place,
        &["show", "parrot.gguf", "--override-kv", "a"],
        expect![[r#"
        exit 2
        -- stderr
        error: invalid value 'a' for '--override-kv <KEY=TYPE:VALUE>': override `a` is not of the form `KEY=TYPE:VALUE`

        For more information, try '--help'.
    "#]],
    );
    check(
        &place,
        &["bench", "parrot.gguf", "-p", "0", "-n", "0"],
        expect![[r#"
        exit 2
        -- stderr
        error: nothing to measure: `-p` and `-n` are both 0
    "#]],
    );
    check(
        &place,
        &["logits", "ember", "--ids", "1,2", "--greedy", "18446744073709551615", "-o", "o"],
        expect![[r#"
            exit 1
            -- stderr
            error: the prompt has 18,446,744,073,709,551,615 tokens, the context holds 1,024

            hint: shorten it: no context holds so many
        "#]],
    );
    check(
        &place,
        &["logits", "parrot.gguf", "--ids", "99999", "-o", "o"],
        expect![[r#"
        exit 1
        -- stderr
        error: token 99999 is not in the vocabulary of 301
    "#]],
    );
    let isa = place.run_with(&["run", "parrot.gguf", "a"], b"", &[("INGLE_ISA", "sse9")]);
    let machine = isa.find("this machine has").map(|at| isa[..at].to_owned());
    expect![[r#"
        exit 2
        -- stderr
        error: `INGLE_ISA` cannot be obeyed
          cause: no instruction set is called `sse9`, "#]]
    .assert_eq(&machine.unwrap_or(isa));
}

#[test]
fn bytes_that_are_no_text() {
    let place = place();
    place.file("noise.bin", b"ok \xff");
    let args = ["run", "parrot.gguf", "--no-save", "-f", "noise.bin"];
    check(
        &place,
        &args,
        expect![[r#"
        exit 1
        -- stderr
        error: `noise.bin` is not UTF-8 text, from byte 3 on

        hint: save it as UTF-8 text; documents of other kinds cannot be read
    "#]],
    );
    let args = ["run", "parrot.gguf", "--no-save"];
    expect![[r#"
        exit 1
        -- stderr
        error: standard input is not UTF-8 text, from byte 1 on

        hint: save it as UTF-8 text; documents of other kinds cannot be read
    "#]]
    .assert_eq(&place.run_with(&args, b"a\xffb", &[]));
    expect![[r#"
        exit 1
        -- stderr
        error: standard input is not UTF-8 text, from byte 0 on

        hint: save it as UTF-8 text; documents of other kinds cannot be read
    "#]]
    .assert_eq(&place.run_with(&["tokenize", "parrot.gguf"], b"\xff", &[]));
}
