//! What is kept here: the library of models, the site's policy, the audit log.

use std::path::Path;

use serde::Serialize;
use store::{
    Home,
    disk::Disk,
    library::{Entry, Found, Library},
    policy::Policy,
};

use super::{advice::Seen, airgap};
use crate::{commands::policy, repair, settings::Site};

/// The library, as far as can be known without reading its files.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Health {
    pub(super) folder: String,
    pub(super) models: usize,
    /// Of the files that lie in the library.
    pub(super) bytes: u64,
    /// Models whose files another program keeps.
    pub(super) adopted: usize,
    /// Models that will be hashed when they are next loaded: they changed, or never were.
    pub(super) unverified: usize,
    /// Models that somebody began to get.
    pub(super) unfinished: Vec<Unfinished>,
    /// The disk that it lies on, or would.
    pub(super) disk: Option<Room>,
}

/// What there is of a model so far.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unfinished {
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// Bytes of a disk.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Room {
    pub(super) total: u64,
    pub(super) free: u64,
}

/// The policy that is in force.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rules {
    pub(super) path: String,
    pub(super) rules: usize,
    /// What is done with a model that no rule speaks of.
    pub(super) default: String,
    /// Who vouches for it.
    pub(super) signed: String,
    pub(super) require_sandbox: bool,
    pub(super) require_audit: bool,
}

/// The audit log.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Audit {
    /// Whether it is kept.
    pub(super) on: bool,
    pub(super) entries: u64,
}

impl Health {
    /// Of the library in `home`; what is damaged is `seen`.
    pub(super) fn of(home: &Home, seen: &mut Seen) -> Option<Self> {
        const CORRECT: &str = "correct the folder that it names";
        let library = Library::at(home.models(), Disk::default());
        let entries = seen.or_broken(library.entries(), "library", CORRECT)?;
        let unfinished = seen.or_broken(library.unfinished(), "library", CORRECT)?;
        let mut health = Self {
            folder: library.root().display().to_string(),
            unfinished: unfinished
                .into_iter()
                .map(|(name, bytes)| Unfinished { name: name.to_string(), bytes })
                .collect(),
            disk: room(library.root()),
            ..Self::default()
        };
        for found in entries {
            match found {
                Found::Model(entry) => health.add(&entry, seen),
                Found::Unreadable { why, .. } => {
                    seen.or_broken(
                        Err::<(), _>(why),
                        "library",
                        "move the folder out of the library",
                    );
                }
            }
        }
        Some(health)
    }

    fn add(&mut self, entry: &Entry, seen: &mut Seen) {
        self.models += 1;
        match entry.is_adopted() {
            true => self.adopted += 1,
            false => self.bytes = self.bytes.saturating_add(entry.manifest.size()),
        }
        match entry.check_sizes() {
            Ok(()) => self.unverified += usize::from(entry.verified().is_none()),
            Err(error) => {
                let name = entry.name();
                let todo = format!("`ingle verify {name}` says all that is wrong with the model");
                seen.or_broken(Err::<(), _>(repair::told(entry, error)), "library", &todo);
            }
        }
    }
}

impl Rules {
    pub(super) fn of(policy: &Policy) -> Self {
        Self {
            path: policy.path().display().to_string(),
            rules: policy.rules().len(),
            default: policy.default_action().to_string(),
            signed: policy::signed(policy),
            require_sandbox: policy.requires_sandbox(),
            require_audit: policy.requires_audit(),
        }
    }
}

impl Audit {
    /// Of this user; what is wrong with it is `seen`.
    pub(super) fn of(site: &Site, policy: Option<&Policy>, seen: &mut Seen) -> Option<Self> {
        const MORE: &str = "`ingle audit verify` says more";
        let Some(log) = seen.or_broken(airgap::log(site, policy), "audit log", MORE)? else {
            return Some(Self { on: false, entries: 0 });
        };
        let entries = match log.checked {
            Ok(checked) => checked.entries,
            Err(error) if airgap::is_empty(&error) => 0,
            Err(error) => return seen.or_broken(Err(error), "audit log", MORE),
        };
        Some(Self { on: log.is_on, entries })
    }
}

/// Of the disk that `folder` lies on, or would.
fn room(folder: &Path) -> Option<Room> {
    let folder = std::path::absolute(folder).ok()?;
    let found = fs4::statvfs(folder.ancestors().find(|it| it.exists())?).ok()?;
    Some(Room { total: found.total_space(), free: found.available_space() })
}
