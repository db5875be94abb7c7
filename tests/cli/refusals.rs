//! What is refused although the model is sound: conversations that do not fit, commands that make
//! no sense.

use expect_test::expect;
use ingle_tests::parrot;

use crate::{check, place};

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

        hint: `--ctx-size 128` needs 2.0 KiB more memory; `--context-shift` drops the oldest turns; in a chat, so do `/compact` and `/clear`
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

            hint: `--ctx-size 64` needs 1.0 KiB more memory; `--context-shift` drops the oldest turns; in a chat, so do `/compact` and `/clear`
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

            hint: name a `.gguf` file, a Hugging Face folder, or the built-in `ember`
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

        Usage: ingle run --temp <X> <MODEL [PROMPT]>...

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
        error: unexpected argument `more` after the model `parrot.gguf`
    "#]],
    );
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
