//! A conversation: what is said, how it is answered, what is kept.
//!
//! `session` holds the model and the conversation, `turn` makes one answer. `once` and `repl` are
//! the two ways in: a single answer, and a prompt with the commands of `slash`.

mod compact;
mod draft;
mod export;
mod keeper;
mod obey;
mod once;
mod prompt;
mod repl;
mod report;
mod session;
mod set;
mod slash;
mod think;
mod turn;
mod values;

pub(crate) use keeper::{Keeper, Keeps};
pub(crate) use once::{Form, once};
pub(crate) use repl::{Manner, Places, talk};
pub(crate) use session::Session;

/// Whether a line is one of the chat's commands, or the name of one.
#[cfg(test)]
pub(crate) fn understands(line: &str) -> bool {
    let is_name = slash::HELP.iter().any(|it| it.0 == line);
    is_name || matches!(slash::parse(line), Ok(slash::Said::Command(_)))
}
