//! A repository at one commit: what is in it, by checked names and digests.

use std::{fmt, str::FromStr};

use loader::{SafeRelPath, path::PathError};
use store::{
    digest::{CommitHex, Sha256Hex},
    name::RepoId,
    reference::is_revision,
};

use crate::{Endpoint, Error};

/// The branch that is used where none is named.
const MAIN: &str = "main";

/// A branch, a tag or a commit, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

/// A repository at one commit.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Which repository.
    pub repository: RepoId,
    /// The revision that was asked for.
    pub revision: Revision,
    /// The commit that it is now.
    pub commit: CommitHex,
    /// Who said so.
    pub endpoint: Endpoint,
    /// Its files whose names can be stored.
    pub files: Vec<RemoteFile>,
    /// The names of the others, and why they cannot.
    pub refused: Vec<PathError>,
    /// What its card says of the model.
    pub card: Card,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it lies in the repository.
    pub path: SafeRelPath,
    /// In bytes.
    pub size: u64,
    /// Of its bytes.
    pub digest: Expected,
}

/// The digest that the hub announces: large files have one of their bytes, small ones git's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Of the bytes.
    Sha256(Sha256Hex),
    /// Of git's header for so many bytes, and the bytes.
    GitBlob(CommitHex),
}

/// What the authors say of the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// An SPDX expression, or `LicenseRef-…`.
    pub licence: Option<String>,
    /// Where its text is.
    pub licence_link: Option<String>,
    /// The models that it was made from.
    pub base_models: Vec<String>,
    /// Its architecture, as the GGUF file calls it.
    pub architecture: Option<String>,
    /// Whether a visitor must ask for access first.
    pub is_gated: bool,
}

impl Revision {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Revision {
    fn default() -> Self {
        Self(MAIN.to_owned())
    }
}

impl FromStr for Revision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match is_revision(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::Setting {
                name: "revision".to_owned(),
                found: text.chars().take(100).collect(),
                expected: "a branch, a tag or a commit",
            }),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Snapshot {
    /// The file at `path`.
    pub fn file(&self, path: &SafeRelPath) -> Option<&RemoteFile> {
        self.files.iter().find(|it| it.path == *path)
    }
}

impl RemoteFile {
    /// Its name without its folder.
    pub fn name(&self) -> &str {
        let path = self.path.as_str();
        path.rsplit_once('/').map_or(path, |it| it.1)
    }

    /// The folder that it lies in; empty for the repository's own.
    pub(crate) fn folder(&self) -> &str {
        self.path.as_str().rsplit_once('/').map_or("", |it| it.0)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(it) => it.fmt(f),
            Self::GitBlob(it) => it.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_part_of_an_address_and_nothing_else() {
        for good in ["main", "v1.0", "refs/pr/3", "0123456789abcdef0123456789abcdef01234567"] {
            assert_eq!(good.parse::<Revision>().unwrap().as_str(), good);
        }
        for bad in ["", "..", "a/../b", "/a", "a/", "a b", "a?x", "-x", "a#", "é", ".git", "a\n"] {
            assert!(bad.parse::<Revision>().is_err(), "{bad:?}");
        }
    }
}
