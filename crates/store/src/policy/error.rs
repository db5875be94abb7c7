//! Why a policy cannot be used, or forbids something.

use std::{io, path::PathBuf};

use super::At;
use crate::digest::Sha256Hex;

/// What went wrong with a policy, or what it forbids.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model may not be used.
    #[error(
        "this site's policy does not allow to {at} `{model}`: rule `{rule}`{}",
        why.as_ref().map_or(String::new(), |it| format!(" ({it})"))
    )]
    Denied {
        /// What it is called.
        model: String,
        /// What was to be done with it.
        at: At,
        /// The rule that says so.
        rule: String,
        /// Why there is such a rule.
        why: Option<Box<str>>,
        /// Whom to ask.
        contact: Option<Box<str>>,
        /// The file that the rule is in.
        policy: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder in the place of a policy.
    #[error("`{}` is a folder, expected the policy file", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Not the TOML that it should be.
    #[error("policy `{}`, line {line}: {reason}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the TOML reader says of it.
        reason: String,
    },
    /// Of a version that this program does not know.
    #[error("`{}` is a policy of version {found}, expected {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The one that this program knows.
        known: u32,
    },
    /// A rule cannot mean what it says.
    #[error("policy `{}`: rule `{rule}` {flaw}", path.display())]
    Rule {
        /// The file.
        path: PathBuf,
        /// The rule's name.
        rule: String,
        /// What is wrong with it.
        flaw: RuleFlaw,
    },
    /// A key cannot mean what it says.
    #[error("policy `{}`: `{key}` has `{found}`, expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What it says.
        found: String,
        /// What could be.
        expected: &'static str,
    },
    /// The policy that the environment names is not there.
    #[error("`INGLE_POLICY` names `{}`, which is not there", path.display())]
    NotThere {
        /// The file.
        path: PathBuf,
    },
    /// A key is pinned, and there is no policy for it to vouch for.
    #[error("the key `{}` is pinned on this machine, but there is no policy", key.display())]
    NoPolicy {
        /// The file of the key.
        key: PathBuf,
    },
    /// A key is pinned, and the policy has no signature.
    #[error("`{}` is not signed, expected `{}`", policy.display(), signature.display())]
    NotSigned {
        /// The policy.
        policy: PathBuf,
        /// Where its signature should be.
        signature: PathBuf,
    },
    /// A signature is not that of the policy with the pinned key.
    #[error(
        "`{}` is not the signature of `{}` with the key {key}", signature.display(),
        policy.display()
    )]
    Forged {
        /// The policy.
        policy: PathBuf,
        /// Its signature.
        signature: PathBuf,
        /// The fingerprint of the pinned key.
        key: Sha256Hex,
    },
    /// A key is of another kind, or none.
    #[error("`{}` is no {kind}, expected a PEM text of a P-256 key", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Which half of a key it should be.
        kind: &'static str,
    },
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFlaw {
    /// Another has its name.
    #[error("has the name of another rule")]
    Twice,
    /// Nothing to call it by.
    #[error("needs a name of one line, expected 1 to 200 characters")]
    Unnamed,
    /// It would apply to everything.
    #[error(
        "names nothing that it applies to, expected at least one of publisher, creator, lineage, \
         country, licence, format, sha256, signer, provenance-below"
    )]
    Empty,
    /// A list that nothing can be in.
    #[error("has an empty list `{key}`")]
    EmptyList {
        /// The list.
        key: &'static str,
    },
    /// A word that cannot be met.
    #[error("has `{found}` in `{key}`, expected {expected}")]
    Word {
        /// The list.
        key: &'static str,
        /// The word.
        found: String,
        /// What could be.
        expected: &'static str,
    },
}

impl Error {
    /// Whom to ask about a denial, for those who know each rule already.
    pub fn whom(&self) -> Option<String> {
        let Self::Denied { contact, policy, .. } = self else { return None };
        Some(match contact {
            Some(contact) => format!("ask {contact}"),
            None => format!("ask who keeps `{}`", policy.display()),
        })
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { model, at, .. } => {
                let whom = self.whom()?;
                Some(match at {
                    At::Load => format!("{whom}; `ingle policy check {model}` explains each rule"),
                    At::Serve => {
                        format!(
                            "{whom}; `ingle policy check {model} --at serve` explains each rule"
                        )
                    }
                    At::Fetch => {
                        format!("{whom}; `ingle policy check {model}` explains each rule")
                    }
                    // It may come from anywhere.
                    At::Import => format!("{whom}; `ingle policy show` lists the rules"),
                })
            }
            Self::Folder { path } => {
                Some(format!("name the file, such as `{}`", path.join("policy.toml").display()))
            }
            Self::Toml { .. } | Self::Rule { .. } | Self::Value { .. } => {
                Some("`ingle policy example` prints one that is right".to_owned())
            }
            Self::Version { .. } => Some("a newer `ingle` may read it".to_owned()),
            Self::NotThere { .. } => Some("name another file, or unset `INGLE_POLICY`".to_owned()),
            Self::NoPolicy { .. } | Self::NotSigned { .. } | Self::Forged { .. } => {
                Some("ask who keeps this machine's policy for the signed one".to_owned())
            }
            Self::Key { .. } => Some(
                "`openssl ecparam -name prime256v1 -genkey -noout -out key.pem` makes a key, \
                 `openssl ec -in key.pem -pubout` its public half"
                    .to_owned(),
            ),
            Self::Io { action: "write", source, .. } => of_system(source).map(str::to_owned),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("look at its name and its folder, then say it again".to_owned())
            }
            Self::Io { .. } => Some(
                "whoever runs `ingle` must be able to read it, or nothing is allowed: ask who keeps \
                 this machine's policy"
                    .to_owned(),
            ),
        }
    }

    /// For `map_err`: `action` on `path` was refused.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// What to do where the system refuses to write for this reason.
fn of_system(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull => Some("make room on that disk, then say it again"),
        PermissionDenied | ReadOnlyFilesystem => Some("copy the policy to a folder of yours first"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_has_a_way_on() {
        use io::ErrorKind::{PermissionDenied, StorageFull};
        let hint =
            |action, kind: io::ErrorKind| Error::io(action, "policy.toml")(kind.into()).hint();
        assert!(hint("read", PermissionDenied).unwrap().contains("must be able to read it"));
        assert!(hint("write", PermissionDenied).unwrap().contains("to a folder of yours"));
        assert!(hint("write", StorageFull).unwrap().contains("make room"));
    }
}
