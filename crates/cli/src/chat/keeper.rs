//! Saves the conversation by itself, after each answer.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use chrono::{SecondsFormat, Utc};
use store::{Chat, ChatName, Chats};

use super::session::Session;
use crate::terminal::tell;

/// Where the conversation goes.
pub(crate) struct Keeper {
    chats: Chats,
    /// The name it is saved under by itself; a new one is made for the first save.
    name: Option<ChatName>,
    /// What was read or written there last.
    seen: Option<Chat>,
    is_on: bool,
    was_told: bool,
    /// Whether it was said that nothing can be saved.
    has_warned: bool,
}

impl Keeper {
    /// A keeper that goes on with the chat that was `resumed`, or begins one; it does nothing by
    /// itself unless it `keeps`.
    pub(crate) fn new(chats: Chats, resumed: Option<(ChatName, Chat)>, keeps: Keeps) -> Self {
        let was_told = resumed.is_some();
        let (name, seen) = resumed.unzip();
        let is_on = keeps == Keeps::Everything;
        Self { chats, name, seen, is_on, was_told, has_warned: false }
    }

    /// The folder of saved chats.
    pub(super) fn chats(&self) -> &Chats {
        &self.chats
    }

    /// Whether the chat of this name is the one that is saved by itself, and nobody else's by now.
    pub(super) fn is_own(&self, name: &ChatName) -> bool {
        self.name.as_ref() == Some(name) && self.is_as_seen(name)
    }

    /// Whether nobody else went on with the chat of this name, as a process that resumed it does.
    fn is_as_seen(&self, name: &ChatName) -> bool {
        match self.chats.load(name) {
            Ok(found) => self.seen.as_ref() == Some(&found),
            // What is not there, or no chat any more, is written anew.
            Err(error) => !matches!(error, store::Error::NewerChat { .. }),
        }
    }

    /// Saves the conversation with its new answer, if that is wanted. Says the first time where,
    /// or that it cannot be done: the answer is worth having all the same.
    pub(super) fn keep_answer(&mut self, session: &mut Session) {
        match self.keep(session) {
            Ok(Some(path)) => tell(saved(&path)),
            Err(error) if !std::mem::replace(&mut self.has_warned, true) => {
                let cause = error.source().map(|it| format!(": {it}")).unwrap_or_default();
                let warning = format!("the chat is not saved: {error}{cause}");
                tell(format_args!("warning: {warning}\n\n{NOT_SAVED}"));
                session.warnings.push(warning);
            }
            Ok(None) | Err(_) => {}
        }
    }

    /// Saves the conversation as it is now, if that is wanted; the path, the first time.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn keep(&mut self, session: &Session) -> Result<Option<PathBuf>, store::Error> {
        // What was taken back does not stay on disk, either.
        if !self.is_on || session.messages.is_empty() && self.name.is_none() {
            return Ok(None);
        }
        let path = self.save(session)?;
        let first = !std::mem::replace(&mut self.was_told, true);
        Ok(first.then_some(path))
    }

    /// Saves the conversation as it is now; the path. What somebody else saved there meanwhile stays.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn save(&mut self, session: &Session) -> Result<PathBuf, store::Error> {
        if let Some(name) = self.name.as_ref().filter(|it| !self.is_as_seen(it)) {
            tell(format_args!(
                "warning: the chat `{name}` was saved by another process meanwhile, and stays as it \
                 is there; this one goes on under another name"
            ));
            (self.name, self.was_told) = (None, false);
        }
        let chat = session.chat();
        let path = match &self.name {
            Some(name) => self.chats.save(name, &chat)?,
            None => {
                let name = self.chats.create(names(), &chat)?;
                let path = self.chats.path(&name);
                self.name = Some(name);
                path
            }
        };
        self.seen = Some(chat);
        Ok(path)
    }

    /// The next save makes a new chat.
    pub(super) fn begin_anew(&mut self) {
        (self.name, self.seen) = (None, None);
    }

    /// Goes on saving under `name`, where `chat` is now.
    pub(super) fn go_on_as(&mut self, name: ChatName, chat: Chat) {
        (self.name, self.seen, self.was_told) = (Some(name), Some(chat), true);
    }
}

const NOT_SAVED: &str = "hint: `--no-save` does without; INGLE_HOME names another folder";

/// Where the conversation went, and how that is stopped.
fn saved(path: &Path) -> String {
    format!("(saved as `{}`; `--no-save` or INGLE_SAVE=0 keeps nothing)", path.display())
}

/// Whether anything is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    Everything,
    /// Only what `/save` is asked for.
    Nothing,
}

impl Session {
    /// The conversation in the form that is saved.
    pub(super) fn chat(&self) -> Chat {
        let mut chat = Chat::new(&self.name, Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true));
        chat.system = self.settings.chat.system.clone();
        chat.messages = self.messages.clone();
        chat
    }
}

/// Names from the time, with numbers where several begin in the same second.
fn names() -> impl Iterator<Item = ChatName> {
    let time = Utc::now().format("%Y-%m-%d-%H%M%S").to_string();
    let names = (1..).map(move |n| if n == 1 { time.clone() } else { format!("{time}-{n}") });
    names.filter_map(|it| it.parse().ok())
}
