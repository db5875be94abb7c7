//! What to do about an error.

use std::io;

use super::{Error, Visitor};

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
            Self::Hop { hop, .. } => hop.hint(),
            Self::Status { status: 429, .. } => {
                "the hub limits how often it is asked: wait, or set HF_TOKEN; the same command goes \
                 on from here"
            }
            Self::Status { .. } | Self::Cut { .. } => {
                "the same command goes on from here; `--mirror URL` names another hub"
            }
            Self::Denied { known: Visitor::Unknown, page, .. } => {
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
            Self::Absent { .. } => "look for the name in the hub's search",
            Self::NoParts { .. } => "name another mirror: `--mirror URL`",
            Self::Digest { .. } => {
                "nothing was kept: pull again, from another mirror if that repeats, and report it"
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
            Self::Library(error) => return error.hint(),
            Self::Stopped => "the same command goes on from here",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
