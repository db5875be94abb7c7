//! Every change of the disk, one after the other, is the last one, also before a power cut, or fails:
//! what is left is a whole model or none, no journal says more than is there, and the same command goes
//! on from what they say and brings the right bytes.

use std::{fs, io::ErrorKind, sync::atomic::Ordering::Relaxed};

use store::{disk::Disk, parts};

use crate::scene::{Scene, Watcher, model};

/// How a disk fails at a change, and what becomes of it then.
type Trouble = (fn(usize) -> Disk, fn(&Disk));

/// Lets the `nth` change go wrong; the bytes that are there then, nothing once there are not so many
/// changes.
#[track_caller]
fn check(nth: usize, (disk, end): Trouble) -> Option<u64> {
    let mut scene = Scene::new();
    // One part after the other.
    scene.connections = 1;
    let disk = disk(nth);
    let library = scene.library_on(disk.clone());
    let first = scene.pull_into(&library, None);
    drop(library);
    end(&disk);
    let done = disk.changes() <= nth;
    let name = "org/model:Q4_K_M".parse().expect("a name");
    match (&first, scene.library().find(&name).expect("a sound library")) {
        (Ok(entry), _) => scene.assert_whole(entry, &model()),
        // It was there, and only then something went wrong.
        (Err(_), Some(entry)) => scene.assert_whole(&entry, &model()),
        (Err(_), None) => scene.assert_nothing_visible(),
    }
    assert_said(&scene, nth);
    let so_far = scene.so_far();
    scene.watch = Watcher::new();
    let entry = scene.pull(None).unwrap_or_else(|it| panic!("after {nth}: {it}"));
    scene.assert_whole(&entry, &model());
    assert_eq!(scene.watch.had.load(Relaxed), so_far, "after {nth}");
    (!done).then_some(so_far)
}

/// What the journals say is there, and what is whole and has none any more.
#[track_caller]
fn assert_said(scene: &Scene, nth: usize) {
    let folder = scene.models().join(".partial/org/model/Q4_K_M");
    for (name, file) in &model().files {
        let place = folder.join(name);
        let found = fs::read(&place).unwrap_or_default();
        if found.len() != file.bytes.len() {
            continue;
        }
        match parts::told(&place) {
            None if parts::place(&place).exists() => {}
            None => assert!(found == file.bytes, "after {nth}: {name} is not whole"),
            Some((parts, told)) => told.into_iter().for_each(|(part, bytes)| {
                let begin = parts.range(part).0 as usize;
                let end = begin + bytes as usize;
                let is_there = found[begin..end] == file.bytes[begin..end];
                assert!(is_there, "after {nth}: {name} lacks some of {bytes} bytes of part {part}");
            }),
        }
    }
}

/// Tries one change after the other.
#[track_caller]
fn check_all(what: &str, trouble: Trouble) {
    let so_far: Vec<u64> = (0..).map_while(|nth| check(nth, trouble)).collect();
    say(&format!("{what} in a pull: {}", so_far.len()));
    assert!(so_far.len() > 20, "{}", so_far.len());
    // Of some deaths a part of it is left.
    assert!(so_far.iter().any(|it| (1..20_000).contains(it)), "{so_far:?}");
}

#[test]
fn a_death_at_every_change() {
    check_all("kill points", (Disk::dying, |_| {}));
}

#[test]
fn a_power_cut_at_every_change() {
    check_all("power cuts", (Disk::dying, |it| it.power_cut().expect("it is undone")));
}

#[test]
fn a_full_disk_at_every_change() {
    check_all("full disks", (|nth| Disk::failing(nth, ErrorKind::StorageFull), |_| {}));
}

#[test]
fn a_broken_disk_at_every_change() {
    check_all("broken disks", (|nth| Disk::failing(nth, ErrorKind::Other), |_| {}));
}

fn say(what: &str) {
    #[expect(clippy::print_stdout, reason = "figures for the README of the tests")]
    {
        println!("{what}");
    }
}
