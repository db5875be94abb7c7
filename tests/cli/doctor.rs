//! What `ingle doctor` says of whatever machine the tests run on, and how it exits.

use ingle_tests::binary::Place;
use serde_json::Value;

/// Nothing about a network comes from whoever runs the tests.
const CLEAN: [(&str, &str); 10] = [
    ("HTTPS_PROXY", ""),
    ("https_proxy", ""),
    ("HTTP_PROXY", ""),
    ("http_proxy", ""),
    ("ALL_PROXY", ""),
    ("all_proxy", ""),
    ("NO_PROXY", ""),
    ("no_proxy", ""),
    ("HF_ENDPOINT", ""),
    ("HF_HUB_OFFLINE", ""),
];

fn doctor(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> String {
    let args = [&["doctor"][..], args].concat();
    place.run_with(&args, b"", &[&CLEAN[..], environment].concat())
}

#[test]
fn a_screen_tells_every_subject_and_warnings_break_nothing() {
    let told = doctor(&Place::new(), &[], &[]);
    assert!(told.starts_with("exit 0\n-- stdout\ningle      "), "{told}");
    let mut rest = told.as_str();
    for label in [
        "ingle",
        "system",
        "processor",
        "features",
        "kernels",
        "memory",
        "limits",
        "load",
        "power",
        "graphics",
        "library",
        "network",
        "sandbox",
        "policy",
        "settings",
    ] {
        let at = rest.find(&format!("\n{label:<11}"));
        rest = &rest[at.unwrap_or_else(|| panic!("no `{label}` in\n{told}"))..];
    }
    assert!(rest.starts_with("\nsettings   INGLE_ISA=scalar, INGLE_THREADS=2\n\n"), "{told}");
    assert!(told.lines().all(|it| it.chars().count() <= 80), "{told}");
}

#[test]
fn json_tells_the_same() {
    let place = Place::new();
    let output = place.output(&["doctor", "--json"], b"", &CLEAN);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&told["kernels"]["isa"], &told["kernels"]["threads"]),
        (&"scalar".into(), &2.into())
    );
    let formats = told["kernels"]["formats"].as_array().expect("a list");
    let formats = formats.iter().flat_map(|it| it["formats"].as_array().expect("a list"));
    assert_eq!(formats.count(), loader::Format::ALL.len());
    assert_eq!(told["library"]["models"], 0);
    assert_eq!((&told["audit"]["on"], &told["policy"]), (&false.into(), &Value::Null));
    let findings = told["findings"].as_array().expect("a list");
    for finding in findings {
        assert_eq!(finding["level"], "warning", "{finding}");
        let todo = finding["todo"].as_str().expect("what to do");
        assert!(!todo.is_empty(), "{finding}");
    }
}

/// It is not as if there were none.
#[test]
fn json_tells_why_a_policy_cannot_be_read() {
    let place = Place::new();
    place.file("ingle-home/policy.toml", "version = 9\n");
    let output = place.output(&["doctor", "--json"], b"", &CLEAN);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let error = told["policy"]["error"].as_str().expect("what is wrong");
    assert!(error.contains("policy.toml"), "{error}");
    let found = told["findings"].as_array().expect("a list").iter();
    assert_eq!(found.filter(|it| it["about"] == "policy" && it["what"] == error).count(), 1);
}

#[test]
fn what_is_broken_is_told_beside_the_rest_and_in_the_exit_code() {
    let check = |file: Option<(&str, &str)>, variable: (&str, &str), expected: &str| {
        let place = Place::new();
        if let Some((name, text)) = file {
            place.file(name, text);
        }
        let told = doctor(&place, &[], &[variable]);
        assert!(told.starts_with("exit 1\n"), "{told}");
        let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!(" broken {expected}")), "{told}");
        assert!(told.contains("-- stderr\nerror: something is broken: "), "{told}");
        assert!(told.contains("\nmemory     "), "{told}");
    };
    let none = ("INGLE_SAVE", "0");
    let settings = ("ingle-home/settings.toml", "tmep = 1\n");
    check(Some(settings), none, "settings: ");
    check(Some(("ingle-home/policy.toml", "version = 9\n")), none, "policy: ");
    check(
        None,
        ("INGLE_ISA", "sse9"),
        "kernels: `INGLE_ISA` cannot be obeyed: no instruction set is called `sse9`",
    );
    check(None, ("INGLE_THREADS", "few"), "kernels: `INGLE_THREADS` cannot be obeyed");
    check(None, ("HTTPS_PROXY", "socks5://p:1"), "network: ");
}

#[test]
fn passwords_are_not_told() {
    let place = Place::new();
    let proxy =
        [("HTTPS_PROXY", "http://me:hunter2@proxy.example:3128"), ("HF_TOKEN", "hf_hunter2")];
    for args in [&[][..], &["--json"]] {
        let told = doctor(&place, args, &proxy);
        assert!(told.contains("http://proxy.example:3128"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
