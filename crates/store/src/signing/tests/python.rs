//! Agreement with `model-signing` 1.1.1, the program of OpenSSF in Python: what it signs is accepted.
//!
//! The fixtures are what it wrote about a folder `model` with the [`FILES`]:
//!
//! ```text
//! model_signing sign key model --private_key p256.key --signature python-key.sig
//! model_signing sign certificate model --private_key p256.key --signing_certificate leaf.pem \
//!     --certificate_chain middle.pem --signature python-certificate.sig
//! ```
//!
//! and, with `use_shard_serialization(hashing_algorithm="sha256", shard_size=8)` of its library,
//! `python-shards.sig`.

use std::fs;

use super::*;

const FILES: [(&str, &[u8]); 3] = [
    ("config.json", b"{}\n"),
    ("sub/LICENSE", b"do as you like\n"),
    ("weights", b"weights of nobody\n"),
];

/// The signature is accepted, and no longer where one byte of a file is another.
#[track_caller]
fn check_all(signature: &str, trust: &Trust) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    let put = |name: &str, bytes: &[u8]| {
        fs::write(dir.path().join(name), bytes).unwrap();
        file(name, bytes)
    };
    let files: Vec<_> = FILES.iter().map(|it| put(it.0, it.1)).collect();
    let verify = |files: &[StoredFile]| verify(signature.as_bytes(), trust, dir.path(), files);
    assert_eq!(verify(&files).unwrap().statement.name, "model");
    for (i, (name, good)) in FILES.into_iter().enumerate() {
        let mut bad = good.to_vec();
        bad[0] ^= 1;
        let mut changed = files.clone();
        changed[i] = put(name, &bad);
        let error = verify(&changed).unwrap_err();
        assert!(matches!(&error, Error::Differs { path, .. } if path.starts_with(name)), "{error}");
        put(name, good);
    }
}

#[test]
fn signatures_of_the_python_program_are_accepted_and_cover_every_file() {
    let key = trust(include_str!("../../../fixtures/signing/p256.pub"));
    check_all(include_str!("../../../fixtures/signing/python-key.sig"), &key);
    check_all(include_str!("../../../fixtures/signing/python-shards.sig"), &key);
    let root = Chain::from_pem(include_str!("../../../fixtures/signing/root.pem")).unwrap();
    let root = Trust::Certificates(root);
    check_all(include_str!("../../../fixtures/signing/python-certificate.sig"), &root);
}
