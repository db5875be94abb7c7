//! Whether something fits on a disk, before its first byte is written.

use std::path::Path;

/// What a file system needs besides the bytes.
const SPARE: u64 = 16 << 20;

/// The bytes that are free where `folder` is, if `needed` more do not fit. A system that does not tell
/// is trusted: the disk itself says when it is full.
pub fn too_little(folder: &Path, needed: u64) -> Option<u64> {
    let free = fs4::available_space(folder).ok()?;
    (!fits(needed, free)).then_some(free)
}

fn fits(needed: u64, free: u64) -> bool {
    needed == 0 || needed.saturating_add(SPARE) <= free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_must_fit_with_some_room_to_spare() {
        for (needed, free, expected) in
            [(0, 0, true), (1, SPARE, false), (1, SPARE + 1, true), (u64::MAX, u64::MAX - 1, false)]
        {
            assert_eq!(fits(needed, free), expected, "{needed} {free}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(too_little(folder.path(), 1), None);
        assert!(too_little(folder.path(), 1 << 60).is_some());
    }
}
