//! Every change of the disk, one after the other, is the last one, also before a power cut, or fails:
//! what is left is a whole model or none, and the same command brings the right bytes.

use std::io::ErrorKind;

use store::disk::Disk;

use crate::scene::{Scene, Watcher, model};

/// How a disk fails at a change, and what becomes of it then.
type Trouble = (fn(usize) -> Disk, fn(&Disk));

/// Lets the `nth` change go wrong; `false` once there are not so many.
#[track_caller]
fn check(nth: usize, (disk, end): Trouble) -> bool {
    let mut scene = Scene::new();
    // One after the other, so that a number always means the same change.
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
    scene.watch = Watcher::new();
    let entry = scene.pull(None).unwrap_or_else(|it| panic!("after {nth}: {it}"));
    scene.assert_whole(&entry, &model());
    !done
}

/// Tries one change after the other.
#[track_caller]
fn check_all(what: &str, trouble: Trouble) {
    let points = (0..).take_while(|&nth| check(nth, trouble)).count();
    say(&format!("{what} in a pull: {points}"));
    assert!(points > 20, "{points}");
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
