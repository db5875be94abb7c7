//! `--mlock`: the weights are locked in memory, or it is said why not, and all else goes on.
#![cfg(target_os = "linux")]

use std::{fs, process::Command};

use ingle_tests::binary::{Place, ingle};
use serde_json::Value;

use crate::place;

/// Of the rights of a process, that to lock whatever it likes.
const CAP_IPC_LOCK: u64 = 1 << 14;

const ANSWER: &str = "Hello there, friend!\n";
const RUN: [&str; 4] = ["run", "parrot.gguf", "--no-save", "--verbose"];

/// Whether no limit holds for us, nor for those that we start.
fn is_privileged() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("the system tells");
    let mut lines = status.lines();
    let rights = lines.find_map(|it| it.strip_prefix("CapEff:")).expect("it tells rights");
    u64::from_str_radix(rights.trim(), 16).expect("a number") & CAP_IPC_LOCK != 0
}

/// Runs `ingle` where nothing may be locked; what it printed, and what it said.
#[track_caller]
fn forbidden(place: &Place, args: &[&str]) -> (String, String) {
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -l 0 && exec "$0" "$@""#])
        .arg(ingle())
        .args(args)
        .env_clear()
        .envs(place.environment())
        .current_dir(place.path())
        .output()
        .expect("there is a shell");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (printed, said) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{args:?}: {said}");
    (printed, said)
}

/// Whether a warning says that the weights are not locked, which must say all there is to say.
#[track_caller]
fn is_warning(text: &str) -> bool {
    let begin = "`--mlock`: the weights of `parrot.gguf` are not locked in memory: they take ";
    let warned = text.contains(begin);
    let limit = ", and this process may lock 0 B: `ulimit -l ";
    assert_eq!(text.contains(limit), warned, "{text}");
    // Where the limit does not hold there is nothing to warn of.
    assert!(warned || is_privileged(), "{text}");
    warned
}

#[test]
fn an_answer_comes_where_nothing_may_be_locked() {
    let place = place();
    for access in [&[][..], &["--no-mmap"]] {
        let (printed, said) = forbidden(&place, &[&RUN[..], access, &["--mlock", "hi"]].concat());
        assert_eq!(printed, ANSWER);
        assert_eq!(said.contains(", locked in memory"), !is_warning(&said), "{said}");
    }
    let (printed, said) = forbidden(&place, &[&RUN[..], &["hi"]].concat());
    assert_eq!(printed, ANSWER);
    assert!(!said.contains("--mlock") && !said.contains("locked in memory"), "{said}");
}

#[test]
fn a_program_reads_the_warning_and_a_setting_asks_for_it_too() {
    let place = place();
    place.file("ingle-home/settings.toml", "mlock = true\n");
    let (printed, said) = forbidden(&place, &["run", "parrot.gguf", "--no-save", "--json", "hi"]);
    let answer: Value = serde_json::from_str(&printed).expect("JSON");
    let warned = is_warning(&said);
    assert_eq!(is_warning(&answer["warnings"].to_string()), warned, "{answer}");
}

#[test]
fn what_measures_and_compares_goes_on_too() {
    let place = place();
    place.file("text", "Hello there, friend! ".repeat(20));
    for args in [
        &["bench", "parrot.gguf", "-p", "8", "-n", "0", "-r", "1", "-o", "jsonl"][..],
        &["perplexity", "parrot.gguf", "--text", "text", "-c", "16", "--json"],
        &["logits", "parrot.gguf", "--ids", "5,6", "-yo", "out.safetensors", "--json"],
    ] {
        let (printed, said) = forbidden(&place, &[args, &["--mlock"]].concat());
        let told: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(is_warning(&told["warnings"].to_string()), is_warning(&said), "{told}");
        let (printed, said) = forbidden(&place, args);
        assert!(!said.contains("--mlock"), "nobody asked: {said}");
        assert!(!printed.contains("--mlock"), "nobody asked: {printed}");
    }
}

#[test]
fn what_the_limit_allows_is_locked() {
    let limits = fs::read_to_string("/proc/self/limits").expect("the system tells");
    let limit = limits.lines().find_map(|it| it.strip_prefix("Max locked memory"));
    let limit = limit.and_then(|it| it.split_whitespace().nth(1)).expect("it tells this one");
    let place = place();
    let model = fs::metadata(place.path().join("parrot.gguf")).expect("it is there").len();
    // Room for pages that are not whole.
    let allowed = limit.parse().is_ok_and(|limit: u64| limit >= 2 * model) || limit == "unlimited";
    let told = place.run(&[&RUN[..], &["--mlock", "hi"]].concat());
    assert!(told.contains(ANSWER), "{told}");
    let locked = told.contains(", locked in memory");
    assert_ne!(locked, told.contains("warning: `--mlock`: "), "{told}");
    assert!(locked || !allowed, "{told}");
}
