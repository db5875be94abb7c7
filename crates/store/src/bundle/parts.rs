//! A bundle as it lies on the disk: one file, or several that follow one another.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{Error, error::FOLDER};

/// Parts of the longest bundle: their numbers have three digits.
pub(super) const MAX_PARTS: u64 = 999;

/// The files of a bundle, in order.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    all: Vec<Part>,
    size: u64,
    /// Whether there may be others that follow.
    is_split: bool,
}

#[derive(Clone, Debug)]
struct Part {
    path: PathBuf,
    begin: u64,
    size: u64,
}

/// `FILE.001` of `FILE` and 1.
pub(super) fn part(target: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(format!(".{number:03}"));
    name.into()
}

/// The file that a bundle begins with, whichever of its parts is named, and whichever are there.
pub fn first_part(path: &Path) -> PathBuf {
    let number = path.extension().and_then(|it| it.to_str());
    let is_part = number.is_some_and(|it| it.len() == 3 && it.bytes().all(|c| c.is_ascii_digit()));
    let first = if is_part { path.with_extension("001") } else { part(path, 1) };
    let has_parts = || (1..=MAX_PARTS).any(|it| part(path, it).exists());
    if is_part || (!path.exists() && has_parts()) { first } else { path.to_owned() }
}

impl Parts {
    /// The bundle that this is, or is a part of.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let first = first_part(path);
        let numbered = first != *path || path.extension().is_some_and(|it| it == "001");
        let mut parts = Self { all: Vec::new(), size: 0, is_split: numbered };
        if numbered && !first.exists() {
            return Err(Error::NoFirstPart { path: first });
        }
        parts.add(first.clone())?;
        let more = (2..=MAX_PARTS).filter(|_| numbered);
        let more = more.map(|it| first.with_extension(format!("{it:03}")));
        more.take_while(|it| it.exists()).try_for_each(|it| parts.add(it))?;
        Ok(parts)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), Error> {
        let found = fs::metadata(&path).map_err(Error::io("read", &path))?;
        if !found.is_file() {
            let found = if found.is_dir() { FOLDER } else { "no plain file" };
            return Err(Error::NotAFile { path, found });
        }
        self.put(path, found.len())
    }

    /// Puts a file of so many bytes behind the others. Those of holes take no room on a disk.
    fn put(&mut self, path: PathBuf, size: u64) -> Result<(), Error> {
        let Some(end) = self.size.checked_add(size) else {
            let why = io::Error::other("with it, the bundle is larger than any disk");
            return Err(Error::io("read", path)(why));
        };
        self.all.push(Part { path, begin: self.size, size });
        self.size = end;
        Ok(())
    }

    /// The part that should follow, of a bundle that ends too early: all parts but the last are of the
    /// same size, so a shorter one was not copied to its end.
    pub(super) fn missing(&self) -> Option<PathBuf> {
        let (first, last) = (self.all.first()?, self.all.last()?);
        let is_full = self.is_split && first.size == last.size;
        is_full.then(|| first.path.with_extension(format!("{:03}", self.all.len() + 1)))
    }

    /// Bytes of all of it.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// `size` bytes from `begin` on, which are there.
    pub(super) fn section(&self, begin: u64, size: u64) -> Section<'_> {
        Section { parts: self, current: None, at: begin, end: begin + size }
    }
}

/// Some bytes of a bundle.
#[derive(Debug)]
pub(super) struct Section<'a> {
    parts: &'a Parts,
    /// The part that is being read, at the right place.
    current: Option<(usize, File)>,
    at: u64,
    end: u64,
}

impl Section<'_> {
    /// Where the next byte is.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.end - self.at
    }

    /// Leaves out `n` bytes, which are there.
    pub(super) fn skip(&mut self, n: u64) -> io::Result<()> {
        self.at += n;
        if let Some((nth, file)) = &mut self.current {
            let part = &self.parts.all[*nth];
            if self.at < part.begin + part.size {
                file.seek(SeekFrom::Start(self.at - part.begin))?;
            } else {
                self.current = None;
            }
        }
        Ok(())
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end || buffer.is_empty() {
            return Ok(0);
        }
        let nth = self.parts.all.partition_point(|it| it.begin + it.size <= self.at);
        let part = &self.parts.all[nth];
        let file = match &mut self.current {
            Some((current, file)) if *current == nth => file,
            current => {
                let mut file = File::open(&part.path)?;
                file.seek(SeekFrom::Start(self.at - part.begin))?;
                &mut current.insert((nth, file)).1
            }
        };
        let room = (part.begin + part.size).min(self.end) - self.at;
        let room = buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        match file.read(&mut buffer[..room])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.at += n as u64;
                Ok(n)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t2_more_bytes_than_a_number_counts_are_refused() {
        let mut parts = Parts { all: Vec::new(), size: 0, is_split: true };
        parts.put("b.001".into(), u64::MAX).unwrap();
        assert!(parts.put("b.002".into(), 1).is_err());
        assert_eq!((parts.all.len(), parts.size()), (1, u64::MAX));
    }

    #[test]
    fn parts_read_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("b.ingle");
        for (number, bytes) in [(1, "abc"), (2, ""), (3, "defg"), (5, "not reached")] {
            fs::write(part(&target, number), bytes).unwrap();
        }
        for named in [target.clone(), part(&target, 1), part(&target, 3)] {
            let parts = Parts::open(&named).unwrap();
            let mut text = String::new();
            parts.section(1, 5).read_to_string(&mut text).unwrap();
            assert_eq!((text.as_str(), parts.size()), ("bcdef", 7), "{}", named.display());
            let mut section = parts.section(0, 7);
            section.read_exact(&mut [0]).unwrap();
            section.skip(4).unwrap();
            text.clear();
            section.read_to_string(&mut text).unwrap();
            assert_eq!(text, "fg");
        }
        assert_eq!(Parts::open(&target).unwrap().missing(), None, "the last is longer");
        fs::write(part(&target, 3), "def").unwrap();
        assert_eq!(Parts::open(&target).unwrap().missing(), Some(part(&target, 4)));
        fs::remove_file(part(&target, 2)).unwrap();
        assert_eq!(Parts::open(&target).unwrap().missing(), Some(part(&target, 2)));
        fs::remove_file(part(&target, 1)).unwrap();
        for named in [target.clone(), part(&target, 3)] {
            let error = Parts::open(&named).unwrap_err();
            let first = part(&target, 1);
            assert!(matches!(&error, Error::NoFirstPart { path } if *path == first), "{error}");
        }
    }
}
