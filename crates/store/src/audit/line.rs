//! One entry, and the line that it becomes.

use serde::{Deserialize, Serialize};

use super::{Error, Flaw, LONGEST};
use crate::digest::Sha256Hex;

/// What happened. Nothing in it is what a person or a model wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, as RFC 3339 in UTC.
    pub time: String,
    /// Who: the user by the number that the system has, such as `uid-1000`.
    pub who: String,
    /// What they ran, such as `run`.
    pub verb: String,
    /// The model's name, without the folders above a file.
    pub model: String,
    /// The digest of its weights; see [`Subject::digest`](crate::policy::Subject::digest).
    pub sha256: Option<Sha256Hex>,
    /// The digests of the adapters that were added to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Sha256Hex>,
    /// What the policy said; nothing where none is in force, or none was asked.
    pub policy: Option<Decision>,
    /// What came of it.
    pub event: Event,
}

impl Entry {
    /// Whether a line has room for it, and for whatever else comes of the same.
    ///
    /// # Errors
    ///
    /// If it has too many adapters, or too long a text.
    pub fn check_length(&self) -> Result<(), Error> {
        let digest = Sha256Hex::from([0; 32]);
        // No event is longer.
        let event = Event::Pruned(Pruned { nth: u64::MAX, digest });
        let (line, _) = Line::write(u64::MAX, Some(digest), &Self { event, ..self.clone() });
        match line.len() > LONGEST {
            true => Err(Error::Long { found: line.len(), adapters: self.adapters.len() }),
            false => Ok(()),
        }
    }
}

/// What a policy said of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The digest of the policy's file.
    pub policy: Sha256Hex,
    /// The rule that decided.
    pub rule: String,
    /// Whether the model may be used.
    pub allowed: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// The model came into the library from a hub.
    Fetched,
    /// The model came into the library from a bundle, or from a file or folder.
    Imported,
    /// The library uses the model where another program keeps it.
    Adopted,
    /// The model, or what was there of it, was taken out of the library.
    Removed,
    /// The model was loaded.
    Loaded,
    /// The policy refused the model, to whatever was to be done with it.
    Refused,
    /// The model answered.
    Answered(Answer),
    /// The entries up to this one were removed: they were kept as long as they must be.
    Pruned(Pruned),
    /// An entry before this one was begun and not finished: its writer died.
    Torn {
        /// How many bytes of it there were.
        bytes: u64,
    },
}

impl Event {
    /// What it is called in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Imported => "imported",
            Self::Adopted => "adopted",
            Self::Removed => "removed",
            Self::Loaded => "loaded",
            Self::Refused => "refused",
            Self::Answered(_) => "answered",
            Self::Pruned(_) => "pruned",
            Self::Torn { .. } => "torn",
        }
    }
}

/// How much was read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub answer_tokens: u64,
}

/// The last of the entries that were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Its number.
    pub nth: u64,
    /// Its digest.
    pub digest: Sha256Hex,
}

/// What of a line links it to others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) nth: u64,
    pub(super) time: String,
    /// What its event is called.
    pub(super) event: &'static str,
    /// The digest of the line before it.
    pub(super) previous: Option<Sha256Hex>,
    /// Its own.
    pub(super) digest: Sha256Hex,
    /// What it says is gone.
    pub(super) pruned: Option<Pruned>,
}

/// A line without its digest.
#[derive(Serialize, Deserialize)]
struct Body<E> {
    nth: u64,
    previous: Option<Sha256Hex>,
    #[serde(flatten)]
    entry: E,
}

/// Between a line's body and its digest.
const MARK: &[u8] = b",\"digest\":\"";
/// After its digest.
const END: &[u8] = b"\"}";

impl Line {
    /// The line of `entry` with its line end, and its digest.
    pub(super) fn write(
        nth: u64,
        previous: Option<Sha256Hex>,
        entry: &Entry,
    ) -> (String, Sha256Hex) {
        let body = serde_json::to_string(&Body { nth, previous, entry });
        let body = body.expect("names of keys are texts");
        let digest = Sha256Hex::of(body.as_bytes());
        let open = body.strip_suffix('}').expect("a JSON object ends so");
        (format!("{open},\"digest\":\"{digest}\"}}\n"), digest)
    }

    /// What `line`, without its line end, links to.
    ///
    /// # Errors
    ///
    /// If it is no entry, or not the one that was written.
    pub(super) fn read(line: &[u8]) -> Result<Self, Flaw> {
        let rest = line.strip_suffix(END).ok_or(Flaw::NoEntry)?;
        let at = rest.len().checked_sub(64).ok_or(Flaw::NoEntry)?;
        let (open, written) = rest.split_at(at);
        let open = open.strip_suffix(MARK).ok_or(Flaw::NoEntry)?;
        let written = std::str::from_utf8(written).ok().and_then(|it| it.parse().ok());
        let written: Sha256Hex = written.ok_or(Flaw::NoEntry)?;
        let body = [open, b"}"].concat();
        let digest = Sha256Hex::of(&body);
        if digest != written {
            return Err(Flaw::Changed);
        }
        let Body { nth, previous, entry } =
            serde_json::from_slice::<Body<Entry>>(&body).map_err(|_| Flaw::NoEntry)?;
        let event = entry.event.name();
        let pruned = match entry.event {
            Event::Pruned(pruned) => Some(pruned),
            _ => None,
        };
        Ok(Self { nth, time: entry.time, event, previous, digest, pruned })
    }
}

/// Months since the year 0 of a time or a month, `YYYY-MM…`.
pub(super) fn month(time: &str) -> Option<u32> {
    let number = |it: &str| {
        let is_plain = it.bytes().all(|byte| byte.is_ascii_digit());
        it.parse::<u32>().ok().filter(|_| is_plain)
    };
    let (year, month) = (number(time.get(..4)?)?, number(time.get(5..7)?)?);
    let parted = time.get(4..5) == Some("-") && time.get(7..8).is_none_or(|it| it == "-");
    (parted && (1..=12).contains(&month)).then(|| year * 12 + month - 1)
}
