//! Rules about the source itself that `rustfmt` and `clippy` do not know.

use std::fs;

use ingle_tests::{files, root};

/// Who may depend on whom. A crate that is not listed may depend on no other.
const MAY_USE: &[(&str, &[&str])] = &[
    ("kernels", &["loader"]),
    ("engine", &["kernels", "loader"]),
    ("server", &["engine"]),
    ("cli", &["engine", "server", "loader"]),
];

/// Files that may hold `unsafe`. Everything else forbids it.
const UNSAFE: &[&str] = &[
    "kernels/src/cpu/",
    "kernels/src/cuda/",
    "kernels/src/metal/",
    "loader/src/mmap.rs",
    "engine/tests/allocations.rs",
];

const MAX_LINES: usize = 250;

#[test]
fn files_are_short_and_start_with_a_header() {
    for path in files(&root().join("crates"), "rs") {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{}: {lines} lines; split it", path.display());
        assert!(text.starts_with("//!"), "{}: no `//!` header", path.display());
    }
}

#[test]
fn unsafe_stays_in_its_modules() {
    for path in files(&root().join("crates"), "rs") {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let name = path.display().to_string();
        let allowed = UNSAFE.iter().any(|it| name.contains(it));
        let uses = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        });
        assert!(allowed || !uses, "{name}: `unsafe` outside {UNSAFE:?}");
    }
}

#[test]
fn dependencies_point_down() {
    for path in files(&root().join("crates"), "toml") {
        let text = fs::read_to_string(&path).expect("manifest is UTF-8");
        let dir = path.parent().and_then(|it| it.file_name()).unwrap_or_default();
        let user = dir.to_string_lossy();
        let allowed = MAY_USE.iter().find(|(name, _)| *name == user).map_or(&[][..], |it| it.1);
        for used in ["loader", "kernels", "engine", "server", "cli"] {
            let uses = text.lines().any(|line| {
                line.strip_prefix(used).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            });
            assert!(!uses || allowed.contains(&used), "`{user}` must not depend on `{used}`");
        }
    }
}
