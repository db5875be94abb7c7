//! What to do about an error.

use std::io;

use super::{Error, Visitor};
use crate::{Url, distrust::Distrust};

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Offline { .. } => {
                "leave it out, or carry the model here: `ingle export` on another machine, \
                 `ingle import` on this one"
            }
            Self::Certificates { .. } => {
                "name a file of certificates with `--ca-file` or SSL_CERT_FILE"
            }
            Self::Hop { hop, source } => {
                source.downcast_ref::<Distrust>().map_or_else(|| hop.hint(), Distrust::hint)
            }
            Self::Status { status: 429, .. } => {
                "the hub limits how often it is asked: wait, or set HF_TOKEN; the same command goes \
                 on from here"
            }
            Self::Status { .. } | Self::Cut { .. } => {
                "the same command goes on from here; `--mirror URL` names another hub"
            }
            Self::Denied { known: Visitor::Unknown, page, .. } => {
                let is_open = |it: Url| !it.is_secure() && !it.is_loopback();
                if page.parse::<Url>().is_ok_and(is_open) {
                    return Some(
                        "a token goes to another machine by `https` alone: name this hub by such \
                         an address"
                            .to_owned(),
                    );
                }
                return Some(format!(
                    "if it exists, accept its licence at {page} and set HF_TOKEN to a token of \
                     that account"
                ));
            }
            Self::Denied { known: Visitor::Known, page, .. } => {
                return Some(format!(
                    "accept its licence at {page} with the account of the token that was used"
                ));
            }
            Self::Token { .. } => {
                "get a token in the settings of your account at the hub, and set HF_TOKEN to it"
            }
            Self::Absent { what, .. } if what.starts_with("revision ") => {
                "look at the repository's branches and tags"
            }
            Self::Absent { .. } => "look for the name in the hub's search",
            Self::NoParts { .. } => "name another mirror: `--mirror URL`",
            Self::Digest { .. } => {
                "this file was not kept: the same command fetches it anew; name another mirror if \
                 that repeats, and report it"
            }
            Self::Contradiction { .. } | Self::Redirect { .. } | Self::Answer { .. } => {
                "the hub, a mirror or a proxy on the way is broken or hostile: `--mirror URL` names \
                 another"
            }
            Self::Variant { offers, .. } => {
                return Some(format!("`--quant` takes one of {}", offers.join(", ")));
            }
            Self::NoModel { .. } => "look for a repository whose name ends in `-GGUF`",
            Self::Room { .. } => "free some room, or set INGLE_HOME to a folder on another disk",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some room: the same command goes on from here"
            }
            Self::Io { source, .. } if is_of_open_files(source) => {
                "it needs more open files than this shell allows: `ulimit -n 65536`, then say it again"
            }
            Self::Library(error) => return error.hint(),
            Self::Stopped => "the same command goes on from here",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Whether it says that this process has too many files open; `std` has no name for that.
fn is_of_open_files(error: &io::Error) -> bool {
    const EMFILE: i32 = 24;
    cfg!(unix) && error.raw_os_error() == Some(EMFILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_model_of_very_many_files_has_a_way_on() {
        let error = Error::io("write", "m.parts")(io::Error::from_raw_os_error(24));
        assert!(error.hint().unwrap().contains("ulimit -n"), "{error}");
    }

    #[track_caller]
    fn check(page: &str, expected: &str) {
        let error = Error::Denied {
            host: "hub".to_owned(),
            repository: Box::new("org/model".parse().unwrap()),
            status: 401,
            known: Visitor::Unknown,
            is_gated: true,
            said: None,
            page: page.to_owned(),
        };
        let hint = error.hint().unwrap();
        assert!(hint.contains(expected), "{page}: {hint}");
    }

    #[test]
    fn a_token_is_asked_for_only_where_it_would_be_sent() {
        check("https://hub.example/org/model", "set HF_TOKEN");
        check("http://127.0.0.1:8000/org/model", "set HF_TOKEN");
        check("http://hub.example/org/model", "by `https` alone");
    }
}
