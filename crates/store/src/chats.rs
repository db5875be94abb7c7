//! Saved conversations: one JSON file each, in one folder.

use std::{
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    str::FromStr,
    time::SystemTime,
};

use loader::SafeRelPath;
use serde::{Deserialize, Serialize};

use crate::{Error, private};

/// The version that this program writes.
const VERSION: u32 = 1;

/// One conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// Of the file's form; see [`Chat::new`].
    pub version: u32,
    /// The model it was held with, as it was named.
    pub model: String,
    /// When it was last saved, as RFC 3339.
    pub saved: String,
    /// The system prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Turns, oldest first.
    pub messages: Vec<Message>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who wrote it.
    pub role: Role,
    /// What.
    pub content: String,
    /// What the model thought before it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// The name of a saved chat: safe as a file name on every platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChatName(String);

/// A folder of chats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chats {
    folder: PathBuf,
}

impl Chat {
    /// A conversation of the version that this program writes.
    pub fn new(model: impl Into<String>, saved: impl Into<String>) -> Self {
        let (model, saved) = (model.into(), saved.into());
        Self { version: VERSION, model, saved, system: None, messages: Vec::new() }
    }
}

impl ChatName {
    /// Characters in the longest name.
    pub const MAX: usize = 80;
}

impl FromStr for ChatName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = name.len() <= Self::MAX
            && name.chars().all(plain)
            && !name.starts_with(['.', '-'])
            && SafeRelPath::from_str(name).is_ok();
        match fits {
            true => Ok(Self(name.to_owned())),
            false => Err(Error::ChatName { found: name.to_owned() }),
        }
    }
}

impl fmt::Display for ChatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Chats {
    /// The folder's chats; it need not exist yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the chat of this name is or would be.
    pub fn path(&self, name: &ChatName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// Names, the last saved first.
    ///
    /// # Errors
    ///
    /// If the folder is there and cannot be read.
    pub fn names(&self) -> Result<Vec<ChatName>, Error> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("read the folder", &self.folder))?,
        };
        let mut found: Vec<(SystemTime, ChatName)> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io("read the folder", &self.folder))?;
            let name = entry.file_name();
            let name = name.to_str().and_then(|it| it.strip_suffix(".json")?.parse().ok());
            let saved = entry.metadata().and_then(|it| it.modified());
            if let (Some(name), Ok(saved)) = (name, saved) {
                found.push((saved, name));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// The name of the chat that was saved last.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn latest(&self) -> Result<ChatName, Error> {
        let first = self.names()?.into_iter().next();
        first.ok_or_else(|| Error::NoChats { folder: self.folder.clone() })
    }

    /// Reads a chat.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or it cannot be understood.
    pub fn load(&self, name: &ChatName) -> Result<Chat, Error> {
        let path = self.path(name);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut latest = self.names()?;
                latest.truncate(5);
                let (name, folder) = (name.clone(), self.folder.clone());
                return Err(Error::NoChat { name, folder, latest });
            }
            text => text.map_err(Error::io("read", &path))?,
        };
        let bad = |source| Error::BadChat { path: path.clone(), source };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(bad)?;
        let version = value.get("version").and_then(|it| it.as_u64()).unwrap_or(0);
        if version > VERSION.into() {
            let found = u32::try_from(version).unwrap_or(u32::MAX);
            return Err(Error::NewerChat { path, found, known: VERSION });
        }
        serde_json::from_value(value).map_err(bad)
    }

    /// Writes a new chat under the first of `names` that no other has; that name.
    ///
    /// # Errors
    ///
    /// If the system refuses, or all are taken.
    pub fn create(
        &self,
        names: impl IntoIterator<Item = ChatName>,
        chat: &Chat,
    ) -> Result<ChatName, Error> {
        // Before the names: a file in the place of the folder looks like a name that is taken.
        private::folder(&self.folder)?;
        let mut last = ErrorKind::NotFound.into();
        for name in names {
            let path = self.path(&name);
            match private::reserve(&path) {
                Ok(()) => {
                    return self.save(&name, chat).map(|_| name).inspect_err(|_| {
                        // The first error is the one to tell.
                        let _ = fs::remove_file(&path);
                    });
                }
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
                    last = source;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::io("make a chat in", &self.folder)(last))
    }

    /// Writes a chat, over one of the same name.
    ///
    /// # Errors
    ///
    /// If the system refuses; what was saved before is then still there.
    pub fn save(&self, name: &ChatName, chat: &Chat) -> Result<PathBuf, Error> {
        let path = self.path(name);
        let mut text = serde_json::to_vec_pretty(chat).expect("a chat is strings and lists");
        text.push(b'\n');
        private::write(&path, &text)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ChatName {
        text.parse().unwrap()
    }

    #[test]
    fn a_chat_comes_back_and_the_last_saved_is_the_latest() {
        let dir = tempfile::tempdir().unwrap();
        let chats = Chats::at(dir.path().join("chats"));
        assert!(matches!(chats.latest(), Err(Error::NoChats { .. })));
        let mut chat = Chat::new("a.gguf", "2026-01-02T03:04:05Z");
        chat.messages.push(Message { role: Role::User, content: "hi".into(), reasoning: None });
        chats.save(&name("b"), &chat).unwrap();
        chats.save(&name("a"), &chat).unwrap();
        // Both may have the same time stamp on a coarse clock.
        let older = fs::File::open(chats.path(&name("b"))).unwrap();
        older.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(chats.names().unwrap(), [name("a"), name("b")]);
        assert_eq!(chats.load(&chats.latest().unwrap()).unwrap(), chat);
    }

    #[test]
    fn a_new_chat_never_takes_the_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let chats = Chats::at(dir.path().join("chats"));
        let (one, two) = (Chat::new("one", "then"), Chat::new("two", "then"));
        let names = || [name("a"), name("a-2")];
        assert_eq!(chats.create(names(), &one).unwrap(), name("a"));
        assert_eq!(chats.create(names(), &two).unwrap(), name("a-2"));
        assert_eq!(chats.load(&name("a")).unwrap(), one);
        assert_eq!(chats.load(&name("a-2")).unwrap(), two);
        assert!(matches!(chats.create(names(), &two), Err(Error::Io { .. })));
        fs::write(dir.path().join("file"), "").unwrap();
        let endless = (1..).map(|n| name(&format!("a-{n}")));
        let nowhere = Chats::at(dir.path().join("file")).create(endless, &one);
        assert!(matches!(nowhere, Err(Error::Io { action: "make the folder", .. })));
    }

    #[test]
    fn what_is_no_chat_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let chats = Chats::at(dir.path());
        let error = |it: &str| chats.load(&name(it)).unwrap_err();
        assert!(matches!(error("none"), Error::NoChat { .. }));
        fs::write(dir.path().join("bad.json"), "{").unwrap();
        assert!(matches!(error("bad"), Error::BadChat { .. }));
        assert_eq!(error("none").hint().unwrap(), "the latest are `bad`");
        fs::write(dir.path().join("new.json"), r#"{"version": 9}"#).unwrap();
        assert!(matches!(error("new"), Error::NewerChat { found: 9, known: VERSION, .. }));
    }

    #[test]
    fn names_cannot_lead_elsewhere() {
        let long = "x".repeat(ChatName::MAX + 1);
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            ".hidden",
            "-y",
            "a.",
            "a b",
            "ü",
            &long,
            "CON",
            "nul",
            "com1.notes",
        ] {
            assert!(bad.parse::<ChatName>().is_err(), "{bad}");
        }
        for good in ["2026-11-23-120000", "notes_v1.2", "a", "console", "com10"] {
            assert_eq!(name(good).to_string(), good);
        }
    }
}
