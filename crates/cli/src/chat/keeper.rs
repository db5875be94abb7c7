//! Saves the conversation by itself, after each answer.

use std::path::PathBuf;

use chrono::{SecondsFormat, Utc};
use store::{Chat, ChatName, Chats};

use super::session::Session;

/// Where the conversation goes.
pub(crate) struct Keeper {
    chats: Chats,
    /// The name it is saved under by itself.
    name: ChatName,
    is_on: bool,
    was_told: bool,
}

impl Keeper {
    /// A keeper that goes on with the chat `name`, or begins one; it does nothing by itself
    /// unless it `keeps`.
    ///
    /// # Errors
    ///
    /// If the folder is there and cannot be read.
    pub(crate) fn new(
        chats: Chats,
        name: Option<ChatName>,
        keeps: Keeps,
    ) -> Result<Self, store::Error> {
        let was_told = name.is_some();
        let name = match name {
            Some(name) => name,
            None => fresh(&chats)?,
        };
        Ok(Self { chats, name, is_on: keeps == Keeps::Everything, was_told })
    }

    /// The folder of saved chats.
    pub(super) fn chats(&self) -> &Chats {
        &self.chats
    }

    /// What it is saved under by itself.
    pub(super) fn name(&self) -> &ChatName {
        &self.name
    }

    /// Saves the conversation as it is now; the path, the first time.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn keep(&mut self, session: &Session) -> Result<Option<PathBuf>, store::Error> {
        if !self.is_on || session.messages.is_empty() {
            return Ok(None);
        }
        let path = self.chats.save(&self.name, &session.chat())?;
        let first = !std::mem::replace(&mut self.was_told, true);
        Ok(first.then_some(path))
    }

    /// The next save makes a new chat.
    ///
    /// # Errors
    ///
    /// If the folder is there and cannot be read.
    pub(super) fn begin_anew(&mut self) -> Result<(), store::Error> {
        self.name = fresh(&self.chats)?;
        Ok(())
    }

    /// Goes on saving under `name`.
    pub(super) fn go_on_as(&mut self, name: ChatName) {
        (self.name, self.was_told) = (name, true);
    }
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

/// A name from the time, with a number where two begin in the same second.
fn fresh(chats: &Chats) -> Result<ChatName, store::Error> {
    let taken = chats.names()?;
    let time = Utc::now().format("%Y-%m-%d-%H%M%S").to_string();
    let names = (1..).map(|n| if n == 1 { time.clone() } else { format!("{time}-{n}") });
    let mut names = names.filter_map(|it| it.parse().ok());
    Ok(names.find(|it| !taken.contains(it)).expect("there are more numbers than files"))
}
