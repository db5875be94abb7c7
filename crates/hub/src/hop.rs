//! A stretch of the way to a server, so that an error can say where it happened.

use std::{error::Error as StdError, fmt, io};

use ureq::Timeout;

use crate::{Error, Url, distrust::Distrust};

/// A stretch of the way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// What was being done.
    pub step: Step,
    /// To which server, `host` or `host:port`.
    pub host: String,
    /// Through which proxy.
    pub proxy: Option<String>,
    /// Who sent us there.
    pub from: Option<String>,
}

/// What is done to reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its name is looked up.
    Resolve,
    /// The proxy is asked for the way.
    Proxy,
    /// A connection is made.
    Connect,
    /// It proves who it is.
    Secure,
    /// Its answer is read.
    Answer,
}

/// How a server is reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    /// Through which proxy.
    pub(crate) proxy: Option<String>,
    /// Who sent us there.
    pub(crate) from: Option<String>,
}

impl Hop {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self.step {
            Step::Proxy => "look at HTTPS_PROXY and NO_PROXY",
            Step::Secure => {
                "if a company's proxy reads what is encrypted, name its certificate: `--ca-file FILE`"
            }
            Step::Resolve if self.proxy.is_some() => "look at HTTPS_PROXY and NO_PROXY",
            Step::Resolve | Step::Connect => {
                "is this machine online? HTTPS_PROXY names a proxy, `--mirror URL` another hub"
            }
            Step::Answer => "the same command goes on from here",
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.step {
            Step::Resolve => "find the address of",
            Step::Proxy => "get through a proxy to",
            Step::Connect => "connect to",
            Step::Secure => "make sure of",
            Step::Answer => "read the answer of",
        };
        write!(f, "{doing} `{}`", self.host)?;
        if let Some(proxy) = &self.proxy {
            write!(f, " through the proxy `{proxy}`")?;
        }
        if let Some(from) = &self.from {
            write!(f, ", where `{from}` sent us")?;
        }
        Ok(())
    }
}

/// What stopped a request on its way.
pub(crate) fn unanswered(error: ureq::Error, url: &Url, via: &Way) -> Error {
    let step = match &error {
        ureq::Error::HostNotFound | ureq::Error::Timeout(Timeout::Resolve) => Step::Resolve,
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => Step::Proxy,
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => Step::Secure,
        ureq::Error::Timeout(Timeout::Connect) | ureq::Error::ConnectionFailed => Step::Connect,
        ureq::Error::Io(error) => step_of(error),
        _ => Step::Answer,
    };
    let source: Box<dyn StdError + Send + Sync> = match error {
        ureq::Error::Io(error) => match Distrust::of(&error) {
            Some(distrust) => distrust.into(),
            None => error.into(),
        },
        error => error.into(),
    };
    named(step, url, via, source)
}

/// What stopped an answer on its way.
pub(crate) fn broken(error: io::Error, url: &Url, via: &Way) -> Error {
    let source: Box<dyn StdError + Send + Sync> = match ureq::Error::from(error) {
        ureq::Error::Io(error) => error.into(),
        error => error.into(),
    };
    named(Step::Answer, url, via, source)
}

fn named(step: Step, url: &Url, via: &Way, source: Box<dyn StdError + Send + Sync>) -> Error {
    let Way { proxy, from } = via.clone();
    Error::Hop { hop: Hop { step, host: url.authority(), proxy, from }, source }
}

fn step_of(error: &io::Error) -> Step {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, InvalidData, NetworkDown,
        NetworkUnreachable, TimedOut, UnexpectedEof,
    };
    let secure = |it: &(dyn StdError + Send + Sync + 'static)| it.is::<rustls::Error>();
    match error.kind() {
        _ if error.get_ref().is_some_and(secure) => Step::Secure,
        ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown | TimedOut
        | AddrNotAvailable => Step::Connect,
        InvalidData | UnexpectedEof => Step::Answer,
        // The system's calls have numbers for what went wrong; looking up a name has words.
        _ if error.raw_os_error().is_none() => Step::Resolve,
        _ => Step::Answer,
    }
}
