//! The pull itself: look, choose, show, fetch, check, publish.

use anyhow::Context;
use hub::{Choice, Hub, Revision, Snapshot};
use serde_json::Value;
use store::{
    library::{Entry, Facts, FileName, Library, Manifest, Origin, StoredFile, VERSION},
    name::Name,
    reference::Reference,
};

use super::{fit::Fit, known, plan, progress::Progress, source};
use crate::{args::Pull, commands::print_json, library, settings::Site, terminal::tell};

/// Fetches it, and says what to type next.
pub(crate) fn run(args: Pull) -> anyhow::Result<()> {
    let reference: Reference = args.reference.parse()?;
    let hub = source::open(&args.hub, args.limit_rate)?;
    // Reads the user's own catalogue, too.
    Site::find()?;
    let library = library::library()?;
    let (entry, fit) = pull(hub, &reference, &library, &args)?;
    let name = &entry.manifest.name;
    match args.json.on {
        true => print_json(&json(&entry, fit.as_ref())),
        false => {
            tell(format_args!("`{name}` is here; `ingle run {name}` chats with it, offline"));
            Ok(())
        }
    }
}

/// The model, fetched or found; what it takes where that was looked at.
fn pull(
    hub: Hub,
    reference: &Reference,
    library: &Library,
    args: &Pull,
) -> anyhow::Result<(Entry, Option<Fit>)> {
    let progress = Progress::new();
    let revision = args.revision.as_ref().or(reference.revision.as_ref());
    let revision = revision.map(|it| it.parse::<Revision>()).transpose()?.unwrap_or_default();
    let wanted = args.quant.as_deref().or(reference.quant.as_deref());
    let repositories = source::repositories(reference)?;
    let (hub, snapshot) = source::look(hub, &repositories, &revision, &progress)?;
    let choice = hub.choose(&snapshot, wanted, &progress)?;
    let name = Name::new(&snapshot.repository, &choice.variant)?;
    if let Some(entry) = library.find(&name)?
        && is_same(&entry.manifest.origin, &snapshot)
    {
        tell(format_args!("`{name}` is what the hub has now: nothing to fetch"));
        return Ok((entry, None));
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let fit = Fit::of(&hub.headers(&snapshot, &choice, folder.path(), &progress)?);
    drop(folder);
    let facts = known::facts(&snapshot, &choice, fit.architecture.as_deref());
    known::allowed(&name, &snapshot, &choice, &facts)?;
    plan::show(&snapshot, &choice, &facts, &fit);
    if let Some(doubt) = fit.doubt() {
        tell(format_args!("warning: {doubt}"));
        if !args.yes {
            plan::insist()?;
        }
    }
    let staging = library.stage(&name)?;
    let files = hub.download(&snapshot, &choice, (library, &staging), &progress)?;
    let entry = staging.publish(&manifest(name, &snapshot, choice, (files, facts)))?;
    library::note(library, &entry, entry.look()?);
    Ok((entry, Some(fit)))
}

fn is_same(origin: &Origin, snapshot: &Snapshot) -> bool {
    match origin {
        Origin::Hub { repository, commit, .. } => {
            (repository, commit) == (&snapshot.repository, &snapshot.commit)
        }
        _ => false,
    }
}

fn manifest(
    name: Name,
    snapshot: &Snapshot,
    choice: Choice,
    (files, facts): (Vec<StoredFile>, Facts),
) -> Manifest {
    Manifest {
        version: VERSION,
        name,
        main: choice.main.map(FileName),
        files,
        origin: Origin::Hub {
            endpoint: snapshot.endpoint.to_string(),
            repository: snapshot.repository.clone(),
            revision: snapshot.revision.to_string(),
            commit: snapshot.commit,
        },
        arrived: library::now(),
        facts,
        root: None,
    }
}

fn json(entry: &Entry, fit: Option<&Fit>) -> Value {
    let mut told = library::json(entry);
    told["fetched"] = fit.is_some().into();
    told["memory"] = fit.map(Fit::json).into();
    told
}
