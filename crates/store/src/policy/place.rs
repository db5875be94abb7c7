//! Where policies lie, and which of them is in force.
//!
//! ```text
//! /etc/ingle/policy.toml           the machine's; nobody overrides it
//! INGLE_HOME/policy.toml           if a key beside it vouches for it
//! INGLE_POLICY                     a file that the environment names
//! INGLE_HOME/policy.toml           else
//!
//! policy.toml.sig                  beside a policy: its signature
//! policy.pub                       beside a policy: the key that must have signed it
//! catalogue.toml                   beside the machine's policy, or signed beside a signed one: what
//!                                  it goes by of models, before what is built in
//! ```
//!
//! The first that is there is in force, alone; others are named as passed over. A key in
//! `/etc/ingle` is pinned for the machine: whatever policy is in force must have its signature, and
//! without one nothing is allowed. Only that folder is out of a user's reach: whoever sets
//! `INGLE_HOME` leaves the policy of the old one behind.

use std::{
    env, fs,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::{Catalogue, Error, KEY, Policy, PublicKey, SIGNATURE};
use crate::{Home, digest::Sha256Hex};

/// Bytes of the longest policy or signature: more is a mistake.
const MAX: u64 = 1 << 20;

/// Places that a policy can be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The machine's folder.
    system: PathBuf,
    /// The file that the environment names.
    named: Option<PathBuf>,
    /// The user's file.
    own: PathBuf,
}

/// Who vouches for a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Nobody.
    No,
    /// Perhaps somebody: there is a signature, and no key to hold it against.
    Unchecked,
    /// The holder of the key with this fingerprint.
    By(Sha256Hex),
}

impl Places {
    /// Those of this machine and of the user with this home.
    pub fn of(home: &Home) -> Self {
        let named = env::var_os("INGLE_POLICY").filter(|it| !it.is_empty()).map(PathBuf::from);
        Self { system: system(), named, own: home.settings().with_file_name("policy.toml") }
    }

    /// Others, for tests.
    #[cfg(test)]
    pub(super) fn at(system: &Path, named: Option<&Path>, own: &Path) -> Self {
        let named = named.map(Path::to_owned);
        Self { system: system.to_owned(), named, own: own.to_owned() }
    }

    /// The folder of the machine's policy and of its pinned key.
    pub fn system(&self) -> &Path {
        &self.system
    }

    /// The policy that is in force; none where there is none.
    ///
    /// # Errors
    ///
    /// As [`Policy::in_force`].
    pub fn in_force(&self) -> Result<Option<Policy>, Error> {
        is_there(&self.system)?;
        let pinned = self.system.join(KEY);
        let has_pin = is_there(&pinned)?;
        let mut all = self.all()?.into_iter();
        let Some(path) = all.next() else {
            return if has_pin { Err(Error::NoPolicy { key: pinned }) } else { Ok(None) };
        };
        let beside = path.with_file_name(KEY);
        let key = match has_pin {
            true => Some(pinned),
            false => is_there(&beside)?.then_some(beside),
        };
        let text = read(&path)?.ok_or_else(|| Error::NotThere { path: path.clone() })?;
        let signed = signed(&path, &text, key.as_deref())?;
        let catalogue = self.catalogue(&path, key.as_deref())?;
        let policy = Policy::read(&path, &utf8(&path, text)?)?;
        Ok(Some(Policy { signed, passed_over: all.collect(), catalogue, ..policy }))
    }

    /// The catalogue of the policy at `path`: nobody who cannot change the one may change the other.
    fn catalogue(&self, path: &Path, key: Option<&Path>) -> Result<Catalogue, Error> {
        let is_machines = path.parent() == Some(self.system.as_path());
        if !is_machines && key.is_none() {
            return Ok(Catalogue::Users);
        }
        let path = path.with_file_name("catalogue.toml");
        let Some(text) = read(&path)? else { return Ok(Catalogue::BuiltIn) };
        match key.map(|key| signed(&path, &text, Some(key))) {
            // The user's own, beside a policy that they cannot change.
            Some(Err(Error::NotSigned { .. })) if !is_machines => Ok(Catalogue::BuiltIn),
            Some(Err(error)) => Err(error),
            None | Some(Ok(_)) => {
                let text = utf8(&path, text)?;
                Ok(Catalogue::Beside { path, text })
            }
        }
    }

    /// All policies that are there, the one that is in force first.
    fn all(&self) -> Result<Vec<PathBuf>, Error> {
        let (system, own) = (self.system.join("policy.toml"), &self.own);
        let mut all = Vec::new();
        if is_there(&system)? {
            all.push(system);
        }
        let own_is_there = is_there(own)?;
        let own_is_signed = own_is_there && is_there(&own.with_file_name(KEY))?;
        if own_is_signed {
            all.push(own.clone());
        }
        if let Some(named) = &self.named {
            if !is_there(named)? {
                return Err(Error::NotThere { path: named.clone() });
            }
            all.push(named.clone());
        }
        if own_is_there && !own_is_signed {
            all.push(own.clone());
        }
        Ok(all)
    }
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|it| **it == b'\n').count();
        Error::Toml { path: path.to_owned(), line, reason: "it is not UTF-8 text".to_owned() }
    })
}

/// The folder of the machine's policy.
#[cfg(not(windows))]
fn system() -> PathBuf {
    PathBuf::from("/etc/ingle")
}

/// The folder of the machine's policy.
#[cfg(windows)]
fn system() -> PathBuf {
    // Not from the environment, which the user sets.
    PathBuf::from(r"C:\ProgramData\ingle")
}

/// Who vouches for `text`; `key` must, if there is one.
fn signed(policy: &Path, text: &[u8], key: Option<&Path>) -> Result<Signed, Error> {
    let signature = beside(policy, SIGNATURE);
    match (key, read(&signature)?) {
        (None, None) => Ok(Signed::No),
        (None, Some(_)) => Ok(Signed::Unchecked),
        (Some(_), None) => Err(Error::NotSigned { policy: policy.to_owned(), signature }),
        (Some(key), Some(bytes)) => {
            let key = PublicKey::read(key)?;
            match key.vouches_for(text, &bytes) {
                true => Ok(Signed::By(key.fingerprint())),
                false => {
                    let (policy, key) = (policy.to_owned(), key.fingerprint());
                    Err(Error::Forged { policy, signature, key })
                }
            }
        }
    }
}

/// `path` with `extension` after its own.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(extension);
    path.with_file_name(name)
}

/// Whether something is at `path`. What cannot be looked at may forbid something, so that is an
/// error, as is a link that leads nowhere.
fn is_there(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("look for", path)(error)),
        Ok(_) => fs::metadata(path).map(|_| true).map_err(Error::io("follow the link", path)),
    }
}

/// The bytes of the file at `path`, if there is one.
///
/// # Errors
///
/// If it cannot be read, or is too long to be what it should be.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io("read", path))?,
    };
    let mut bytes = Vec::new();
    file.take(MAX + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    match bytes.len() as u64 > MAX {
        true => Err(Error::io("read", path)(ErrorKind::FileTooLarge.into())),
        false => Ok(Some(bytes)),
    }
}
