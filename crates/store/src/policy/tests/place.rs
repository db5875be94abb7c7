//! Which policy is in force, what goes with it, and what a signature holds.

use std::fs;

use super::*;

/// A key pair that nobody uses, as PEM texts.
fn keys(seed: u8) -> (String, String) {
    use p256::{
        ecdsa::SigningKey,
        pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
    };
    let key = SigningKey::from_slice(&[seed; 32]).unwrap();
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
    (key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(), public)
}

/// A folder for the machine's policy and one for the user's.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        ["system", "own"].iter().for_each(|it| fs::create_dir(site.path(it)).unwrap());
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn policy(&self, name: &str) -> PathBuf {
        let text = format!("version = 1\ntitle = \"{name}\"\ndefault = \"allow\"\n");
        self.file(name, &text)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn in_force(&self, named: Option<&str>) -> Result<Option<Policy>, Error> {
        let named = named.map(|it| self.path(it));
        let own = self.path("own/policy.toml");
        Places::at(&self.path("system"), named.as_deref(), &own).in_force()
    }

    /// The title of the policy in force, and how many it passed over.
    #[track_caller]
    fn check(&self, named: Option<&str>, expected: Option<(&str, usize)>) {
        let found = self.in_force(named).unwrap();
        let told = found.as_ref().map(|it| (it.title().unwrap(), it.passed_over().len()));
        assert_eq!(told, expected);
    }
}

#[test]
fn the_machines_policy_cannot_be_overridden() {
    let site = Site::new();
    site.check(None, None);
    site.policy("own/policy.toml");
    site.check(None, Some(("own/policy.toml", 0)));
    site.policy("named.toml");
    site.check(Some("named.toml"), Some(("named.toml", 1)));
    site.policy("system/policy.toml");
    site.check(Some("named.toml"), Some(("system/policy.toml", 2)));
    let error = site.in_force(Some("none.toml")).unwrap_err();
    assert!(matches!(error, Error::NotThere { .. }), "{error}");
}

/// What a link promises may be what forbids a model.
#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_no_policy() {
    for name in ["system/policy.toml", "system/policy.pub", "own/policy.toml"] {
        let site = Site::new();
        std::os::unix::fs::symlink(site.path("gone"), site.path(name)).unwrap();
        let error = site.in_force(None).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{name}: {error}");
    }
    let site = Site::new();
    fs::remove_dir(site.path("system")).unwrap();
    site.check(None, None);
    std::os::unix::fs::symlink(site.path("gone"), site.path("system")).unwrap();
    assert!(site.in_force(None).is_err());
}

#[test]
fn a_catalogue_is_as_hard_to_change_as_the_policy_that_goes_by_it() {
    let of = |site: &Site| site.in_force(None).unwrap().unwrap().catalogue().clone();
    let site = Site::new();
    let own = site.policy("own/policy.toml");
    site.file("own/catalogue.toml", "listed = []\n");
    assert_eq!(of(&site), Catalogue::Users);
    let (private, public) = keys(7);
    let key = site.file("key.pem", &private);
    site.file("own/policy.pub", &public);
    sign(&own, &key).unwrap();
    assert_eq!(of(&site), Catalogue::BuiltIn);
    fs::write(site.path("own/catalogue.toml.sig"), "no signature").unwrap();
    assert!(matches!(site.in_force(None), Err(Error::Forged { .. })));

    site.policy("system/policy.toml");
    assert_eq!(of(&site), Catalogue::BuiltIn);
    let path = site.file("system/catalogue.toml", "listed = []\n");
    let text = "listed = []\n".to_owned();
    assert_eq!(of(&site), Catalogue::Beside { path, text });
}

#[test]
fn a_signed_policy_wins_over_the_environment() {
    let site = Site::new();
    site.policy("named.toml");
    let own = site.policy("own/policy.toml");
    let (private, public) = keys(7);
    site.file("own/policy.pub", &public);
    assert!(matches!(site.in_force(None), Err(Error::NotSigned { .. })));
    sign(&own, &site.file("key.pem", &private)).unwrap();
    site.check(Some("named.toml"), Some(("own/policy.toml", 1)));
}

#[test]
fn a_pinned_key_must_vouch_for_whatever_is_in_force() {
    let site = Site::new();
    let ((private, public), (_, other)) = (keys(7), keys(8));
    site.file("system/policy.pub", &public);
    assert!(matches!(site.in_force(None), Err(Error::NoPolicy { .. })));
    let own = site.policy("own/policy.toml");
    assert!(matches!(site.in_force(None), Err(Error::NotSigned { .. })));
    let (signature, key) = sign(&own, &site.file("key.pem", &private)).unwrap();
    let policy = site.in_force(None).unwrap().unwrap();
    assert_eq!(policy.signed(), &Signed::By(key.fingerprint()));

    // One byte of either changed, another key, or the key of whoever changed it.
    let (text, bytes) = (fs::read(&own).unwrap(), fs::read(&signature).unwrap());
    let forged = |what: &str| {
        let error = site.in_force(None).unwrap_err();
        assert!(matches!(error, Error::Forged { .. }), "{what}: {error}");
    };
    fs::write(&own, [&text[..], b"#"].concat()).unwrap();
    forged("a longer policy");
    fs::write(&own, &text).unwrap();
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        fs::write(&signature, other).unwrap();
        forged("a byte of the signature");
    }
    fs::write(&signature, &bytes).unwrap();
    site.file("system/policy.pub", &other);
    site.file("own/policy.pub", &public);
    forged("another pinned key");
    site.file("system/policy.pub", "no key");
    assert!(matches!(site.in_force(None), Err(Error::Key { .. })));
}

#[test]
fn a_signature_without_a_key_is_told_apart() {
    let site = Site::new();
    let own = site.policy("own/policy.toml");
    assert_eq!(site.in_force(None).unwrap().unwrap().signed(), &Signed::No);
    sign(&own, &site.file("key.pem", &keys(7).0)).unwrap();
    assert_eq!(site.in_force(None).unwrap().unwrap().signed(), &Signed::Unchecked);
}

/// Made with `openssl dgst -sha256 -sign`; the private half of the key is gone.
#[test]
fn a_signature_of_openssl_is_one() {
    const PUBLIC: &str = include_str!("policy.pub");
    let site = Site::new();
    let key = PublicKey::read(&site.file("key", PUBLIC)).unwrap();
    let signature = include_bytes!("openssl.sig");
    assert!(key.vouches_for(b"version = 1", signature));
    assert!(!key.vouches_for(b"version = 2", signature));
    let fingerprint = Sha256Hex::of(PUBLIC.as_bytes());
    assert_eq!(key.fingerprint(), fingerprint, "the digest of the PEM text as it is");
}

#[test]
fn only_a_policy_is_signed_and_only_with_a_private_key() {
    let site = Site::new();
    let own = site.policy("own/policy.toml");
    let (private, public) = keys(7);
    let error = sign(&own, &site.file("pub.pem", &public)).unwrap_err();
    assert!(matches!(error, Error::Key { kind: "private key", .. }), "{error}");
    let key = site.file("key.pem", &private);
    let no_policy = site.file("own/other.toml", "a = 1");
    assert!(matches!(sign(&no_policy, &key), Err(Error::Toml { .. })));
    assert!(!site.path("own/other.toml.sig").exists());
}
