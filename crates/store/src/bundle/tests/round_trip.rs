//! What is packed comes back, byte for byte, and the same models give the same bundle.

use super::*;
use crate::signing::{PrivateKey, Signer, Trust};

#[test]
fn a_model_comes_back_and_gives_the_same_bundle_again() {
    let dir = tempfile::tempdir().unwrap();
    let (here, there) = (library(&dir.path().join("here")), library(&dir.path().join("there")));
    let entry = put(&here, "org/model:Q4_K_M", FILES);
    let first = dir.path().join("first.ingle");
    let written = pack(&first, vec![Packed::of(&entry)]);
    let imported = unpack(&first, &there, &how()).unwrap();
    holds(&there, "org/model:Q4_K_M", FILES);
    let [Imported::New { entry: copy, signer: None }] = &imported[..] else {
        panic!("{imported:?}")
    };
    let before = Box::new(entry.manifest.origin.clone());
    assert_eq!(copy.manifest.origin, Origin::Bundle { index: written.index, before });
    assert_eq!(copy.manifest.facts, entry.manifest.facts);
    let second = dir.path().join("second.ingle");
    pack(&second, vec![Packed::of(copy)]);
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap());
    let again = unpack(&first, &there, &how()).unwrap();
    assert!(matches!(again[..], [Imported::There { .. }]), "{again:?}");
}

#[test]
fn order_and_splitting_do_not_change_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let shared: &[u8] = &[7; 100_000];
    let a = Packed::of(&put(&library, "a", &[("a.gguf", b"a"), ("shared.gguf", shared)]));
    let b = Packed::of(&put(&library, "b", &[("other.gguf", shared)]));
    let whole = dir.path().join("whole.ingle");
    let size = pack(&whole, vec![a.clone(), b.clone(), a.clone()]).size;
    let bytes = fs::read(&whole).unwrap();
    assert_eq!(bytes.len() as u64, size);
    assert!(size < 150_000, "what two models share is there twice: {size} bytes");
    let parts = dir.path().join("parts.ingle");
    let split = Export { split: Some(40_000), ..packing(vec![b, a]) };
    let written = export(&Disk::default(), &parts, split, &mut |_| {}).unwrap();
    let read: Vec<Vec<u8>> = written.parts.iter().map(|it| fs::read(it).unwrap()).collect();
    assert!(read.len() > 2 && read.iter().all(|it| it.len() <= 40_000));
    assert!(read.concat() == bytes);
    for named in [&parts, &written.parts[0], &written.parts[1]] {
        assert_eq!(Bundle::open(named).unwrap().models().len(), 2, "{}", named.display());
    }
    let there = super::library(&dir.path().join("there"));
    unpack(&parts, &there, &how()).unwrap();
    holds(&there, "b", &[("other.gguf", shared)]);
}

#[test]
fn the_program_goes_along_and_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("program");
    fs::write(&program, "#!").unwrap();
    let target = dir.path().join("b.ingle");
    let export_ = Export { program: Some((&program, "plan9 mips")), ..packing(Vec::new()) };
    export(&Disk::default(), &target, export_, &mut |_| {}).unwrap();
    let bundle = Bundle::open(&target).unwrap();
    assert_eq!(bundle.program().unwrap().unwrap().platform, "plan9 mips");
    let mut bytes = fs::read(&target).unwrap();
    let at = bytes.windows(2).rposition(|it| it == b"#!").unwrap();
    bytes[at] = b'?';
    fs::write(&target, bytes).unwrap();
    let error = Bundle::open(&target).unwrap().program().unwrap_err();
    assert!(matches!(error, Error::Content { why: BadContent::Digest { .. }, .. }), "{error}");
}

#[test]
fn what_is_there_stays_unless_it_is_to_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let model = Packed::of(&put(&library, "a", FILES));
    let target = dir.path().join("b.ingle");
    let split = Export { split: Some(2000), ..packing(vec![model.clone()]) };
    export(&Disk::default(), &target, split, &mut |_| {}).unwrap();
    let error = export(&Disk::default(), &target, packing(vec![model.clone()]), &mut |_| {});
    assert!(matches!(error, Err(Error::There { .. })), "{error:?}");
    let replacing = Export { existing: Existing::Replace, ..packing(vec![model]) };
    let written = export(&Disk::default(), &target, replacing, &mut |_| {}).unwrap();
    assert_eq!(written.parts, std::slice::from_ref(&target));
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "parts of the old bundle are left: {left:?}");

    put(&library, "a", &[("a.gguf", b"another")]);
    let error = unpack(&target, &library, &how()).unwrap_err();
    assert!(matches!(error, Error::Taken { .. }), "{error}");
    let replacing = How { existing: Existing::Replace, ..how() };
    unpack(&target, &library, &replacing).unwrap();
    holds(&library, "a", FILES);
}

/// Who asks whether it is there hears of its bytes, and what rotted is brought anew.
#[test]
fn what_is_there_is_read_before_it_is_said_to_be_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    pack(&target, vec![Packed::of(&entry)]);
    let there = unpack(&target, &library, &how()).unwrap();
    assert!(matches!(there[..], [Imported::There { .. }]), "{there:?}");
    fs::write(entry.folder.join("model.gguf"), b"GGUF and many more bytez").unwrap();
    let anew = unpack(&target, &library, &how()).unwrap();
    assert!(matches!(anew[..], [Imported::New { .. }]), "{anew:?}");
    holds(&library, "a", FILES);
}

#[test]
fn a_model_whose_manifest_cannot_be_read_is_replaced_when_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    pack(&target, vec![Packed::of(&entry)]);
    fs::write(entry.folder.join("manifest.json"), "{").unwrap();
    let error = unpack(&target, &library, &how()).unwrap_err();
    assert!(error.hint().unwrap().contains("with `-y`"), "{error}");
    unpack(&target, &library, &How { existing: Existing::Replace, ..how() }).unwrap();
    holds(&library, "a", FILES);
}

/// It is not said that its files are others: they may be the same.
#[test]
fn an_adopted_model_is_told_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    pack(&target, vec![Packed::of(&entry)]);
    let kept = dir.path().join("kept");
    fs::rename(&entry.folder, &kept).unwrap();
    let origin = Origin::Adopted { program: "ollama".to_owned(), called: "a".to_owned() };
    let adopted = Manifest { root: Some(kept), origin, ..entry.manifest.clone() };
    library.stage(entry.name()).unwrap().publish(&adopted).unwrap();
    let error = unpack(&target, &library, &how()).unwrap_err();
    assert!(matches!(error, Error::Kept { .. }), "{error}");
}

#[test]
fn a_file_that_rotted_is_not_packed() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    for (bytes, changed) in [(&b"GGUF and many more bytez"[..], true), (b"GGUF", false)] {
        fs::write(entry.folder.join("model.gguf"), bytes).unwrap();
        let packing = packing(vec![Packed::of(&entry)]);
        let error = export(&Disk::default(), &target, packing, &mut |_| {}).unwrap_err();
        assert_eq!(matches!(error, Error::Changed { .. }), changed, "{error}");
        assert!(changed || matches!(error, Error::Size { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left");
    }
}

#[test]
fn too_many_parts_are_refused_before_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let packing = Export { split: Some(1), ..packing(Vec::new()) };
    let error = export(&Disk::default(), &dir.path().join("b.ingle"), packing, &mut |_| {});
    assert!(matches!(error, Err(Error::Parts { .. })), "{error:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

fn signer() -> Signer {
    let key = PrivateKey::from_pem(include_str!("../../../fixtures/signing/p256.key")).unwrap();
    Signer::new(key, None).unwrap()
}

/// Who carries a signed model cannot give it another name, licence, country or publisher.
#[test]
fn what_is_said_of_a_signed_model_is_signed_too() {
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&library(&dir.path().join("here")), "a", FILES);
    let mut packed = Packed::of(&entry);
    packed.sign(&signer());
    let trust = Trust::Key(signer().key.public());
    let changes: [fn(&mut Packed); 6] = [
        |it| it.name = "b".parse().unwrap(),
        |it| it.main = None,
        |it| it.facts.licence = Some("MIT".to_owned()),
        |it| it.facts.country = None,
        |it| it.facts.lineage.clear(),
        |it| it.origin = Origin::File { path: "model.gguf".into() },
    ];
    let there = library(&dir.path().join("there"));
    let trusting = How { trust: Some(&trust), ..how() };
    for (nth, change) in changes.into_iter().enumerate() {
        let mut changed = packed.clone();
        change(&mut changed);
        let bundle = dir.path().join(format!("{nth}.ingle"));
        pack(&bundle, vec![changed]);
        let error = unpack(&bundle, &there, &trusting).unwrap_err();
        assert!(matches!(error, Error::Relabelled { .. }), "{nth}: {error}");
        assert!(there.entries().unwrap().is_empty(), "{nth}");
    }
    // Nor does it help that it was taken in before anybody asked who signed it.
    let (changed, good) = (dir.path().join("2.ingle"), dir.path().join("good.ingle"));
    pack(&good, vec![packed]);
    unpack(&changed, &there, &how()).unwrap();
    unpack(&good, &there, &trusting).unwrap();
    let found = there.find(entry.name()).unwrap().unwrap();
    assert_eq!(found.manifest.facts, entry.manifest.facts);
    assert_eq!(Vouched::of(&found.manifest), Vouched::All);
    // From there it is carried on with the same signature.
    let (again, third) = (dir.path().join("again.ingle"), library(&dir.path().join("third")));
    pack(&again, vec![Packed::of(&found)]);
    unpack(&again, &third, &trusting).unwrap();
}

/// It would be read into memory whole.
#[test]
fn a_signature_of_immense_size_is_refused_before_anything_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    let here = library(&dir.path().join("here"));
    let immense = StoredFile {
        path: FileName("model.sig".parse().unwrap()),
        size: crate::signing::MAX_BYTES + 1,
        sha256: Sha256Hex::of(b""),
    };
    let mut manifest = manifest("a", FILES);
    manifest.files.push(immense);
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![Packed::of(&put(&here, "a", FILES))]);
    let bundle = Bundle::open(&bundle).unwrap();
    let carried = Carried { files: manifest.files, ..bundle.models()[0].clone() };
    let there = library(&dir.path().join("there"));
    let trust = Trust::Key(signer().key.public());
    let how = How { trust: Some(&trust), ..how() };
    let error = bundle.import(&carried, &there, &how, &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, Error::Content { what, why: BadContent::TooLarge { .. }, .. } if what == "model.sig"),
        "{error}"
    );
    assert!(there.unfinished().unwrap().is_empty());
}

/// As other programs sign: their word is about the files.
#[test]
fn a_signature_over_files_alone_vouches_for_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = FILES.to_vec();
    let stored: Vec<_> = files.iter().map(super::stored).collect();
    let signature = signer().sign_folder("a", &stored, &[]);
    files.push(("model.sig", &signature[..]));
    let entry = put(&library(&dir.path().join("here")), "a", &files);
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![Packed::of(&entry)]);
    let there = library(&dir.path().join("there"));
    let trust = Trust::Key(signer().key.public());
    let imported = unpack(&bundle, &there, &How { trust: Some(&trust), ..how() }).unwrap();
    let [Imported::New { entry, signer: Some(_) }] = &imported[..] else { panic!("{imported:?}") };
    assert_eq!(Vouched::of(&entry.manifest), Vouched::Files);
}

#[test]
fn a_signature_in_a_bundle_is_held_against_the_trusted_key() {
    let key = |text| PrivateKey::from_pem(text).unwrap();
    let ours = key(include_str!("../../../fixtures/signing/p256.key"));
    let trust = Trust::Key(ours.public());
    let others = Trust::Key(key(include_str!("../../../fixtures/signing/p384.key")).public());
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&library(&dir.path().join("here")), "a", FILES);
    let (plain, signed) = (dir.path().join("plain.ingle"), dir.path().join("signed.ingle"));
    let mut packed = Packed::of(&entry);
    pack(&plain, vec![packed.clone()]);
    packed.sign(&Signer::new(ours, None).unwrap());
    packed
        .sign(&Signer::new(key(include_str!("../../../fixtures/signing/p256.key")), None).unwrap());
    pack(&signed, vec![packed]);

    let library = library(&dir.path().join("there"));
    let with = |trust| How { trust: Some(trust), ..how() };
    let error = unpack(&plain, &library, &with(&trust)).unwrap_err();
    assert!(matches!(error, Error::NotSigned { .. }), "{error}");
    let error = unpack(&signed, &library, &with(&others)).unwrap_err();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
    assert_eq!(library.find(&entry.manifest.name).unwrap(), None);
    for _ in 0..2 {
        let imported = unpack(&signed, &library, &with(&trust)).unwrap();
        let (Imported::New { signer, .. } | Imported::There { signer, .. }) = &imported[0];
        assert!(signer.as_ref().is_some_and(|it| it.starts_with("sha256:")), "{signer:?}");
    }
    let error = unpack(&signed, &library, &with(&others)).unwrap_err();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
}
