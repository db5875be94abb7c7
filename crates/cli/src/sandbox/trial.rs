//! Whether the sandbox holds: a process that enters it and then tries what must fail, and what must
//! go on working.

use std::{
    fs::{self, File},
    io,
    net::{TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{Level, Mode, Plan};
use crate::{commands::print_json, failure::Failure};

/// The verb that this program is started with; people have no use for it.
pub(crate) const VERB: &str = "try-sandbox";

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What was given up.
    pub(crate) level: Level,
    /// What was tried then.
    pub(crate) tries: Vec<Try>,
    /// Sockets that the process held in the end; nothing where the system did not say.
    pub(crate) sockets: Option<usize>,
}

/// One thing that was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Try {
    /// What.
    pub(crate) what: String,
    /// Whether it should work.
    pub(crate) expected: bool,
    /// Whether it did.
    pub(crate) worked: bool,
    /// What the system said.
    pub(crate) said: String,
}

impl Report {
    /// Whether all that was given up is gone, and all that was kept works.
    pub(crate) fn holds(&self) -> bool {
        self.level.open().is_none()
            && self.sockets == Some(0)
            && self.tries.iter().all(|it| it.worked == it.expected)
    }
}

/// Lets another process try it.
///
/// # Errors
///
/// If it cannot be started, or ends before it has told.
pub(crate) fn report() -> anyhow::Result<Report> {
    let folder = tempfile::tempdir().context("cannot make a folder to try the sandbox in")?;
    let tried = Command::new(std::env::current_exe()?)
        .arg(VERB)
        .arg(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .context("cannot try the sandbox")?;
    serde_json::from_slice(&tried.stdout)
        .with_context(|| Failure::new(format!("trying the sandbox ended with {}", tried.status)))
}

/// Enters the sandbox with `folder` kept, tries, and prints what came of it.
///
/// # Errors
///
/// If the folder cannot be prepared.
pub(crate) fn run(folder: &Path) -> anyhow::Result<()> {
    let (own, other) = (folder.join("own"), folder.join("other"));
    let model = folder.join("model");
    [&own, &other, &model].into_iter().try_for_each(fs::create_dir)?;
    let (weights, secret) = (model.join("weights"), other.join("secret"));
    let letter = other.join("letter");
    [&weights, &secret, &letter].into_iter().try_for_each(|it| fs::write(it, "x"))?;
    let plan = Plan { mode: Mode::Best, read: Vec::new(), write: vec![own.clone()] };
    let level = plan.enter(Some(&model))?.clone();
    let mut tries = vec![
        attempt("open a TCP socket", false, || TcpStream::connect(("127.0.0.1", 9))),
        attempt("open a TCP socket, in a thread", false, in_a_thread),
        attempt("open a UDP socket", false, || UdpSocket::bind(("127.0.0.1", 0))),
        attempt("open a local socket", false, local),
        attempt("run a program", false, || Command::new("/proc/self/exe").arg("-V").status()),
        attempt("read another folder", false, || fs::read(&secret)),
        attempt("write to another folder", false, || File::create(other.join("new"))),
        attempt("remove from another folder", false, || fs::remove_file(&secret)),
        attempt("write over the model", false, || fs::write(&weights, "y")),
        attempt("append to the model", false, || File::options().append(true).open(&weights)),
        attempt("make a file beside the model", false, || File::create(model.join("new"))),
        attempt("read the model", true, || fs::read(&weights)),
        attempt("write to its own folder", true, || replace(&own.join("chat"))),
        attempt("start a thread", true, || thread::spawn(|| ()).join().map_err(|_| ended())),
    ];
    tries.extend(attributes(&weights, &letter, &own.join("chat")));
    let sockets = super::sockets::open();
    print_json(&serde_json::to_value(Report { level, tries, sockets })?)
}

/// What says of a file whose it is and who may use it: of the model, of another file, and of its own.
#[cfg(unix)]
fn attributes(model: &Path, other: &Path, own: &Path) -> [Try; 5] {
    use std::{
        os::unix::fs::{PermissionsExt as _, chown},
        time::SystemTime,
    };
    let mode = fs::Permissions::from_mode;
    let user = nix::unistd::getuid().as_raw();
    [
        attempt("let others read another file", false, || fs::set_permissions(other, mode(0o644))),
        attempt("give another file away", false, || chown(other, Some(user), None)),
        attempt("let others write to the model", false, || {
            File::open(model)?.set_permissions(mode(0o666))
        }),
        attempt("change the times of the model", false, || {
            File::open(model)?.set_modified(SystemTime::UNIX_EPOCH)
        }),
        attempt("keep its own file to itself", true, || {
            File::open(own)?.set_permissions(mode(0o600))
        }),
    ]
}

#[cfg(not(unix))]
fn attributes(_: &Path, _: &Path, _: &Path) -> [Try; 0] {
    []
}

fn attempt<T>(what: &str, expected: bool, run: impl FnOnce() -> io::Result<T>) -> Try {
    let done = run();
    let worked = done.is_ok();
    let said = done.err().map_or_else(|| "done".to_owned(), |error| error.to_string());
    Try { what: what.to_owned(), expected, worked, said }
}

fn in_a_thread() -> io::Result<()> {
    let thread = thread::spawn(|| TcpStream::connect(("127.0.0.1", 9)).map(drop));
    thread.join().map_err(|_| ended())?
}

fn ended() -> io::Error {
    io::Error::other("the thread panicked")
}

#[cfg(unix)]
fn local() -> io::Result<()> {
    std::os::unix::net::UnixDatagram::unbound().map(drop)
}

#[cfg(not(unix))]
fn local() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// As chats are saved.
fn replace(path: &PathBuf) -> io::Result<()> {
    let new = path.with_extension("tmp");
    fs::write(&new, "one")?;
    fs::rename(&new, path)?;
    fs::write(path, "two")
}
