//! One answer to one prompt, for scripts and pipes.

use engine::Finish;
use serde_json::json;

use super::{keeper::Keeper, report::Report, session::Session, turn::Answer};
use crate::{
    failure::Failure,
    terminal::{Screen, tell},
};

/// How the answer is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// As one JSON object.
    pub(crate) json: bool,
    /// With what is loaded and what it took.
    pub(crate) verbose: bool,
}

/// Answers `prompt`, keeps the conversation, tells what it took.
///
/// # Errors
///
/// If there is no whole answer.
pub(crate) fn once(
    mut session: Session,
    mut keeper: Keeper,
    prompt: String,
    form: Form,
) -> anyhow::Result<()> {
    let mut screen = if form.json { Screen::nowhere() } else { Screen::new() };
    if form.verbose {
        tell(session.summary());
        tell(format_args!("loaded in {:.2} s", session.loaded_in.as_secs_f64()));
        tell(session.level);
    }
    session.warn_of_settings();
    let answer = session.say(prompt, &mut screen)?;
    keeper.keep_answer(&mut session);
    if form.json {
        print_json(&session, &answer)?;
    }
    if form.verbose {
        tell(answer.report.line());
    }
    match answer.finish {
        Finish::ContextFull => Err(session.context_full().into()),
        Finish::Cancelled => Err(Failure::new("the answer was stopped").into()),
        Finish::Length if !form.json => {
            tell(cut(&answer.report));
            Ok(())
        }
        _ if answer.is_thought_alone() => {
            tell(THOUGHT_ALONE);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Said where there is nothing else to show.
pub(super) const THOUGHT_ALONE: &str =
    "(no answer: the model ended in the middle of its reasoning)";

/// The answer reached `--predict`.
pub(super) fn cut(report: &Report) -> String {
    match report.generated_tokens {
        1 => "(cut after 1 token, as `--predict` says)".to_owned(),
        n => format!("(cut after {n} tokens, as `--predict` says)"),
    }
}

fn print_json(session: &Session, answer: &Answer) -> anyhow::Result<()> {
    let finish = match &answer.finish {
        Finish::StopToken(_) => "stop_token",
        Finish::StopString(_) => "stop_string",
        Finish::Length => "length",
        Finish::ContextFull => "context_full",
        Finish::Cancelled => "cancelled",
    };
    let hidden = session.settings.chat.hide_thinking == Some(true);
    crate::commands::print_json(&json!({
        "model": session.name,
        "text": answer.text,
        "reasoning": answer.reasoning.as_ref().filter(|_| !hidden),
        "finish": finish,
        "usage": answer.report,
        "warnings": session.warnings,
    }))
}
