//! `ingle run --draft`: the same answer, and what makes a draft none.

use expect_test::expect;
use ingle_tests::parrot;
use loader::{Array, Bytes, ModelFile, Value};

use super::check;
use crate::place;

/// The parrot with a word of another spelling.
fn misspelt() -> Vec<u8> {
    let (word, other) = (b"friend", b"fiends");
    let mut file = parrot::file();
    let at = file.windows(word.len()).position(|it| it == word).expect("it says so");
    file[at..at + word.len()].copy_from_slice(other);
    file
}

/// The parrot whose last token, a side of the dice, is a hole.
fn shorter() -> Vec<u8> {
    let key = "tokenizer.ggml.token_type";
    let whole = ModelFile::from_bytes("parrot", Bytes::new(parrot::file()), &[]).expect("sound");
    let Some(Value::Array(Array::I32(kinds))) = whole.metadata.get(key) else { panic!("kinds") };
    let mut kinds = kinds.clone();
    *kinds.last_mut().expect("it has tokens") = 5;
    parrot::with(|file| {
        file.set(key, Value::Array(Array::I32(kinds)));
    })
}

/// The parrot whose answers end with another token.
fn endless() -> Vec<u8> {
    parrot::with(|file| {
        file.set("tokenizer.ggml.eos_token_id", Value::U32(0));
    })
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

/// What only texts need, and tokens that only one of them has, make no other vocabulary.
#[test]
fn a_draft_may_lack_a_token_and_end_elsewhere() {
    let place = place();
    place.file("shorter.gguf", shorter());
    place.file("endless.gguf", endless());
    let run = |model: &str, said: &[&str], more: &[&str]| {
        let args = ["run", model, "--no-save", "--json"];
        let output = place.output(&[&args[..], said, more].concat(), b"", &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect(&told)
    };
    let drawn = ["dice", "-n", "16", "--seed", "1"];
    // Where nothing is drawn and nothing looked up, a draft that says the same is asked.
    let certain = ["hi", "--temp", "0", "--lookup", "0"];
    for (model, draft) in [
        ("parrot.gguf", "shorter.gguf"),
        ("shorter.gguf", "parrot.gguf"),
        ("parrot.gguf", "endless.gguf"),
    ] {
        for said in [&drawn[..], &certain] {
            let (plain, drafted) = (run(model, said, &[]), run(model, said, &["--draft", draft]));
            assert_eq!(drafted["text"], plain["text"], "{draft} for {model}");
            let guessed = drafted["usage"]["drafted_tokens"].as_u64();
            let least = u64::from(said == certain);
            assert!(guessed.is_some_and(|it| it >= least), "{drafted:#}");
        }
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
    assert!(told.contains(" drafted tokens were right)"), "{told}");
    let output = place.output(&[&args[..], &["--json", "-n", "1"]].concat(), b"", &[]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["usage"]["drafted_tokens"], 0, "{answer:#}");
    let told = place.run(&[&args[..], &["--verbose", "-n", "1"]].concat());
    assert!(!told.contains("ahead"), "{told}");
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
    let told = place.run(&["run", "parrot.gguf", "--no-save", "--draft", "ember", "hi"]);
    let cause =
        "cause: the draft has 4,096 tokens, expected the 301 of the model, give or take 128\n";
    assert!(told.starts_with("exit 1") && told.contains(cause), "{told}");
}

#[test]
fn without_a_draft_of_the_settings_file_the_model_answers_alone() {
    let place = place();
    place.file("ingle-home/settings.toml", "draft = \"parrot.gguf\"\n");
    let run = |more: &[&str]| {
        let args = ["run", "ember", "--no-save", "--verbose", "-n", "8"];
        place.run(&[&args[..], more, &["hi"]].concat())
    };
    let told = run(&[]);
    assert!(told.starts_with("exit 0"), "{told}");
    let warning = "warning: the draft guesses nothing: `parrot.gguf` cannot draft for `ember`: the \
                   draft has 301 tokens, expected the 4,096 of the model, give or take 128\n";
    assert!(told.contains(warning) && told.matches("warning: ").count() == 1, "{told}");
    assert!(!told.contains(", draft `"), "{told}");
    // Nor does it guess for itself, by whatever name, or where it may guess nothing.
    let own = |name| place.run(&["run", name, "--no-save", "--verbose", "hi"]);
    for told in [own("parrot.gguf"), own("./parrot.gguf"), run(&["--draft-max", "0"])] {
        let is_silent = !told.contains("warning: ") && !told.contains(", draft `");
        assert!(told.starts_with("exit 0") && is_silent, "{told}");
    }
    // What a flag names is wanted.
    let told = run(&["--draft", "parrot.gguf"]);
    assert!(told.starts_with("exit 1"), "{told}");
    place.file("ingle-home/settings.toml", "draft = \"none.gguf\"\n");
    let told = run(&[]);
    let warning = "warning: the draft guesses nothing: there is no file `none.gguf`\n";
    assert!(told.starts_with("exit 0") && told.contains(warning), "{told}");
    place.file("ingle-home/settings.toml", "draft = \"\"\n");
    let told = run(&[]);
    let refused = "line 1: an empty text, expected at least one character\n";
    assert!(told.starts_with("exit 1") && told.contains(refused), "{told}");
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
            warning: the draft is no smaller than the model, and answers take longer: take a smaller one, or none
            error: the draft model failed
              cause: embed gave numbers that are not finite

            hint: the weights are damaged, or a kernel is wrong: compare `--device reference`; `--draft-max 0` answers without the draft
        "#]],
    );
    let without = ["--draft", "broken.gguf", "--draft-max", "0"];
    let told = place.run(&[&["run", "parrot.gguf", "--no-save", "smile"][..], &without].concat());
    assert_eq!(told, "exit 0\n-- stdout\nLook🙂 yes\n");
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
    place.file("friend.gguf", parrot::file());
    place.file("ingle-home/settings.toml", "draft = \"friend.gguf\"\ndraft-max = 7\n");
    let run = || place.run(&["run", "parrot.gguf", "--no-save", "--verbose", "hi"]);
    let told = run();
    let warning =
        "warning: the draft guesses nothing: `friend.gguf` is no smaller than `parrot.gguf`\n";
    assert!(told.starts_with("exit 0") && told.contains(warning), "{told}");
    assert!(!told.contains(", draft `") && told.matches("warning: ").count() == 1, "{told}");
    let made = place.run(&["quantize", "parrot.gguf", "friend.gguf", "F16", "-y"]);
    assert!(made.starts_with("exit 0"), "{made}");
    let told = run();
    assert!(told.starts_with("exit 0") && told.contains(", draft `friend.gguf`\n"), "{told}");
    assert!(!told.contains("warning: "), "{told}");
}
