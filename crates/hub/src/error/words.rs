//! Parts of messages that depend on what was found.

use std::path::PathBuf;

use super::Visitor;

pub(super) fn place(path: Option<&PathBuf>) -> String {
    path.map_or_else(|| "the system".to_owned(), |it| format!("`{}`", it.display()))
}

pub(super) fn quoted(said: Option<&String>) -> String {
    said.map_or_else(String::new, |it| format!(": {}", it.escape_debug()))
}

pub(super) fn who(known: Visitor) -> &'static str {
    match known {
        Visitor::Known => "the owner of this token",
        Visitor::Unknown => "visitors without a token",
    }
}

pub(super) fn instead(found: &[String]) -> String {
    match found.first() {
        Some(name) => format!(", but `{name}`, which can run any code while it is loaded"),
        None => String::new(),
    }
}

pub(super) fn count(found: &[String]) -> String {
    match found.len() {
        0 => "no".to_owned(),
        n => format!("{n} models of the format"),
    }
}
