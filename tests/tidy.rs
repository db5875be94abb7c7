//! Rules about the source itself that `rustfmt` and `clippy` do not know.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use ingle_tests::{files, root};

/// Who may depend on whom. A crate that is not listed may depend on no other.
const MAY_USE: &[(&str, &[&str])] = &[
    ("kernels", &["loader"]),
    ("engine", &["kernels", "loader"]),
    ("check", &["engine", "kernels", "loader"]),
    ("store", &["engine", "kernels", "loader"]),
    ("hub", &["store", "engine", "kernels", "loader"]),
    ("server", &["engine", "kernels", "loader"]),
    ("cli", &["server", "hub", "store", "check", "engine", "kernels", "loader"]),
];

const CRATES: &[&str] = &["loader", "kernels", "engine", "check", "store", "hub", "server", "cli"];

/// Packages, and what begins like them, that open connections or wait for several.
const NETWORK: &[&str] = &[
    "ring",
    "webpki",
    "tokio",
    "async",
    "smol",
    "mio",
    "hyper",
    "h2",
    "reqwest",
    "ureq",
    "curl",
    "isahc",
    "attohttpc",
    "rustls",
    "native-tls",
    "openssl",
    "socket2",
    "axum",
    "tonic",
    "tungstenite",
];

/// Crates that link none of them.
const WITHOUT_NETWORK: &[&str] = &["loader", "kernels", "engine", "check", "store"];

/// Files that may hold `unsafe`. Everything else forbids it.
const UNSAFE: &[&str] = &[
    "loader/src/mmap.rs",
    "loader/src/mmap/",
    "kernels/src/cpu/",
    // Counting allocators.
    "loader/tests/memory.rs",
    "engine/tests/allocations.rs",
    "engine/tests/template_attacks.rs",
];

const MAX_LINES: usize = 500;

/// What half of the architectures may have.
const MAX_MEDIAN: usize = 150;

/// Files of `arch/` that are of no architecture by itself.
const SHARED: &[&str] =
    &["config.rs", "keys.rs", "mod.rs", "numbers.rs", "recurrent.rs", "rope_sets.rs"];

/// What a package may be licensed under, besides any choice that offers one of these.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "0BSD",
    "BSL-1.0",
    "CC0-1.0",
    "Apache-2.0 WITH LLVM-exception",
];

/// Packages under another licence, by name, and why that will do.
const EXCEPTIONS: &[(&str, &str)] = &[
    // Of `hf-hub`, by way of `dirs`. The MPL asks for the source of its own files alone, if somebody
    // changes them, and leaves what they are linked with to its owners.
    ("option-ext", "MPL-2.0"),
];

fn sources(extension: &str) -> impl Iterator<Item = (String, String)> {
    let folders =
        ["crates", "models", "tests", "benches"].map(|it| files(&root().join(it), extension));
    folders.into_iter().flatten().map(|path| {
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        (name, text)
    })
}

#[test]
fn files_are_short_and_start_with_a_header() {
    for (name, text) in sources("rs") {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{name}: {lines} lines; split it");
        let header = text.lines().find(|line| !line.starts_with("#!"));
        assert!(header.is_some_and(|it| it.starts_with("//!")), "{name}: no `//!` header");
    }
}

/// One that takes several files counts as one.
#[test]
#[expect(clippy::print_stdout, reason = "figures for the README of the tests")]
fn architectures_are_short() {
    let mut lines = BTreeMap::<String, usize>::new();
    for (name, text) in sources("rs") {
        let own = name.strip_prefix("crates/engine/src/arch/").filter(|it| !SHARED.contains(it));
        let Some(architecture) = own.and_then(|it| it.split(['/', '.']).next()) else { continue };
        *lines.entry(architecture.to_owned()).or_default() += text.lines().count();
    }
    let mut sorted: Vec<_> = lines.values().copied().collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied();
    println!("lines of {} architectures: {lines:?}; median: {median:?}", lines.len());
    assert!(median.is_some_and(|it| it <= MAX_MEDIAN), "{median:?} > {MAX_MEDIAN}: {lines:?}");
}

#[test]
fn unsafe_stays_in_its_modules() {
    for (name, text) in sources("rs") {
        let allowed = UNSAFE.iter().any(|it| name.contains(it));
        let uses = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
                .iter()
                .any(|it| code.contains(it))
        });
        assert!(allowed || !uses || name == "tests/tidy.rs", "{name}: `unsafe` outside {UNSAFE:?}");
    }
    for name in ["engine", "check", "store", "hub", "cli/src/main.rs"] {
        let lib = root().join("crates").join(name);
        let lib = if lib.is_dir() { lib.join("src/lib.rs") } else { lib };
        let text = fs::read_to_string(lib).expect("the crate's root");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe code");
    }
}

/// One that nobody declares would not be compiled, and its tests not be missed.
#[test]
fn every_file_of_tests_is_part_of_one() {
    let all: Vec<_> = sources("rs").collect();
    let manifests: String = sources("toml").map(|it| it.1).collect();
    let is_of_tests = |name: &str| name.starts_with("tests/") || name.contains("/tests/");
    for (name, _) in all.iter().filter(|it| is_of_tests(&it.0)) {
        let (folder, file) = name.rsplit_once('/').expect("it is in a folder");
        let parts: Vec<_> = name.split('/').collect();
        let is_found_by_cargo =
            matches!(parts[..], ["crates", _, "tests", _] | ["crates", _, "tests", _, "main.rs"]);
        let paths = [format!("\"{file}\""), format!("{}\"", name.trim_start_matches("tests/"))];
        let is_named = paths.iter().any(|it| manifests.contains(it));
        // A folder is the module of its `mod.rs`.
        let module = if file == "mod.rs" { folder } else { name.trim_end_matches(".rs") };
        let (above, module) = module.rsplit_once('/').expect("no module is at the top");
        let is_above = |it: &str| {
            it.strip_suffix(".rs") == Some(above)
                || it.rsplit_once('/').is_some_and(|(folder, _)| folder == above)
        };
        let line = format!("mod {module};");
        let is_declared = all.iter().any(|(it, text)| is_above(it) && text.contains(&line));
        assert!(is_found_by_cargo || is_named || is_declared, "{name} is part of no test");
    }
}

#[test]
fn dependencies_point_down() {
    for (name, text) in sources("toml").filter(|(name, _)| name.starts_with("crates/")) {
        let user = Path::new(&name).components().nth(1).expect("crates/NAME/…");
        let user = user.as_os_str().to_string_lossy().into_owned();
        let allowed = MAY_USE.iter().find(|(it, _)| *it == user).map_or(&[][..], |it| it.1);
        for used in CRATES.iter().filter(|it| **it != user) {
            let uses = text.lines().any(|line| {
                let named = |prefix: &str| {
                    line.strip_prefix(&format!("{prefix}{used}"))
                        .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
                };
                named("") || named("ingle-")
            });
            assert!(!uses || allowed.contains(used), "`{user}` must not depend on `{used}`");
        }
    }
}

/// Nor does the whole program when it is built for machines without a network.
#[test]
fn no_network_code_is_linked_where_none_may_be() {
    let Some(usual) = linked(&["-p", "ingle-cli"]) else { return };
    assert!(usual.iter().any(|it| it == "ureq"), "a client is seen where there is one: {usual:?}");
    let airgap = ["-p", "ingle-cli", "--no-default-features", "--features", "airgap"];
    let packages = WITHOUT_NETWORK.iter().map(|it| format!("ingle-{it}"));
    let builds = packages.map(|it| vec!["-p".to_owned(), it]);
    for build in builds.chain([airgap.map(str::to_owned).to_vec()]) {
        let args: Vec<_> = build.iter().map(String::as_str).collect();
        let Some(mut found) = linked(&args) else { return };
        found.retain(|it| {
            let begins = |name: &&str| {
                it.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            it == "ingle-hub" || NETWORK.iter().any(begins)
        });
        assert!(found.is_empty(), "{args:?} links {found:?}");
    }
}

/// The packages that a build of these arguments links; nothing, and that is printed, where cargo does
/// not know all of them without a network.
fn linked(args: &[&str]) -> Option<Vec<String>> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-e", "normal", "--prefix", "none", "--locked", "--offline"])
        .args(args)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    if !tree.status.success() {
        let why = String::from_utf8_lossy(&tree.stderr).into_owned();
        assert!(std::env::var("CI").is_err(), "{why}");
        #[expect(clippy::print_stdout, reason = "this is how a test says that it was skipped")]
        {
            println!("skipped: cargo does not know what is linked: {why}");
        }
        return None;
    }
    let text = String::from_utf8(tree.stdout).expect("cargo writes UTF-8");
    let first = |line: &str| line.split(' ').next().map(str::to_owned);
    Some(text.lines().filter_map(first).collect())
}

/// Model code names no device; device code names no model.
#[test]
fn models_and_devices_do_not_know_each_other() {
    let check = |folder: &str, banned: &[&str]| {
        for (name, text) in sources("rs").filter(|(name, _)| name.starts_with(folder)) {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let found = banned.iter().find(|it| line.to_lowercase().contains(**it));
                assert!(found.is_none(), "{name} names `{}`: {line}", found.unwrap_or(&""));
            }
        }
    };
    check("crates/engine/src/arch", &["cpu", "cuda", "metal", "avx"]);
    check("crates/engine/src/layers", &["cpu", "cuda", "metal", "avx"]);
    check("crates/kernels/src", &["llama", "qwen", "mistral", "gemma", "gguf"]);
}

/// Requirements of `security.md` that are kept so far, by their numbers there.
const KEPT: &[u32] = &[1, 2, 4, 6, 7, 12, 13, 14, 15, 16, 17, 18, 20];

/// What the table of promises names is there, is run, and is of every requirement that is kept.
#[test]
fn promised_tests_exist() {
    let readme = fs::read_to_string(root().join("tests/README.md")).expect("it is there");
    let (_, table) = readme.split_once("## Which test holds what is promised").expect("a table");
    let (table, _) = table.split_once("\n## ").expect("more after it");
    let rows: Vec<_> = table.lines().filter(|it| it.starts_with("| ")).skip(1).collect();
    let tests: Vec<_> = sources("rs").map(|it| it.1).collect();
    let exists = |name: &str| match name.strip_suffix(".sh") {
        Some(_) => root().join("tests").join(name).is_file(),
        None => tests.iter().any(|it| has_test(it, name)),
    };
    let names: Vec<_> = rows.iter().flat_map(|row| named(row)).collect();
    let missing: Vec<_> = names.iter().filter(|it| !exists(it)).collect();
    assert!(names.len() > 40 && missing.is_empty(), "{missing:?}");
    for number in KEPT {
        let row = rows.iter().find(|it| it.starts_with(&format!("| {number} |")));
        assert!(row.is_some_and(|it| named(it).next().is_some()), "{number} has no test");
    }
}

/// The tests and scripts that a row names.
fn named(row: &str) -> impl Iterator<Item = &str> {
    row.split('`').skip(1).step_by(2).filter(|it| it.contains(['_', '.']))
}

/// Whether `source` has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let before = source.split_once(&format!("fn {name}(")).map_or("", |it| it.0);
    before.rsplit("\n\n").next().is_some_and(|it| it.contains("#[test]"))
}

/// Nothing of one machine: neither its folders nor kernels compiled for it alone.
#[test]
fn nothing_is_made_for_one_machine() {
    let all = ["rs", "toml", "md", "sh", "txt", "py"].into_iter().flat_map(sources);
    let top = ["Cargo.toml", "README.md", "CHANGELOG.md", ".ci/run", ".ci/arm64"];
    let top = top
        .map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).unwrap_or_default()));
    for (name, text) in all.chain(top).filter(|(name, _)| name != "tests/tidy.rs") {
        for banned in ["/root/", "/work/", "/home/", "target-cpu=native", "-march=native"] {
            assert!(!text.contains(banned), "{name} has `{banned}`");
        }
    }
}

#[test]
fn dependencies_are_licensed_for_everyone() {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &host()]) // others need not be downloaded
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).expect("JSON");
    let mut refused = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("a list") {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or("none");
        if !accepts(licence) && !EXCEPTIONS.contains(&(name, licence)) {
            refused.insert(name.to_owned(), licence.to_owned());
        }
    }
    assert!(refused.is_empty(), "licences to look at: {refused:?}");
}

/// The platform that this test runs on.
fn host() -> String {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(rustc.stdout).expect("rustc writes UTF-8");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

/// Whether an SPDX expression can be met with [`LICENCES`] alone.
fn accepts(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let all_of = |it: &str| it.split(" AND ").all(|it| LICENCES.contains(&it.trim()));
    match expression.contains(" AND ") && expression.contains('(') {
        // `(A OR B) AND C`: each factor by itself.
        true => expression.split(" AND ").all(|it| accepts(it.trim_matches(['(', ')', ' ']))),
        false => plain.split(" OR ").any(all_of),
    }
}
