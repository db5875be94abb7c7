//! A model that was damaged since it came: what is damaged comes again, and nothing else.

use std::fs;

use ingle_tests::parrot;
use serde_json::json;
use store::digest::Sha256Hex;

use crate::{
    fake::Repository,
    scene::{NAME, noise},
    stage::Stage,
};

/// What is damaged is not what the hub has.
#[test]
fn a_damaged_model_is_fetched_again() {
    let stage = Stage::new();
    stage.run(&["pull", NAME]);
    let folder = stage.place.path().join("ingle-home/models/org/model/Q4_K_M");
    let file = folder.join("m-Q4_K_M.gguf");
    let mut bytes = parrot::file();
    bytes[1000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let told = stage.run(&["pull", NAME]);
    assert!(told.contains("m-Q4_K_M.gguf` has the SHA-256 "), "{told}");
    assert!(told.contains("; fetching it anew\n"), "{told}");
    assert!(told.contains("\n17 B of 786.2 KiB are here already\n"), "{told}");
    assert!(fs::read(&file).unwrap() == parrot::file());
    let mark = folder.join("verified.json");
    assert!(!mark.exists());
    let told = stage.run(&["pull", NAME]);
    assert!(told.contains("is what the hub has now: nothing to fetch"), "{told}");
    assert!(mark.exists());
}

/// The rest is what is here, under a second name until the damaged model is gone.
#[test]
fn of_a_damaged_model_only_the_damage_is_fetched() {
    let stage = Stage::new();
    stage.run(&["pull", NAME]);
    let folder = stage.place.path().join("ingle-home/models/org/model/Q4_K_M");
    #[cfg(unix)]
    let inode = || {
        use std::os::unix::fs::MetadataExt;
        folder.join("m-Q4_K_M.gguf").metadata().unwrap().ino()
    };
    #[cfg(unix)]
    let before = inode();
    let licence = folder.join("LICENSE");
    fs::remove_file(&licence).unwrap();
    stage.fake.seen();
    let told = stage.run(&["pull", NAME]);
    assert!(told.contains("/LICENSE` is missing; fetching it anew\n"), "{told}");
    assert!(told.contains("\n786.2 KiB of 786.2 KiB are here already\n"), "{told}");
    let seen = stage.fake.seen();
    let asked = |text: &str| seen.iter().filter(|it| it.path.contains(text)).count();
    // Of the weights, their header, to look at.
    assert_eq!((asked("/LICENSE"), asked("signature")), (1, 1));
    assert_eq!(fs::read(&licence).unwrap(), b"do what you like\n");
    assert!(stage.run(&["verify", "--all"]).starts_with("exit 0"));
    #[cfg(unix)]
    assert_eq!(inode(), before);
}

/// Whoever packs a bundle can write any commit into it.
#[test]
fn what_a_bundle_says_of_small_files_is_held_against_the_hub() {
    const ALTERED: &[u8] = b"pay what we like\n";
    let stage = Stage::new();
    stage.run(&["pull", NAME]);
    let folder = stage.place.path().join("ingle-home/models/org/model/Q4_K_M");
    let [licence, manifest] = ["LICENSE", "manifest.json"].map(|it| folder.join(it));
    let own = fs::read(&licence).unwrap();
    fs::write(&licence, ALTERED).unwrap();
    let [was, is] = [&own[..], ALTERED].map(|it| Sha256Hex::of(it).to_string());
    let told = fs::read_to_string(&manifest).unwrap();
    assert!(told.contains(&was), "{told}");
    fs::write(&manifest, told.replace(&was, &is)).unwrap();
    for command in
        [&["export", NAME, "-o", "m.ingle"][..], &["rm", "-y", NAME], &["import", "m.ingle"]]
    {
        let told = stage.run(command);
        assert!(told.starts_with("exit 0"), "{told}");
    }
    assert!(fs::read(&licence).unwrap() == ALTERED);
    let told = stage.run(&["pull", NAME]);
    for part in [
        "/LICENSE` is not what the hub has\n",
        "warning: it replaces the `org/model:Q4_K_M` that is here, from a bundle; before, ",
        "error: nothing was fetched\n",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let told = stage.run(&["pull", NAME, "-y"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(fs::read(&licence).unwrap() == own);
}

/// The weights of a folder of safetensors.
const SHARDS: [&str; 3] = [
    "model-00001-of-00003.safetensors",
    "model-00002-of-00003.safetensors",
    "model-00003-of-00003.safetensors",
];

/// With headers that can be read, and nothing that could be run.
fn shards() -> [Vec<u8>; 3] {
    [1, 2, 3].map(|seed| [&2_u64.to_le_bytes()[..], b"{}", &noise(seed, 5000)].concat())
}

#[test]
fn of_several_files_the_damaged_and_the_missing_come_again() {
    const NAME_HERE: &str = "org/model:safetensors";
    let stage = Stage::new();
    let index = json!({ "weight_map": { "a": SHARDS[0], "b": SHARDS[1], "c": SHARDS[2] } });
    let beside = [
        ("config.json", b"{}".to_vec()),
        ("model.safetensors.index.json", index.to_string().into_bytes()),
    ];
    let files = beside.into_iter().chain(SHARDS.into_iter().zip(shards()));
    stage.fake.add(NAME, Repository::new(files));
    let pull = ["pull", NAME_HERE, "-y"];
    let told = stage.run(&pull);
    assert!(told.starts_with("exit 0"), "{told}");
    let folder = stage.place.path().join("ingle-home/models/org/model/safetensors");
    let paths = SHARDS.map(|it| folder.join(it));
    #[cfg(unix)]
    let inode = || {
        use std::os::unix::fs::MetadataExt;
        paths[0].metadata().unwrap().ino()
    };
    #[cfg(unix)]
    let before = inode();
    let [_, mut damaged, _] = shards();
    damaged[4000] ^= 1;
    fs::write(&paths[1], damaged).unwrap();
    fs::remove_file(&paths[2]).unwrap();
    let told = stage.run(&["verify", NAME_HERE]);
    let hint = format!("hint: `ingle pull {NAME_HERE}` fetches only what is damaged\n");
    assert!(told.starts_with("exit 1") && told.ends_with(&hint), "{told}");

    stage.fake.seen();
    let told = stage.run(&pull);
    assert!(told.starts_with("exit 0"), "{told}");
    assert_eq!(told.matches("; fetching it anew\n").count(), 2, "{told}");
    let seen = stage.fake.seen();
    let asked = |bytes: Vec<u8>| {
        let digest = Sha256Hex::of(&bytes).to_string();
        seen.iter().filter(|it| it.at == "store" && it.path.contains(&digest)).count()
    };
    // Of each, the header to look at; of two, all of it.
    assert_eq!(shards().map(asked), [1, 2, 2]);
    for (path, bytes) in paths.iter().zip(shards()) {
        assert!(fs::read(path).unwrap() == bytes, "{}", path.display());
    }
    assert!(stage.run(&["verify", NAME_HERE]).starts_with("exit 0"));
    #[cfg(unix)]
    assert_eq!(inode(), before);
}
