//! The attendant: a process that does outside the sandbox what the person at a chat asks for.
//!
//! It is this program again, started before the chat gives up its rights, and it does two things:
//! it runs the editor over a text, and it writes a new file with an exported chat. Requests and
//! answers are lines of JSON on pipes. It opens no socket, and neither it nor the editor can open
//! one to another machine. Whatever asks it may be hostile by then, and other programs execute, or
//! obey, files by their names: `.vscode/tasks.json`, `package.json`, `AGENTS.md`. So it writes only
//! what was not there, only what is called a chat, and only in folders that are not hidden, below
//! the one that the chat was started in.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::{
    failure::{self, Failure},
    terminal::{Interrupts, edit, put},
};

/// The verb that this program is started with; people have no use for it.
pub(crate) const VERB: &str = "attend";

/// How the names of what is written begin and end.
const BEGIN: &str = "chat";
const ENDS: [&str; 2] = [".md", ".json"];

/// What is asked of it.
#[derive(Debug, Serialize, Deserialize)]
enum Request {
    Edit { text: String },
    Write { path: PathBuf, text: String },
}

/// What it answers: the edited text or nothing, or what went wrong, as it is told.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Done(String),
    Failed { error: String, hint: Option<String> },
}

/// The process, from the chat's side.
pub(crate) struct Attendant {
    child: Child,
    /// Closed, it ends the process.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Attendant {
    /// Starts it; `folder` is a private one for the editor's file.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(VERB)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it was piped"));
        Ok(Self { child, requests, answers })
    }

    /// What `text` became in the user's editor.
    ///
    /// # Errors
    ///
    /// As [`edit`], or if the attendant is gone.
    pub(crate) fn edit(&mut self, text: &str) -> anyhow::Result<String> {
        // Ctrl-C is for the editor.
        let watch = Interrupts::watch();
        let edited = self.ask(&Request::Edit { text: text.to_owned() });
        drop(watch);
        edited
    }

    /// Writes `text` to a new file at `path`.
    ///
    /// # Errors
    ///
    /// If there is a file, it is not called as a chat is, it lies elsewhere, the system refuses, or
    /// the attendant is gone.
    pub(crate) fn write(&mut self, path: &Path, text: String) -> anyhow::Result<()> {
        self.ask(&Request::Write { path: path.to_owned(), text }).map(drop)
    }

    fn ask(&mut self, request: &Request) -> anyhow::Result<String> {
        let gone = || {
            Failure::new("the process that runs the editor is gone")
                .hint("/save, leave and come back")
        };
        let mut line = serde_json::to_string(request).context("cannot ask for that")?;
        line.push('\n');
        let requests = self.requests.as_mut().ok_or_else(gone)?;
        requests.write_all(line.as_bytes()).with_context(gone)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).with_context(gone)?;
        match serde_json::from_str(&answer).with_context(gone)? {
            Answer::Done(text) => Ok(text),
            Answer::Failed { error, hint: Some(hint) } => {
                Err(Failure::new(error).hint(hint).into())
            }
            Answer::Failed { error, hint: None } => Err(Failure::new(error).into()),
        }
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.requests = None;
        // It ends when it has nobody to attend to; if it cannot be waited for, it is gone.
        let _ = self.child.wait();
    }
}

/// The life of an attendant: answers requests until there is nobody to ask.
///
/// # Errors
///
/// If the pipes break.
pub(crate) fn attend(folder: &Path) -> anyhow::Result<()> {
    // Ctrl-C is for the chat, or for the editor; the editor begins without this.
    ctrlc::set_handler(|| {})?;
    #[cfg(target_os = "linux")]
    let level = super::calls::confine(super::calls::Which::Attendant);
    let root = std::env::current_dir()?;
    for line in io::stdin().lock().lines() {
        let done = match serde_json::from_str(&line?)? {
            #[cfg(target_os = "linux")]
            Request::Edit { .. } if !matches!(level, super::Part::Confined(_)) => {
                Err(Failure::new("the editor cannot be kept from the network")
                    .hint("`--sandbox off` runs it as it is")
                    .into())
            }
            Request::Edit { text } => edit(&text, folder),
            Request::Write { path, text } => write(&root, &path, &text).map(|()| String::new()),
        };
        let answer = done.map_or_else(|error| Answer::of(&error), Answer::Done);
        let mut text = serde_json::to_string(&answer)?;
        text.push('\n');
        put(&text)?;
    }
    Ok(())
}

impl Answer {
    fn of(error: &anyhow::Error) -> Self {
        let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
        Self::Failed { error: causes.join(": "), hint: failure::hint_of(error) }
    }
}

/// Writes a new file below `root`.
fn write(root: &Path, path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let refused = |why: &str| {
        let failure = Failure::new(format!("the sandbox writes no `{shown}`: {why}"));
        failure.hint("`/export md` prints the conversation; `--sandbox off` writes anywhere")
    };
    let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    if !name.starts_with(BEGIN) || !ENDS.iter().any(|it| name.ends_with(it)) {
        return Err(refused("it writes files that are called `chat*.md` or `chat*.json`").into());
    }
    // With links followed: where the file would really lie.
    let above = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let above = fs::canonicalize(root.join(above));
    let above = above.with_context(|| format!("cannot write `{shown}`"))?;
    let root = fs::canonicalize(root)?;
    let Ok(folders) = above.strip_prefix(&root) else {
        return Err(refused("it is not below the folder that `ingle` was started in").into());
    };
    if folders.iter().any(|it| it.as_encoded_bytes().starts_with(b".")) {
        return Err(refused("it lies in a hidden folder").into());
    }
    let file = OpenOptions::new().write(true).create_new(true).open(above.join(name));
    match file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(refused("it is there, and no file is replaced").into())
        }
        file => file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write `{shown}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<(), &str>) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("here");
        for name in [".vscode", "sub/.github"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("chat-old.md"), "old").unwrap();
        #[cfg(unix)]
        for (to, link) in [("..", "up"), (".vscode", "plain")] {
            std::os::unix::fs::symlink(to, root.join(link)).unwrap();
        }
        let path = path.replace("[DIR]", &dir.path().display().to_string());
        let done = write(&root, Path::new(&path), "text").map_err(|it| it.to_string());
        match expected {
            Ok(()) => {
                assert_eq!(done, Ok(()), "{path}");
                assert_eq!(fs::read_to_string(root.join(&path)).unwrap(), "text");
            }
            Err(why) => {
                assert!(done.unwrap_err().contains(why), "{path}");
                assert_eq!(fs::read_to_string(root.join("chat-old.md")).unwrap(), "old");
                assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{path}");
            }
        }
    }

    #[test]
    fn only_new_chats_below_the_folder_are_written() {
        check("chat.md", Ok(()));
        check("sub/chat-2026.json", Ok(()));
        check("[DIR]/here/chat.md", Ok(()));
        check("chat-old.md", Err("no file is replaced"));
        check("../chat.md", Err("not below the folder"));
        check("[DIR]/chat.md", Err("not below the folder"));
        check("none/chat.md", Err("cannot write"));
        for name in [".bashrc", "run.sh", "chat", "chat.sh", ".md", "..", ""] {
            check(name, Err("`chat*.md` or `chat*.json`"));
        }
        for name in ["package.json", ".vscode/tasks.json", "sub/tsconfig.json", "AGENTS.md"] {
            check(name, Err("`chat*.md` or `chat*.json`"));
        }
        for name in [".vscode/chat.json", "sub/.github/chat.md", "sub/../.vscode/chat.md"] {
            check(name, Err("hidden folder"));
        }
        #[cfg(unix)]
        {
            check("up/chat.md", Err("not below the folder"));
            check("plain/chat.md", Err("hidden folder"));
        }
    }
}
