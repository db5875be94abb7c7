//! Bundles that come back as they were, and what is made of hostile ones (T19).

mod bill;
mod faults;
mod hostile;
mod round_trip;
mod signed;

use std::{fs, ops::ControlFlow, path::Path};

use super::*;
use crate::{
    digest::Sha256Hex,
    disk::Disk,
    library::{Entry, Facts, FileName, Library, Manifest, Origin, StoredFile, VERSION},
};

const ARRIVED: &str = "2026-01-02T03:04:05Z";

type Files<'a> = &'a [(&'a str, &'a [u8])];

const FILES: Files<'static> =
    &[("LICENSE.txt", b"do as you like\n"), ("model.gguf", b"GGUF and many more bytes")];

fn library(folder: &Path) -> Library {
    Library::at(folder.join("models"), Disk::default())
}

fn stored((path, bytes): &(&str, &[u8])) -> StoredFile {
    let path = FileName(path.parse().unwrap());
    StoredFile { path, size: bytes.len() as u64, sha256: Sha256Hex::of(bytes) }
}

fn manifest(name: &str, files: Files<'_>) -> Manifest {
    Manifest {
        version: VERSION,
        name: name.parse().unwrap(),
        main: files.iter().map(|it| stored(it).path).find(|it| it.0.as_str().ends_with(".gguf")),
        files: files.iter().map(stored).collect(),
        origin: Origin::Hub {
            endpoint: "https://hub.example".to_owned(),
            repository: "org/model".parse().unwrap(),
            revision: "main".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        },
        arrived: ARRIVED.to_owned(),
        facts: Facts {
            creator: Some("Example".to_owned()),
            country: Some("AQ".to_owned()),
            licence: Some("Apache-2.0".to_owned()),
            lineage: vec!["org/base".to_owned()],
            architecture: Some("llama".to_owned()),
            ..Facts::default()
        },
        root: None,
    }
}

/// Puts a model of these files into the library.
fn put(library: &Library, name: &str, files: Files<'_>) -> Entry {
    let manifest = manifest(name, files);
    let staging = library.stage(&manifest.name).unwrap();
    for (path, bytes) in files {
        fs::write(staging.place(&path.parse().unwrap()).unwrap(), bytes).unwrap();
    }
    staging.publish(&manifest).unwrap()
}

fn packing(models: Vec<Packed>) -> Export<'static> {
    Export { models, program: None, split: None, existing: Existing::Keep }
}

fn pack(target: &Path, models: Vec<Packed>) -> Written {
    export(&Disk::default(), target, packing(models), &mut on).unwrap()
}

/// Figures for the README of the tests.
fn say(what: &str) {
    #[expect(clippy::print_stdout, reason = "the numbers are written down in tests/README.md")]
    {
        println!("{what}");
    }
}

fn on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn how() -> How<'static> {
    How { arrived: ARRIVED, trust: None, existing: Existing::Keep }
}

/// Takes all models of the bundle in.
fn unpack(path: &Path, library: &Library, how: &How<'_>) -> Result<Vec<Imported>, Error> {
    let bundle = Bundle::open(path)?;
    bundle.models().iter().map(|it| import(&bundle, it, library, how)).collect()
}

/// Takes one in, whatever is in it: most of these are no models that a loader opens.
fn import(
    bundle: &Bundle,
    model: &Carried,
    library: &Library,
    how: &How<'_>,
) -> Result<Imported, Error> {
    match bundle.bring(model, library, how, &mut |_| {})? {
        Brought::New(incoming) => incoming.publish(),
        Brought::There(there) => Ok(there),
    }
}

/// Whether the library has the model with exactly these bytes.
#[track_caller]
fn holds(library: &Library, name: &str, files: Files<'_>) {
    let entry = library.find(&name.parse().unwrap()).unwrap().expect("it is there");
    assert_eq!(entry.manifest.files, files.iter().map(stored).collect::<Vec<_>>());
    for (path, bytes) in files {
        assert_eq!(fs::read(entry.folder.join(path)).unwrap(), *bytes, "{path}");
    }
}
