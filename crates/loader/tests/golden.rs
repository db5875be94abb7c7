//! Every GGUF file of the golden data opens, or names the weight format that is not there yet.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use loader::{Bytes, Error, Mapping, ModelFile, gguf};

/// Where the golden data are; `None` where they are not.
fn golden() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let dir = env::var_os("INGLE_GOLDEN").map_or(beside, PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(env::var_os("CI").is_none_or(|it| it != "true"), "no golden data at {}", dir.display());
    eprintln!("skipped: no golden data");
    None
}

/// Opens every GGUF file in `folder`; returns how many of how many could be opened.
#[track_caller]
fn open_all(folder: &Path) -> (usize, usize) {
    let (mut opened, mut all) = (0, 0);
    for entry in fs::read_dir(folder).expect("a folder of golden data").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|it| it != "gguf") {
            continue;
        }
        all += 1;
        match ModelFile::open(&path, &[]) {
            Ok(file) => {
                opened += 1;
                assert!(!file.architecture().is_empty(), "{}", path.display());
                file.check_intact().expect("nobody changes golden data");
                refuse_all_cuts(&path);
            }
            Err(Error::Gguf(gguf::Error::Format { name, found, .. })) => {
                eprintln!("{}: `{name}` is {found}", path.display());
            }
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    (opened, all)
}

#[test]
fn golden_gguf_files_open() {
    let Some(dir) = golden() else { return };
    for (folder, at_least) in [("gguf", 40), ("vocabs", 10), ("quants", 7), ("stories260K", 3)] {
        let (opened, all) = open_all(&dir.join(folder));
        eprintln!("{folder}: {opened} of {all}");
        assert!(opened >= at_least.min(all), "{folder}: {opened} of {all} opened");
    }
}

/// The file at `path`, cut at every hundredth of its length, is an error. Not tried on those that
/// are mostly a large vocabulary: a hundred of them take seconds and show nothing new.
fn refuse_all_cuts(path: &Path) {
    let whole = Bytes::new(Mapping::open(path).expect("a readable file"));
    if whole.len() > 1 << 20 {
        return;
    }
    for percent in 0..100 {
        let cut = whole.slice(0..whole.len() / 100 * percent);
        let result = ModelFile::from_bytes("cut", cut, &[]);
        assert!(result.is_err(), "{} opens when it is cut at {percent}%", path.display());
    }
}
