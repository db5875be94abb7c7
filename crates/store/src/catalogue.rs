//! The catalogue: what is known of models by name, and what published files lack or have wrong.
//!
//! One TOML file a family in `models/`, compiled in and read once. [`listed()`] has models by name:
//! who made them, under which licence, where they are; [`corrections()`] are of model files, by
//! shape.
//!
//! What the user's own `catalogue.toml`, beside the settings, lists in the same form takes the place
//! of what has that name here, or is added. [`take_in`] reads it, once in the life of a process. Under
//! a policy that the user cannot change, a file beside that policy has its place.

mod corrections;
mod file;
mod flaw;
mod listed;

use std::{
    collections::HashSet,
    fs,
    io::ErrorKind,
    path::Path,
    sync::{LazyLock, OnceLock},
};

pub use corrections::{Correction, corrections, corrections_of};
pub use flaw::Flaw;
pub use listed::{Listed, Openness};

use crate::{
    Error, Home,
    library::{Facts, Manifest},
    name::RepoId,
    policy,
};

/// The files of `models/`.
const FAMILIES: &[(&str, &str)] = &[
    ("command-r", include_str!("../../../models/command-r.toml")),
    ("deepseek", include_str!("../../../models/deepseek.toml")),
    ("falcon", include_str!("../../../models/falcon.toml")),
    ("gemma", include_str!("../../../models/gemma.toml")),
    ("gpt-oss", include_str!("../../../models/gpt-oss.toml")),
    ("granite", include_str!("../../../models/granite.toml")),
    ("llama", include_str!("../../../models/llama.toml")),
    ("mistral", include_str!("../../../models/mistral.toml")),
    ("olmo", include_str!("../../../models/olmo.toml")),
    ("phi", include_str!("../../../models/phi.toml")),
    ("qwen", include_str!("../../../models/qwen.toml")),
    ("smollm", include_str!("../../../models/smollm.toml")),
    ("stablelm", include_str!("../../../models/stablelm.toml")),
    ("tinyllama", include_str!("../../../models/tinyllama.toml")),
];

/// What the user's own file made of the built-in catalogue.
static TAKEN_IN: OnceLock<Catalogue> = OnceLock::new();

/// Models by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    all: Vec<Listed>,
}

/// The model that is called `name`, as this process knows it.
pub fn listed(name: &str) -> Option<Listed> {
    in_force().listed(name).cloned()
}

/// The model that a repository of a hub has, as this process knows it.
pub fn by_repository(repository: &RepoId) -> Option<Listed> {
    in_force().by_repository(repository).cloned()
}

/// All models, as this process knows them.
pub fn all() -> Vec<Listed> {
    in_force().all().to_vec()
}

/// Whether the model that is called `name` here is one that a repository of a hub has.
pub(crate) fn is_in(name: &str, repository: &RepoId) -> bool {
    in_force().listed(name).is_some_and(|it| it.is_in(repository))
}

/// What is known of a stored model if nobody but this process's catalogue says who made it and where:
/// of its repository, or of one of its name where another program keeps it.
pub fn facts_now(manifest: &Manifest) -> Facts {
    let repository = manifest.origin.repository().cloned().or_else(|| {
        let name = &manifest.name;
        let called = format!("{}/{}", name.publisher(), name.model());
        called.parse().ok().filter(|_| manifest.root.is_some())
    });
    let known = repository.and_then(|it| by_repository(&it)).map(|it| it.facts());
    let known = known.unwrap_or_default();
    let kept = manifest.facts.clone();
    Facts {
        catalogue: known.catalogue,
        creator: known.creator,
        country: known.country,
        country_claim: known.country_claim,
        licence: known.licence.or(kept.licence),
        lineage: if known.lineage.is_empty() { kept.lineage } else { known.lineage },
        ..kept
    }
}

/// From now on, this process knows what the user's own file lists, or that of the policy in force.
/// The first call counts.
///
/// # Errors
///
/// As [`Catalogue::of`].
pub fn take_in(home: &Home) -> Result<(), Error> {
    let own = match policy::Policy::in_force(home) {
        Ok(Some(policy)) => match policy.catalogue() {
            policy::Catalogue::Users => own(home)?,
            policy::Catalogue::BuiltIn => None,
            policy::Catalogue::Beside { path, text } => Some(read(path, text)?),
        },
        Ok(None) => own(home)?,
        // Under a policy that cannot be read nothing is allowed, whatever it is called.
        Err(_) => None,
    };
    if let Some(own) = own {
        TAKEN_IN.get_or_init(|| Catalogue::built_in().under(own));
    }
    Ok(())
}

fn in_force() -> &'static Catalogue {
    TAKEN_IN.get().unwrap_or_else(Catalogue::built_in)
}

/// What the user's own file lists, if there is one.
fn own(home: &Home) -> Result<Option<Vec<Listed>>, Error> {
    let path = home.catalogue();
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::io("read the catalogue", &path))?,
    };
    read(&path, &text).map(Some)
}

fn read(path: &Path, text: &str) -> Result<Vec<Listed>, Error> {
    file::of_user(text).map_err(|file::Bad { at, flaw }| {
        let line = 1 + text.get(..at).unwrap_or("").matches('\n').count();
        Error::Catalogue { path: path.to_owned(), line, flaw }
    })
}

impl Catalogue {
    /// What is compiled in.
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
            let read = |(name, text): &(&str, &str)| {
                file::of_family(text).unwrap_or_else(|bad| {
                    panic!("a test reads every file of the catalogue, `{name}` too: {}", bad.flaw)
                })
            };
            Catalogue { all: FAMILIES.iter().flat_map(read).collect() }
        });
        &BUILT_IN
    }

    /// What is compiled in, and in its place or beside it what the user's own file lists.
    ///
    /// # Errors
    ///
    /// If there is such a file and it cannot be read, or something in it is wrong.
    pub fn of(home: &Home) -> Result<Self, Error> {
        Ok(match own(home)? {
            Some(own) => Self::built_in().under(own),
            None => Self::built_in().clone(),
        })
    }

    /// The model that is called `name`, whatever the case.
    pub fn listed(&self, name: &str) -> Option<&Listed> {
        let name = name.strip_suffix(":latest").unwrap_or(name);
        self.all.iter().find(|it| it.names().any(|it| it.eq_ignore_ascii_case(name)))
    }

    /// The model that a repository of a hub has. Hubs take repositories that differ in case alone
    /// for one.
    pub fn by_repository(&self, repository: &RepoId) -> Option<&Listed> {
        self.all.iter().find(|it| it.is_in(repository))
    }

    /// All models: the user's own first, then family by family.
    pub fn all(&self) -> &[Listed] {
        &self.all
    }

    /// `own`, and of the rest what is not called like one of them.
    fn under(&self, own: Vec<Listed>) -> Self {
        let own_names: HashSet<String> =
            own.iter().flat_map(Listed::names).map(str::to_ascii_lowercase).collect();
        let is_free = |name: &String| !own_names.contains(&name.to_ascii_lowercase());
        let rest = self.all.iter().filter(|it| is_free(&it.name)).cloned().map(|mut it| {
            it.aliases.retain(is_free);
            it
        });
        let rest: Vec<_> = rest.collect();
        Self { all: [own, rest].concat() }
    }
}

#[cfg(test)]
mod tests;
