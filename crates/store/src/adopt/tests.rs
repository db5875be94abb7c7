//! Each program's layout, built in a temporary folder: what is found in it, and used in place.

use std::{fs, ops::ControlFlow};

use loader::{Value, gguf::Writer};

use super::*;
use crate::disk::Disk;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Folders of other programs, and a library.
struct Place {
    dir: tempfile::TempDir,
    places: Places,
    library: Library,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| vec![dir.path().join(name)];
    let places = Places {
        ollama: at("ollama"),
        lm_studio: at("studio"),
        llama_cpp: at("llama.cpp"),
        hugging_face: at("hub"),
    };
    let library = Library::at(dir.path().join("models"), Disk::default());
    Place { dir, places, library }
}

impl Place {
    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A blob of Ollama; its layer.
    fn layer(&self, kind: &str, bytes: &[u8]) -> serde_json::Value {
        let digest = Sha256Hex::of(bytes);
        self.write(&format!("ollama/blobs/sha256-{digest}"), bytes);
        let kind = format!("application/vnd.ollama.image.{kind}");
        serde_json::json!({"mediaType": kind, "digest": format!("sha256:{digest}"), "size": bytes.len()})
    }

    fn manifest(&self, path: &str, layers: &[serde_json::Value]) {
        let manifest = serde_json::json!({"schemaVersion": 2, "layers": layers}).to_string();
        self.write(&format!("ollama/manifests/{path}"), manifest);
    }

    /// A file of a snapshot of the hub's cache, as a link to a blob.
    #[cfg(unix)]
    fn cached(&self, repository: &str, path: &str, bytes: &[u8]) {
        let digest = Sha256Hex::of(bytes);
        self.write(&format!("hub/{repository}/blobs/{digest}"), bytes);
        self.write(&format!("hub/{repository}/refs/main"), COMMIT);
        let snapshot = self.dir.path().join(format!("hub/{repository}/snapshots/{COMMIT}"));
        fs::create_dir_all(&snapshot).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{digest}"), snapshot.join(path)).unwrap();
    }

    fn survey(&self) -> Survey {
        survey(&self.places)
    }

    /// `name program size`, and what was passed over.
    fn told(&self) -> Vec<String> {
        let Survey { candidates, passed } = self.survey();
        let found = candidates.iter().map(|it| format!("{} {} {}", it.name, it.program, it.size()));
        let passed = passed.iter().map(|it| {
            let path = it.path.strip_prefix(self.dir.path()).unwrap();
            format!("! {}: {}", path.display(), it.why)
        });
        found.chain(passed).collect()
    }

    fn adopt(&self, name: &str) -> Result<Entry, Error> {
        let all = self.survey().candidates;
        let one = all.iter().find(|it| it.name.to_string() == name).expect("it was found");
        let adopted = one.adopt(&self.library, "2026-11-29T12:00:00Z", &on);
        assert!(adopted.as_ref().map_or(true, |it| one.is(it)));
        adopted
    }
}

fn on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn gguf(architecture: &str) -> Vec<u8> {
    let mut file = Writer::new();
    file.set("general.architecture", Value::String(architecture.to_owned()));
    file.to_bytes()
}

/// Or a policy would judge it at its load without what it was judged by when it came.
#[test]
fn what_the_catalogue_says_of_a_repository_is_kept() {
    let place = place();
    let listed = crate::catalogue::all().into_iter().find(|it| !it.gguf.is_empty()).unwrap();
    let repository = &listed.gguf[0];
    place.write(&format!("studio/{repository}/m-Q4_K_M.gguf"), gguf("llama"));
    let adopted = place.adopt(&format!("{repository}:Q4_K_M")).unwrap();
    let facts = &adopted.manifest.facts;
    assert_eq!(facts.country, listed.country);
    assert_eq!(facts.country_claim, listed.country_claim);
    assert_eq!(facts.licence.as_ref(), Some(&listed.licence));
    assert_eq!(facts.format.as_deref(), Some("Q4_K_M"));
    let subject = crate::policy::Subject::of_manifest(&adopted.manifest);
    assert_eq!(subject.publisher, None, "a folder may be called anything");
}

#[test]
fn ollama_keeps_manifests_and_blobs() {
    let place = place();
    let model = gguf("llama");
    let [weights, licence, template, parameters] = [
        place.layer("model", &model),
        place.layer("license", b"free"),
        place.layer("template", b"{{ .Prompt }}"),
        place.layer("params", br#"{"stop": ["x"]}"#),
    ];
    let layers = [weights.clone(), licence, template, parameters];
    place.manifest("registry.ollama.ai/library/llama3.2/3b", &layers);
    let alone = std::slice::from_ref(&weights);
    place.manifest("registry.ollama.ai/someone/mine/latest", alone);
    place.manifest("hf.co/org/repo/Q4_K_M", alone);
    place.manifest(
        "registry.ollama.ai/library/tuned/1b",
        &[weights.clone(), place.layer("adapter", b"x")],
    );
    place.manifest("registry.ollama.ai/library/mlx/1b", &[place.layer("tensor", b"x")]);
    place.manifest("registry.ollama.ai/library/broken/1b", &[]);
    let n = model.len();
    assert_eq!(
        place.told(),
        [
            format!("llama3.2:3b ollama {}", n + 4),
            format!("org/repo:Q4_K_M ollama {n}"),
            format!("someone/mine:latest ollama {n}"),
            "! ollama/manifests/registry.ollama.ai/library/broken/1b: its weights are not one GGUF \
             file"
                .to_owned(),
            "! ollama/manifests/registry.ollama.ai/library/mlx/1b: its weights are not one GGUF file"
                .to_owned(),
            "! ollama/manifests/registry.ollama.ai/library/tuned/1b: it is an adapter over a model; \
             `--lora` takes one"
                .to_owned(),
        ]
    );
    let adopted = place.adopt("llama3.2:3b").unwrap();
    // In place, and never copied: our folder holds what we wrote.
    assert_eq!(adopted.files(), place.dir.path().join("ollama/blobs"));
    assert_eq!(fs::read_dir(&adopted.folder).unwrap().count(), 2);
    assert_eq!(adopted.manifest.facts.architecture.as_deref(), Some("llama"));
    assert!(adopted.verified().is_some() && adopted.verify(&on).unwrap().is_empty());
    // A blob has no extension; what it is, it says itself.
    let file = adopted.open(Access::Map, |_| Vec::new()).unwrap();
    assert_eq!(file.architecture(), "llama");
    let foreign = foreign(&adopted).unwrap();
    assert_eq!(foreign.template.as_deref(), Some("{{ .Prompt }}"));
    assert_eq!(foreign.parameters.as_deref(), Some(r#"{"stop": ["x"]}"#));
    assert_eq!(foreign.system, None);
    // Removing it forgets it, and leaves Ollama's files alone.
    assert!(place.library.remove(adopted.name()).unwrap());
    assert!(adopted.to_open().is_file());
}

#[test]
fn a_digest_of_a_manifest_cannot_be_a_path() {
    let place = place();
    let kind = "application/vnd.ollama.image.model";
    let layer = serde_json::json!({"mediaType": kind, "digest": "sha256:../../../x", "size": 1});
    place.manifest("registry.ollama.ai/library/evil/1b", &[layer]);
    let told = place.told();
    assert!(told[0].ends_with("is no SHA-256, expected 64 of 0-9 a-f"), "{told:?}");
}

#[test]
fn what_is_not_what_its_name_promises_is_not_adopted() {
    let place = place();
    let model = gguf("llama");
    place.manifest("registry.ollama.ai/library/m/1b", &[place.layer("model", &model)]);
    let blob = format!("ollama/blobs/sha256-{}", Sha256Hex::of(&model));
    place.write(&blob, gguf("gemma"));
    let error = place.adopt("m:1b").unwrap_err();
    assert!(matches!(error, Error::Damaged { program: Program::Ollama, .. }), "{error}");
    assert_eq!(error.hint().as_deref(), Some("get it again with ollama"));
    place.write(&blob, "");
    assert!(place.told()[0].contains("0 bytes, expected"), "{:?}", place.told());
    assert!(place.library.entries().unwrap().is_empty());
}

#[test]
fn lm_studio_keeps_folders() {
    let place = place();
    let model = gguf("llama");
    place.write("studio/org/Repo-GGUF/Repo-Q4_K_M.gguf", &model);
    place.write("studio/org/Repo-GGUF/mmproj-model-f16.gguf", "x");
    place.write("studio/org/Repo-GGUF/big-Q8_0-00001-of-00002.gguf", "x");
    place.write("studio/org/mlx/config.json", "{}");
    place.write("studio/org/mlx/model.safetensors", "x");
    assert_eq!(
        place.told(),
        [
            format!("org/Repo-GGUF:Q4_K_M lm-studio {}", model.len()),
            "org/mlx:safetensors lm-studio 3".to_owned(),
            "! studio/org/Repo-GGUF/big-Q8_0: 1 of its 2 files are there".to_owned(),
        ]
    );
    let adopted = place.adopt("org/Repo-GGUF:Q4_K_M").unwrap();
    assert_eq!(adopted.manifest.facts.format.as_deref(), Some("Q4_K_M"));
    assert!(matches!(
        place.adopt("org/Repo-GGUF:Q4_K_M"),
        Err(Error::Library(library::Error::Exists { .. }))
    ));
    // What the loader refuses does not become a model.
    let error = place.adopt("org/mlx:safetensors").unwrap_err();
    assert!(matches!(error, Error::Library(library::Error::Load { .. })), "{error}");
    assert_eq!(place.library.entries().unwrap().len(), 1);
    assert!(place.library.unfinished().unwrap().is_empty());
}

/// Nor is what the library would write itself.
#[cfg(unix)]
#[test]
fn t17_a_link_beside_a_model_is_no_part_of_it() {
    let place = place();
    let key = place.write("key", "a private key");
    place.write("studio/org/m/config.json", "{}");
    place.write("studio/org/m/model.safetensors", "x");
    place.write("studio/org/m/manifest.json", "{}");
    let link = place.dir.path().join("studio/org/m/README.md");
    std::os::unix::fs::symlink(key, link).unwrap();
    let passed = "! studio/org/m/README.md: it is a link that leads out of the folder";
    assert_eq!(place.told(), ["org/m:safetensors lm-studio 3", passed]);
}

/// A pull of the same name was interrupted: it goes on if the other program's files are none.
#[test]
fn an_unfinished_model_does_not_hinder_and_is_not_lost_by_a_failure() {
    let place = place();
    place.write("studio/org/Repo-GGUF/Repo-Q4_K_M.gguf", "no model");
    let name = "org/Repo-GGUF:Q4_K_M".parse().unwrap();
    let staging = place.library.stage(&name).unwrap();
    fs::write(staging.folder().join("Repo-Q4_K_M.gguf"), "ab").unwrap();
    drop(staging);
    place.adopt("org/Repo-GGUF:Q4_K_M").unwrap_err();
    assert_eq!(place.library.unfinished().unwrap(), [(name, 2)]);
    place.write("studio/org/Repo-GGUF/Repo-Q4_K_M.gguf", gguf("llama"));
    let adopted = place.adopt("org/Repo-GGUF:Q4_K_M").unwrap();
    assert!(adopted.verify(&on).unwrap().is_empty());
    assert!(place.library.unfinished().unwrap().is_empty());
}

#[test]
fn llama_cpp_keeps_everything_in_one_folder() {
    let place = place();
    place.write("llama.cpp/manifest=ggml-org=gemma-3-1b-it-GGUF=latest.json", "{}");
    place.write("llama.cpp/ggml-org_gemma-3-1b-it-GGUF_gemma-3-1b-it-Q4_K_M.gguf", "x");
    place.write("llama.cpp/tiny-q8_0-00001-of-00002.gguf", "x");
    place.write("llama.cpp/tiny-q8_0-00002-of-00002.gguf", "yy");
    place.write("llama.cpp/tiny-q8_0-00001-of-00002.gguf.json", "{}");
    assert_eq!(
        place.told(),
        ["ggml-org/gemma-3-1b-it-GGUF:Q4_K_M llama.cpp 1", "tiny-q8_0:q8_0 llama.cpp 3"]
    );
}

#[cfg(unix)]
#[test]
fn the_hub_keeps_links_to_blobs() {
    let place = place();
    let small = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden/small/families/llama");
    for name in ["config.json", "model.safetensors"] {
        place.cached("models--org--small", name, &fs::read(small.join(name)).unwrap());
    }
    place.cached("models--org--small", "pytorch_model.bin", b"pickle");
    place.cached("models--gpt2", "gpt2.Q8_0.gguf", &gguf("gpt2"));
    place.write("hub/datasets--a--b/refs/main", COMMIT);
    let size = |it: &str| fs::metadata(small.join(it)).unwrap().len();
    let n = size("config.json") + size("model.safetensors");
    assert_eq!(
        place.told(),
        [
            format!("gpt2:Q8_0 hugging-face {}", gguf("gpt2").len()),
            format!("org/small:safetensors hugging-face {n}"),
        ]
    );
    let adopted = place.adopt("org/small:safetensors").unwrap();
    assert!(adopted.verify(&on).unwrap().is_empty());
    let file = adopted.open(Access::Map, |_| Vec::new()).unwrap();
    assert_eq!(file.architecture(), "llama");
    assert_eq!(adopted.manifest.facts.format.as_deref(), Some("BF16"));
    let program = "hugging-face".to_owned();
    let called = format!("org/small@{COMMIT}");
    assert_eq!(adopted.manifest.origin, Origin::Adopted { program, called });
}

/// Another user's cache may hold links to anything.
#[cfg(unix)]
#[test]
fn t17_a_link_that_leads_out_of_the_cache_is_not_followed() {
    let place = place();
    place.cached("models--org--m", "m.Q8_0.gguf", &gguf("llama"));
    let outside = place.write("secret.gguf", gguf("llama"));
    let link = place.dir.path().join(format!("hub/models--org--m/snapshots/{COMMIT}/s.Q4_0.gguf"));
    std::os::unix::fs::symlink(outside, link).unwrap();
    let told = place.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].ends_with("it is a link that leads out of the cache"), "{told:?}");
}

#[test]
fn two_programs_with_one_name_are_two_models() {
    let place = place();
    let model = gguf("llama");
    place.write("studio/org/repo/repo-Q4_K_M.gguf", &model);
    place.manifest("hf.co/org/repo/Q4_K_M", &[place.layer("model", &model)]);
    let n = model.len();
    assert_eq!(
        place.told(),
        [format!("org/repo:Q4_K_M ollama {n}"), format!("org/repo:Q4_K_M-lm-studio lm-studio {n}")]
    );
}

#[test]
fn a_model_that_no_name_is_left_for_is_told() {
    let place = place();
    for folder in ["org/repo", "Org/repo", "org/Repo"] {
        place.write(&format!("studio/{folder}/repo-Q4_K_M.gguf"), gguf("llama"));
    }
    let told = place.told();
    let passed = told.iter().filter(|it| it.starts_with("! "));
    // On a disk that ignores case, they are one.
    assert_eq!(passed.count(), fs::read_dir(place.dir.path().join("studio")).unwrap().count() - 1);
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_no_unicode_is_told() {
    use std::os::unix::ffi::OsStrExt;
    let mut place = place();
    let root = place.dir.path().join(std::ffi::OsStr::from_bytes(b"st\xffudio"));
    if fs::create_dir_all(root.join("org/repo")).is_err() {
        return; // Some systems take no such names.
    }
    fs::write(root.join("org/repo/repo-Q4_K_M.gguf"), gguf("llama")).unwrap();
    place.places.lm_studio = vec![root];
    let told = place.told();
    assert!(told.len() == 1 && told[0].ends_with("its path is no Unicode"), "{told:?}");
}

#[test]
fn where_nothing_is_nothing_is_found() {
    assert!(place().told().is_empty());
}
