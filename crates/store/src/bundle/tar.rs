//! The headers of a bundle: as much of tar (ustar, POSIX.1-2001) as one needs, written and read in
//! one form only.
//!
//! ```text
//! byte   0..100  name         257..263  "ustar\0"
//!      100..108  mode, octal  263..265  "00"
//!      124..136  size, octal  329..345  two devices, 0
//!      148..156  checksum     the rest  owners 0, no times, no names of people, no link, no prefix
//!      156       kind         '0' a file; 'x' before one of 8 GiB or more, whose size it tells
//! ```
//!
//! Reading takes what a header says, writes the header that says so, and compares all 512 bytes.
//! The `tar` crate does more than is wanted here: it understands links, sparse files, two ways of
//! long names and two of large sizes, and each of those would have to be found and refused again.

use std::{fmt, str::FromStr};

use super::{Flaw, layout::PROGRAM};
use crate::digest::Sha256Hex;

/// Bytes of a header; contents are filled up to a multiple of it.
pub(super) const BLOCK: usize = 512;
/// What follows the last entry.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
/// The largest size that 11 octal digits can tell.
const MAX_OCTAL: u64 = (1 << 33) - 1;
/// The name of what tells a larger size.
const LARGE: &str = "PaxHeaders/size";
const BLOBS: &str = "blobs/sha256/";

/// What an entry is called: one of four forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryName {
    /// `oci-layout`
    Layout,
    /// `index.json`
    Index,
    /// `blobs/sha256/HEX`
    Blob(Sha256Hex),
    /// `ingle`
    Program,
}

impl FromStr for EntryName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "oci-layout" => Ok(Self::Layout),
            "index.json" => Ok(Self::Index),
            PROGRAM => Ok(Self::Program),
            name => {
                let digest = name.strip_prefix(BLOBS).ok_or(())?;
                digest.parse().map(Self::Blob).map_err(|_| ())
            }
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout => f.write_str("oci-layout"),
            Self::Index => f.write_str("index.json"),
            Self::Program => f.write_str(PROGRAM),
            Self::Blob(digest) => write!(f, "{BLOBS}{digest}"),
        }
    }
}

/// What stands before a content of `size` bytes.
pub(super) fn header(name: EntryName, size: u64) -> Vec<u8> {
    let mode = if name == EntryName::Program { 0o755 } else { 0o644 };
    let name = name.to_string();
    if size <= MAX_OCTAL {
        return block(&name, b'0', size, mode).to_vec();
    }
    let record = record(size);
    let mut all = block(LARGE, b'x', record.len() as u64, 0o644).to_vec();
    all.extend_from_slice(record.as_bytes());
    all.resize(2 * BLOCK, 0);
    all.extend_from_slice(&block(&name, b'0', 0, mode));
    all
}

/// Bytes that fill up a content of `size` bytes.
pub(super) fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

/// `LENGTH size=N` and a line end; the length counts itself.
fn record(size: u64) -> String {
    let rest = format!(" size={size}\n");
    // Two digits more, whatever the size.
    format!("{}{rest}", rest.len() + 2)
}

fn block(name: &str, kind: u8, size: u64, mode: u32) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, &format!("{mode:07o}"));
    put(108, "0000000"); // user
    put(116, "0000000"); // group
    put(124, &format!("{size:011o}"));
    put(136, "00000000000"); // time
    put(148, "        ");
    put(257, "ustar\x0000");
    put(329, "0000000");
    put(337, "0000000");
    block[156] = kind;
    let sum = sum(&block);
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

/// Of all bytes, those of the checksum taken for spaces.
fn sum(block: &[u8; BLOCK]) -> u32 {
    let of = |part: &[u8]| part.iter().map(|it| u32::from(*it)).sum::<u32>();
    of(&block[..148]) + 8 * u32::from(b' ') + of(&block[156..])
}

/// What a block of 512 bytes where a header should be says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Nothing: half of the end.
    Zeros,
    /// A file of this size comes.
    File(EntryName, u64),
    /// The size of the next file comes, in so many bytes.
    Large(usize),
}

/// Reads a header.
pub(super) fn read(bytes: &[u8; BLOCK]) -> Result<Header, Flaw> {
    if bytes.iter().all(|it| *it == 0) {
        return Ok(Header::Zeros);
    }
    if octal(&bytes[148..154]) != Some(sum(bytes).into()) {
        return Err(Flaw::Checksum);
    }
    let end = bytes[..100].iter().position(|it| *it == 0).unwrap_or(100);
    let name = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let kind = bytes[156];
    let known = match kind {
        b'0' => name.parse().ok(),
        b'x' if name == LARGE => None,
        kind => return Err(Flaw::Kind { name, found: called(kind) }),
    };
    let size = octal(&bytes[124..135]).ok_or(Flaw::Header)?;
    let Some(known) = known else {
        return match kind {
            b'0' => Err(Flaw::Name { name }),
            _ if size > BLOCK as u64 || *bytes != block(LARGE, b'x', size, 0o644) => {
                Err(Flaw::LargeSize)
            }
            _ => Ok(Header::Large(size as usize)),
        };
    };
    match header(known, size)[..] == bytes[..] {
        true => Ok(Header::File(known, size)),
        false => Err(Flaw::Header),
    }
}

/// The size that a record tells.
pub(super) fn read_size(bytes: &[u8]) -> Result<u64, Flaw> {
    let text = str::from_utf8(bytes).map_err(|_| Flaw::LargeSize)?;
    let size = text.trim_end_matches('\n').split_once(" size=").and_then(|it| it.1.parse().ok());
    match size {
        Some(size) if size > MAX_OCTAL && record(size) == text => Ok(size),
        _ => Err(Flaw::LargeSize),
    }
}

fn octal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |n, it| match it {
        b'0'..=b'7' => Some(n * 8 + u64::from(it - b'0')),
        _ => None,
    })
}

/// What tar keeps under this letter.
fn called(kind: u8) -> &'static str {
    match kind {
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' | b'4' => "a device",
        b'5' => "a folder",
        b'6' => "a pipe",
        b'S' => "a sparse file",
        b'x' | b'g' => "a header of pax",
        b'L' | b'K' => "a long name of GNU tar",
        _ => "of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob() -> EntryName {
        EntryName::Blob(Sha256Hex::of(b"x"))
    }

    #[track_caller]
    fn check(name: EntryName, size: u64) {
        let bytes = header(name, size);
        let (blocks, []) = bytes.as_chunks::<BLOCK>() else { panic!("whole blocks") };
        match blocks {
            [one] => assert_eq!(read(one).unwrap(), Header::File(name, size)),
            [large, record, file] => {
                let Header::Large(n) = read(large).unwrap() else { panic!("a size") };
                assert_eq!(read_size(&record[..n]).unwrap(), size);
                assert_eq!(read(file).unwrap(), Header::File(name, 0));
            }
            _ => panic!("{} blocks", blocks.len()),
        }
    }

    #[test]
    fn headers_come_back() {
        for name in [EntryName::Layout, EntryName::Index, EntryName::Program, blob()] {
            for size in [0, 1, 511, 512, MAX_OCTAL, MAX_OCTAL + 1, u64::MAX] {
                check(name, size);
            }
        }
    }

    #[test]
    fn names_have_one_of_four_forms() {
        let digest = Sha256Hex::of(b"x").to_string();
        for bad in
            ["", "ingle/", "./ingle", "/ingle", "blobs/sha256/", "blobs/sha256/..", "INDEX.JSON"]
        {
            assert!(bad.parse::<EntryName>().is_err(), "{bad}");
        }
        for bad in [digest.to_uppercase(), format!("{digest}/x"), format!("../{digest}")] {
            assert!(format!("{BLOBS}{bad}").parse::<EntryName>().is_err(), "{bad}");
        }
        assert_eq!(format!("{BLOBS}{digest}").parse(), Ok(blob()));
    }

    #[test]
    fn any_other_byte_in_a_header_is_refused() {
        let good: [u8; BLOCK] = header(blob(), 1000).try_into().unwrap();
        for at in 0..BLOCK {
            let mut bad = good;
            bad[at] ^= 1;
            // As somebody who knows how to write a checksum would.
            let sum = sum(&bad);
            bad[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            let read = read(&bad);
            let told = match at {
                // Another size or another digest is a header, too.
                124..135 | 13..77 => continue,
                // The checksum was mended.
                148..155 => read == Ok(Header::File(blob(), 1000)),
                _ => read.is_err(),
            };
            assert!(told, "byte {at}");
        }
    }
}
