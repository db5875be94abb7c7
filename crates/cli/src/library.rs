//! The library as commands use it: which model a name means, and its bytes held against its
//! manifest, with a bar that says how far that is.

use std::{ops::ControlFlow, path::Path, time::Duration};

use chrono::{SecondsFormat, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use loader::{Access, ModelFile, Override};
use serde_json::json;
use store::{
    Home,
    adopt::{Foreign, foreign},
    bundle::first_part,
    catalogue,
    disk::Disk,
    library::{Entry, Error, Fault, Flaw, Found, Library, Look, Origin, Resolved},
    name::Name,
    reference::{Reference, Wanted},
    signing::{self, PublicKey},
};

use crate::{
    failure::Failure,
    model::{self, distance},
    repair,
    settings::Site,
    terminal::{Interrupts, tell},
};

/// How a first model comes, in a list of things to type.
pub(crate) const GET_ONE: &str = match cfg!(feature = "hub") {
    true => "ingle pull llama3.2:3b      fetch one",
    false => "ingle import FILE.ingle     take one in from a machine with a network",
};

/// The library of this user.
///
/// # Errors
///
/// If there is no home folder.
pub(crate) fn library() -> Result<Library, store::Error> {
    Ok(Library::at(Home::find()?.models(), Disk::default()))
}

/// Now, as manifests have it.
pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The model of the library that `name` means.
///
/// # Errors
///
/// If there is none, or it is not said which of several; if the library cannot be read.
pub(crate) fn entry(library: &Library, name: &str) -> anyhow::Result<Entry> {
    let reference = match name.parse::<Reference>() {
        Ok(reference) => reference,
        Err(error) => return Err(other(name).map_or_else(|| error.into(), Into::into)),
    };
    match library.resolve(&reference)? {
        Resolved::Model(entry) => Ok(entry),
        Resolved::Several(all) => {
            let names: Vec<_> = all.iter().map(|it| format!("`{}`", it.name())).collect();
            let failure = Failure::usage(format!("`{name}` is {} models", names.len()));
            Err(failure.hint(format!("name one of {}", names.join(", "))).into())
        }
        Resolved::Absent => {
            Err(other(name).unwrap_or_else(|| absent(library, name, &reference)).into())
        }
    }
}

/// What `name` means that is no model of the library, nor one that could be fetched.
pub(crate) fn other(name: &str) -> Option<Failure> {
    if model::built_in(name).is_some() {
        let failure = Failure::usage(format!("`{name}` is built into every `ingle`"));
        return Some(failure.hint("there is nothing to fetch, to verify or to remove"));
    }
    if let Some(bundle) = bundle(name) {
        return Some(bundle);
    }
    let path = Path::new(name);
    let (kind, placeholder) = match (path.is_file(), name.starts_with(['.', '/'])) {
        (true, _) => ("file", "FILE"),
        (false, true) if path.is_dir() => ("folder", "FOLDER"),
        (false, true) => return Some(model::absent(name, path)),
        (false, false) => return None,
    };
    let failure = Failure::usage(format!("`{name}` is a {kind}"));
    Some(failure.hint(format!(
        "`ingle cp {placeholder} NAME` takes it in, `ingle run {placeholder}` uses it where it lies"
    )))
}

/// What to do with a bundle, if a file of this name is called as bundles and their parts are.
pub(crate) fn bundle(name: &str) -> Option<Failure> {
    is_bundle(name).then(|| {
        let failure = Failure::usage(format!("`{name}` is a bundle"));
        failure.hint(format!("`ingle import {name}` takes it in"))
    })
}

/// Whether a bundle, or a part of one, lies at this path, by its name.
pub(crate) fn is_bundle(name: &str) -> bool {
    let whole = match name.rsplit_once('.') {
        Some((whole, n)) if n.len() == 3 && n.bytes().all(|it| it.is_ascii_digit()) => whole,
        _ => name,
    };
    whole.to_ascii_lowercase().ends_with(".ingle") && first_part(Path::new(name)).is_file()
}

/// An error if `ingle run` takes the name of a model that is to come here for another one.
pub(crate) fn refuse_name(name: &Name) -> Result<(), Failure> {
    let called = name.to_string();
    let message = match called.parse::<Reference>().map(|it| it.wanted) {
        _ if model::built_in(&called).is_some() => {
            format!("`{called}` is the name of the model that is built in")
        }
        Ok(Wanted::Called(it)) if catalogue::listed(&it).is_some() => {
            format!("`{called}` is a name of the catalogue")
        }
        _ => return Ok(()),
    };
    Err(Failure::usage(message).hint("give it another name"))
}

/// The shortest of `words` and the name of a model that means this model of the library, and nothing
/// that lies here.
pub(crate) fn short(library: &Library, entry: &Entry, words: &[&str]) -> String {
    let means = |word: &&&str| {
        let resolved = word.parse::<Reference>().ok().and_then(|it| library.resolve(&it).ok());
        let is_it = matches!(resolved, Some(Resolved::Model(it)) if it.name() == entry.name());
        is_it && !Path::new(word).exists()
    };
    let full = entry.name().to_string();
    let short = words.iter().filter(means).map(|it| (*it).to_owned());
    short.chain([full.clone()]).min_by_key(String::len).unwrap_or(full)
}

/// Why a model that is not there is not found, and what is near.
fn absent(library: &Library, name: &str, reference: &Reference) -> Failure {
    let failure = Failure::new(format!("`{name}` is not on this machine"));
    // Reads the user's own catalogue, too; settings that cannot be read are told where they count.
    let _ = Site::find();
    let can_be_had = match &reference.wanted {
        Wanted::Repository(_) => true,
        Wanted::Called(called) => catalogue::listed(called).is_some(),
    };
    let pull = match (cfg!(feature = "hub"), can_be_had) {
        (true, true) => format!("`ingle pull {name}` fetches it"),
        (true, false) => "`ingle list --all` names what can be had".to_owned(),
        (false, _) => {
            "`ingle import FILE.ingle` takes it in from a machine with a network".to_owned()
        }
    };
    // What cannot be read has been told, or is told by `list`.
    let entries = library.entries().unwrap_or_default().into_iter().filter_map(Found::model);
    let mut names: Vec<String> = entries.map(|it| it.name().to_string()).collect();
    let wanted = name.to_lowercase();
    names.sort_by_key(|it| (distance(&wanted, &it.to_lowercase()), it.clone()));
    names.truncate(3);
    match names.as_slice() {
        [] => failure.hint(pull),
        names => {
            let near: Vec<_> = names.iter().map(|it| format!("`{it}`")).collect();
            failure.hint(format!("{pull}; the library has {}", near.join(", ")))
        }
    }
}

/// Opens a model of the library. What was not verified since it came or changed is verified now, in
/// the bytes that are used from here on.
///
/// # Errors
///
/// If it is not what its manifest says, or the loader refuses it; if Ctrl-C was pressed.
pub(crate) fn open(
    library: &Library,
    entry: &Entry,
    access: Access,
    choose: impl FnOnce(&ModelFile) -> Vec<Override>,
) -> anyhow::Result<ModelFile> {
    let was_verified = entry.verified().is_some();
    let before = entry.look();
    let file = match entry.open(access, choose) {
        Err(error @ Error::Load { .. }) if !was_verified => {
            // The loader stumbles over damage at the place where it shows.
            refuse(entry, entry.verify(&Hashing::of(entry).watch())?)?;
            return Err(error.into());
        }
        file => file.map_err(|error| repair::told(entry, error))?,
    };
    // What holds after it was opened, too, is true of what was opened, and not of its path alone.
    if was_verified && entry.verified().is_some() {
        return Ok(file);
    }
    let hashing = Hashing::of(entry);
    refuse(entry, entry.verify_opened(&file, &hashing.watch())?)?;
    drop(hashing);
    note(library, entry, before?);
    Ok(file)
}

/// An error if the model is damaged. Files that its manifest does not name are not read, so that a
/// warning will do.
fn refuse(entry: &Entry, faults: Vec<Fault>) -> anyhow::Result<()> {
    let is_stray = |it: &Fault| matches!(it.flaw, Flaw::Unnamed);
    let (stray, faults): (Vec<_>, Vec<_>) = faults.into_iter().partition(is_stray);
    stray.iter().for_each(|it| tell(format_args!("warning: {it}; it is not read")));
    if faults.is_empty() {
        return Ok(());
    }
    let name = entry.name().clone();
    Err(repair::told(entry, Error::Damaged { name, faults }))
}

/// Notes that a model was verified; a library that is read only is no failure.
pub(crate) fn note(library: &Library, entry: &Entry, before: Look) {
    if let Err(error) = library.mark_verified(entry, before, &now()) {
        let name = entry.name();
        tell(format_args!(
            "note: `{name}` was verified, and will be again when it is next loaded: {error}"
        ));
    }
}

/// Keeps a signature that was checked, so that the policy finds it when the model is loaded; a library
/// that is read only is no failure.
pub(crate) fn keep_signature(library: &Library, entry: &Entry, key: &PublicKey, signature: &[u8]) {
    if let Err(error) = signing::keep(library, entry, key, signature) {
        let (name, error) = (entry.name(), anyhow::Error::from(error));
        tell(format_args!(
            "note: the signature of `{name}` was checked, and cannot be kept for a policy that asks for it \
             at each load: {error:#}"
        ));
    }
}

/// What another program gives the model beside its weights that changes its answers there and not here,
/// if there is such.
pub(crate) fn unused(entry: &Entry) -> Option<String> {
    let Foreign { parameters, system, .. } = foreign(entry)?;
    let parts = [("parameters", parameters), ("system prompt", system)];
    let there = |it: &Option<String>| it.as_ref().is_some_and(|it| !it.trim().is_empty());
    let parts: Vec<_> = parts.iter().filter(|it| there(&it.1)).map(|it| it.0).collect();
    let name = entry.name();
    (!parts.is_empty()).then(|| {
        format!(
            "Ollama's {} of `{name}` are not used: `ingle show {name}` shows them, flags such as \
             `--temp` and `--system` set others",
            parts.join(" and ")
        )
    })
}

/// Says so where nothing here runs a model of this architecture, which just came.
pub(crate) fn warn_of_architecture(architecture: &str) {
    if !engine::arch::supported().any(|it| it == architecture) {
        tell(format_args!("warning: its architecture `{architecture}` is not supported"));
    }
}

/// Bytes that are hashed, on a bar that goes with this; Ctrl-C stops it.
pub(crate) struct Hashing {
    bar: ProgressBar,
    interrupts: Interrupts,
}

impl Hashing {
    /// All bytes of a model.
    pub(crate) fn of(entry: &Entry) -> Self {
        Self::new(entry.manifest.size(), &entry.name().to_string())
    }

    /// So many bytes of what is called so.
    pub(crate) fn new(bytes: u64, what: &str) -> Self {
        let style =
            "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  verifying {msg}";
        let style = ProgressStyle::with_template(style);
        let bar = ProgressBar::new(bytes)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, interrupts: Interrupts::watch() }
    }

    /// To be told of bytes.
    pub(crate) fn watch(&self) -> impl Fn(u64) -> ControlFlow<()> + Sync {
        |n| {
            self.bar.inc(n);
            match self.interrupts.asked() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Where a model came from, in a few words.
pub(crate) fn came_from(origin: &Origin) -> String {
    match origin {
        Origin::Hub { endpoint, repository, .. } => {
            format!("{}/{repository}", endpoint.trim_start_matches("https://"))
        }
        Origin::File { path } => path.display().to_string(),
        Origin::Adopted { program, called } => format!("{program}: {called}, in place"),
        Origin::Bundle { before, .. } => format!("a bundle; before, {}", came_from(before)),
    }
}

/// A path in JSON, which is Unicode; what is not is replaced.
pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A model of the library, for programs.
pub(crate) fn json(entry: &Entry) -> serde_json::Value {
    let manifest = &entry.manifest;
    json!({
        "name": manifest.name,
        "path": text(&entry.to_open()),
        "folder": text(&entry.folder),
        "bytes": manifest.size(),
        "adopted": entry.is_adopted(),
        "arrived": manifest.arrived,
        "verified": entry.verified(),
        "origin": manifest.origin,
        "facts": manifest.facts,
        "files": manifest.files,
    })
}

#[cfg(test)]
mod tests {
    use loader::{Value, gguf::Writer};
    use store::{
        digest::Sha256Hex,
        library::{Facts, FileName, Manifest, StoredFile, VERSION},
    };

    use super::*;

    /// The mark beside a model spares no look at bytes that come while it is opened.
    #[test]
    fn what_changes_while_it_is_opened_is_verified() {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::at(dir.path().join("models"), Disk::default());
        let mut file = Writer::new();
        file.set("general.architecture", Value::String("llama".to_owned()));
        let bytes = file.to_bytes();
        let path = FileName("m.gguf".parse().unwrap());
        let (size, sha256) = (bytes.len() as u64, Sha256Hex::of(&bytes));
        let manifest = Manifest {
            version: VERSION,
            name: "m".parse().unwrap(),
            main: Some(path.clone()),
            files: vec![StoredFile { path: path.clone(), size, sha256 }],
            origin: Origin::File { path: "m.gguf".into() },
            arrived: now(),
            facts: Facts::default(),
            root: None,
        };
        let staging = library.stage(&manifest.name).unwrap();
        std::fs::write(staging.place(&path.0).unwrap(), &bytes).unwrap();
        let entry = staging.publish(&manifest).unwrap();
        library.mark_verified(&entry, entry.look().unwrap(), &now()).unwrap();
        open(&library, &entry, Access::Map, |_| Vec::new()).unwrap();
        let change = |_: &ModelFile| {
            let mut bytes = bytes.clone();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(entry.to_open(), bytes).unwrap();
            // Whatever the clock of the disk tells apart.
            let file = std::fs::File::options().write(true).open(entry.to_open()).unwrap();
            file.set_modified(std::time::SystemTime::now() + Duration::from_secs(1)).unwrap();
            Vec::new()
        };
        open(&library, &entry, Access::Map, change).unwrap_err();
    }
}
