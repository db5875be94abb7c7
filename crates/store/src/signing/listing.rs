//! The files that a model on the disk consists of, for its signature.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use loader::SafeRelPath;

use super::{Error, FILE};
use crate::{
    adopt::shard,
    digest::Sha256Hex,
    library::{FileName, StoredFile},
};

/// What is no part of a model, at the top of its folder.
const GIT: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// What belongs to the model that a path names: all that is read when that is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All files of a folder.
    Folder(PathBuf),
    /// One file, or all shards of one, the first of them first.
    Files(Vec<PathBuf>),
}

impl Extent {
    /// Of a folder; of a file of safetensors, the folder with its configuration and its tokenizer;
    /// of any shard of a GGUF file, all of them, whether they are there or not.
    pub fn of(path: &Path) -> Self {
        if path.is_dir() {
            return Self::Folder(path.to_owned());
        }
        let folder = above(path);
        if is_safetensors(path) && folder.join("config.json").is_file() {
            return Self::Folder(folder);
        }
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let shards: Option<Vec<PathBuf>> =
            name.strip_suffix(".gguf").and_then(shard).map(|(prefix, count)| {
                let name = |n| format!("{prefix}-{n:05}-of-{count:05}.gguf");
                (1..=count).map(|n| path.with_file_name(name(n))).collect()
            });
        let is_one_of_them = |it: &Vec<PathBuf>| it.iter().any(|shard| shard == path);
        Self::Files(shards.filter(is_one_of_them).unwrap_or_else(|| vec![path.to_owned()]))
    }

    /// The folder that the names of the files begin in.
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::Files(files) => above(&files[0]),
        }
    }

    /// Where the signature lies if nobody says otherwise.
    pub fn signature(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(FILE),
            Self::Files(files) => {
                let mut name = files[0].as_os_str().to_owned();
                name.push(".sig");
                name.into()
            }
        }
    }

    /// The files with their digests; of a folder without the `signature`, and without what git
    /// keeps there. `each` hears of the bytes that are hashed.
    ///
    /// # Errors
    ///
    /// If one cannot be read, is a link or no file, or has a name that other systems do not take.
    pub fn files(
        &self,
        signature: &Path,
        each: &mut dyn FnMut(u64),
    ) -> Result<Vec<StoredFile>, Error> {
        match self {
            Self::Folder(folder) => below(folder, signature, each),
            Self::Files(files) => {
                let name = |it: &Path| it.file_name().unwrap_or_default().display().to_string();
                files.iter().map(|it| hashed(it, &name(it), each)).collect()
            }
        }
    }
}

fn above(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Whether the file begins as one of safetensors, whatever it is called.
fn is_safetensors(path: &Path) -> bool {
    let mut head = [0; 9];
    let read = File::open(path).and_then(|mut it| it.read_exact(&mut head));
    read.is_ok() && head[8] == b'{' && !head.starts_with(b"GGUF")
}

fn below(
    folder: &Path,
    signature: &Path,
    each: &mut dyn FnMut(u64),
) -> Result<Vec<StoredFile>, Error> {
    let mut files = Vec::new();
    // One that is not there yet is no file of the folder either.
    let (named, lies) = (place(signature), signature.canonicalize().ok());
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().map_err(Error::io(&path))?;
            let is_top = prefix.is_empty();
            if is_top && (GIT.contains(&name.as_str()) || name == FILE) {
                continue;
            }
            // A link to it is another file, which a loader may read.
            let is_it = named.is_some() && place(&path) == named
                || lies.is_some() && kind.is_file() && path.canonicalize().ok() == lies;
            if is_it {
                continue;
            }
            let name = format!("{prefix}{name}");
            match kind {
                _ if kind.is_dir() => folders.push((path, format!("{name}/"))),
                _ if kind.is_file() => files.push(hashed(&path, &name, each)?),
                _ => return Err(Error::NotAFile { path }),
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The path without links above its last name, which may be one.
fn place(path: &Path) -> Option<PathBuf> {
    Some(above(path).canonicalize().ok()?.join(path.file_name()?))
}

fn hashed(path: &Path, name: &str, each: &mut dyn FnMut(u64)) -> Result<StoredFile, Error> {
    let safe: SafeRelPath =
        name.parse().map_err(|_| Error::Resource { found: name.to_owned(), expected: "file" })?;
    let file = File::open(path).map_err(Error::io(path))?;
    let digest = Sha256Hex::of_all(file, |n| {
        each(n as u64);
        Ok(())
    });
    let (sha256, size) = digest.map_err(Error::io(path))?;
    Ok(StoredFile { path: FileName(safe), size, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(there: &[&str], named: &str, expected: &[&str], signature: &str) {
        let dir = tempfile::tempdir().unwrap();
        for name in there {
            let bytes = if name.ends_with(".safetensors") { "12345678{}" } else { "GGUFmore{}" };
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        let extent = Extent::of(&dir.path().join(named));
        assert_eq!(extent.signature(), dir.path().join(signature), "{named}");
        assert_eq!(extent.folder(), dir.path(), "{named}");
        let files = extent.files(&extent.signature(), &mut |_| {});
        let files = files.map(|it| it.iter().map(|it| it.path.0.to_string()).collect::<Vec<_>>());
        assert_eq!(files.unwrap_or_default(), expected, "{named}");
    }

    #[test]
    fn what_is_read_with_a_file_belongs_to_it() {
        check(&["m.gguf", "config.json"], "m.gguf", &["m.gguf"], "m.gguf.sig");
        let shards = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
        let there = [&shards[..], &["n.gguf"]].concat();
        check(&there, shards[1], &shards, "m-00001-of-00002.gguf.sig");
        // A signature of half a model is none.
        check(&shards[1..], shards[1], &[], "m-00001-of-00002.gguf.sig");
        let odd = "m-00003-of-00002.gguf";
        check(&[odd], odd, &[odd], "m-00003-of-00002.gguf.sig");
        let folder = ["config.json", "model.safetensors", "tokenizer.json"];
        check(&folder, "model.safetensors", &folder, "model.sig");
        check(&folder[1..], "model.safetensors", &["model.safetensors"], "model.safetensors.sig");
    }

    /// Nobody signed it, and it can be called as any file that is read with a model.
    #[cfg(unix)]
    #[test]
    fn a_link_to_the_signature_is_not_the_signature() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("model.safetensors"), "12345678{}").unwrap();
        fs::write(at("own.sig"), "{}").unwrap();
        let extent = Extent::Folder(dir.path().to_owned());
        let names = |signature: &str| {
            let files = extent.files(&at(signature), &mut |_| {})?;
            Ok::<_, Error>(files.iter().map(|it| it.path.0.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(names("own.sig").unwrap(), ["model.safetensors"]);
        std::os::unix::fs::symlink("own.sig", at("tokenizer.json")).unwrap();
        let error = names("own.sig").unwrap_err();
        assert!(
            matches!(&error, Error::NotAFile { path } if *path == at("tokenizer.json")),
            "{error}"
        );
        // What is named is the signature, wherever it lies.
        fs::rename(at("tokenizer.json"), at("link.sig")).unwrap();
        assert_eq!(names("link.sig").unwrap(), ["model.safetensors"]);
    }
}
