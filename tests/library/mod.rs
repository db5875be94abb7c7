//! The library from the command line: models are listed, named, verified, copied, removed and
//! adopted.
//!
//! `UPDATE_EXPECT=1 cargo test -p ingle-cli --test program library::` writes what is expected anew.

mod adopt;
mod catalogue;
mod doctor;
mod integrity;
mod names;

use std::io::Write;

use expect_test::{Expect, expect};
use ingle_tests::{binary::Place, parrot};
use store::{
    digest::Sha256Hex,
    disk::Disk,
    library::{Entry, Facts, FileName, Library, Manifest, Origin, StoredFile, VERSION},
    name::Name,
};

/// The library of a place.
fn library(place: &Place) -> Library {
    Library::at(place.path().join("ingle-home/models"), Disk::default())
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Puts a model of these files into it, as a hub would have sent it.
fn put(place: &Place, called: &str, files: &[(&str, &[u8])]) -> Entry {
    let library = library(place);
    let staging = library.stage(&name(called)).expect("nobody else makes it");
    let mut stored = Vec::new();
    for (path, bytes) in files {
        let path = FileName(path.parse().expect("a safe path"));
        let place = staging.place(&path.0).expect("a folder");
        let mut file = library.disk().create(&place).expect("a new file");
        file.write_all(bytes).expect("space for it");
        let (size, sha256) = (bytes.len() as u64, Sha256Hex::of(bytes));
        stored.push(StoredFile { path, size, sha256 });
    }
    let manifest = Manifest {
        version: VERSION,
        name: name(called),
        main: Some(stored[0].path.clone()),
        files: stored,
        origin: Origin::Hub {
            endpoint: "https://huggingface.co".to_owned(),
            repository: "someone/parrots".parse().expect("a repository"),
            revision: "main".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().expect("a commit"),
        },
        arrived: "2026-11-29T12:00:00Z".to_owned(),
        facts: Facts { licence: Some("MIT".to_owned()), ..Facts::default() },
        root: None,
    };
    staging.publish(&manifest).expect("it is whole")
}

/// A place with the scripted model as `someone/parrots:F32`.
fn place() -> Place {
    let place = Place::new();
    put(&place, "someone/parrots:F32", &[("parrot.gguf", &parrot::file()), ("LICENSE", b"free\n")]);
    place
}

#[track_caller]
fn check(place: &Place, args: &[&str], expected: Expect) {
    expected.assert_eq(&place.run(args));
}

#[test]
fn an_empty_library_says_how_to_fill_it() {
    check(
        &Place::new(),
        &["list"],
        expect![[r#"
        exit 0
        -- stderr
        No model is in `[DIR]/ingle-home/models` yet.
          ingle pull llama3.2:3b      fetch one
          ingle adopt                 use what other programs have
          ingle run MODEL.gguf        run a file where it lies
    "#]],
    );
    let told = Place::new().output(&["ls", "--json"], b"", &[]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["models"], serde_json::json!([]));
}

#[test]
fn models_are_listed() {
    let place = Place::new();
    put(&place, "polly", &[("p.gguf", b"x")]);
    put(&place, "org/tiny:Q8_0", &[("t.gguf", &[0; 2000]), ("LICENSE", &[b' '; 48])]);
    check(
        &place,
        &["list"],
        expect![[r#"
        exit 0
        -- stdout
        name                 size  arrived     from
        polly                 1 B  2026-11-29  huggingface.co/someone/parrots
        org/tiny:Q8_0     2.0 KiB  2026-11-29  huggingface.co/someone/parrots
    "#]],
    );
    let told = place.output(&["ls", "--json"], b"", &[]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let model = &told["models"][1];
    assert_eq!(model["name"], "org/tiny:Q8_0");
    assert_eq!(model["origin"]["kind"], "hub");
    assert_eq!(model["files"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_model_or_not_whole_is_told() {
    let place = Place::new();
    place.file("ingle-home/models/a/b/c/manifest.json", "{}");
    let staging = library(&place).stage(&name("org/half:Q8_0")).unwrap();
    std::fs::write(staging.folder().join("m.gguf"), "ab").unwrap();
    drop(staging);
    check(
        &place,
        &["list"],
        expect![[r#"
            exit 0
            -- stderr
            warning: `[DIR]/ingle-home/models/a/b/c/manifest.json` cannot be read: it is not a manifest: missing field `version` at line 1 column 2
            note: `org/half:Q8_0` is not complete, 2 B so far: the command that began it goes on when it is said again, `ingle rm org/half:Q8_0` gives it up
            No model is in `[DIR]/ingle-home/models` yet.
              ingle pull llama3.2:3b      fetch one
              ingle adopt                 use what other programs have
              ingle run MODEL.gguf        run a file where it lies
        "#]],
    );
    check(
        &place,
        &["rm", "-y", "org/half:Q8_0", "a/b:c"],
        expect![[r#"
        exit 0
        -- stderr
        `org/half:Q8_0` is removed, 2 B
        `a/b:c` is removed, 0 B
    "#]],
    );
    let told = place.run(&["list"]);
    assert!(told.starts_with("exit 0\n-- stderr\nNo model is in "), "{told}");
}

/// `list` says what to type; a model that the word could mean, too, stays.
#[test]
fn what_is_named_exactly_is_removed() {
    let place = Place::new();
    put(&place, "org/half:Q4_K_M", &[("m.gguf", b"x")]);
    for part in ["half", "org/half:Q8_0"] {
        let staging = library(&place).stage(&name(part)).unwrap();
        std::fs::write(staging.folder().join("m.gguf"), "ab").unwrap();
    }
    let broken = place.path().join("ingle-home/models/local/Q4_K_M/default");
    std::fs::create_dir_all(&broken).unwrap();
    std::fs::write(broken.join("manifest.json"), "{}").unwrap();
    check(
        &place,
        &["rm", "-y", "half", "org/half:Q8_0", "Q4_K_M"],
        expect![[r#"
        exit 0
        -- stderr
        `half` is removed, 2 B
        `org/half:Q8_0` is removed, 2 B
        `Q4_K_M` is removed, 0 B
    "#]],
    );
    check(
        &place,
        &["rm", "-y", "half"],
        expect![[r#"
        exit 0
        -- stderr
        `org/half:Q4_K_M` is removed, 1 B
    "#]],
    );
}

#[test]
fn a_model_is_removed_after_a_question() {
    let place = Place::new();
    put(&place, "polly", &[("p.gguf", b"x")]);
    check(
        &place,
        &["rm", "polly"],
        expect![[r#"
        exit 1
        -- stderr
        error: `polly` stays

        hint: `-y` removes without a question
    "#]],
    );
    check(
        &place,
        &["rm", "-y", "polly", "nobody"],
        expect![[r#"
        exit 1
        -- stderr
        error: `nobody` is not on this machine

        hint: `ingle list --all` names what can be had; the library has `polly`
    "#]],
    );
    assert!(library(&place).find(&name("polly")).unwrap().is_some());
    check(
        &place,
        &["rm", "-y", "polly", "polly", "--json"],
        expect![[r#"
        exit 0
        -- stdout
        {
          "removed": [
            {
              "name": "polly",
              "bytes": 1,
              "kept_by": null
            }
          ]
        }
        -- stderr
        `polly` is removed, 1 B
    "#]],
    );
    assert!(library(&place).entries().unwrap().is_empty());
}

#[test]
fn a_copy_is_a_second_name() {
    let place = place();
    check(
        &place,
        &["cp", "someone/parrots", "polly"],
        expect![[r#"
        exit 0
        -- stderr
        `polly` is a copy of `someone/parrots:F32`
    "#]],
    );
    check(
        &place,
        &["cp", "someone/parrots", "polly"],
        expect![[r#"
        exit 1
        -- stderr
        error: there is a model `polly` already

        hint: `ingle rm polly` removes it
    "#]],
    );
    let told = place.run(&["cp", "someone/parrots", "../polly"]);
    assert!(told.starts_with("exit 2\n") && told.contains("is no name of a model"), "{told}");
    let told = place.run(&["rm", "-y", "someone/parrots"]);
    assert!(told.contains("`someone/parrots:F32` is removed"), "{told}");
    let told = place.run(&["run", "polly", "--no-save", "hi"]);
    assert!(told.contains("Hello there, friend!"), "{told}");
}

/// `ingle run` would take such a name for another model.
#[test]
fn a_copy_takes_no_name_of_another_model() {
    let place = place();
    place.file("parrot.gguf", parrot::file());
    for from in ["someone/parrots", "parrot.gguf"] {
        check(
            &place,
            &["cp", from, "llama3.2:3b"],
            expect![[r#"
                exit 2
                -- stderr
                error: `llama3.2:3b` is a name of the catalogue

                hint: give it another name
            "#]],
        );
        check(
            &place,
            &["cp", from, "ember"],
            expect![[r#"
                exit 2
                -- stderr
                error: `ember` is the name of the model that is built in

                hint: give it another name
            "#]],
        );
    }
    for name in ["llama3.2", "LLAMA3.2:3B", "llama3.2:3b-q4_k_m", "llama3.2:latest"] {
        let told = place.run(&["cp", "parrot.gguf", name]);
        assert!(told.contains(&format!("`{name}` is a name of the catalogue")), "{told}");
    }
    let told = place.run(&["export", "parrot.gguf", "--name", "llama3.2:3b", "-o", "p.ingle"]);
    assert!(told.contains("`llama3.2:3b` is a name of the catalogue"), "{told}");
    assert_eq!(library(&place).entries().unwrap().len(), 1);
    assert!(place.run(&["cp", "parrot.gguf", "llama3.2:mine"]).starts_with("exit 0"));
    place.file("ingle-home/catalogue.toml", catalogue::OWN);
    let told = place.run(&["cp", "parrot.gguf", "parrots:2b"]);
    assert!(told.contains("`parrots:2b` is a name of the catalogue"), "{told}");
}

#[test]
fn a_file_of_ones_own_is_taken_in() {
    let place = Place::new();
    let file = place.file("downloads/parrot.gguf", parrot::file());
    check(
        &place,
        &["cp", "downloads/parrot.gguf", "polly"],
        expect![[r#"
        exit 0
        -- stderr
        `polly` is a copy of `downloads/parrot.gguf`; `ingle run polly` runs it
    "#]],
    );
    check(
        &place,
        &["cp", "downloads/parrot.gguf", "polly"],
        expect![[r#"
        exit 1
        -- stderr
        error: there is a model `polly` already

        hint: `ingle rm polly` removes it
    "#]],
    );
    // The file is its owner's: the model stays what it is.
    std::fs::write(&file, "something else").unwrap();
    check(
        &place,
        &["verify", "polly"],
        expect![[r#"
        exit 0
        -- stdout
        ok      polly: 1 file, 786.2 KiB
    "#]],
    );
    let told = place.run(&["list"]);
    assert!(
        told.contains("786.2 KiB") && told.ends_with("[DIR]/downloads/parrot.gguf\n"),
        "{told}"
    );
    let told = place.run(&["show", "polly"]);
    assert!(told.contains("\nfrom           [DIR]/downloads/parrot.gguf\n"), "{told}");
    assert!(!told.contains("not since it came or changed"), "{told}");
    let told = place.run(&["run", "polly", "--no-save", "hi"]);
    assert!(told.contains("Hello there, friend!"), "{told}");
    check(
        &place,
        &["rm", "-y", "polly"],
        expect![[r#"
        exit 0
        -- stderr
        `polly` is removed, 786.2 KiB
    "#]],
    );
}

#[test]
fn a_folder_is_taken_in_with_what_belongs_to_it() {
    let place = Place::new();
    let small = ingle_tests::root().join("tests/golden/small/families/llama");
    for name in ["config.json", "model.safetensors"] {
        place.file(&format!("folder/{name}"), std::fs::read(small.join(name)).unwrap());
    }
    place.file("folder/LICENSE", "do as you like");
    place.file("folder/pytorch_model.bin", "pickle");
    // The library writes one itself.
    place.file("folder/manifest.json", "{}");
    check(
        &place,
        &["cp", "folder", "me/small:f32"],
        expect![[r#"
        exit 0
        -- stderr
        warning: left out of `me/small:f32`: `manifest.json`, `pytorch_model.bin`
        `me/small:f32` is a copy of `folder`; `ingle run me/small:f32` runs it
    "#]],
    );
    assert!(place.run(&["verify", "--all"]).contains("ok      me/small:f32: 3 files"));
}

#[test]
fn what_is_no_model_or_has_a_name_is_not_taken_in() {
    let place = place();
    place.file("text.gguf", "hello");
    check(
        &place,
        &["cp", "text.gguf", "text"],
        expect![[r#"
        exit 1
        -- stderr
        error: `text.gguf` is no model that can be used
          cause: the file starts with `hell`, expected `GGUF` or a safetensors header

        hint: a model is a `.gguf` file, a `.safetensors` file or a Hugging Face folder
    "#]],
    );
    // No file that the model opens, which would be a copy of the model.
    place.file("ingle-home/models/someone/parrots/F32/more.gguf", parrot::file());
    check(
        &place,
        &["cp", "ingle-home/models/someone/parrots/F32/more.gguf", "polly"],
        expect![[r#"
        exit 2
        -- stderr
        error: `ingle-home/models/someone/parrots/F32/more.gguf` is in the library

        hint: name it as `ingle list` does
    "#]],
    );
    check(
        &place,
        &["cp", "ember", "polly"],
        expect![[r#"
        exit 2
        -- stderr
        error: `ember` is built into every `ingle`

        hint: there is no file to copy
    "#]],
    );
    assert!(library(&place).unfinished().unwrap().is_empty());
}

/// Whoever makes or removes a model has it alone; reading goes on.
#[test]
fn two_processes_at_once() {
    let place = place();
    let staging = library(&place).stage(&name("someone/parrots:F32")).unwrap();
    check(
        &place,
        &["rm", "-y", "someone/parrots"],
        expect![[r#"
        exit 1
        -- stderr
        error: another `ingle` is getting or removing `someone/parrots:F32`

        hint: wait until it is done, or end it
    "#]],
    );
    let told = place.run(&["run", "someone/parrots", "--no-save", "hi"]);
    assert!(told.contains("Hello there, friend!"), "{told}");
    drop(staging);
    assert!(place.run(&["rm", "-y", "someone/parrots"]).starts_with("exit 0"));
}
