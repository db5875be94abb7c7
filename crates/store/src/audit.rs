//! The audit log: what came into the library, was loaded, answered and was removed, by whom and when,
//! what the policy refused, and nothing of what was said.
//!
//! ```text
//! INGLE_HOME/audit/
//!   2026-11.jsonl     a file a month, in UTC; a line an entry
//!   head              number and digest of the last entry
//!   lock              held while an entry is written
//! ```
//!
//! A line is a JSON object: `nth`, counted from 1; `previous`, the digest of the line before it; `time`,
//! `who`, `verb`, `model`, `sha256` (of its weights), `adapters` (their digests, where there are any),
//! `policy` (its digest, the rule that decided, whether it allows) and `event`, as [`Entry`] has them;
//! and last `digest`, of the object without that.
//!
//! Each line ends with its own digest and holds that of the line before it, across the files, so a
//! line that was changed, removed or put elsewhere shows ([`verify`]). The last line is held against
//! the head, and the first against the entry that says what was removed before it. Whoever can write
//! all of the folder can also write all of it anew, or write the last lines and the head anew: a site
//! that must rule that out notes the last digest somewhere else from time to time, and asks for it
//! later.

mod error;
mod line;
mod verify;

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

pub use error::{Error, Flaw};
pub use line::{Answer, Decision, Entry, Event, Pruned};
pub use verify::{Checked, verify, verify_file};

use crate::{digest::Sha256Hex, disk::Disk, private};
use line::Line;

/// The least that entries can be kept for, in months, and what they are kept for where nobody says.
pub const MONTHS: u32 = 6;

/// Number and digest of the last entry.
const HEAD: &str = "head";
/// Held while an entry is written.
const LOCK: &str = "lock";
/// The most bytes that a line may have.
const LONGEST: usize = 1 << 16;

/// A log that entries are added to.
#[derive(Clone, Debug)]
pub struct Log {
    folder: PathBuf,
    months: u32,
    disk: Disk,
}

/// The end of a file of the log.
struct End {
    /// The last whole line.
    last: Option<Line>,
    /// Bytes of the file up to the end of that.
    whole: u64,
    /// Bytes after that: of an entry whose writer died.
    torn: u64,
}

impl Log {
    /// The log in `folder`, which need not exist yet; entries are kept for at least `months`.
    ///
    /// # Errors
    ///
    /// If that is less than [`MONTHS`].
    pub fn at(folder: impl Into<PathBuf>, months: u32, disk: Disk) -> Result<Self, Error> {
        match months < MONTHS {
            true => Err(Error::Retention { found: months }),
            false => Ok(Self { folder: folder.into(), months, disk }),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder and the lock, so that a process may give up the right to make them.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn prepare(&self) -> Result<(), Error> {
        let made = private::folder(&self.folder);
        made.map_err(|error| Error::Folder { source: Box::new(error) })?;
        self.lock().map(drop)
    }

    /// Adds an entry, brings it to the disk, and removes files that are older than they need be;
    /// the entry's digest.
    ///
    /// # Errors
    ///
    /// If the entry is too long, the system refuses, or the log is not as it was left: then nothing
    /// is added, and whoever asked should not go on.
    pub fn append(&self, entry: Entry) -> Result<Sha256Hex, Error> {
        entry.check_length()?;
        self.prepare()?;
        let _lock = self.lock()?;
        let month = line::month(&entry.time).ok_or_else(|| Error::Time(entry.time.clone()))?;
        let files = months(&self.folder)?;
        // A clock that was set back must not change the order of the files.
        let (now, month) = (month, files.last().map_or(month, |it| month.max(it.0)));
        let path = self.folder.join(file_name(month));
        let end = self.end(&files)?;
        match &end.last {
            // Before the first line, so that lines without a head are a fault.
            None => self.set_head(0, Sha256Hex::from([0; 32]))?,
            // Whose head could not be written: a second line before it would look replaced.
            Some(last) if head(&self.folder)?.is_some_and(|it| it.0 < last.nth) => {
                self.set_head(last.nth, last.digest)?;
            }
            Some(_) => {}
        }
        if let Some((_, latest)) = files.last().filter(|_| end.torn > 0) {
            self.cut(latest, end.whole)?;
        }
        let before = end.last.as_ref().and_then(|it| line::month(&it.time));
        let mut last = end.last.map(|it| (it.nth, it.digest));
        if end.torn > 0 {
            let torn = Entry { event: Event::Torn { bytes: end.torn }, ..entry.clone() };
            last = Some(self.add(&path, last, torn)?);
        }
        let last = self.add(&path, last, entry.clone())?;
        self.prune(before.map_or(now, |it| it.min(now)), &path, last, entry)?;
        Ok(last.1)
    }

    /// Whether an entry could be added, for those who note only what has come to pass.
    ///
    /// # Errors
    ///
    /// If the system refuses, or the log is not as it was left.
    pub fn check(&self) -> Result<(), Error> {
        self.prepare()?;
        let _lock = self.lock()?;
        self.end(&months(&self.folder)?).map(drop)
    }

    /// How the log ends, if that is as it was left.
    fn end(&self, files: &[(u32, PathBuf)]) -> Result<End, Error> {
        let mut end = End { last: None, whole: 0, torn: 0 };
        if let Some((_, latest)) = files.last() {
            end = End::of(latest)?;
            // Whoever could write no line may have left a file without any, each month.
            let mut before = files.iter().rev().skip(1);
            while end.last.is_none()
                && let Some((_, path)) = before.next()
            {
                end.last = End::of(path)?.last;
            }
        }
        self.check_head(end.last.as_ref())?;
        Ok(end)
    }

    /// Writes one line and the head; number and digest of the line.
    fn add(
        &self,
        path: &Path,
        last: Option<(u64, Sha256Hex)>,
        entry: Entry,
    ) -> Result<(u64, Sha256Hex), Error> {
        let (nth, previous) = last.map_or((1, None), |(nth, digest)| (nth + 1, Some(digest)));
        let (text, digest) = Line::write(nth, previous, &entry);
        let is_new = !path.exists();
        let written = (|| {
            let mut file = self.disk.reopen(path)?;
            file.seek(SeekFrom::End(0))?;
            file.write_all(text.as_bytes())?;
            file.sync()?;
            if is_new { self.disk.sync_folder(&self.folder) } else { Ok(()) }
        })();
        written.map_err(Error::io("write", path))?;
        self.set_head(nth, digest)?;
        Ok((nth, digest))
    }

    fn set_head(&self, nth: u64, digest: Sha256Hex) -> Result<(), Error> {
        let (head, new) = (self.folder.join(HEAD), self.folder.join("head.new"));
        let written = (|| {
            let mut file = self.disk.reopen(&new)?;
            // Always as long as before: nothing of what a writer that died had begun stays.
            file.write_all(format!("{nth:020} {digest}\n").as_bytes())?;
            file.sync()?;
            self.disk.rename(&new, &head)?;
            // A head that fell behind by more than one entry would say that the last were replaced.
            self.disk.sync_folder(&self.folder)
        })();
        written.map_err(Error::io("write", &head))
    }

    /// Takes away what a writer that died had begun.
    fn cut(&self, path: &Path, whole: u64) -> Result<(), Error> {
        let cut = self.disk.reopen(path).and_then(|file| file.set_len(whole));
        cut.map_err(Error::io("write", path))
    }

    /// Whether the last lines are still there, and the ones that were written. A writer that died
    /// before it wrote the head leaves that of the line before, which is no harm.
    fn check_head(&self, last: Option<&Line>) -> Result<(), Error> {
        let folder = || self.folder.clone();
        match (head(&self.folder)?, last) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Error::NoHead { folder: folder() }),
            (Some((expected, _)), last) if expected > last.map_or(0, |it| it.nth) => {
                let found = last.map_or(0, |it| it.nth);
                Err(Error::Cut { folder: folder(), found, expected })
            }
            (Some((nth, digest)), Some(last)) => {
                let is_it = nth == last.nth && digest == last.digest;
                let before = (nth > 0).then_some(digest);
                let is_before = nth + 1 == last.nth && last.previous == before;
                match is_it || is_before {
                    true => Ok(()),
                    false => Err(Error::Replaced { folder: folder(), nth: last.nth }),
                }
            }
            (Some(_), None) => Ok(()),
        }
    }

    /// Removes files that need be kept no longer, each after an entry that says so: they are of
    /// months before `now` by more than must be kept, and so many other files follow. So a clock
    /// that was wrong for a while takes nothing away that is not almost as old as it may be.
    fn prune(
        &self,
        now: u32,
        path: &Path,
        mut last: (u64, Sha256Hex),
        mut entry: Entry,
    ) -> Result<(), Error> {
        let mut files = months(&self.folder)?;
        files.truncate(files.len().saturating_sub((self.months as usize).saturating_add(1)));
        for (_, old) in files.iter().filter(|it| it.0.saturating_add(self.months) < now) {
            if let Some(Line { nth, digest, .. }) = End::of(old)?.last {
                entry.event = Event::Pruned(Pruned { nth, digest });
                last = self.add(path, Some(last), entry.clone())?;
            }
            self.disk.remove_file(old).map_err(Error::io("remove", old))?;
        }
        Ok(())
    }

    /// Held by one process at a time, until it is dropped.
    fn lock(&self) -> Result<File, Error> {
        let path = self.folder.join(LOCK);
        let file = self.disk.reopen(&path).map_err(Error::io("write", &path))?;
        let file = file.file().try_clone().map_err(Error::io("write", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }
}

impl End {
    fn of(path: &Path) -> Result<Self, Error> {
        let io = || Error::io("read", path);
        let mut file = File::open(path).map_err(io())?;
        let len = file.metadata().map_err(io())?.len();
        // Of the last line, and of a torn one after it; more where somebody wrote longer ones.
        let mut from = len.saturating_sub(2 * LONGEST as u64);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            file.seek(SeekFrom::Start(from)).map_err(io())?;
            file.read_to_end(&mut bytes).map_err(io())?;
            if from == 0 || bytes.iter().filter(|it| **it == b'\n').nth(1).is_some() {
                break;
            }
            from = len.saturating_sub(2 * (len - from));
        }
        let whole = bytes.iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1);
        let torn = (bytes.len() - whole) as u64;
        let last = match bytes[..whole].split_last() {
            None => None,
            Some((_, lines)) => {
                let begin = lines.iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1);
                let line = Line::read(&lines[begin..]);
                Some(line.map_err(|flaw| Error::Unreadable { path: path.to_owned(), flaw })?)
            }
        };
        Ok(Self { last, whole: from + whole as u64, torn })
    }
}

/// The files of the log, with their months, oldest first.
fn months(folder: &Path) -> Result<Vec<(u32, PathBuf)>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read", folder))?;
        let name = entry.file_name();
        let name = name.to_str().and_then(|it| it.strip_suffix(".jsonl"));
        found.extend(name.and_then(line::month).map(|month| (month, entry.path())));
    }
    found.sort();
    Ok(found)
}

fn file_name(month: u32) -> String {
    format!("{:04}-{:02}.jsonl", month / 12, month % 12 + 1)
}

/// Number and digest of the entry that was written last, as far as the head knows.
fn head(folder: &Path) -> Result<Option<(u64, Sha256Hex)>, Error> {
    let path = folder.join(HEAD);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::io("read", &path))?,
    };
    let parts = text.trim_end().split_once(' ');
    let parsed = parts.and_then(|(nth, digest)| Some((nth.parse().ok()?, digest.parse().ok()?)));
    parsed.map(Some).ok_or(Error::Unreadable { path, flaw: Flaw::NoEntry })
}

#[cfg(test)]
mod tests;
