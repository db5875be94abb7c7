//! Every command but `run`.

use expect_test::expect;
use ingle_tests::{binary::Place, parrot};
use loader::Value;
use safetensors::SafeTensors;

use super::check;
use crate::place;

#[test]
fn nothing_to_do_is_explained() {
    check(
        &Place::new(),
        &[],
        expect![[r#"
            exit 0
            -- stderr
            Ingle runs language models on this machine; it needs a model.
              ingle pull llama3.2:3b      fetch one
              ingle run MODEL             chat with it: a name, a .gguf or a folder of .safetensors
              ingle show MODEL            say what it is; `ingle --help` lists everything else
            At a terminal, `ingle` alone chats with the demo model that is built in.
        "#]],
    );
}

#[test]
fn the_built_in_model_answers_what_is_piped_in() {
    let place = Place::new();
    for args in [&[][..], &["run", "ember"]] {
        let output = place.output(args, b"What is Ingle?\n", &[]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success() && text.contains("own machine"), "{args:?}: {text}");
    }
}

#[test]
fn the_built_in_model_is_shown_and_measured_by_its_name() {
    let place = Place::new();
    let shown = place.run(&["show", "ember"]);
    for part in ["name           Ember", "built into Ingle", "MIT OR Apache-2.0", "held-out loss"] {
        assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
    }
    let measured = place.run(&["bench", "ember", "-p", "8", "-n", "2", "-r", "1"]);
    assert!(measured.contains("| llama 4.98 M Q8_0 |"), "{measured}");
}

#[test]
fn the_version_names_platform_and_kernels() {
    let text = Place::new().run(&["--version"]);
    let text = text.replace(std::env::consts::ARCH, "[ARCH]").replace(std::env::consts::OS, "[OS]");
    expect![[r#"
        exit 0
        -- stdout
        ingle 0.1.0
        target: [ARCH]-[OS]
        kernels: cpu (scalar, fast, threads: 2)
    "#]]
    .assert_eq(&text);
    let output = Place::new().output(&["--version", "--json"], b"", &[]);
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let commit = version["commit"].as_str().unwrap().trim_end_matches("-dirty");
    assert!(commit == "unknown" || commit.chars().all(|it| it.is_ascii_hexdigit()), "{version}");
}

#[test]
fn a_model_is_shown() {
    let place = place();
    check(
        &place,
        &["show", "parrot.gguf"],
        expect![[r#"
        exit 0
        -- stdout
        name           Parrot
        file           parrot.gguf
        container      GGUF version 3
        architecture   llama
        parameters     198.96 K (198,961)
        weights        777.2 KiB, 32.00 bits a weight
        context        200,000 tokens
        layers         1
        width          301, feed-forward 8
        heads          1 of 8, 1 for keys and values
        rope           base 10000, 8 dimensions
        vocabulary     301 tokens
        tokenizer      llama
        chat template  yes
        licence        mit
        sampling       top_k 20

        format          tensors        size   share
        F32                  12   777.2 KiB  100.0%

        part            tensors        size   share
        embedding             1   353.9 KiB   45.5%
        output                1   353.9 KiB   45.5%
        attention             4    37.6 KiB    4.8%
        feed-forward          3    28.2 KiB    3.6%
        norms                 3     3.5 KiB    0.5%
    "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one snapshot")]
fn a_model_is_shown_as_json_with_what_was_overridden() {
    let place = place();
    let args = ["show", "parrot.gguf", "--override-kv", "llama.rope.freq_base=f32:5000", "--json"];
    check(
        &place,
        &args,
        expect![[r#"
            exit 0
            -- stdout
            {
              "path": "parrot.gguf",
              "container": "GGUF version 3",
              "name": "Parrot",
              "architecture": "llama",
              "supported": true,
              "parameters": 198961,
              "bytes": 795844,
              "context": 200000,
              "layers": 1,
              "embedding": 301,
              "feed_forward": 8,
              "heads": {
                "query": 1,
                "key_value": 1,
                "dim": 8
              },
              "rope": {
                "base": 5000.0,
                "dimensions": 8,
                "scaling": null,
                "factor": null
              },
              "vocabulary": 301,
              "tokenizer": "llama",
              "chat_templates": [
                "default"
              ],
              "description": null,
              "licences": {
                "license": "mit"
              },
              "sampling": {
                "top_k": 20
              },
              "overrides": [
                "llama.rope.freq_base=5000.0"
              ],
              "corrections": [],
              "formats": [
                {
                  "name": "F32",
                  "tensors": 12,
                  "bytes": 795844
                }
              ],
              "parts": [
                {
                  "name": "embedding",
                  "tensors": 1,
                  "bytes": 362404
                },
                {
                  "name": "output",
                  "tensors": 1,
                  "bytes": 362404
                },
                {
                  "name": "attention",
                  "tensors": 4,
                  "bytes": 38528
                },
                {
                  "name": "feed-forward",
                  "tensors": 3,
                  "bytes": 28896
                },
                {
                  "name": "norms",
                  "tensors": 3,
                  "bytes": 3612
                }
              ],
              "warnings": []
            }
        "#]],
    );
}

#[test]
fn a_text_is_tokenized() {
    let place = place();
    check(
        &place,
        &["tokenize", "parrot.gguf", "é <|bot|>"],
        expect![[r#"
        exit 0
        -- stdout
            198  b"\xc3"
            172  b"\xa9"
            229  b"\xe2"
            153  b"\x96"
            132  b"\x81"
             63  "<"
            127  "|"
            101  "b"
            114  "o"
            119  "t"
            127  "|"
             65  ">"
    "#]],
    );
    check(
        &place,
        &["tokenize", "parrot.gguf", "a<|bot|>", "--parse-special"],
        expect![[r#"
        exit 0
        -- stdout
            100  "a"
            289  "<|bot|>"
    "#]],
    );
    let piped = place.run_with(&["tokenize", "-m", "parrot.gguf", "--json"], b"hi", &[]);
    expect![[r#"
        exit 0
        -- stdout
        {
          "ids": [
            107,
            108
          ],
          "pieces": [
            "h",
            "i"
          ]
        }
    "#]]
    .assert_eq(&piped);
}

#[test]
fn logits_are_written() {
    let place = place();
    let args = ["logits", "parrot.gguf", "--ids", "5,6", "--greedy", "3", "-o", "out.safetensors"];
    check(&place, &args, expect!["exit 0\n"]);
    let bytes = std::fs::read(place.path().join("out.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let logits = tensors.tensor("logits").unwrap();
    assert_eq!((logits.dtype(), logits.shape()[0]), (safetensors::Dtype::F32, 2));
    let greedy = tensors.tensor("greedy_ids").unwrap();
    assert_eq!((greedy.dtype(), greedy.shape()), (safetensors::Dtype::I64, &[3][..]));
}

#[test]
fn logits_take_the_place_of_no_model_and_of_a_file_with_yes_alone() {
    let place = place();
    let model = std::fs::read(place.path().join("parrot.gguf")).unwrap();
    let logits = |output: &str, yes: &[&str]| {
        let args = ["logits", "parrot.gguf", "--ids", "5", "-o", output];
        place.run(&[&args[..], yes].concat())
    };
    expect![[r#"
        exit 2
        -- stderr
        error: `./parrot.gguf` is the model that is read

        hint: give the result another name
    "#]]
    .assert_eq(&logits("./parrot.gguf", &["-y"]));
    assert_eq!(std::fs::read(place.path().join("parrot.gguf")).unwrap(), model);
    place.file("out.safetensors", "mine");
    expect![[r#"
        exit 1
        -- stderr
        error: `out.safetensors` is there already

        hint: `-y` replaces it
    "#]]
    .assert_eq(&logits("out.safetensors", &[]));
    assert_eq!(std::fs::read(place.path().join("out.safetensors")).unwrap(), b"mine");
    assert_eq!(logits("out.safetensors", &["-y"]), "exit 0\n");
    assert!(std::fs::read(place.path().join("out.safetensors")).unwrap().len() > 8);
}

/// The fields that scripts written for llama-bench read.
#[test]
fn a_benchmark_has_llama_benchs_fields() {
    let place = place();
    let args =
        ["bench", "parrot.gguf", "-p", "8", "-n", "4", "-d", "0,32", "-r", "2", "-o", "json"];
    let output = place.output(&args, b"", &[]);
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    let tests = |name: &str| rows.iter().map(|it| it[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(tests("n_prompt"), [8, 0, 8, 0]);
    assert_eq!(tests("n_gen"), [0, 4, 0, 4]);
    assert_eq!(tests("n_depth"), [0, 0, 32, 32]);
    for row in rows {
        assert!(row["avg_ts"].as_f64().unwrap() > 0.0);
        assert!(row["stddev_ts"].as_f64().unwrap() >= 0.0);
        assert_eq!(row["samples_ts"].as_array().unwrap().len(), 2);
    }
    let names: Vec<_> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    expect!["build_commit build_version cpu_info backends model_filename model_type model_size model_n_params n_threads kernels n_batch cache_type weights model_facts n_prompt n_gen n_depth n_parallel n_texts draft_filename draft_type draft_facts draft_max drafted_tokens accepted_tokens test_time avg_ns stddev_ns avg_ts stddev_ts median_ts avg_ts_each foretold_ts foretold_at foretold_doubt fingerprint power_source power_source_after battery_percent battery_percent_after governor governor_after preference preference_after profile profile_after boost boost_after mhz mhz_after celsius celsius_after throttled_cores throttled_package others_percent stolen_percent peak_memory bandwidth bandwidth_after bandwidth_threads weight_bytes_per_token roofline_percent joules_per_token energy_source steady_seconds burst_ts steady_ts steady_ratio steady_samples_ts warnings samples_ns samples_ts"].assert_eq(&names.join(" "));

    let output = place.output(&["bench", "parrot.gguf", "-p", "8", "-n", "0", "-r", "1"], b"", &[]);
    let table = String::from_utf8(output.stdout).unwrap();
    let cells = |line: &str| line.split('|').map(|it| it.trim().to_owned()).collect::<Vec<_>>();
    let lines: Vec<_> = table.lines().take_while(|it| it.starts_with('|')).collect();
    let [head, _, row] = lines[..] else { panic!("{table}") };
    let names = ["", "model", "size", "params", "backend", "threads", "test", "t/s", ""];
    assert_eq!(cells(head), names);
    let row = cells(row);
    assert_eq!(row[1..7], ["llama 198.96 K F32", "777.2 KiB", "198.96 K", "CPU", "2", "pp8"]);
    assert!(row[7].ends_with(" ± 0.00"), "{}", row[7]);
}

/// Every form's columns; what a machine decides is masked.
#[test]
fn a_benchmark_has_four_forms() {
    let place = place();
    let bench = |form: &str| {
        let args = ["bench", "parrot.gguf", "-p", "8", "-n", "4", "-r", "2", "-o", form];
        let output = place.output(&args, b"", &[]);
        String::from_utf8(output.stdout).unwrap()
    };
    let names = |text: &str| {
        let row: serde_json::Value = serde_json::from_str(text).unwrap();
        row.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(",")
    };
    let lines = bench("jsonl");
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(names(lines[0]), names(lines[1]));
    let csv = bench("csv");
    let (head, rows) = csv.split_once('\n').unwrap();
    // Lists have no place in a table.
    let lists = "steady_samples_ts,warnings,samples_ns,samples_ts";
    assert_eq!(format!("{head},{lists}"), names(lines[0]));
    let column = |name: &str| head.split(',').position(|it| it == name).unwrap();
    let masked = rows.lines().map(|row| {
        let cells: Vec<&str> = row[1..row.len() - 1].split("\",\"").collect();
        let shown = ["backends", "model_filename", "model_type", "model_size", "n_prompt", "n_gen"];
        assert_eq!(cells.len(), head.split(',').count(), "{row}");
        shown.map(|it| cells[column(it)]).join(" | ") + "\n"
    });
    expect![[r#"
        cpu (scalar, fast, 2 threads) | parrot.gguf | llama 198.96 K F32 | 795844 | 8 | 0
        cpu (scalar, fast, 2 threads) | parrot.gguf | llama 198.96 K F32 | 795844 | 0 | 4
    "#]]
    .assert_eq(&masked.collect::<String>());
    // The last column has the figures.
    let before = |line: &str| format!("{}|\n", line.rsplitn(3, '|').nth(2).unwrap());
    let table = bench("md");
    let table = table.lines().take_while(|it| !it.is_empty()).map(before);
    expect![[r#"
        | model              |      size |   params | backend | threads | test |
        | ------------------ | --------: | -------: | ------- | ------: | ---: |
        | llama 198.96 K F32 | 777.2 KiB | 198.96 K | CPU     |       2 |  pp8 |
        | llama 198.96 K F32 | 777.2 KiB | 198.96 K | CPU     |       2 |  tg4 |
    "#]]
    .assert_eq(&table.collect::<String>());
}

#[test]
fn a_shell_completes() {
    let output = Place::new().output(&["completions", "bash"], b"", &[]);
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(script.contains("complete -F _ingle"), "{script}");
}

/// A key that nobody here knows may change what a model computes: it is named, not passed over.
#[test]
fn unknown_keys_of_a_folder_are_named() {
    let place = place();
    let folder = ingle_tests::root().join("tests/golden/small/families/llama");
    let read = |name: &str| std::fs::read(folder.join(name)).expect("it is committed");
    let config = String::from_utf8(read("config.json")).expect("JSON is UTF-8");
    std::fs::create_dir(place.path().join("small")).expect("a fresh folder");
    place.file("small/model.safetensors", read("model.safetensors"));
    place.file("small/config.json", config.replacen('{', "{\"novel_gate\": 2,", 1));
    let shown = place.run(&["show", "small"]);
    let warning = shown.lines().find(|line| line.starts_with("warning: "));
    let want = "warning: keys of `config.json` that nobody here knows: `novel_gate`";
    assert_eq!(warning, Some(want), "{shown}");
}

/// The same of a GGUF file, once a command and in what programs read; of very many, the first. No name
/// begins a line.
#[test]
fn unread_keys_of_a_file_are_named() {
    let place = Place::new();
    let file = parrot::with(|file| {
        for nth in 0..10 {
            file.set(format!("llama.novel\n{nth}"), Value::F32(2.0));
        }
        file.set("llama.tensor_data_layout", Value::String("as it was".to_owned()));
    });
    place.file("parrot.gguf", file);
    let names: Vec<_> = (0..8).map(|nth| format!("`llama.novel\\n{nth}`")).collect();
    let want = format!(
        "keys of the file that nobody here reads, though they may change what it answers: {} and 2 more",
        names.join(", ")
    );
    for args in [&["show", "parrot.gguf"][..], &["run", "parrot.gguf", "hi"]] {
        let said = place.run(args);
        assert_eq!(said.matches(&format!("warning: {want}\n")).count(), 1, "{said}");
    }
    let output = place.output(&["show", "parrot.gguf", "--json"], b"", &[]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["warnings"], serde_json::json!([want]));
}
