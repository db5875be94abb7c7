//! Whether the models of a bundle fit on the disk, before their first byte is copied.

use std::{collections::HashSet, path::Path};

use super::{Carried, Error};
use crate::{
    library::{Found, Library, Staging},
    room,
};

/// # Errors
///
/// If what is missing of `model` does not fit where it is to grow.
pub(super) fn check(model: &Carried, staging: &Staging, library: &Library) -> Result<(), Error> {
    let (folder, needed) = (staging.folder(), missing(model, staging, library)?);
    match room::too_little(folder, needed) {
        None => Ok(()),
        Some(free) => Err(Error::Room { folder: folder.to_owned(), free, needed }),
    }
}

/// Bytes that are neither in `staging` nor in a model of the library, which can share them.
fn missing(model: &Carried, staging: &Staging, library: &Library) -> Result<u64, Error> {
    let entries = library.entries()?.into_iter().filter_map(Found::model);
    let own = entries.filter(|it| !it.is_adopted());
    let there: HashSet<_> = own.flat_map(|it| it.manifest.files).map(|it| it.sha256).collect();
    let files = model.files.iter().filter(|it| !there.contains(&it.sha256));
    let begun = |path: &Path| path.symlink_metadata().map_or(0, |it| it.len());
    let missing = files.map(|it| it.size.saturating_sub(begun(&it.path.0.below(staging.folder()))));
    // One content of a bundle can be many files of a model.
    Ok(missing.fold(0, u64::saturating_add))
}
