//! What is not packed or not taken, and what is said of it.

use expect_test::expect;
use ingle_tests::root;
use loader::{Value, gguf::Writer};
use store::{
    digest::Sha256Hex,
    disk::Disk,
    library::{Library, Manifest},
};

use super::*;

/// The good bundle of the parrot, `parrot.ingle`.
fn bundled() -> Place {
    let place = place();
    let told = place.run(&["export", "parrot.gguf", "-o", "parrot.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    place
}

#[test]
fn damage_and_cuts_are_told() {
    let place = bundled();
    let path = place.path().join("parrot.ingle");
    let good = fs::read(&path).expect("it is there");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    place.file("parrot.ingle", &bad);
    check(
        &run_there(&place, &["import", "parrot.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `blobs/sha256/7dc39af93efc890126c620a6ed53e9d67bf040e1638f164b7262d8b447459059` in `parrot.ingle` cannot be used
          cause: its sha256 is c03e644fb3f6f80afd7289a633b18195da874acff7a98bdb5a26d8675d96e281, expected 7dc39af93efc890126c620a6ed53e9d67bf040e1638f164b7262d8b447459059

        hint: it was damaged or changed on the way; copy it again from where it was made
    "#]],
    );
    place.file("parrot.ingle", &good[..good.len() / 2]);
    check(
        &run_there(&place, &["import", "parrot.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `parrot.ingle` is no bundle, or was damaged: it ends at byte 407,296; 405,920 more should follow

        hint: it was not copied to its end; of a split bundle, all parts must lie side by side
    "#]],
    );
    check(
        &run_there(&place, &["import", "parrot.gguf"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `parrot.gguf` is no bundle, or was damaged: at byte 0, there is no header of tar: its checksum is wrong

        hint: it is a model already: `ingle cp FILE NAME` takes it in
    "#]],
    );
    check(
        &run_there(&place, &["import", "absent.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: cannot read `absent.ingle`
          cause: No such file or directory (os error 2)

        hint: look at its name and its folder, then say it again
    "#]],
    );
    place.file("usb/p.ingle", "x");
    check(
        &run_there(&place, &["import", "usb"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `usb` is a folder, expected a bundle

        hint: name the file in it, such as `usb/FILE.ingle`
    "#]],
    );
    place.file("split.ingle.002", "x");
    for (named, first) in [
        ("absent.ingle.002", "absent.ingle.001"),
        ("split.ingle", "split.ingle.001"),
        ("split.ingle.002", "split.ingle.001"),
    ] {
        let told = run_there(&place, &["import", named]);
        check(
            &told.replace(first, "[FIRST]"),
            expect![[r#"
                exit 1
                -- stderr
                error: there is no `[FIRST]`, the first part

                hint: all parts of a split bundle must lie side by side
            "#]],
        );
    }
    assert!(!holds(Path::new(&there(&place)), "parrot"));
}

#[test]
fn what_is_there_is_not_lost() {
    let place = bundled();
    check(
        &place.run(&["export", "parrot.gguf", "-o", "parrot.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `parrot.ingle` is there already

        hint: `-y` replaces it
    "#]],
    );
    let told = place.run(&["export", "parrot.gguf", "-o", "parrot.ingle", "-y"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let model = std::fs::read(place.path().join("parrot.gguf")).unwrap();
    let key = root().join("crates/store/fixtures/signing/p256.key").display().to_string();
    for verb in [&["export"][..], &["sign", "--key", &key]] {
        check(
            &place.run(&[verb, &["parrot.gguf", "-o", "./parrot.gguf", "-y"]].concat()),
            expect![[r#"
                exit 2
                -- stderr
                error: `./parrot.gguf` is the model that is read

                hint: give the result another name
            "#]],
        );
        assert_eq!(std::fs::read(place.path().join("parrot.gguf")).unwrap(), model);
    }
    #[cfg(unix)]
    {
        let pipe = place.path().join("pipe");
        let _held = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        check(
            &place.run(&["export", "parrot.gguf", "--bom", "-o", "pipe", "-y"]),
            expect![[r#"
                exit 2
                -- stderr
                error: `pipe` is a device or a pipe, expected the name of a file
            "#]],
        );
    }
    place.file("other.gguf", other());
    let told = place.run(&["export", "other.gguf", "--name", "parrot", "-o", "other.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(run_there(&place, &["import", "parrot.ingle"]).starts_with("exit 0"));
    check(
        &run_there(&place, &["import", "other.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `parrot` is in the library, and its files are others

        hint: `-y` replaces it; `ingle cp` keeps the old one under another name
    "#]],
    );
    assert!(holds(Path::new(&there(&place)), "parrot"));
    assert!(run_there(&place, &["import", "other.ingle", "-y"]).starts_with("exit 0"));
    assert!(!holds(Path::new(&there(&place)), "parrot"));
}

/// The part that is missing is named.
#[test]
fn a_split_bundle_without_a_part_is_told() {
    let place = place();
    let split = ["export", "parrot.gguf", "-o", "s.ingle", "--split", "300000"];
    assert!(place.run(&split).starts_with("exit 0"));
    fs::remove_file(place.path().join("s.ingle.002")).expect("it was written");
    for named in ["s.ingle.001", "s.ingle"] {
        let told = run_there(&place, &["import", named]);
        let error = "error: `s.ingle.001` is not whole: part `s.ingle.002` is missing beside it\n";
        assert!(told.starts_with("exit 1") && told.contains(error), "{told}");
        let hint =
            "hint: all parts of a split bundle must lie side by side, each copied to its end";
        assert!(told.trim_end().ends_with(hint), "{told}");
    }
}

/// A signature and what is said of the model are no weights.
#[test]
fn the_same_weights_with_other_papers_are_told() {
    let place = bundled();
    let fixture =
        |name: &str| root().join("crates/store/fixtures/signing").join(name).display().to_string();
    let [key, public, other] = ["p256.key", "p256.pub", "p384.pub"].map(fixture);
    let export = ["export", "parrot.gguf", "-o", "signed.ingle", "--key", &key];
    assert!(place.run(&export).starts_with("exit 0"));
    assert!(run_there(&place, &["import", "parrot.ingle"]).starts_with("exit 0"));
    check(
        &run_there(&place, &["import", "signed.ingle", "--key", &public]),
        expect![[r#"
            exit 1
            -- stderr
            error: `parrot` is in the library with the same weights and other papers (`ingle.json`, `model.sig`)

            hint: `-y` replaces it; `ingle cp` keeps the old one under another name
        "#]],
    );
    // Whose it is comes first.
    let told = run_there(&place, &["import", "signed.ingle", "--key", &other]);
    assert!(told.contains("error: the signature of `parrot` is not accepted\n"), "{told}");
}

#[test]
fn a_model_that_is_named_twice_is_packed_once() {
    let place = place();
    place.file("other/parrot.gguf", other());
    let told = place.run(&["export", "parrot.gguf", "./parrot.gguf", "-o", "p.ingle"]);
    assert_eq!(told.matches("warning: no text of a licence").count(), 1, "{told}");
    assert_eq!(told.matches("model          parrot, ").count(), 1, "{told}");
    check(
        &place.run(&["export", "parrot.gguf", "other/parrot.gguf", "-o", "two.ingle"]),
        expect![[r#"
            exit 2
            -- stderr
            error: two models are called `parrot`

            hint: pack one of them alone, `--name` renames it
        "#]],
    );
}

/// Another model: the parrot with more behind its last tensor would be none, so one byte differs.
fn other() -> Vec<u8> {
    let mut bytes = parrot::file();
    *bytes.last_mut().expect("it has bytes") ^= 1;
    bytes
}

#[test]
fn what_cannot_be_packed_is_told() {
    let place = place();
    check(
        &place.run(&["export", "absent", "-o", "a.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: there is neither a file nor a model `absent`

        hint: `ingle list` names the models of the library
    "#]],
    );
    check(
        &place.run(&["export", "ember", "-o", "a.ingle"]),
        expect![[r#"
        exit 2
        -- stderr
        error: `ember` is built into every `ingle`

        hint: there is nothing to carry or to sign
    "#]],
    );
    check(
        &place.run(&["export", "parrot.gguf", "-o", "no/folder/a.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: there is no folder `no/folder`

        hint: make it, or name another
    "#]],
    );
    check(
        &place.run(&["export", "parrot.gguf", "-o", "a.ingle", "--split", "100"]),
        expect![[r#"
        exit 1
        -- stderr
        warning: no text of a licence goes with `parrot`
        error: 814592 bytes in parts of 100 are 8146 parts, at most 999 are possible

        hint: choose larger parts
    "#]],
    );
    check(
        &place.run(&["export", "parrot.gguf", "parrot.gguf", "--name", "a", "-o", "a.ingle"]),
        expect![[r#"
            exit 2
            -- stderr
            error: `--name` is for one model, found 2

            hint: give them one after the other
        "#]],
    );
    place.file("a b.gguf", parrot::file());
    check(
        &place.run(&["export", "a b.gguf", "-o", "a.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `a b.gguf` needs another name in the bundle
          cause: `a b` is no name of a model: the part `a b` is not 1 to 96 of a-z A-Z 0-9 - _ and inner dots

        hint: `--name` gives it one
    "#]],
    );
    place.file("text.gguf", "hello");
    check(
        &place.run(&["export", "text.gguf", "-o", "a.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: `text.gguf` is no model that can be used
          cause: the file starts with `hell`, expected `GGUF` or a safetensors header

        hint: a model is a `.gguf` file, a `.safetensors` file or a Hugging Face folder
    "#]],
    );
    assert!(!place.path().join("a.ingle").exists());
}

/// Every byte is as the bundle says, and yet it is no model: the loader says so before it shows up.
#[test]
fn t20_a_bundle_with_a_pickle_is_not_taken() {
    let place = place();
    assert!(place.run(&["cp", "parrot.gguf", "polly"]).starts_with("exit 0"));
    let folder = place.path().join("ingle-home/models/local/polly/default");
    let pickle = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    let path = folder.join("manifest.json");
    let mut manifest = Manifest::read(&fs::read(&path).expect("a manifest")).expect("it is one");
    let file = &mut manifest.files[0];
    (file.size, file.sha256) = (pickle.len() as u64, Sha256Hex::of(pickle));
    fs::write(&path, manifest.to_bytes()).expect("a file");
    fs::write(folder.join("parrot.gguf"), pickle).expect("a file");
    assert!(place.run(&["export", "polly", "-o", "p.ingle"]).starts_with("exit 0"));
    check(
        &run_there(&place, &["import", "p.ingle"]),
        expect![[r#"
        exit 1
        -- stderr
        error: cannot load `polly`
          cause: the file is a Python pickle (its opcodes), which can run any code while it is loaded

        hint: get the model as `.safetensors` or `.gguf`
    "#]],
    );
    let library = Library::at(Path::new(&there(&place)).join("models"), Disk::default());
    assert!(library.entries().expect("a library").is_empty());
    assert!(library.unfinished().expect("a library").is_empty(), "its bytes stayed");
}

/// What a bundle does not say of a model, the model's own file may.
#[test]
fn what_the_file_says_of_itself_is_judged_before_it_shows_up() {
    let place = Place::new();
    place.file("parrot.gguf", parrot::with(of_a_barred_model));
    let policy = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"lineage\"\n\
                  action = \"deny\"\nat = [\"import\"]\nlineage = [\"barred/*\"]\n";
    assert!(place.run(&["export", "parrot.gguf", "-o", "p.ingle"]).starts_with("exit 0"));
    place.file("other-home/policy.toml", policy);
    let told = run_there(&place, &["import", "p.ingle"]);
    let denied = "error: this site's policy does not allow to import `parrot`: rule `lineage`";
    assert!(told.starts_with("exit 1") && told.contains(denied), "{told}");
    let library = Library::at(Path::new(&there(&place)).join("models"), Disk::default());
    assert!(library.entries().expect("a library").is_empty());
    assert!(library.unfinished().expect("a library").is_empty(), "its bytes stayed");
}

fn of_a_barred_model(file: &mut Writer) {
    file.set("general.base_model.count", Value::U32(1));
    let url = "https://huggingface.co/barred/base".to_owned();
    file.set("general.base_model.0.repo_url", Value::String(url));
}

#[test]
fn a_model_that_nothing_here_runs_is_told_to_be_one() {
    let place = Place::new();
    let mamba = "mamba9".to_owned();
    let file = parrot::with(|it| {
        it.set("general.architecture", Value::String(mamba));
    });
    place.file("m.gguf", file);
    assert!(place.run(&["export", "m.gguf", "-o", "m.ingle"]).starts_with("exit 0"));
    let told = run_there(&place, &["import", "m.ingle"]);
    let warning = "warning: its architecture `mamba9` is not supported\n";
    assert!(told.starts_with("exit 0") && told.contains(warning), "{told}");
}

/// Whoever packs a bundle can claim that its model is any of the catalogue; whoever imports it is told
/// its own name alone.
#[test]
fn a_bundle_takes_no_name_of_the_catalogue() {
    let place = place();
    let fixture =
        |name: &str| root().join("crates/store/fixtures/signing").join(name).display().to_string();
    let [key, public] = ["p256.key", "p256.pub"].map(fixture);
    assert!(place.run(&["cp", "parrot.gguf", "company/helper:Q4"]).starts_with("exit 0"));
    let path = place.path().join("ingle-home/models/company/helper/Q4/manifest.json");
    let mut manifest = Manifest::read(&fs::read(&path).expect("a manifest")).expect("it is one");
    manifest.facts.catalogue = Some("llama3.2:3b".to_owned());
    fs::write(&path, manifest.to_bytes()).expect("a file");
    for (bundle, more) in [("bare.ingle", &[][..]), ("signed.ingle", &["--key", &key][..])] {
        let export = [&["export", "company/helper:Q4", "-o", bundle][..], more].concat();
        assert!(place.run(&export).starts_with("exit 0"), "{bundle}");
    }
    let is_meant = || {
        let told = run_there(&place, &["run", "llama3.2:3b", "--no-save", "hi"]);
        told.contains("Hello there, friend!")
    };
    for import in [&["import", "bare.ingle"][..], &["import", "-y", "signed.ingle"]] {
        let told = run_there(&place, import);
        assert!(told.contains("company/helper:Q4: imported"), "{told}");
        assert!(!is_meant(), "{import:?}");
        let told = run_there(&place, &["show", "company/helper:Q4"]);
        assert!(told.starts_with("exit 0") && !told.contains("llama3.2"), "{told}");
    }
    let told = run_there(&place, &["verify", "company/helper:Q4", "--key", &public]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(is_meant());
}

#[test]
fn what_the_policy_denies_is_not_imported() {
    let place = bundled();
    let policy = "version = 1\ndefault = \"allow\"\n[[rule]]\nname = \"countries\"\n\
                  action = \"deny\"\nat = [\"import\"]\ncountry = [\"unknown\"]\n";
    place.file("other-home/policy.toml", policy);
    let told = run_there(&place, &["import", "parrot.ingle"]);
    let denied = "error: this site's policy does not allow to import `parrot`: rule `countries`";
    assert!(told.starts_with("exit 1") && told.contains(denied), "{told}");
    assert!(!holds(Path::new(&there(&place)), "parrot"));
}
