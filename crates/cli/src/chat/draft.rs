//! When a smaller model guesses ahead for the one that answers, and what is said where it does not.
//!
//! What a flag names is there, or nothing is answered. What the settings file names is for whatever
//! model it can guess for; the others answer alone, and that is said.

use super::session::Session;
use crate::{
    args::{Chat, Lookup, Settings},
    draft::{self, Draft},
    terminal::tell,
};

/// How a warning begins that says why a draft is not there.
const ALONE: &str = "the draft guesses nothing: ";

/// Opens the draft that is to guess for the model of this name, if there is one.
///
/// # Errors
///
/// If it cannot be opened, or this site's policy denies it.
pub(super) fn open(name: &str, settings: &Settings) -> anyhow::Result<Option<Draft>> {
    wanted(name, &settings.chat).map(|draft| Draft::open(draft, &settings.load)).transpose()
}

/// What came of a draft. Where that is the settings file's and cannot guess, the model answers alone,
/// which is told and put to the warnings.
///
/// # Errors
///
/// If a draft that a flag names cannot guess.
pub(super) fn or_alone<T>(
    done: anyhow::Result<T>,
    chat: &Chat,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Option<T>> {
    match done {
        Err(error) if chat.usual_draft => {
            let warning = format!("{ALONE}{error:#}");
            tell(format_args!("warning: {warning}"));
            warnings.push(warning);
            Ok(None)
        }
        done => done.map(Some),
    }
}

/// The draft that is to guess for the model of this name. The settings file's does not guess for
/// itself, and none is loaded that may guess nothing.
fn wanted<'a>(name: &str, chat: &'a Chat) -> Option<&'a str> {
    let draft = chat.draft.as_deref().filter(|_| chat.draft_max != Some(Lookup(0)))?;
    (!chat.usual_draft || draft != name).then_some(draft)
}

impl Session {
    /// What is asked of a draft and not done.
    pub(super) fn idle_draft(&self) -> Vec<String> {
        let Some(draft) = self.engine.draft() else {
            return self.absent_draft().into_iter().collect();
        };
        let mut warnings = Vec::new();
        if let Some(n) = self.counted_thoughts() {
            warnings.push(format!("the draft guesses nothing while `--think {n}` counts tokens"));
        }
        warnings.extend(draft::idle(draft, self.engine.info(), self.engine.context()));
        warnings
    }

    /// The same where none is there.
    fn absent_draft(&self) -> Option<String> {
        let chat = &self.settings.chat;
        if self.is_own_draft {
            return None;
        }
        let Some(draft) = wanted(&self.name, chat) else {
            let n = chat.draft_max.filter(|_| chat.draft.is_none())?;
            return Some(format!(
                "`--draft-max {n}` changes nothing: no `--draft MODEL` is there to guess"
            ));
        };
        // `/set draft-max` wants one that was not loaded, or it cannot guess, which was said.
        let is_said = self.warnings.iter().any(|it| it.starts_with(ALONE));
        (!is_said).then(|| format!("`{draft}` is not loaded: `/model {}` loads it, too", self.name))
    }
}
