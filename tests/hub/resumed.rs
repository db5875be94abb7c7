//! What was stopped goes on from there.

use std::{fs, sync::atomic::Ordering::Relaxed};

use hub::Error;

use crate::{
    fake::{Repository, trouble::Trouble},
    scene::{NAME, PART, Scene, Watcher, model, noise},
};

const SIZE: u64 = 25_000;

/// Stops after `bytes`; what the second try has and fetches.
#[track_caller]
fn check(connections: usize, bytes: u64) {
    let mut scene = Scene::new();
    scene.connections = connections;
    scene.watch.stop_after.store(bytes, Relaxed);
    assert!(matches!(scene.pull(None), Err(Error::Stopped)), "{bytes}");
    scene.assert_nothing_visible();
    let (first, so_far) = (scene.watch.come(), scene.so_far());
    scene.watch = Watcher::new();
    let entry = scene.pull(None).expect("it is fetched");
    scene.assert_whole(&entry, &model());
    let (had, second) = (scene.watch.had.load(Relaxed), scene.watch.come());
    assert_eq!(had + second, entry.manifest.size(), "{bytes}");
    // Whoever stops loses nothing, and is told so before and after.
    assert_eq!((had, so_far), (first, first), "{bytes}");
}

#[test]
fn only_what_is_missing_comes_again() {
    for bytes in [1, PART - 1, PART, 3 * PART + 1, SIZE - 1] {
        check(1, bytes);
        check(3, bytes);
    }
}

#[test]
fn what_came_before_a_server_failed_for_good_is_kept() {
    let mut scene = Scene::new();
    scene.connections = 1;
    scene.fake.trouble("signature", 1, Trouble::Short(3000));
    // The store is asked where it was found, and then where the hub says that it is.
    scene.fake.trouble("signature", 2, Trouble::Status(403));
    assert!(scene.pull(None).is_err());
    let (first, so_far) = (scene.watch.come(), scene.so_far());
    assert!(first >= 3000 && so_far == first, "of {first} bytes that came, {so_far} were kept");
    scene.watch = Watcher::new();
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    let (had, second) = (scene.watch.had.load(Relaxed), scene.watch.come());
    assert_eq!((had, had + second), (first, entry.manifest.size()));
}

/// Whoever cannot send the rest sends all of it, as long as one part is all.
#[test]
fn a_small_file_goes_on_where_there_are_no_parts() {
    let scene = Scene::new();
    let repository = Repository::new([("m-Q4_K_M.gguf", noise(1, PART as usize))]);
    scene.fake.add(NAME, repository.clone());
    scene.fake.trouble("signature", 1, Trouble::Cut(3000));
    scene.fake.trouble("signature", usize::MAX, Trouble::NoRange);
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &repository);
}

/// A disk can lose bytes that it said were there.
#[test]
fn a_journal_that_lies_costs_a_second_download_and_nothing_else() {
    let mut scene = Scene::new();
    scene.connections = 1;
    scene.watch.stop_after.store(4 * PART, Relaxed);
    assert!(scene.pull(None).is_err());
    let file = scene.folder.path().join("models/.partial/org/model/Q4_K_M/m-Q4_K_M.gguf");
    let mut bytes = fs::read(&file).unwrap();
    bytes[10] ^= 1;
    fs::write(&file, bytes).unwrap();
    scene.watch.stop_after.store(u64::MAX, Relaxed);
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    let notes = scene.watch.notes.lock().unwrap().join("\n");
    assert!(notes.contains("fetching it anew"), "{notes}");
}

#[test]
fn another_file_under_the_same_name_is_not_continued() {
    let scene = Scene::new();
    scene.watch.stop_after.store(4 * PART, Relaxed);
    assert!(scene.pull(None).is_err());
    let repository = model().with("m-Q4_K_M.gguf", noise(8, SIZE as usize));
    scene.fake.add(NAME, repository.clone());
    scene.watch.stop_after.store(u64::MAX, Relaxed);
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &repository);
}

#[test]
fn two_at_once_are_told_apart() {
    let scene = Scene::new();
    let library = scene.library();
    let _held = library.stage(&"org/model:Q4_K_M".parse().unwrap()).unwrap();
    let error = scene.pull(None).unwrap_err();
    assert_eq!(error.to_string(), "another `ingle` is getting or removing `org/model:Q4_K_M`");
}
