//! What is said of a model before any of it is fetched, by its header alone.

use expect_test::expect;
use ingle_tests::parrot;
use serde_json::Value;
use store::digest::Sha256Hex;

use crate::{
    fake::Repository,
    scene::{NAME, files_below},
    stage::Stage,
};

/// The licence's digest, as git has it.
const GIT: &str = "2bf85b6375be8a69f4c2b977045fe97449c2a097";
/// A repository that the catalogue lists.
const LLAMA: &str = "bartowski/Llama-3.2-3B-Instruct-GGUF";

#[test]
fn a_model_of_the_hub_is_shown_like_a_file() {
    let stage = Stage::new();
    stage.place.file("m-Q4_K_M.gguf", parrot::file());
    let here = stage.run(&["show", "m-Q4_K_M.gguf"]);
    let there = stage.run(&["show", NAME]);
    let path = "[HUB]/org/model/m-Q4_K_M.gguf";
    let there = there.replace(path, "m-Q4_K_M.gguf");
    let beside = there.strip_prefix(&here).expect("it begins like the file");
    let digest = Sha256Hex::of(&parrot::file());
    expect![[r#"

        from           [HUB]/org/model
        commit         0123456789abcdef0123456789abcdef01234567 (main)
        licence        Apache-2.0
        made from      org/base

        sha256                                                                  size  file
        [SHA256]   786.2 KiB  m-Q4_K_M.gguf
        unknown; git: [GIT]                  17 B  LICENSE
    "#]]
    .assert_eq(&beside.replace(&digest.to_string(), "[SHA256]").replace(GIT, "[GIT]"));
    let json = stage.json(&["show", NAME, "--json"]);
    assert_eq!(json["hub"]["repository"], NAME);
    assert_eq!(json["hub"]["facts"]["licence"], "Apache-2.0");
    let [weights, papers] = [0, 1].map(|it| &json["hub"]["files"][it]);
    assert_eq!(weights["sha256"], digest.to_string());
    assert_eq!(weights["size"], parrot::file().len());
    assert_eq!((&papers["sha256"], &papers["git"]), (&Value::Null, &GIT.into()));
    assert!(files_below(&stage.place.path().join("ingle-home")).is_empty());
    let offline = stage.run(&["show", NAME, "--offline"]);
    assert!(offline.contains("`--offline` forbids to open a connection"), "{offline}");
}

/// Nothing is measured: what it takes is told all the same.
#[test]
fn a_model_of_the_hub_is_judged_by_its_header_else_by_the_catalogue() {
    let stage = Stage::new();
    let fit = |args: &[&str]| stage.run(&[&["fit", "--no-measure"][..], args].concat());
    let told = fit(&[NAME]);
    assert!(told.starts_with("exit 0\n-- stdout\nmodel      org/model, "), "{told}");
    assert!(told.contains("\nfits       yes, as F32 with 8,192 tokens of context\n"), "{told}");
    let kept = files_below(&stage.place.path().join("ingle-home"));
    assert!(kept.iter().all(|it| it.ends_with("speed.json")), "{kept:?}");
    let offline = fit(&[NAME, "--offline"]);
    assert!(offline.contains("error: `--offline` forbids to open a connection"), "{offline}");
    let known = fit(&["bartowski/Llama-3.2-3B-Instruct-GGUF", "--offline"]);
    assert!(known.starts_with("exit 0\n-- stdout\nmodel      llama3.2:3b, 3.21 B"), "{known}");
    assert!(known.contains("; this is by the catalogue\n"), "{known}");
}

/// Its name of the catalogue means its repository, wherever the hub is asked.
#[test]
fn a_model_of_the_catalogue_is_shown_before_it_is_fetched() {
    let stage = Stage::new();
    stage.fake.add(LLAMA, Repository::new([("m-Q4_K_M.gguf", parrot::file())]));
    let told = stage.run(&["show", "llama3.2:3b"]);
    for line in [
        "catalogue      llama3.2:3b",
        "creator        Meta",
        "country        US, as claimed by Meta",
        "licence        LicenseRef-Llama-3.2",
    ] {
        assert!(told.lines().any(|it| it.starts_with(line)), "{line}\n{told}");
    }
    assert!(files_below(&stage.place.path().join("ingle-home")).is_empty());
    let told = stage.run(&["pull", "llama3.2:3b"]);
    let here =
        format!("`{LLAMA}:Q4_K_M` is here; `ingle run llama3.2:3b` chats with it, offline\n");
    assert!(told.ends_with(&here), "{told}");
    // Where that would mean two models, one is named.
    let told = stage.run(&["cp", LLAMA, "bartowski/Llama-3.2-3B-Instruct-GGUF:mine"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let told = stage.run(&["pull", "llama3.2:3b"]);
    assert!(told.contains(&format!("`ingle run {LLAMA}:Q4_K_M` chats")), "{told}");
}

#[test]
fn rules_are_explained_of_a_model_that_is_not_here() {
    let stage = Stage::new();
    stage.fake.add(LLAMA, Repository::new([("m-Q4_K_M.gguf", parrot::file())]));
    stage.check(
        &["policy", "check", NAME],
        expect![[r#"
            exit 0
            -- stdout
            allowed: no policy is in force for `org/model:Q4_K_M`
        "#]],
    );
    let policy = format!(
        "version = 1\ndefault = \"allow\"\nhubs = [\"{}\"]\n[[rule]]\nname = \"llamas\"\n\
         action = \"deny\"\nat = [\"fetch\"]\nlicence = [\"LicenseRef-Llama-*\"]\n",
        stage.fake.hub
    );
    stage.place.file("ingle-home/policy.toml", policy);
    stage.check(
        &["policy", "check", NAME],
        expect![[r#"
            exit 0
            -- stdout
            model       org/model:Q4_K_M
            publisher   org
            creator     unknown
            lineage     org/base
            country     unknown
            licence     Apache-2.0
            format      Q4_K_M, gguf
            provenance  pinned

            deny `llamas`: does not apply
              at                fetch fits
              licence           Apache-2.0 does not fit

            allowed by `default`
        "#]],
    );
    stage.check(&["policy", "check", "llama3.2:3b"], expect![[r#"
            exit 1
            -- stdout
            model       bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M
            publisher   bartowski
            creator     Meta
            lineage     meta-llama/Llama-3.2-3B, meta-llama/Llama-3.1-8B, meta-llama/Llama-3.1-70B
            country     US
            licence     LicenseRef-Llama-3.2
            format      Q4_K_M, gguf
            provenance  pinned

            deny `llamas`: applies, and decides
              at                fetch fits
              licence           LicenseRef-Llama-3.2 fits

            denied by `llamas`
            -- stderr
            error: this site's policy does not allow to fetch `bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M`: rule `llamas`

            hint: ask who keeps `[DIR]/ingle-home/policy.toml`
        "#]]);
    let told = stage.run(&["policy", "check", LLAMA, "--at", "load"]);
    assert!(told.starts_with("exit 0") && told.contains("allowed by `default`"), "{told}");
    let told = stage.run(&["policy", "check", NAME, "--offline"]);
    assert!(told.contains("`--offline` forbids to open a connection"), "{told}");
    let json = stage.json(&["policy", "check", NAME, "--json"]);
    assert_eq!((&json["at"], &json["allowed"]), (&"fetch".into(), &true.into()));
    let digest = Sha256Hex::of(&parrot::file()).to_string();
    assert_eq!(json["model"]["weights"], serde_json::json!([digest]));
    assert!(files_below(&stage.place.path().join("ingle-home/models")).is_empty());
}

/// Of weights, that is: a proxy on the way that looks at everything first would have all of them come.
#[test]
fn a_file_is_asked_for_in_parts_by_whoever_looks_or_fetches() {
    // One byte more than a part, behind a header that can be read and says nothing.
    let weights = [&2_u64.to_le_bytes()[..], b"{}", &vec![7_u8; (16 << 20) - 9]].concat();
    let digest = Sha256Hex::of(&weights).to_string();
    let files = [("config.json", b"{}".to_vec()), ("model.safetensors", weights)];
    let stage = Stage::new();
    stage.fake.add(NAME, Repository::new(files));
    let policy = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"lineage\"\n\
                  action = \"deny\"\nat = [\"fetch\"]\nlineage = [\"barred/*\"]\n";
    stage.place.file("ingle-home/policy.toml", policy);
    for (command, most) in [
        (&["show", NAME][..], 1),
        (&["fit", "--no-measure", NAME][..], 1),
        (&["policy", "check", NAME][..], 1),
        (&["pull", NAME, "-y"][..], 3),
    ] {
        stage.fake.seen();
        let told = stage.run(command);
        let seen = stage.fake.seen();
        let is_of_weights = |path: &str| path.contains(&digest) || path.contains("/model.safe");
        let asked: Vec<_> = seen.iter().filter(|it| is_of_weights(&it.path)).collect();
        assert!(asked.iter().all(|it| it.range.is_some()), "{command:?}: {asked:?}");
        let n = asked.iter().filter(|it| it.at == "store").count();
        assert!((1..=most).contains(&n), "{command:?}: {asked:?}\n{told}");
    }
}
