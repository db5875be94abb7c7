//! What is not packed or not taken, and what is said of it.

use expect_test::expect;

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
    check(&run_there(&place, &["import", "parrot.ingle"]), expect![[""]]);
    place.file("parrot.ingle", &good[..good.len() / 2]);
    check(&run_there(&place, &["import", "parrot.ingle"]), expect![[""]]);
    check(&run_there(&place, &["import", "parrot.gguf"]), expect![[""]]);
    check(&run_there(&place, &["import", "absent.ingle"]), expect![[""]]);
    check(&run_there(&place, &["import", "absent.ingle.002"]), expect![[""]]);
    assert!(!holds(Path::new(&there(&place)), "parrot"));
}

#[test]
fn what_is_there_is_not_lost() {
    let place = bundled();
    check(&place.run(&["export", "parrot.gguf", "-o", "parrot.ingle"]), expect![[""]]);
    let told = place.run(&["export", "parrot.gguf", "-o", "parrot.ingle", "-y"]);
    assert!(told.starts_with("exit 0"), "{told}");
    place.file("other.gguf", other());
    let told = place.run(&["export", "other.gguf", "--name", "parrot", "-o", "other.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(run_there(&place, &["import", "parrot.ingle"]).starts_with("exit 0"));
    check(&run_there(&place, &["import", "other.ingle"]), expect![[""]]);
    assert!(holds(Path::new(&there(&place)), "parrot"));
    assert!(run_there(&place, &["import", "other.ingle", "-y"]).starts_with("exit 0"));
    assert!(!holds(Path::new(&there(&place)), "parrot"));
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
    check(&place.run(&["export", "absent", "-o", "a.ingle"]), expect![[""]]);
    check(&place.run(&["export", "ember", "-o", "a.ingle"]), expect![[""]]);
    check(&place.run(&["export", "parrot.gguf", "-o", "no/folder/a.ingle"]), expect![[""]]);
    check(&place.run(&["export", "parrot.gguf", "-o", "a.ingle", "--split", "100"]), expect![[""]]);
    check(
        &place.run(&["export", "parrot.gguf", "parrot.gguf", "--name", "a", "-o", "a.ingle"]),
        expect![[""]],
    );
    place.file("a b.gguf", parrot::file());
    check(&place.run(&["export", "a b.gguf", "-o", "a.ingle"]), expect![[""]]);
    place.file("text.gguf", "hello");
    check(&place.run(&["export", "text.gguf", "-o", "a.ingle"]), expect![[""]]);
    assert!(!place.path().join("a.ingle").exists());
}
