//! A model of the hub, from its header alone: nothing else of it is fetched.

use std::path::Path;

use anyhow::Context;
use hub::Revision;
use loader::{Access, ModelFile, Override};
use store::{
    Correction,
    library::Resolved,
    name::RepoId,
    reference::{Reference, Wanted},
};
use tempfile::TempDir;

use crate::{
    args,
    commands::pull::{progress::Progress, source},
    library,
    model::{self, Read, Use},
};

/// The header of a model, in a folder that goes with it.
pub(crate) struct Remote {
    pub(crate) file: ModelFile,
    pub(crate) corrections: Vec<Correction>,
    pub(crate) repository: RepoId,
    _folder: TempDir,
}

/// The repository that `name` means, if the library has no model of it and it cannot be meant for a
/// path: a path that is misspelt stays on this machine.
///
/// # Errors
///
/// If the library cannot be read.
pub(crate) fn meant(name: &str) -> anyhow::Result<Option<Reference>> {
    let above = Path::new(name).parent().filter(|it| !it.as_os_str().is_empty());
    let is_path = [".gguf", ".safetensors"].iter().any(|it| name.ends_with(it))
        || Path::new(name).exists()
        || above.is_some_and(Path::exists);
    let Ok(reference) = name.parse::<Reference>() else { return Ok(None) };
    if is_path || !matches!(reference.wanted, Wanted::Repository(_)) {
        return Ok(None);
    }
    let is_here = !matches!(library::library()?.resolve(&reference)?, Resolved::Absent);
    Ok((!is_here).then_some(reference))
}

impl Remote {
    /// Fetches the header of what `reference` means.
    ///
    /// # Errors
    ///
    /// If the hub cannot be reached or has no such model, or it is not sound.
    pub(crate) fn open(
        reference: &Reference,
        flags: &args::Hub,
        overrides: &[Override],
    ) -> anyhow::Result<Self> {
        let progress = Progress::new();
        let mut hub = source::open(flags, None)?;
        let revision = reference.revision.as_ref().map(|it| it.parse::<Revision>());
        let revision = revision.transpose()?.unwrap_or_default();
        let repositories = source::repositories(reference)?;
        let snapshot = source::look(&mut hub, &repositories, &revision, &progress)?;
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let (choice, path) = source::with_token(&mut hub, &snapshot.repository, |hub| {
            let choice = hub.choose(&snapshot, reference.quant.as_deref(), &progress)?;
            let path = hub.headers(&snapshot, &choice, folder.path(), &progress)?;
            Ok((choice, path))
        })?;
        let path = path.to_str().context("the temporary folder has a name that is no UTF-8")?;
        let Read { mut file, corrections, .. } =
            model::open_corrected(path, overrides, Access::Map, Use::Header)?;
        let shown = choice.main.as_ref().map_or_else(String::new, |it| format!("/{it}"));
        file.path = format!("{}/{}{shown}", snapshot.endpoint, snapshot.repository).into();
        let repository = snapshot.repository;
        Ok(Self { file, corrections, repository, _folder: folder })
    }
}
