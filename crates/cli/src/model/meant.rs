//! What a name means: something in the folder where `ingle` was started, or a model of the library.

use std::path::Path;

use store::{library::Resolved, reference::Reference};

use super::built_in;
use crate::{library, terminal::tell};

/// Whether this means a file or folder that is here. Where the library has a model of that name,
/// too, a plain name means the file, and `org/repo` the model.
///
/// # Errors
///
/// If the library cannot be read.
pub(crate) fn is_path(name: &str) -> anyhow::Result<bool> {
    if !Path::new(name).exists() {
        return Ok(false);
    }
    match reference(name).filter(|_| name.contains('/')) {
        None => Ok(true),
        Some(it) => Ok(matches!(library::library()?.resolve(&it)?, Resolved::Absent)),
    }
}

/// Says so of a name that is both here and in the library, and returns that.
pub(crate) fn tell_both(name: &str) -> Option<String> {
    let note = both(name);
    note.iter().for_each(|it| tell(format_args!("note: {it}")));
    note
}

/// Which one a name means that is both here and in the library, and how the other is named.
pub(crate) fn both(name: &str) -> Option<String> {
    let reference = reference(name).filter(|_| built_in(name).is_none())?;
    if !Path::new(name).exists() {
        return None;
    }
    match library::library().ok()?.resolve(&reference).ok()? {
        Resolved::Absent => None,
        _ if name.contains('/') => Some(format!(
            "`{name}` is a model of the library; what lies here under that name is `./{name}`"
        )),
        Resolved::Model(entry) => {
            let it = entry.name();
            let full = format!("{}/{}:{}", it.publisher(), it.model(), it.variant());
            Some(format!("`{name}` is what lies here; the model of the library is `{full}`"))
        }
        Resolved::Several(all) => Some(format!(
            "`{name}` is what lies here; {} models of the library are called so, too",
            all.len()
        )),
    }
}

/// The model of the library that a name may mean; what looks like a path means none.
pub(super) fn reference(name: &str) -> Option<Reference> {
    let is_file = name.ends_with(".gguf") || name.ends_with(".safetensors");
    let is_address = name.contains("://");
    let may_be = !name.starts_with(['.', '/']) && (is_address || !is_file);
    name.parse().ok().filter(|_| may_be)
}
