//! Where the golden data are, for each test that reads them.

use std::{
    env,
    path::{Path, PathBuf},
};

fn beside() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden")
}

/// Where the golden data are; `None` where they are not, which is printed.
///
/// # Panics
///
/// If they are missing and `CI=true`.
pub(crate) fn golden() -> Option<PathBuf> {
    let dir = env::var_os("INGLE_GOLDEN").map_or_else(beside, PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(env::var_os("CI").is_none_or(|it| it != "true"), "no golden data at {}", dir.display());
    eprintln!("skipped: no golden data");
    None
}

/// Whether they are those beside the project, of which it is known what there is.
pub(crate) fn is_beside(golden: &Path) -> bool {
    let place = golden.canonicalize().ok();
    place.is_some() && place == beside().canonicalize().ok()
}
