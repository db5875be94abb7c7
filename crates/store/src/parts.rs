//! What is there of a file that is being fetched in parts: a text beside it that only grows.
//!
//! ```text
//! ingle parts 1: size 2019377696, part 16777216, sha256 6c1a2b…
//! 1 1048576
//! 0
//! 1 2097152
//! ```
//!
//! A line is a part that is whole, or one and how many of its first bytes are there. It counts once
//! its end is there. A journal of another size or digest is of another file. Versions that knew whole
//! parts alone pass over the other lines.
//!
//! A journal never says more than there is, not even after a power cut: whoever writes a line has
//! brought the bytes to the disk before, and whoever takes bytes away has cleared the journal.
//! `Library::unfinished` reads it, too, so that who lists what is there says what a download goes on
//! from.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use crate::{
    disk::{Disk, DiskFile},
    library::{Links, plain_file},
};

/// After the name of the file; no file that is fetched ends so.
const SUFFIX: &str = "parts";
/// How a journal begins.
const BEGIN: &str = "ingle parts 1: size ";
/// Longest journal that is read: that of a terabyte has half of it.
const MOST: u64 = 128 << 20;

/// Which file it is, and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of a part; the last may have fewer.
    pub part: NonZeroU64,
    /// What its bytes should be: the kind of a digest, and the digest.
    pub digest: String,
}

impl Parts {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.size.div_ceil(self.part.get()) as usize
    }

    /// The first byte of the part, and the one after its last.
    pub fn range(&self, part: usize) -> (u64, u64) {
        let begin = part as u64 * self.part.get();
        (begin, begin.saturating_add(self.part.get()).min(self.size))
    }

    /// Bytes of the part.
    pub fn bytes_of(&self, part: usize) -> u64 {
        let (begin, end) = self.range(part);
        end - begin
    }

    /// The first line of the journal.
    fn head(&self) -> String {
        format!("{BEGIN}{}, part {}, {}\n", self.size, self.part, self.digest)
    }

    fn of_head(head: &[u8]) -> Option<Self> {
        let rest = str::from_utf8(head).ok()?.strip_prefix(BEGIN)?;
        let (size, rest) = rest.split_once(", part ")?;
        let (part, digest) = rest.split_once(", ")?;
        let digest = digest.to_owned();
        Some(Self { size: size.parse().ok()?, part: part.parse().ok()?, digest })
    }

    /// The parts that these lines speak of, and how many bytes of each are there; lines that say
    /// what cannot be are none.
    fn said(&self, lines: &[u8]) -> impl Iterator<Item = (usize, u64)> {
        lines.split(|&it| it == b'\n').filter_map(move |line| {
            let line = str::from_utf8(line).ok()?;
            let (part, bytes): (usize, Option<u64>) = match line.split_once(' ') {
                Some((part, bytes)) => (part.parse().ok()?, Some(bytes.parse().ok()?)),
                None => (line.parse().ok()?, None),
            };
            if part >= self.count() {
                return None;
            }
            let whole = self.bytes_of(part);
            let bytes = bytes.unwrap_or(whole);
            (bytes <= whole).then_some((part, bytes))
        })
    }
}

/// A journal that is written to.
#[derive(Debug)]
pub struct Journal {
    file: DiskFile,
    parts: Parts,
    /// By part.
    said: Vec<u64>,
}

impl Journal {
    /// Opens that of the file at `place`, or makes it; one of other `parts` is cleared.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn open(disk: &Disk, place: &Path, parts: &Parts) -> io::Result<Self> {
        let (file, said) = (disk.reopen(&self::place(place))?, vec![0; parts.count()]);
        let mut journal = Self { file, parts: parts.clone(), said };
        let (head, mut text) = (parts.head(), Vec::new());
        journal.file.file().take(MOST).read_to_end(&mut text)?;
        if text.is_empty() {
            journal.file.write_all(head.as_bytes())?;
            // The lines of one that was being cleared may still be on the disk.
            journal.file.sync()?;
            return Ok(journal);
        }
        let Some(lines) = text.strip_prefix(head.as_bytes()) else {
            journal.clear()?;
            return Ok(journal);
        };
        let lines = whole_lines(lines);
        for (part, bytes) in parts.said(lines) {
            journal.said[part] = journal.said[part].max(bytes);
        }
        let end = (head.len() + lines.len()) as u64;
        if journal.file.file().metadata()?.len() != end {
            // Or the next line would go on from the half of one.
            journal.file.set_len(end)?;
        }
        journal.file.seek(SeekFrom::Start(end))?;
        Ok(journal)
    }

    /// How many of the first bytes of the part are there.
    pub fn said(&self, part: usize) -> u64 {
        self.said[part]
    }

    /// Says of these parts how many of their first bytes are there; the caller has brought them to
    /// the disk. It says so after a power cut, too.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn say(&mut self, news: &[(usize, u64)]) -> io::Result<()> {
        let line = |&(part, bytes): &(usize, u64)| match bytes == self.parts.bytes_of(part) {
            true => format!("{part}\n"),
            false => format!("{part} {bytes}\n"),
        };
        let lines: String = news.iter().map(line).collect();
        self.file.write_all(lines.as_bytes())?;
        self.file.sync()?;
        for &(part, bytes) in news {
            self.said[part] = bytes;
        }
        Ok(())
    }

    /// Says that nothing is there, after a power cut, too: before the bytes go.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn clear(&mut self) -> io::Result<()> {
        self.said.fill(0);
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(self.parts.head().as_bytes())?;
        self.file.sync()
    }
}

/// Where the journal of the file at `place` lies.
pub fn place(place: &Path) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(SUFFIX);
    place.with_file_name(name)
}

/// Whether a file of this name is a journal.
pub(crate) fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == SUFFIX)
}

/// What the journal of the file at `place` says: which file that is to be, and how many of the first
/// bytes of its parts are there. Nothing where there is no journal that can be read.
pub fn told(place: &Path) -> Option<(Parts, BTreeMap<usize, u64>)> {
    let file = plain_file(&self::place(place), Links::Refused).ok()??;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    let end = text.iter().position(|&it| it == b'\n')?;
    let parts = Parts::of_head(&text[..end])?;
    let mut told = BTreeMap::new();
    for (part, bytes) in parts.said(whole_lines(&text[end + 1..])) {
        let most: &mut u64 = told.entry(part).or_default();
        *most = bytes.max(*most);
    }
    Some((parts, told))
}

/// `lines` without what comes after the last end of one.
fn whole_lines(lines: &[u8]) -> &[u8] {
    let end = lines.iter().rposition(|&it| it == b'\n').map_or(0, |it| it + 1);
    &lines[..end]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HEAD: &str = "ingle parts 1: size 9, part 2, sha256 0\n";

    fn parts() -> Parts {
        let part = NonZeroU64::new(2).unwrap();
        Parts { size: 9, part, digest: "sha256 0".to_owned() }
    }

    fn open(disk: &Disk, place: &Path) -> (Journal, [u64; 5]) {
        let journal = Journal::open(disk, place, &parts()).unwrap();
        let said = [0, 1, 2, 3, 4].map(|it| journal.said(it));
        (journal, said)
    }

    #[track_caller]
    fn check(text: &str, expected: [u64; 5]) {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let path = dir.path().join("a");
        fs::write(dir.path().join("a.parts"), text).unwrap();
        let is_its = text.starts_with(HEAD);
        let told = told(&path).filter(|it| it.0 == parts());
        let told = told.map(|it| [0, 1, 2, 3, 4].map(|part| *it.1.get(&part).unwrap_or(&0)));
        assert_eq!(told, is_its.then_some(expected), "{text:?}");
        let (mut journal, said) = open(&disk, &path);
        assert_eq!(said, expected, "{text:?}");
        journal.say(&[(4, 1), (1, 1)]).unwrap();
        assert_eq!((journal.said(4), journal.said(1)), (1, 1));
        let expected = [expected[0], expected[1].max(1), expected[2], expected[3], 1];
        assert_eq!(open(&disk, &path).1, expected, "{text:?}");
    }

    #[test]
    fn whole_lines_count() {
        check("", [0; 5]);
        check(HEAD, [0; 5]);
        // As versions wrote it that knew whole parts alone.
        check(&format!("{HEAD}0\n3\n"), [2, 0, 0, 2, 0]);
        check(&format!("{HEAD}0\n3"), [2, 0, 0, 0, 0]);
        check(&format!("{HEAD}0\nx\n99\n-1\n\n2\n"), [2, 0, 2, 0, 0]);
        check("ingle parts 1: size 11, part 2, sha256 0\n0\n", [0; 5]);
        check(&HEAD[..10], [0; 5]);
    }

    #[test]
    fn of_a_part_its_first_bytes_count() {
        check(&format!("{HEAD}0 1\n3 0\n4 1\n"), [1, 0, 0, 0, 1]);
        check(&format!("{HEAD}2 1\n0 1\n2\n0 1\n"), [1, 0, 2, 0, 0]);
        check(&format!("{HEAD}0 1\n3 1"), [1, 0, 0, 0, 0]);
        // More than there could be, and what is no line.
        check(&format!("{HEAD}0 3\n4 2\n5 0\n1 x\n 1\n1 \n1 1 1\n2 -1\n"), [0; 5]);
        check(
            &format!("{HEAD}99999999999999999999 1\n0 99999999999999999999\n3\n"),
            [0, 0, 0, 2, 0],
        );
    }

    /// Neither what was said nor that it holds no more.
    #[test]
    fn a_power_cut_takes_nothing_back() {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::dying(usize::MAX));
        let path = dir.path().join("a");
        let (mut journal, _) = open(&disk, &path);
        disk.sync_folder(dir.path()).unwrap();
        journal.say(&[(1, 1), (2, 2)]).unwrap();
        disk.power_cut().unwrap();
        assert_eq!(open(&Disk::default(), &path).1, [0, 1, 2, 0, 0]);
        journal.clear().unwrap();
        disk.power_cut().unwrap();
        assert_eq!(open(&Disk::default(), &path).1, [0; 5]);
    }

    /// Its head may say anything: nothing is allocated for that.
    #[test]
    fn a_head_of_very_many_parts_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("{BEGIN}{}, part 1, sha256 0\n7\n", u64::MAX);
        fs::write(dir.path().join("a.parts"), text).unwrap();
        let (_, told) = told(&dir.path().join("a")).unwrap();
        assert_eq!(told, BTreeMap::from([(7, 1)]));
    }

    #[cfg(unix)]
    #[test]
    fn t17_a_link_in_the_place_of_a_journal_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b"), format!("{HEAD}0\n")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("b"), dir.path().join("a.parts")).unwrap();
        assert_eq!(told(&dir.path().join("a")), None);
    }
}
