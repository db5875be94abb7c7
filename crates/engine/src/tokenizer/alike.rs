//! Whether the ids of one tokenizer mean what those of another mean: how texts become ids may differ.

use super::{
    Tokenizer,
    vocab::{Kind, Vocab},
};
use crate::DraftError;

impl Tokenizer {
    /// Compares this, a draft's, with that of the model that it guesses for.
    ///
    /// # Errors
    ///
    /// If an id stands for something else, or ends an answer or begins a text in one of them alone.
    /// Holes, and padding at the end, may be others.
    pub(crate) fn check_alike(&self, model: &Self) -> Result<(), DraftError> {
        let (ours, theirs) = (self.model.vocab(), model.model.vocab());
        let (found, expected) = (n_used(ours), n_used(theirs));
        if found != expected {
            return Err(DraftError::Count { found, expected });
        }
        for id in 0..found as u32 {
            self.check_token(id, model)?;
        }
        check_role("tokens that end an answer", &self.stop_ids, &model.stop_ids)?;
        check_role("the token that begins a text", self.bos.as_slice(), model.bos.as_slice())
    }

    fn check_token(&self, id: u32, model: &Self) -> Result<(), DraftError> {
        let [ours, theirs] = [self, model].map(|it| it.model.vocab());
        if [ours, theirs].iter().all(|it| it.kinds[id as usize] == Kind::Unused) {
            return Ok(());
        }
        let [found, expected] = [ours, theirs].map(|it| it.texts.get(id));
        if found != expected {
            let [found, expected] =
                [found, expected].map(|it| String::from_utf8_lossy(it).into_owned());
            return Err(DraftError::Text { id, found, expected });
        }
        let [found, expected] = [self, model].map(|it| kind(it.is_special(id)));
        if found != expected {
            let text = String::from_utf8_lossy(ours.texts.get(id)).into_owned();
            return Err(DraftError::Kind { id, text, found, expected });
        }
        Ok(())
    }
}

/// One more than the last id that stands for something.
fn n_used(vocab: &Vocab) -> usize {
    vocab.kinds.iter().rposition(|it| *it != Kind::Unused).map_or(0, |last| last + 1)
}

fn kind(is_special: bool) -> &'static str {
    if is_special { "structural" } else { "text" }
}

fn check_role(role: &'static str, found: &[u32], expected: &[u32]) -> Result<(), DraftError> {
    if found == expected {
        return Ok(());
    }
    let [found, expected] = [found, expected].map(listed);
    Err(DraftError::Role { role, found, expected })
}

fn listed(ids: &[u32]) -> String {
    match ids {
        [] => "none".to_owned(),
        ids => ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
    }
}
