//! What rules mean, and what cannot be meant. Which policy is in force is in `place`.

mod place;

use std::{collections::BTreeSet, path::Path};

use super::*;
use crate::{catalogue, library::Facts, name::RepoId};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

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
    Subject::of_repository("model", "https://huggingface.co", &repository, &facts)
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
    let files = model().with_files_signed_by(digest(B));
    check(&format!("signer = ['{B}']"), &files, true);
    check("provenance-below = 'signed'", &files, true);
}

/// Where rules allow models of some signers, anybody else's signature is none.
#[test]
fn signatures_count_whose_keys_rules_name() {
    let own = model().signed_by(digest(B));
    let ours = format!("[[rule]]\nname = 'ours'\naction = 'allow'\nsigner = ['{A}']\n");
    let signed = "[[rule]]\nname = 'signed'\naction = 'deny'\nprovenance-below = 'signed'\n";
    let strict = policy("allow", &format!("{ours}{signed}"));
    let denied = |policy: &Policy, subject: &Subject| policy.permit(subject, At::Load).is_err();
    assert!(denied(&strict, &model()) && denied(&strict, &own));
    assert!(!denied(&strict, &own.clone().signed_by(digest(A))));
    assert_eq!(strict.counted(&own), model());
    let barred = format!("[[rule]]\nname = 'barred'\naction = 'deny'\nsigner = ['{B}']\n");
    let barring = policy("allow", &format!("{barred}{ours}"));
    assert!(denied(&barring, &own) && denied(&barring, &own.clone().signed_by(digest(A))));
    // A rule that bars a signer says nothing of whose signatures count otherwise.
    let others = policy("allow", &format!("{barred}{signed}"));
    assert!(!denied(&others, &model().signed_by(digest(A))) && denied(&others, &own));
}

/// Anybody can make a key and name it: that lifts no rule which they cannot change.
#[test]
fn a_signature_of_the_users_own_counts_only_under_their_own_policy() {
    let own = claimed().signed_by(digest(B));
    let known = "[[rule]]\nname = 'known'\naction = 'deny'\nprovenance-below = 'pinned'\n";
    let barred = "[[rule]]\nname = 'barred'\naction = 'deny'\ncountry = ['AA', 'unknown']\n";
    let signers = format!("[[rule]]\nname = 'ours'\naction = 'allow'\nsigner = ['{A}']\n");
    let beside = Catalogue::Beside { path: "c".into(), text: String::new() };
    for catalogue in [Catalogue::BuiltIn, beside] {
        let sites = |rules: &str| Policy { catalogue: catalogue.clone(), ..policy("allow", rules) };
        for rules in [known, barred, &format!("{known}{signers}"), &format!("{barred}{signers}")] {
            assert!(sites(rules).permit(&own, At::Load).is_err(), "{rules}");
        }
        let theirs = claimed().signed_by(digest(A));
        assert!(sites(known).permit(&theirs, At::Load).is_err());
        assert!(sites(&format!("{signers}{known}")).permit(&theirs, At::Load).is_ok());
        // By its provenance, though another rule names the key.
        let elsewhere = signers.replace("name = 'ours'", "name = 'ours'\nat = ['serve']");
        assert!(sites(&format!("{known}{elsewhere}")).permit(&theirs, At::Load).is_ok());
    }
    for rules in [known, barred] {
        assert!(policy("allow", rules).permit(&own, At::Load).is_ok(), "{rules}");
    }
}

#[test]
fn what_is_unknown_fits_only_unknown() {
    for key in ["publisher", "creator", "country", "lineage", "licence", "format"] {
        let word = if key == "country" { "AU" } else { "*" };
        check(&format!("{key} = ['{word}']"), &nothing_known(), false);
        check(&format!("{key} = ['unknown']"), &nothing_known(), true);
        check(&format!("{key} = ['Unknown']"), &nothing_known(), true);
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
fn one_ancestor_denies_and_all_together_allow() {
    let two = Subject { lineage: vec!["lab/base".to_owned(), "other/old".to_owned()], ..model() };
    check("lineage = ['other/*']", &two, true);
    check_allows("lineage = ['lab/*']", &model(), true);
    check_allows("lineage = ['lab/*']", &two, false);
    check_allows("lineage = ['lab/*', 'other/*']", &two, true);
    check_allows("lineage = ['unknown']", &nothing_known(), true);
}

#[test]
fn a_mirror_vouches_for_nothing_unless_the_policy_trusts_it() {
    let mirrored = mirrored();
    check("publisher = ['unknown']", &mirrored, true);
    check("provenance-below = 'pinned'", &mirrored, true);
    check("provenance-below = 'signed'", &mirrored.clone().signed_by(digest(B)), false);
    let text = "version = 1\ndefault = 'deny'\nhubs = ['https://mirror.example/hf/']\n[[rule]]\n\
                name = 'r'\naction = 'allow'\npublisher = ['packers']";
    let trusting = Policy::read(Path::new("p"), text).unwrap();
    assert!(matches!(trusting.judge(&mirrored, At::Load), Verdict::Allowed { .. }));
    assert!(matches!(trusting.judge(&model(), At::Load), Verdict::Allowed { .. }));
    let other = Subject { hub: Some("https://mirror.example".to_owned()), ..model() };
    assert!(matches!(trusting.judge(&other, At::Load), Verdict::Denied { .. }));
}

/// As an unsigned bundle says of the same model: whoever packs it can write any repository into it.
fn claimed() -> Subject {
    Subject { provenance: Provenance::Recorded, ..model() }
}

/// The same model, as a mirror calls it that nobody trusts: it can call anything so.
fn mirrored() -> Subject {
    Subject { hub: Some("https://mirror.example/hf".to_owned()), ..model() }
}

/// Neither a bundle nor a mirror gets past a rule by what it calls a model.
#[test]
fn a_claimed_origin_denies_and_never_allows() {
    let criteria = [
        "publisher = ['packers']",
        "creator = ['lab']",
        "country = ['AU']",
        "licence = ['Apache-2.0', 'CC-BY-NC-4.0']",
        "lineage = ['lab/*']",
    ];
    for claimed in [claimed(), mirrored()] {
        // Nobody has looked into it, or its file says nothing of all that.
        let silent = claimed.clone().with_metadata(&loader::Metadata::default());
        for criterion in criteria {
            let (key, _) = criterion.split_once(' ').unwrap();
            let unknown = format!("{key} = ['unknown']");
            check(criterion, &silent, true);
            check(&unknown, &silent, true);
            check_allows(criterion, &silent, false);
            // Whether it is true or not, this is so.
            check_allows(&unknown, &silent, false);
            check_allows(&criterion.replace(']', ", 'unknown']"), &silent, true);
            check_allows(criterion, &silent.clone().signed_by(digest(B)), true);
            check_allows(criterion, &silent.clone().with_files_signed_by(digest(B)), false);
            check_allows(criterion, &model(), true);
            check(&unknown, &model(), false);
        }
        for unread in [criteria[0], criteria[2]] {
            check(unread, &claimed, true);
            check_allows(unread, &claimed, false);
        }
        // What its file will say is not known before somebody looks into it.
        check("licence = ['unknown']", &claimed, false);
        check("country = ['AA']", &silent, false);
        check("country = ['AA', 'unknown']", &silent, true);
    }
}

/// Of a file that calls itself something else than whoever brings it does, both count.
#[test]
fn a_claim_does_not_hide_what_the_file_says() {
    let mut metadata = loader::Metadata::default();
    for (key, text) in [("general.organization", "barred-lab"), ("general.license", "mit")] {
        metadata.insert(key, loader::Value::String(text.to_owned()));
    }
    let renamed = claimed().with_metadata(&metadata);
    check("creator = ['barred-lab']", &renamed, true);
    check("creator = ['Lab']", &renamed, true);
    check("creator = ['unknown']", &renamed, false);
    check_allows("creator = ['Lab']", &renamed, false);
    check_allows("creator = ['Lab', 'barred-lab']", &renamed, true);
    check_allows("licence = ['Apache-2.0']", &renamed, false);
    check_allows("licence = ['Apache-2.0', 'MIT']", &renamed, true);
    let stated = nothing_known().with_metadata(&metadata);
    check_allows("licence = ['MIT']", &stated, true);
    check("licence = ['unknown']", &stated, false);
    // A hub that is trusted is believed before the file.
    check("creator = ['barred-lab']", &model().with_metadata(&metadata), false);
}

#[test]
fn a_claim_is_told_to_be_one() {
    let ours = "[[rule]]\nname = 'ours'\naction = 'allow'\npublisher = ['packers']";
    let told =
        |subject: &Subject| policy("deny", ours).explain(subject, At::Load)[0].findings[0].clone();
    let found = "packers (a claim that nobody signed)".to_owned();
    for claimed in [claimed(), mirrored()] {
        let expected = Finding { key: "publisher", found: found.clone(), fits: false };
        assert_eq!(told(&claimed), expected);
    }
    let found = "packers".to_owned();
    assert_eq!(told(&model()), Finding { key: "publisher", found, fits: true });

    let mut metadata = loader::Metadata::default();
    metadata.insert("general.organization", loader::Value::String("Other".to_owned()));
    let renamed = claimed().with_metadata(&metadata);
    let told = "Lab (a claim that nobody signed; the file itself says Other)";
    assert_eq!(renamed.told("creator"), told);
    assert_eq!(renamed.told("country"), "AU (a claim that nobody signed)");
    assert_eq!(nothing_known().with_metadata(&metadata).told("creator"), "Other");
    assert_eq!(nothing_known().told("country"), "unknown");
}

#[test]
fn a_name_alone_makes_no_publisher() {
    use crate::library::{Manifest, Origin, VERSION};
    let manifest = Manifest {
        version: VERSION,
        name: "packers/model:Q4_K_M".parse().unwrap(),
        main: None,
        files: Vec::new(),
        origin: Origin::File { path: "evil.gguf".into() },
        arrived: "2026-11-29T12:00:00Z".to_owned(),
        facts: Facts::default(),
        root: None,
    };
    assert_eq!(Subject::of_manifest(&manifest).publisher, None);
}

#[test]
fn files_have_one_digest_whatever_they_are_called() {
    let of = |weights| model().with_weights(weights).digest();
    assert_eq!(of(vec![digest(A), digest(B)]), of(vec![digest(B), digest(A)]));
    assert_eq!(of(vec![digest(A)]), Some(digest(A)));
    assert!(holds_weights(Path::new("a/m.GGUF"), None));
    assert!(holds_weights(Path::new("sha256-12"), Some(Path::new("sha256-12"))));
    assert!(!holds_weights(Path::new("LICENSE"), Some(Path::new("m.gguf"))));
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
    for at in [At::Fetch, At::Load] {
        let error = policy.permit(&other, at).unwrap_err();
        let hint = "ask ask@x; `ingle policy check model` explains each rule";
        assert_eq!(error.hint().unwrap(), hint);
    }
    // It may come from anywhere.
    let error = policy.permit(&other, At::Import).unwrap_err();
    assert_eq!(error.hint().unwrap(), "ask ask@x; `ingle policy show` lists the rules");

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
    let told = "policy `p`: rule `r` has `unknown` in `provenance-below`, expected `recorded`, \
                `pinned` or `signed`: nothing is below `unknown`";
    check_refused(&rule("provenance-below = 'unknown'"), told);
    let told = "policy `p`: `hubs` has `mirror`, expected an address such as \
                `https://hub.example.org`";
    check_refused("version = 1\ndefault = 'allow'\nhubs = ['mirror']", told);
    let told = "policy `p`: `audit-folder` has `audit`, expected an absolute path";
    check_refused("version = 1\ndefault = 'allow'\naudit-folder = 'audit'", told);
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
    assert!(matches!(licence.judge(&model(), At::Fetch), Verdict::Allowed { .. }));
    assert_eq!(examples::ALL.len(), 2);
}

/// The terms of every licence of the catalogue say whether commercial use is free.
#[test]
fn the_example_of_licences_bars_what_the_catalogue_says_is_not_for_commercial_use() {
    let text = examples::named("licence").unwrap();
    let policy = Policy::read(Path::new("licence"), text).unwrap();
    let (mut barred, mut known) = (BTreeSet::new(), BTreeSet::new());
    for listed in catalogue::Catalogue::built_in().all() {
        let subject = Subject { licence: Some(listed.licence.clone()), ..model() };
        let is_barred = matches!(policy.judge(&subject, At::Fetch), Verdict::Denied { .. });
        let is_free = listed.terms.is_empty()
            || listed.terms.iter().any(|it| it.starts_with("commercial use is free"));
        assert_eq!(is_barred, !is_free, "{}: {}", listed.name, listed.licence);
        known.extend(listed.licence.split(' '));
        if is_barred {
            barred.insert(listed.licence.as_str());
        }
    }
    let expected = [
        "CC-BY-NC-4.0",
        "LicenseRef-MNPL-0.1",
        "LicenseRef-MRL-0.1",
        "LicenseRef-Qwen-Research",
        "LicenseRef-StableLM-2",
    ];
    assert_eq!(barred, BTreeSet::from(expected));
    let words = text.split('"').filter(|it| it.starts_with("LicenseRef-") && !it.contains('*'));
    for word in words {
        assert!(known.contains(word), "no model of the catalogue has the licence `{word}`");
    }
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

#[test]
fn what_a_user_overrides_is_not_what_the_file_says() {
    use loader::{Bytes, ModelFile, Override, Value, gguf::Writer};
    let mut writer = Writer::new();
    for (key, value) in [
        ("general.architecture", Value::String("llama".to_owned())),
        ("general.license", Value::String("cc-by-nc-4.0".to_owned())),
        ("general.base_model.count", Value::U32(1)),
        ("general.base_model.0.name", Value::String("lab/old".to_owned())),
    ] {
        writer.set(key, value);
    }
    let overrides = ["general.license=str:mit", "general.base_model.count=u32:0"];
    let overrides: Vec<Override> = overrides.iter().map(|it| it.parse().unwrap()).collect();
    let file = ModelFile::from_bytes("m", Bytes::new(writer.to_bytes()), &overrides).unwrap();
    assert_eq!(file.metadata.str("general.license").unwrap(), Some("mit"));
    let subject = nothing_known().opened(&file);
    assert_eq!(subject.licence.as_deref(), Some("cc-by-nc-4.0"));
    assert_eq!(subject.lineage, ["lab/old"]);
    assert_eq!(subject.formats, ["gguf"]);
}
