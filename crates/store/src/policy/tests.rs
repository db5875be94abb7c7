//! What rules mean, which policy is in force, and what a signature holds.

use std::{fs, path::Path};

use super::*;
use crate::{library::Facts, name::RepoId};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

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

fn digest(text: &str) -> Sha256Hex {
    text.parse().unwrap()
}

fn policy(default: &str, rules: &str) -> Policy {
    let text = format!("version = 1\ncontact = \"ask@x\"\ndefault = \"{default}\"\n{rules}");
    Policy::read(Path::new("policy.toml"), &text).unwrap()
}

/// A GGUF model of `lab`, from a hub.
fn model() -> Subject {
    let facts = Facts {
        creator: Some("Lab".to_owned()),
        country: Some("AU".to_owned()),
        licence: Some("Apache-2.0 OR CC-BY-NC-4.0".to_owned()),
        lineage: vec!["lab/base".to_owned()],
        format: Some("Q4_K_M".to_owned()),
        ..Facts::default()
    };
    let repository: RepoId = "packers/model".parse().unwrap();
    Subject::of_repository("model", &repository, &facts)
        .in_format("gguf")
        .with_weights(vec![digest(A)])
}

fn nothing_known() -> Subject {
    Subject::unknown("x.gguf")
}

/// One rule with the `criteria` denies `subject`, or does not apply to it.
#[track_caller]
fn check(criteria: &str, subject: &Subject, denies: bool) {
    let rule = format!("[[rule]]\nname = \"r\"\naction = \"deny\"\n{criteria}");
    let verdict = policy("allow", &rule).judge(subject, At::Load);
    assert_eq!(matches!(verdict, Verdict::Denied { .. }), denies, "{criteria}: {verdict:?}");
}

/// One rule with the `criteria` allows `subject`, or does not apply to it.
#[track_caller]
fn check_allows(criteria: &str, subject: &Subject, allows: bool) {
    let rule = format!("[[rule]]\nname = \"r\"\naction = \"allow\"\n{criteria}");
    let verdict = policy("deny", &rule).judge(subject, At::Load);
    assert_eq!(matches!(verdict, Verdict::Allowed { .. }), allows, "{criteria}: {verdict:?}");
}

#[test]
fn a_rule_applies_where_all_that_it_names_is_so() {
    check("publisher = ['packers']", &model(), true);
    check("publisher = ['PACK*', 'x']", &model(), true);
    check("publisher = ['pack']", &model(), false);
    check("creator = ['lab']", &model(), true);
    check("country = ['AA', 'au']", &model(), true);
    check("country = ['AA']", &model(), false);
    check("lineage = ['lab/*']", &model(), true);
    check("lineage = ['*/other']", &model(), false);
    check("format = ['gguf']", &model(), true);
    check("format = ['Q4_*']", &model(), true);
    check("format = ['safetensors']", &model(), false);
    check("provenance-below = 'pinned'", &model(), false);
    check("provenance-below = 'signed'", &model(), true);
    check("country = ['AU']\nformat = ['gguf']", &model(), true);
    check("country = ['AU']\nformat = ['safetensors']", &model(), false);
    check(&format!("signer = ['{B}']"), &model(), false);
    check(&format!("signer = ['{B}']"), &model().signed_by(digest(B)), true);
    check("provenance-below = 'signed'", &model().signed_by(digest(B)), false);
}

#[test]
fn what_is_unknown_fits_only_unknown() {
    for key in ["publisher", "creator", "country", "lineage", "licence", "format"] {
        let word = if key == "country" { "AU" } else { "*" };
        check(&format!("{key} = ['{word}']"), &nothing_known(), false);
        check(&format!("{key} = ['unknown']"), &nothing_known(), true);
        check(&format!("{key} = ['unknown']"), &model(), false);
    }
    check("provenance-below = 'recorded'", &nothing_known(), true);
}

#[test]
fn a_choice_of_licences_is_what_the_user_makes_of_it() {
    let with = |it: &str| Subject { licence: Some(it.to_owned()), ..model() };
    check("licence = ['CC-BY-NC-*']", &model(), false);
    check("licence = ['CC-BY-NC-*', 'Apache-2.0']", &model(), true);
    check("licence = ['CC-BY-NC-*']", &with("MIT AND CC-BY-NC-4.0"), true);
    check_allows("licence = ['MIT']", &with("MIT AND CC-BY-NC-4.0"), false);
    check_allows("licence = ['Apache-2.0']", &model(), true);
    check("licence = ['LicenseRef-llama3.2']", &with("LicenseRef-llama3.2"), true);
    check("license = ['LicenseRef-llama*']", &with("llama3.2"), true);
    check("licence = ['CC-BY-NC-4.0']", &with("cc-by-nc-4.0"), true);
    check("licence = ['unknown']", &with("no such licence"), false);
}

#[test]
fn a_digest_denies_one_file_and_allows_only_all() {
    let two = model().with_weights(vec![digest(A), digest(B)]);
    let list = |it: &[&str]| format!("sha256 = {it:?}");
    check(&list(&[B]), &two, true);
    check(&list(&[B]), &model(), false);
    check_allows(&list(&[A]), &model(), true);
    check_allows(&list(&[A]), &two, false);
    check_allows(&list(&[A, B]), &two, true);
    check_allows(&list(&[A]), &nothing_known(), false);
    let rule = format!("[[rule]]\nname = 'r'\naction = 'deny'\n{}", list(&[A]));
    assert!(policy("allow", &rule).asks_for_digests());
    assert!(!policy("allow", "").asks_for_digests());
}

#[test]
fn the_first_rule_that_applies_decides_and_the_rest_are_explained() {
    let rules = format!(
        "[[rule]]\nname = 'late'\naction = 'deny'\nat = ['serve']\ncountry = ['AU']\n\
         [[rule]]\nname = 'assessed'\naction = 'allow'\nsha256 = ['{A}']\n\
         [[rule]]\nname = 'origin'\naction = 'deny'\nwhy = 'so it is'\ncountry = ['AU']\n"
    );
    let policy = policy("allow", &rules);
    let by = |rule: &str| Verdict::Allowed { rule: rule.to_owned() };
    assert_eq!(policy.judge(&model(), At::Load), by("assessed"));
    assert_eq!(policy.judge(&nothing_known(), At::Load), by(DEFAULT));
    let other = model().with_weights(vec![digest(B)]);
    let error = policy.permit(&other, At::Fetch).unwrap_err();
    let told = "this site's policy does not allow to fetch `model`: rule `origin` (so it is)";
    assert_eq!(error.to_string(), told);
    let hint = "ask ask@x; `ingle policy check model` explains each rule";
    assert_eq!(error.hint().unwrap(), hint);

    let explained = policy.explain(&model(), At::Serve);
    let told: Vec<_> =
        explained.iter().map(|it| (it.rule.as_str(), it.applies, it.decides)).collect();
    assert_eq!(told, [("late", true, true), ("assessed", true, false), ("origin", true, false)]);
    let finding = Finding { key: "country", found: "AU".to_owned(), fits: true };
    assert_eq!(explained[2].findings, [finding]);
}

/// A text that is no policy, and what is said of it.
#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = Policy::read(Path::new("p"), text).unwrap_err();
    assert_eq!(error.to_string(), expected, "{text}");
    assert!(error.hint().is_some(), "{text}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let rule = |it: &str| {
        format!("version = 1\ndefault = 'allow'\n[[rule]]\nname = 'r'\naction = 'deny'\n{it}")
    };
    check_refused("version = 2\nnews = 1", "`p` is a policy of version 2, expected 1");
    let unknown = "unknown variant `perhaps`, expected `allow` or `deny`";
    check_refused("version = 1\ndefault = 'perhaps'", &format!("policy `p`, line 2: {unknown}"));
    check_refused("version = 1", "policy `p`, line 1: missing field `default`");
    let told = "policy `p`: rule `r` has `XYZ` in `country`, expected two letters, or `unknown`";
    check_refused(&rule("country = ['XYZ']"), told);
    let told = "policy `p`: rule `r` has `Apache 2` in `licence`, expected a name of the SPDX list, \
                `LicenseRef-…`, `unknown`, or one with `*`";
    check_refused(&rule("licence = ['Apache 2']"), told);
    check_refused(&rule("format = []"), "policy `p`: rule `r` has an empty list `format`");
    check_refused(
        &rule(""),
        "policy `p`: rule `r` names nothing that it applies to, expected at least one of publisher, \
         creator, lineage, country, licence, format, sha256, signer, provenance-below",
    );
    let twice = rule("format = ['gguf']\n[[rule]]\nname = 'r'\naction = 'allow'\nformat = ['x']");
    check_refused(&twice, "policy `p`: rule `r` has the name of another rule");
    let error = Policy::read(Path::new("p"), &rule("contry = ['AA']")).unwrap_err().to_string();
    assert!(error.contains("line 6: unknown field `contry`"), "{error}");
}

#[test]
fn the_examples_are_policies_with_the_rules_that_they_tell_of() {
    let read = |name| Policy::read(Path::new(name), examples::named(name).unwrap()).unwrap();
    let origin = read("origin");
    let barred = Subject { country: Some("AA".to_owned()), ..model() };
    assert!(matches!(origin.judge(&barred, At::Load), Verdict::Denied { .. }));
    assert!(matches!(origin.judge(&model(), At::Load), Verdict::Allowed { .. }));
    let licence = read("licence");
    let research = "LicenseRef-lab-research-1".to_owned();
    let barred = Subject { licence: Some(research), ..model() };
    assert!(matches!(licence.judge(&barred, At::Fetch), Verdict::Denied { .. }));
    assert!(matches!(licence.judge(&model(), At::Fetch), Verdict::Allowed { .. }));
    assert_eq!(examples::ALL.len(), 2);
}

#[test]
fn a_model_that_was_copied_keeps_its_lineage() {
    use loader::Value;
    let mut metadata = loader::Metadata::default();
    metadata.insert("general.license", Value::String("mit".to_owned()));
    metadata.insert("general.base_model.count", Value::U32(1));
    let url = "https://huggingface.co/lab/old".to_owned();
    metadata.insert("general.base_model.0.repo_url", Value::String(url));
    let file = nothing_known().with_metadata(&metadata);
    assert_eq!((file.licence.as_deref(), file.lineage), (Some("mit"), vec!["lab/old".to_owned()]));
    let stored = model().with_metadata(&metadata);
    assert_eq!(stored.licence, model().licence, "what the catalogue says is better known");
    assert_eq!(stored.lineage, ["lab/base", "lab/old"]);
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
    const PUBLIC: &str = include_str!("tests/policy.pub");
    let site = Site::new();
    let key = PublicKey::read(&site.file("key", PUBLIC)).unwrap();
    let signature = include_bytes!("tests/openssl.sig");
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
