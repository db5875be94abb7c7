//! Every GGUF file of the golden data opens, or names the weight format that is not there yet.

use std::{fs, path::Path};

use loader::{Bytes, Error, Mapping, ModelFile, gguf};

use crate::golden_data::{golden, is_beside};

/// Folders, and how many GGUF files the data beside the project have there.
const FOLDERS: [(&str, usize); 4] =
    [("gguf", 44), ("vocabs", 10), ("quants", 20), ("stories260K", 3)];

/// Opens every GGUF file in `folder`; returns how many of how many could be opened.
#[track_caller]
fn open_all(folder: &Path) -> (usize, usize) {
    let (mut opened, mut all) = (0, 0);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
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
    let mut n_opened = 0;
    for (folder, known) in FOLDERS {
        let (opened, all) = open_all(&dir.join(folder));
        eprintln!("{folder}: {opened} of {all}");
        if is_beside(&dir) {
            assert!(opened == all && all >= known, "{folder}: {opened} of {all}, {known} known");
        }
        n_opened += opened;
    }
    assert!(n_opened > 0, "no GGUF file at {} opens", dir.display());
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
