//! Signatures beside a manifest: they stay, and what is written there is checked each time.

use std::{fs, io::ErrorKind, ops::ControlFlow};

use super::*;
use crate::{
    disk::Disk,
    library::{Entry, Facts, Library, Manifest, Origin, SIGNATURES, VERSION},
};

/// A library with a model, in a folder that goes with it.
struct Place {
    _dir: tempfile::TempDir,
    library: Library,
    entry: Entry,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::at(dir.path().join("models"), Disk::default());
    let bytes: [&[u8]; 3] = [b"weights", b"{}", b"a"];
    let manifest = Manifest {
        version: VERSION,
        name: "m".parse().unwrap(),
        main: Some(files()[0].path.clone()),
        files: files(),
        origin: Origin::File { path: "m".into() },
        arrived: "2026-11-29T12:00:00Z".to_owned(),
        facts: Facts::default(),
        root: None,
    };
    let staging = library.stage(&manifest.name).unwrap();
    for (file, bytes) in manifest.files.iter().zip(bytes) {
        fs::write(staging.place(&file.path.0).unwrap(), bytes).unwrap();
    }
    let entry = staging.publish(&manifest).unwrap();
    Place { _dir: dir, library, entry }
}

fn public(pem: &str) -> PublicKey {
    PublicKey::from_pem(pem).unwrap()
}

/// Keeps a signature of `files` with a key of the tests.
fn keep_of(place: &Place, nth: usize, files: &[StoredFile]) -> Result<(), Error> {
    let (private, pem) = KEYS[nth];
    let signature = Signer::new(key(private), None).unwrap().sign_folder("m", files, &[]);
    keep(&place.library, &place.entry, &public(pem), &signature)
}

#[test]
fn a_signature_that_was_checked_is_found_again() {
    let place = place();
    assert_eq!(signers(&place.entry), []);
    let hints = [0, 1].map(|nth| public(KEYS[nth].1).hint());
    for nth in [0, 1] {
        keep_of(&place, nth, &files()).unwrap();
    }
    assert_eq!(signers(&place.entry), hints);
    // Once more changes nothing, so that a library that is read only is no hindrance.
    let still = Disk::failing(0, ErrorKind::ReadOnlyFilesystem);
    let still = Library::at(place.library.root(), still);
    let signature = signer().sign_folder("m", &files(), &[]);
    keep(&still, &place.entry, &public(KEYS[0].1), &signature).unwrap();
    // It is no file of the model, and of a copy it is the same.
    assert!(place.entry.verify(&|_| ControlFlow::Continue(())).unwrap().is_empty());
    let copy = place.library.copy(&place.entry, &"n".parse().unwrap()).unwrap();
    assert_eq!(signers(&copy), hints);
}

/// Who issued it was asked when it was checked.
#[test]
fn a_signature_with_a_certificate_is_kept_by_its_key() {
    let place = place();
    let chain = Chain::from_pem(include_str!("../../../fixtures/signing/leaf.pem")).unwrap();
    let signer = Signer::new(key(KEYS[0].0), Some(chain)).unwrap();
    let signature = signer.sign_folder("m", &files(), &[]);
    let (own, other) = (public(KEYS[0].1), public(KEYS[1].1));
    let error = keep(&place.library, &place.entry, &other, &signature).unwrap_err();
    assert!(matches!(error, Error::OtherKey { .. }), "{error}");
    keep(&place.library, &place.entry, &own, &signature).unwrap();
    assert_eq!(signers(&place.entry), [own.hint()]);
    let mut entry = place.entry.clone();
    entry.manifest.files[0].sha256 = Sha256Hex::of(b"others");
    assert_eq!(signers(&entry), []);
}

#[test]
fn nothing_is_believed_because_it_is_written() {
    let place = place();
    keep_of(&place, 0, &files()).unwrap();
    let path = place.entry.folder.join(SIGNATURES);
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let said = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        fs::write(&path, bad.to_string()).unwrap();
        signers(&place.entry)
    };
    assert_eq!(said(&|_| {}), [public(KEYS[0].1).hint()]);
    assert_eq!(said(&|it| it[0]["key"] = KEYS[1].1.into()), []);
    assert_eq!(said(&|it| it[0]["key"] = "a key".into()), []);
    assert_eq!(said(&|it| it[0]["signature"] = "{}".into()), []);
    let flipped = |it: &mut Value| {
        let text =
            it[0]["signature"].as_str().unwrap().replacen("payload\":\"e", "payload\":\"f", 1);
        assert_ne!(it[0]["signature"], text.as_str());
        it[0]["signature"] = text.into();
    };
    assert_eq!(said(&flipped), []);
    assert_eq!(said(&|it| *it = Value::Null), []);
}

#[test]
fn a_signature_is_of_exactly_what_the_manifest_says() {
    let place = place();
    keep_of(&place, 0, &files()).unwrap();
    let changed = |change: &dyn Fn(&mut Manifest)| {
        let mut entry = place.entry.clone();
        change(&mut entry.manifest);
        signers(&entry)
    };
    assert_eq!(changed(&|_| {}).len(), 1);
    assert_eq!(changed(&|it| it.files[0].sha256 = Sha256Hex::of(b"others")), []);
    assert_eq!(changed(&|it| it.files.push(file("more.json", b"{}"))), []);
    assert_eq!(changed(&|it| drop(it.files.pop())), []);
    // The signature's own file is not signed: beside the model it may lie, but not be run.
    let own = || file(FILE, b"weights of somebody else");
    assert_eq!(changed(&|it| it.files.push(own())).len(), 1);
    let run = |it: &mut Manifest| {
        it.files.push(own());
        it.main = Some(own().path);
    };
    assert_eq!(changed(&run), []);
}

#[test]
fn what_does_not_hold_is_not_kept() {
    let place = place();
    assert!(matches!(keep_of(&place, 0, &files()[..2]), Err(Error::Unsigned { .. })));
    let mut others = files();
    others[0] = file("model.gguf", b"others");
    assert!(matches!(keep_of(&place, 0, &others), Err(Error::Differs { .. })));
    let signature = signer().sign_folder("m", &files(), &[]);
    let error = keep(&place.library, &place.entry, &public(KEYS[1].1), &signature).unwrap_err();
    assert!(matches!(error, Error::OtherKey { .. }), "{error}");
    // Over pieces: whether they are of what the manifest says would take reading them.
    let named = files().into_iter().map(|it| (format!("{}:0:{}", it.path.0, it.size), it.sha256));
    let named: Vec<_> = named.collect();
    let resources: Vec<_> = named.iter().map(|(name, digest)| (name.as_str(), *digest)).collect();
    let pieces = over(&statement("shards", &resources));
    let error = keep(&place.library, &place.entry, &public(KEYS[0].1), &pieces).unwrap_err();
    assert!(matches!(error, Error::InPieces { .. }), "{error}");
    assert!(!place.entry.folder.join(SIGNATURES).exists());
}
