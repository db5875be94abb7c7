//! Several hubs: the next is asked where one fails.

use crate::{
    fake::{Fake, trouble::Trouble},
    scene::{NAME, Scene, model, told},
};

/// A scene with a mirror before its own hub.
fn two() -> (Scene, Fake) {
    let mut scene = Scene::new();
    let mirror = Fake::new();
    mirror.add(NAME, model());
    scene.variables.push(("HF_ENDPOINT", format!("{},{}", mirror.hub, scene.fake.hub)));
    (scene, mirror)
}

/// The model comes although this happens to the first mirror, however often.
#[track_caller]
fn check(path: &str, trouble: Trouble) {
    let (scene, mirror) = two();
    mirror.trouble(path, usize::MAX, trouble.clone());
    let entry = scene.pull(None).unwrap_or_else(|it| panic!("{trouble:?}: {}", told(&it)));
    scene.assert_whole(&entry, &model());
    assert!(
        !scene.watch.notes.lock().expect("no panic").is_empty(),
        "{trouble:?}: nothing was said"
    );
}

#[test]
fn the_next_mirror_is_asked() {
    check("/revision/", Trouble::Status(500));
    check("/revision/", Trouble::Status(404));
    check("/tree/", Trouble::Body("<html>".to_owned()));
    check("/resolve/", Trouble::Status(403));
    check("signature", Trouble::Status(500));
    check("signature", Trouble::NoRange);
    check("signature", Trouble::Wrong);
}

#[test]
fn a_mirror_that_is_not_there_is_passed_over() {
    let mut scene = Scene::new();
    scene.variables.push(("HF_ENDPOINT", format!("http://127.0.0.1:1, {}", scene.fake.hub)));
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
}

#[test]
fn the_first_is_enough() {
    let (scene, mirror) = two();
    scene.pull(None).unwrap();
    assert!(scene.fake.seen().is_empty() && !mirror.seen().is_empty());
}

#[test]
fn when_all_fail_the_first_is_told() {
    let (scene, mirror) = two();
    mirror.trouble("/revision/", usize::MAX, Trouble::Status(500));
    scene.fake.trouble("/revision/", usize::MAX, Trouble::Status(404));
    let text = told(&scene.pull(None).unwrap_err()).replace(&mirror.hub[7..], "FIRST");
    assert_eq!(text, "`FIRST` answered with status 500");
}
