//! What is known of a model besides its files: from the catalogue, from the hub's card; and whether
//! this site allows it.

use anyhow::Result;
use hub::{Choice, Kind, Snapshot};
use store::{
    library::{Facts, FileName},
    name::RepoId,
};

/// The repositories of a name of the catalogue, those of `quant` first.
pub(super) fn repositories(_called: &str, _quant: Option<&str>) -> Vec<RepoId> {
    Vec::new()
}

/// What is said of the model.
pub(super) fn facts(snapshot: &Snapshot, choice: &Choice, architecture: Option<&str>) -> Facts {
    let card = &snapshot.card;
    let architecture = architecture.map(str::to_owned).or_else(|| card.architecture.clone());
    Facts {
        licence: card.licence.clone(),
        licence_file: choice.licence.clone().map(FileName),
        lineage: card.base_models.clone(),
        architecture,
        format: (choice.kind == Kind::Gguf).then(|| choice.variant.clone()),
        ..Facts::default()
    }
}

/// Whether this site allows to fetch it.
///
/// # Errors
///
/// If a rule forbids it.
pub(super) fn allowed(_snapshot: &Snapshot, _facts: &Facts) -> Result<()> {
    Ok(())
}
