//! What shows in a log that somebody was at, and what a dying writer leaves.

use std::io;

use super::*;

fn entry(time: &str) -> Entry {
    Entry {
        time: time.to_owned(),
        who: "uid-1000".to_owned(),
        verb: "run".to_owned(),
        model: "m.gguf".to_owned(),
        sha256: Some(Sha256Hex::of(b"weights")),
        adapters: vec![Sha256Hex::of(b"adapter")],
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
    assert_eq!(checked.events, [("answered", 5)].into());
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
    check(|it| it[1] = it[1].replace("uid-1000", "uid-1001"), &changed);
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

/// What is counted has the name that it has in the log.
#[test]
fn every_event_is_counted_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let answer = Answer { prompt_tokens: 1, answer_tokens: 2 };
    let all = [
        Event::Fetched,
        Event::Imported,
        Event::Adopted,
        Event::Removed,
        Event::Loaded,
        Event::Refused,
        Event::Answered(answer),
        Event::Pruned(Pruned { nth: 1, digest: Sha256Hex::of(b"gone") }),
        Event::Torn { bytes: 3 },
    ];
    for event in all.clone() {
        log(dir.path()).append(Entry { event, ..entry(NOW) }).unwrap();
    }
    let events = verify(dir.path(), None).unwrap().events;
    assert_eq!(events.len(), all.len());
    for event in &all {
        let written = serde_json::to_value(event).unwrap();
        let name = written.as_str().or_else(|| written.as_object()?.keys().next().map(|it| &**it));
        assert_eq!((name, events.get(event.name())), (Some(event.name()), Some(&1)));
    }
}

#[test]
fn a_log_to_which_nothing_could_be_added_is_told_before() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path()).check().unwrap();
    let (path, lines) = five(dir.path());
    log(dir.path()).check().unwrap();
    // An entry that was begun is no harm, and stays for the next writer.
    let begun = format!("{}\n{{", lines.join("\n"));
    fs::write(&path, &begun).unwrap();
    log(dir.path()).check().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), begun);
    fs::write(&path, format!("{}\n", lines[0])).unwrap();
    assert!(matches!(log(dir.path()).check(), Err(Error::Cut { found: 1, expected: 5, .. })));
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
    assert_eq!((names.len(), names[0].as_os_str()), (8, "2026-02.jsonl".as_ref()));
    let checked = verify(dir.path(), None).unwrap();
    // One of each month, and one that says that January is gone.
    assert_eq!((checked.entries, checked.first), (9, 2));
    fs::remove_file(&files[3]).unwrap();
    let error = verify(dir.path(), None).unwrap_err();
    let flaw = Flaw::Removed { found: 6, expected: 5 };
    assert!(matches!(&error, Error::Broken { line: 1, flaw: it, .. } if *it == flaw), "{error}");
    assert!(matches!(Log::at(dir.path(), 5, Disk::default()), Err(Error::Retention { found: 5 })));
}

#[test]
fn months_in_which_nothing_could_be_written_are_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    five(dir.path());
    // As a full disk leaves them, which makes files and writes nothing.
    for name in ["2026-12.jsonl", "2027-01.jsonl"] {
        fs::write(dir.path().join(name), "").unwrap();
        log(dir.path()).check().unwrap();
    }
    log(dir.path()).append(entry("2027-02-01T00:00:00Z")).unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().entries, 6);
    // As writers leave them that fail at any change, in two months one after the other.
    for nth in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        five(dir.path());
        for time in ["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
            let disk = Disk::failing(nth, io::ErrorKind::StorageFull);
            let full = Log::at(dir.path(), MONTHS, disk).unwrap();
            assert!(full.append(entry(time)).is_err(), "change {nth}");
        }
        log(dir.path()).append(entry("2027-02-01T00:00:00Z")).unwrap();
        assert!(verify(dir.path(), None).unwrap().entries >= 6, "change {nth}");
    }
    // Without the lines that the head names, it was cut all the same.
    fs::write(dir.path().join("2026-11.jsonl"), "").unwrap();
    fs::write(dir.path().join("2027-02.jsonl"), "").unwrap();
    assert!(matches!(log(dir.path()).check(), Err(Error::Cut { found: 0, expected: 6, .. })));
}

#[test]
fn what_is_gone_at_the_beginning_was_kept_long_enough_or_shows() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lines) = five(dir.path());
    fs::write(&path, format!("{}\n", lines[2..].join("\n"))).unwrap();
    let error = verify(dir.path(), None).unwrap_err();
    let flaw = Flaw::Begun { found: 3 };
    assert!(matches!(&error, Error::Broken { line: 1, flaw: it, .. } if *it == flaw), "{error}");
    // One file for itself may begin anywhere.
    assert_eq!(verify_file(&path, None).unwrap().first, 3);
}

#[test]
fn what_is_gone_at_the_end_shows_without_a_head_too() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lines) = five(dir.path());
    fs::write(&path, format!("{}\n", lines[..3].join("\n"))).unwrap();
    fs::remove_file(dir.path().join(HEAD)).unwrap();
    assert!(matches!(verify(dir.path(), None), Err(Error::NoHead { .. })));
    assert!(matches!(log(dir.path()).append(entry(NOW)), Err(Error::NoHead { .. })));
}

#[test]
fn an_entry_does_not_hide_that_the_one_before_it_was_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut lines) = five(dir.path());
    let before = Line::read(lines[3].as_bytes()).unwrap();
    lines[4] = Line::write(5, Some(before.digest), &entry("2026-11-30T00:00:00Z")).0;
    fs::write(&path, format!("{}\n{}", lines[..4].join("\n"), lines[4])).unwrap();
    let error = log(dir.path()).append(entry(NOW)).unwrap_err();
    assert!(matches!(error, Error::Replaced { nth: 5, .. }), "{error}");
}

#[test]
fn a_clock_that_is_years_ahead_takes_nothing_away() {
    let dir = tempfile::tempdir().unwrap();
    for month in 1..=6 {
        log(dir.path()).append(entry(&format!("2026-{month:02}-15T00:00:00Z"))).unwrap();
    }
    for time in ["2036-01-01T00:00:00Z", "2036-01-01T00:00:01Z", "2026-06-16T00:00:00Z"] {
        log(dir.path()).append(entry(time)).unwrap();
    }
    let checked = verify(dir.path(), None).unwrap();
    assert_eq!((checked.entries, checked.first), (9, 1));
    // However long it is to be kept.
    let long = Log::at(dir.path(), u32::MAX, Disk::default()).unwrap();
    long.append(entry(NOW)).unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().first, 1);
}

#[test]
fn a_log_is_verified_where_nothing_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    five(dir.path());
    let copy = tempfile::tempdir().unwrap();
    for name in [HEAD, "2026-11.jsonl"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(verify(copy.path(), None).unwrap().entries, 5);
    assert!(!copy.path().join(LOCK).exists());
}

#[test]
fn a_writer_that_dies_anywhere_leaves_a_log_that_goes_on() {
    #[derive(Clone, Copy, PartialEq)]
    enum How {
        Full,
        Dead,
        PowerCut,
    }
    let all = [How::Full, How::Dead, How::PowerCut].into_iter();
    let mut faults = 0;
    for (begun, how) in all.flat_map(|how| [(0, how), (5, how)]) {
        for nth in 0.. {
            let dir = tempfile::tempdir().unwrap();
            for _ in 0..begun {
                log(dir.path()).append(entry(NOW)).unwrap();
            }
            let disk = match how {
                How::Dead | How::PowerCut => Disk::dying(nth),
                How::Full => Disk::failing(nth, io::ErrorKind::StorageFull),
            };
            let broken = Log::at(dir.path(), MONTHS, disk.clone()).unwrap();
            let done = broken.append(entry(NOW));
            if disk.changes() <= nth {
                assert!(done.is_ok(), "no change was refused");
                assert!(nth > 4, "{nth} changes were tried");
                break;
            }
            assert!(done.is_err(), "change {nth}");
            faults += 1;
            if how == How::PowerCut {
                disk.power_cut().unwrap();
            }
            log(dir.path()).append(entry(NOW)).unwrap();
            let checked = verify(dir.path(), None).unwrap();
            let entries = begun + 1..=begun + 2;
            assert!(entries.contains(&checked.entries), "change {nth}: {checked:?}");
        }
    }
    say(&format!("faults in an audit log: {faults}"));
}

/// As a disk is that has room for a line, and none for the head after it.
#[test]
fn writers_that_fail_one_after_the_other_leave_a_log_that_goes_on() {
    for nth in 0.. {
        let dir = tempfile::tempdir().unwrap();
        five(dir.path());
        let append = || {
            let disk = Disk::failing(nth, io::ErrorKind::StorageFull);
            Log::at(dir.path(), MONTHS, disk).unwrap().append(entry(NOW))
        };
        if append().is_ok() {
            assert!(nth > 4, "{nth} changes were tried");
            break;
        }
        for _ in 0..2 {
            let error = append().unwrap_err();
            assert!(matches!(error, Error::Io { .. }), "change {nth}: {error}");
        }
        log(dir.path()).append(entry(NOW)).unwrap();
        let entries = verify(dir.path(), None).unwrap().entries;
        assert!((6..=9).contains(&entries), "change {nth}: {entries} entries");
    }
}

/// Figures for the README of the tests.
fn say(what: &str) {
    #[expect(clippy::print_stdout, reason = "the numbers are written down in tests/README.md")]
    {
        println!("{what}");
    }
}

#[test]
fn what_was_noted_survives_a_power_cut() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::dying(usize::MAX);
    let noting = Log::at(dir.path(), MONTHS, disk.clone()).unwrap();
    for _ in 0..3 {
        noting.append(entry(NOW)).unwrap();
    }
    disk.power_cut().unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().entries, 3);
    log(dir.path()).append(entry(NOW)).unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().entries, 4);
}

#[test]
fn what_a_dying_writer_began_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = five(dir.path());
    let whole = fs::read_to_string(&path).unwrap();
    let other = tempfile::tempdir().unwrap();
    let sixth = some(other.path(), 6).1.pop().unwrap();
    let mut torn = 0;
    for n in (1..sixth.len()).step_by(7).chain([sixth.len()]) {
        let dir = copy(dir.path());
        let path = dir.path().join(path.file_name().unwrap());
        fs::write(&path, format!("{whole}{}", &sixth[..n])).unwrap();
        let error = verify(dir.path(), None).unwrap_err();
        assert!(matches!(error, Error::Broken { line: 6, flaw: Flaw::Torn, .. }), "{n}: {error}");
        log(dir.path()).append(entry(NOW)).unwrap();
        assert_eq!(verify(dir.path(), None).unwrap().entries, 7);
        let text = fs::read_to_string(&path).unwrap();
        let told = format!("\"event\":{{\"torn\":{{\"bytes\":{n}}}}}");
        assert!(text.lines().nth(5).unwrap().contains(&told), "{n}: {text}");
        torn += 1;
    }
    say(&format!("places at which a line of an audit log was torn: {torn}"));
}

#[test]
fn an_entry_that_is_too_long_is_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lines) = five(dir.path());
    let adapters = vec![Sha256Hex::of(b"adapter"); 2000];
    let rule = Decision { rule: "r".repeat(LONGEST), ..entry(NOW).policy.unwrap() };
    for long in [Entry { adapters, ..entry(NOW) }, Entry { policy: Some(rule), ..entry(NOW) }] {
        let error = log(dir.path()).append(long).unwrap_err();
        assert!(matches!(error, Error::Long { found: 65_537.., .. }), "{error}");
        assert!(error.hint().unwrap().contains("fewer adapters"));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", lines.join("\n")));
    // What is as long as may be has room for whatever comes of it.
    let room = (1..).find(|n| {
        let model = "m".repeat(LONGEST - n);
        Entry { model, event: Event::Loaded, ..entry(NOW) }.check_length().is_ok()
    });
    let model = "m".repeat(LONGEST - room.unwrap());
    let answer = Answer { prompt_tokens: u64::MAX, answer_tokens: u64::MAX };
    let pruned = Pruned { nth: u64::MAX, digest: Sha256Hex::of(b"gone") };
    let torn = Event::Torn { bytes: u64::MAX };
    for event in [Event::Answered(answer), Event::Pruned(pruned), torn] {
        log(dir.path()).append(Entry { model: model.clone(), event, ..entry(NOW) }).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().all(|it| it.len() < LONGEST));
    assert_eq!(verify(dir.path(), None).unwrap().entries, 8);
}

#[test]
fn a_log_goes_on_after_a_line_however_long() {
    for torn in [0, 1, LONGEST, 5 * LONGEST] {
        let dir = tempfile::tempdir().unwrap();
        let (path, _) = five(dir.path());
        let log = log(dir.path());
        // As nobody writes them who knows how long they may be.
        for n in [2 * LONGEST, 9 * LONGEST] {
            let last = log.end(&months(dir.path()).unwrap()).unwrap().last.unwrap();
            let long = Entry { model: "m".repeat(n), ..entry(NOW) };
            log.add(&path, Some((last.nth, last.digest)), long).unwrap();
        }
        let mut bytes = fs::read(&path).unwrap();
        bytes.resize(bytes.len() + torn, b'{');
        fs::write(&path, bytes).unwrap();
        log.check().unwrap();
        log.append(entry(NOW)).unwrap();
        let entries = if torn > 0 { 9 } else { 8 };
        assert_eq!(verify(dir.path(), None).unwrap().entries, entries, "{torn} bytes torn");
    }
}

/// Another folder with the same files.
fn copy(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
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
