//! A model of the hub, from its header alone: nothing else of it is fetched.

use std::path::Path;

use anyhow::Context;
use hub::{Choice, Expected, RemoteFile, Revision, Snapshot};
use loader::{Access, ModelFile, Override};
use serde_json::{Value, json};
use store::{
    Correction, catalogue,
    library::{Facts, Resolved},
    name::Name,
    policy::Subject,
    reference::{Reference, Wanted},
};
use tempfile::TempDir;

use super::known::{Known, files, row, rows};
use crate::{
    args,
    commands::pull::{known, progress::Progress, source},
    library, listed,
    model::{self, Read, Use},
};

/// The header of a model, in a folder that goes with it.
pub(crate) struct Remote {
    pub(crate) file: ModelFile,
    pub(crate) corrections: Vec<Correction>,
    pub(crate) snapshot: Snapshot,
    choice: Choice,
    _folder: TempDir,
}

/// The repository or the name of the catalogue that `name` means, if the library has no model of it and
/// it cannot be meant for a path: a path that is misspelt stays on this machine.
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
    let is_known = match &reference.wanted {
        Wanted::Repository(_) => true,
        Wanted::Called(called) => catalogue::listed(called).is_some(),
    };
    if is_path || !is_known || model::built_in(name).is_some() {
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
        Ok(Self { file, corrections, snapshot, choice, _folder: folder })
    }

    /// What the policy looks at, by what the catalogue, the hub and the header say.
    ///
    /// # Errors
    ///
    /// If its variant can be no name here.
    pub(crate) fn subject(&self) -> anyhow::Result<Subject> {
        let name = Name::new(&self.snapshot.repository, &self.choice.variant)?;
        let from = (&self.snapshot, &self.choice);
        Ok(known::subject(&name, from, &self.facts(), Some(&self.file)))
    }

    /// Where it is, what the catalogue or the hub says of it, and its files.
    ///
    /// # Errors
    ///
    /// If the catalogue's words are no JSON.
    pub(super) fn known(&self) -> anyhow::Result<Known> {
        let Snapshot { repository, revision, commit, endpoint, .. } = &self.snapshot;
        let (facts, listed) = (self.facts(), catalogue::by_repository(repository));
        let mut json = vec![("hub", self.json(&facts))];
        if let Some(listed) = &listed {
            json.push(("catalogue", serde_json::to_value(listed)?));
        }
        let listed = listed.as_ref().map(listed::shown).unwrap_or_default();
        let mut page = String::from("\n");
        page += &row("from", &format!("{endpoint}/{repository}"));
        page += &row("commit", &format!("{commit} ({revision})"));
        facts.catalogue.iter().for_each(|it| page += &row("catalogue", it));
        let files = files(self.choice.files.iter().map(|it| {
            let digest = match it.digest {
                Expected::Sha256(it) => it.to_string(),
                Expected::GitBlob(it) => format!("unknown; git: {it}"),
            };
            (digest, it.size, it.path.to_string())
        }));
        page += &(rows(&facts, &listed) + &files);
        Ok(Known { page, json })
    }

    fn facts(&self) -> Facts {
        known::facts(&self.snapshot, &self.choice, Some(self.file.architecture()))
    }

    fn json(&self, facts: &Facts) -> Value {
        let Snapshot { repository, revision, commit, endpoint, .. } = &self.snapshot;
        let file = |it: &RemoteFile| {
            let (sha256, git) = match it.digest {
                Expected::Sha256(it) => (Some(it.to_string()), None),
                Expected::GitBlob(it) => (None, Some(it.to_string())),
            };
            json!({"path": it.path.to_string(), "size": it.size, "sha256": sha256, "git": git})
        };
        json!({
            "endpoint": endpoint.to_string(),
            "repository": repository,
            "revision": revision.to_string(),
            "commit": commit.to_string(),
            "facts": facts,
            "files": self.choice.files.iter().map(file).collect::<Vec<_>>(),
        })
    }
}
