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
    check(&run_there(&place, &["import", "p.ingle", "--key", &other]), expect![[""]]);
    assert!(!holds(Path::new(&there(&place)), "parrot"));
    check(&run_there(&place, &["import", "p.ingle", "--key", &public]), expect![[""]]);
    assert!(holds(Path::new(&there(&place)), "parrot"));
}

#[test]
fn an_unsigned_bundle_is_not_taken_where_a_signer_is_named() {
    let place = place();
    assert!(place.run(&["export", "parrot.gguf", "-o", "p.ingle"]).starts_with("exit 0"));
    let root = fixture("root.pem");
    check(&run_there(&place, &["import", "p.ingle", "--certificate-chain", &root]), expect![[""]]);
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
    check(&run_there(&place, &["import", "p.ingle", "--certificate-chain", &other]), expect![[""]]);
    check(&run_there(&place, &["import", "p.ingle", "--certificate-chain", &root]), expect![[""]]);
}

#[test]
fn a_file_is_signed_beside_itself() {
    let place = place();
    let key = fixture("p256.key");
    check(&place.run(&["sign", "parrot.gguf", "--key", &key]), expect![[""]]);
    check(&place.run(&["sign", "parrot.gguf", "--key", &key]), expect![[""]]);
    check(&place.run(&["sign", "parrot.gguf"]), expect![[""]]);
    let (public, encrypted) = (fixture("p256.pub"), fixture("encrypted.key"));
    for (key, expected) in [(public, expect![[""]]), (encrypted, expect![[""]])] {
        let told = place.run(&["sign", "parrot.gguf", "-y", "--key", &key]);
        let folder = root().join("crates/store/fixtures/signing").display().to_string();
        check(&told.replace(&folder, "[KEYS]"), expected);
    }
}
