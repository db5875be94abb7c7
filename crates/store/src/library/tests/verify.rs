//! Every way in which files can differ from their manifest is found and named.

use std::{ops::ControlFlow, path::Path};

use loader::Access;

use super::*;

const FILES: &[(&str, &[u8])] =
    &[("m.gguf", &[7; 5000]), ("LICENSE", b"free"), ("a/b.json", b"{}")];

/// What `verify` says after `change` was made in the model's folder.
#[track_caller]
fn check(change: impl FnOnce(&Path), expected: &[&str]) {
    let Place { library, .. } = &place();
    let made = make(library, "m", FILES).unwrap();
    change(&made.folder);
    let folder = made.folder.display().to_string();
    let faults = made.verify(&on).unwrap();
    let told: Vec<_> = faults.iter().map(|it| it.to_string().replace(&folder, "[M]")).collect();
    assert_eq!(told, expected);
}

#[test]
fn every_flaw_is_named() {
    check(|_| {}, &[]);
    check(|it| fs::remove_file(it.join("a/b.json")).unwrap(), &["`[M]/a/b.json` is missing"]);
    check(
        |it| fs::write(it.join("LICENSE"), "freer").unwrap(),
        &["`[M]/LICENSE` has 5 bytes, expected 4"],
    );
    check(|it| fs::write(it.join("a/x"), "").unwrap(), &["`[M]/a/x` is not named in the manifest"]);
    check(
        |it| {
            fs::remove_file(it.join("LICENSE")).unwrap();
            fs::create_dir(it.join("LICENSE")).unwrap();
        },
        &["`[M]/LICENSE` is no plain file"],
    );
    let (free, fred) = (Sha256Hex::of(b"free"), Sha256Hex::of(b"fred"));
    check(
        |it| {
            fs::write(it.join("LICENSE"), "fred").unwrap();
            fs::remove_file(it.join("m.gguf")).unwrap();
        },
        &[
            &format!("`[M]/LICENSE` has the SHA-256 {fred}, expected {free}"),
            "`[M]/m.gguf` is missing",
        ],
    );
}

#[test]
fn one_flipped_bit_anywhere_is_found() {
    let Place { library, .. } = &place();
    let made = make(library, "m", FILES).unwrap();
    for (path, bytes) in FILES {
        let place = made.folder.join(path);
        for at in (0..bytes.len()).step_by(611).chain([bytes.len() - 1]) {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << (at % 8);
            fs::write(&place, changed).unwrap();
            let faults = made.verify(&on).unwrap();
            let [Fault { path: found, flaw: Flaw::Digest { .. } }] = &faults[..] else {
                panic!("{path} at {at}: {faults:?}")
            };
            assert_eq!(*found, place);
        }
        fs::write(place, bytes).unwrap();
    }
    assert!(made.verify(&on).unwrap().is_empty());
}

#[test]
fn every_byte_is_told_and_it_can_be_stopped() {
    let Place { library, .. } = &place();
    let made = make(library, "m", FILES).unwrap();
    let told = std::sync::atomic::AtomicU64::new(0);
    let count = |n| {
        told.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    made.verify(&count).unwrap();
    assert_eq!(told.into_inner(), made.manifest.size());
    let stopped = made.verify(&|_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
}

#[test]
fn the_mark_holds_until_something_is_written() {
    let Place { library, .. } = &place();
    let made = make(library, "m", FILES).unwrap();
    assert_eq!(made.verified(), None);
    let mark = || library.mark_verified(&made, made.look().unwrap(), "now").unwrap();
    mark();
    assert_eq!(made.verified().as_deref(), Some("now"));
    // It is no file of the model.
    assert!(made.verify(&on).unwrap().is_empty());
    let license = made.folder.join("LICENSE");
    let modified = fs::metadata(&license).unwrap().modified().unwrap();
    fs::write(&license, "fred").unwrap();
    let file = File::options().write(true).open(&license).unwrap();
    file.set_modified(modified + std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(made.verified(), None);
    mark();
    assert!(made.verified().is_some());
    fs::write(made.folder.join(MARK), "no mark").unwrap();
    assert_eq!(made.verified(), None);
    mark();
    // A mark of another manifest.
    let mut other = made.clone();
    other.manifest.arrived = "later".to_owned();
    assert_eq!(other.verified(), None);
}

/// A second name of a file is a change to the system, and none of its bytes.
#[test]
fn the_mark_of_a_model_survives_that_its_files_are_shared() {
    let Place { library, .. } = &place();
    let made = make(library, "m", FILES).unwrap();
    library.mark_verified(&made, made.look().unwrap(), "now").unwrap();
    library.copy(&made, &name("copy")).unwrap();
    assert_eq!(made.verified().as_deref(), Some("now"));
    let staging = library.stage(&name("other")).unwrap();
    assert!(staging.share(&made.manifest.files[0], &on).unwrap());
    assert_eq!(made.verified().as_deref(), Some("now"));
    assert!(library.remove(&name("copy")).unwrap());
    assert_eq!(made.verified().as_deref(), Some("now"));
}

/// Whoever may write to a file can set its time back to what it was; the time of that change they
/// cannot, and no mark hides it, whatever else goes on.
#[cfg(unix)]
#[test]
fn no_mark_is_renewed_for_a_file_that_was_written_to_meanwhile() {
    use std::os::unix::fs::MetadataExt;
    let Place { library, _dir: dir } = &place();
    let shared = make(library, "shared", FILES).unwrap();
    let own = make(library, "own", &[("m.gguf", &[8; 5000])]).unwrap();
    let kept = dir.path().join("kept");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("x.gguf"), [9; 5000]).unwrap();
    let adopted = Manifest {
        origin: Origin::Adopted { program: "ollama".to_owned(), called: "x".to_owned() },
        root: Some(kept),
        ..manifest("adopted", &[("x.gguf", &[9; 5000])])
    };
    let adopted = publish(library, adopted, &[]).unwrap();
    for it in [&shared, &own, &adopted] {
        library.mark_verified(it, it.look().unwrap(), "now").unwrap();
    }
    let rewrite = |path: &Path| {
        let before = fs::metadata(path).unwrap();
        let changed = |it: &fs::Metadata| (it.ctime(), it.ctime_nsec());
        // Until the clock of the disk tells the two apart.
        while changed(&fs::metadata(path).unwrap()) == changed(&before) {
            fs::write(path, [0; 5000]).unwrap();
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(before.modified().unwrap()).unwrap();
        }
    };
    let staging = library.stage(&name("other")).unwrap();
    let begun = std::sync::Once::new();
    let meanwhile = |_: u64| {
        begun.call_once(|| [&own, &adopted].iter().for_each(|it| rewrite(&it.to_open())));
        ControlFlow::Continue(())
    };
    assert!(staging.share(&shared.manifest.files[0], &meanwhile).unwrap());
    assert!(begun.is_completed());
    assert_eq!(own.verified(), None);
    assert_eq!(adopted.verified(), None);
    assert_eq!(shared.verified().as_deref(), Some("now"));
}

/// Also where that is done while names come and go.
#[cfg(unix)]
#[test]
fn only_names_of_files_are_passed_over() {
    let Place { library, .. } = &place();
    let made = make(library, "m", FILES).unwrap();
    let mark = || library.mark_verified(&made, made.look().unwrap(), "now").unwrap();
    let during = |work: &dyn Fn()| {
        let work = || {
            work();
            Ok(())
        };
        library.keeping_marks(work).unwrap();
    };
    let file = made.to_open();
    let second = made.folder.with_file_name("second");
    mark();
    during(&|| fs::hard_link(&file, &second).unwrap());
    assert!(made.verified().is_some());
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let write = || {
        fs::write(&file, [0; 5000]).unwrap();
        let file = File::options().write(true).open(&file).unwrap();
        file.set_modified(modified + std::time::Duration::from_secs(1)).unwrap();
    };
    during(&write);
    assert_eq!(made.verified(), None);
    mark();
    during(&|| {
        fs::write(&file, [0; 4999]).unwrap();
        fs::remove_file(&second).unwrap();
    });
    assert_eq!(made.verified(), None);
}

#[test]
fn a_model_is_opened_as_its_manifest_says() {
    let Place { library, .. } = &place();
    let made = make(library, "m", &[("m.gguf", &gguf("llama"))]).unwrap();
    let file = made.open(Access::Read, |_| Vec::new()).unwrap();
    assert_eq!(file.architecture(), "llama");
    assert!(made.verify_opened(&file, &on).unwrap().is_empty());
    fs::write(made.to_open(), "GGUF").unwrap();
    let error = made.open(Access::Map, |_| Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Size { found: Some(4), .. }), "{error}");
    fs::remove_file(made.to_open()).unwrap();
    let error = made.open(Access::Map, |_| Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Size { found: None, .. }), "{error}");
}

/// A folder with weights, from the goldens.
fn folder() -> [(&'static str, Vec<u8>); 2] {
    let small =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/small/families/llama");
    ["model.safetensors", "config.json"].map(|it| (it, fs::read(small.join(it)).unwrap()))
}

/// What lies beside the files of a folder and is not in its manifest is not read.
#[test]
fn a_folder_is_its_manifest() {
    let Place { library, .. } = &place();
    let folder = folder();
    let files = folder.each_ref().map(|it| (it.0, &it.1[..]));
    let whole = Manifest { main: None, ..manifest("org/small:safetensors", &files) };
    let made = publish(library, whole, &files).unwrap();
    fs::write(made.folder.join("generation_config.json"), r#"{"temperature": 0.1}"#).unwrap();
    let file = made.open(Access::Map, |_| Vec::new()).unwrap();
    assert_eq!(file.mappings.len(), 2);
    assert_eq!(file.metadata.str("general.name").unwrap(), Some("small"));
    let sampling = file.metadata.iter().find(|it| it.0.starts_with("general.sampling."));
    assert!(sampling.is_none(), "{sampling:?}");
    let faults = made.verify_opened(&file, &on).unwrap();
    assert!(matches!(faults[..], [Fault { flaw: Flaw::Unnamed, .. }]), "{faults:?}");
}

/// Weights are read with what lies beside them, which has to be in the manifest.
#[test]
fn nothing_unnamed_is_read_beside_weights() {
    let Place { library, .. } = &place();
    let folder = folder();
    let made = make(library, "m", &folder.each_ref().map(|it| (it.0, &it.1[..]))).unwrap();
    made.open(Access::Map, |_| Vec::new()).unwrap();
    let stray = made.folder.join("chat_template.jinja");
    fs::write(&stray, "{{ 'Obey.' }}").unwrap();
    let error = made.open(Access::Map, |_| Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::Unnamed { path } if *path == stray), "{error}");
}
