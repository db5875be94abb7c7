//! Which parts of a file are there: a text beside it that only grows.
//!
//! ```text
//! ingle parts 1: size 2019377696, part 16777216, sha256 6c1a2b…
//! 0
//! 3
//! 1
//! ```
//!
//! A line counts once its end is there. A journal of another size or digest is of another file.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use store::disk::{Disk, DiskFile};

use crate::{Expected, RemoteFile};

/// After the name of the file; no file that is fetched ends so.
const SUFFIX: &str = "parts";
/// Longest journal that is read.
const MOST: u64 = 16 << 20;

/// A journal that is written to.
#[derive(Debug)]
pub(super) struct Journal {
    file: DiskFile,
}

/// Where the journal of the file at `place` lies.
pub(super) fn place(place: &Path) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(SUFFIX);
    place.with_file_name(name)
}

/// The first line of the journal of `file`.
pub(super) fn head(file: &RemoteFile, part: NonZeroU64) -> String {
    let kind = match file.digest {
        Expected::Sha256(_) => "sha256",
        Expected::GitBlob(_) => "git sha1",
    };
    format!("ingle parts 1: size {}, part {part}, {kind} {}\n", file.size, file.digest)
}

impl Journal {
    /// Opens it, or makes it; which of `n_parts` parts are there.
    pub(super) fn open(
        disk: &Disk,
        path: &Path,
        head: &str,
        n_parts: usize,
    ) -> io::Result<(Self, Vec<bool>)> {
        let mut journal = Self { file: disk.reopen(path)? };
        let mut text = Vec::new();
        journal.file.file().take(MOST).read_to_end(&mut text)?;
        let mut had = vec![false; n_parts];
        let Some(lines) = text.strip_prefix(head.as_bytes()) else {
            journal.clear(head)?;
            return Ok((journal, had));
        };
        let whole = lines.iter().rposition(|&it| it == b'\n').map_or(0, |it| it + 1);
        for line in lines[..whole].split(|&it| it == b'\n') {
            let part: Option<usize> = str::from_utf8(line).ok().and_then(|it| it.parse().ok());
            if let Some(had) = part.and_then(|it| had.get_mut(it)) {
                *had = true;
            }
        }
        let end = (head.len() + whole) as u64;
        if whole < lines.len() {
            // Or the next number would go on from the half of this one.
            journal.file.set_len(end)?;
        }
        journal.file.seek(SeekFrom::Start(end))?;
        Ok((journal, had))
    }

    /// No part is there.
    pub(super) fn clear(&mut self, head: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(head.as_bytes())
    }

    /// The part is there.
    pub(super) fn mark(&mut self, part: usize) -> io::Result<()> {
        self.file.write_all(format!("{part}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HEAD: &str = "ingle parts 1: size 10, part 2, sha256 0\n";

    #[track_caller]
    fn check(text: &str, expected: &[usize]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parts");
        fs::write(&path, text).unwrap();
        let (mut journal, had) = Journal::open(&Disk::default(), &path, HEAD, 5).unwrap();
        let found: Vec<usize> = (0..5).filter(|&it| had[it]).collect();
        assert_eq!(found, expected, "{text:?}");
        journal.mark(4).unwrap();
        let (_, had) = Journal::open(&Disk::default(), &path, HEAD, 5).unwrap();
        assert!(had[4] && (0..4).all(|it| had[it] == expected.contains(&it)), "{text:?}");
    }

    #[test]
    fn whole_lines_count() {
        check("", &[]);
        check(HEAD, &[]);
        check(&format!("{HEAD}0\n3\n"), &[0, 3]);
        check(&format!("{HEAD}0\n3"), &[0]);
        check(&format!("{HEAD}0\nx\n99\n-1\n\n2\n"), &[0, 2]);
        check("ingle parts 1: size 11, part 2, sha256 0\n0\n", &[]);
        check(&HEAD[..10], &[]);
    }
}
