//! Which files are fetched, and what is seen of a model before that.

use std::path::PathBuf;

use hub::{Error, Revision};
use ingle_tests::parrot;
use loader::ModelFile;
use serde_json::json;
use store::name::RepoId;
use tempfile::TempDir;

use crate::{
    fake::{Repository, trouble::Trouble},
    scene::{NAME, Scene, noise},
};

#[test]
fn a_folder_of_safetensors_in_shards() {
    let index = json!({ "weight_map": {
        "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
    } });
    let repository = Repository::new([
        ("README.md", b"# A model\n".to_vec()),
        ("config.json", b"{}".to_vec()),
        ("model-00001-of-00002.safetensors", noise(5, 9000)),
        ("model-00002-of-00002.safetensors", noise(6, 9000)),
        ("model.safetensors.index.json", index.to_string().into_bytes()),
        ("pytorch_model.bin", noise(7, 9000)),
        ("tokenizer.json", b"{}".to_vec()),
        ("train.py", b"print()".to_vec()),
    ]);
    let scene = Scene::new();
    scene.fake.add(NAME, repository.clone());
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &repository);
    let names: Vec<_> = entry.manifest.files.iter().map(|it| it.path.0.as_str()).collect();
    let expected = [
        "README.md",
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ];
    assert_eq!(names, expected);
    assert_eq!(entry.to_open(), entry.folder);
}

/// The headers of the model that is chosen, in a folder that goes with them.
fn headers(scene: &Scene) -> Result<(TempDir, PathBuf), Error> {
    let (hub, watch) = (scene.hub()?, &scene.watch);
    let repository: RepoId = NAME.parse()?;
    let snapshot = hub.look(&repository, &Revision::default(), watch)?;
    let choice = hub.choose(&snapshot, None, watch)?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = hub.headers(&snapshot, &choice, folder.path(), watch)?;
    Ok((folder, path))
}

/// What the store was asked for.
fn ranges(scene: &Scene) -> Vec<Option<String>> {
    scene.fake.seen().into_iter().filter(|it| it.at == "store").map(|it| it.range).collect()
}

#[test]
fn a_header_is_all_that_is_fetched_of_a_model_to_look_at() {
    let scene = Scene::new();
    scene.fake.add(NAME, Repository::new([("m-F32.gguf", parrot::file())]));
    let (_folder, path) = headers(&scene).unwrap();
    let seen = ModelFile::open(&path, &[]).unwrap();
    let whole = ModelFile::from_bytes("m", loader::Bytes::new(parrot::file()), &[]).unwrap();
    assert_eq!(seen.architecture(), whole.architecture());
    let shapes = |file: &ModelFile| {
        let of = |(name, it): (&String, &loader::FileTensor)| (name.clone(), it.shape.clone());
        file.tensors.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(shapes(&seen), shapes(&whole));
    let is_zero = |it: &loader::FileTensor| it.parts.iter().all(|it| it.iter().all(|&b| b == 0));
    assert!(seen.tensors.values().all(is_zero), "weights were fetched, too");
    // As much as was asked for first is not enough.
    let ranges = ranges(&scene);
    let few = ranges.iter().flatten().filter(|it| it.len() <= "bytes=0-65535".len());
    let few: Vec<&str> = few.map(String::as_str).collect();
    assert!(few.len() > 1 && few.len() == ranges.len(), "{ranges:?}");
    assert_eq!(few[..2], ["bytes=0-4095", "bytes=0-16383"]);
}

#[test]
fn a_header_comes_from_whoever_does_not_send_parts() {
    let scene = Scene::new();
    scene.fake.add(NAME, Repository::new([("m-F32.gguf", parrot::file())]));
    scene.fake.trouble("signature", usize::MAX, Trouble::NoRange);
    let (_folder, path) = headers(&scene).unwrap();
    assert!(ModelFile::open(&path, &[]).is_ok());
    assert_eq!(ranges(&scene), [Some("bytes=0-4095".to_owned()), None]);
}

/// An answer that ends before what was asked for is not taken for a header that goes on.
#[test]
fn a_header_that_is_cut_is_asked_for_again() {
    let scene = Scene::new();
    let file = [&64_u64.to_le_bytes()[..], &[b' '; 64][..], &noise(5, 9000)[..]].concat();
    let files = [("config.json", b"{}".to_vec()), ("model.safetensors", file)];
    scene.fake.add(NAME, Repository::new(files));
    scene.fake.trouble("signature", 2, Trouble::Short(70));
    assert!(headers(&scene).is_ok());
    assert_eq!(ranges(&scene), vec![Some("bytes=0-4095".to_owned()); 3]);
}

/// They come before anybody has said that the model is wanted.
#[test]
fn headers_of_many_files_have_an_end_together() {
    let shard = || [&64_u64.to_le_bytes()[..], &[b' '; 64][..], &noise(5, 900)[..]].concat();
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let index = json!({ "weight_map": { "a": names[0], "b": names[1] } }).to_string();
    let shards = Repository::new([
        ("config.json", b"{}".to_vec()),
        (names[0], shard()),
        (names[1], shard()),
        ("model.safetensors.index.json", index.into_bytes()),
    ]);
    let whole = Repository::new([("m-F32.gguf", parrot::file())]);
    for (repository, most, is_enough) in [
        (&shards, 10_000, true),
        (&shards, 71, false),
        (&shards, 2 * 72 - 1, false),
        (&whole, 1 << 20, true),
        (&whole, 5000, false),
        (&whole, 100, false),
    ] {
        let mut scene = Scene::new();
        scene.headers = most;
        scene.fake.add(NAME, repository.clone());
        match headers(&scene) {
            Ok(_) => assert!(is_enough, "{most}"),
            Err(error) => {
                let expected = format!("has more than {most} bytes");
                let told = error.to_string();
                assert!(!is_enough && told.ends_with(&expected), "{most}: {told}");
                assert!(told.starts_with("the sum of a model's headers of `"), "{told}");
            }
        }
    }
}
