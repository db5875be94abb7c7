//! Every change of the disk fails once, or is the last one that is made, also in a power cut; every byte
//! is damaged once.

use std::io::ErrorKind;

use loader::{Value, gguf::Writer};

use super::*;
use crate::name::Name;

/// What goes wrong at a change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    NoRoom,
    Broken,
    Death,
    PowerCut,
}

/// Lets each change of `attempt` fail, in all ways, until one attempt needs no more; `after` looks
/// at what is left, and hears whether it was said to be done. Gives how many faults that were.
fn at_every_change(
    mut attempt: impl FnMut(&Disk) -> Result<(), Error>,
    mut after: impl FnMut(&str, bool),
) -> usize {
    let mut faults = 0;
    for nth in 0.. {
        let mut reached = 0;
        for how in [Trouble::NoRoom, Trouble::Broken, Trouble::Death, Trouble::PowerCut] {
            let disk = match how {
                Trouble::NoRoom => Disk::failing(nth, ErrorKind::StorageFull),
                Trouble::Broken => Disk::failing(nth, ErrorKind::Other),
                Trouble::Death | Trouble::PowerCut => Disk::dying(nth),
            };
            let told = attempt(&disk);
            let all_were_made = disk.changes() <= nth;
            if how == Trouble::PowerCut {
                disk.power_cut().unwrap();
            }
            if all_were_made {
                continue;
            }
            reached += 1;
            // Only what is tidied up anyhow may fail without a word.
            after(&format!("change {nth}, {how:?}"), told.is_ok());
        }
        faults += reached;
        if reached == 0 {
            return faults;
        }
    }
    unreachable!("there are numbers enough")
}

#[test]
fn an_import_that_fails_or_dies_anywhere_leaves_nothing_or_all_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&library(&dir.path().join("here")), "a", FILES);
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![Packed::of(&entry)]);
    let root = dir.path().join("there");
    // One of its files is there under another name: it must survive what happens to the import.
    let other: Files<'_> = &[("weights.gguf", FILES[1].1)];
    put(&Library::at(&root, Disk::default()), "b", other);
    let faults = at_every_change(
        |disk| unpack(&bundle, &Library::at(&root, disk.clone()), &how()).map(drop),
        |when, is_done| {
            let library = Library::at(&root, Disk::default());
            holds(&library, "b", other);
            match library.find(&entry.manifest.name).expect(when) {
                Some(_) => holds(&library, "a", FILES),
                None => assert!(!is_done, "{when}: nothing was said"),
            }
            unpack(&bundle, &library, &how()).expect(when);
            holds(&library, "a", FILES);
            holds(&library, "b", other);
            library.remove(&entry.manifest.name).unwrap();
        },
    );
    assert!(faults > 20, "only {faults} faults were tried");
    say(&format!("faults in an import: {faults}"));
}

#[test]
fn a_file_that_is_taken_in_is_there_whole_or_not_at_all_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let bytes = gguf();
    fs::write(&path, &bytes).unwrap();
    let name: Name = "a".parse().unwrap();
    let packed = Packed::from_path(&path, Some(name.clone()), &mut |_| {}).unwrap();
    let root = dir.path().join("there");
    let take_in = |disk: &Disk| {
        packed.take_in(&Library::at(&root, disk.clone()), ARRIVED, &mut |_| {}).map(drop)
    };
    let faults = at_every_change(take_in, |when, is_done| {
        let library = Library::at(&root, Disk::default());
        if library.find(&name).expect(when).is_none() {
            assert!(!is_done, "{when}: nothing was said");
            take_in(&Disk::default()).expect(when);
        }
        holds(&library, "a", &[("m.gguf", &bytes)]);
        library.remove(&name).unwrap();
    });
    assert!(faults > 20, "only {faults} faults were tried");
    say(&format!("faults in a file that is taken in: {faults}"));
}

#[test]
fn a_file_that_changes_before_it_is_taken_in_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    fs::write(&path, gguf()).unwrap();
    let packed = Packed::from_path(&path, None, &mut |_| {}).unwrap();
    let mut other = gguf();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&path, other).unwrap();
    let library = library(dir.path());
    let error = packed.take_in(&library, ARRIVED, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(library.find(&packed.name).unwrap(), None);
}

/// A manifest is JSON, whatever the folder is called that a file is in.
#[cfg(unix)]
#[test]
fn a_file_comes_from_a_folder_whose_name_is_no_unicode() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    if fs::create_dir(&folder).is_err() {
        return; // Some systems take no such names.
    }
    let path = folder.join("m.gguf");
    fs::write(&path, gguf()).unwrap();
    let packed = Packed::from_path(&path, None, &mut |_| {}).unwrap();
    let entry = packed.take_in(&library(dir.path()), ARRIVED, &mut |_| {}).unwrap();
    let Origin::File { path } = entry.manifest.origin else { panic!("a file") };
    assert!(path.ends_with("\u{fffd}/m.gguf"), "{}", path.display());
}

#[test]
fn what_was_done_survives_a_power_cut() {
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&library(&dir.path().join("here")), "a", FILES);
    let (target, root) = (dir.path().join("b.ingle"), dir.path().join("home/models"));
    let disk = Disk::dying(usize::MAX);
    export(&disk, &target, packing(vec![Packed::of(&entry)]), &mut on).unwrap();
    disk.power_cut().unwrap();
    // The folders above it are new, too.
    unpack(&target, &Library::at(&root, disk.clone()), &how()).unwrap();
    disk.power_cut().unwrap();
    let there = Library::at(&root, disk.clone());
    holds(&there, "a", FILES);
    // As is what it shares with a model that is there.
    let second = put(&library(&dir.path().join("here")), "b", FILES);
    Packed::of(&second).take_in(&there, ARRIVED, &mut |_| {}).unwrap();
    disk.power_cut().unwrap();
    holds(&there, "a", FILES);
    holds(&there, "b", FILES);
    there.remove(&entry.manifest.name).unwrap();
    disk.power_cut().unwrap();
    assert_eq!(there.find(&entry.manifest.name).unwrap(), None);
    holds(&there, "b", FILES);
}

/// A GGUF file without weights.
fn gguf() -> Vec<u8> {
    let mut file = Writer::new();
    file.set("general.architecture", Value::String("llama".to_owned()));
    file.to_bytes()
}

#[test]
fn an_export_that_fails_or_dies_anywhere_leaves_the_old_bundle_or_the_new() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let old = Packed::of(&put(&library, "old", FILES));
    let new = Packed::of(&put(&library, "new", FILES));
    let target = dir.path().join("b.ingle");
    let packing =
        |model: &Packed| Export { existing: Existing::Replace, ..packing(vec![model.clone()]) };
    let write = |disk: &Disk, model| export(disk, &target, packing(model), &mut on).map(drop);
    write(&Disk::default(), &old).unwrap();
    let faults = at_every_change(
        |disk| write(disk, &new),
        |when, is_done| {
            let bundle = Bundle::open(&target).expect(when);
            let name = bundle.models()[0].name.to_string();
            let is_right = name == "new" || name == "old" && !is_done;
            assert!(is_right, "{when}: {name}");
            write(&Disk::default(), &old).expect(when);
        },
    );
    assert!(faults > 20, "only {faults} faults were tried");
    say(&format!("faults in an export: {faults}"));
}

#[test]
fn files_that_were_copied_before_a_death_are_not_copied_again() {
    let dir = tempfile::tempdir().unwrap();
    let large = vec![5_u8; 8 << 20];
    let files: Files<'_> = &[("a.gguf", &large[..]), ("b.gguf", b"b")];
    let entry = put(&library(&dir.path().join("here")), "a", files);
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![Packed::of(&entry)]);
    let changes = |root: &Path, disk: Disk| {
        let told = unpack(&bundle, &Library::at(root, disk.clone()), &how());
        (told.is_ok(), disk.changes())
    };
    let counting = || Disk::failing(usize::MAX, ErrorKind::Other);
    let (ok, all) = changes(&dir.path().join("whole"), counting());
    assert!(ok);
    let root = dir.path().join("there");
    // It dies where the second file is made: after the first was written and brought to the disk.
    let written = (0..all).find(|nth| {
        let _ = fs::remove_dir_all(&root);
        changes(&root, Disk::dying(*nth));
        root.join(".partial/local/a/default/b.gguf").exists()
    });
    assert!(written.is_some());
    let (ok, rest) = changes(&root, counting());
    assert!(ok && rest + 3 <= all, "{rest} changes after it died, {all} at once");
    holds(&Library::at(&root, Disk::default()), "a", files);
}

#[test]
fn an_import_goes_on_within_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..5 << 20).map(|it: u32| (it >> 4) as u8).collect();
    let files: Files<'_> = &[("a.gguf", &large[..])];
    let entry = put(&library(&dir.path().join("here")), "a", files);
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![Packed::of(&entry)]);
    let changes = |root: &str, begun: &[u8]| {
        let root = dir.path().join(root);
        let staging = Library::at(&root, Disk::default()).stage(entry.name()).unwrap();
        fs::write(staging.folder().join("a.gguf"), begun).unwrap();
        drop(staging);
        let disk = Disk::failing(usize::MAX, ErrorKind::Other);
        let library = Library::at(&root, disk.clone());
        unpack(&bundle, &library, &how()).unwrap();
        holds(&library, "a", files);
        disk.changes()
    };
    let all = changes("all", b"");
    let rest = changes("rest", &large[..(3 << 20) + 7]);
    assert!(rest + 3 <= all, "{rest} changes for the rest, {all} for all of it");
    // What is no beginning of it is found at its end, and does no harm.
    changes("other", &[b'x'; 1000]);
}

#[test]
fn a_byte_that_is_changed_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&library(&dir.path().join("here")), "a", FILES);
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![Packed::of(&entry)]);
    let good = fs::read(&bundle).unwrap();
    let library = library(&dir.path().join("there"));
    // 7 divides no length that tar or SHA-256 knows: every place of a header has its turn.
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&bundle, &bad).unwrap();
        let error = unpack(&bundle, &library, &how());
        assert!(error.is_err(), "byte {at}");
        assert_eq!(library.find(&entry.manifest.name).unwrap(), None, "byte {at}");
    }
    say(&format!("bytes of a bundle that were changed: {}", good.len().div_ceil(7)));
}

#[test]
fn a_bundle_that_is_cut_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&library(&dir.path().join("here")), "a", FILES);
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![Packed::of(&entry)]);
    let good = fs::read(&bundle).unwrap();
    let mut cuts = 0;
    for len in (0..good.len()).step_by(97).chain([good.len() - 1, good.len() - 512]) {
        cuts += 1;
        fs::write(&bundle, &good[..len]).unwrap();
        let error = Bundle::open(&bundle).unwrap_err();
        let truncated = matches!(&error, Error::Damaged { why: Flaw::Truncated { .. }, .. });
        assert!(truncated, "{len} bytes: {error}");
    }
    say(&format!("lengths that a bundle was cut to: {cuts}"));
}
