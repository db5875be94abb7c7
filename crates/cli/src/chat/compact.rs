//! `/compact`: a summary in the place of the conversation.

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
    /// If there is nothing to summarise, or the engine fails; the conversation is then as it was.
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
        if answer.text.is_empty() || answer.finish == engine::Finish::Cancelled {
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
