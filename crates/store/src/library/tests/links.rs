//! T17: links that somebody planted, and files that change between two looks at them.
#![cfg(unix)]

use std::{os::unix::fs::symlink, path::PathBuf};

use loader::Access;

use super::*;

/// A library with the model `org/m:Q4_0`, and a folder outside with a file that must stay.
fn besieged() -> (Place, Entry, PathBuf) {
    let place = place();
    let made = make(&place.library, "org/m:Q4_0", &[("m.gguf", &gguf("llama"))]).unwrap();
    let outside = place.library.root().parent().unwrap().join("outside");
    fs::create_dir_all(outside.join("m/Q4_0")).unwrap();
    fs::write(outside.join("m/Q4_0/victim"), "kept").unwrap();
    (place, made, outside)
}

/// With a link in the place of this part of the model's path, nothing is read or removed.
#[track_caller]
fn check(part: &str, leads_to: &str) {
    let (Place { library, .. }, made, outside) = &besieged();
    let link = library.root().join(part);
    fs::remove_dir_all(&link).unwrap();
    symlink(outside.join(leads_to), &link).unwrap();
    fs::copy(outside.join("m/Q4_0/victim"), outside.join("m/Q4_0/manifest.json")).unwrap();
    let is_link = |it: Error| matches!(it, Error::Link { .. });
    assert!(is_link(library.find(made.name()).unwrap_err()));
    assert!(is_link(library.remove(made.name()).unwrap_err()));
    assert!(names(library).iter().all(|it| it.starts_with("! ")), "{:?}", names(library));
    let again = make(library, "org/m:Q4_0", &[("m.gguf", b"new")]);
    assert!(is_link(again.unwrap_err()));
    assert_eq!(fs::read(outside.join("m/Q4_0/victim")).unwrap(), b"kept");
    assert_eq!(fs::read_dir(outside.join("m/Q4_0")).unwrap().count(), 2);
}

#[test]
fn t17_links_in_the_place_of_folders_are_not_followed() {
    check("org", "");
    check("org/m", "m");
    check("org/m/Q4_0", "m/Q4_0");
}

#[test]
fn t17_a_link_where_something_is_made_is_not_followed() {
    let (Place { library, .. }, _, outside) = &besieged();
    let staging = library.stage(&name("new/n")).unwrap();
    symlink(outside, staging.folder().join("sub")).unwrap();
    let error = staging.place(&"sub/x/victim".parse().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Link { .. }), "{error}");
    // Nor is what was made so far removed through one.
    staging.abandon().unwrap();
    assert_eq!(fs::read(outside.join("m/Q4_0/victim")).unwrap(), b"kept");
    fs::create_dir_all(library.root().join(PARTIAL)).unwrap();
    symlink(outside, library.root().join(PARTIAL).join("far")).unwrap();
    assert!(matches!(library.stage(&name("far/n")), Err(Error::Link { .. })));
}

#[test]
fn t17_what_is_being_removed_is_not_removed_through_a_link() {
    let (Place { library, .. }, made, outside) = &besieged();
    symlink(outside, made.folder.join("link")).unwrap();
    let graves = library.root().join(PARTIAL).join(REMOVED);
    fs::create_dir_all(&graves).unwrap();
    symlink(outside, graves.join("1-0")).unwrap();
    assert!(library.remove(made.name()).unwrap());
    assert!(fs::symlink_metadata(graves).is_err());
    assert_eq!(fs::read(outside.join("m/Q4_0/victim")).unwrap(), b"kept");
}

/// With a link in this place of what is unfinished or being removed, nobody's files are removed:
/// not when a model is made, removed or marked as verified.
#[track_caller]
fn check_unfinished(part: &str, leads_to: &str) {
    let (Place { library, .. }, made, outside) = &besieged();
    let link = library.root().join(part);
    let _ = fs::remove_dir_all(&link);
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(outside.join(leads_to), &link).unwrap();
    let is_link = |it: Error| matches!(it, Error::Link { .. });
    assert!(is_link(library.remove(made.name()).unwrap_err()), "{part}");
    assert!(is_link(library.stage(made.name()).unwrap_err()), "{part}");
    // A mark is made in `.removed`, and nothing that is unfinished has to do with it.
    let marked = library.mark_verified(made, made.look().unwrap(), "now");
    assert_eq!(marked.is_ok(), part.contains("org"), "{part}");
    assert_eq!(fs::read(outside.join("m/Q4_0/victim")).unwrap(), b"kept", "{part}");
    assert_eq!(library.find(made.name()).unwrap().as_ref(), Some(made), "{part}");
}

#[test]
fn t17_links_in_the_place_of_what_is_unfinished_or_removed_are_not_followed() {
    check_unfinished(".partial", "");
    check_unfinished(".partial/.removed", "");
    check_unfinished(".partial/.removed", "m");
    check_unfinished(".partial/org", "");
    check_unfinished(".partial/org/m", "m");
    check_unfinished(".partial/org/m/Q4_0", "m/Q4_0");
}

/// A model that is to be replaced is set aside, and put back if that fails: nobody sweeps it meanwhile.
#[test]
fn what_another_process_set_aside_is_not_swept() {
    let (Place { library, .. }, made, _) = &besieged();
    let alone = library.alone().unwrap();
    let aside = library.set_aside(made.name()).unwrap().unwrap();
    std::thread::scope(|scope| {
        let (started, starts) = std::sync::mpsc::channel();
        let other = scope.spawn(move || {
            started.send(()).unwrap();
            library.stage(&name("org/other:Q4_0")).map(drop)
        });
        starts.recv().unwrap();
        fs::rename(&aside, &made.folder).unwrap();
        drop(alone);
        other.join().unwrap().unwrap();
    });
    assert!(made.verify(&on).unwrap().is_empty());
}

#[test]
fn t17_a_link_in_the_place_of_a_file_is_told_and_not_opened() {
    let (Place { library, .. }, made, outside) = &besieged();
    let same = outside.join("same.gguf");
    fs::rename(made.to_open(), &same).unwrap();
    symlink(&same, made.to_open()).unwrap();
    let faults = made.verify(&on).unwrap();
    assert!(matches!(faults[..], [Fault { flaw: Flaw::NotAFile, .. }]), "{faults:?}");
    let error = made.open(Access::Map, |_| Vec::new()).unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
    fs::rename(made.folder.join(MANIFEST), outside.join(MANIFEST)).unwrap();
    symlink(outside.join(MANIFEST), made.folder.join(MANIFEST)).unwrap();
    assert!(matches!(library.find(made.name()), Err(Error::Link { .. })));
}

/// What is verified is what the loader holds, not what the path leads to by now.
#[test]
fn t17_a_file_that_is_swapped_is_not_what_was_verified() {
    let (Place { library, .. }, made, outside) = &besieged();
    let other = outside.join("other.gguf");
    let mut bytes = gguf("llama");
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    // Swapped after it was opened: what was opened is good, but the mark does not hold.
    let before = made.look().unwrap();
    let opened = made.open(Access::Map, |_| Vec::new()).unwrap();
    fs::write(&other, &bytes).unwrap();
    fs::rename(&other, made.to_open()).unwrap();
    assert!(made.verify_opened(&opened, &on).unwrap().is_empty());
    library.mark_verified(made, before, "2026-11-29T12:00:00Z").unwrap();
    assert_eq!(made.verified(), None);
    // Swapped before it was opened.
    let mapped = loader::Mapping::open(&made.to_open()).unwrap();
    let swapped = loader::ModelFile { mappings: vec![mapped], ..opened };
    let faults = made.verify_opened(&swapped, &on).unwrap();
    assert!(matches!(faults[..], [Fault { flaw: Flaw::Digest { .. }, .. }]), "{faults:?}");
}
