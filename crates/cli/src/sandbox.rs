//! What this process gives up once the model is open: sockets, other programs, and files that it has
//! no business with.
//!
//! `files` is about files (Landlock), `calls` about system calls (seccomp), also those that change
//! who may use a file; both are Linux's, and elsewhere nothing is given up. `attendant` is a process
//! that is started before and does outside what the person at a chat asks for: the editor, and the
//! file of an export. `trial` tries whether all that is given up is gone. `cores` is given up by every
//! process, at once.
//!
//! A thread is bound by Landlock only if it is started after, so [`Plan::enter`] comes before the
//! backend makes its threads, and a process that has others already is not fully confined.

pub(crate) mod attendant;
#[cfg(target_os = "linux")]
mod calls;
pub(crate) mod cores;
#[cfg(target_os = "linux")]
mod files;
pub(crate) mod sockets;
pub(crate) mod trial;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::OnceLock,
};

use serde::{Deserialize, Serialize};
use store::Home;

use crate::{
    admission,
    args::{Confine, Settings},
    failure::Failure,
    terminal::Interrupts,
};

/// How much is to be given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    Off,
    /// What this system can hold a process to.
    #[default]
    Best,
    /// All of it, or the command is not done.
    Required,
}

/// What is given up, and what is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    /// Files and folders that are read, besides the model's.
    pub(crate) read: Vec<PathBuf>,
    /// Folders, and files that are there, that are read and written.
    pub(crate) write: Vec<PathBuf>,
}

/// What was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Level {
    /// Files but those of the plan.
    pub(crate) files: Part,
    /// Sockets, and running other programs.
    pub(crate) calls: Part,
}

/// One half of a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// The system holds this process to it; by what.
    Confined(String),
    /// It does, but for something; what.
    Partly(String),
    /// It does not; why.
    Open(String),
}

/// What this process gave up; it cannot be taken back, and happens once.
static REACHED: OnceLock<Level> = OnceLock::new();

/// What to do where the sandbox is in the way.
pub(crate) const HINT: &str = "the sandbox reads the folders of the model and its draft, of the \
                               library, that `ingle` was started in, and of `--allow-read DIR`; \
                               `--sandbox off` does without";

impl Plan {
    /// What a conversation keeps: files to read below the working folder, those of the library and
    /// those of `settings`; `kept` to write.
    ///
    /// # Errors
    ///
    /// If the policy or the audit log is not as it should be.
    pub(crate) fn of(
        confine: Confine,
        home: &Home,
        settings: &Settings,
        kept: Vec<PathBuf>,
    ) -> anyhow::Result<Self> {
        let mut plan = Self::without_files(confine.sandbox.unwrap_or_default())?;
        plan.read = confine.allow_read;
        plan.read.extend([PathBuf::from("."), home.models()]);
        // `/model` reads them again.
        plan.read.extend(settings.load.lora.iter().map(|it| it.path.clone()));
        plan.read.extend(settings.chat.chat_template.clone());
        plan.write.extend(kept);
        Ok(plan)
    }

    /// What a process keeps that reads nothing after the model is open.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(crate) fn without_files(asked: Mode) -> anyhow::Result<Self> {
        let mode = match admission::requires_sandbox()? {
            true if asked == Mode::Off => {
                let message = "this site's policy requires the sandbox, found `--sandbox off`";
                return Err(Failure::new(message).hint("leave it out").into());
            }
            true => Mode::Required,
            false => asked,
        };
        Ok(Self { mode, read: Vec::new(), write: admission::log_folder()?.into_iter().collect() })
    }

    /// The same, and the folder of another model that is open.
    pub(crate) fn reading(mut self, model: &Path) -> Self {
        self.read.extend(folder_of(model));
        self
    }

    /// Whether anything can be given up here, and shall be.
    pub(crate) fn confines(&self) -> bool {
        cfg!(target_os = "linux") && self.mode != Mode::Off
    }

    /// Gives up what the plan does not keep; `model` is the file or folder that is open, if one is.
    /// What was given up before stays so.
    ///
    /// # Errors
    ///
    /// If all of it is required, and this system or this process cannot be held to it.
    pub(crate) fn enter(&self, model: Option<&Path>) -> anyhow::Result<&'static Level> {
        if let Some(level) = REACHED.get() {
            return Ok(level);
        }
        let level = match self.mode {
            Mode::Off => Level::off(),
            Mode::Best | Mode::Required => self.confine(model),
        };
        match (self.mode, level.open()) {
            (Mode::Required, Some(why)) => {
                let message = format!("`--sandbox required` cannot be kept: {why}");
                let hint = match admission::requires_sandbox()? {
                    true => "this site's policy requires it wherever a model is used",
                    false => "`--sandbox best` gives up what it can",
                };
                Err(Failure::new(message).hint(hint).into())
            }
            _ => Ok(REACHED.get_or_init(|| level)),
        }
    }

    /// What to tell of a process that was to give up what this system can hold it to, and keeps some
    /// of it. Where nothing can be given up at all, nothing was promised.
    pub(crate) fn warning(&self, level: &Level) -> Option<String> {
        let why = level.open().filter(|_| self.confines())?;
        Some(format!(
            "the sandbox is not whole: {why} (`ingle doctor --airgap` says what that leaves open)"
        ))
    }

    #[cfg(target_os = "linux")]
    fn confine(&self, model: Option<&Path>) -> Level {
        // Files first: making rules about files is among the calls that are refused later.
        let files = files::confine(self, model);
        let calls = calls::confine(calls::Which::Chat);
        Level::of(files, calls, sockets::open())
    }

    #[cfg(not(target_os = "linux"))]
    fn confine(&self, _: Option<&Path>) -> Level {
        let why = || Part::Open("only Linux lets a process give up its rights".to_owned());
        Level { files: why(), calls: why() }
    }
}

/// Enters a whole sandbox where the policy requires one for every model; `read` and `write` are kept.
/// Of commands that have no flag for it: before their threads, and Ctrl-C is handled from here on.
///
/// # Errors
///
/// If it is required and not to be had, or the policy is not as it should be.
pub(crate) fn enter_if_required(
    model: &Path,
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
) -> anyhow::Result<()> {
    if admission::requires_sandbox()? {
        let mut plan = Plan::without_files(Mode::Required)?;
        plan.read.extend(read);
        plan.write.extend(write);
        plan.enter(Some(model))?;
    }
    Ok(Interrupts::install()?)
}

/// A model's folder: its other shards lie there, and those of the next model of `/model`.
fn folder_of(model: &Path) -> Option<PathBuf> {
    if model.is_dir() {
        return Some(model.to_owned());
    }
    let folder = model.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
}

/// Whether this process gave up files, so that the system refuses what a person asks for.
pub(crate) fn confines_files() -> bool {
    REACHED.get().is_some_and(|it| !matches!(it.files, Part::Open(_)))
}

impl Level {
    /// What both halves hold together, in a process with so many sockets.
    #[cfg(target_os = "linux")]
    fn of(files: Part, calls: Part, held: Option<usize>) -> Self {
        let files = match (files, &calls) {
            (Part::Confined(how), Part::Open(_)) => {
                Part::Partly(format!("{how}, but owners and permissions can be changed"))
            }
            (part, _) => part,
        };
        let calls = match (calls, sockets::fault(held)) {
            (Part::Confined(_), Some(fault)) => Part::Partly(fault),
            (part, _) => part,
        };
        Self { files, calls }
    }

    fn off() -> Self {
        let why = || Part::Open("`--sandbox off`".to_owned());
        Self { files: why(), calls: why() }
    }

    /// Why it is not all; nothing if it is.
    pub(crate) fn open(&self) -> Option<String> {
        let whys = [&self.files, &self.calls].into_iter().filter_map(|it| match it {
            Part::Confined(_) => None,
            Part::Partly(why) | Part::Open(why) => Some(why.as_str()),
        });
        let mut whys: Vec<_> = whys.collect();
        whys.dedup();
        (!whys.is_empty()).then(|| whys.join("; "))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |name: &str, part: &Part| match part {
            Part::Confined(how) => format!("{name} confined ({how})"),
            Part::Partly(why) => format!("{name} partly confined ({why})"),
            Part::Open(why) => format!("{name} open ({why})"),
        };
        if self.files == self.calls {
            return write!(f, "sandbox: {}", part("files, sockets and programs", &self.files));
        }
        let (files, calls) =
            (part("files", &self.files), part("sockets and programs", &self.calls));
        write!(f, "sandbox: {files}, {calls}")
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "off" => Ok(Self::Off),
            "best" => Ok(Self::Best),
            "required" => Ok(Self::Required),
            _ => Err(format!("expected `off`, `best` or `required`, found `{name}`")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Best => "best",
            Self::Required => "required",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_another_model_is_read() {
        let plan = Plan::default().reading(Path::new("/far/d.gguf"));
        assert_eq!(plan.read, [PathBuf::from("/far")]);
        assert!(plan.write.is_empty(), "{plan:?}");
    }

    #[test]
    fn a_level_says_what_is_open_and_why() {
        let confined = |it: &str| Part::Confined(it.to_owned());
        let open = |it: &str| Part::Open(it.to_owned());
        let full = Level { files: confined("Landlock ABI 7"), calls: confined("seccomp") };
        assert_eq!(full.open(), None);
        let told =
            "sandbox: files confined (Landlock ABI 7), sockets and programs confined (seccomp)";
        assert_eq!(full.to_string(), told);
        let half = Level { files: open("no Landlock"), ..full };
        assert_eq!(half.open().as_deref(), Some("no Landlock"));
        assert_eq!(Level::off().open().as_deref(), Some("`--sandbox off`"));
        let told = "sandbox: files, sockets and programs open (`--sandbox off`)";
        assert_eq!(Level::off().to_string(), told);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_could_not_be_given_up_is_warned_of_where_it_was_to_be() {
        let confined = || Part::Confined("seccomp".to_owned());
        let open = Part::Open("this kernel has no Landlock".to_owned());
        let half = Level { files: open, calls: confined() };
        let plan = |mode| Plan { mode, ..Plan::default() };
        let expected = "the sandbox is not whole: this kernel has no Landlock (`ingle doctor \
                        --airgap` says what that leaves open)";
        assert_eq!(plan(Mode::Best).warning(&half).as_deref(), Some(expected));
        let partly = Part::Partly("2 sockets are open".to_owned());
        let told = plan(Mode::Best).warning(&Level { files: confined(), calls: partly });
        assert!(told.is_some_and(|it| it.contains("not whole: 2 sockets are open (")));
        let whole = Level { files: confined(), calls: confined() };
        assert_eq!(plan(Mode::Best).warning(&whole), None);
        // Whoever switched it off knows.
        assert_eq!(plan(Mode::Off).warning(&Level::off()), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_level_is_whole_only_if_both_halves_are_and_no_socket_is_held() {
        let whole = |it: &str| Part::Confined(it.to_owned());
        let of = |calls, held| Level::of(whole("Landlock ABI 7"), calls, held).open();
        assert_eq!(of(whole("seccomp"), Some(0)), None);
        assert_eq!(of(whole("seccomp"), Some(2)).unwrap(), "2 sockets are open");
        let unknown = "this system does not say which sockets are open";
        assert_eq!(of(whole("seccomp"), None).unwrap(), unknown);
        let open = "Landlock ABI 7, but owners and permissions can be changed; no seccomp";
        assert_eq!(of(Part::Open("no seccomp".to_owned()), Some(0)).unwrap(), open);
    }
}
