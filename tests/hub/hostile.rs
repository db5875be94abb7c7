//! A hub, a mirror or a proxy that means harm: nothing is written outside of the library, and nothing
//! that is wrong becomes visible in it.

use serde_json::json;
use store::digest::Sha256Hex;

use crate::{
    around::Around,
    fake::{COMMIT, Repository, trouble::Trouble},
    scene::{NAME, Scene, model, noise, told},
};

/// Names that leave a folder, or that systems read differently; `[OUTER]` is the folder around all.
const NAMES: &[&str] = &[
    "../evil-Q4_K_M.gguf",
    "../../../../../evil-Q4_K_M.gguf",
    "a/../../evil-Q4_K_M.gguf",
    "[OUTER]/evil-Q4_K_M.gguf",
    "C:evil-Q4_K_M.gguf",
    "C:\\evil-Q4_K_M.gguf",
    "\\\\host\\share\\evil-Q4_K_M.gguf",
    "..\\evil-Q4_K_M.gguf",
    "evil\u{0}-Q4_K_M.gguf",
    "evil\n-Q4_K_M.gguf",
    "CON.gguf",
    "nul.Q4_K_M.gguf",
    "e\u{301}vil-Q4_K_M.gguf",
    "a//evil-Q4_K_M.gguf",
    "./evil-Q4_K_M.gguf",
    "evil-Q4_K_M.gguf.",
    ".. /evil-Q4_K_M.gguf",
];

/// Values of headers that become parts of a path elsewhere.
const VALUES: &[&str] = &[
    "../../../../evil",
    "[OUTER]/evil",
    "C:\\evil",
    "",
    "..",
    "0123456789abcdef0123456789abcdef01234568",
    "0123456789ABCDEF0123456789ABCDEF01234567",
    "\"../../evil\"",
];

/// `hostile` with the folder around the scene.
fn aimed(scene: &Scene, hostile: &str) -> String {
    hostile.replace("[OUTER]", &scene.folder.path().display().to_string())
}

/// The pull fails, and nothing is there that was not, nor changed or gone.
#[track_caller]
fn refused(scene: &Scene, what: &str) -> String {
    refused_of(scene, Some("Q4_K_M"), what)
}

#[track_caller]
fn refused_of(scene: &Scene, wanted: Option<&str>, what: &str) -> String {
    let around = Around::of(scene);
    let error = scene.pull(wanted).err();
    let error = error.unwrap_or_else(|| panic!("{what} was accepted"));
    around.assert_untouched(scene, what);
    assert!(!scene.models().join("org").exists(), "{what}: a model is there");
    told(&error)
}

#[test]
fn f1_headers_are_no_paths() {
    let (mut told, mut ignored) = (0, 0);
    for value in VALUES {
        for name in ["x-repo-commit", "x-linked-etag", "x-linked-size"] {
            let scene = Scene::deep();
            let header = Trouble::Header(name, aimed(&scene, value));
            scene.fake.trouble("/resolve/", usize::MAX, header);
            refused(&scene, &format!("{name}: {value}"));
            told += 1;
        }
        // The tag of a small file and of the store are looked at by nobody.
        let scene = Scene::deep();
        scene.fake.trouble("", usize::MAX, Trouble::Header("etag", aimed(&scene, value)));
        let around = Around::of(&scene);
        let entry = scene.pull(None).unwrap();
        scene.assert_whole(&entry, &model());
        around.assert_untouched(&scene, value);
        ignored += 1;
    }
    say(&format!("hostile headers: {told} refused, {ignored} that nobody reads"));
}

#[test]
fn f1_a_commit_of_the_api_is_no_path() {
    for value in VALUES {
        let scene = Scene::deep();
        let body = json!({ "sha": aimed(&scene, value) }).to_string();
        scene.fake.trouble("/revision/", usize::MAX, Trouble::Body(body));
        refused(&scene, value);
    }
}

#[test]
fn f2_names_of_the_tree_are_no_paths() {
    for name in NAMES {
        let scene = Scene::deep();
        scene.fake.add(NAME, Repository::new([(aimed(&scene, name), noise(9, 5000))]));
        refused(&scene, name);
        assert!(scene.fake.seen().iter().all(|it| !it.path.contains("/resolve/")), "{name}");
    }
    say(&format!("hostile names tried: {}", 2 * NAMES.len()));
}

#[test]
fn f2_names_of_an_index_are_no_paths() {
    for name in NAMES {
        let scene = Scene::deep();
        let name = aimed(&scene, name).replace(".gguf", ".safetensors");
        let index = json!({ "weight_map": { "w": name } }).to_string();
        let files =
            [("config.json", b"{}".to_vec()), ("model.safetensors.index.json", index.into_bytes())];
        scene.fake.add(NAME, Repository::new(files));
        let text = refused_of(&scene, None, &name);
        assert!(text.contains("cannot be stored"), "{text}");
    }
}

#[test]
fn a_digest_that_is_none() {
    for value in VALUES {
        let scene = Scene::deep();
        let value = aimed(&scene, value);
        let node = json!([{ "type": "file", "path": "m-Q4_K_M.gguf", "size": 1, "oid": COMMIT,
                            "lfs": { "oid": value, "size": 25_000 } }]);
        scene.fake.trouble("/tree/", usize::MAX, Trouble::Body(node.to_string()));
        refused(&scene, &value);
    }
}

#[test]
fn a_list_of_files_has_an_end() {
    let scene = Scene::new();
    let node =
        |n: usize| json!({ "type": "file", "path": n.to_string(), "size": 1, "oid": COMMIT });
    let nodes: Vec<_> = (0..=50_000).map(node).collect();
    scene.fake.trouble("/tree/", usize::MAX, Trouble::Body(json!(nodes).to_string()));
    let text = refused(&scene, "50,001 files");
    assert!(text.ends_with("has more than 50000 files"), "{text}");
}

#[test]
fn a_size_that_no_disk_has_is_not_made() {
    for (size, why) in [(1 << 46, "bytes of room, the model needs"), (u64::MAX, "has more than")] {
        let scene = Scene::new();
        scene.fake.add(NAME, Repository::new([("m-Q4_K_M.gguf", noise(9, 5000))]));
        let node = json!([{ "type": "file", "path": "m-Q4_K_M.gguf", "size": 1, "oid": COMMIT,
                            "lfs": { "oid": Sha256Hex::of(b"x"), "size": size } }]);
        scene.fake.trouble("/tree/", usize::MAX, Trouble::Body(node.to_string()));
        let text = refused(&scene, &size.to_string());
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn f3_a_wrong_body_is_not_kept() {
    for path in ["signature", "/resolve/"] {
        let scene = Scene::new();
        // What is small comes from the hub itself.
        let name = if path == "signature" { path } else { "LICENSE" };
        scene.fake.trouble(name, usize::MAX, Trouble::Wrong);
        let text = refused(&scene, path);
        assert!(text.contains("the hub says"), "{text}");
        let partial = scene.folder.path().join("models/.partial/org/model/Q4_K_M");
        let wrong = if path == "signature" { "m-Q4_K_M.gguf" } else { "LICENSE" };
        assert!(!partial.join(wrong).exists());
    }
}

#[test]
fn f3_a_short_body_is_an_error() {
    for (path, trouble) in [
        ("signature", Trouble::Cut(0)),
        ("signature", Trouble::Short(0)),
        ("signature", Trouble::Unannounced(0)),
        ("LICENSE", Trouble::Cut(5)),
        ("LICENSE", Trouble::Short(5)),
        ("LICENSE", Trouble::Unannounced(0)),
    ] {
        let scene = Scene::new();
        scene.fake.trouble(path, usize::MAX, trouble.clone());
        refused(&scene, &format!("{trouble:?} of {path}"));
    }
}

/// What an index says is done before anything else of the model is here.
#[test]
fn f3_an_index_is_held_against_its_digest() {
    let shard = "model-00001-of-00001.safetensors";
    let index = json!({ "weight_map": { "w": shard } }).to_string();
    let repository = Repository::new([
        ("config.json", b"{}".to_vec()),
        (shard, noise(9, 5000)),
        ("model.safetensors.index.json", index.into_bytes()),
    ]);
    for (trouble, why) in [
        (Trouble::Wrong, "git sha1 of `model.safetensors.index.json` is "),
        (Trouble::Unannounced(20), "sent `model.safetensors.index.json` up to byte 20, expected "),
    ] {
        let scene = Scene::new();
        scene.fake.add(NAME, repository.clone());
        scene.fake.trouble("index.json", usize::MAX, trouble);
        let text = refused_of(&scene, None, why);
        assert!(text.contains(why), "{text}");
        let seen = scene.fake.seen();
        assert!(seen.iter().all(|it| it.at == "hub" && !it.path.contains("00001")), "{seen:?}");
    }
    // What ends too early may be whole the next time.
    let scene = Scene::new();
    scene.fake.add(NAME, repository.clone());
    scene.fake.trouble("index.json", 1, Trouble::Unannounced(20));
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &repository);
}

#[test]
fn ranges_that_are_others() {
    for range in ["bytes 0-4095/9", "bytes 1-4096/25000", "bytes 0-0/25000", "x", ""] {
        let scene = Scene::new();
        scene.fake.trouble("signature", usize::MAX, Trouble::Header("content-range", range.into()));
        refused(&scene, range);
    }
    let scene = Scene::new();
    scene.fake.trouble("signature", usize::MAX, Trouble::NoRange);
    let text = refused(&scene, "no ranges");
    assert!(text.contains("does not send parts of files"), "{text}");
}

#[test]
fn redirects_that_lead_nowhere() {
    for to in ["file:///etc/passwd", "ftp://127.0.0.1/x", "//evil", "", "http://u:p@127.0.0.1/"] {
        let scene = Scene::new();
        scene.fake.trouble("/resolve/", usize::MAX, Trouble::Redirect(to.to_owned()));
        let text = refused(&scene, to);
        assert!(text.contains("sends us to"), "{text}");
    }
    let scene = Scene::new();
    scene.fake.trouble("/", usize::MAX, Trouble::Redirect(format!("{}/again", scene.fake.hub)));
    assert!(refused(&scene, "a loop").contains("one redirect too many"));
}

#[test]
fn answers_that_are_none() {
    for body in ["", "{}", "[]", "null", "<html>", "{\"sha\": 7}", &"[".repeat(100_000)] {
        let scene = Scene::new();
        scene.fake.trouble("/revision/", usize::MAX, Trouble::Body(body.to_owned()));
        refused(&scene, &body[..body.len().min(20)]);
        let scene = Scene::new();
        scene.fake.trouble("/tree/", usize::MAX, Trouble::Body(body.to_owned()));
        refused(&scene, &body[..body.len().min(20)]);
    }
}

/// Whoever has a file of ours under the name of a part of the model cannot have it overwritten.
#[cfg(unix)]
#[test]
fn t17_a_link_that_was_laid_is_not_followed() {
    let scene = Scene::new();
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    std::fs::write(&victim, "kept").unwrap();
    let place = scene.folder.path().join("models/.partial/org/model/Q4_K_M");
    std::fs::create_dir_all(&place).unwrap();
    for name in ["m-Q4_K_M.gguf", "LICENSE.parts"] {
        let link = place.join(name);
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(scene.pull(None).is_err(), "{name}");
        assert_eq!(std::fs::read(&victim).unwrap(), b"kept", "{name}");
        std::fs::remove_file(link).unwrap();
    }
}

fn say(what: &str) {
    #[expect(clippy::print_stdout, reason = "figures for the README of the tests")]
    {
        println!("{what}");
    }
}
