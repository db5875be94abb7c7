//! Models that are carried from one machine to another: `export`, `import` and `sign` as they are
//! typed, with two libraries that stand for two machines.
//!
//! `UPDATE_EXPECT=1 cargo test -p ingle-cli --test program bundle::` writes the snapshots anew; read
//! the difference.

mod carried;
#[cfg(unix)]
mod killed;
mod refused;
mod signed;

use std::{fs, path::Path};

use expect_test::Expect;
use ingle_tests::{binary::Place, parrot};

use crate::place;

/// The key of the other machine: a library of its own.
fn there(place: &Place) -> String {
    place.path().join("other-home").display().to_string()
}

/// Runs `ingle` on the other machine.
fn run_there(place: &Place, args: &[&str]) -> String {
    place.run_with(args, b"", &[("INGLE_HOME", &there(place))])
}

#[track_caller]
fn check(told: &str, expected: Expect) {
    expected.assert_eq(told);
}

/// Whether the model's file is in this library, with the right bytes.
fn holds(home: &Path, name: &str) -> bool {
    let file = home.join("models/local").join(name).join("default/parrot.gguf");
    fs::read(file).is_ok_and(|it| it == parrot::file())
}
