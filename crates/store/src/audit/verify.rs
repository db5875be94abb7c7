//! Whether an audit log is as it was written.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Serialize;

use super::{Error, Flaw, head, line::Line, months};
use crate::digest::Sha256Hex;

/// A log in which every line follows from the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// How many entries there are.
    pub entries: u64,
    /// The number of the first; above 1 where older ones were no longer kept.
    pub first: u64,
    /// When that was.
    pub from: String,
    /// When the last was.
    pub to: String,
    /// The digest of the last, to be noted elsewhere.
    pub last: Sha256Hex,
}

/// The state of reading line after line.
struct Reader {
    before: Option<Line>,
    checked: Option<Checked>,
    /// The entry that must be there.
    wanted: Option<Sha256Hex>,
}

/// Reads all of the log in `folder`; an entry must have the digest `wanted`, if that is given.
///
/// # Errors
///
/// The first line that was changed, removed or moved; lines that are missing at the end; or what the system
/// refuses.
pub fn verify(folder: &Path, wanted: Option<Sha256Hex>) -> Result<Checked, Error> {
    let mut reader = Reader { before: None, checked: None, wanted };
    for (_, path) in months(folder)? {
        reader.file(&path)?;
    }
    if let Some((expected, digest)) = head(folder)? {
        let (last, folder) = (reader.before.as_ref(), folder.to_owned());
        let found = last.map_or(0, |it| it.nth);
        if found < expected {
            return Err(Error::Cut { folder, found, expected });
        }
        if last.is_some_and(|it| it.nth == expected && it.digest != digest) {
            return Err(Error::Replaced { folder, nth: expected });
        }
    }
    reader.finish(folder)
}

/// The same for one file. What was before it, and what is missing at its end, cannot be known.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_file(path: &Path, wanted: Option<Sha256Hex>) -> Result<Checked, Error> {
    let mut reader = Reader { before: None, checked: None, wanted };
    reader.file(path)?;
    reader.finish(path)
}

impl Reader {
    fn file(&mut self, path: &Path) -> Result<(), Error> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let mut file = BufReader::new(file);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            if file.read_until(b'\n', &mut bytes).map_err(Error::io("read", path))? == 0 {
                break;
            }
            let broken = |flaw| Error::Broken { path: path.to_owned(), line, flaw };
            let text = bytes.strip_suffix(b"\n").ok_or_else(|| broken(Flaw::Torn))?;
            let found = Line::read(text).map_err(broken)?;
            self.follow(found).map_err(broken)?;
        }
        Ok(())
    }

    fn follow(&mut self, line: Line) -> Result<(), Flaw> {
        if let Some(before) = &self.before {
            let (found, expected) = (line.nth, before.nth + 1);
            if found > expected {
                return Err(Flaw::Removed { found, expected });
            }
            if found < expected {
                return Err(Flaw::Moved { found, expected });
            }
            if line.previous != Some(before.digest) {
                return Err(Flaw::Unlinked);
            }
        }
        self.wanted = self.wanted.filter(|it| *it != line.digest);
        let (from, first) = match &self.checked {
            Some(checked) => (checked.from.clone(), checked.first),
            None => (line.time.clone(), line.nth),
        };
        let entries = line.nth - first + 1;
        let to = line.time.clone();
        self.checked = Some(Checked { entries, first, from, to, last: line.digest });
        self.before = Some(line);
        Ok(())
    }

    fn finish(self, place: &Path) -> Result<Checked, Error> {
        match (self.checked, self.wanted) {
            (None, _) => Err(Error::Empty(place.to_owned())),
            (Some(_), Some(wanted)) => Err(Error::NotThere(wanted)),
            (Some(checked), None) => Ok(checked),
        }
    }
}
