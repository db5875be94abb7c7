//! Text from outside, which may be no text.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use anyhow::Context;

use crate::failure::Failure;

/// The text of a file that the user names.
///
/// # Errors
///
/// If it cannot be read, or is not text.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text(bytes, &format!("`{}`", path.display()))
}

/// The text of standard input.
///
/// # Errors
///
/// If it cannot be read, or is not text.
pub(crate) fn read_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    text(bytes, "standard input")
}

fn text(bytes: Vec<u8>, source: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let failure = Failure::new(format!("{source} is not UTF-8 text, from byte {at} on"));
        failure.hint("save it as UTF-8 text; documents of other kinds cannot be read").into()
    })
}
