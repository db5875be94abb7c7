//! What comes when nothing goes wrong.

use std::{fs, time::Instant};

use store::library::Origin;

use crate::{
    fake::{COMMIT, Repository},
    scene::{NAME, PART, Scene, model, noise},
};

#[test]
fn a_model_its_papers_and_its_origin_are_fetched() {
    let scene = Scene::new();
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    let names: Vec<_> = entry.manifest.files.iter().map(|it| it.path.0.as_str()).collect();
    assert_eq!(names, ["LICENSE", "README.md", "m-Q4_K_M.gguf"]);
    assert_eq!(entry.manifest.name.to_string(), "org/model:Q4_K_M");
    let Origin::Hub { endpoint, commit, .. } = &entry.manifest.origin else { panic!("a hub") };
    assert_eq!((endpoint, commit.to_string().as_str()), (&scene.fake.hub, COMMIT));
    assert_eq!(scene.watch.come(), entry.manifest.size());
}

/// Each part is asked for once, by Range, and the hub is asked for the way once a file.
#[test]
fn parts_come_from_the_store() {
    let mut scene = Scene::new();
    scene.connections = 1;
    scene.pull(None).unwrap();
    let seen = scene.fake.seen();
    let at = |place: &str| seen.iter().filter(|it| it.at == place).collect::<Vec<_>>();
    let mut ranges: Vec<_> = at("store").iter().map(|it| it.range.clone().unwrap()).collect();
    ranges.sort();
    let mut expected: Vec<_> = (0..25_000)
        .step_by(PART as usize)
        .map(|it| format!("bytes={it}-{}", (it + PART as usize).min(25_000) - 1))
        .collect();
    expected.sort();
    assert_eq!(ranges, expected);
    let resolved = at("hub").into_iter().filter(|it| it.path.contains("/resolve/"));
    assert_eq!(resolved.count(), 3);
}

#[test]
fn files_in_folders_of_any_size() {
    let scene = Scene::new();
    let repository = Repository::new([
        ("README.md", Vec::new()),
        ("a folder/b/m-F16-00001-of-00002.gguf", noise(3, 2 * PART as usize)),
        ("a folder/b/m-F16-00002-of-00002.gguf", noise(4, PART as usize + 1)),
    ]);
    scene.fake.add(NAME, repository.clone());
    let entry = scene.pull(Some("f16")).unwrap();
    scene.assert_whole(&entry, &repository);
    assert!(entry.to_open().ends_with("a folder/b/m-F16-00001-of-00002.gguf"));
}

#[test]
fn a_second_pull_replaces_the_first() {
    let scene = Scene::new();
    scene.pull(None).unwrap();
    let repository = model().with("README.md", b"# Another\n".to_vec());
    scene.fake.add(NAME, repository.clone());
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &repository);
}

#[test]
fn what_another_choice_left_is_not_published() {
    let scene = Scene::new();
    let place = scene.folder.path().join("models/.partial/org/model/Q4_K_M");
    fs::create_dir_all(place.join("deep")).unwrap();
    fs::write(place.join("deep/old.gguf"), "old").unwrap();
    fs::write(place.join("m-Q4_K_M.gguf.parts"), "ingle parts 1: of another file\n0\n").unwrap();
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    assert!(!entry.folder.join("deep").exists());
}

#[test]
fn the_rate_is_capped() {
    let mut scene = Scene::new();
    scene.limit_rate = std::num::NonZeroU64::new(50_000);
    let begin = Instant::now();
    scene.pull(None).unwrap();
    let rate = 25_000.0 / begin.elapsed().as_secs_f64();
    assert!(rate < 60_000.0, "{rate:.0} bytes a second, 50,000 were allowed");
}
