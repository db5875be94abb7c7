//! Whether a model fits on the disk, before its first byte is asked for.

use std::path::Path;

use crate::Error;

/// What a file system needs besides the bytes.
const SPARE: u64 = 16 << 20;

/// # Errors
///
/// If fewer than `needed` bytes are free where `folder` is. A system that does not tell is trusted:
/// the disk itself says when it is full.
pub(super) fn check(folder: &Path, needed: u64) -> Result<(), Error> {
    match fs4::available_space(folder) {
        Ok(free) => suffices(folder, needed, free),
        Err(error) => {
            tracing::warn!(%error, "the system does not say how much room is left");
            Ok(())
        }
    }
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
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path(), 1).is_ok());
        assert!(check(folder.path(), 1 << 60).is_err());
    }
}
