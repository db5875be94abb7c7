//! Whose word a bundle is, and about what.

use super::*;
use crate::signing::{PrivateKey, Signer, Trust};

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
    let error = import(&bundle, &carried, &there, &how).unwrap_err();
    let Error::Content { what, why: BadContent::TooLarge { .. }, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(what, "model.sig");
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
