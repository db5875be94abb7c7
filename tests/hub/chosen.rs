//! Which files are fetched, and what is seen of a model before that.

use hub::Revision;
use ingle_tests::parrot;
use loader::ModelFile;
use serde_json::json;

use crate::{
    fake::Repository,
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

#[test]
fn a_header_is_all_that_is_fetched_of_a_model_to_look_at() {
    let scene = Scene::new();
    scene.fake.add(NAME, Repository::new([("m-F32.gguf", parrot::file())]));
    let hub = scene.hub().unwrap();
    let repository = NAME.parse().unwrap();
    let snapshot = hub.look(&repository, &Revision::default(), &scene.watch).unwrap();
    let choice = hub.choose(&snapshot, None, &scene.watch).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = hub.headers(&snapshot, &choice, folder.path(), &scene.watch).unwrap();
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
    for (repository, headers, is_enough) in [
        (&shards, 10_000, true),
        (&shards, 71, false),
        (&shards, 2 * 72 - 1, false),
        (&whole, 1 << 20, true),
        (&whole, 100, false),
    ] {
        let mut scene = Scene::new();
        scene.headers = headers;
        scene.fake.add(NAME, repository.clone());
        let hub = scene.hub().unwrap();
        let repository = NAME.parse().unwrap();
        let snapshot = hub.look(&repository, &Revision::default(), &scene.watch).unwrap();
        let choice = hub.choose(&snapshot, None, &scene.watch).unwrap();
        let folder = tempfile::tempdir().unwrap();
        match hub.headers(&snapshot, &choice, folder.path(), &scene.watch) {
            Ok(_) => assert!(is_enough, "{headers}"),
            Err(error) => {
                let expected = format!("has more than {headers} bytes");
                let told = error.to_string();
                assert!(!is_enough && told.ends_with(&expected), "{headers}: {told}");
                assert!(told.starts_with("the sum of a model's headers of `"), "{told}");
            }
        }
    }
}
