//! Signatures as they are asked for on the command line. What is a good one is tested in `store`.

use expect_test::expect;
use ingle_tests::root;

use super::*;

/// The file of this name among the keys and certificates of the tests.
fn fixture(name: &str) -> String {
    root().join("crates/store/fixtures/signing").join(name).display().to_string()
}

#[test]
fn a_signed_bundle_is_taken_from_the_right_signer_only() {
    let place = place();
    let (key, public, other) = (fixture("p256.key"), fixture("p256.pub"), fixture("p384.pub"));
    let export = ["export", "parrot.gguf", "-o", "p.ingle", "--key", &key];
    assert!(place.run(&export).starts_with("exit 0"));
    check(
        &run_there(&place, &["import", "p.ingle", "--key", &other]),
        expect![[r#"
        exit 1
        -- stderr
        error: the signature of `parrot` is not accepted
          cause: it was made with the key 449f4a88ef7264f5b53dad92686f594cafd96f81e1fd1f1ad7003dd7f045c0d8, expected ef5bba448e040e010d4b87991cf9dcca569e6692b754f453461beb091a9297c9

        hint: is that the signer's public key? ask for it another way
    "#]],
    );
    assert!(!holds(Path::new(&there(&place)), "parrot"));
    check(
        &run_there(&place, &["import", "p.ingle", "--key", &public]),
        expect![[r#"
        exit 0
        -- stdout
        parrot: imported, 787.5 KiB, signed by sha256:449f4a88ef7264f5b53dad92686f594cafd96f81e1fd1f1ad7003dd7f045c0d8
        -- stderr
        note: `ingle run parrot` runs it
    "#]],
    );
    assert!(holds(Path::new(&there(&place)), "parrot"));
}

/// The far side of a gap is no place to learn that.
#[test]
fn a_signed_model_with_another_name_is_told_of_when_it_is_packed() {
    let place = place();
    let (key, public) = (fixture("p256.key"), fixture("p256.pub"));
    let export = ["export", "parrot.gguf", "-o", "p.ingle", "--key", &key];
    assert!(place.run(&export).starts_with("exit 0"));
    assert!(place.run(&["import", "p.ingle"]).starts_with("exit 0"));
    let warned = "warning: `other` was signed by another name, or with other facts: `ingle import \
                  --key` refuses it; `ingle export --key` signs it again\n";
    let same = place.run(&["export", "parrot", "-o", "same.ingle"]);
    assert!(same.starts_with("exit 0") && !same.contains("was signed"), "{same}");
    let other = ["export", "parrot", "-o", "other.ingle", "--name", "other"];
    let told = place.run(&other);
    assert!(told.starts_with("exit 0") && told.contains(warned), "{told}");
    let told = run_there(&place, &["import", "other.ingle", "--key", &public]);
    assert!(told.contains("are not those that were signed"), "{told}");
    let again = [&other[..], &["-y", "--key", &key]].concat();
    let told = place.run(&again);
    assert!(told.starts_with("exit 0") && !told.contains("was signed"), "{told}");
    let told = run_there(&place, &["import", "other.ingle", "--key", &public]);
    assert!(told.starts_with("exit 0"), "{told}");
    // A second name is another name, too.
    assert!(place.run(&["cp", "parrot", "copy"]).starts_with("exit 0"));
    let told = place.run(&["export", "copy", "-o", "copy.ingle"]);
    assert!(told.contains("warning: `copy` was signed by another name"), "{told}");
}

/// Where a model is not what its manifest says, no signature makes it right.
#[test]
fn a_signature_does_not_hide_what_verify_finds() {
    let place = place();
    let (key, public) = (fixture("p256.key"), fixture("p256.pub"));
    let export = ["export", "parrot.gguf", "-o", "p.ingle", "--key", &key];
    assert!(place.run(&export).starts_with("exit 0"));
    assert!(run_there(&place, &["import", "p.ingle"]).starts_with("exit 0"));
    let verify = ["verify", "parrot", "--key", &public];
    check(
        &run_there(&place, &verify),
        expect![[r#"
        exit 0
        -- stdout
        ok      parrot: 2 files, signed by sha256:449f4a88ef7264f5b53dad92686f594cafd96f81e1fd1f1ad7003dd7f045c0d8
    "#]],
    );
    let stray = Path::new(&there(&place)).join("models/local/parrot/default/more.gguf");
    fs::write(stray, "x").expect("a folder");
    for verify in [&verify[..2], &verify] {
        let told = run_there(&place, verify);
        assert!(told.starts_with("exit 1") && told.contains("more.gguf` is not named"), "{told}");
    }
}

#[test]
fn an_unsigned_bundle_is_not_taken_where_a_signer_is_named() {
    let place = place();
    assert!(place.run(&["export", "parrot.gguf", "-o", "p.ingle"]).starts_with("exit 0"));
    let root = fixture("root.pem");
    check(
        &run_there(&place, &["import", "p.ingle", "--certificate-chain", &root]),
        expect![[r#"
        exit 1
        -- stderr
        error: `parrot` in the bundle has no signature

        hint: `ingle export --key` signs; without `--key` the bundle is imported unsigned
    "#]],
    );
    assert!(!holds(Path::new(&there(&place)), "parrot"));
}

#[test]
fn a_certificate_goes_along() {
    let place = place();
    let read = |name: &str| fs::read_to_string(fixture(name)).expect("a fixture");
    place.file("chain.pem", read("leaf.pem") + &read("middle.pem"));
    let (key, root, other) = (fixture("p256.key"), fixture("root.pem"), fixture("other-root.pem"));
    let export = ["export", "parrot.gguf", "-o", "p.ingle", "--key", &key, "--certificate"];
    assert!(place.run(&[&export[..], &["chain.pem"]].concat()).starts_with("exit 0"));
    check(
        &run_there(&place, &["import", "p.ingle", "--certificate-chain", &other]),
        expect![[r#"
        exit 1
        -- stderr
        error: the signature of `parrot` is not accepted
          cause: the certificate of `CN=middle,O=Example`: it is not signed by the `CN=root,O=Example` whose certificate is here, or in a way that is not known

        hint: known are ECDSA and, from 2048 bits, RSA with PKCS #1 v1.5, both with SHA-2
    "#]],
    );
    check(
        &run_there(&place, &["import", "p.ingle", "--certificate-chain", &root]),
        expect![[r#"
        exit 0
        -- stdout
        parrot: imported, 788.8 KiB, signed by CN=signer,O=Example
        -- stderr
        note: `ingle run parrot` runs it
    "#]],
    );
    let sign = ["sign", "parrot.gguf", "--key", &key, "--certificate", "chain.pem"];
    check(
        &place.run(&sign),
        expect![[r#"
        exit 0
        -- stdout
        signature      parrot.gguf.sig
        files          1
        signer         CN=signer,O=Example
        key            sha256:449f4a88ef7264f5b53dad92686f594cafd96f81e1fd1f1ad7003dd7f045c0d8
        -- stderr
        note: `ingle verify parrot.gguf --certificate-chain CA.pem` checks it
    "#]],
    );
}

#[test]
fn a_file_is_signed_beside_itself() {
    let place = place();
    let key = fixture("p256.key");
    check(
        &place.run(&["sign", "parrot.gguf", "--key", &key]),
        expect![[r#"
        exit 0
        -- stdout
        signature      parrot.gguf.sig
        files          1
        signer         sha256:449f4a88ef7264f5b53dad92686f594cafd96f81e1fd1f1ad7003dd7f045c0d8
        -- stderr
        note: `ingle verify parrot.gguf --key KEY.pub` checks it
    "#]],
    );
    check(
        &place.run(&["sign", "parrot.gguf", "--key", &key]),
        expect![[r#"
        exit 1
        -- stderr
        error: `parrot.gguf.sig` is there already

        hint: `-y` replaces it
    "#]],
    );
    check(
        &place.run(&["sign", "parrot.gguf"]),
        expect![[r#"
        exit 2
        -- stderr
        error: no key is named to sign with

        hint: `--key KEY.pem` names it
    "#]],
    );
    let (public, encrypted) = (fixture("p256.pub"), fixture("encrypted.key"));
    for (key, expected) in [
        (
            public,
            expect![[r#"
        exit 1
        -- stderr
        error: cannot use `[KEYS]/p256.pub`
          cause: it is no private key on P-256, P-384 or P-521 in PEM

        hint: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem` makes one
    "#]],
        ),
        (
            encrypted,
            expect![[r#"
        exit 1
        -- stderr
        error: cannot use `[KEYS]/encrypted.key`
          cause: the private key is encrypted

        hint: `openssl pkey -in key.pem -out plain.pem` writes it without the password
    "#]],
        ),
    ] {
        let told = place.run(&["sign", "parrot.gguf", "-y", "--key", &key]);
        let folder = root().join("crates/store/fixtures/signing").display().to_string();
        check(&told.replace(&folder, "[KEYS]"), expected);
    }
}

#[test]
fn a_model_of_the_library_without_a_signature_is_told_to_have_none() {
    let place = place();
    let (key, public) = (fixture("p256.key"), fixture("p256.pub"));
    assert!(place.run(&["cp", "parrot.gguf", "polly"]).starts_with("exit 0"));
    check(
        &place.run(&["verify", "polly", "--key", &public]),
        expect![[r#"
            exit 1
            -- stderr
            error: `polly` has no signature here

            hint: `--signature FILE` names one
        "#]],
    );
    let told = place.run(&["sign", "polly", "--key", &key]);
    let note = "note: `ingle verify polly --signature model.sig --key KEY.pub` checks it\n";
    assert!(told.ends_with(note), "{told}");
    let verify = ["verify", "polly", "--signature", "model.sig", "--key", &public];
    assert!(place.run(&verify).starts_with("exit 0"));
    for args in
        [&["sign", "polly", "-y", "--key", "nokey"][..], &["verify", "polly", "--key", "nokey"]]
    {
        check(
            &place.run(args),
            expect![[r#"
                exit 1
                -- stderr
                error: cannot read `nokey`
                  cause: No such file or directory (os error 2)

                hint: look at its name and its folder, then say it again
            "#]],
        );
    }
}

/// Whatever is read with a file is signed with it: the other shards, a configuration, a tokenizer.
#[test]
fn a_file_is_signed_with_what_is_read_beside_it() {
    let (place, key, public) = (Place::new(), fixture("p256.key"), fixture("p256.pub"));
    for name in ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"] {
        place.file(name, name);
    }
    // As a file of safetensors begins: the length of its header, and the header.
    place.file("folder/model.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    place.file("folder/config.json", "{}");
    place.file("folder/tokenizer.json", "{}");
    for (named, beside, signature, n) in [
        ("m-00002-of-00002.gguf", "m-00001-of-00002.gguf", "m-00001-of-00002.gguf.sig", 2),
        ("folder/model.safetensors", "folder/tokenizer.json", "folder/model.sig", 3),
    ] {
        let told = place.run(&["sign", named, "--key", &key]);
        assert!(told.contains(&format!("signature      {signature}\n")), "{told}");
        assert!(told.contains(&format!("files          {n}\n")), "{told}");
        let told = place.run(&["verify", named, "--key", &public]);
        assert!(told.contains(&format!("ok      {named}: {n} files, signed by")), "{told}");
        place.file(beside, "changed");
        let told = place.run(&["verify", named, "--key", &public]);
        let name = beside.rsplit('/').next().expect("it has a name");
        assert!(told.contains(&format!("sha256 of `{name}` is")), "{told}");
    }
}
