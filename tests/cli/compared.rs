//! What `ingle bench` tells beside speed. Figures are the machine's: none
//! is looked at but for being there.

use expect_test::expect;
use ingle_tests::binary::Place;
use serde_json::Value;

use crate::{check, place};

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
    assert!(under.lines().next().unwrap().contains("kernels scalar, fast"), "{text}");
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
    assert!(number("bandwidth") > 0.0 && number("roofline_percent") > 0.0, "{generation}");
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
fn what_differs_has_another_fingerprint() {
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
}
