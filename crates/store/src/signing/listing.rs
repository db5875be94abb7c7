//! The files that a model on the disk consists of, for its signature.

use std::{
    fs::{self, File},
    path::Path,
};

use loader::SafeRelPath;

use super::{Error, FILE};
use crate::{
    digest::Sha256Hex,
    library::{FileName, StoredFile},
};

/// What is no part of a model, at the top of its folder.
const GIT: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// All files of the folder at `path`, or the one file that it is, with their digests; not the
/// `signature`, and not what git keeps there. `each` hears of the bytes that are hashed.
///
/// # Errors
///
/// If one cannot be read, is a link or no file, or has a name that other systems do not take.
pub fn files_of(
    path: &Path,
    signature: &Path,
    each: &mut dyn FnMut(u64),
) -> Result<Vec<StoredFile>, Error> {
    let mut files = Vec::new();
    if !path.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(hashed(path, &name, each)?);
        return Ok(files);
    }
    // One that is not there yet is no file of the folder either.
    let signature = signature.canonicalize().ok();
    let mut folders = vec![(path.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().map_err(Error::io(&path))?;
            let is_top = prefix.is_empty();
            if is_top && (GIT.contains(&name.as_str()) || name == FILE) {
                continue;
            }
            if signature.is_some() && path.canonicalize().ok() == signature {
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
