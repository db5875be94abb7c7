//! `ingle pull` and `ingle show` as they are typed.

use std::{fs, path::Path};

use expect_test::expect;
use ingle_tests::{parrot, root};
use loader::Value;
use store::digest::Sha256Hex;

use crate::{
    fake::{
        COMMIT, Repository,
        trouble::{Event, Trouble},
    },
    scene::{NAME, files_below},
    stage::Stage,
};

/// What the model of `NAME` is called in the library.
const NAME_HERE: &str = "org/model:Q4_K_M";

#[test]
fn a_pull_and_what_comes_after_it() {
    let stage = Stage::new();
    stage.check(
        &["pull", NAME],
        expect![[r#"
            exit 0
            -- stderr
            repository  org/model at 0123456789ab
            from        [HUB]
            format      Q4_K_M, by default; there are also F16 4.9 KiB
            size        786.2 KiB in 2 files
            licence     Apache-2.0
            memory      4.2 MiB: weights 777.2 KiB, cache of 32,768 tokens 1.0 MiB, scratch 2.4 MiB; fits
             30%  256.0 KiB of 786.2 KiB
             60%  512.0 KiB of 786.2 KiB
             90%  768.0 KiB of 786.2 KiB
            100%  786.2 KiB of 786.2 KiB
            `org/model:Q4_K_M` is here; `ingle run org/model` chats with it, offline
        "#]],
    );
    stage.check(
        &["pull", NAME],
        expect![[r#"
        exit 0
        -- stderr
        `org/model:Q4_K_M` is what the hub has now: nothing to fetch
        `org/model:Q4_K_M` is here; `ingle run org/model` chats with it, offline
    "#]],
    );
}

/// Terms of a licence and who claims a country are shown before a download, and after it.
#[test]
fn what_the_catalogue_says_is_shown() {
    const LLAMA: &str = "bartowski/Llama-3.2-3B-Instruct-GGUF";
    let stage = Stage::new();
    stage.fake.add(LLAMA, Repository::new([("m-Q4_K_M.gguf", parrot::file())]));
    for command in [["show", LLAMA], ["pull", LLAMA], ["show", LLAMA]] {
        let told = stage.run(&command);
        for text in ["US, as claimed by Meta", "700 million monthly active users", "weights only"] {
            assert_eq!(told.matches(text).count(), 1, "{command:?} {text}: {told}");
        }
    }
    let told = stage.run(&["show", LLAMA, "--json"]);
    let json = told.split("-- stdout\n").nth(1).unwrap().split("-- stderr\n").next().unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["catalogue"]["country"], "US");
    assert_eq!(json["catalogue"]["terms"].as_array().unwrap().len(), 4);
}

#[test]
fn files_of_one_name_in_two_folders_are_two_models() {
    let stage = Stage::new();
    let files = ["a/m-Q4_K_M.gguf", "b/m-Q4_K_M.gguf"];
    stage.fake.add(NAME, Repository::new(files.map(|it| (it, parrot::file()))));
    for (file, name) in files.iter().zip(["org/model:a-m-Q4_K_M", "org/model:b-m-Q4_K_M"]) {
        let told = stage.run(&["pull", NAME, "--quant", file]);
        assert!(told.contains(&format!("`{name}` is here")), "{told}");
        assert!(!told.contains("nothing to fetch"), "{told}");
    }
}

/// What is here under the name is not lost without a word; what was carried here is known.
#[test]
fn another_model_in_its_place_is_replaced_when_that_is_wanted() {
    let stage = Stage::new();
    let place = stage.place.path().join("ingle-home/models/org/model/Q4_K_M");
    assert!(stage.run(&["pull", NAME]).starts_with("exit 0"));
    let told = stage.run(&["export", NAME, "-o", "m.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(stage.run(&["rm", "-y", NAME]).starts_with("exit 0"));
    assert!(stage.run(&["import", "m.ingle"]).starts_with("exit 0"));
    let told = stage.run(&["pull", NAME]);
    assert!(told.contains("is what the hub has now: nothing to fetch"), "{told}");

    stage.place.file("m.gguf", parrot::file());
    let told = stage.run(&["export", "--name", "org/model:Q4_K_M", "m.gguf", "-o", "o.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(stage.run(&["import", "-y", "o.ingle"]).starts_with("exit 0"));
    let told = stage.run(&["pull", NAME]);
    for part in [
        "warning: it replaces the `org/model:Q4_K_M` that is here, from a bundle; before, m.gguf\n",
        "error: nothing was fetched\n",
        "hint: `-y` fetches it all the same\n",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(place.join("m.gguf").exists());
    assert!(stage.run(&["pull", NAME, "-y"]).starts_with("exit 0"));
    assert!(!place.join("m.gguf").exists());

    // A manifest that cannot be read is got again, as is advised.
    std::fs::write(place.join("manifest.json"), "{").unwrap();
    let told = stage.run(&["pull", NAME]);
    assert!(told.contains("warning: it replaces what is here: "), "{told}");
    assert!(stage.run(&["pull", NAME, "-y"]).starts_with("exit 0"));

    // Files that somebody laid there are nobody's to replace.
    std::fs::remove_file(place.join("manifest.json")).unwrap();
    let told = stage.run(&["pull", NAME, "-y"]);
    assert!(told.starts_with("exit 1") && told.ends_with("move it out\n"), "{told}");
    assert!(place.join("m-Q4_K_M.gguf").exists());
}

/// Between the first look and the download, people are asked and headers come.
#[test]
fn what_comes_meanwhile_is_not_replaced_unasked() {
    let stage = Stage::new();
    let [home, place] =
        ["ingle-home", "ingle-home/models/org/model/Q4_K_M"].map(|it| stage.place.path().join(it));
    let kept = stage.place.path().join("kept");
    let appear = |from: &Path| {
        let (from, to) = (from.to_owned(), place.clone());
        Trouble::Meanwhile(Event::new(move || {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(&from, &to).unwrap();
        }))
    };
    // Another model of that name comes from elsewhere.
    stage.place.file("m.gguf", parrot::file());
    assert!(stage.run(&["cp", "m.gguf", NAME_HERE]).starts_with("exit 0"));
    fs::rename(&place, &kept).unwrap();
    stage.fake.trouble("/resolve/", 1, appear(&kept));
    let told = stage.run(&["pull", NAME]);
    let replaces = format!("warning: it replaces the `{NAME_HERE}` that is here, from ");
    assert!(told.contains(&replaces) && told.contains("error: nothing was fetched\n"), "{told}");
    assert!(place.join("m.gguf").exists());
    // The same when that is wanted.
    fs::rename(&place, &kept).unwrap();
    stage.fake.trouble("/resolve/", 1, appear(&kept));
    let told = stage.run(&["pull", NAME, "-y"]);
    assert!(told.starts_with("exit 0") && told.contains(&replaces), "{told}");
    assert!(!place.join("m.gguf").exists() && place.join("m-Q4_K_M.gguf").exists());
    // Another process was faster.
    fs::rename(&place, &kept).unwrap();
    stage.fake.trouble("/resolve/", 1, appear(&kept));
    let told = stage.run(&["pull", NAME]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(told.contains("is what the hub has now: nothing to fetch"), "{told}");
    let unfinished: Vec<_> =
        files_below(&home).into_iter().filter(|it| it.ends_with("m-Q4_K_M.gguf")).collect();
    assert_eq!(unfinished, [place.join("m-Q4_K_M.gguf")]);
}

#[test]
fn what_is_refused() {
    let stage = Stage::new();
    stage.check(&["pull", NAME, "--offline"], expect![[r#"
        exit 1
        -- stderr
        error: `--offline` forbids to open a connection

        hint: leave it out, or carry the model here: `ingle export` on another machine, `ingle import` on this one
    "#]]);
    stage.check(
        &["pull", "org/none"],
        expect![[r#"
        exit 1
        -- stderr
        error: `[HUB]` has no repository `org/none`

        hint: look for the name in the hub's search
    "#]],
    );
    stage.check(
        &["pull", NAME, "--revision", "v9"],
        expect![[r#"
        exit 1
        -- stderr
        error: `[HUB]` has no revision `v9` of `org/model`

        hint: look at the repository's branches and tags
    "#]],
    );
    stage.check(
        &["pull", "org/model:Q2_K"],
        expect![[r#"
        exit 2
        -- stderr
        error: `org/model` has no `Q2_K`

        hint: `--quant` takes one of Q4_K_M, F16
    "#]],
    );
    stage.check(
        &["pull", NAME, "--quant", "F16"],
        expect![[r#"
        exit 1
        -- stderr
        error: `m-F16.gguf` of the hub is no model that can be read
          cause: it does not start with `GGUF`
    "#]],
    );
    stage.check(
        &["pull", NAME, "--mirror", "ftp://x"],
        expect![[r#"
        exit 2
        -- stderr
        error: `--mirror` is `ftp://x`, expected an address such as `https://huggingface.co`
    "#]],
    );
    stage.check(
        &["pull", NAME, "--mirror", ""],
        expect![[r#"
        exit 2
        -- stderr
        error: `--mirror` is ``, expected an address such as `https://huggingface.co`
    "#]],
    );
    stage.check(&["pull", NAME, "--limit-rate", "fast"], expect![[r#"
        exit 2
        -- stderr
        error: invalid value 'fast' for '--limit-rate <RATE>': expected a rate such as `500K` or `2M`, found `fast`

        For more information, try '--help'.
    "#]]);
    stage.fake.trouble("/revision/", usize::MAX, Trouble::Status(401));
    stage.check(&["pull", NAME], expect![[r#"
        exit 1
        -- stderr
        error: `[HUB]` does not open `org/model` to visitors without a token (status 401)

        hint: if it exists, accept its licence at [HUB]/org/model and set HF_TOKEN to a token of that account
    "#]]);
}

#[test]
fn what_the_policy_denies_is_not_fetched() {
    let stage = Stage::new();
    let policy = format!(
        "version = 1\ndefault = \"allow\"\nhubs = [\"{}\"]\n[[rule]]\nname = \"publishers\"\n\
         action = \"deny\"\nat = [\"fetch\"]\npublisher = [\"org\"]\n",
        stage.fake.hub
    );
    stage.place.file("ingle-home/policy.toml", policy);
    let told = stage.run(&["pull", NAME]);
    let denied = "error: this site's policy does not allow to fetch `org/model:Q4_K_M`: rule \
                  `publishers`";
    assert!(told.starts_with("exit 1") && told.contains(denied), "{told}");
    assert!(files_below(&stage.place.path().join("ingle-home/models")).is_empty());
}

/// What neither the catalogue nor the hub says of a model, its own header may.
#[test]
fn a_lineage_in_the_header_is_denied_before_it_is_fetched() {
    let stage = Stage::new();
    let file = parrot::with(|it| {
        it.set("general.base_model.count", Value::U32(1));
        let url = "https://huggingface.co/barred/base".to_owned();
        it.set("general.base_model.0.repo_url", Value::String(url));
    });
    stage.fake.add(NAME, Repository::new([("m-Q4_K_M.gguf", file)]));
    let policy = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"lineage\"\n\
                  action = \"deny\"\nat = [\"fetch\"]\nlineage = [\"barred/*\"]\n";
    stage.place.file("ingle-home/policy.toml", policy);
    let told = stage.run(&["pull", NAME]);
    let denied = "does not allow to fetch `org/model:Q4_K_M`: rule `lineage`";
    assert!(told.starts_with("exit 1") && told.contains(denied), "{told}");
    assert!(files_below(&stage.place.path().join("ingle-home/models")).is_empty());
}

/// A mirror may show the header of another model to those who look at it first.
#[test]
fn a_lineage_that_came_with_the_file_alone_is_denied_before_it_shows_up() {
    let of = |base: &str| {
        let url = format!("https://huggingface.co/{base}/base");
        parrot::with(|it| {
            it.set("general.base_model.count", Value::U32(1));
            it.set("general.base_model.0.repo_url", Value::String(url));
        })
    };
    let (barred, benign) = (of("barred"), of("benign"));
    assert_eq!(barred.len(), benign.len());
    let stage = Stage::new();
    stage.fake.add(NAME, Repository::new([("m-Q4_K_M.gguf", barred)]));
    stage.fake.trouble("signature", 1, Trouble::Instead(benign.into()));
    let policy = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"lineage\"\n\
                  action = \"deny\"\nat = [\"fetch\"]\nlineage = [\"barred/*\"]\n";
    stage.place.file("ingle-home/policy.toml", policy);
    let told = stage.run(&["pull", NAME]);
    let denied = "does not allow to fetch `org/model:Q4_K_M`: rule `lineage`";
    assert!(told.starts_with("exit 1") && told.contains(denied), "{told}");
    assert!(stage.fake.seen().iter().filter(|it| it.at == "store").count() > 1);
    let left = files_below(&stage.place.path().join("ingle-home/models"));
    assert!(!left.iter().any(|it| it.ends_with("m-Q4_K_M.gguf")), "{left:?}");
}

/// A mirror can call anything as it likes: that is no way round a rule, and no way in.
#[test]
fn what_a_mirror_claims_denies_and_never_allows() {
    const LLAMA: &str = "bartowski/Llama-3.2-3B-Instruct-GGUF";
    let stage = Stage::new();
    stage.fake.add(LLAMA, Repository::new([("m-Q4_K_M.gguf", parrot::file())]));
    let check = |name: &str, (default, action, criterion): (&str, &str, &str), by: &str| {
        let policy = format!(
            "version = 1\ndefault = \"{default}\"\n[[rule]]\nname = \"listed\"\n\
             action = \"{action}\"\nat = [\"fetch\"]\n{criterion}\n"
        );
        stage.place.file("ingle-home/policy.toml", policy);
        let told = stage.run(&["pull", name, "--mirror", &stage.fake.hub]);
        let denied = format!("allow to fetch `{name}:Q4_K_M`: rule `{by}`");
        assert!(told.starts_with("exit 1") && told.contains(&denied), "{criterion}\n{told}");
    };
    check(NAME, ("allow", "deny", "publisher = [\"org\"]"), "listed");
    check(NAME, ("deny", "allow", "publisher = [\"org\"]"), "default");
    // Of the repository that it claims, the catalogue has a country.
    check(LLAMA, ("allow", "deny", "country = [\"US\"]"), "listed");
    check(LLAMA, ("allow", "deny", "country = [\"AA\", \"unknown\"]"), "listed");
    check(LLAMA, ("deny", "allow", "country = [\"US\"]"), "default");
    assert!(files_below(&stage.place.path().join("ingle-home/models")).is_empty());
}

/// Whoever packs a bundle can write any repository into it.
#[test]
fn a_claim_of_a_bundle_allows_nothing_before_it_is_signed() {
    let stage = Stage::new();
    let key =
        |name: &str| root().join("crates/store/fixtures/signing").join(name).display().to_string();
    let [private, public] = [key("p256.key"), key("p256.pub")];
    stage.run(&["pull", NAME]);
    for pack in [
        &["export", NAME, "-o", "bare.ingle"][..],
        &["export", NAME, "-o", "signed.ingle", "--key", &private],
        &["rm", "-y", NAME],
        &["import", "bare.ingle"],
    ] {
        let told = stage.run(pack);
        assert!(told.starts_with("exit 0"), "{told}");
    }
    let policy = format!(
        "version = 1\ndefault = \"deny\"\nhubs = [\"{}\"]\n[[rule]]\nname = \"ours\"\n\
         action = \"allow\"\npublisher = [\"org\"]\n",
        stage.fake.hub
    );
    stage.place.file("ingle-home/policy.toml", policy);
    let told = stage.run(&["policy", "check", NAME]);
    for part in [
        "\npublisher   org (a claim that nobody signed)\n",
        "\n  publisher         org (a claim that nobody signed) does not fit\n",
        "\ndenied by `default`\n",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(stage.run(&["policy", "check", NAME, "--json"]).contains("\"known_source\": false"));
    assert!(stage.run(&["rm", "-y", NAME]).starts_with("exit 0"));
    let denied = "does not allow to import `org/model:Q4_K_M`: rule `default`";
    assert!(stage.run(&["import", "bare.ingle"]).contains(denied));
    assert!(stage.run(&["import", "signed.ingle"]).contains(denied));
    let told = stage.run(&["import", "signed.ingle", "--key", &public]);
    assert!(told.starts_with("exit 0"), "{told}");
    let told = stage.run(&["policy", "check", NAME]);
    assert!(told.contains("\npublisher   org\n") && told.contains("allowed by `ours`"), "{told}");
}

#[test]
fn json_is_for_programs() {
    let stage = Stage::new();
    let told = stage.run(&["pull", NAME, "--json"]);
    let json = told.split("-- stdout\n").nth(1).unwrap().split("-- stderr\n").next().unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["name"], "org/model:Q4_K_M");
    assert_eq!(json["origin"]["commit"], COMMIT);
    assert_eq!(json["facts"]["licence"], "Apache-2.0");
    // The first load verifies it.
    assert!(json["verified"].is_null(), "{json}");
    assert_eq!(json["memory"]["runs"], true);
    let open = json["path"].as_str().unwrap();
    assert!(open.ends_with("models/org/model/Q4_K_M/m-Q4_K_M.gguf"), "{open}");
}

#[test]
fn what_is_fetched_and_what_may_not_be_is_noted() {
    let mut stage = Stage::new();
    stage.variables.push(("INGLE_AUDIT", "1".to_owned()));
    assert!(stage.run(&["pull", NAME]).starts_with("exit 0"));
    // Nothing comes a second time.
    assert!(stage.run(&["pull", NAME]).starts_with("exit 0"));
    stage.run(&["rm", "-y", NAME]);
    let policy = format!(
        "version = 1\ndefault = \"allow\"\nhubs = [\"{}\"]\n[[rule]]\nname = \"no parrots\"\n\
         action = \"deny\"\npublisher = [\"org\"]\n",
        stage.fake.hub
    );
    stage.place.file("ingle-home/policy.toml", policy);
    let told = stage.run(&["pull", NAME]);
    assert!(told.contains("rule `no parrots`"), "{told}");
    let log = files_below(&stage.place.path().join("ingle-home/audit"));
    let log = log.into_iter().find(|it| it.extension().is_some_and(|it| it == "jsonl")).unwrap();
    let log = fs::read_to_string(log).unwrap();
    let entries: Vec<serde_json::Value> =
        log.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let events: Vec<_> = entries.iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["fetched", "removed", "refused"]);
    let digest = Sha256Hex::of(&parrot::file()).to_string();
    for entry in &entries {
        assert_eq!(entry["model"], NAME_HERE);
        assert_eq!(entry["sha256"], digest.as_str());
    }
    assert_eq!(entries[2]["policy"]["rule"], "no parrots");
}

/// No lock, and no folder.
#[test]
fn a_finished_pull_leaves_nothing_where_it_grew() {
    let stage = Stage::new();
    let partial = stage.place.path().join("ingle-home/models/.partial");
    for command in [&["pull", NAME][..], &["verify", "--all"][..], &["rm", "-y", NAME][..]] {
        let told = stage.run(command);
        assert!(told.starts_with("exit 0"), "{told}");
        let left = fs::read_dir(&partial).unwrap().map(|it| it.unwrap().file_name());
        let left: Vec<_> = left.collect();
        assert!(left.is_empty(), "after {command:?}: {left:?}");
    }
}
