//! What goes wrong between here and a hub.
//!
//! `again` says whether to try it again, `hint` what the user can do about it; `words` has the parts
//! of messages that depend on what was found.

mod again;
mod hint;
mod words;

use std::{error::Error as StdError, io, path::PathBuf, time::Duration};

use loader::path::PathError;
use store::{
    digest::DigestError,
    library,
    name::{NameError, RepoId},
};

use crate::Hop;
use words::{count, instead, place, quoted, who};

/// Why a model did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Connections are forbidden.
    #[error("`{by}` forbids to open a connection")]
    Offline {
        /// The flag or variable.
        by: &'static str,
    },
    /// A flag or variable says what cannot be.
    #[error("`{name}` is `{}`, expected {expected}", found.escape_debug())]
    Setting {
        /// The flag or variable.
        name: String,
        /// What it says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// No certificates to tell servers by.
    #[error("cannot read certificates from {}: {why}", place(path.as_ref()))]
    Certificates {
        /// The file; else where the system keeps them.
        path: Option<PathBuf>,
        /// Why.
        why: String,
    },
    /// The way to a server is broken.
    #[error("cannot {hop}")]
    Hop {
        /// Where.
        hop: Hop,
        /// What the system or the protocol says.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A server answered with an error.
    #[error("`{host}` answered with status {status}{}", quoted(said.as_ref()))]
    Status {
        /// The server.
        host: String,
        /// HTTP's number for it.
        status: u16,
        /// Its reason, if it gave one.
        said: Option<String>,
        /// How long it asks us to wait.
        wait: Option<Duration>,
    },
    /// The repository is not open to everybody, or to nobody by this name.
    #[error(
        "`{host}` does not open `{repository}` to {} (status {status}){}",
        who(*known),
        quoted(said.as_ref())
    )]
    Denied {
        /// The server.
        host: String,
        /// The repository.
        repository: Box<RepoId>,
        /// 401 or 403.
        status: u16,
        /// Whether we said who we are.
        known: Visitor,
        /// Whether the server says that its licence has to be accepted first.
        is_gated: bool,
        /// Its reason, if it gave one.
        said: Option<String>,
        /// The page of the repository.
        page: String,
    },
    /// The server knows nobody by our token.
    #[error("`{host}` says that the token from {origin} is not valid{}", quoted(said.as_ref()))]
    Token {
        /// The server.
        host: String,
        /// The variable or the file that the token is from.
        origin: String,
        /// Its reason, if it gave one.
        said: Option<String>,
    },
    /// There is no such repository, revision or file.
    #[error("`{host}` has no {what}")]
    Absent {
        /// The server.
        host: String,
        /// What there is not.
        what: String,
    },
    /// A redirect to where we do not go, or one too many.
    #[error("`{host}` sends us to `{}`, which is {why}", to.escape_debug())]
    Redirect {
        /// The server.
        host: String,
        /// Where to, without the query.
        to: String,
        /// What is wrong with that.
        why: &'static str,
    },
    /// An answer is not what the hub's API says it is.
    #[error("the answer of `{host}` is no {what}")]
    Answer {
        /// The server.
        host: String,
        /// What it should be.
        what: &'static str,
        /// Why it is none.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A header or number contradicts what was said before.
    #[error("`{host}` says `{}` for {what}, expected `{expected}`", found.escape_debug())]
    Contradiction {
        /// The server.
        host: String,
        /// Of what.
        what: String,
        /// What it says now.
        found: String,
        /// What was said before.
        expected: String,
    },
    /// More than anything of this kind has.
    #[error("{what} of `{host}` has more than {most} {unit}")]
    TooLong {
        /// The server.
        host: String,
        /// What.
        what: &'static str,
        /// As many are read.
        most: u64,
        /// Of what: bytes, files.
        unit: &'static str,
    },
    /// Parts of files cannot be had there.
    #[error("`{host}` does not send parts of files, asked for bytes {begin}-{end} of `{path}`")]
    NoParts {
        /// The server.
        host: String,
        /// The file.
        path: String,
        /// The first byte.
        begin: u64,
        /// After the last byte.
        end: u64,
    },
    /// An answer ended too early.
    #[error("`{host}` sent `{path}` up to byte {found}, expected {expected}")]
    Cut {
        /// The server.
        host: String,
        /// The file.
        path: String,
        /// So far it came.
        found: u64,
        /// So far it should.
        expected: u64,
    },
    /// Bytes that are not those that the hub announced.
    #[error("{kind} of `{path}` is {found}, the hub says {expected}")]
    Digest {
        /// The file.
        path: String,
        /// `sha256`, or `git sha1`.
        kind: &'static str,
        /// Of what came.
        found: String,
        /// What was announced.
        expected: String,
    },
    /// A name that is not used.
    #[error("`{repository}` has a file that cannot be stored")]
    Path {
        /// The repository.
        repository: RepoId,
        /// Why.
        #[source]
        why: PathError,
    },
    /// Two names that are one file to some systems.
    #[error("`{repository}` has `{path}` twice, or in two spellings that differ in case alone")]
    Twice {
        /// The repository.
        repository: RepoId,
        /// The second of them.
        path: String,
    },
    /// The repository has no model that we read.
    #[error("`{repository}` has neither `.gguf` nor `model.safetensors`{}", instead(found))]
    NoModel {
        /// The repository.
        repository: RepoId,
        /// Weights of other kinds.
        found: Vec<String>,
    },
    /// The format that was asked for is not there, or is there more than once.
    #[error("`{repository}` has {} `{wanted}`", count(found))]
    Variant {
        /// The repository.
        repository: RepoId,
        /// What was asked for.
        wanted: String,
        /// The files of this format.
        found: Vec<String>,
        /// What there is.
        offers: Vec<String>,
    },
    /// A model of several files lacks one.
    #[error("`{repository}` lacks `{missing}`, a part of the model")]
    Incomplete {
        /// The repository.
        repository: RepoId,
        /// The file.
        missing: String,
    },
    /// A file that says nothing of use.
    #[error("`{path}` of the hub is no {what}")]
    File {
        /// The file.
        path: String,
        /// What it should be.
        what: &'static str,
        /// Why it is none.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A name or digest from outside is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A digest from outside is none.
    #[error(transparent)]
    NoDigest(#[from] DigestError),
    /// The disk is too small.
    #[error("`{}` has {free} bytes of room, the model needs {needed} more", folder.display())]
    Room {
        /// The folder.
        folder: PathBuf,
        /// What is free there.
        free: u64,
        /// What is to be written.
        needed: u64,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The library refused.
    #[error(transparent)]
    Library(Box<library::Error>),
    /// Somebody asked to stop.
    #[error("stopped; what came so far is kept")]
    Stopped,
}

/// Whether we said who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// With a token.
    Known,
    /// Without.
    Unknown,
}

impl Error {
    /// For `map_err`: `action` on `path` was refused.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl From<library::Error> for Error {
    fn from(error: library::Error) -> Self {
        Self::Library(Box::new(error))
    }
}
