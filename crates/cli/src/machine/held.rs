//! Files of the kernel that are opened once and read again and again: a process in the sandbox
//! opens no others.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    str::FromStr,
};

use super::trimmed;

/// One of them.
#[derive(Debug)]
pub(super) struct Held(File);

impl Held {
    /// Opens it, where it is there and may be read.
    pub(super) fn open(path: &Path) -> Option<Self> {
        File::open(path).ok().map(Self)
    }

    /// What it says now, without what is around it; nothing where that is empty, or cannot be read.
    pub(super) fn text(&self) -> Option<String> {
        let mut file = &self.0;
        // The kernel writes such a file anew for whoever reads its beginning.
        file.seek(SeekFrom::Start(0)).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        trimmed(&bytes)
    }

    /// The number that it says now.
    pub(super) fn number<T: FromStr>(&self) -> Option<T> {
        self.text()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::machine::fixture::lay;

    #[test]
    fn what_is_open_says_what_is_so_now() {
        let root = lay(&[("number", " 7\n")]);
        let path = root.path().join("number");
        let held = Held::open(&path).unwrap();
        assert_eq!(held.number::<i32>(), Some(7));
        fs::write(&path, "-12\n").unwrap();
        assert_eq!((held.number::<i32>(), held.number::<u64>()), (Some(-12), None));
        fs::write(&path, "\n").unwrap();
        assert_eq!(held.text(), None);
        assert!(Held::open(&root.path().join("other")).is_none());
    }
}
