//! Signatures that are believed, and each reason not to.

mod kept;
mod python;

use serde_json::{Value, json};

use super::*;
use crate::{digest::Sha256Hex, library::FileName};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/signing/", $name))
    };
}

const KEYS: [(&str, &str); 4] = [
    (fixture!("p256.key"), fixture!("p256.pub")),
    (fixture!("p384.key"), fixture!("p384.pub")),
    (fixture!("p521.key"), fixture!("p521.pub")),
    (fixture!("p256-sec1.key"), fixture!("p256.pub")),
];

fn key(pem: &str) -> PrivateKey {
    PrivateKey::from_pem(pem).unwrap()
}

fn trust(pem: &str) -> Trust {
    Trust::Key(PublicKey::from_pem(pem).unwrap())
}

fn signer() -> Signer {
    Signer::new(key(fixture!("p256.key")), None).unwrap()
}

fn file(path: &str, bytes: &[u8]) -> StoredFile {
    let path = FileName(path.parse().unwrap());
    StoredFile { path, size: bytes.len() as u64, sha256: Sha256Hex::of(bytes) }
}

fn files() -> Vec<StoredFile> {
    vec![file("model.gguf", b"weights"), file("config.json", b"{}"), file("sub/a", b"a")]
}

fn check(signature: &[u8], files: &[StoredFile]) -> Result<Signed, Error> {
    verify(signature, &trust(fixture!("p256.pub")), Path::new("nowhere"), files)
}

#[test]
fn every_curve_signs_and_is_checked() {
    for (private, public) in KEYS {
        let signer = Signer::new(key(private), None).unwrap();
        let signature = signer.sign_folder("m", &files(), &["model.sig"]);
        assert_eq!(signature, signer.sign_folder("m", &files(), &["model.sig"]));
        let signed = verify(&signature, &trust(public), Path::new(""), &files()).unwrap();
        assert_eq!(signed.statement.name, "m");
        assert_eq!(signed.signer, format!("sha256:{}", Sha256Hex::of(public.as_bytes())));
        let other = trust(if public == KEYS[1].1 { KEYS[0].1 } else { KEYS[1].1 });
        let error = open(&signature, &other).unwrap_err();
        assert!(matches!(error, Error::OtherKey { .. }), "{error}");
    }
}

#[test]
fn the_files_must_be_those_that_were_signed() {
    let signature = signer().sign_folder("m", &files(), &[]);
    let mut own = files();
    own.push(file(FILE, b"the signature itself"));
    check(&signature, &own).unwrap();
    let mut more = files();
    more.push(file("evil.json", b""));
    assert!(
        matches!(check(&signature, &more), Err(Error::Unsigned { path }) if path == "evil.json")
    );
    let mut changed = files();
    changed[1] = file("config.json", b"{ }");
    assert!(matches!(check(&signature, &changed), Err(Error::Differs { .. })));
    assert!(
        matches!(check(&signature, &files()[..2]), Err(Error::Missing { path }) if path == "sub/a")
    );
    let ignored = signer().sign_folder("m", &files(), &["evil.json"]);
    assert!(matches!(check(&ignored, &more), Err(Error::Unsigned { .. })));
}

#[test]
fn a_model_of_one_file_may_be_called_otherwise() {
    let alone = [file("renamed.gguf", b"weights")];
    let signature = signer().sign_file("model.gguf", alone[0].sha256);
    check(&signature, &alone).unwrap();
    assert!(matches!(check(&signature, &files()), Err(Error::Unsigned { .. })));
}

/// A signature over this statement.
fn over(statement: &Value) -> Vec<u8> {
    envelope::sealed(&signer(), statement.to_string().as_bytes())
}

fn statement(method: &str, resources: &[(&str, Sha256Hex)]) -> Value {
    let all: Vec<u8> = resources.iter().flat_map(|it| *it.1.bytes()).collect();
    let resource = |(name, digest): &(&str, Sha256Hex)| json!({"algorithm": "sha256", "name": name, "digest": digest});
    let resources: Vec<_> = resources.iter().map(resource).collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m", "digest": {"sha256": Sha256Hex::of(&all)}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"serialization": {"method": method}, "resources": resources},
    })
}

#[test]
fn pieces_must_cover_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "abcdef").unwrap();
    let files = [file("a", b"abcdef")];
    let of = |pieces: &[(&str, &[u8])]| {
        let pieces: Vec<_> = pieces.iter().map(|it| (it.0, Sha256Hex::of(it.1))).collect();
        let signature = over(&statement("shards", &pieces));
        verify(&signature, &trust(fixture!("p256.pub")), dir.path(), &files)
    };
    of(&[("a:0:4", b"abcd"), ("a:4:6", b"ef")]).unwrap();
    of(&[("a:0:6", b"abcdef")]).unwrap();
    let mut told = statement("shards", &[("a:0:6", files[0].sha256)]);
    told["predicate"]["resources"][0]["algorithm"] = "sha256-sharded-6".into();
    open(&over(&told), &trust(fixture!("p256.pub"))).unwrap();
    let gaps: [&[(&str, &[u8])]; 3] =
        [&[("a:0:4", b"abcd")], &[("a:1:6", b"bcdef")], &[("a:0:7", b"abcdefg")]];
    for gap in gaps {
        assert!(matches!(of(gap), Err(Error::Gap { .. })), "{gap:?}");
    }
    assert!(matches!(of(&[("a:0:3", b"abc"), ("a:2:6", b"cdef")]), Err(Error::Gap { .. })));
    assert!(matches!(of(&[("a:0:6", b"abcdeF")]), Err(Error::Differs { .. })));
    for name in ["a", "a:0", "a:0:6:7", "a:x:6", "a:6:0", "../a:0:6", ":0:6", "a:-1:6"] {
        assert!(matches!(of(&[(name, b"abcdef")]), Err(Error::Resource { .. })), "{name}");
    }
}

#[test]
fn statements_that_are_not_understood_are_refused() {
    let digest = Sha256Hex::of(b"x");
    let good = statement("files", &[("a", digest)]);
    open(&over(&good), &trust(fixture!("p256.pub"))).unwrap();
    let said = |change: fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        open(&over(&bad), &trust(fixture!("p256.pub"))).unwrap_err()
    };
    let field = |error: Error| match error {
        Error::Field { field, .. } | Error::Count { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(field(said(|it| it["_type"] = "x".into())), "_type");
    assert_eq!(
        field(said(|it| it["predicateType"] = "https://model_signing/Digests/v0.1".into())),
        "predicateType"
    );
    assert_eq!(field(said(|it| it["subject"] = json!([]))), "subject");
    assert_eq!(field(said(|it| it["predicate"]["serialization"]["method"] = "x".into())), "method");
    assert_eq!(
        field(said(|it| it["predicate"]["resources"][0]["algorithm"] = "blake3".into())),
        "algorithm"
    );
    let other = "0".repeat(64);
    let mut root = good.clone();
    root["subject"][0]["digest"]["sha256"] = other.into();
    let error = open(&over(&root), &trust(fixture!("p256.pub"))).unwrap_err();
    assert!(matches!(error, Error::Root { .. }), "{error}");
    assert!(matches!(said(|it| it["predicate"] = Value::Null), Error::Json(_)));
    for name in ["../a", "/a", "a\\b", "", "a\u{202e}"] {
        let bad = over(&statement("files", &[(name, digest)]));
        let error = open(&bad, &trust(fixture!("p256.pub"))).unwrap_err();
        assert!(matches!(error, Error::Resource { .. }), "{name}: {error}");
    }
    let twice = over(&statement("files", &[("a", digest), ("a", digest)]));
    let error = open(&twice, &trust(fixture!("p256.pub"))).unwrap_err();
    assert!(matches!(error, Error::Twice { .. }), "{error}");
}

#[test]
fn envelopes_that_were_changed_are_refused() {
    let good: Value = serde_json::from_slice(&signer().sign_folder("m", &files(), &[])).unwrap();
    let said = |change: fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        open(bad.to_string().as_bytes(), &trust(fixture!("p256.pub"))).map(drop)
    };
    said(|_| {}).unwrap();
    // All three are in use for a signature without a name.
    said(|it| it["dsseEnvelope"]["signatures"][0]["keyid"] = Value::Null).unwrap();
    said(|it| drop(it["dsseEnvelope"]["signatures"][0].as_object_mut().unwrap().remove("keyid")))
        .unwrap();
    said(|it| it["verificationMaterial"]["publicKey"]["hint"] = Value::Null).unwrap();
    let payload = |it: &mut Value| {
        let text = it["dsseEnvelope"]["payload"].as_str().unwrap().replacen('e', "f", 1);
        it["dsseEnvelope"]["payload"] = text.into();
    };
    assert!(matches!(said(payload), Err(Error::Invalid)));
    let sig = |it: &mut Value| it["dsseEnvelope"]["signatures"][0]["sig"] = "MAYCAQECAQE=".into();
    assert!(matches!(said(sig), Err(Error::Invalid)));
    let sig = |it: &mut Value| it["dsseEnvelope"]["signatures"][0]["sig"] = "?".into();
    assert!(matches!(said(sig), Err(Error::Base64 { field: "sig" })));
    let none = |it: &mut Value| it["dsseEnvelope"]["signatures"] = json!([]);
    assert!(matches!(said(none), Err(Error::Count { found: 0, .. })));
    let kind = |it: &mut Value| it["dsseEnvelope"]["payloadType"] = "text/plain".into();
    assert!(matches!(said(kind), Err(Error::Field { field: "payloadType", .. })));
    let media = |it: &mut Value| it["mediaType"] = "x".into();
    assert!(matches!(said(media), Err(Error::Field { field: "mediaType", .. })));
    let sigstore = |it: &mut Value| it["verificationMaterial"] = json!({"certificate": {}});
    assert!(matches!(said(sigstore), Err(Error::Material { .. })));
    assert!(matches!(said(|it| *it = Value::Null), Err(Error::Json(_))));
}

#[test]
fn what_is_no_key_is_said_to_be_none() {
    for bad in ["", "hello", fixture!("p256.pub"), fixture!("leaf.pem")] {
        let error = PrivateKey::from_pem(bad).unwrap_err();
        assert!(matches!(error, Error::NoKey { expected: "private" }), "{error}");
    }
    for bad in ["", fixture!("p256.key"), fixture!("leaf.pem")] {
        let error = PublicKey::from_pem(bad).unwrap_err();
        assert!(matches!(error, Error::NoKey { expected: "public" }), "{error}");
    }
    let error = PrivateKey::from_pem(fixture!("encrypted.key")).unwrap_err();
    assert!(matches!(error, Error::Encrypted), "{error}");
    assert!(matches!(Chain::from_pem(fixture!("p256.pub")), Err(Error::NoCertificate)));
    assert!(matches!(Chain::from_pem(""), Err(Error::NoCertificate)));
}

#[test]
fn a_certificate_is_of_its_key() {
    let chain = Chain::from_pem(fixture!("leaf.pem")).unwrap();
    let error = Signer::new(key(fixture!("p384.key")), Some(chain)).unwrap_err();
    assert!(matches!(error, Error::OtherCertificate { .. }), "{error}");
}

/// Signs with the first of these certificates and trusts the last text.
fn certified(private: &str, chain: &[&str], trusted: &str) -> Result<String, Error> {
    let signer = Signer::new(key(private), Some(Chain::from_pem(&chain.concat()).unwrap()))?;
    let signature = signer.sign_folder("m", &files(), &[]);
    let trust = Trust::Certificates(Chain::from_pem(trusted).unwrap());
    Ok(open(&signature, &trust)?.signer)
}

#[test]
fn certificates_lead_to_a_trusted_one() {
    let (key, leaf, middle, root) =
        (fixture!("p256.key"), fixture!("leaf.pem"), fixture!("middle.pem"), fixture!("root.pem"));
    assert_eq!(certified(key, &[leaf, middle], root).unwrap(), "CN=signer,O=Example");
    certified(key, &[leaf], &[root, middle].concat()).unwrap();
    certified(key, &[leaf], middle).unwrap();
    certified(key, &[leaf], leaf).unwrap();
    certified(key, &[fixture!("code.pem")], root).unwrap();
    certified(key, &[fixture!("any.pem")], root).unwrap();
    certified(key, &[fixture!("below-rsa.pem")], fixture!("rsa-root.pem")).unwrap();
}

/// One that was renewed has the name and the key that it had.
#[test]
fn an_expired_authority_does_not_hide_the_renewed_one() {
    let (key, leaf) = (fixture!("p256.key"), fixture!("below-renewed.pem"));
    let (expired, renewed) = (fixture!("expired.pem"), fixture!("renewed.pem"));
    for trusted in [[expired, renewed], [renewed, expired]] {
        assert_eq!(certified(key, &[leaf], &trusted.concat()).unwrap(), "CN=signer,O=Example");
    }
    // Nor does one that the signer sends along.
    certified(key, &[leaf, expired], renewed).unwrap();
    let error = certified(key, &[leaf, renewed], expired).unwrap_err();
    assert!(matches!(&error, Error::Certificate { why: CertificateFlaw::Time { .. }, .. }));
    let error = certified(key, &[leaf], expired).unwrap_err();
    assert!(matches!(&error, Error::Certificate { why: CertificateFlaw::Time { .. }, .. }));
}

#[test]
fn certificates_that_lead_nowhere_are_refused() {
    let (key, leaf, middle, root) =
        (fixture!("p256.key"), fixture!("leaf.pem"), fixture!("middle.pem"), fixture!("root.pem"));
    let flaw = |private, chain: &[&str], trusted| match certified(private, chain, trusted) {
        Err(Error::Certificate { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert!(matches!(flaw(key, &[leaf], root), CertificateFlaw::Untrusted { .. }));
    let not_signed = |why| matches!(why, CertificateFlaw::NotSigned { .. });
    assert!(not_signed(flaw(key, &[leaf, middle], fixture!("other-root.pem"))));
    // RSA of 1024 bits is nobody's any more.
    assert!(not_signed(flaw(key, &[fixture!("below-short.pem")], fixture!("short-root.pem"))));
    assert_eq!(flaw(key, &[fixture!("server.pem")], root), CertificateFlaw::Purpose);
    let below_web = [fixture!("below-web.pem"), fixture!("web.pem")];
    assert_eq!(flaw(key, &below_web, root), CertificateFlaw::Purpose);
    assert_eq!(flaw(key, &[fixture!("cipher.pem")], root), CertificateFlaw::NotForSigning);
    assert!(matches!(
        flaw(key, &[fixture!("strange.pem")], root),
        CertificateFlaw::Extension { .. }
    ));
    let deep = [fixture!("below-deep.pem"), fixture!("deep.pem"), middle];
    assert!(matches!(flaw(key, &deep, root), CertificateFlaw::TooDeep { found: 1, limit: 0 }));
    let below_leaf = [fixture!("below-leaf.pem"), leaf, middle];
    assert_eq!(flaw(fixture!("p384.key"), &below_leaf, root), CertificateFlaw::NotAnAuthority);
}

/// Who trusts a key asks nobody who issued its certificate.
#[test]
fn a_certificate_is_as_good_as_its_key() {
    let chain = Chain::from_pem(fixture!("leaf.pem")).unwrap();
    let signer = Signer::new(key(fixture!("p256.key")), Some(chain.clone())).unwrap();
    let signature = signer.sign_folder("m", &files(), &[]);
    let public = PublicKey::from_pem(fixture!("p256.pub")).unwrap();
    for trust in [Trust::Certificates(chain), trust(fixture!("p256.pub"))] {
        assert_eq!(open(&signature, &trust).unwrap().key, public);
    }
    let error = open(&signature, &trust(fixture!("p384.pub"))).unwrap_err();
    let hint = public.hint().to_string();
    assert!(matches!(&error, Error::OtherKey { found, .. } if *found == hint), "{error}");
    let mut changed: Value = serde_json::from_slice(&signature).unwrap();
    changed["dsseEnvelope"]["signatures"][0]["sig"] = "MAYCAQECAQE=".into();
    let error = open(changed.to_string().as_bytes(), &trust(fixture!("p256.pub"))).unwrap_err();
    assert!(matches!(error, Error::Invalid), "{error}");
}

#[test]
fn a_key_is_not_taken_for_a_certificate() {
    let signature = signer().sign_folder("m", &files(), &[]);
    let trust = Trust::Certificates(Chain::from_pem(fixture!("root.pem")).unwrap());
    let error = open(&signature, &trust).unwrap_err();
    assert!(matches!(error, Error::Material { found: "a key", .. }), "{error}");
}
