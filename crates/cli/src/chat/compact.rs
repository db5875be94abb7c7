//! `/compact`: a summary in the place of the conversation.

use engine::Finish;
use store::{Message, Role};

use super::session::Session;
use crate::{failure::Failure, terminal::Screen};

/// What the model is asked.
const ASK: &str = "Summarise our conversation so far, so that it can be continued from the summary \
                   alone: facts, decisions, open questions, names and numbers. Write the summary only.";

impl Session {
    /// Replaces the conversation by the model's summary of it; how many messages that were.
    ///
    /// # Errors
    ///
    /// If there is nothing to summarise, the summary is not whole, or the engine fails; the
    /// conversation is then as it was.
    pub(super) fn compact(&mut self) -> anyhow::Result<usize> {
        if self.messages.is_empty() {
            return Err(Failure::new("there is nothing to summarise yet").into());
        }
        if self.is_completion() {
            let message = "a model without a chat template cannot summarise";
            return Err(Failure::new(message).hint("`/clear` begins a new text").into());
        }
        let (before, dropped) = (self.messages.clone(), self.dropped);
        let answer = self.say(ASK.to_owned(), &mut Screen::nowhere());
        self.messages = before;
        self.dropped = dropped;
        let answer = answer?;
        if let Some(failure) = cut(&answer.finish) {
            return Err(failure.into());
        }
        if answer.text.is_empty() || answer.finish == Finish::Cancelled {
            return Err(Failure::new("no summary was made; the conversation is as it was").into());
        }
        let message = |role, content: String| Message { role, content, reasoning: None };
        let n = self.messages.len();
        self.clear();
        self.messages = vec![
            message(Role::User, "What have we talked about so far?".to_owned()),
            message(Role::Assistant, answer.text),
        ];
        Ok(n)
    }
}

/// Why a summary lacks its end, if it does: what it leaves out would be lost.
fn cut(finish: &Finish) -> Option<Failure> {
    let (by, hint) = match finish {
        Finish::Length => ("`--predict` cut the summary", "`/set predict -` lets it end"),
        Finish::ContextFull => (
            "the context was full before the summary ended",
            "`/undo` makes room for it, and so does a larger `--ctx-size`",
        ),
        Finish::StopToken(_) | Finish::StopString(_) | Finish::Cancelled => return None,
    };
    Some(Failure::new(format!("{by}; the conversation is as it was")).hint(hint))
}
