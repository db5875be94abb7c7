//! The library as a whole: what is found, what is refused, what survives.

mod kill;
mod links;
mod resolve;
mod verify;

use std::{
    fs,
    io::{ErrorKind, Write},
    num::NonZeroU64,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use loader::{Value, gguf::Writer};

use super::*;
use crate::{
    digest::Sha256Hex,
    parts::{Journal, Parts},
};

/// Bytes of a part of a download.
const PART: NonZeroU64 = NonZeroU64::new(16 << 20).expect("it is not 0");

/// An empty library, in a folder that goes with it.
struct Place {
    _dir: tempfile::TempDir,
    library: Library,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::at(dir.path().join("models"), Disk::default());
    Place { _dir: dir, library }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn file_name(path: &str) -> FileName {
    FileName(path.parse().unwrap())
}

/// A manifest of these files; the first is opened.
fn manifest(called: &str, files: &[(&str, &[u8])]) -> Manifest {
    let stored = |(path, bytes): &(&str, &[u8])| StoredFile {
        path: file_name(path),
        size: bytes.len() as u64,
        sha256: Sha256Hex::of(bytes),
    };
    Manifest {
        version: VERSION,
        name: name(called),
        main: files.first().map(|it| file_name(it.0)),
        files: files.iter().map(stored).collect(),
        origin: Origin::File { path: "somewhere".into() },
        arrived: "2026-11-29T12:00:00Z".to_owned(),
        facts: Facts::default(),
        root: None,
    }
}

/// Makes a model, or makes it again.
fn make(library: &Library, called: &str, files: &[(&str, &[u8])]) -> Result<Entry, Error> {
    publish(library, manifest(called, files), files)
}

fn publish(library: &Library, manifest: Manifest, files: &[(&str, &[u8])]) -> Result<Entry, Error> {
    let staging = library.stage(&manifest.name)?;
    staging.keep_only(&manifest)?;
    for (path, bytes) in files {
        let place = staging.place(&path.parse().unwrap())?;
        let written = library.disk().reopen(&place).and_then(|mut file| {
            file.set_len(0)?;
            file.write_all(bytes)?;
            file.sync()
        });
        written.map_err(Error::io("write", place))?;
    }
    staging.publish(&manifest)
}

/// A GGUF file without weights.
fn gguf(architecture: &str) -> Vec<u8> {
    let mut file = Writer::new();
    file.set("general.architecture", Value::String(architecture.to_owned()));
    file.to_bytes()
}

fn on(_: u64) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

fn names(library: &Library) -> Vec<String> {
    let shown = |found| match found {
        Found::Model(entry) => entry.name().to_string(),
        Found::Unreadable { why, .. } => format!("! {why}"),
    };
    library.entries().unwrap().into_iter().map(shown).collect()
}

#[test]
fn a_model_appears_is_found_and_goes() {
    let Place { library, .. } = &place();
    assert!(names(library).is_empty() && library.unfinished().unwrap().is_empty());
    let staging = library.stage(&name("org/m:Q4_0")).unwrap();
    fs::write(staging.place(&"a/m.gguf".parse().unwrap()).unwrap(), "abc").unwrap();
    assert_eq!(library.unfinished().unwrap(), [(name("org/m:Q4_0"), 3)]);
    assert!(names(library).is_empty());
    let made = staging.publish(&manifest("org/m:Q4_0", &[("a/m.gguf", b"abc")])).unwrap();
    assert_eq!(library.find(made.name()).unwrap().as_ref(), Some(&made));
    assert_eq!(fs::read(made.to_open()).unwrap(), b"abc");
    make(library, "mine", &[("x", b"")]).unwrap();
    assert_eq!(names(library), ["mine", "org/m:Q4_0"]);
    assert!(library.unfinished().unwrap().is_empty());
    assert!(library.remove(made.name()).unwrap() && !library.remove(made.name()).unwrap());
    assert_eq!(names(library), ["mine"]);
    // Not even an empty folder of its publisher stays.
    assert!(!library.root().join("org").exists());
}

/// No lock and no folder; what is not done stays, with the lock of who is at it.
#[test]
fn of_what_is_done_nothing_stays_where_it_was_made() {
    let Place { library, .. } = &place();
    let left = || names_in(&library.root().join(PARTIAL)).unwrap();
    for files in [&[("x", &b"1"[..])], &[("y", &b"2"[..])]] {
        let made = make(library, "org/m:Q4_0", files).unwrap();
        assert!(left().is_empty(), "{:?}", left());
        library.mark_verified(&made, made.look().unwrap(), "2026-11-29T12:00:00Z").unwrap();
        assert!(left().is_empty(), "{:?}", left());
    }
    library.stage(&name("org/n")).unwrap().abandon().unwrap();
    library.stage(&name("org/n")).unwrap().discard().unwrap();
    assert!(left().is_empty(), "{:?}", left());
    let begun = library.stage(&name("org/begun")).unwrap();
    fs::write(begun.folder().join("x"), "1").unwrap();
    // As a process leaves it that dies.
    fs::write(library.root().join(PARTIAL).join(lock_of(&name("org/dead"))), "").unwrap();
    assert!(library.remove(&name("org/m:Q4_0")).unwrap());
    assert_eq!(left(), [lock_of(&name("org/begun")), "org".to_owned()]);
    drop(begun);
    assert_eq!(left(), ["org"]);
    assert!(library.remove(&name("org/begun")).unwrap());
    assert!(left().is_empty(), "{:?}", left());
    assert!(!library.remove(&name("org/begun")).unwrap());
    assert!(left().is_empty(), "{:?}", left());
}

/// As a process leaves it that dies before anything has come.
#[test]
fn a_place_where_nothing_has_come_goes_and_was_begun_by_nobody() {
    let Place { library, .. } = &place();
    let partial = library.root().join(PARTIAL);
    let next = || library.stage(&name("org/next")).unwrap().abandon().unwrap();
    fs::create_dir_all(partial.join("org/dead/Q4_0/more")).unwrap();
    let held = library.stage(&name("org/held:Q4_0")).unwrap();
    next();
    assert!(!partial.join("org/dead").exists() && held.folder().exists());
    drop(held);
    next();
    assert!(names_in(&partial).unwrap().is_empty());
    fs::create_dir_all(partial.join("org/dead/Q4_0/more")).unwrap();
    let staging = library.stage(&name("org/dead:Q4_0")).unwrap();
    fs::write(staging.folder().join("x"), "1").unwrap();
    staging.abandon().unwrap();
    assert!(names_in(&partial).unwrap().is_empty());
}

/// Of those that want one model, each has it alone, or is told that another has.
#[test]
fn who_makes_a_model_makes_it_alone() {
    let Place { library, .. } = &place();
    let makers = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let staging = match library.stage(&name("org/m")) {
                        Err(Error::Busy { .. }) => continue,
                        staging => staging.unwrap(),
                    };
                    assert_eq!(makers.fetch_add(1, Ordering::SeqCst), 0, "two make it");
                    fs::write(staging.folder().join("x"), "1").unwrap();
                    makers.fetch_sub(1, Ordering::SeqCst);
                    staging.publish(&manifest("org/m", &[("x", b"1")])).unwrap();
                }
            });
        }
    });
    assert!(library.find(&name("org/m")).unwrap().unwrap().verify(&on).unwrap().is_empty());
    let left = names_in(&library.root().join(PARTIAL)).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// A download makes its files in full size at once; it goes on from what its journal says.
#[test]
fn what_has_not_come_is_not_counted() {
    let Place { library, .. } = &place();
    let staging = library.stage(&name("m")).unwrap();
    let counted = || match library.unfinished().unwrap()[..] {
        [(_, so_far)] => so_far,
        _ => panic!("one is unfinished"),
    };
    let path = staging.folder().join("m.gguf");
    let mut file = library.disk().create(&path).unwrap();
    let parts = Parts { size: 1 << 30, part: PART, digest: "sha256 0".to_owned() };
    let mut journal = Journal::open(library.disk(), &path, &parts).unwrap();
    assert_eq!(counted(), 0);
    file.set_len(1 << 30).unwrap();
    file.write_all(b"abc").unwrap();
    assert_eq!(counted(), 0);
    journal.say(&[(0, 3), (2, PART.get())]).unwrap();
    assert_eq!(counted(), 3 + PART.get());
    // Not what is written when all is there; what is whole has no journal any more.
    fs::write(staging.folder().join(MANIFEST), "{}").unwrap();
    fs::write(staging.folder().join("LICENSE"), "do").unwrap();
    assert_eq!(counted(), 3 + PART.get() + 2);
    // What the journal speaks of is gone.
    file.set_len(1 << 20).unwrap();
    assert_eq!(counted(), 2);
}

#[test]
fn what_is_unfinished_goes_by_the_same_word() {
    let Place { library, .. } = &place();
    let staging = library.stage(&name("org/m")).unwrap();
    fs::write(staging.place(&"m.gguf".parse().unwrap()).unwrap(), "ab").unwrap();
    assert!(matches!(library.remove(&name("org/m")), Err(Error::Busy { .. })));
    drop(staging);
    assert!(library.remove(&name("org/m")).unwrap());
    assert!(library.unfinished().unwrap().is_empty());
}

/// Somebody laid files there by hand.
#[test]
fn what_is_no_model_of_the_library_is_not_replaced() {
    let Place { library, .. } = &place();
    let own = library.root().join("org/m/Q4_0/own.gguf");
    let staging = library.stage(&name("org/m:Q4_0")).unwrap();
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "kept").unwrap();
    // Both when it came meanwhile and when it was there before.
    let error = staging.publish(&manifest("org/m:Q4_0", &[])).unwrap_err();
    assert!(matches!(error, Error::NoManifest { .. }), "{error}");
    let error = library.stage(&name("org/m:Q4_0")).unwrap_err();
    assert!(error.hint().unwrap().ends_with("move it out"), "{error}");
    assert!(matches!(library.occupant(&name("org/m:Q4_0")), Err(Error::NoManifest { .. })));
    assert_eq!(fs::read(own).unwrap(), b"kept");
}

/// What the advice says: it is got again.
#[test]
fn a_model_whose_manifest_cannot_be_read_is_replaced() {
    let Place { library, .. } = &place();
    let made = make(library, "m", &[("x", b"1")]).unwrap();
    fs::write(made.folder.join(MANIFEST), "{").unwrap();
    let there = library.occupant(made.name()).unwrap();
    assert!(matches!(there, Some(Found::Unreadable { .. })), "{there:?}");
    make(library, "m", &[("x", b"2")]).unwrap();
    assert!(matches!(library.occupant(made.name()).unwrap(), Some(Found::Model(_))));
    assert!(library.occupant(&name("none")).unwrap().is_none());
}

#[test]
fn a_manifest_must_be_that_of_its_folder() {
    let Place { library, .. } = &place();
    let staging = library.stage(&name("a")).unwrap();
    let error = staging.publish(&manifest("b", &[])).unwrap_err();
    assert!(matches!(error, Error::OtherName { .. }), "{error}");
    let made = make(library, "a", &[("x", b"1")]).unwrap();
    fs::create_dir_all(library.root().join("local/b")).unwrap();
    fs::rename(&made.folder, library.root().join("local/b/default")).unwrap();
    fs::create_dir_all(library.root().join("local/c d/default")).unwrap();
    fs::create_dir_all(library.root().join("local/e/default")).unwrap();
    let told = names(library);
    assert!(told[0].contains("is the manifest of `a`, expected `b`"), "{told:?}");
    assert!(told[1].ends_with("is no place of a model"), "{told:?}");
    assert!(told[2].ends_with("holds no `manifest.json`"), "{told:?}");
}

/// On a disk that ignores case, they would be one.
#[test]
fn t16_names_that_differ_in_case_alone_are_refused() {
    let Place { library, .. } = &place();
    make(library, "Org/Model:Q4_0", &[("x", b"1")]).unwrap();
    for twin in ["org/Model:Q8_0", "Org/model:Q8_0", "Org/Model:q4_0"] {
        let error = library.stage(&name(twin)).unwrap_err();
        assert!(matches!(error, Error::Twin { .. }), "{twin}: {error}");
    }
    make(library, "Org/Model:Q8_0", &[("x", b"1")]).unwrap();
    let kept = library.stage(&name("New/m")).unwrap();
    // Before it is there, the lock of the one is that of the other.
    assert!(matches!(library.stage(&name("new/M")), Err(Error::Busy { .. })));
    drop(kept);
}

/// Three parts of the greatest length: more than the name of a file holds.
#[test]
fn the_longest_name_is_taken() {
    let Place { library, .. } = &place();
    let part = "x".repeat(96);
    let made = make(library, &format!("{part}/{part}:{part}"), &[("m", b"1")]).unwrap();
    assert!(library.remove(made.name()).unwrap());
}

#[test]
fn t16_no_manifest_names_a_file_outside() {
    let good = manifest("m", &[("x", b"1")]);
    let text = String::from_utf8(good.to_bytes()).unwrap();
    assert_eq!(Manifest::read(text.as_bytes()).unwrap(), good);
    let long = "x".repeat(300);
    for bad in ["..", "../x", "/etc/x", "C:x", r"\\\\host\\s", r"a\u0000b", "a.", "con", "", &long]
    {
        let text = text.replace("\"path\": \"x\"", &format!("\"path\": \"{bad}\""));
        let text = text.replace("\"main\": \"x\"", &format!("\"main\": \"{bad}\""));
        let error = Manifest::read(text.as_bytes()).unwrap_err();
        assert!(matches!(error, Unreadable::Json(_)), "{bad}: {error}");
    }
    let twice = manifest("m", &[("x", b"1"), ("X", b"1")]);
    assert!(matches!(Manifest::read(&twice.to_bytes()), Err(Unreadable::Twice(_))));
}

/// It would take the place of one that is read.
#[test]
fn what_nobody_could_read_again_does_not_appear() {
    let Place { library, .. } = &place();
    let old = make(library, "m", &[("x", b"1")]).unwrap();
    let refused = |files: Vec<StoredFile>| {
        let new = Manifest { main: None, files, ..old.manifest.clone() };
        match library.stage(&new.name).unwrap().publish(&new).unwrap_err() {
            Error::Unkept { why, .. } => why,
            other => panic!("{other}"),
        }
    };
    let file = |path: &str| StoredFile { path: file_name(path), ..old.manifest.files[0].clone() };
    assert!(matches!(refused(vec![file("LICENSE"), file("License")]), Unreadable::Twice(_)));
    for own in ["manifest.json", "Verified.json", "signatures.json"] {
        assert!(matches!(refused(vec![file(own)]), Unreadable::Own(_)), "{own}");
    }
    let long = format!("{0}/{0}/{0}", "x".repeat(250));
    let many = (0..MAX_MANIFEST / 750).map(|nth| file(&format!("{long}/{nth}")));
    assert!(matches!(refused(many.collect()), Unreadable::Long { .. }));
    assert_eq!(library.find(old.name()).unwrap(), Some(old));
}

#[test]
fn t2_sizes_that_no_number_holds_are_counted_as_far_as_one_goes() {
    let mut huge = manifest("m", &[("x", b"1"), ("y", b"2")]);
    huge.files.iter_mut().for_each(|it| it.size = u64::MAX);
    assert_eq!(Manifest::read(&huge.to_bytes()).unwrap().size(), u64::MAX);
}

#[test]
fn a_copy_shares_its_bytes() {
    let Place { library, .. } = &place();
    let made = make(library, "a", &[("m.gguf", b"weights"), ("b/c", b"more")]).unwrap();
    let copy = library.copy(&made, &name("b")).unwrap();
    assert_eq!(copy.manifest.files, made.manifest.files);
    assert!(copy.verify(&on).unwrap().is_empty());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let file = |it: &Entry| fs::metadata(it.to_open()).unwrap().ino();
        assert_eq!(file(&copy), file(&made));
    }
    assert!(matches!(library.copy(&made, &name("b")), Err(Error::Exists { .. })));
    assert!(library.remove(made.name()).unwrap());
    assert!(copy.verify(&on).unwrap().is_empty());
}

/// What somebody began to fetch is given up only for a model that takes its name.
#[test]
fn an_unfinished_model_is_in_nobodys_way_and_is_not_lost_by_a_failure() {
    let Place { library, .. } = &place();
    let made = make(library, "a", &[("m.gguf", b"weights")]).unwrap();
    let unfinished = |called: &str| {
        let staging = library.stage(&name(called)).unwrap();
        fs::write(staging.place(&"part.gguf".parse().unwrap()).unwrap(), "ab").unwrap();
    };
    unfinished("a");
    unfinished("b");
    assert!(matches!(library.copy(&made, &name("a")), Err(Error::Exists { .. })));
    library.stage(&name("b")).unwrap().abandon().unwrap();
    assert_eq!(library.unfinished().unwrap(), [(name("a"), 2), (name("b"), 2)]);
    let copy = library.copy(&made, &name("b")).unwrap();
    assert!(copy.verify(&on).unwrap().is_empty());
    assert_eq!(library.unfinished().unwrap(), [(name("a"), 2)]);
}

#[test]
fn a_file_that_the_library_has_is_not_fetched_again() {
    let Place { library, .. } = &place();
    let made = make(library, "a", &[("m.gguf", b"weights")]).unwrap();
    let wanted = StoredFile { path: file_name("n.gguf"), ..made.manifest.files[0].clone() };
    let staging = library.stage(&name("b")).unwrap();
    assert!(staging.share(&wanted, &on).unwrap());
    assert_eq!(fs::read(staging.folder().join("n.gguf")).unwrap(), b"weights");
    // Not where it is damaged.
    fs::remove_file(staging.folder().join("n.gguf")).unwrap();
    fs::write(made.to_open(), "weighty").unwrap();
    assert!(!staging.share(&wanted, &on).unwrap());
    assert!(!staging.folder().join("n.gguf").exists());
}

/// A model that is got again for its damage has the damaged file by the digest that is wanted, and the
/// download that was interrupted goes on all the same.
#[test]
fn what_has_come_of_a_file_does_not_go_for_a_damaged_one() {
    let Place { library, .. } = &place();
    let made = make(library, "a", &[("m.gguf", b"weights")]).unwrap();
    let wanted = &made.manifest.files[0];
    fs::write(made.to_open(), "weighty").unwrap();
    let staging = library.stage(&name("a")).unwrap();
    let begun = staging.place(&wanted.path.0).unwrap();
    fs::write(&begun, b"weig\0\0\0").unwrap();
    assert!(!staging.share(wanted, &on).unwrap());
    assert_eq!(fs::read(&begun).unwrap(), b"weig\0\0\0");
    // For a sound one, it does.
    fs::write(made.to_open(), "weights").unwrap();
    assert!(staging.share(wanted, &on).unwrap());
    assert_eq!(fs::read(&begun).unwrap(), b"weights");
}

/// A download goes on in the file that it finds, and this one would be another model's.
#[test]
fn what_was_taken_from_a_model_is_not_written_into() {
    let Place { library, .. } = &place();
    let made = make(library, "a", &[("m.gguf", b"weights")]).unwrap();
    let staging = library.stage(&name("b")).unwrap();
    assert!(staging.share(&made.manifest.files[0], &on).unwrap());
    fs::write(staging.folder().join("own"), "begun").unwrap();
    drop(staging);
    let staging = library.stage(&name("b")).unwrap();
    let place = staging.place(&"m.gguf".parse().unwrap()).unwrap();
    library.disk().reopen(&place).unwrap().set_len(0).unwrap();
    assert!(made.verify(&on).unwrap().is_empty());
    assert_eq!(fs::read(staging.folder().join("own")).unwrap(), b"begun");
}

/// Reading needs no right to write: nothing is made, not even a lock.
#[test]
fn a_library_that_is_read_only_is_read() {
    let Place { library, .. } = &place();
    let made = make(library, "a", &[("m.gguf", &gguf("llama"))]).unwrap();
    let disk = Disk::failing(0, ErrorKind::ReadOnlyFilesystem);
    let still = Library::at(library.root(), disk.clone());
    let found = still.find(&name("a")).unwrap().unwrap();
    assert_eq!((names(&still), &found), (vec!["a".to_owned()], &made));
    found.open(loader::Access::Map, |_| Vec::new()).unwrap();
    assert!(found.verify(&on).unwrap().is_empty());
    assert_eq!(disk.changes(), 0);
    let error = still.remove(&name("a")).unwrap_err();
    assert!(error.hint().unwrap().contains("read only"), "{error}");
    library.find(&name("a")).unwrap().unwrap();
}

/// Between a look and a place to make a model in, minutes may pass.
#[test]
fn what_came_since_somebody_looked_is_not_replaced() {
    let Place { library, .. } = &place();
    let m = &name("m");
    let seen = library.occupant(m).unwrap();
    assert!(library.stage_instead(m, seen.as_ref()).unwrap().is_some());
    let first = make(library, "m", &[("x", b"1")]).unwrap();
    assert!(library.stage_instead(m, seen.as_ref()).unwrap().is_none());
    let seen = library.occupant(m).unwrap();
    assert!(library.stage_instead(m, seen.as_ref()).unwrap().is_some());
    let second = make(library, "m", &[("x", b"2")]).unwrap();
    assert!(first.manifest != second.manifest);
    assert!(library.stage_instead(m, seen.as_ref()).unwrap().is_none());
    assert_eq!(library.find(m).unwrap(), Some(second.clone()));
    let seen = library.occupant(m).unwrap();
    assert!(library.remove(m).unwrap());
    assert!(library.stage_instead(m, seen.as_ref()).unwrap().is_none());
    make(library, "m", &[("x", b"2")]).unwrap();
    fs::write(second.folder.join(MANIFEST), "{").unwrap();
    assert!(library.stage_instead(m, seen.as_ref()).unwrap().is_none());
    let seen = library.occupant(m).unwrap();
    assert!(library.stage_instead(m, seen.as_ref()).unwrap().is_some());
}
