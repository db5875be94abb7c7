//! `quantize`, `merge` and `perplexity`.

use expect_test::expect;
use loader::{Bytes, Format, ModelFile, Value, gguf::Writer};

use super::check;
use crate::place;

#[test]
fn a_model_is_quantized_and_shown() {
    let place = place();
    check(
        &place,
        &["quantize", "parrot.gguf", "small.gguf", "q8_0"],
        expect![[r#"
            exit 0
            -- stdout
            file           small.gguf
            mix            Q8_0
            weights        390.4 KiB, 16.07 bits a weight; it was 777.2 KiB, 32.00 bits
            F16                   9 tensors     386.8 KiB
            F32                   3 tensors       3.5 KiB
            -- stderr
            note: 9 tensors became F16 instead of Q8_0, whose blocks their rows do not fill
        "#]],
    );
    let shown = place.run(&["show", "small.gguf"]);
    assert!(shown.contains("F16 "), "{shown}");
    let told = place.run(&["run", "small.gguf", "--temp", "0", "-n", "4", "hello"]);
    assert!(told.starts_with("exit 0"), "{told}");
}

#[test]
fn what_is_there_is_replaced_only_with_yes() {
    let place = place();
    assert!(place.run(&["quantize", "parrot.gguf", "out.gguf", "F16"]).starts_with("exit 0"));
    check(
        &place,
        &["quantize", "parrot.gguf", "out.gguf", "F16"],
        expect![[r#"
        exit 1
        -- stderr
        error: `out.gguf` is there already

        hint: `-y` replaces it
    "#]],
    );
    assert!(
        place.run(&["quantize", "parrot.gguf", "out.gguf", "bf16", "-y"]).starts_with("exit 0")
    );
    check(
        &place,
        &["quantize", "out.gguf", "out.gguf", "F16", "-y"],
        expect![[r#"
        exit 2
        -- stderr
        error: `out.gguf` is the model that is read

        hint: give the result another name
    "#]],
    );
    check(
        &place,
        &["convert", "out.gguf", "no/folder/out.gguf", "F16"],
        expect![[r#"
            exit 1
            -- stderr
            error: there is no folder `no/folder`

            hint: make it, or name another
        "#]],
    );
    check(
        &place,
        &["quantize", "out.gguf", "other.gguf", "q9"],
        expect![[r#"
        exit 2
        -- stderr
        error: invalid value 'q9' for '<TYPE>': no mix is called `q9`, there are F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q5_1, Q5_0, Q4_K_M, Q4_K_S, IQ4_NL, IQ4_XS, Q4_1, Q4_0, MXFP4, MXFP4_MOE, Q3_K_L, Q3_K_M, Q3_K_S, Q2_K, Q2_K_S

        For more information, try '--help'.
    "#]],
    );
    check(
        &place,
        &["quantize", "out.gguf", "other.gguf", "q8_0", "--imatrix", "parrot.gguf"],
        expect![[r#"
            exit 1
            -- stderr
            error: `parrot.gguf` is no importance matrix: `general.type` is not `imatrix`

            hint: `llama-imatrix` of llama.cpp writes them, as `.gguf` or as `.dat`
        "#]],
    );
}

/// A file may have a name that no JSON can hold.
#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_told_as_far_as_it_is() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

    let (place, name) = (place(), OsStr::from_bytes(b"out\xff"));
    let told = |before: &[&str], after: &[&str]| {
        let mut command = Command::new(ingle_tests::binary::ingle());
        command.args(before).arg(name).args(after).current_dir(place.path());
        let output = command.env_clear().envs(place.environment()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        told["output"].as_str().map(str::to_owned)
    };
    let expected = Some("out\u{fffd}".to_owned());
    assert_eq!(told(&["quantize", "parrot.gguf"], &["f16", "--json"]), expected);
    assert_eq!(told(&["logits", "parrot.gguf", "--ids", "5", "--json", "-yo"], &[]), expected);
}

#[test]
fn a_model_is_encoded_while_it_is_loaded() {
    let place = place();
    let told =
        place.run(&["bench", "parrot.gguf", "--quant", "q8_0", "-p", "4", "-n", "0", "-r", "1"]);
    assert!(told.contains("Q8_0"), "{told}");
}

/// The held-out text of Ember is conversations, whose markers it never saw as letters.
#[test]
fn markers_in_a_text_are_what_they_stand_for_if_that_is_asked() {
    let text = ingle_tests::root().join("models/ember/held-out.txt").display().to_string();
    let base = ["perplexity", "ember", "--text", &text, "-c", "128", "--chunks", "4", "--json"];
    let place = place();
    let perplexity = |more: &[&str]| {
        let told = place.output(&[&base, more].concat(), b"", &[]).stdout;
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        told["perplexity"].as_f64().unwrap()
    };
    let (as_letters, as_tokens) = (perplexity(&[]), perplexity(&["--parse-special"]));
    assert!(as_tokens < 50.0 && as_letters > 1000.0, "{as_tokens}, {as_letters}");
}

#[test]
fn perplexity_is_measured_and_compared() {
    let place = place();
    std::fs::write(place.path().join("text"), "hello parrot hello parrot ".repeat(20)).unwrap();
    let base = ["perplexity", "parrot.gguf", "--text", "text", "-c", "16", "--precision", "exact"];
    check(
        &place,
        &base,
        expect![[r#"
        exit 0
        -- stdout
        perplexity       301.0000 ± 0.0000
        windows          42 of 16 tokens, 294 count
    "#]],
    );
    let compared = [&base[..], &["--chunks", "2", "--kl-divergence", "parrot.gguf"]].concat();
    check(
        &place,
        &compared,
        expect![[r#"
        exit 0
        -- stdout
        perplexity       301.0000 ± 0.0000
        windows          2 of 16 tokens, 14 count
        its perplexity   301.0000 ± 0.0000
        ln ratio         0.000000 ± 0.000000
        mean KLD         0.000000 ± 0.000000
        median KLD       0.000000
        99% KLD          0.000000
        maximum KLD      0.000000
        same top token   100.000 ± 0.000 %
        mean shift of p  0.000 ± 0.000 %
        RMS shift of p   0.000 %
    "#]],
    );
    check(
        &place,
        &["perplexity", "parrot.gguf", "--text", "text", "-c", "3000"],
        expect![[r#"
        exit 1
        -- stderr
        error: the text has 680 tokens, a window 3,000

        hint: give a longer text, or a smaller window with `-c`
    "#]],
    );
    check(
        &place,
        &["perplexity", "parrot.gguf", "--text", "text", "-c", "3"],
        expect![[r#"
        exit 2
        -- stderr
        error: a window of 3 tokens has no second half

        hint: `-c 512` is usual
    "#]],
    );
}

/// Beside the same file only what is asked of the other makes a difference.
#[test]
fn the_better_model_is_exact() {
    let place = place();
    place.file("text", "One question, one answer. ".repeat(20));
    let divergence = |precision: &str| {
        let args = ["perplexity", "ember", "--text", "text", "-c", "32", "--chunks", "1"];
        let compared = ["--kl-divergence", "ember", "--precision", precision, "--json"];
        let output = place.output(&[&args[..], &compared].concat(), b"", &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{told}"));
        json["kl_divergence"]["mean"].as_f64()
    };
    assert_eq!(divergence("exact"), Some(0.0));
    assert!(divergence("fast").is_some_and(|it| it > 0.0));
}

/// An adapter that changes a matrix of the built-in model a little.
fn adapter() -> Vec<u8> {
    let model = ModelFile::from_bytes("ember", Bytes::new(ember::GGUF), &[]).expect("sound");
    let [rows, cols] = model.tensors["blk.0.ffn_down.weight"].shape[..] else { panic!("a matrix") };
    let mut writer = Writer::new();
    for (key, text) in [
        ("general.type", "adapter"),
        ("general.architecture", model.architecture()),
        ("adapter.type", "lora"),
    ] {
        writer.set(key, Value::String(text.to_owned()));
    }
    writer.set("adapter.lora.alpha", Value::F32(1.0));
    for (which, shape) in [("a", [1, cols]), ("b", [rows, 1])] {
        let bytes = Format::F32.encode(&vec![0.25; shape[0] * shape[1]]);
        writer.tensor(format!("blk.0.ffn_down.weight.lora_{which}"), Format::F32, &shape, bytes);
    }
    writer.to_bytes()
}

#[test]
fn an_adapter_runs_beside_a_model_and_is_merged_into_it() {
    let place = place();
    place.file("lora.gguf", adapter());
    let logits = |args: &[&str]| {
        let found = place.run(&[&["logits", "--ids", "1,2,3", "-yo", "out"], args].concat());
        assert!(found.starts_with("exit 0"), "{found}");
        std::fs::read(place.path().join("out")).expect("it was written")
    };
    let plain = logits(&["ember"]);
    assert!(plain != logits(&["ember", "--lora", "lora.gguf:0.5"]), "beside the model");
    assert!(plain == logits(&["ember", "--lora", "lora.gguf:0"]), "times nothing");
    let merge = ["merge", "ember", "merged.gguf", "--lora", "lora.gguf:0.5"];
    check(
        &place,
        &merge,
        expect![[r#"
        exit 0
        -- stdout
        file           merged.gguf
        mix            as it was
        weights        5.1 MiB, 8.51 bits a weight; it was 5.1 MiB, 8.51 bits
        F32                  11 tensors      11.0 KiB
        Q8_0                 36 tensors       5.0 MiB
    "#]],
    );
    assert!(plain != logits(&["merged.gguf"]), "in the model");
    check(
        &place,
        &["run", "lora.gguf", "hello"],
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `lora.gguf`
          cause: `lora.gguf` is an adapter, not a model

        hint: name the model that it was made for, and `--lora` it
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "--lora", "parrot.gguf", "hello"],
        expect![[r#"
        exit 1
        -- stderr
        error: the adapter `parrot.gguf` cannot be used
          cause: it is no LoRA adapter: it has no `general.type`

        hint: name a GGUF file with `general.type` = `adapter`, or a folder with `adapter_config.json` and `adapter_model.safetensors`
    "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "--lora", "none.gguf", "hello"],
        expect![[r#"
            exit 1
            -- stderr
            error: there is no adapter `none.gguf`

            hint: name a GGUF file or a folder of PEFT, `:SCALE` after it
        "#]],
    );
}
