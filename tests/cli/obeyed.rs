//! Whatever a person asks for is done, refused or named as without effect; nothing is passed over.

use expect_test::expect;
use ingle_tests::parrot;
use loader::Value;

use super::check;
use crate::place;

/// The reference has one precision and one thread; asking for others is not passed over.
#[test]
fn settings_that_the_reference_does_not_have() {
    let place = place();
    let run = ["run", "parrot.gguf", "--no-save", "--device", "reference"];
    check(
        &place,
        &[&run[..], &["--precision", "fast", "smile"]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: `--device reference` is always exact, found `--precision fast` or INGLE_PRECISION=fast

            hint: leave one of them out
        "#]],
    );
    check(
        &place,
        &[&run[..], &["--threads", "2", "smile"]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: `--device reference` has one thread, found `--threads` or INGLE_THREADS

            hint: leave one of them out
        "#]],
    );
}

/// Figures would be others of the same test.
#[test]
fn the_context_of_chats_is_not_that_of_what_is_measured() {
    let place = place();
    place.file("text", "hello parrot ".repeat(60));
    place.file("ingle-home/settings.toml", "ctx-size = 16\n");
    let told = place.run(&["perplexity", "parrot.gguf", "--text", "text"]);
    assert!(told.starts_with("exit 0") && told.contains(" 1 of 512 tokens, 255 count"), "{told}");
    let told = place.run(&["bench", "parrot.gguf", "-p", "32", "-n", "0", "-r", "1"]);
    assert!(told.starts_with("exit 0") && told.contains(" pp32 "), "{told}");
    let told = place.run(&["bench", "parrot.gguf", "-p", "32", "-n", "0", "-r", "1", "-c", "16"]);
    assert!(told.contains("found `--ctx-size 16`"), "{told}");
}

/// What a person asks for is done or refused: each flag is there where it means something.
#[test]
fn flags_that_mean_nothing_where_they_stand() {
    let place = place();
    for args in [
        &["completions", "bash", "--json"][..],
        &["completions", "bash", "-y"],
        &["completions", "bash", "--verbose"],
        &["show", "parrot.gguf", "-y"],
        &["show", "parrot.gguf", "--verbose"],
        &["tokenize", "parrot.gguf", "a", "--verbose"],
        &["bench", "parrot.gguf", "-y"],
        &["--version", "-y"],
        &["--verbose"],
        &["--json"],
        &["--json", "show", "parrot.gguf"],
        &["--version", "run", "parrot.gguf"],
        &["bench", "parrot.gguf", "--json", "-o", "md"],
        &["pull", "org/m:Q8_0", "--quant", "q4_k_m", "--offline"],
        &["pull", "org/m@main", "--revision", "v1", "--offline"],
        &["run", "parrot.gguf", "-y", "hi"],
        &["run", "parrot.gguf", "--raw", "--chat-template", "a", "hi"],
    ] {
        let told = place.run(args);
        assert!(told.starts_with("exit 2\n-- stderr\nerror: "), "{args:?}\n{told}");
    }
}

#[test]
fn messages_about_flags_that_mean_nothing() {
    let place = place();
    check(
        &place,
        &["completions", "bash", "--json"],
        expect![[r#"
            exit 2
            -- stderr
            error: unexpected argument '--json' found

              tip: to pass '--json' as a value, use '-- --json'

            Usage: ingle completions <SHELL>

            For more information, try '--help'.
        "#]],
    );
    check(
        &place,
        &["--verbose", "run", "parrot.gguf", "hi"],
        expect![[r#"
            exit 2
            -- stderr
            error: unexpected argument '--verbose' found

              tip: a similar argument exists: '--version'

            Usage: ingle --version

            For more information, try '--help'.
        "#]],
    );
    check(
        &place,
        &["--json", "show", "parrot.gguf"],
        expect![[r#"
            exit 2
            -- stderr
            error: the subcommand 'show' cannot be used with '--json'

            Usage: ingle [OPTIONS]
                   ingle <COMMAND>

            For more information, try '--help'.
        "#]],
    );
    check(
        &place,
        &["--json"],
        expect![[r#"
            exit 2
            -- stderr
            error: `--json` alone has nothing to print

            hint: `ingle --version --json`, or give it to a command
        "#]],
    );
    check(
        &place,
        &["bench", "parrot.gguf", "--json", "-o", "csv"],
        expect![[r#"
            exit 2
            -- stderr
            error: `--json` contradicts `-o md` and `-o csv`

            hint: leave one of them out
        "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "-y", "hi"],
        expect![[r#"
            exit 2
            -- stderr
            error: `-y` answers the questions of a chat at the terminal; a prompt has none

            hint: leave it out
        "#]],
    );
}

#[test]
fn variables_that_cannot_be_obeyed() {
    let place = place();
    let run = |name: &str, value: &str| {
        place.run_with(&["run", "parrot.gguf", "--no-save", "hi"], b"", &[(name, value)])
    };
    expect![[r#"
        exit 2
        -- stderr
        error: `INGLE_SAVE` is `0` or `1`, found `never`
    "#]]
    .assert_eq(&run("INGLE_SAVE", "never"));
    expect![[r#"
        exit 2
        -- stderr
        error: `INGLE_LOG` cannot be obeyed, found `==`
          cause: invalid filter directive

        hint: `INGLE_LOG=debug` or `INGLE_LOG=ingle_engine=trace,warn`
    "#]]
    .assert_eq(&run("INGLE_LOG", "=="));
    expect![[r#"
        exit 2
        -- stderr
        error: `INGLE_THREADS` cannot be obeyed
          cause: expected a whole number from 1, found `many`
    "#]]
    .assert_eq(&run("INGLE_THREADS", "many"));
    expect![[r#"
        exit 2
        -- stderr
        error: `INGLE_PRECISION` cannot be obeyed
          cause: no precision is called `half`, there are `exact` and `fast`
    "#]]
    .assert_eq(&run("INGLE_PRECISION", "half"));
    for name in ["INGLE_THREADS", "INGLE_PRECISION", "INGLE_ISA", "INGLE_SAVE", "INGLE_LOG"] {
        let told = run(name, "");
        assert!(told.starts_with("exit 0\n"), "{name} is empty: {told}");
    }
}

/// It may have been meant as the one or the other; a chat that was saved by mistake stays on the disk.
#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_does_not_save_a_chat() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

    let place = place();
    let mut command = Command::new(ingle_tests::binary::ingle());
    command.args(["run", "parrot.gguf", "hi"]).current_dir(place.path());
    command.env_clear().envs(place.environment()).env("INGLE_SAVE", OsStr::from_bytes(b"0\xff"));
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert_eq!(told, "error: `INGLE_SAVE` is `0` or `1`, found `0\u{fffd}`\n");
    assert!(!place.path().join("ingle-home/chats").exists());
}

/// The answer is there all the same.
#[test]
fn a_chat_that_cannot_be_saved_is_answered() {
    let place = place();
    place.file("ingle-home/chats", "a file in the place of the folder");
    check(
        &place,
        &["run", "parrot.gguf", "hi"],
        expect![[r#"
            exit 0
            -- stdout
            Hello there, friend!
            -- stderr
            warning: the chat is not saved: cannot make the folder `[DIR]/ingle-home/chats`: File exists (os error 17)

            hint: `--no-save` does without; INGLE_HOME names another folder
        "#]],
    );
    let output = place.output(&["run", "parrot.gguf", "--json", "hi"], b"", &[]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let warning = answer["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.starts_with("the chat is not saved: "), "{answer:#}");
}

/// A wrong template is named by its file, and so is one that says nothing.
#[test]
fn templates_from_files_are_named() {
    let place = place();
    place.file("bad.jinja", "{% for %}");
    place.file("empty.jinja", "");
    let run =
        |path: &str| place.run(&["run", "parrot.gguf", "--no-save", "--chat-template", path, "hi"]);
    expect![[r#"
        exit 1
        -- stderr
        error: cannot use the chat template `bad.jinja`
          cause: the chat template has a syntax error in line 1, near `{% for %}`: syntax error: unexpected end of block, expected in
    "#]]
    .assert_eq(&run("bad.jinja"));
    expect![[r#"
        exit 1
        -- stderr
        error: the chat template `empty.jinja` renders nothing of this conversation

        hint: `--chat-template FILE` takes another, `--raw` takes none
    "#]]
    .assert_eq(&run("empty.jinja"));
}

/// What was overridden is named, not the file.
#[test]
fn an_override_that_does_not_fit_is_named() {
    check(
        &place(),
        &["run", "parrot.gguf", "--override-kv", "llama.block_count=u32:2", "hi"],
        expect![[r#"
            exit 1
            -- stderr
            error: cannot load `parrot.gguf`
              cause: tensor `blk.1.attn_norm.weight` is missing; the file has `blk.0.attn_norm.weight`, `blk.0.ffn_norm.weight`, `blk.0.attn_k.weight`

            hint: `llama.block_count=2` is an override (`--override-kv`), not what the file says: correct it or leave it out
        "#]],
    );
}

#[test]
fn settings_without_effect_are_named() {
    let place = place();
    let run = ["run", "parrot.gguf", "--no-save", "hi"];
    check(
        &place,
        &[&run[..], &["--dry-base", "2", "--xtc-threshold", "0.2", "--repeat-last-n", "9"]]
            .concat(),
        expect![[r#"
            exit 0
            -- stdout
            Hello there, friend!
            -- stderr
            warning: the settings of DRY do nothing while `dry-multiplier` is 0
            warning: `xtc-threshold` does nothing while `xtc-probability` is 0
            warning: `repeat-last-n` does nothing while there is no penalty
        "#]],
    );
    check(
        &place,
        &[&run[..], &["--samplers", "top_k;temperature", "--min-p", "0.1"]].concat(),
        expect![[r#"
            exit 0
            -- stdout
            Hello there, friend!
            -- stderr
            warning: `min-p` does nothing: `samplers` leaves `min_p` out
        "#]],
    );
    place.file("ingle-home/settings.toml", "raw = true\nchat-template = \"a\"\n");
    check(
        &place,
        &run,
        expect![[r#"
            exit 2
            -- stderr
            error: cannot load `parrot.gguf`
              cause: `raw` means no template, found `chat-template` too

            hint: leave one of them out
        "#]],
    );
    place.file("ingle-home/settings.toml", "raw = true\n");
    place.file("a.jinja", "{{ messages[0].content }}<|smile|>");
    check(
        &place,
        &[&run[..], &["--chat-template", "a.jinja"]].concat(),
        expect![[r#"
            exit 0
            -- stdout
            Look🙂 yes
        "#]],
    );
}

/// It would stop everything, or nothing.
#[test]
fn an_empty_text_that_stops_is_refused() {
    let place = place();
    let run = ["run", "parrot.gguf", "--no-save", "hi"];
    check(
        &place,
        &[&run[..], &["--stop", ""]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: a value is required for '--stop <TEXT>' but none was supplied

            For more information, try '--help'.
        "#]],
    );
    place.file("ingle-home/settings.toml", "stop = [\"\"]\n");
    check(
        &place,
        &run,
        expect![[r#"
            exit 1
            -- stderr
            error: settings `[DIR]/ingle-home/settings.toml`, line 1: an empty text, expected at least one character
        "#]],
    );
}

/// A context beyond the model's is given and named; one within it is what a hint advises.
#[test]
fn contexts_and_what_the_model_was_made_for() {
    let place = place();
    let small = parrot::with(|file| {
        file.set("llama.context_length", Value::U32(100));
    });
    place.file("small.gguf", small);
    check(
        &place,
        &["run", "small.gguf", "--no-save", "-c", "200", "hi"],
        expect![[r#"
        exit 0
        -- stdout
        Hello there, friend!
        -- stderr
        warning: `--ctx-size 200`: the model was made for 100 tokens, beyond them it may write nonsense
    "#]],
    );
    let bench = ["bench", "small.gguf", "-p", "16", "-n", "0", "-r", "1"];
    assert!(!place.run(&bench).contains("the model was made for"));
    let deep = place.run(&[&bench[..], &["-d", "200"]].concat());
    let warning = "warning: a context of 216 tokens; the model was made for 100, beyond them it may \
                   write nonsense: give less to `-c`, `-p`, `-n` or `-d`\n";
    assert!(deep.contains(warning), "{deep}");
    let cut = place.run(&["run", "small.gguf", "--no-save", "-c", "64", "count"]);
    assert!(cut.contains("hint: `--ctx-size 100` needs"), "{cut}");
    let full = place.run(&["run", "small.gguf", "--no-save", "-c", "100", "count"]);
    let expected = "hint: the model was made for 100; `--context-shift` drops the oldest text\n";
    assert!(full.contains(expected), "{full}");
}

/// What the file recommends is the file's fault, and a flag mends it.
#[test]
fn recommendations_that_make_no_sense() {
    let place = place();
    let wrong = parrot::with(|file| {
        file.set("general.sampling.top_p", Value::F32(0.0));
    });
    place.file("wrong.gguf", wrong);
    check(
        &place,
        &["run", "wrong.gguf", "--no-save", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: cannot use what `wrong.gguf` recommends for sampling
          cause: top-p is 0, expected above 0, at most 1

        hint: a flag, or `--override-kv general.sampling.KEY=TYPE:VALUE`, sets another value
    "#]],
    );
    check(
        &place,
        &["run", "wrong.gguf", "--no-save", "--top-p", "0.9", "hi"],
        expect![[r#"
        exit 0
        -- stdout
        Hello there, friend!
    "#]],
    );
}

#[test]
fn more_tokens_than_there_are_numbers() {
    let most = usize::MAX.to_string();
    check(
        &place(),
        &["bench", "parrot.gguf", "-n", &most],
        expect![[r#"
        exit 2
        -- stderr
        error: no context holds so many tokens

        hint: give less to `-p`, `-n` or `-d`
    "#]],
    );
}
