//! Whether the ids of one tokenizer mean what those of another mean: how texts become ids may differ,
//! and which ids begin a text or end an answer.

use super::{
    Tokenizer,
    vocab::{Kind, Vocab},
};
use crate::DraftError;

/// Tokens that one may have beyond the other's last: marks of pictures, of reasoning. llama.cpp
/// allows as many.
pub(crate) const MORE: usize = 128;

impl Tokenizer {
    /// Compares this, a draft's, with that of the model that it guesses for; how many ids, from the
    /// first on, mean the same to both.
    ///
    /// # Errors
    ///
    /// If an id that both have stands for something else, or one has many more. Holes, and padding at
    /// the end, may be others.
    pub(crate) fn n_alike(&self, model: &Self) -> Result<usize, DraftError> {
        let [ours, theirs] = [self, model].map(|it| it.model.vocab());
        let n = n_common(n_used(ours), n_used(theirs))?;
        (0..n as u32).try_for_each(|id| check_token(id, ours, theirs))?;
        Ok(n)
    }
}

/// How many tokens a draft with `found` of them and a model with `expected` have in common, if one
/// has not many more.
pub(crate) fn n_common(found: usize, expected: usize) -> Result<usize, DraftError> {
    match found.abs_diff(expected) {
        ..=MORE => Ok(found.min(expected)),
        _ => Err(DraftError::Count { found, expected }),
    }
}

fn check_token(id: u32, ours: &Vocab, theirs: &Vocab) -> Result<(), DraftError> {
    let [found, expected] = [ours, theirs].map(|it| it.texts.get(id));
    let are_holes = [ours, theirs].iter().all(|it| it.kinds[id as usize] == Kind::Unused);
    if are_holes || found == expected {
        return Ok(());
    }
    let [found, expected] = [found, expected].map(|it| String::from_utf8_lossy(it).into_owned());
    Err(DraftError::Text { id, found, expected })
}

/// One more than the last id that stands for something.
fn n_used(vocab: &Vocab) -> usize {
    vocab.kinds.iter().rposition(|it| *it != Kind::Unused).map_or(0, |last| last + 1)
}
