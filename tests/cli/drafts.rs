//! `ingle run --draft`: the same answer, and what makes a draft none.

use expect_test::expect;
use ingle_tests::parrot;

use crate::{check, place};

/// The parrot with a word of another spelling.
fn misspelt() -> Vec<u8> {
    let (word, other) = (b"friend", b"fiends");
    let mut file = parrot::file();
    let at = file.windows(word.len()).position(|it| it == word).expect("it says so");
    file[at..at + word.len()].copy_from_slice(other);
    file
}

#[test]
fn the_answer_is_the_same() {
    let place = place();
    for args in [
        &["hi"][..],
        &["smile"],
        &["think", "--think", "1"],
        &["count", "-n", "20"],
        &["count", "-c", "64", "--context-shift", "-n", "99"],
        &["dice", "-n", "16", "--seed", "1"],
        &["dice", "-n", "16", "--seed", "1", "--draft-max", "0"],
        &["dice", "-n", "16", "--seed", "2", "--lookup", "0", "--draft-max", "3"],
        &["hi", "--lookup", "0", "--device", "reference"],
    ] {
        let usual = ["run", "parrot.gguf", "--no-save"];
        // The reference has one thread.
        let threads = if args.contains(&"reference") { "" } else { "2" };
        let run = |more: &[&str]| {
            let args = [&usual[..], args, more].concat();
            place.run_with(&args, b"", &[("INGLE_THREADS", threads)])
        };
        let (plain, drafted) = (run(&[]), run(&["--draft", "parrot.gguf"]));
        // What is said of the draft comes beside it.
        let unsaid = |told: &str| {
            let said = |it: &&str| !it.contains("draft");
            let text: String = told.split_inclusive('\n').filter(said).collect();
            text.trim_end_matches("-- stderr\n").to_owned()
        };
        assert_eq!(unsaid(&drafted), unsaid(&plain), "{args:?}");
        assert!(plain.starts_with("exit 0"), "{plain}");
    }
}

#[test]
fn what_was_guessed_rightly_is_told() {
    let place = place();
    let args = ["run", "parrot.gguf", "--no-save", "--draft", "parrot.gguf", "--lookup", "0", "hi"];
    let output = place.output(&[&args[..], &["--json"]].concat(), b"", &[]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let usage = &answer["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert!(count("accepted_tokens") > 0, "{answer:#}");
    assert!(count("accepted_tokens") <= count("drafted_tokens"), "{answer:#}");
    assert_eq!(count("accepted_tokens"), count("ahead_tokens"), "{answer:#}");
    let told = place.run(&[&args[..], &["--verbose"]].concat());
    assert!(told.contains(", draft `parrot.gguf`\n"), "{told}");
    assert!(told.contains(" drafted)"), "{told}");
}

#[test]
fn a_draft_has_the_models_vocabulary() {
    let place = place();
    place.file("misspelt.gguf", misspelt());
    check(
        &place,
        &["run", "parrot.gguf", "--no-save", "--draft", "misspelt.gguf", "hi"],
        expect![[r#"
            exit 1
            -- stderr
            error: `misspelt.gguf` cannot draft for `parrot.gguf`
              cause: token 293 of the draft is `▁fiends`, expected `▁friend` as of the model

            hint: a draft is a smaller model of the same family with the same vocabulary; `ingle run` answers without `--draft`, too
        "#]],
    );
    let ends = parrot::with(|file| {
        file.set("tokenizer.ggml.eos_token_id", loader::Value::U32(0));
    });
    place.file("ends.gguf", ends);
    let told = place.run(&["run", "parrot.gguf", "--no-save", "--draft", "ends.gguf", "hi"]);
    assert!(told.contains("cause: tokens that end an answer of the draft: "), "{told}");
    let told = place.run(&["run", "parrot.gguf", "--no-save", "--draft", "ember", "hi"]);
    assert!(told.contains(" tokens, expected the 301 of the model\n"), "{told}");
}

#[test]
fn a_draft_that_fails_is_not_passed_over() {
    let place = place();
    place.file("broken.gguf", parrot::broken());
    check(
        &place,
        &["run", "parrot.gguf", "--no-save", "--draft", "broken.gguf", "smile"],
        expect![[r#"
            exit 1
            -- stderr
            error: the draft model failed
              cause: embed gave numbers that are not finite

            hint: the weights are damaged, or a kernel is wrong: compare `--device reference`
        "#]],
    );
    let told = place.run(&["run", "parrot.gguf", "--no-save", "--draft", "none.gguf", "hi"]);
    assert!(told.starts_with("exit 1"), "{told}");
    assert!(told.contains("error: there is no file `none.gguf`\n"), "{told}");
}

#[test]
fn what_a_draft_does_not_do_is_said() {
    let place = place();
    check(
        &place,
        &["run", "parrot.gguf", "--no-save", "--draft-max", "3", "hi"],
        expect![[r#"
            exit 0
            -- stdout
            Hello there, friend!
            -- stderr
            warning: `--draft-max 3` changes nothing: no `--draft MODEL` is there to guess
        "#]],
    );
    let args = ["run", "parrot.gguf", "--no-save", "--draft", "parrot.gguf", "--think", "1"];
    let told = place.run(&[&args[..], &["think"]].concat());
    let warning = "warning: the draft guesses nothing while `--think 1` counts tokens\n";
    assert!(told.contains(warning), "{told}");
    place.file("ingle-home/settings.toml", "draft = \"parrot.gguf\"\ndraft-max = 7\n");
    let told = place.run(&["run", "parrot.gguf", "--no-save", "--verbose", "hi"]);
    assert!(told.starts_with("exit 0") && told.contains(", draft `parrot.gguf`\n"), "{told}");
}
