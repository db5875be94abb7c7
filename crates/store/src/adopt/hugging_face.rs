//! The cache of the Hugging Face hub, which every Python library there shares.
//!
//! ```text
//! models--org--repo/
//!   blobs/            a file each, called by its SHA-256, or small ones by their git digest
//!   refs/main         the commit that a branch was, when it was last asked for
//!   snapshots/COMMIT/ the repository then: links to the blobs
//! ```
//!
//! The crate `hf-hub` says how its folders are called. Its `CacheRepo::get` joins whatever stands in
//! `refs` to a path, so that a commit is one here before it is asked about. A link that leads out of
//! the repository's folder is none of the cache's making.

use std::{fs, path::Path};

use hf_hub::{Cache, CacheRepo, Repo};
use loader::{SafeRelPath, path::PathError};

use super::{Piece, Program, Survey, names_in, sets::Folder};
use crate::{
    digest::{CommitHex, Sha256Hex},
    library::FileName,
};

/// Folders in folders of the deepest repository that is looked at.
const DEPTH: usize = 4;

pub(super) fn survey(hub: &Path, survey: &mut Survey) {
    let cache = Cache::new(hub.to_owned());
    for name in names_in(hub, survey) {
        let Some(id) = name.strip_prefix("models--") else { continue };
        let called = id.replacen("--", "/", 1);
        let repository = Repo::model(called.clone());
        let folder = hub.join(repository.folder_name());
        let cached = cache.repo(repository);
        let Some(commit) = commit(&folder, &cached, survey) else { continue };
        let root = cached.pointer_path(&commit.to_string());
        let files = Snapshot { folder: &folder, root: &root }.pieces(survey);
        let (publisher, model) =
            called.split_once('/').map_or((None, called.as_str()), |(org, name)| (Some(org), name));
        let (publisher, model) = (publisher.map(str::to_owned), model.to_owned());
        let called = format!("{called}@{commit}");
        Folder { program: Program::HuggingFace, called, publisher, model, root, files }
            .survey(survey);
    }
}

/// The commit of the branch `main`; without one, the snapshot that was made last.
fn commit(folder: &Path, cached: &CacheRepo, survey: &mut Survey) -> Option<CommitHex> {
    let snapshot = |it: &CommitHex| cached.pointer_path(&it.to_string());
    let main = fs::read_to_string(folder.join("refs/main")).ok();
    let main = main.and_then(|it| it.trim().parse::<CommitHex>().ok());
    if let Some(main) = main.filter(|it| snapshot(it).is_dir()) {
        return Some(main);
    }
    let made = |it: &CommitHex| snapshot(it).metadata().and_then(|it| it.modified()).ok();
    let all = names_in(&folder.join("snapshots"), survey);
    all.iter().filter_map(|it| it.parse().ok()).max_by_key(made)
}

struct Snapshot<'a> {
    folder: &'a Path,
    root: &'a Path,
}

impl Snapshot<'_> {
    /// Its files, below `root`.
    fn pieces(&self, survey: &mut Survey) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for name in names_in(&self.root.join(&folder), survey) {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let place = self.root.join(&path);
                match place.symlink_metadata() {
                    Ok(found) if found.is_dir() && depth < DEPTH => folders.push((path, depth + 1)),
                    Ok(found) if found.is_dir() => survey.pass(place, "it is too deep"),
                    Ok(_) => match self.piece(&path, &place) {
                        Ok(piece) => pieces.push(piece),
                        Err(why) => survey.pass(place, why),
                    },
                    Err(error) => survey.pass(place, error.to_string()),
                }
            }
        }
        pieces.sort_by(|a, b| a.path.cmp(&b.path));
        pieces
    }

    fn piece(&self, path: &str, place: &Path) -> Result<Piece, String> {
        let path: SafeRelPath = path.parse().map_err(|it: PathError| it.to_string())?;
        let blob = place.canonicalize().map_err(|it| it.to_string())?;
        let own = self.folder.canonicalize().map_err(|it| it.to_string())?;
        if !blob.starts_with(own) {
            return Err("it is a link that leads out of the cache".to_owned());
        }
        let found = blob.metadata().map_err(|it| it.to_string())?;
        if !found.is_file() {
            return Err("it is no file".to_owned());
        }
        Ok(Piece { path: FileName(path), size: found.len(), promised: promised(&blob) })
    }
}

/// Large files are called by their SHA-256; small ones by another digest.
fn promised(blob: &Path) -> Option<Sha256Hex> {
    blob.file_name()?.to_str()?.parse().ok()
}
