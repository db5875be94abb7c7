//! What is known of a model besides its files: from the catalogue, from the hub's card; and whether
//! this site allows it.

use std::path::Path;

use anyhow::Result;
use hub::{Choice, Expected, Kind, RemoteFile, Snapshot};
use loader::ModelFile;
use store::{
    catalogue,
    library::{Facts, FileName},
    name::{Name, RepoId},
    policy::{At, Subject, holds_weights},
    reference::quant_in,
};

use crate::admission::{self, Pending};

/// The repositories of a name of the catalogue, the likeliest to have `quant` first.
pub(super) fn repositories(called: &str, quant: Option<&str>) -> Vec<RepoId> {
    let Some(listed) = catalogue::listed(called) else { return Vec::new() };
    let is_folder = quant.is_some_and(|it| it.eq_ignore_ascii_case("safetensors"));
    match is_folder {
        true => listed.safetensors,
        false => [listed.gguf, listed.safetensors].concat(),
    }
}

/// What is said of the model; where the catalogue says something, that, and not what the hub says.
pub(crate) fn facts(snapshot: &Snapshot, choice: &Choice, architecture: Option<&str>) -> Facts {
    let card = &snapshot.card;
    let listed = catalogue::by_repository(&snapshot.repository);
    let known = listed.map(|it| it.facts()).unwrap_or_default();
    let architecture = architecture.map(str::to_owned);
    let format = choice.main.as_ref().and_then(|it| quant_in(it.as_str()));
    Facts {
        licence: known.licence.or_else(|| card.licence.clone()),
        licence_file: choice.licence.clone().map(FileName),
        lineage: if known.lineage.is_empty() { card.base_models.clone() } else { known.lineage },
        architecture: architecture.or(known.architecture).or_else(|| card.architecture.clone()),
        format: format.map(str::to_ascii_uppercase),
        ..known
    }
}

/// What the policy looks at: all that is known of it, and what its `header` says, where that can be
/// read.
pub(crate) fn subject(
    name: &Name,
    (snapshot, choice): (&Snapshot, &Choice),
    facts: &Facts,
    header: Option<&ModelFile>,
) -> Subject {
    let container = match choice.kind {
        Kind::Gguf => "gguf",
        Kind::Safetensors => "safetensors",
    };
    let is_weights = |it: &&RemoteFile| holds_weights(Path::new(it.path.as_str()), None);
    let digest = |it: &RemoteFile| match it.digest {
        Expected::Sha256(digest) => Some(digest),
        Expected::GitBlob(_) => None,
    };
    let weights = choice.files.iter().filter(is_weights).filter_map(digest).collect();
    let (hub, repository) = (snapshot.endpoint.to_string(), &snapshot.repository);
    let subject = Subject::of_repository(name.to_string(), hub, repository, facts);
    let subject = subject.in_format(container).with_weights(weights);
    match header {
        Some(header) => subject.opened(header),
        None => subject,
    }
}

/// Whether this site allows to fetch it; to be told once that is done.
///
/// # Errors
///
/// If a rule forbids it, or that could not be noted.
pub(super) fn allowed(
    name: &Name,
    from: (&Snapshot, &Choice),
    facts: &Facts,
    header: Option<&ModelFile>,
) -> Result<Pending> {
    admission::before(&subject(name, from, facts, header), At::Fetch)
}
