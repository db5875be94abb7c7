//! `check`: what it says of a model that is right, and of one that is not.

use expect_test::expect;
use ingle_tests::{
    binary::{Place, ingle},
    parrot, root,
};
use loader::Value;
use serde_json::Value as Json;

use crate::place;

/// Without what depends on the machine, and on the model that is built in.
fn masked(told: &str) -> String {
    let words = told.split_inclusive([' ', '\n', ',']).map(|word| {
        let bare = word.trim_end_matches([' ', '\n', ',']);
        let is_hash = bare.len() == 16 && bare.chars().all(|it| it.is_ascii_hexdigit());
        let is_number = bare.contains("e-") && bare.parse::<f64>().is_ok();
        match bare {
            "0.0e0" => word.replacen(bare, "[N]", 1),
            _ if is_number => word.replacen(bare, "[N]", 1),
            _ if is_hash => word.replacen(bare, "[HASH]", 1),
            _ => word.to_owned(),
        }
    });
    words.collect()
}

#[test]
fn the_built_in_model_is_checked() {
    let told = Place::new().run(&["check", "ember"]);
    expect![[r#"
        exit 0
        -- stdout
        ember: llama on cpu (scalar, 2 threads)
        logits    llama2 exact           ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama2 fast            ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama31 exact          ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama31 fast           ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama_bias exact       ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama_bias fast        ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama_dynamic exact    ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama_dynamic fast     ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama_longrope exact   ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    llama_longrope fast    ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    ministral exact        ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    ministral fast         ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    mistral_v01 exact      ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    mistral_v01 fast       ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    mixtral exact          ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    mixtral fast           ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        kernels   Q8_0 exact             ok         64 rows of `blk.0.attn_k.weight` beside plain loops, relative: off by [N], [N] allowed
        kernels   Q8_0 fast              ok         64 rows of `blk.0.attn_k.weight` beside plain loops, relative: off by [N], [N] allowed
        model     exact                  ok         16 rows of logits beside plain loops, relative: off by [N], [N] allowed
        model     fast                   ok         16 rows of logits beside plain loops, relative: off by [N], [N] allowed
        tokens    ids                    not known  no ids are recorded for the vocabulary [HASH]
        tokens    round trip             ok         10 texts come back from their ids
        template  renderings             not known  no renderings are recorded for the template [HASH]
        21 ok, 2 not known
    "#]].assert_eq(&masked(&told));
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one snapshot")]
fn a_folder_is_checked_as_json() {
    let small = root().join("tests/golden/small/families/qwen2").display().to_string();
    let output = Place::new().output(&["check", &small, "--json"], b"", &[]);
    assert!(output.status.success(), "{output:?}");
    let mut told: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["model"], small);
    told["model"] = "qwen2".into();
    for check in told["checks"].as_array_mut().expect("a list") {
        if let Some(worst) = check.get_mut("worst") {
            *worst = "[N]".into();
        }
    }
    expect![[r#"
        {
          "model": "qwen2",
          "architecture": "qwen2",
          "device": "cpu (scalar, 2 threads)",
          "reference": "transformers 5.23.0",
          "checks": [
            {
              "part": "logits",
              "name": "qwen2 exact",
              "verdict": "ok",
              "detail": "32 logits of transformers 5.23.0",
              "worst": "[N]",
              "allowed": 0.0001
            },
            {
              "part": "logits",
              "name": "qwen2 fast",
              "verdict": "ok",
              "detail": "32 logits of transformers 5.23.0",
              "worst": "[N]",
              "allowed": 0.05
            },
            {
              "part": "logits",
              "name": "qwen2_windows exact",
              "verdict": "ok",
              "detail": "32 logits of transformers 5.23.0",
              "worst": "[N]",
              "allowed": 0.0001
            },
            {
              "part": "logits",
              "name": "qwen2_windows fast",
              "verdict": "ok",
              "detail": "32 logits of transformers 5.23.0",
              "worst": "[N]",
              "allowed": 0.05
            },
            {
              "part": "kernels",
              "name": "BF16 exact",
              "verdict": "ok",
              "detail": "8 rows of `blk.0.attn_k.weight` beside plain loops, relative",
              "worst": "[N]",
              "allowed": 0.00003
            },
            {
              "part": "kernels",
              "name": "BF16 fast",
              "verdict": "ok",
              "detail": "8 rows of `blk.0.attn_k.weight` beside plain loops, relative",
              "worst": "[N]",
              "allowed": 0.03
            },
            {
              "part": "model",
              "name": "exact",
              "verdict": "ok",
              "detail": "16 rows of logits beside plain loops, relative",
              "worst": "[N]",
              "allowed": 0.001
            },
            {
              "part": "model",
              "name": "fast",
              "verdict": "ok",
              "detail": "16 rows of logits beside plain loops, relative",
              "worst": "[N]",
              "allowed": 0.2
            },
            {
              "part": "tokens",
              "name": "ids",
              "verdict": "skipped",
              "detail": "the model has no tokenizer"
            },
            {
              "part": "template",
              "name": "renderings",
              "verdict": "skipped",
              "detail": "the model has no chat template"
            }
          ],
          "ok": 8,
          "failed": 0,
          "not_known": 0,
          "skipped": 2,
          "warnings": []
        }
    "#]]
    .assert_eq(&format!("{told:#}\n"));
}

#[test]
fn the_reference_is_checked_beside_what_was_recorded() {
    let small = root().join("tests/golden/small/families/qwen2").display().to_string();
    let place = Place::new();
    let environment = place.environment().into_iter().filter(|it| it.0 != "INGLE_THREADS");
    let output = std::process::Command::new(ingle())
        .args(["check", &small, "--device", "reference"])
        .env_clear()
        .envs(environment)
        .output()
        .expect("`ingle` runs");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    expect![[r#"
        qwen2: qwen2 on reference
        logits    qwen2 exact            ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        logits    qwen2_windows exact    ok         32 logits of transformers 5.23.0: off by [N], [N] allowed
        model     reference              skipped    this device is what others are compared with
        tokens    ids                    skipped    the model has no tokenizer
        template  renderings             skipped    the model has no chat template
        2 ok, 3 skipped
    "#]].assert_eq(&masked(&told.replace(&small, "qwen2")));
}

#[test]
fn what_fails_is_named_and_is_the_exit_code() {
    let place = Place::new();
    let broken = parrot::with(|file| {
        file.set("tokenizer.chat_template", Value::String("{% if".to_owned()));
    });
    place.file("broken.gguf", broken);
    let told = place.run(&["check", "broken.gguf"]);
    let lines = told.lines().filter(|it| !it.contains(" ok ") && !it.starts_with("tokens"));
    let lines: String = lines.map(|it| format!("{it}\n")).collect();
    expect![[r#"
        exit 1
        -- stdout
        broken.gguf: llama on cpu (scalar, 2 threads)
        template  renderings             FAILED     the chat template has a syntax error in line 1, near `{% if`: syntax error: unexpected end of input, expected expression
        20 ok, 1 FAILED, 1 not known, 1 skipped
        -- stderr
        error: 1 of 23 checks failed

        hint: the file may have been converted wrongly; get it from another source, or report it with the output of `ingle check --json`
    "#]].assert_eq(&lines);
}

#[test]
fn what_cannot_be_loaded_is_not_checked() {
    let place = place();
    let unknown = parrot::with(|file| {
        file.set("general.architecture", Value::String("mamba9".to_owned()));
    });
    place.file("unknown.gguf", unknown);
    let told = place.run(&["check", "unknown.gguf"]);
    expect![[r#"
        exit 1
        -- stderr
        error: cannot load `unknown.gguf`
          cause: architecture `mamba9` is not supported

    "#]]
    .assert_eq(told.split("hint").next().expect("a first part"));
}
