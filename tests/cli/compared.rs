//! What `ingle bench` tells beside speed, and what comes of holding one result against another. Figures
//! are the machine's: none is looked at but for being there.

use expect_test::expect;
use ingle_tests::{binary::Place, parrot};
use serde_json::Value;

use super::check;
use crate::place;

/// The results of a benchmark of `parrot.gguf`.
fn bench(place: &Place, more: &[&str]) -> Vec<Value> {
    let args = [&["bench", "parrot.gguf", "-o", "json"][..], more].concat();
    let output = place.output(&args, b"", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a list")
}

#[test]
fn under_the_table_stands_what_the_machine_did() {
    let place = place();
    let args = ["bench", "parrot.gguf", "-p", "8", "-n", "4", "-r", "2"];
    let output = place.output(&args, b"", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (table, under) = text.split_once("\n\n").expect("an empty line is between them");
    assert!(table.lines().all(|it| it.starts_with('|')), "{text}");
    let names: Vec<_> = under.lines().filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(names[0], "processor", "{text}");
    let first = under.lines().next().unwrap();
    assert!(first.ends_with("; kernels scalar, fast, 2 threads"), "{text}");
    if cfg!(target_os = "linux") {
        assert!(names.contains(&"memory") && names.contains(&"bandwidth"), "{text}");
        assert!(under.contains("bandwidth  tg4: "), "{text}");
    }
    let csv = place.output(&[&args[..], &["-o", "csv"]].concat(), b"", &[]);
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert_eq!(csv.lines().count(), 3, "{csv}");
}

#[test]
fn what_is_steady_stands_beside_what_is_not() {
    let place = place();
    let rows = bench(&place, &["-p", "8", "-n", "4", "-r", "1", "--steady", "1s"]);
    let [prompt, generation] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(prompt["steady_ts"], Value::Null);
    assert_eq!((&prompt["bandwidth"], &prompt["roofline_percent"]), (&Value::Null, &Value::Null));
    assert_eq!(generation["steady_seconds"], 1);
    assert_eq!(generation["burst_ts"], generation["median_ts"]);
    let number = |name: &str| generation[name].as_f64().unwrap();
    let ratio = number("steady_ts") / number("burst_ts");
    assert!((number("steady_ratio") - ratio).abs() < 1e-9 && ratio > 0.0, "{generation}");
    assert!(generation["steady_samples_ts"].as_array().is_some_and(|it| !it.is_empty()));
    assert!(number("bandwidth") > 0.0 && number("weight_bytes_per_token") > 0.0, "{generation}");
    // Where the system tells of caches, it lies in them.
    let percent = &generation["roofline_percent"];
    assert!(percent.is_null() || percent.as_f64().is_some_and(|it| it > 0.0), "{generation}");
    if cfg!(target_os = "linux") {
        assert!(number("peak_memory") > number("weight_bytes_per_token"), "{generation}");
    }
    check(
        &place,
        &["bench", "parrot.gguf", "-n", "0", "--steady", "1s"],
        expect![[r#"
            exit 2
            -- stderr
            error: `--steady` generates tokens, and `-n` is 0

            hint: leave one of them out
        "#]],
    );
    let told = place.run(&["bench", "parrot.gguf", "--steady", "60"]);
    assert!(told.contains("expected a time such as `60s`, `2m` or `1h`, found `60`"), "{told}");
}

#[test]
fn threads_tell_tests_of_one_name_apart() {
    let place = place();
    let args = ["bench", "parrot.gguf", "-p", "0", "-n", "4", "-r", "1", "-t", "1,2"];
    let told = place.run(&args);
    if cfg!(target_os = "linux") {
        let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(" bandwidth tg4, 1 thread: "), "{told}");
        assert!(words.contains(" tg4, 2 threads: "), "{told}");
    }
    let rows = bench(&place, &args[2..]);
    place.file("both.json", Value::from(rows).to_string());
    let output = place.output(&["bench", "compare", "both.json", "both.json"], b"", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\ntg4, 1 thread  ") && text.contains("\ntg4, 2 threads  "), "{text}");
    let args = ["bench", "compare", "both.json", "both.json", "--json"];
    let output = place.output(&args, b"", &[]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let threads = [0, 1].map(|i| told["tests"][i]["n_threads"].clone());
    assert_eq!(threads, [1, 2]);
}

#[test]
fn results_of_one_fingerprint_compare() {
    let place = place();
    let short = ["-p", "8", "-n", "4", "-r", "4"];
    let one = bench(&place, &short);
    let other = bench(&place, &[&short[..], &["-t", "1"]].concat());
    let mark = |rows: &[Value], i: usize| rows[i]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(mark(&one, 0).len(), 16);
    assert_ne!(mark(&one, 0), mark(&one, 1));
    assert_ne!(mark(&one, 0), mark(&other, 0));
    assert_eq!(mark(&one, 0), mark(&bench(&place, &["-p", "8", "-n", "0", "-r", "1"]), 0));
    let quantised = bench(&place, &["-p", "8", "-n", "0", "-r", "1", "--quant", "q8_0"]);
    assert_ne!(mark(&one, 0), mark(&quantised, 0));

    place.file("one.json", Value::from(one.clone()).to_string());
    place.file("other.jsonl", other.iter().map(|it| format!("{it}\n")).collect::<String>());
    let output = place.output(&["bench", "compare", "one.json", "one.json"], b"", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("A  one.json\nB  one.json\n\ntest "), "{text}");
    assert_eq!(text.matches("  1.000  noise (p = 1.000)\n").count(), 2, "{text}");

    let args = ["bench", "compare", "one.json", "other.jsonl", "--json"];
    let output = place.output(&args, b"", &[]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tests = told["tests"].as_array().unwrap();
    assert_eq!((&tests[0]["test"], &tests[1]["test"]), (&"pp8".into(), &"tg4".into()));
    let figures = [&tests[0]["before_ts"], &one[0]["median_ts"]];
    let [before, median] = figures.map(|it| it.as_f64().unwrap());
    assert!((before / median - 1.0).abs() < 1e-9, "{before}, {median}");
    let warnings = told["warnings"].to_string();
    assert!(warnings.contains("pp8: the two differ in the number of threads (2, 1)"), "{told}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("warning: tg4: the two differ in the number of"), "{stderr}");
}

#[test]
fn what_cannot_be_compared() {
    let place = place();
    let result = |test: &str| format!("{{{test}, \"samples_ts\": [1.0]}}");
    place.file("pp.json", result("\"n_prompt\": 8, \"n_gen\": 0"));
    place.file("tg.json", result("\"n_prompt\": 0, \"n_gen\": 4"));
    place.file("table.md", "| model |\n");
    place.file("empty.json", "[]");
    for (files, expected) in [
        (
            ["none.json", "pp.json"],
            expect![[r#"
                exit 1
                -- stderr
                error: cannot read `none.json`
                  cause: No such file or directory (os error 2)

                hint: write a result into a file: `ingle bench MODEL -o json > FILE`
            "#]],
        ),
        (
            ["pp.json", "table.md"],
            expect![[r#"
                exit 1
                -- stderr
                error: `table.md` is not the result of a benchmark: it is not JSON: expected value at line 1 column 1

                hint: `ingle bench MODEL -o json` or `-o jsonl` prints one
            "#]],
        ),
        (
            ["empty.json", "pp.json"],
            expect![[r#"
                exit 1
                -- stderr
                error: `empty.json` is not the result of a benchmark: it has no results

                hint: `ingle bench MODEL -o json` or `-o jsonl` prints one
            "#]],
        ),
        (
            ["pp.json", "tg.json"],
            expect![[r#"
                exit 1
                -- stderr
                error: the results have no test in common: pp8 in `pp.json`, tg4 in `tg.json`

                hint: give both the same `-p`, `-n` and `-d`
            "#]],
        ),
    ] {
        check(&place, &["bench", "compare", files[0], files[1]], expected);
    }
    check(
        &place,
        &["bench", "compare", "pp.json"],
        expect![[r#"
            exit 2
            -- stderr
            error: the following required arguments were not provided:
              <B.json>

            Usage: ingle bench compare <A.json> <B.json>

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn a_model_that_is_called_as_the_verb_is_named_by_its_path() {
    let place = Place::new();
    place.file("compare", parrot::file());
    let told = place.run(&["bench", "./compare", "-p", "4", "-n", "0", "-r", "1"]);
    assert!(told.starts_with("exit 0") && told.contains("| llama 198.96 K F32 |"), "{told}");
}
