//! Links in folders that somebody else filled, as a clone of a repository is. One that leads out of its
//! folder could make any file of this machine a part of the model there, and of the bundle that is
//! handed on with it.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

/// Whether the file at `path`, which lies in `folder`, goes with the model there: it is no link, or one
/// to where the model is kept, or to weights, which people keep on other disks.
pub(crate) fn stays(folder: &Path, path: &Path) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink());
    !is_link || leads_below(folder, path) || are_weights(path)
}

fn leads_below(folder: &Path, path: &Path) -> bool {
    match (folder.canonicalize(), path.canonicalize()) {
        (Ok(folder), Ok(path)) => path.starts_with(kept_in(&folder)),
        _ => false,
    }
}

/// Where files of a model in `folder` are kept: there, or in the cache of the Hugging Face hub in the
/// repository's folder, `models--org--repo/snapshots/COMMIT`.
fn kept_in(folder: &Path) -> &Path {
    let mut above = folder.ancestors().skip(1);
    match (above.next(), above.next()) {
        (Some(snapshots), Some(repository))
            if snapshots.ends_with("snapshots") && is_of_cache(repository) =>
        {
            repository
        }
        _ => folder,
    }
}

fn is_of_cache(repository: &Path) -> bool {
    repository.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"models--"))
}

/// Whether the file begins as one of GGUF or safetensors.
fn are_weights(path: &Path) -> bool {
    let mut head = [0; 9];
    let read = File::open(path).and_then(|mut it| {
        it.read_exact(&mut head)?;
        it.metadata()
    });
    let [header @ .., brace] = head;
    let has_header = |size: u64| u64::from_le_bytes(header) < size && brace == b'{';
    read.is_ok_and(|it| header.starts_with(b"GGUF") || has_header(it.len()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn t17_a_link_makes_no_file_from_elsewhere_a_part_of_a_model() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let snapshot = "models--org--m/snapshots/0123";
        for folder in ["m", snapshot, "models--org--m/blobs", "disk"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let safetensors = [&2_u64.to_le_bytes()[..], b"{}and more"].concat();
        for (path, bytes) in [
            ("m/text", &b"a licence"[..]),
            ("models--org--m/blobs/0a", b"a licence"),
            ("key", b"-----BEGIN OPENSSH PRIVATE KEY-----"),
            ("tokens.json", b"[       {\"token\": \"secret\"}]"),
            ("disk/m.gguf", b"GGUF and more"),
            ("disk/m.safetensors", &safetensors[..]),
        ] {
            fs::write(at(path), bytes).unwrap();
        }
        assert!(stays(&at("m"), &at("m/text")), "no link");
        for (folder, to, expected) in [
            ("m", "text", true),
            ("m", "../key", false),
            ("m", "../tokens.json", false),
            ("m", "../models--org--m/blobs/0a", false),
            ("m", "../none", false),
            ("m", "../disk/m.gguf", true),
            ("m", "../disk/m.safetensors", true),
            (snapshot, "../../blobs/0a", true),
            (snapshot, "../../../key", false),
        ] {
            let link = at(folder).join("link");
            symlink(to, &link).unwrap();
            assert_eq!(stays(&at(folder), &link), expected, "{folder}: {to}");
            fs::remove_file(link).unwrap();
        }
    }
}
