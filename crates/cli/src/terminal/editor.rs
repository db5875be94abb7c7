//! Edits a text in the user's editor.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::Interrupts;
use crate::failure::Failure;

/// What `text` became in `$VISUAL`, `$EDITOR` or the system's usual editor.
///
/// The text lies meanwhile in a file that only its owner may read: in the session's own folder in
/// memory where there is one, else in `folder`.
///
/// # Errors
///
/// If the file cannot be written, or the editor cannot be run or says that it failed.
pub(crate) fn edit(text: &str, folder: &Path) -> anyhow::Result<String> {
    let memory = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|it| it.is_dir());
    let folder = memory.unwrap_or_else(|| folder.to_owned());
    store::folder(&folder)?;
    let mut file = tempfile::Builder::new().prefix("ingle-").suffix(".md").tempfile_in(&folder)?;
    file.write_all(text.as_bytes())?;
    let path = file.into_temp_path();
    let editor = command();
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    // Ctrl-C is for the editor: the text must not stay behind.
    let watch = Interrupts::watch();
    let mut command = Command::new(program);
    command.args(words).arg(&path);
    let status = at_terminal(&mut command)
        .and_then(Command::status)
        .with_context(|| Failure::new(format!("cannot run the editor `{editor}`")).hint(HINT))?;
    drop(watch);
    if !status.success() {
        let message = format!("the editor `{editor}` ended with {status}");
        return Err(Failure::new(message).hint(HINT).into());
    }
    let edited = fs::read_to_string(&path).context("cannot read what the editor wrote")?;
    Ok(edited.trim_end_matches('\n').to_owned())
}

/// Gives the editor the terminal, where this process has something else as its input.
fn at_terminal(command: &mut Command) -> io::Result<&mut Command> {
    if cfg!(not(unix)) || io::stdin().is_terminal() {
        return Ok(command);
    }
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    Ok(command.stdin(terminal.try_clone()?).stdout(terminal))
}

const HINT: &str = "`$VISUAL` or `$EDITOR` names the editor to use";

fn command() -> String {
    let set = |name: &str| env::var(name).ok().filter(|it| !it.trim().is_empty());
    let usual = if cfg!(windows) { "notepad" } else { "vi" };
    set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| usual.to_owned())
}
