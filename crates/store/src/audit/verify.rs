//! Whether an audit log is as it was written.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Serialize;

use super::{Error, Flaw, LOCK, Pruned, head, line::Line, months};
use crate::digest::Sha256Hex;

/// A log in which every line follows from the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// How many entries there are.
    pub entries: u64,
    /// How many there are of each [`Event`](super::Event), by its name.
    pub events: BTreeMap<&'static str, u64>,
    /// The number of the first; above 1 where an entry says that older ones were no longer kept.
    pub first: u64,
    /// When that was.
    pub from: String,
    /// When the last was.
    pub to: String,
    /// The digest of the last, to be noted elsewhere.
    pub last: Sha256Hex,
}

/// The state of reading line after line.
#[derive(Default)]
struct Reader {
    before: Option<Line>,
    checked: Option<Checked>,
    /// What the first entry follows, where that is not the beginning.
    follows: Option<Sha256Hex>,
    /// What entries say is gone.
    pruned: Vec<Pruned>,
    /// The entry that the head names, and whether it is there.
    head: Option<(u64, Sha256Hex, Seen)>,
    /// The entry that must be there.
    wanted: Option<Sha256Hex>,
}

/// What was found of the entry that the head names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    It,
    Another,
}

/// Reads all of the log in `folder`; an entry must have the digest `wanted`, if that is given.
///
/// # Errors
///
/// The first line that was changed, removed or moved; lines that are missing at either end; or what
/// the system refuses.
pub fn verify(folder: &Path, wanted: Option<Sha256Hex>) -> Result<Checked, Error> {
    // Nobody writes meanwhile. A copy that may only be read has no writer.
    let lock = File::open(folder.join(LOCK)).ok();
    let _held = lock.filter(|it| it.lock_shared().is_ok());
    let head = head(folder)?;
    let head = head.map(|(nth, digest)| (nth, digest, Seen::Nothing));
    let mut reader = Reader { head, wanted, ..Reader::default() };
    let files = months(folder)?;
    for (_, path) in &files {
        reader.file(path)?;
    }
    reader.check_ends(folder, files.first().map(|it| it.1.as_path()))?;
    reader.finish(folder)
}

/// The same for one file. What was before it, and what is missing at its end, cannot be known.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_file(path: &Path, wanted: Option<Sha256Hex>) -> Result<Checked, Error> {
    let mut reader = Reader { wanted, ..Reader::default() };
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
        self.pruned.extend(line.pruned);
        if let Some((nth, digest, seen)) = &mut self.head
            && *nth == line.nth
        {
            *seen = if *digest == line.digest { Seen::It } else { Seen::Another };
        }
        if self.checked.is_none() {
            self.follows = line.previous;
        }
        let checked = self.checked.get_or_insert_with(|| Checked {
            entries: 0,
            events: BTreeMap::new(),
            first: line.nth,
            from: line.time.clone(),
            to: String::new(),
            last: line.digest,
        });
        checked.entries += 1;
        *checked.events.entry(line.event).or_default() += 1;
        line.time.clone_into(&mut checked.to);
        checked.last = line.digest;
        self.before = Some(line);
        Ok(())
    }

    /// Whether nothing is missing before the first line, which is in the file `begun`, and after the
    /// last.
    fn check_ends(&self, folder: &Path, begun: Option<&Path>) -> Result<(), Error> {
        let (found, folder) = (self.before.as_ref().map_or(0, |it| it.nth), folder.to_owned());
        match self.head {
            None if found > 0 => return Err(Error::NoHead { folder }),
            Some((expected, ..)) if expected > found => {
                return Err(Error::Cut { folder, found, expected });
            }
            Some((nth, _, Seen::Another) | (nth @ 1.., _, Seen::Nothing)) => {
                return Err(Error::Replaced { folder, nth });
            }
            _ => {}
        }
        let (Some(checked), Some(path)) = (&self.checked, begun) else { return Ok(()) };
        let follows = |it: &Pruned| {
            it.nth.checked_add(1) == Some(checked.first) && Some(it.digest) == self.follows
        };
        let is_first = checked.first == 1 && self.follows.is_none();
        match is_first || self.pruned.iter().any(follows) {
            true => Ok(()),
            false => {
                let flaw = Flaw::Begun { found: checked.first };
                Err(Error::Broken { path: path.to_owned(), line: 1, flaw })
            }
        }
    }

    fn finish(self, place: &Path) -> Result<Checked, Error> {
        match (self.checked, self.wanted) {
            (None, _) => Err(Error::Empty(place.to_owned())),
            (Some(_), Some(wanted)) => Err(Error::NotThere(wanted)),
            (Some(checked), None) => Ok(checked),
        }
    }
}
