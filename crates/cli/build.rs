//! Tells the program which commit it is built from, as `INGLE_COMMIT`; nothing where there is no git.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=INGLE_COMMIT");
    // Whoever builds a package knows better.
    if env::var_os("INGLE_COMMIT").is_some() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // A repository further up is not ours.
    if !root.join(".git").exists() {
        return;
    }
    let branch = git(&root, &["rev-parse", "--symbolic-full-name", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(&root, &["rev-parse", "--git-path", name]).map(|it| root.join(it));
        // Cargo would run this each time for a file that is not there.
        if let Some(path) = path.filter(|it: &PathBuf| it.exists()) {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    let changes = git(&root, &["status", "--porcelain", "--untracked-files=no"]);
    if let Some(commit) = git(&root, &["rev-parse", "--short", "HEAD"]) {
        let dirty = if changes.is_some_and(|it| !it.is_empty()) { "-dirty" } else { "" };
        println!("cargo:rustc-env=INGLE_COMMIT={commit}{dirty}");
    }
}

/// What git says of the repository; nothing if it fails.
fn git(root: &Path, args: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    let output = git.arg("--no-optional-locks").arg("-C").arg(root).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.trim().to_owned())
}
