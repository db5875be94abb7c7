//! The sandbox: what must fail in it fails, and a chat still works.

use std::{
    env,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{PermissionsExt, symlink},
            net::UnixStream,
        },
    },
    process::Command,
};

use ingle_tests::{binary::Place, root, skip_sandbox};
use serde_json::Value;

/// What `ingle doctor --airgap` found; nothing, and that is printed, where this kernel cannot confine
/// a process.
fn doctor() -> Option<Value> {
    let told = super::json(&crate::place(), &["doctor", "--airgap", "--json"], &[]);
    let level = &told["sandbox"]["report"]["level"];
    let open = ["files", "calls"].iter().find_map(|it| {
        let part = &level[*it];
        part["open"].as_str().or(part["partly"].as_str())
    });
    let Some(open) = open else { return Some(told) };
    // Any other reason is a fault of ours.
    assert!(["this kernel", "only Linux"].iter().any(|it| open.starts_with(it)), "{told}");
    skip_sandbox(open);
    None
}

#[test]
fn what_must_fail_fails_and_what_must_work_works() {
    let Some(told) = doctor() else { return };
    let report = &told["sandbox"]["report"];
    let tries = report["tries"].as_array().unwrap();
    assert!(tries.len() >= 19, "{report}");
    for one in tries {
        assert_eq!(one["worked"], one["expected"], "{one}");
    }
    // Refused by the sandbox, not for another reason.
    for one in tries.iter().filter(|it| it["expected"] == false) {
        let said = one["said"].as_str().unwrap();
        let denied = ["Operation not permitted", "Permission denied"];
        assert!(denied.iter().any(|it| said.contains(it)), "{one}");
    }
    assert_eq!((&report["sockets"], &told["sockets"]["open"]), (&0.into(), &0.into()));
    assert_eq!(told["faults"], Value::Array(Vec::new()));
}

/// What a site has switched off is not called whole because this kernel could do it.
#[test]
fn the_report_is_of_the_level_in_force() {
    let place = crate::place();
    let report = || super::json(&place, &["doctor", "--airgap", "--json"], &[]);
    assert_eq!(report()["sandbox"]["in_force"], "best");
    place.file("ingle-home/settings.toml", "sandbox = \"off\"\nallow-read = [\"/data\"]\n");
    let told = report();
    assert_eq!(told["sandbox"]["in_force"], "off");
    assert_eq!(told["sandbox"]["allow_read"], serde_json::json!(["/data"]));
    assert_eq!(told["sandbox"]["holds"], false);
    assert_eq!(told["faults"][0], "the settings switch the sandbox off");
    let page = place.run(&["doctor", "--airgap"]);
    assert!(page.starts_with("exit 1") && page.contains("in force      off"), "{page}");
    place.file("ingle-home/settings.toml", "");
    let policy = "version = 1\ndefault = \"allow\"\nrequire-sandbox = true\n";
    place.file("ingle-home/policy.toml", policy);
    assert_eq!(report()["sandbox"]["in_force"], "required");
}

#[test]
fn an_answer_comes_in_a_required_sandbox_and_is_saved() {
    if doctor().is_none() {
        return;
    }
    let (place, far) = (crate::place(), Place::new());
    let draft = far.file("draft.gguf", ingle_tests::parrot::file()).display().to_string();
    let drafted = ["run", "parrot.gguf", "--draft", &draft, "--sandbox", "required"];
    for args in [
        &["run", "parrot.gguf", "--sandbox", "required", "--verbose", "smile"][..],
        &["run", "ember", "--sandbox", "required", "--verbose", "smile"],
        &[&drafted[..], &["--verbose", "smile"]].concat(),
    ] {
        let told = place.run(args);
        assert!(told.starts_with("exit 0"), "{told}");
        assert!(told.contains("sandbox: files confined (Landlock ABI"), "{told}");
        assert!(told.contains("sockets and programs confined (seccomp)"), "{told}");
    }
    let saved = std::fs::read_dir(place.path().join("ingle-home/chats")).unwrap().count();
    assert_eq!(saved, 3);
    let bench = ["bench", "parrot.gguf", "-p", "4", "-n", "2", "-r", "1", "--sandbox", "required"];
    for args in [&bench[..], &[&bench[..], &["--draft", &draft]].concat()] {
        let told = place.run(args);
        assert!(told.starts_with("exit 0"), "{told}");
    }
}

/// No kernel takes back what a process holds when it begins.
#[test]
fn a_socket_that_is_held_is_refused_where_all_is_required_and_else_warned_of() {
    if doctor().is_none() {
        return;
    }
    let place = crate::place();
    let run = |level: &str| {
        let (stdin, other) = UnixStream::pair().expect("two sockets");
        drop(other);
        let mut ingle = Command::new(ingle_tests::binary::ingle());
        ingle.args(["run", "parrot.gguf", "--no-save", "--sandbox", level, "hi"]);
        ingle.env_clear().envs(place.environment()).current_dir(place.path());
        let told = ingle.stdin(OwnedFd::from(stdin)).output().expect("it runs");
        let text = [told.stdout, told.stderr].map(|it| String::from_utf8(it).expect("UTF-8"));
        format!("{}: {}", told.status.code().expect("nobody kills it"), text.concat())
    };
    assert_eq!(
        run("required"),
        "1: error: `--sandbox required` cannot be kept: 1 socket is open\n\n\
         hint: `--sandbox best` gives up what it can\n"
    );
    assert_eq!(
        run("best"),
        "0: Hello there, friend!\nwarning: the sandbox is not whole: 1 socket is open (`ingle doctor \
         --airgap` says what that leaves open)\n"
    );
}

/// The files that tell are open before the sandbox is entered, or may be opened in it.
#[test]
fn a_benchmark_hears_of_the_machine_in_a_required_sandbox() {
    if doctor().is_none() {
        return;
    }
    let place = crate::place();
    let args = ["bench", "parrot.gguf", "-p", "0", "-n", "4", "-r", "1"];
    let rows = |level: &str| {
        let args = [&args[..], &["--sandbox", level, "-o", "json"]].concat();
        super::json(&place, &args, &[])[0].clone()
    };
    let (free, confined) = (rows("off"), rows("required"));
    for name in ["power_source", "battery_percent", "governor", "mhz", "celsius", "peak_memory"] {
        for name in [name.to_owned(), format!("{name}_after")] {
            let told = [&free, &confined].map(|it| !it[&name].is_null());
            assert_eq!(told[0], told[1], "{name}: {free} {confined}");
        }
    }
    assert!(confined["peak_memory"].is_u64() && confined["bandwidth"].is_f64(), "{confined}");
}

#[test]
fn a_sandbox_that_the_policy_requires_holds_wherever_weights_are_used() {
    if doctor().is_none() {
        return;
    }
    let place = crate::place();
    let text = "version = 1\ndefault = \"allow\"\nrequire-sandbox = true\n";
    place.file("ingle-home/policy.toml", text);
    place.file("page.txt", "a page\n".repeat(99));
    for args in [
        &["check", "parrot.gguf"][..],
        &["tokenize", "parrot.gguf", "hi"],
        &["logits", "parrot.gguf", "--ids", "1", "-o", "out.safetensors"],
        &["quantize", "parrot.gguf", "out.gguf", "f16"],
        &["perplexity", "parrot.gguf", "--text", "page.txt", "-c", "32"],
        &[
            "perplexity",
            "out.gguf",
            "--text",
            "page.txt",
            "-c",
            "32",
            "--kl-divergence",
            "parrot.gguf",
        ],
    ] {
        let told = place.run(args);
        assert!(!told.contains("cannot be kept") && !told.contains("denied"), "{args:?}: {told}");
    }
    for out in ["out.safetensors", "out.gguf"] {
        assert!(place.path().join(out).exists(), "{out}");
    }
    // What is written lies where it was said, and nowhere else.
    place.file("far/file", "far");
    place.file("near/file", "near");
    std::os::unix::fs::symlink("../far/linked", place.path().join("near/link")).unwrap();
    let told = place.run(&["logits", "parrot.gguf", "--ids", "1", "-o", "near/link"]);
    assert!(told.contains("cannot write `near/link`"), "{told}");
}

#[test]
fn levels_that_are_none_are_refused() {
    let place = crate::place();
    let told = place.run(&["run", "parrot.gguf", "--sandbox", "some", "hi"]);
    assert!(told.contains("expected `off`, `best` or `required`, found `some`"), "{told}");
    place.file("ingle-home/settings.toml", "sandbox = \"off\"\n");
    let told = place.run(&["run", "parrot.gguf", "--no-save", "--verbose", "hi"]);
    assert!(told.contains("sandbox: files, sockets and programs open (`--sandbox off`)"), "{told}");
}

/// What `tests/airgap.sh` says where there is nothing but these programs and what is asked for.
fn script(programs: &[(&str, &str)], required: &str) -> String {
    let place = Place::new();
    std::fs::create_dir(place.path().join("bin")).expect("a folder");
    let usual = env::var_os("PATH").expect("it is set");
    for name in ["bash", "mktemp", "realpath", "rm"] {
        let found = env::split_paths(&usual).map(|it| it.join(name)).find(|it| it.is_file());
        symlink(found.expect(name), place.path().join("bin").join(name)).expect("a link");
    }
    for (name, text) in programs {
        let program = place.file(&format!("bin/{name}"), text);
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).expect("it is ours");
    }
    let bin = place.path().join("bin");
    let mut script = Command::new(bin.join("bash"));
    script.arg(root().join("tests/airgap.sh")).arg(ingle_tests::binary::ingle());
    let told = script.env("PATH", &bin).env("INGLE_REQUIRE", required).output().expect("it runs");
    let text = [told.stdout, told.stderr].map(|it| String::from_utf8(it).expect("UTF-8")).concat();
    format!("{}: {text}", told.status.code().expect("nobody kills it"))
}

#[test]
fn the_script_fails_where_what_is_required_is_missing() {
    let namespaces = "this system allows no network namespaces\n";
    assert_eq!(script(&[], "avx2"), format!("0: skipped: {namespaces}"));
    assert_eq!(script(&[], "avx2,sandbox"), format!("1: airgap: {namespaces}"));
    let allowed = [("unshare", "#!/bin/sh\n")];
    assert_eq!(script(&allowed, "sandbox"), "1: airgap: no strace\n");
}
