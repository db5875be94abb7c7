//! One file a command. Each takes its arguments and the flags of every command.

pub(crate) mod adopt;
pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod fit;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod logits;
pub(crate) mod perplexity;
pub(crate) mod policy;
pub(crate) mod pull;
pub(crate) mod quantize;
pub(crate) mod remove;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod tokenize;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod welcome;

use std::io::{self, IsTerminal};

use crate::terminal::{harmless, put};

/// Writes `text` to standard output; to a terminal, without what commands it.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let harmless = io::stdout().is_terminal().then(|| harmless(text));
    Ok(put(harmless.as_deref().unwrap_or(text))?)
}

/// Writes `value` as JSON with a line end.
pub(crate) fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{value:#}\n"))
}
