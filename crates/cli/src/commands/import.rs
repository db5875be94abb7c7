//! `ingle import`: takes the models of a bundle into the library. Needs no network and no rights
//! but those of the library's folder.

use std::path::{Path, PathBuf};

use serde_json::json;
use store::{
    audit::Event,
    bundle::{self, Brought, Bundle, Carried, Existing, How, Imported, Incoming, Program, Vouched},
    library::{Entry, Library},
    policy::{At, Subject},
    signing,
};

use super::{
    export::bar,
    sign::{self, trust},
};
use crate::{
    admission,
    args::Import,
    library::{self, text},
    numbers::size,
    settings::Site,
    terminal::tell,
};

/// Takes them in.
pub(crate) fn run(args: Import) -> anyhow::Result<()> {
    let Import { files, yes, json, trusted } = args;
    let trust = trust(&trusted)?;
    // Reads the user's own catalogue, too.
    Site::find()?;
    let library = library::library()?;
    let arrived = library::now();
    let existing = if yes { Existing::Replace } else { Existing::Keep };
    let how = How { arrived: &arrived, trust: trust.as_ref(), existing };
    let mut told = Vec::new();
    for path in bundles(&files) {
        let bundle = Bundle::open(&path)?;
        // The program first: if it was changed, nothing of the bundle is to be believed.
        let program = bundle.program()?;
        let (mut models, mut entries) = (Vec::new(), Vec::new());
        for model in bundle.models() {
            let (imported, architecture) = one((path.as_path(), &bundle), model, &library, &how)?;
            if !json.on {
                super::print(&line(model, &imported))?;
            }
            architecture.iter().for_each(|it| library::warn_of_architecture(it));
            models.push(as_json(model, &imported));
            let (Imported::New { entry, .. } | Imported::There { entry, .. }) = imported;
            entries.push(entry);
        }
        if !json.on {
            next(&path, &library, &entries, program);
        }
        told.push(json!({
            "bundle": text(&path), "index": bundle.index(), "models": models,
            "program": program.map(|it| json!({"sha256": it.sha256, "platform": it.platform})),
        }));
    }
    if json.on { super::print_json(&json!({"bundles": told})) } else { Ok(()) }
}

/// Each bundle once, whichever and however many of its parts are named.
fn bundles(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for first in files.iter().map(|it| bundle::first_part(it)) {
        if !all.contains(&first) {
            all.push(first);
        }
    }
    all
}

/// Takes one in; gives the architecture of one that was not there, too.
fn one(
    (path, bundle): (&Path, &Bundle),
    model: &Carried,
    library: &Library,
    how: &How<'_>,
) -> anyhow::Result<(Imported, Option<String>)> {
    let manifest = bundle.manifest(model, how.arrived);
    // A bundle without a signature of somebody trusted is refused, whatever the policy says.
    let key = how.trust.map(|it| bundle.signed_with(model, it)).transpose()?;
    let subject = admission::of_manifest(&manifest)?;
    let subject = match (&key, Vouched::of(&manifest)) {
        (Some(key), Vouched::All) => subject.signed_by(key.hint()),
        // What is said of the files stays a claim, and so does where they came from.
        (Some(key), Vouched::Files | Vouched::Otherwise) => {
            subject.with_files_signed_by(key.hint())
        }
        (None, _) => subject,
    };
    // By what is said of it, before gigabytes are copied.
    if let Err(denied) = admission::before(&subject, At::Import) {
        let way = format!("ingle import {}", path.display());
        let unchecked = admission::unchecked(&subject, At::Import, &manifest, &way)?;
        // What a policy would have to name.
        let by =
            key.map(|it| format!("`{}` is signed with the key sha256:{}", subject.name, it.hint()));
        let note = unchecked.or(by);
        note.iter().for_each(|it| tell(format_args!("note: {it}")));
        return Err(denied);
    }
    let bar = bar(model.size(), "importing");
    let brought = bundle.bring(model, library, how, &mut |n| bar.inc(n));
    bar.finish_and_clear();
    let (imported, architecture) = match brought? {
        Brought::There(there) => (there, None),
        Brought::New(incoming) => {
            let (imported, architecture) = looked_into(incoming, subject)?;
            (imported, Some(architecture))
        }
    };
    if let Some(key) = &key {
        let (Imported::New { entry, .. } | Imported::There { entry, .. }) = &imported;
        let signature = sign::read(&entry.folder.join(signing::FILE))?;
        library::keep_signature(library, entry, key, &signature);
    }
    Ok((imported, architecture))
}

/// Lets a model show up that the loader opens and whose file says nothing that the policy forbids; the
/// bytes of another go. Gives its architecture, too.
fn looked_into(incoming: Incoming, subject: Subject) -> anyhow::Result<(Imported, String)> {
    let looked = || {
        let file = incoming.open()?;
        let allowed = admission::before(&subject.opened(&file), At::Import)?;
        anyhow::Ok((allowed, file.architecture().to_owned()))
    };
    let (allowed, architecture) = match looked() {
        Ok(looked) => looked,
        Err(error) => {
            // The first error is the one to tell.
            let _ = incoming.discard();
            return Err(error);
        }
    };
    let imported = incoming.publish()?;
    if let Imported::New { entry, .. } = &imported {
        allowed.done(Event::Imported, &Subject::of_manifest(&entry.manifest))?;
    }
    Ok((imported, architecture))
}

fn line(model: &Carried, imported: &Imported) -> String {
    let (state, entry, signer) = match imported {
        Imported::New { entry, signer } => {
            (format!("imported, {}", size(model.size())), entry, signer)
        }
        Imported::There { entry, signer } => {
            ("was there already, the same files".to_owned(), entry, signer)
        }
    };
    let by = match (signer, Vouched::of(&entry.manifest)) {
        (None, _) => String::new(),
        (Some(it), Vouched::All) => format!(", signed by {it}"),
        (Some(it), _) => format!(", files signed by {it}; its name, origin and licence are not"),
    };
    format!("{}: {state}{by}\n", model.name)
}

fn as_json(model: &Carried, imported: &Imported) -> serde_json::Value {
    let (state, entry, signer) = match imported {
        Imported::New { entry, signer } => ("imported", entry, signer),
        Imported::There { entry, signer } => ("there", entry, signer),
    };
    json!({
        "name": model.name, "state": state, "bytes": model.size(), "folder": text(&entry.folder),
        "signer": signer,
        "facts_signed": signer.is_some() && Vouched::of(&entry.manifest) == Vouched::All,
    })
}

fn next(path: &Path, library: &Library, entries: &[Entry], program: Option<&Program>) {
    if let Some(program) = program {
        let (name, platform) = (path.display(), &program.platform);
        tell(format_args!("note: `{name}` also has the program for {platform}, which stays there"));
    }
    match entries {
        [] => tell(format_args!("note: no model is in `{}`", path.display())),
        [first, ..] => {
            let called = first.called_in_catalogue();
            let name = library::short(library, first, called.as_slice());
            tell(format_args!("note: `ingle run {name}` runs it"));
        }
    }
}
