//! What shows in a log that somebody was at, and what a dying writer leaves.

use std::io;

use super::*;

fn entry(time: &str) -> Entry {
    Entry {
        time: time.to_owned(),
        who: "alice (1000)".to_owned(),
        verb: "run".to_owned(),
        model: "m.gguf".to_owned(),
        sha256: Some(Sha256Hex::of(b"weights")),
        policy: Some(Decision {
            policy: Sha256Hex::of(b"policy"),
            rule: "default".to_owned(),
            allowed: true,
        }),
        event: Event::Answered(Answer { prompt_tokens: 12, answer_tokens: 34 }),
    }
}

const NOW: &str = "2026-11-29T12:00:00Z";

fn log(folder: &Path) -> Log {
    Log::at(folder, MONTHS, Disk::default()).unwrap()
}

/// A log of five entries in one file; the file and its lines.
fn five(folder: &Path) -> (PathBuf, Vec<String>) {
    some(folder, 5)
}

fn some(folder: &Path, n: usize) -> (PathBuf, Vec<String>) {
    for _ in 0..n {
        log(folder).append(entry(NOW)).unwrap();
    }
    let path = folder.join("2026-11.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    (path, text.lines().map(str::to_owned).collect())
}

/// What is said of the five lines after `change`.
#[track_caller]
fn check(change: impl FnOnce(&mut Vec<String>), expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut lines) = five(dir.path());
    change(&mut lines);
    let text: String = lines.iter().map(|it| format!("{it}\n")).collect();
    fs::write(&path, text).unwrap();
    let error = verify(dir.path(), None).unwrap_err().to_string();
    let place = dir.path().display().to_string();
    assert_eq!(error.replace(&place, "[DIR]"), expected);
}

#[test]
fn a_log_that_nobody_was_at_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(verify(dir.path(), None), Err(Error::Empty(_))));
    let (path, _) = five(dir.path());
    let checked = verify(dir.path(), None).unwrap();
    assert_eq!((checked.entries, checked.first, checked.to.as_str()), (5, 1, NOW));
    assert_eq!(verify_file(&path, Some(checked.last)).unwrap(), checked);
    let other = Sha256Hex::of(b"other");
    assert!(matches!(verify(dir.path(), Some(other)), Err(Error::NotThere(_))));
}

#[test]
fn a_change_of_any_byte_shows() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = some(dir.path(), 2);
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(verify(dir.path(), None).is_err(), "byte {at}");
    }
}

#[test]
fn what_was_changed_removed_or_moved_is_named() {
    let file = "`[DIR]/2026-11.jsonl`";
    let changed = format!("{file}, line 2 was changed: its digest is another than it says");
    check(|it| it[1] = it[1].replace("alice", "mallo"), &changed);
    let removed = "what was between was removed or moved";
    let told = format!("{file}, line 2 is entry 3, expected entry 2: {removed}");
    check(|it| drop(it.remove(1)), &told);
    let told = format!("{file}, line 2 is entry 4, expected entry 2: {removed}");
    check(|it| drop(it.drain(1..3)), &told);
    let told = format!("{file}, line 2 is entry 3, expected entry 2: {removed}");
    check(|it| it.swap(1, 2), &told);
    let told = format!("{file}, line 3 is entry 2, expected entry 3: it was moved or copied");
    check(|it| it[2] = it[1].clone(), &told);
    check(|it| drop(it.pop()), "`[DIR]` ends with entry 4, expected entry 5");
    check(Vec::clear, "`[DIR]` ends with entry 0, expected entry 5");
    // Written anew with the right digest, by somebody who knows how: the next line tells.
    let again = |it: &mut Vec<String>| {
        let first = Line::read(it[0].as_bytes()).unwrap();
        it[1] = Line::write(2, Some(first.digest), &entry("2026-11-30T00:00:00Z")).0;
        it[1].pop();
    };
    let unlinked = "does not follow the line before it: one of the two was replaced";
    check(again, &format!("{file}, line 3 {unlinked}"));
    let last = |it: &mut Vec<String>| {
        let before = Line::read(it[3].as_bytes()).unwrap();
        it[4] = Line::write(5, Some(before.digest), &entry("2026-11-30T00:00:00Z")).0;
        it[4].pop();
    };
    check(last, "the last entry in `[DIR]`, 5, is not the one that was written");
    check(|it| it[4] = "{}".to_owned(), &format!("{file}, line 5 is no entry"));
}

#[test]
fn nothing_is_added_to_a_log_that_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lines) = five(dir.path());
    fs::write(&path, format!("{}\n", lines[0])).unwrap();
    let error = log(dir.path()).append(entry(NOW)).unwrap_err();
    assert!(matches!(error, Error::Cut { found: 1, expected: 5, .. }), "{error}");
    assert!(error.hint().unwrap().contains("ingle audit verify"));
    fs::write(&path, "nonsense\n").unwrap();
    assert!(matches!(log(dir.path()).append(entry(NOW)), Err(Error::Unreadable { .. })));
}

#[test]
fn the_chain_goes_on_over_months_and_old_ones_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    for month in 1..=9 {
        log(dir.path()).append(entry(&format!("2026-{month:02}-15T00:00:00Z"))).unwrap();
    }
    let files: Vec<_> = months(dir.path()).unwrap().into_iter().map(|it| it.1).collect();
    let names: Vec<_> = files.iter().map(|it| it.file_name().unwrap().to_owned()).collect();
    assert_eq!((names.len(), names[0].as_os_str()), (7, "2026-03.jsonl".as_ref()));
    let checked = verify(dir.path(), None).unwrap();
    assert_eq!((checked.entries, checked.first), (7, 3));
    fs::remove_file(&files[3]).unwrap();
    let error = verify(dir.path(), None).unwrap_err();
    let flaw = Flaw::Removed { found: 7, expected: 6 };
    assert!(matches!(&error, Error::Broken { line: 1, flaw: it, .. } if *it == flaw), "{error}");
    assert!(matches!(Log::at(dir.path(), 5, Disk::default()), Err(Error::Retention { found: 5 })));
}

#[test]
fn a_writer_that_dies_anywhere_leaves_a_log_that_goes_on() {
    for death in [true, false] {
        for nth in 0.. {
            let dir = tempfile::tempdir().unwrap();
            five(dir.path());
            let disk = match death {
                true => Disk::dying(nth),
                false => Disk::failing(nth, io::ErrorKind::StorageFull),
            };
            let broken = Log::at(dir.path(), MONTHS, disk.clone()).unwrap();
            let done = broken.append(entry(NOW));
            if disk.changes() <= nth {
                assert!(done.is_ok(), "no change was refused");
                assert!(nth > 4, "{nth} changes were tried");
                break;
            }
            assert!(done.is_err(), "change {nth}");
            log(dir.path()).append(entry(NOW)).unwrap();
            let checked = verify(dir.path(), None).unwrap();
            assert!((6..=7).contains(&checked.entries), "change {nth}: {checked:?}");
        }
    }
}

#[test]
fn what_a_dying_writer_began_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = five(dir.path());
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{{\"nth\":6")).unwrap();
    let torn = verify(dir.path(), None).unwrap_err();
    assert!(matches!(torn, Error::Broken { line: 6, flaw: Flaw::Torn, .. }), "{torn}");
    log(dir.path()).append(entry(NOW)).unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().entries, 7);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().nth(5).unwrap().contains("\"event\":{\"torn\":{\"bytes\":8}}"), "{text}");
}

#[test]
fn writers_at_the_same_time_make_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| _ = log(dir.path()).append(entry(NOW)).unwrap()));
        }
    });
    assert_eq!(verify(dir.path(), None).unwrap().entries, 20);
}
