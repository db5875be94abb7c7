//! What `ingle fit` says of the catalogue and of single models. Nothing is measured here: speeds come
//! from a measurement that was made up, and sizes are those of whatever machine the tests run on.

use ingle_tests::binary::Place;
use serde_json::{Value, json};

use crate::place;

/// The JSON that `ingle` prints.
fn told(place: &Place, args: &[&str]) -> Value {
    let output = place.output(args, b"", &[]);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Keeps a measurement of this processor: a thousand million of everything in a second.
fn measured(place: &Place) {
    measured_with(place, &[]);
}

/// The same, with these warnings.
fn measured_with(place: &Place, warnings: &[&str]) {
    let processor = told(place, &["doctor", "--json"])["machine"]["processor"]["model"].clone();
    let length = |cols: usize| {
        let seconds = cols as f64 * 1e-9;
        json!({"cols": cols, "bytes": cols, "one": seconds, "more": seconds})
    };
    let rates = json!([896, 2048, 4096].map(length));
    let formats =
        ["F32", "F16", "Q8_0", "Q6_K", "Q5_K", "Q5_1", "Q5_0", "Q4_K", "Q3_K", "Q2_K", "Q4_0"];
    let formats: Value = formats.iter().map(|it| ((*it).to_owned(), rates.clone())).collect();
    let rest = json!({
        "attend_one": 1e9, "attend_many": 1e9, "numbers": 1e9, "acts": 1e9, "step": 1e-6,
    });
    let speed = json!({
        "processor": processor.as_str().unwrap_or(std::env::consts::ARCH),
        "device": "cpu (scalar, fast, 2 threads)",
        "at": "2024-01-01T00:00:00Z",
        "bandwidth": 1e9,
        "formats": formats,
        "rest": rest,
        "power": null,
        "warnings": warnings,
    });
    let kept = json!({"version": 3, "speeds": [speed], "foretold": []});
    place.file("ingle-home/speed.json", kept.to_string());
}

#[test]
fn the_catalogue_is_judged_without_a_network_and_without_a_measurement() {
    let place = Place::new();
    let said = place.run(&["fit", "--no-measure"]);
    assert!(said.starts_with("exit 0\n-- stdout\nmodel "), "{said}");
    assert!(
        said.contains("-- stderr\nnote: nothing was measured yet with cpu (scalar, "),
        "{said}"
    );
    let (table, _) = said.split_once("-- stderr").expect("a note");
    assert!(table.lines().all(|it| it.chars().count() <= 80), "{table}");
    let (_, legend) = table.split_once("\n\n").expect("a legend");
    assert!(legend.contains(" free; 8,192 tokens of context or what it was made for;"), "{legend}");
    assert!(!legend.contains("estimated") && !legend.contains("measured"), "{legend}");
    let all = told(&place, &["fit", "--no-measure", "--json"]);
    let models = all["models"].as_array().expect("a list");
    assert_eq!(models.len(), store::catalogue::Catalogue::built_in().all().len());
    assert!(models.iter().all(|it| it["fits"] != "unknown"), "one of which nothing is known");
    let gpt_oss = models.iter().filter(|it| it["architecture"] == "gpt-oss");
    assert!(gpt_oss.clone().all(|it| it["quant"] == "MXFP4_MOE") && gpt_oss.count() == 2);
    for model in models {
        let parts = ["weights", "cache", "scratch"].map(|it| model[it].as_u64());
        assert_eq!(model["exact"], true, "{model}");
        assert_eq!(parts.iter().flatten().sum::<u64>(), model["total"], "{model}");
        assert_eq!(model["trouble"].is_null(), model["fits"] != "unknown", "{model}");
    }
    assert_eq!(all["measured"], Value::Null);
}

#[test]
fn the_largest_format_that_fits_is_chosen() {
    let place = Place::new();
    let model = |args: &[&str]| {
        let all = told(&place, &[&["fit", "--no-measure", "--json"][..], args].concat());
        all["models"][0].clone()
    };
    let own = model(&["smollm2:135m"]);
    assert_eq!((&own["quant"], &own["context"]), (&"Q8_0".into(), &8192.into()));
    let asked = model(&["smollm2:135m", "--quant", "q4_k_m", "-c", "512"]);
    assert_eq!((&asked["quant"], &asked["context"]), (&"Q4_K_M".into(), &512.into()));
    let (own, asked) = (&own["weights"], &asked["weights"]);
    assert!(asked.as_u64() < own.as_u64(), "{asked} of {own}");
    // By the name, too.
    assert_eq!(model(&["llama3.2:1b-q2_k"])["quant"], "Q2_K");
}

#[test]
fn a_model_is_foretold_by_what_was_measured_and_held_beside_what_comes_true() {
    let place = place();
    measured(&place);
    let said =
        place.run(&["fit", "parrot.gguf", "--no-measure", "--watts", "36", "--price", "0.3"]);
    assert!(said.starts_with("exit 0\n-- stdout\nmodel      parrot.gguf, "), "{said}");
    for label in ["fits", "memory", "context", "speed", "answers", "prompts", "cost", "measured"] {
        assert!(said.contains(&format!("\n{label:<11}")), "no `{label}` in\n{said}");
    }
    assert!(said.contains("-- stderr\nnote: measured "), "{said}");
    assert!(said.contains(" days ago (2024-01-01T00:00:00Z)"), "{said}");
    assert!(said.contains(" tokens a second of a prompt, "), "{said}");
    let bench = place.run(&["bench", "parrot.gguf", "-p", "8", "-n", "2", "-r", "1"]);
    for test in ["pp8", "tg2"] {
        assert!(bench.contains(&format!(" t/s for {test}, ")), "{bench}");
    }
    assert!(bench.contains("\nnote: `ingle fit` foretold "), "{bench}");
    assert!(bench.contains("; it went by what it measured ") && bench.contains(" days ago\n"));
    let args = ["bench", "parrot.gguf", "-p", "8", "-n", "2", "-r", "1", "-o", "json"];
    for row in told(&place, &args).as_array().expect("a list") {
        assert!(row["foretold_ts"].as_f64().is_some_and(|it| it > 0.0), "{row}");
        assert_eq!(row["foretold_at"], "2024-01-01T00:00:00Z");
    }
    // Another model was not looked at.
    let other = place.run(&["bench", "ember", "-p", "8", "-n", "0", "-r", "1"]);
    assert!(!other.contains("foretold"), "{other}");
}

#[test]
fn a_model_that_was_looked_at_is_foretold_by_its_shape_too() {
    let place = place();
    measured(&place);
    let said = place.run(&["fit", "smollm2:135m", "--quant", "q4_0", "--no-measure"]);
    assert!(said.starts_with("exit 0\n") && said.contains("\nspeed "), "{said}");
    let args = ["bench", "--shape", "smollm2-135m:q4_0", "-p", "0", "-n", "1", "-r", "1"];
    let bench = place.run(&args);
    assert!(bench.starts_with("exit 0\n"), "{bench}");
    assert!(bench.contains("\nnote: `ingle fit` foretold "), "{bench}");
    // As another mix nobody looked at it.
    let other = ["bench", "--shape", "smollm2-135m:q8_0", "-p", "0", "-n", "1", "-r", "1"];
    let other = place.run(&other);
    assert!(other.starts_with("exit 0\n") && !other.contains("foretold"), "{other}");
}

#[test]
fn what_was_measured_with_a_warning_is_doubted() {
    let place = place();
    measured_with(&place, &["the processor was too hot and slowed down 12 times: let it cool"]);
    let said = place.run(&["fit", "parrot.gguf", "--no-measure"]);
    let doubt = "it was said then that the processor was too hot and slowed down 12 times: once \
                 that is over, measure again";
    let (screen, notes) = said.split_once("-- stderr").expect("a note");
    let screen = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(screen.contains(doubt) && notes.contains(doubt), "{said}");
    // Nor is it where that is held beside what comes true.
    let args = ["bench", "parrot.gguf", "-p", "8", "-n", "0", "-r", "1"];
    let bench = place.run(&args);
    assert!(bench.contains(&format!(" days ago; {doubt}\n")), "{bench}");
    let rows = told(&place, &[&args[..], &["-o", "json"]].concat());
    assert_eq!(rows[0]["foretold_doubt"], doubt);
}

#[test]
fn a_context_beyond_the_models_is_told() {
    let place = Place::new();
    let fit = |args: &[&str]| {
        let said = place.run(&[&["fit", "--no-measure"][..], args].concat());
        assert!(said.starts_with("exit 0\n"), "{said}");
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = fit(&["smollm2:135m", "-c", "9000", "--quant", "q4_0"]);
    assert!(said.contains("; the model was made for 8,192, beyond them"), "{said}");
    let said = fit(&["smollm2:135m", "-c", "999999999"]);
    assert!(said.contains(" fits no: a cache of 999,999,999 tokens takes "), "{said}");
    assert!(said.contains("; the model was made for 8,192 memory "), "{said}");
}

#[test]
fn a_price_without_watts_is_no_secret() {
    let place = place();
    measured(&place);
    let args = ["fit", "parrot.gguf", "--no-measure", "--price", "0.3"];
    let said = place.run(&args);
    assert!(said.starts_with("exit 0\n") && !said.contains("\ncost "), "{said}");
    let warning = "nobody knows what this machine takes, ";
    assert!(said.contains(&format!("\nwarning: {warning}")), "{said}");
    let json = told(&place, &[&args[..], &["--json"]].concat());
    assert!(json["warnings"][0].as_str().is_some_and(|it| it.starts_with(warning)), "{json}");
}

#[test]
fn programs_are_told_what_people_see() {
    let place = place();
    measured(&place);
    let model = |args: &[&str]| {
        let args = [&["fit", "parrot.gguf", "--no-measure", "--json"][..], args].concat();
        let json = told(&place, &args);
        assert_eq!(json["warnings"], json!([]), "{json}");
        json["models"][0].clone()
    };
    let usual = model(&[]);
    assert_eq!(usual["cache_type"], Value::Null);
    let (speed, number) = (&usual["speed"], |it: &Value| it.as_f64().expect("a number"));
    let seconds = |of: &str| {
        let parts = ["weights", "products", "attention", "rest"];
        parts.iter().map(|it| number(&speed[of][it])).sum::<f64>()
    };
    assert!((seconds("token_seconds") * number(&speed["tg128"]) - 1.0).abs() < 1e-9, "{speed}");
    assert!((seconds("prompt_seconds") * number(&speed["pp512"]) - 512.0).abs() < 1e-6, "{speed}");
    assert_eq!(model(&["--cache-type", "f32"])["cache_type"], "f32");
    let said = place.run(&["fit", "parrot.gguf", "--no-measure", "--cache-type", "f32"]);
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(" in f32, scratch "), "{said}");
}

#[test]
fn what_was_measured_and_cannot_be_read_is_told() {
    let place = place();
    place.file("ingle-home/speed.json", "{");
    let said = place.run(&["fit", "parrot.gguf", "--no-measure"]);
    let warning =
        "warning: what was measured before cannot be read: `[DIR]/ingle-home/speed.json`: ";
    assert!(said.starts_with("exit 0\n") && said.contains(warning), "{said}");
}

#[test]
fn names_that_nobody_knows_are_near_others() {
    let place = place();
    let said = place.run(&["fit", "llama3.2:3bb", "--no-measure"]);
    assert!(said.starts_with("exit 1\n-- stderr\nerror: neither the catalogue nor "), "{said}");
    assert!(said.contains("\nhint: near are `llama3.2:3b`, `llama3.2:1b`, "), "{said}");
    let said = place.run(&["fit", "nosuch", "--no-measure"]);
    assert!(said.contains("\nhint: `ingle fit` has all of the catalogue"), "{said}");
    let said = place.run(&["fit", "parot.gguf", "--no-measure"]);
    assert!(said.contains("there is no file `parot.gguf`"), "{said}");
    assert!(said.contains("`parrot.gguf`"), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = place();
    for args in [
        &["fit", "parrot.gguf", "--watts", "0"][..],
        &["fit", "parrot.gguf", "--price", "free"],
        &["fit", "parrot.gguf", "--watts", "45", "--api-price", "0.6"],
        &["fit", "parrot.gguf", "--quant", "q9"],
        &["fit", "parrot.gguf", "-c", "0"],
        &["fit", "parrot.gguf", "-m", "other.gguf"],
    ] {
        let said = place.run(args);
        assert!(said.starts_with("exit 2\n"), "{args:?}\n{said}");
    }
    for args in
        [&["--watts", "-5"][..], &["--price", "-5"], &["--price", "0.3", "--api-price", "-5"]]
    {
        let said = place.run(&[&["fit", "parrot.gguf"][..], args].concat());
        let expected = "expected a number above 0, found `-5`";
        assert!(said.starts_with("exit 2\n") && said.contains(expected), "{args:?}\n{said}");
    }
}

#[test]
fn a_model_that_cannot_be_run_is_an_error() {
    let place = Place::new();
    let bytes = ingle_tests::parrot::with(|file| {
        file.set("general.architecture", loader::Value::String("novel".to_owned()));
    });
    place.file("novel.gguf", bytes);
    let said = place.run(&["fit", "novel.gguf", "--no-measure"]);
    assert!(said.starts_with("exit 1\n-- stdout\nmodel      novel.gguf"), "{said}");
    assert!(said.contains("error: `novel.gguf` cannot be judged: "), "{said}");
    let said = place.run(&["fit", "novel.gguf", "--no-measure", "--json"]);
    assert!(said.starts_with("exit 1\n-- stdout\n{"), "{said}");
    assert!(said.contains("error: `novel.gguf` cannot be judged: "), "{said}");
}
