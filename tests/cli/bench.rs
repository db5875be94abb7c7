//! `bench` of weights that were made for a shape, with several numbers of threads, and drawn; of
//! several sequences at once; and with a draft.

use std::fs;

use expect_test::expect;
use ingle_tests::{binary::Place, parrot};
use serde_json::Value;
use store::digest::Sha256Hex;

use super::check;

/// A folder with a `config.json` of a tiny model.
fn place() -> Place {
    let place = Place::new();
    let config = r#"{"architectures": ["LlamaForCausalLM"], "vocab_size": 300, "hidden_size": 64,
        "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2}"#;
    place.file("tiny/config.json", config);
    place
}

const TINY: [&str; 9] =
    ["bench", "--shape", "tiny/config.json:q8_0", "-p", "8", "-n", "4", "-r", "2"];

fn rows(place: &Place, more: &[&str]) -> Vec<Value> {
    let args = [&TINY[..], &["-o", "json"], more].concat();
    let output = place.output(&args, b"", &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{told}"))
}

/// Writes the shape alone.
#[track_caller]
fn write(place: &Place, written: &[&str]) {
    let told = place.run(&[&TINY[..3], written].concat());
    assert!(told.starts_with("exit 0\n-- stderr\nnote: wrote `tiny.gguf`, "), "{told}");
}

#[test]
fn a_shape_is_measured_as_a_model_is() {
    let place = place();
    let told = place.run(&TINY);
    assert!(told.starts_with("exit 0\n"), "{told}");
    // The last column has the figures.
    let before = |line: &str| format!("{}|\n", line.rsplitn(3, '|').nth(2).unwrap_or_default());
    expect![[r#"
        | model               |      size |   params | backend | threads | test |
        | ------------------- | --------: | -------: | ------- | ------: | ---: |
        | llama 100.16 K Q8_0 | 104.8 KiB | 100.16 K | CPU     |       2 |  pp8 |
        | llama 100.16 K Q8_0 | 104.8 KiB | 100.16 K | CPU     |       2 |  tg4 |
    "#]]
    .assert_eq(&told.lines().filter(|it| it.starts_with('|')).map(before).collect::<String>());
    let rows = rows(&place, &[]);
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["model_filename"], "tiny/config.json:q8_0");
        assert_eq!(row["synthetic"], true);
        assert_eq!(row["model_layers"], 2);
        assert_eq!(row["measured_layers"], 2);
    }
}

#[test]
fn a_shape_is_written_and_read_again() {
    let place = place();
    let write = ["--write", "tiny.gguf"];
    assert_eq!(rows(&place, &write).len(), 2);
    let shown = place.run(&["show", "tiny.gguf", "--json"]);
    assert!(shown.contains("llama") && shown.contains("Q8_0"), "{shown}");
    let told = place.run(&["tokenize", "tiny.gguf", "hello"]);
    assert!(told.starts_with("exit 0\n"), "{told}");
    let told = place.run(&["bench", "tiny.gguf", "-p", "8", "-n", "0", "-r", "1"]);
    assert!(told.contains("| llama 100.16 K Q8_0 |"), "{told}");
    let first = fs::read(place.path().join("tiny.gguf")).expect("it was written");
    check(
        &place,
        &[&TINY[..3], &write].concat(),
        expect![[r#"
            exit 1
            -- stderr
            error: `tiny.gguf` is there already

            hint: `-y` replaces it
        "#]],
    );
    let again = [&TINY[..3], &write, &["-y", "-p", "0", "-n", "0", "-t", "1"]].concat();
    let told = place.run(&again);
    assert!(told.starts_with("exit 0\n-- stderr\nnote: wrote `tiny.gguf`, 1"), "{told}");
    assert!(told.ends_with(" KiB\n"), "{told}");
    let second = fs::read(place.path().join("tiny.gguf")).expect("it was written");
    assert!(first == second, "the same weights whatever the threads");
}

#[test]
fn threads_and_depths_are_measured_and_drawn() {
    let place = place();
    let rows = rows(&place, &["-t", "1,2", "-d", "0,16", "--plot", "speed.svg"]);
    let of = |name: &str| rows.iter().map(|it| it[name].as_u64()).collect::<Vec<_>>();
    let some = |all: [u64; 8]| all.map(Some).to_vec();
    assert_eq!(of("n_threads"), some([1, 1, 1, 1, 2, 2, 2, 2]));
    assert_eq!(of("n_depth"), some([0, 0, 16, 16, 0, 0, 16, 16]));
    let picture = fs::read_to_string(place.path().join("speed.svg")).expect("it was drawn");
    for part in [">Prompts, 2 threads<", ">Generation<", ">pp8<", ">tg4<", ">threads<"] {
        assert!(picture.contains(part), "{part}: {picture}");
    }
    assert!(picture.contains(">llama 100.16 K Q8_0"), "{picture}");
}

#[test]
fn the_catalogue_and_shapes_know_each_others_names() {
    let place = place();
    let shape = "smollm2:135m:q2_k";
    let output = place.output(
        &["bench", "--shape", shape, "-p", "1", "-n", "0", "-r", "1", "-o", "json"],
        b"",
        &[],
    );
    let told = String::from_utf8_lossy(&output.stderr);
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{told}"));
    assert_eq!(rows[0]["model_filename"], shape);
    let output = place.output(&["fit", "phi-3-mini", "--no-measure", "--json"], b"", &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{told}"));
    let model = &all["models"][0];
    assert_eq!((&model["name"], &model["exact"]), (&"phi-3-mini".into(), &true.into()));
    // Models of other licences have the same shape.
    assert_eq!(model["licence"], Value::Null);
}

#[test]
fn what_a_step_computes_and_how_weights_lie_is_told() {
    let place = place();
    let of =
        |rows: &[Value], name: &str| rows.iter().map(|it| it[name].clone()).collect::<Vec<_>>();
    let (usual, less) = (rows(&place, &[]), rows(&place, &["-b", "4"]));
    assert_eq!(of(&usual, "n_batch"), [512, 512]);
    assert_eq!(of(&less, "n_batch"), [4, 4]);
    assert_eq!(of(&less, "weights"), ["made", "made"]);
    assert_ne!(of(&usual, "fingerprint"), of(&less, "fingerprint"));
    let written = ["--write", "tiny.gguf", "-p", "0", "-n", "0"];
    write(&place, &written);
    for (more, expected) in [(&[][..], "mapped"), (&["--no-mmap"][..], "read")] {
        let args = ["bench", "tiny.gguf", "-p", "8", "-n", "0", "-r", "1", "-o", "json"];
        let output = place.output(&[&args[..], more].concat(), b"", &[]);
        let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(rows[0]["weights"], expected);
        assert_eq!(rows[0]["foretold_ts"], Value::Null);
    }
}

/// What `bench` prints of the parrot.
fn bench(place: &Place, more: &[&str]) -> String {
    let args = ["bench", "parrot.gguf", "-n", "4", "-r", "2"];
    let output = place.output(&[&args[..], more].concat(), b"", &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn several_sequences_are_measured_at_once() {
    let place = crate::place();
    let page = bench(&place, &["-p", "8", "--parallel", "1,3"]);
    let lines: Vec<_> = page.lines().take_while(|it| it.starts_with('|')).collect();
    let cells = |i: usize| {
        let cell = |line: &&str| line.split('|').nth(i).unwrap_or_default().trim().to_owned();
        lines.iter().map(cell).collect::<Vec<_>>()
    };
    assert_eq!(cells(6)[2..], ["pp8", "tg4", "tg4 x 3"]);
    let each = cells(8);
    assert_eq!((each[0].as_str(), each[2].as_str()), ("t/s each", ""), "{page}");

    // The prompts do not end in one step.
    let deep = ["-p", "0", "-d", "40", "-b", "16", "-o", "json"];
    let more = ["-npl", "1,3", "--steady", "1s", "--plot", "speed.svg"];
    let json = bench(&place, &[&deep[..], &more].concat());
    let rows: Vec<Value> = serde_json::from_str(&json).expect("a list");
    for (row, n) in rows.iter().zip([1_u64, 3]) {
        let numbers = ["n_prompt", "n_gen", "n_depth", "n_parallel"].map(|it| row[it].as_u64());
        assert_eq!(numbers, [0, 4, 40, n].map(Some), "{row}");
        let all = |name: &str| {
            let all = row[name].as_array().into_iter().flatten();
            all.filter_map(Value::as_f64).collect::<Vec<_>>()
        };
        // Four tokens of each.
        let tokens = all("samples_ns").into_iter().zip(all("samples_ts"));
        let tokens: Vec<f64> = tokens.map(|(ns, ts)| ns * ts / 1e9).collect();
        let expected = 4.0 * n as f64;
        assert!(tokens.iter().all(|it| (it - expected).abs() < 0.05), "{n}: {tokens:?}");
        assert_eq!(tokens.len(), 2);
        let number = |name: &str| row[name].as_f64().expect("a number");
        let each = number("avg_ts_each") * n as f64 / number("avg_ts");
        assert!((each - 1.0).abs() < 1e-9, "{row}");
        assert!(!all("steady_samples_ts").is_empty(), "{row}");
    }
    let [one, three] = &rows[..] else { panic!("{rows:?}") };
    // A step reads the weights once for all.
    let [bytes, shared] = [one, three].map(|it| it["weight_bytes_per_token"].as_u64());
    assert_eq!(shared, bytes.map(|it| it / 3));
    let usual: Vec<Value> = serde_json::from_str(&bench(&place, &deep)).expect("a list");
    assert_eq!(usual[0]["fingerprint"], one["fingerprint"]);
    assert_ne!(three["fingerprint"], one["fingerprint"]);
    let picture = fs::read_to_string(place.path().join("speed.svg")).expect("it was drawn");
    for part in [">Generation, 2 threads, depth 40<", ">sequences at once<", ">tg4<"] {
        assert!(picture.contains(part), "{part}: {picture}");
    }
    place.file("all.json", &json);
    let told = place.run(&["bench", "compare", "all.json", "all.json"]);
    assert!(told.contains("\ntg4 @ d40      ") && told.contains("\ntg4 x 3 @ d40  "), "{told}");
}

#[test]
fn sequences_that_have_no_room_are_refused() {
    let place = crate::place();
    let most = usize::MAX.to_string();
    let told = place.run(&["bench", "parrot.gguf", "-p", "0", "-n", "4", "--parallel", &most]);
    let cause = "\n  cause: 18,446,744,073,709,551,615 contexts of 5 tokens need ";
    let hint = "\nhint: fewer sequences at a time, or shorter ones, need less\n";
    assert!(told.starts_with("exit 1") && told.contains(cause) && told.ends_with(hint), "{told}");
    check(
        &place,
        &["bench", "parrot.gguf", "-n", "0", "--parallel", "2"],
        expect![[r#"
            exit 2
            -- stderr
            error: `--parallel` generates tokens, and `-n` is 0

            hint: leave one of them out
        "#]],
    );
    let told = self::place().run(&[&TINY[..], &["--parallel", &most]].concat());
    let message = "error: `tiny/config.json:q8_0` does not fit: keys and values of ";
    let hint = "\nhint: a smaller `--parallel`, `-d`, `-p` or `-n` takes less\n";
    assert!(told.starts_with("exit 1") && told.contains(message) && told.ends_with(hint), "{told}");
}

const DRAFTED: [&str; 7] = ["bench", "parrot.gguf", "--draft", "parrot.gguf", "-p", "0", "-n"];

/// A model that guesses for itself is right.
#[test]
fn what_a_draft_brings_is_measured() {
    let place = crate::place();
    let bench = |more: &[&str]| {
        let output = place.output(&[&DRAFTED[..], more].concat(), b"", &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let json = bench(&["16", "-r", "2", "-o", "json"]);
    let rows: Vec<Value> = serde_json::from_str(&json).expect("a list");
    let [text, drafted] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!([&text["n_texts"], &drafted["n_texts"]], [3, 3]);
    assert_eq!([&text["n_gen"], &drafted["n_gen"]], [16, 16]);
    for name in ["draft_filename", "draft_max", "drafted_tokens", "accepted_tokens"] {
        assert_eq!(text[name], Value::Null, "{name}");
    }
    assert_eq!(drafted["draft_filename"], "parrot.gguf");
    assert_eq!(drafted["draft_max"], 15);
    assert_eq!(drafted["draft_type"], drafted["model_type"]);
    assert_eq!(drafted["draft_facts"], drafted["model_facts"]);
    assert!(drafted["drafted_tokens"].as_u64().is_some_and(|it| it > 16), "{drafted}");
    assert_eq!(drafted["accepted_tokens"], drafted["drafted_tokens"]);
    let page = bench(&["16", "-r", "1"]);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(" | tg16 text | ") && page.contains(" | tg16 text + draft | "), "{page}");
    assert!(page.contains(" draft tg16 text + draft: "), "{page}");
    assert!(page.contains(" × as fast with `parrot.gguf`; "), "{page}");
    assert!(page.contains(" guesses were right, 100%"), "{page}");
    // Not so many at a time are other guesses, and another result.
    let fewer = bench(&["16", "-r", "1", "--draft-max", "1", "-o", "jsonl"]);
    let row = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    let fewer: Vec<Value> = fewer.lines().map(row).collect();
    assert_eq!(fewer[1]["draft_max"], 1);
    assert_eq!(fewer[0]["fingerprint"], text["fingerprint"]);
    assert_ne!(fewer[1]["fingerprint"], drafted["fingerprint"]);
    place.file("all.json", json);
    place.file("fewer.json", Value::from(fewer).to_string());
    let told = place.run(&["bench", "compare", "all.json", "fewer.json"]);
    assert!(told.contains("\ntg16 text + draft  "), "{told}");
    let warning = "tg16 text + draft: the two differ in the most guesses at a time (15, 1)";
    assert!(told.contains(warning), "{told}");
}

/// As in a chat; a context that no text fills needs no room.
#[test]
fn what_a_draft_does_not_do_is_said() {
    let place = crate::place();
    let bench = |draft: &str| {
        let args = ["bench", "parrot.gguf", "--draft", draft, "-p", "0", "-n", "16", "-r", "1"];
        let told = place.run(&[&args[..], &["-c", "512"]].concat());
        assert!(told.starts_with("exit 0"), "{told}");
        told.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let size = "warning: the draft is no smaller than the model, and answers take longer: take a \
                smaller one, or none";
    let told = bench("parrot.gguf");
    assert!(told.contains(size) && !told.contains("warning: the draft has room"), "{told}");
    let json = [&DRAFTED[..], &["16", "-r", "1", "-c", "200001", "-o", "json"]].concat();
    let output = place.output(&json, b"", &[]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a list");
    for warning in [&size["warning: ".len()..], "the model was made for 200,000, beyond them"] {
        let has = |row: &Value| row["warnings"].to_string().contains(warning);
        assert!(rows.len() == 2 && rows.iter().all(has), "{warning}: {rows:?}");
    }
    for (context, is_short) in [(32, true), (256, false)] {
        let made = parrot::with(|file| {
            file.set("llama.context_length", loader::Value::U32(context));
        });
        place.file("made.gguf", made);
        let written = place.run(&["quantize", "made.gguf", "small.gguf", "F16", "-y"]);
        assert!(written.starts_with("exit 0"), "{written}");
        let told = bench("small.gguf");
        let room = format!(
            "warning: the draft has room for {context} tokens, and guesses nothing beyond them: \
             take one that has more"
        );
        assert_eq!(told.contains(&room), is_short, "{told}");
        assert_eq!(told.contains("; it guessed nothing"), is_short, "{told}");
        assert!(!told.contains(size), "{told}");
    }
}

#[test]
fn a_draft_that_cannot_guess_is_not_measured() {
    let place = crate::place();
    let told = place.run(&["bench", "parrot.gguf", "--draft", "ember", "-n", "4"]);
    assert!(told.contains("error: `ember` cannot draft for `parrot.gguf`\n"), "{told}");
    check(
        &place,
        &[&DRAFTED[..4], &["-n", "0"]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: `--draft` guesses generated tokens, and `-n` is 0

            hint: leave one of them out
        "#]],
    );
    let other = parrot::with(|file| {
        file.set("general.name", loader::Value::String("Budgie".to_owned()));
    });
    let policy = format!(
        "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"barred\"\naction = \"deny\"\n\
         sha256 = [\"{}\"]\n",
        Sha256Hex::of(&other)
    );
    place.file("other.gguf", other);
    place.file("ingle-home/policy.toml", policy);
    let told = place.run(&["bench", "parrot.gguf", "--draft", "other.gguf", "-n", "4"]);
    assert!(told.starts_with("exit 1") && told.contains("`other.gguf`: rule `barred`"), "{told}");
}

#[test]
fn a_picture_takes_the_place_of_no_model() {
    let place = place();
    let written = ["--write", "tiny.gguf", "-p", "0", "-n", "0"];
    write(&place, &written);
    let before = fs::read(place.path().join("tiny.gguf")).expect("it was written");
    check(
        &place,
        &["bench", "tiny.gguf", "-d", "0,16", "--plot", "tiny.gguf", "-y"],
        expect![[r#"
            exit 2
            -- stderr
            error: `tiny.gguf` is the model that is read

            hint: give the result another name
        "#]],
    );
    check(
        &place,
        &[&TINY[..3], &["-d", "0,16", "--write", "x.svg", "--plot", "./x.svg"]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: `--write` and `--plot` name one file
        "#]],
    );
    let after = fs::read(place.path().join("tiny.gguf")).expect("it is there");
    assert!(before == after, "the model was replaced");
}

#[test]
fn what_is_named_wrongly_is_told_with_what_is_near() {
    let place = place();
    let told = place.run(&["bench", "--shape", "llama-3.2-3:q4_0"]);
    let (first, hint) = told.split_once("\n\nhint: near are `llama-3.2-3b`, ").expect("a hint");
    assert_eq!(first, "exit 1\n-- stderr\nerror: no shape is called `llama-3.2-3`");
    assert!(hint.ends_with("; or name a `config.json`\n"), "{hint}");
    check(
        &place,
        &["bench", "--shape", "xyz:q4_0"],
        expect![[r#"
            exit 1
            -- stderr
            error: no shape is called `xyz`

            hint: name one such as `llama-3.2-3b`, or a `config.json`
        "#]],
    );
    check(
        &place,
        &["bench", "--shape", "llama3.2:3b"],
        expect![[r#"
            exit 2
            -- stderr
            error: invalid value 'llama3.2:3b' for '--shape <NAME:QUANT>': no mix is called `3b`; add one: `llama-3.2-3b:q4_k_m`

            For more information, try '--help'.
        "#]],
    );
    check(
        &place,
        &["bench", "ember", "--write", "f.gguf"],
        expect![[r#"
            exit 2
            -- stderr
            error: `--write` writes the weights of `--shape`; `ember` is a model already

            hint: `--shape llama-3.2-3b:q4_k_m`, in its place
        "#]],
    );
    check(
        &place,
        &["bench", "ember", "-p", "-1"],
        expect![[r#"
            exit 2
            -- stderr
            error: invalid value '-1' for '--n-prompt <N>': expected a whole number from 0, found `-1`

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn what_cannot_be_made_or_drawn_is_refused() {
    let place = place();
    check(
        &place,
        &["bench", "--shape", "phi-4"],
        expect![[r#"
            exit 2
            -- stderr
            error: invalid value 'phi-4' for '--shape <NAME:QUANT>': expected NAME:QUANT, such as `llama-3.2-3b:q4_k_m`, found `phi-4`

            For more information, try '--help'.
        "#]],
    );
    check(
        &place,
        &[&TINY[..], &["--plot", "a.svg"]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: `--plot` draws lines, and there is one point of each

            hint: give several depths (`-d 0,2048,8192`), threads (`-t 1,2,4`) or sequences at once (`--parallel 1,2,4`)
        "#]],
    );
    check(
        &place,
        &[&TINY[..3], &["-p", "0", "-n", "128", "-c", "64"]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: the tests take 129 tokens of context, found `--ctx-size 64`

            hint: leave it out, or give less to `-p`, `-n` or `-d`
        "#]],
    );
    check(
        &place,
        &[&TINY[..], &["-y"]].concat(),
        expect![[r#"
            exit 2
            -- stderr
            error: `-y` replaces the files of `--write` and `--plot`, and there are none
        "#]],
    );
    place.file("empty.json", "{}");
    check(
        &place,
        &["bench", "--shape", "empty.json:q4_0"],
        expect![[r#"
            exit 1
            -- stderr
            error: `empty.json` has no shape
              cause: `architectures` in `config.json` is absent, expected a class of models that is known

            hint: a shape is made of the `config.json` of a Hugging Face folder
        "#]],
    );
}
