//! What is not as it came is not run.

use std::fs;

use super::*;

#[test]
fn a_model_is_verified() {
    let place = Place::new();
    put(&place, "polly", &[("p.gguf", b"weights"), ("LICENSE", b"free\n")]);
    check(
        &place,
        &["verify", "polly"],
        expect![[r#"
        exit 0
        -- stdout
        ok      polly: 2 files, 12 B
    "#]],
    );
    check(
        &place,
        &["verify", "--all", "--json"],
        expect![[r#"
        exit 0
        -- stdout
        {
          "models": [
            {
              "name": "polly",
              "ok": true,
              "files": 2,
              "bytes": 12,
              "faults": []
            }
          ],
          "damaged": 0
        }
    "#]],
    );
}

#[test]
fn where_there_is_nothing_to_verify_that_is_said() {
    check(
        &Place::new(),
        &["verify", "--all"],
        expect![[r#"
        exit 0
        -- stderr
        No model is in `[DIR]/ingle-home/models` yet.
    "#]],
    );
}

#[test]
fn what_cannot_be_read_is_told_with_what_to_do() {
    let place = Place::new();
    place.file("ingle-home/models/a/b/c/manifest.json", r#"{"version": 99}"#);
    place.file("ingle-home/models/a/b/d/manifest.json", "{}");
    check(
        &place,
        &["verify", "--all"],
        expect![[r#"
            exit 1
            -- stderr
            warning: `[DIR]/ingle-home/models/a/b/c/manifest.json` cannot be read: it is a manifest of version 99, expected at most 1
            warning: `[DIR]/ingle-home/models/a/b/d/manifest.json` cannot be read: it is not a manifest: missing field `version` at line 1 column 2
            error: 2 of 2 models differ from their manifests

            hint: `[DIR]/ingle-home/models/a/b/c`: a newer `ingle` reads it
                  `[DIR]/ingle-home/models/a/b/d`: get the model again with `-y`, or move its folder out of the library
        "#]],
    );
}

#[test]
fn one_flipped_byte_is_named() {
    let place = Place::new();
    let entry = put(&place, "polly", &[("p.gguf", b"weights"), ("LICENSE", b"free\n")]);
    fs::write(entry.to_open(), "weighty").unwrap();
    fs::remove_file(entry.folder.join("LICENSE")).unwrap();
    fs::write(entry.folder.join("more"), "x").unwrap();
    let told = place.run(&["verify", "--all"]);
    expect![[r#"
        exit 1
        -- stdout
        FAILED  polly: 2 files, 12 B
                `[DIR]/ingle-home/models/local/polly/default/LICENSE` is missing
                `[DIR]/ingle-home/models/local/polly/default/more` is not named in the manifest
                `[DIR]/ingle-home/models/local/polly/default/p.gguf` has the SHA-256 0775d5ad…, expected 9a129038…
        -- stderr
        error: 1 of 1 models differ from their manifests

        hint: `ingle rm polly`, and get it again: it was from huggingface.co/someone/parrots
    "#]].assert_eq(&hexless(&told));
}

/// The text with the first digits of digests.
fn hexless(told: &str) -> String {
    let is_digest = |it: &&str| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
    let digests: Vec<&str> = told.split(|c: char| !c.is_alphanumeric()).filter(is_digest).collect();
    digests.iter().fold(told.to_owned(), |text, it| text.replace(it, &format!("{}…", &it[..8])))
}

/// The first load after a model came holds it against its manifest; the next does not read it again.
#[test]
fn the_first_load_verifies() {
    let place = place();
    let entry = library(&place).find(&name("someone/parrots:F32")).unwrap().unwrap();
    assert_eq!(entry.verified(), None);
    let run = || place.run(&["run", "someone/parrots", "--no-save", "hi"]);
    assert!(run().contains("Hello there, friend!"));
    assert!(entry.verified().is_some());
    // In the weights: the loader itself would not mind.
    let mut bytes = fs::read(entry.to_open()).unwrap();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    fs::write(entry.to_open(), &bytes).unwrap();
    let told = run();
    for part in [
        "error: `someone/parrots:F32` is not what its manifest says: `[DIR]/ingle-home/models/",
        "someone/parrots/F32/parrot.gguf` has the SHA-256 ",
        "hint: `ingle pull someone/parrots:F32` fetches only what is damaged\n",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    // In the header: the cause is told, not what the loader stumbles over.
    bytes[at] ^= 1;
    bytes[9] ^= 0x80;
    fs::write(entry.to_open(), &bytes).unwrap();
    let told = run();
    assert!(told.contains("is not what its manifest says: "), "{told}");
    bytes.pop();
    fs::write(entry.to_open(), &bytes).unwrap();
    let told = run();
    assert!(told.contains(&format!("has {0} bytes, expected {1} bytes", at, at + 1)), "{told}");
    let hint = "hint: `ingle pull someone/parrots:F32` fetches only what is damaged\n";
    assert!(told.ends_with(hint), "{told}");
}

/// A path is not a way around that.
#[test]
fn a_path_into_the_library_is_its_model() {
    let place = place();
    let entry = library(&place).find(&name("someone/parrots:F32")).unwrap().unwrap();
    let path = entry.to_open().display().to_string();
    let run = || place.run(&["run", &path, "--no-save", "hi"]);
    assert!(run().contains("Hello there, friend!"));
    assert!(entry.verified().is_some());
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let told = run();
    assert!(told.contains("`someone/parrots:F32` is not what its manifest says"), "{told}");
}

#[test]
fn a_file_beside_the_model_is_not_read_and_told() {
    let place = place();
    let entry = library(&place).find(&name("someone/parrots:F32")).unwrap().unwrap();
    fs::write(entry.folder.join("template.jinja"), "evil").unwrap();
    let told = place.run(&["run", "someone/parrots", "--no-save", "hi"]);
    expect![[r#"
        exit 0
        -- stdout
        Hello there, friend!
        -- stderr
        warning: `[DIR]/ingle-home/models/someone/parrots/F32/template.jinja` is not named in the manifest; it is not read
    "#]].assert_eq(&told);
}

#[test]
fn a_file_is_held_against_a_digest() {
    let place = Place::new();
    place.file("m.gguf", "abc");
    let abc = Sha256Hex::of(b"abc").to_string();
    let other = Sha256Hex::of(b"").to_string();
    check(
        &place,
        &["verify", "m.gguf", "--sha256", &abc],
        expect![[r#"
        exit 0
        -- stdout
        ok      m.gguf: 3 B
    "#]],
    );
    expect![[r#"
        exit 1
        -- stderr
        error: the SHA-256 of `m.gguf` is ba7816bf…, expected e3b0c442…

        hint: get the file again, or ask whoever gave the digest
    "#]]
    .assert_eq(&hexless(&place.run(&["verify", "m.gguf", "--sha256", &other])));
    check(
        &place,
        &["verify", "m.gguf"],
        expect![[r#"
        exit 2
        -- stderr
        error: nothing says what `m.gguf` should be

        hint: give its digest with `--sha256 HEX`
    "#]],
    );
    check(
        &place,
        &["verify", "m.gguf", "--sha256", "abc"],
        expect![[r#"
        exit 2
        -- stderr
        error: invalid value 'abc' for '--sha256 <HEX>': `abc` is no SHA-256, expected 64 of 0-9 a-f

        For more information, try '--help'.
    "#]],
    );
    assert!(place.run(&["verify"]).starts_with("exit 2\n"));
}
