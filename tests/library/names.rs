//! A model of the library is named wherever a file is.

use super::*;

#[test]
fn a_name_works_wherever_a_path_does() {
    let place = place();
    let model = "someone/parrots:F32";
    for (args, told) in [
        (&["run", model, "--no-save", "hi"][..], "Hello there, friend!"),
        (&["run", "-m", "someone/parrots", "--no-save", "hi"], "Hello there, friend!"),
        (&["run", "hf.co/someone/parrots:f32", "--no-save", "hi"], "Hello there, friend!"),
        (&["run", "parrots", "--no-save", "hi"], "Hello there, friend!"),
        (&["bench", model, "-p", "8", "-n", "0", "-r", "1"], "pp8"),
        (&["tokenize", model, "a"], "\"a\""),
        (&["show", model], "Parrot"),
        (&["quantize", model, "out.gguf", "f16"], "out.gguf"),
    ] {
        let found = place.run(args);
        assert!(found.starts_with("exit 0") && found.contains(told), "{args:?}\n{found}");
    }
}

/// Nobody's folder takes the place of a model in silence.
#[test]
fn a_name_that_is_here_and_in_the_library_is_told() {
    let place = place();
    place.file("parrots", "no model");
    place.file("someone/parrots", "no model");
    let told = place.run(&["run", "parrots", "--no-save", "hi"]);
    let note = "note: `parrots` is what lies here; the model of the library is \
                `someone/parrots:F32`\n";
    assert!(told.starts_with("exit 1") && told.contains(note), "{told}");
    let told = place.run(&["run", "-m", "someone/parrots", "--no-save", "hi"]);
    let note = "note: `someone/parrots` is a model of the library; what lies here under that name \
                is `./someone/parrots`\n";
    assert!(told.contains("Hello there, friend!") && told.contains(note), "{told}");
    assert!(place.run(&["run", "./someone/parrots", "hi"]).starts_with("exit 1"));
}

/// Whatever is done with it.
#[test]
fn every_verb_tells_of_a_name_that_is_here_and_in_the_library() {
    let place = place();
    place.file("parrots", "no model");
    place.file("someone/parrots", "no model");
    let here = "note: `parrots` is what lies here; the model of the library is \
                `someone/parrots:F32`\n";
    let there = "note: `someone/parrots` is a model of the library; what lies here under that name \
                 is `./someone/parrots`\n";
    for verb in [
        &["show"][..],
        &["fit", "--no-measure"],
        &["policy", "check"],
        &["verify"],
        &["export", "--bom"],
    ] {
        let told = place.run(&[verb, &["parrots"]].concat());
        assert!(told.contains(here), "{verb:?}: {told}");
        let told = place.run(&[verb, &["someone/parrots"]].concat());
        assert!(told.contains(there), "{verb:?}: {told}");
    }
    let told = place.output(&["show", "someone/parrots", "--json"], b"", &[]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(format!("note: {}\n", told["warnings"][0].as_str().unwrap()), there);
}

/// What lies here has no manifest.
#[test]
fn what_lies_here_is_not_verified_as_the_model_of_its_name() {
    let place = place();
    place.file("parrots", "no model");
    place.file("someone/parrots", "no model");
    check(
        &place,
        &["verify", "parrots"],
        expect![[r#"
            exit 2
            -- stderr
            note: `parrots` is what lies here; the model of the library is `someone/parrots:F32`
            error: nothing says what `parrots` should be

            hint: give its digest with `--sha256 HEX`
        "#]],
    );
    for also in ["someone/parrots:F32", "parrots"] {
        let told = place.run(&["verify", "parrots", also]);
        let error = "error: `parrots` is what lies here, expected models of the library\n";
        assert!(told.starts_with("exit 2") && told.contains(error), "{told}");
    }
    let digest = Sha256Hex::of(b"no model").to_string();
    let told = place.run(&["verify", "parrots", "--sha256", &digest]);
    assert!(told.starts_with("exit 0"), "{told}");
    let told = place.run(&["verify", "someone/parrots", "--sha256", &digest]);
    assert!(told.starts_with("exit 2") && told.contains("is the digest of one file"), "{told}");
    let told = place.run(&["verify", "./someone/parrots", "--sha256", &digest]);
    assert!(told.starts_with("exit 0"), "{told}");
}

#[test]
fn what_is_shown_of_a_model_of_the_library() {
    let place = place();
    let told = place.run(&["show", "someone/parrots"]);
    let free = Sha256Hex::of(b"free\n");
    for line in [
        "library        someone/parrots:F32",
        "folder         [DIR]/ingle-home/models/someone/parrots/F32",
        "from           huggingface.co/someone/parrots",
        "commit         0123456789abcdef0123456789abcdef01234567 (main)",
        "arrived        2026-11-29T12:00:00Z",
        "verified       not since it came or changed",
        "licence        MIT",
        &format!("{free}         5 B  LICENSE"),
    ] {
        assert!(told.lines().any(|it| it == line), "{line}\n{told}");
    }
    let told = place.output(&["show", "someone/parrots", "--json"], b"", &[]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["library"]["name"], "someone/parrots:F32");
    assert_eq!(told["library"]["verified"], serde_json::Value::Null);
}

/// Neither a model of the library, nor one that could be fetched into it.
#[test]
fn what_a_name_means_instead_is_told() {
    let place = place();
    let file = place.file("parrot.gguf", parrot::file()).display().to_string();
    for verb in ["rm", "verify", "pull"] {
        check(
            &place,
            &[verb, "ember"],
            expect![[r#"
                exit 2
                -- stderr
                error: `ember` is built into every `ingle`

                hint: there is nothing to fetch, to verify or to remove
            "#]],
        );
    }
    for verb in ["rm", "pull"] {
        check(
            &place,
            &[verb, &file],
            expect![[r#"
                exit 2
                -- stderr
                error: `[DIR]/parrot.gguf` is a file

                hint: `ingle cp FILE NAME` takes it in, `ingle run FILE` uses it where it lies
            "#]],
        );
    }
    assert!(place.run(&["rm", "parrot.gguf"]).contains("error: `parrot.gguf` is a file\n"));
    let told = place.run(&["rm", "./someone"]);
    assert!(told.contains("error: there is no file `./someone`\n"), "{told}");
    place.file("sub/p.ingle", "");
    place.file("parts.ingle.001", "");
    for verb in ["pull", "show", "verify", "rm"] {
        check(
            &place,
            &[verb, "./sub/p.ingle"],
            expect![[r#"
                exit 2
                -- stderr
                error: `./sub/p.ingle` is a bundle

                hint: `ingle import ./sub/p.ingle` takes it in
            "#]],
        );
        let told = place.run(&[verb, "parts.ingle.001"]);
        assert!(told.contains("error: `parts.ingle.001` is a bundle\n"), "{verb}\n{told}");
    }
    let told = place.run(&["run", "./sub/p.ingle", "hi"]);
    assert!(told.contains("error: `./sub/p.ingle` is a bundle\n"), "{told}");
    for verb in ["show", "rm", "verify"] {
        check(
            &place,
            &[verb, "nosuch"],
            expect![[r#"
                exit 1
                -- stderr
                error: `nosuch` is not on this machine

                hint: `ingle list --all` names what can be had; the library has `someone/parrots:F32`
            "#]],
        );
    }
    let told = place.run(&["cp", "nosuch", "polly"]);
    assert!(told.contains("`ingle list --all` names what can be had"), "{told}");
}

#[test]
fn names_that_mean_nothing_here() {
    let place = place();
    put(&place, "someone/parrots:Q8_0", &[("p.gguf", b"x")]);
    check(
        &place,
        &["run", "llama3.2:3b", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: `llama3.2:3b` is not on this machine

        hint: `ingle pull llama3.2:3b` fetches it; the library has `someone/parrots:F32`, `someone/parrots:Q8_0`
    "#]],
    );
    check(
        &place,
        &["run", "someone/parrot", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: `someone/parrot` is not on this machine

        hint: `ingle pull someone/parrot` fetches it; the library has `someone/parrots:F32`, `someone/parrots:Q8_0`
    "#]],
    );
    check(
        &place,
        &["run", "someone/parrots", "hi"],
        expect![[r#"
        exit 2
        -- stderr
        error: `someone/parrots` is 2 models

        hint: name one of `someone/parrots:F32`, `someone/parrots:Q8_0`
    "#]],
    );
    check(
        &place,
        &["run", "a b", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: there is no file `a b`

        hint: no model file is in `.`
    "#]],
    );
    check(
        &place,
        &["rm", "https://example.org/x"],
        expect![[r#"
        exit 2
        -- stderr
        error: `https://example.org/x` names no model: it is an address, expected one below https://huggingface.co/

        hint: a model is named `org/repo`, `llama3.2:3b`, or by the path of its file
    "#]],
    );
    check(
        &place,
        &["llama3.2:3b"],
        expect![[r#"
        exit 2
        -- stderr
        error: `llama3.2:3b` is no command

        hint: `ingle run llama3.2:3b`
    "#]],
    );
}
