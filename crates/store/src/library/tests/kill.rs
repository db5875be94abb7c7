//! Every change of the disk fails once, and the process dies at every one, also in a power cut:
//! models are there whole, or they are not there, and the same word said again does what it says. What
//! is replaced is there all the time, old or new; what was done stays so without power.

use super::*;

const OLD: &[(&str, &[u8])] = &[("m.gguf", b"the old weights"), ("LICENSE", b"free")];
const NEW: &[(&str, &[u8])] = &[("m.gguf", b"the new weights"), ("more/t.json", b"{}")];

type Change = fn(&Library) -> Result<(), Error>;

/// What `change` makes of the library after `prepare`.
struct Case {
    prepare: Change,
    change: Change,
    /// Models that are there whatever fails.
    always: &'static [&'static str],
    /// Models that are there in the end.
    expected: &'static [&'static str],
}

/// What goes wrong at a change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Full,
    Broken,
    Death,
    PowerCut,
}

/// Lets the disk fail at each change that is made; how many there were.
#[track_caller]
fn check(Case { prepare, change, always, expected }: Case) -> usize {
    let mut tried = 0;
    for trouble in [Trouble::Full, Trouble::Broken, Trouble::Death, Trouble::PowerCut] {
        for nth in 0.. {
            let Place { library, .. } = &place();
            prepare(library).unwrap();
            let disk = match trouble {
                Trouble::Full => Disk::failing(nth, ErrorKind::StorageFull),
                Trouble::Broken => Disk::failing(nth, ErrorKind::Other),
                Trouble::Death | Trouble::PowerCut => Disk::dying(nth),
            };
            let result = change(&Library::at(library.root(), disk.clone()));
            let all_were_made = disk.changes() <= nth;
            assert!(result.is_ok() || !all_were_made, "{nth}: {result:?}");
            if trouble == Trouble::PowerCut {
                disk.power_cut().unwrap();
            }
            whole(library, nth);
            let found = names(library);
            assert!(!all_were_made || found == expected, "{nth}, {trouble:?}: {found:?}");
            assert!(
                always.iter().all(|it| found.iter().any(|name| name == it)),
                "{nth}, {trouble:?}: {found:?}"
            );
            change(library).unwrap_or_else(|error| panic!("{nth}: again: {error}"));
            whole(library, nth);
            assert_eq!(names(library), expected, "{nth}");
            assert!(library.unfinished().unwrap().is_empty(), "{nth}");
            // What the dead left goes with what anybody does next.
            library.stage(&name("other")).unwrap().abandon().unwrap();
            let left = names_in(&library.root().join(PARTIAL)).unwrap();
            assert!(left.is_empty(), "{nth}, {trouble:?}: {left:?}");
            if all_were_made {
                break;
            }
            tried += 1;
        }
    }
    tried
}

/// Every model is one, to its last byte.
fn whole(library: &Library, nth: usize) {
    for found in library.entries().unwrap() {
        match found {
            Found::Model(entry) => assert!(entry.verify(&on).unwrap().is_empty(), "{nth}"),
            Found::Unreadable { why, .. } => panic!("{nth}: {why}"),
        }
    }
}

fn nothing(_: &Library) -> Result<(), Error> {
    Ok(())
}

fn one(library: &Library) -> Result<(), Error> {
    make(library, "org/a:Q4_0", OLD).map(drop)
}

fn two(library: &Library) -> Result<(), Error> {
    one(library).and_then(|()| make(library, "org/b:Q4_0", OLD)).map(drop)
}

fn put(library: &Library) -> Result<(), Error> {
    make(library, "org/a:Q4_0", NEW).map(drop)
}

fn copy(library: &Library) -> Result<(), Error> {
    if library.find(&name("c"))?.is_some() {
        return Ok(());
    }
    let from = library.find(&name("org/a:Q4_0"))?.expect("it was prepared");
    library.copy(&from, &name("c")).map(drop)
}

fn remove(library: &Library) -> Result<(), Error> {
    library.remove(&name("org/a:Q4_0")).map(drop)
}

fn mark(library: &Library) -> Result<(), Error> {
    let entry = library.find(&name("org/a:Q4_0"))?.expect("it was prepared");
    library.mark_verified(&entry, entry.look()?, "2026-11-29T12:00:00Z")
}

/// Whether two folders can change their names at once here.
fn exchanges() -> bool {
    let Place { library, .. } = &place();
    let folders = ["one", "other"].map(|it| library.root().join(it));
    folders.iter().for_each(|it| fs::create_dir_all(it).unwrap());
    library.disk().exchange(&folders[0], &folders[1]).is_ok()
}

#[test]
fn a_model_is_there_whole_or_not_at_all_whatever_fails() {
    let (a, b) = (&["org/a:Q4_0"], &["org/b:Q4_0"]);
    // Elsewhere there is none between two renames.
    let replaced: &[&str] = if exchanges() { a } else { &[] };
    let case = |prepare: Change, change: Change, always, expected| {
        check(Case { prepare, change, always, expected })
    };
    let tried = [
        ("publish", case(nothing, put, &[], a)),
        ("replace", case(one, put, replaced, a)),
        ("copy", case(one, copy, a, &["c", "org/a:Q4_0"])),
        ("remove", case(two, remove, b, b)),
        ("mark", case(one, mark, a, a)),
    ];
    for (what, n) in tried {
        assert!(n >= 9, "{what}: {n} changes were let fail");
        #[expect(clippy::print_stdout, reason = "the number is written down in tests/README.md")]
        {
            println!("{what}: {n} changes were let fail, the model was whole or absent each time");
        }
    }
}

/// To make a folder takes room, to move one takes none.
#[test]
fn a_model_is_removed_from_a_disk_that_is_full() {
    let a = &name("org/a:Q4_0");
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        let Place { library, .. } = &place();
        two(library).unwrap();
        let full = Library::at(library.root(), Disk::failing(0, kind));
        let alone = library.alone().unwrap();
        let aside = full.set_aside(a).unwrap().unwrap();
        assert_eq!(aside, library.root().join(PARTIAL).join(REMOVED));
        assert_eq!(names(library), ["org/b:Q4_0"]);
        drop(alone);
        // A process that dies there leaves it to the next one.
        library.stage(&name("other")).unwrap().abandon().unwrap();
        assert!(names_in(&library.root().join(PARTIAL)).unwrap().is_empty());
    }
    for nth in 0.. {
        let Place { library, .. } = &place();
        two(library).and_then(|()| copy(library)).unwrap();
        // Its mark is written again when the other name of its files is gone: that takes the lock.
        let copied = library.find(&name("c")).unwrap().unwrap();
        library.mark_verified(&copied, copied.look().unwrap(), "2026-11-29T12:00:00Z").unwrap();
        let disk = Disk::failing(nth, ErrorKind::StorageFull);
        let removed = Library::at(library.root(), disk.clone()).remove(a);
        let needs_it = matches!(&removed, Err(Error::Io { path, .. }) if path.ends_with(REMOVED));
        assert!(!needs_it, "{nth}: {removed:?}");
        whole(library, nth);
        if disk.changes() <= nth {
            break;
        }
    }
}
