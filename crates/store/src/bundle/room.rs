//! Whether the models of a bundle fit on the disk, before their first byte is copied.

use std::{collections::HashSet, path::Path};

use super::{Carried, Error};
use crate::library::{Found, Library, Staging};

/// What a file system needs besides the bytes.
const SPARE: u64 = 16 << 20;

/// # Errors
///
/// If what is missing of `model` does not fit where it is to grow. A system that does not tell how
/// much is free is trusted: the disk itself says when it is full.
pub(super) fn check(model: &Carried, staging: &Staging, library: &Library) -> Result<(), Error> {
    let needed = missing(model, staging, library)?;
    match fs4::available_space(staging.folder()) {
        Ok(free) => suffices(staging.folder(), needed, free),
        Err(_) => Ok(()),
    }
}

/// Bytes that are neither in `staging` nor in a model of the library, which can share them.
fn missing(model: &Carried, staging: &Staging, library: &Library) -> Result<u64, Error> {
    let entries = library.entries()?.into_iter().filter_map(Found::model);
    let own = entries.filter(|it| !it.is_adopted());
    let there: HashSet<_> = own.flat_map(|it| it.manifest.files).map(|it| it.sha256).collect();
    let files = model.files.iter().filter(|it| !there.contains(&it.sha256));
    let begun = |path: &Path| path.symlink_metadata().map_or(0, |it| it.len());
    Ok(files.map(|it| it.size.saturating_sub(begun(&it.path.0.below(staging.folder())))).sum())
}

fn suffices(folder: &Path, needed: u64, free: u64) -> Result<(), Error> {
    match needed == 0 || needed.saturating_add(SPARE) <= free {
        true => Ok(()),
        false => Err(Error::Room { folder: folder.to_owned(), free, needed }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_must_fit_with_some_room_to_spare() {
        for (needed, free, fits) in
            [(0, 0, true), (1, SPARE, false), (1, SPARE + 1, true), (u64::MAX, u64::MAX - 1, false)]
        {
            assert_eq!(suffices(Path::new("m"), needed, free).is_ok(), fits, "{needed} {free}");
        }
    }
}
