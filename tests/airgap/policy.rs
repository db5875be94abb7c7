//! The policy is obeyed wherever weights are used, and each refusal names the rule.

use expect_test::expect;
use ingle_tests::binary::Place;

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

fn with_policy(text: &str) -> Place {
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

        hint: ask security@site.example; `ingle policy check parrot.gguf` explains each rule
    "#]]
    .assert_eq(&place.run(&["policy", "check", "parrot.gguf"]));
    let told = crate::json(&place, &["policy", "check", "parrot.gguf", "--json"], &[]);
    assert_eq!((&told["allowed"], &told["rule"]), (&false.into(), &"known country".into()));
    expect![[r#"
        exit 0
        -- stdout
        no policy is in force: every model is allowed
        `ingle policy example` lists some to begin from
    "#]]
    .assert_eq(&crate::place().run(&["policy", "show"]));
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
    use store::{
        digest::Sha256Hex,
        library::{Facts, FileName, Manifest, Origin, StoredFile, VERSION},
    };
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
