//! The policy is obeyed wherever weights are used, and each refusal names the rule.

use std::fs;

use expect_test::expect;
use ingle_tests::{binary::Place, parrot, root};
use store::{
    digest::Sha256Hex,
    library::{Facts, FileName, Manifest, Origin, StoredFile, VERSION},
};

const ONLY_KNOWN: &str = "\
version = 1
contact = \"security@site.example\"
default = \"allow\"

[[rule]]
name = \"known country\"
action = \"deny\"
why = \"assessment 7\"
country = [\"unknown\"]
";

pub(super) fn with_policy(text: &str) -> Place {
    let place = crate::place();
    place.file("ingle-home/policy.toml", text);
    place
}

#[test]
fn a_denied_model_is_not_loaded_by_any_verb() {
    let place = with_policy(ONLY_KNOWN);
    place.file("page.txt", "a page\n".repeat(99));
    expect![[r#"
        exit 1
        -- stderr
        error: this site's policy does not allow to load `parrot.gguf`: rule `known country` (assessment 7)

        hint: ask security@site.example; `ingle policy check parrot.gguf` explains each rule
    "#]]
    .assert_eq(&place.run(&["run", "parrot.gguf", "hi"]));
    for args in [
        &["bench", "parrot.gguf", "-p", "1", "-n", "1", "-r", "1"][..],
        &["check", "parrot.gguf"],
        &["tokenize", "parrot.gguf", "hi"],
        &["logits", "parrot.gguf", "--ids", "1", "-o", "out.safetensors"],
        &["quantize", "parrot.gguf", "out.gguf", "f16"],
        &["perplexity", "parrot.gguf", "--text", "page.txt"],
    ] {
        let told = place.run(args);
        assert!(told.starts_with("exit 1") && told.contains("rule `known country`"), "{told}");
    }
    for out in ["out.safetensors", "out.gguf"] {
        assert!(!place.path().join(out).exists(), "{out}");
    }
    assert!(place.run(&["show", "parrot.gguf"]).starts_with("exit 0"), "one may look at it");
}

#[test]
fn a_denied_draft_is_not_loaded() {
    let place = crate::place();
    let other = parrot::with(|file| {
        file.set("general.license", loader::Value::String("apache-2.0".to_owned()));
    });
    let digest = Sha256Hex::of(&other);
    place.file("other.gguf", &other);
    let run = || place.run(&["run", "parrot.gguf", "--no-save", "--draft", "other.gguf", "hi"]);
    assert!(run().starts_with("exit 0"), "{}", run());
    let policy = format!(
        "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"barred\"\naction = \"deny\"\n\
         sha256 = [\"{digest}\"]\n"
    );
    place.file("ingle-home/policy.toml", policy);
    let told = run();
    assert!(told.starts_with("exit 1") && told.contains("`other.gguf`: rule `barred`"), "{told}");
    assert!(place.run(&["run", "parrot.gguf", "--no-save", "hi"]).starts_with("exit 0"));
    place.file("ingle-home/settings.toml", "draft = \"other.gguf\"\n");
    let told = place.run(&["run", "parrot.gguf", "--no-save", "--verbose", "hi"]);
    assert!(told.starts_with("exit 0") && told.contains("`other.gguf`: rule `barred`"), "{told}");
    assert!(told.contains("warning: the draft guesses nothing: "), "{told}");
    assert!(!told.contains(", draft `"), "{told}");
}

#[test]
fn each_rule_is_explained() {
    let place = with_policy(ONLY_KNOWN);
    expect![[r#"
        exit 1
        -- stdout
        model       parrot.gguf
        publisher   unknown
        creator     unknown
        lineage     unknown
        country     unknown
        licence     mit
        format      gguf, F32
        provenance  unknown

        deny `known country`: applies, and decides
          country           unknown fits

        denied by `known country`
        -- stderr
        error: this site's policy does not allow to load `parrot.gguf`: rule `known country` (assessment 7)

        hint: ask security@site.example
    "#]]
    .assert_eq(&place.run(&["policy", "check", "parrot.gguf"]));
    let told = super::json(&place, &["policy", "check", "parrot.gguf", "--json"], &[]);
    assert_eq!((&told["allowed"], &told["rule"]), (&false.into(), &"known country".into()));
    // Without a policy, programs find the same keys.
    let without = super::json(&crate::place(), &["policy", "check", "parrot.gguf", "--json"], &[]);
    let [told, without] =
        [&told, &without].map(|it| it.as_object().unwrap().keys().collect::<Vec<_>>());
    assert_eq!(told, without);
    expect![[r#"
        exit 0
        -- stdout
        no policy is in force: every model is allowed
        `ingle policy example` lists some to begin from
    "#]]
    .assert_eq(&crate::place().run(&["policy", "show"]));
}

/// By what the bundle says of it, as on import.
#[test]
fn each_rule_is_explained_of_a_bundle() {
    let place = crate::place();
    assert!(place.run(&["export", "parrot.gguf", "-o", "p.ingle"]).starts_with("exit 0"));
    let import = ONLY_KNOWN.replace("country =", "at = [\"import\"]\ncountry =");
    place.file("ingle-home/policy.toml", import);
    expect![[r#"
        exit 1
        -- stdout
        model       parrot
        publisher   unknown
        creator     unknown
        lineage     unknown
        country     unknown
        licence     mit
        format      F32, gguf
        provenance  recorded

        deny `known country`: applies, and decides
          at                import fits
          country           unknown fits

        denied by `known country`
        -- stderr
        error: this site's policy does not allow to import `parrot`: rule `known country` (assessment 7)

        hint: ask security@site.example
    "#]]
    .assert_eq(&place.run(&["policy", "check", "p.ingle"]));
    let told = place.run(&["policy", "check", "p.ingle", "--at", "load"]);
    assert!(told.starts_with("exit 0") && told.contains("allowed by `default`"), "{told}");
    let told = super::json(&place, &["policy", "check", "p.ingle", "--json"], &[]);
    assert_eq!((&told["at"], &told["allowed"]), (&"import".into(), &false.into()));
}

#[test]
fn a_model_is_allowed_by_its_digest_alone() {
    use sha2::{Digest, Sha256};
    let place = crate::place();
    let bytes = std::fs::read(place.path().join("parrot.gguf")).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().map(|it| format!("{it:02x}")).collect();
    let rule = format!(
        "version = 1\ndefault = \"deny\"\n[[rule]]\nname = \"assessed\"\naction = \"allow\"\n\
         sha256 = [\"{digest}\"]\n"
    );
    place.file("policy.toml", &rule);
    let with = [("INGLE_POLICY", "policy.toml")];
    let run = |model| place.run_with(&["run", model, "--no-save", "hi"], b"", &with);
    assert!(run("parrot.gguf").starts_with("exit 0"), "{}", run("parrot.gguf"));
    let mut other = bytes;
    *other.last_mut().unwrap() ^= 1;
    place.file("other.gguf", other);
    assert!(run("other.gguf").contains("does not allow to load `other.gguf`: rule `default`"));
    assert!(run("ember").contains("does not allow to load `ember`: rule `default`"));
}

/// Anybody can write one.
#[test]
fn a_manifest_beside_a_file_is_not_believed() {
    let place = with_policy(
        "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"from somewhere\"\n\
         action = \"deny\"\nprovenance-below = \"recorded\"\n",
    );
    let path = FileName("parrot.gguf".parse().unwrap());
    let manifest = Manifest {
        version: VERSION,
        name: "packers/parrot:F32".parse().unwrap(),
        main: Some(path.clone()),
        files: vec![StoredFile { path, size: 1, sha256: Sha256Hex::of(b"another") }],
        origin: Origin::Hub {
            endpoint: "https://huggingface.co".to_owned(),
            repository: "packers/parrot".parse().unwrap(),
            revision: "main".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        },
        arrived: "2026-11-29T12:00:00Z".to_owned(),
        facts: Facts::default(),
        root: None,
    };
    place.file("manifest.json", manifest.to_bytes());
    let told = place.run(&["tokenize", "parrot.gguf", "hi"]);
    assert!(told.contains("rule `from somewhere`"), "{told}");
}

/// Gives the model `name` of the library the manifest that `change` makes of its own, as anybody can.
fn relabel(place: &Place, name: &str, change: impl FnOnce(&mut Manifest)) {
    let folder = place.path().join("ingle-home/models").join(name);
    let path = folder.join("manifest.json");
    let bytes = fs::read(&path).expect("it is there");
    let mut manifest = Manifest::read(&bytes).expect("it is one");
    change(&mut manifest);
    fs::write(path, manifest.to_bytes()).expect("it was there");
}

/// Whoever packs a bundle can write any origin into it, and any facts.
#[test]
fn a_claimed_origin_denies_and_never_allows() {
    let place = crate::place();
    let policy = |default: &str, action: &str, criterion: &str| {
        let text = format!(
            "version = 1\ndefault = \"{default}\"\n[[rule]]\nname = \"listed\"\n\
             action = \"{action}\"\n{criterion}\n"
        );
        place.file("other-home/policy.toml", text);
    };
    let there = place.path().join("other-home").display().to_string();
    let run_there = |args: &[&str]| place.run_with(args, b"", &[("INGLE_HOME", &there)]);
    assert!(place.run(&["cp", "parrot.gguf", "meta-llama/parrot:F32"]).starts_with("exit 0"));
    relabel(&place, "meta-llama/parrot/F32", |it| {
        it.origin = Origin::Hub {
            endpoint: "https://huggingface.co".to_owned(),
            repository: "meta-llama/parrot".parse().unwrap(),
            revision: "main".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        };
        it.facts.country = Some("AU".to_owned());
    });
    for (bundle, more) in [("bare.ingle", None), ("signed.ingle", Some(key("p256.key")))] {
        let mut args = vec!["export", "meta-llama/parrot:F32", "-o", bundle];
        args.extend(more.iter().flat_map(|it| ["--key", it.as_str()]));
        assert!(place.run(&args).starts_with("exit 0"), "{bundle}");
    }
    for criterion in ["publisher = [\"meta-llama\"]", "country = [\"AU\"]"] {
        policy("deny", "allow", criterion);
        let told = run_there(&["import", "bare.ingle"]);
        assert!(told.contains("import `meta-llama/parrot:F32`: rule `default`"), "{told}");
        policy("allow", "deny", criterion);
        let told = run_there(&["import", "bare.ingle"]);
        assert!(told.contains("import `meta-llama/parrot:F32`: rule `listed`"), "{told}");
    }
    policy("allow", "deny", "country = [\"AA\", \"unknown\"]");
    let told = run_there(&["import", "bare.ingle"]);
    assert!(told.contains("import `meta-llama/parrot:F32`: rule `listed`"), "{told}");
    // With a signature that counts, it is no claim.
    let public = key("p256.pub");
    policy("deny", "allow", "publisher = [\"meta-llama\"]");
    let told = run_there(&["import", "signed.ingle", "--key", &public]);
    assert!(told.starts_with("exit 0"), "{told}");
}

/// Under a policy that the user cannot change, a key of theirs makes nothing known.
#[test]
fn a_key_that_no_rule_names_lifts_no_signed_policy() {
    let rules = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"known provenance\"\n\
                 action = \"deny\"\nprovenance-below = \"pinned\"\n";
    let place = with_policy(rules);
    place.file("key.pem", KEY);
    let told = place.run(&["export", "parrot.gguf", "-o", "p.ingle", "--key", &key("p256.key")]);
    assert!(told.starts_with("exit 0"), "{told}");
    let public = key("p256.pub");
    let import = ["import", "p.ingle", "--key", &public];
    let sign = ["policy", "sign", "ingle-home/policy.toml", "--key", "key.pem"];
    // As a policy of their own, it takes their word.
    assert!(place.run(&import).starts_with("exit 0"));
    assert!(place.run(&["rm", "-y", "parrot"]).starts_with("exit 0"));
    place.file("ingle-home/policy.pub", PUBLIC);
    assert!(place.run(&sign).starts_with("exit 0"));
    let told = place.run(&import);
    assert!(told.contains("import `parrot`: rule `known provenance`"), "{told}");
    let signer = Sha256Hex::of(&fs::read(&public).expect("a key of the tests"));
    let named = format!(
        "[[rule]]\nname = \"ours\"\naction = \"allow\"\nat = [\"serve\"]\n\
         signer = [\"{signer}\"]\n"
    );
    place.file("ingle-home/policy.toml", format!("{rules}{named}"));
    assert!(place.run(&sign).starts_with("exit 0"));
    assert!(place.run(&import).starts_with("exit 0"));
}

#[test]
fn an_override_does_not_pass_a_rule() {
    let place = with_policy(
        "version = 1\ndefault = \"deny\"\n[[rule]]\nname = \"free\"\naction = \"allow\"\n\
         licence = [\"Apache-2.0\"]\n",
    );
    let set = "general.license=str:apache-2.0";
    let told = place.run(&["tokenize", "parrot.gguf", "--override-kv", set, "hi"]);
    assert!(told.contains("rule `default`"), "{told}");
}

/// A file is asked about before it is copied, by all that is known of it.
#[test]
fn a_denied_file_is_not_taken_in() {
    let place = with_policy(ONLY_KNOWN);
    let told = place.run(&["cp", "parrot.gguf", "polly"]);
    assert!(told.contains("does not allow to import `polly`: rule `known country`"), "{told}");
    let digest = Sha256Hex::of(&parrot::file());
    let barred = format!(
        "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"barred\"\naction = \"deny\"\n\
         at = [\"import\"]\nsha256 = [\"{digest}\"]\n"
    );
    place.file("ingle-home/policy.toml", barred);
    let told = place.run(&["cp", "parrot.gguf", "polly"]);
    assert!(told.contains("does not allow to import `polly`: rule `barred`"), "{told}");
    assert!(!place.path().join("ingle-home/models").exists());
    place.file("ingle-home/policy.toml", "version = 1\ndefault = \"allow\"\n");
    assert!(place.run(&["cp", "parrot.gguf", "polly"]).starts_with("exit 0"));
}

/// A key of the tests of signatures, by the name of its file.
pub(super) fn key(name: &str) -> String {
    root().join("crates/store/fixtures/signing").join(name).display().to_string()
}

/// A slip of the pen in a policy must not open the door.
#[test]
fn a_policy_that_cannot_be_read_allows_nothing() {
    expect![[r#"
        exit 1
        -- stderr
        error: policy `[DIR]/ingle-home/policy.toml`, line 1: missing field `default`

        hint: `ingle policy example` prints one that is right
    "#]]
    .assert_eq(&with_policy("\nversion = 1\n").run(&["run", "parrot.gguf", "hi"]));
    let with = [("INGLE_POLICY", "none.toml")];
    expect![[r#"
        exit 1
        -- stderr
        error: `INGLE_POLICY` names `none.toml`, which is not there

        hint: name another file, or unset `INGLE_POLICY`
    "#]]
    .assert_eq(&crate::place().run_with(&["run", "parrot.gguf", "hi"], b"", &with));
}

#[test]
fn a_signed_policy_is_not_overridden() {
    let place = with_policy(ONLY_KNOWN);
    place.file("allow.toml", "version = 1\ndefault = \"allow\"\n");
    place.file("key.pem", KEY);
    place.file("ingle-home/policy.pub", PUBLIC);
    let with = [("INGLE_POLICY", "allow.toml")];
    let run = || place.run_with(&["run", "parrot.gguf", "--no-save", "hi"], b"", &with);
    expect![[r#"
        exit 1
        -- stderr
        error: `ingle-home` is a folder, expected the policy file

        hint: name the file, such as `ingle-home/policy.toml`
    "#]]
    .assert_eq(&place.run(&["policy", "sign", "ingle-home", "--key", "key.pem"]));
    assert!(run().contains("policy.toml` is not signed, expected"), "{}", run());
    let sign = ["policy", "sign", "ingle-home/policy.toml", "--key", "key.pem"];
    assert!(place.run(&sign).starts_with("exit 0"), "{}", place.run(&sign));
    let told = run();
    assert!(told.contains("note: the policy `allow.toml` is not in force"), "{told}");
    assert!(told.contains("rule `known country`"), "{told}");
    place.file("ingle-home/policy.toml", format!("{ONLY_KNOWN}# changed\n"));
    assert!(run().contains("is not the signature of"), "{}", run());
}

/// A policy may demand what flags switch off.
#[test]
fn flags_do_not_switch_off_what_the_policy_requires() {
    let text = "version = 1\ndefault = \"allow\"\nrequire-sandbox = true\nrequire-audit = true\n";
    let place = with_policy(text);
    let off = ["run", "parrot.gguf", "--no-save", "--sandbox", "off", "hi"];
    let told = place.run(&off);
    assert!(told.contains("error: this site's policy requires the sandbox"), "{told}");
    place.run_with(&["tokenize", "parrot.gguf", "hi"], b"", &[("INGLE_AUDIT", "0")]);
    assert!(place.path().join("ingle-home/audit").is_dir());
}

#[test]
fn the_examples_are_printed() {
    for name in ["origin", "licence"] {
        let place = crate::place();
        let example = place.output(&["policy", "example", name], b"", &[]);
        place.file("ingle-home/policy.toml", &example.stdout);
        let shown = place.run(&["policy", "show"]);
        assert!(shown.starts_with("exit 0") && shown.contains("deny"), "{shown}");
    }
}

/// Of nobody: the scalar is 32 times 7.
const KEY: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHoAoGCCqGSM49
AwEHoUQDQgAEHhhTL9R1TALzBB2cdc6zO4P/2BrHzk/ogsyxyYvFiW6kbDEcTi/0
DdlqNlPm5FRF0y3+SG7O11x6kMahiIHAow==
-----END EC PRIVATE KEY-----
";

/// Its public half.
const PUBLIC: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHhhTL9R1TALzBB2cdc6zO4P/2BrH
zk/ogsyxyYvFiW6kbDEcTi/0DdlqNlPm5FRF0y3+SG7O11x6kMahiIHAow==
-----END PUBLIC KEY-----
";
