//! The pull itself: look, choose, show, fetch what is not here, check, publish.

use std::{fs::File, ops::ControlFlow, path::Path};

use anyhow::Context;
use hub::{Choice, Expected, Hub, RemoteFile, Revision, Snapshot, Watch};
use loader::{Access, ModelFile};
use serde_json::Value;
use store::{
    audit::Event,
    library::{
        Entry, Error, Facts, FileName, Flaw, Found, Library, Manifest, Origin, Staging, StoredFile,
        VERSION,
    },
    name::Name,
    policy::Subject,
    reference::Reference,
};

use super::{fit::Fit, known, plan, progress::Progress, source};
use crate::{
    admission::Pending,
    args::Pull,
    commands::{print_json, verify},
    failure::Failure,
    library,
    settings::Site,
    terminal::tell,
};

/// Fetches it, and says what to type next.
pub(crate) fn run(args: Pull) -> anyhow::Result<()> {
    let reference = reference(&args.reference)?;
    agree("--quant", args.quant.as_deref(), reference.quant.as_deref())?;
    agree("--revision", args.revision.as_deref(), reference.revision.as_deref())?;
    let hub = source::open(&args.hub, args.limit_rate)?;
    // Reads the user's own catalogue, too.
    Site::find()?;
    let library = library::library()?;
    let (entry, fit) = pull(hub, &reference, &library, &args)?;
    let name = &entry.manifest.name;
    match args.json.on {
        true => print_json(&json(&entry, fit.as_ref())),
        false => {
            let short = library::short(&library, &entry, &[args.reference.as_str()]);
            tell(format_args!("`{name}` is here; `ingle run {short}` chats with it, offline"));
            Ok(())
        }
    }
}

/// What is asked for, unless that is here and no hub has it.
fn reference(text: &str) -> anyhow::Result<Reference> {
    let parsed = text.parse::<Reference>();
    match (parsed, library::other(text)) {
        (_, Some(other)) => Err(other.into()),
        (parsed, None) => Ok(parsed?),
    }
}

/// An error if a flag says something else than the name of the model does: one would be passed over.
fn agree(flag: &str, said: Option<&str>, named: Option<&str>) -> Result<(), Failure> {
    match (said, named) {
        (Some(said), Some(named)) if !said.eq_ignore_ascii_case(named) => {
            let message = format!("the model is named with `{named}`, found `{flag} {said}`");
            Err(Failure::usage(message).hint("leave one of them out"))
        }
        _ => Ok(()),
    }
}

/// The model, fetched or found; what it takes where that was looked at.
fn pull(
    mut hub: Hub,
    reference: &Reference,
    library: &Library,
    args: &Pull,
) -> anyhow::Result<(Entry, Option<Fit>)> {
    let progress = Progress::new();
    let revision = args.revision.as_ref().or(reference.revision.as_ref());
    let revision = revision.map(|it| it.parse::<Revision>()).transpose()?.unwrap_or_default();
    let wanted = args.quant.as_deref().or(reference.quant.as_deref());
    let repositories = source::repositories(reference)?;
    let snapshot = source::look(&mut hub, &repositories, &revision, &progress)?;
    let repository = &snapshot.repository;
    let choose = |hub: &Hub| hub.choose(&snapshot, wanted, &progress);
    let choice = source::with_token(&mut hub, repository, choose)?;
    let name = Name::new(repository, &choice.variant)?;
    let (mut seen, replaced) = match here(library, &name, (&snapshot, &choice))? {
        Here::Whole(entry) => return Ok((entry, None)),
        Here::Other { seen, replaced } => (seen, replaced),
    };
    // Whoever verified took Ctrl-C over.
    let progress = Progress::new();
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let headers = |hub: &Hub| hub.headers(&snapshot, &choice, folder.path(), &progress);
    let header = source::with_token(&mut hub, repository, headers)?;
    let header = ModelFile::open_with(&header, &[], Access::Map);
    let fit = Fit::of(&header);
    let mut facts = known::facts(&snapshot, &choice, fit.architecture.as_deref());
    known::allowed(&name, (&snapshot, &choice), &facts, header.as_ref().ok())?;
    drop((header, folder));
    plan::show(&snapshot, &choice, &facts, &fit);
    insist(fit.doubt().into_iter().chain(replaced), args)?;
    let staging = loop {
        if let Some(staging) = library.stage_instead(&name, seen.as_ref())? {
            break staging;
        }
        // Something came meanwhile: an answer may take minutes.
        match here(library, &name, (&snapshot, &choice))? {
            Here::Whole(entry) => return Ok((entry, None)),
            Here::Other { seen: now, replaced } => {
                insist(replaced.into_iter(), args)?;
                seen = now;
            }
        }
    };
    // Whoever verified or asked took it over.
    let progress = Progress::new();
    let damaged = match &seen {
        Some(Found::Model(it)) if is_same(&it.manifest, &snapshot, &choice) => Some(&it.manifest),
        _ => None,
    };
    let kept = kept(&staging, (&snapshot, &choice), damaged, &progress)?;
    let files = hub.download(&snapshot, (&choice, &kept), (library, &staging), &progress)?;
    let allowed = match judged(&name, staging.folder(), (&snapshot, &choice), &mut facts) {
        Ok(allowed) => allowed,
        Err(error) => {
            // The first error is the one to tell.
            let _ = staging.discard();
            return Err(error);
        }
    };
    // Not noted as verified: it was hashed while it grew, and the first load reads it as it is.
    let entry = staging.publish(&manifest(name, &snapshot, choice, (files, facts)))?;
    allowed.done(Event::Fetched, &Subject::of_manifest(&entry.manifest))?;
    Ok((entry, Some(fit)))
}

/// What is in the place of a model that is to be fetched.
enum Here {
    /// What the hub has now, all of it.
    Whole(Entry),
    /// That, damaged; something else; or nothing.
    Other {
        /// As it was seen.
        seen: Option<Found>,
        /// What speaks against replacing it, if anything does.
        replaced: Option<String>,
    },
}

/// What is in the place of the model `name`; says where that is all that there is to fetch.
fn here(
    library: &Library,
    name: &Name,
    (snapshot, choice): (&Snapshot, &Choice),
) -> anyhow::Result<Here> {
    let seen = library.occupant(name)?;
    let replaced = match &seen {
        Some(there @ Found::Model(entry)) if is_same(&entry.manifest, snapshot, choice) => {
            let is_whole = is_whole(library, entry)?;
            if is_whole && is_small_same(entry, choice)? {
                tell(format_args!("`{name}` is what the hub has now: nothing to fetch"));
                return Ok(Here::Whole(entry.clone()));
            }
            is_whole.then(|| replaces(name, there))
        }
        there => there.as_ref().map(|it| replaces(name, it)),
    };
    Ok(Here::Other { seen, replaced })
}

/// Tells what speaks against it, and goes on if that is wanted all the same.
fn insist(doubts: impl Iterator<Item = String>, args: &Pull) -> anyhow::Result<()> {
    let doubts: Vec<String> = doubts.collect();
    doubts.iter().for_each(|it| tell(format_args!("warning: {it}")));
    if doubts.is_empty() || args.yes { Ok(()) } else { plan::insist() }
}

/// Whether these are said to be the files that are chosen, of the commit that the hub has now, also
/// where they were carried here in a bundle. No manifest has git's digests, which small ones have.
fn is_same(manifest: &Manifest, snapshot: &Snapshot, choice: &Choice) -> bool {
    let mut origin = &manifest.origin;
    while let Origin::Bundle { before, .. } = origin {
        origin = before;
    }
    let Origin::Hub { repository, commit, .. } = origin else { return false };
    let has = |file: &RemoteFile| {
        let stored = manifest.files.iter().find(|it| it.path.0 == file.path);
        stored.is_some_and(|it| match file.digest {
            Expected::Sha256(digest) => (it.size, it.sha256) == (file.size, digest),
            Expected::GitBlob(_) => it.size == file.size,
        })
    };
    (repository, commit) == (&snapshot.repository, &snapshot.commit)
        && manifest.files.len() == choice.files.len()
        && choice.files.iter().all(has)
}

/// Whether the small files are the hub's, too: whoever packs a bundle can write any commit into it.
/// Says which is not.
fn is_small_same(entry: &Entry, choice: &Choice) -> anyhow::Result<bool> {
    for file in choice.files.iter().filter(|it| matches!(it.digest, Expected::GitBlob(_))) {
        let path = file.path.below(entry.files());
        let is_its = File::open(&path).and_then(|it| file.begins(it));
        if !is_its.with_context(|| format!("cannot read `{}`", path.display()))? {
            tell(format_args!("`{}` is not what the hub has", path.display()));
            return Ok(false);
        }
    }
    Ok(true)
}

/// The files that the library has already, of this model or of another, now in `staging` and held
/// against their digests. Of a large file, that is the one that the hub gives; it gives none of a small
/// one but git's, so that only what came from the same hub at the same commit says what it is.
fn kept(
    staging: &Staging,
    (snapshot, choice): (&Snapshot, &Choice),
    damaged: Option<&Manifest>,
    progress: &Progress,
) -> Result<Vec<StoredFile>, Error> {
    let hub = snapshot.endpoint.to_string();
    let own = damaged
        .filter(|it| matches!(&it.origin, Origin::Hub { endpoint, .. } if *endpoint == hub))
        .map_or(&[][..], |it| it.files.as_slice());
    let watch = |_: u64| match progress.stop() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let mut kept = Vec::new();
    for file in &choice.files {
        let path = FileName(file.path.clone());
        let sha256 = match file.digest {
            Expected::Sha256(digest) => Some(digest),
            Expected::GitBlob(_) => own.iter().find(|it| it.path == path).map(|it| it.sha256),
        };
        let Some(sha256) = sha256 else { continue };
        let wanted = StoredFile { path, size: file.size, sha256 };
        if staging.share(&wanted, &watch)? {
            kept.push(wanted);
        }
    }
    Ok(kept)
}

/// Asks again whether this site allows the model, now that it lies in `folder`: the header that was
/// looked at before had no digest, and a mirror may have shown that of another model.
fn judged(
    name: &Name,
    folder: &Path,
    from: (&Snapshot, &Choice),
    facts: &mut Facts,
) -> anyhow::Result<Pending> {
    let place = from.1.main.as_ref().map_or_else(|| folder.to_owned(), |it| it.below(folder));
    // Somebody may have insisted on one that cannot be read.
    let file = ModelFile::open_with(&place, &[], Access::Map).ok();
    if let Some(file) = &file {
        facts.architecture = Some(file.architecture().to_owned());
    }
    known::allowed(name, from, facts, file.as_ref())
}

/// What speaks against a model that takes the place of what is here.
fn replaces(name: &Name, there: &Found) -> String {
    match there {
        Found::Model(entry) => {
            let origin = &entry.manifest.origin;
            let commit = origin.hub().map(|it| format!(" at {}", &it.1.to_string()[..12]));
            let from = library::came_from(origin) + &commit.unwrap_or_default();
            format!("it replaces the `{name}` that is here, from {from}")
        }
        Found::Unreadable { why, .. } => format!("it replaces what is here: {why}"),
    }
}

/// Whether its bytes are still those that came: as they were verified last, else as they are read
/// now. Says what is not.
fn is_whole(library: &Library, entry: &Entry) -> anyhow::Result<bool> {
    if entry.verified().is_some() {
        return Ok(true);
    }
    let faults = verify::verify(library, entry)?;
    // What is not of the model is nothing that the hub has.
    let damage: Vec<_> = faults.iter().filter(|it| !matches!(it.flaw, Flaw::Unnamed)).collect();
    damage.iter().for_each(|it| tell(format_args!("{it}; fetching it anew")));
    Ok(damage.is_empty())
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
