//! Digests from outside and of our own: SHA-256 of files, SHA-1 of commits and git blobs. A text
//! that is not exactly one cannot become one, so a digest can be a part of a path.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

/// A SHA-256: 32 bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Hex([u8; 32]);

/// What git names a commit or a blob by, a SHA-1: 20 bytes, written as 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitHex([u8; 20]);

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no {kind}, expected {digits} of 0-9 a-f", found.escape_debug())]
pub struct DigestError {
    /// The beginning of what was found.
    pub found: String,
    /// What it should be.
    pub kind: &'static str,
    /// How many digits that has.
    pub digits: usize,
}

impl Sha256Hex {
    /// Of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of all that `from` gives, and how many bytes that are; `each` hears of every piece.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn of_all(
        mut from: impl Read,
        mut each: impl FnMut(usize) -> io::Result<()>,
    ) -> io::Result<(Self, u64)> {
        let (mut hash, mut size) = (Sha256::new(), 0);
        let mut piece = vec![0; 1 << 20];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return Ok((Self(hash.finalize().into()), size)),
                Ok(n) => {
                    hash.update(&piece[..n]);
                    size += n as u64;
                    each(n)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Sha256Hex {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<[u8; 20]> for CommitHex {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Sha256Hex {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        parsed(text).map(Self).ok_or_else(|| refused(text, "SHA-256", 64))
    }
}

impl FromStr for CommitHex {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        parsed(text).map(Self).ok_or_else(|| refused(text, "git commit or blob", 40))
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|it| write!(f, "{it:02x}"))
    }
}

impl fmt::Display for CommitHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|it| write!(f, "{it:02x}"))
    }
}

impl Serialize for Sha256Hex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for CommitHex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for CommitHex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// `2 * N` lower-case hexadecimal digits and nothing else.
fn parsed<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |it: u8| match it {
        b'0'..=b'9' => Some(it - b'0'),
        b'a'..=b'f' => Some(it - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

fn refused(text: &str, kind: &'static str, digits: usize) -> DigestError {
    DigestError { found: text.chars().take(80).collect(), kind, digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn known_digests() {
        assert_eq!(Sha256Hex::of(b"").to_string(), EMPTY);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let (found, size) = Sha256Hex::of_all(&b"abc"[..], |_| Ok(())).unwrap();
        assert_eq!((found.to_string().as_str(), size), (abc, 3));
    }

    #[test]
    fn only_exactly_a_digest_is_one() {
        assert_eq!(EMPTY.parse::<Sha256Hex>().unwrap().to_string(), EMPTY);
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(commit.parse::<CommitHex>().unwrap().to_string(), commit);
        let upper = EMPTY.to_uppercase();
        let longer = format!("{EMPTY}0");
        let path = "../../../../../../../../../../../../../../../../../../../etc/passwd";
        for text in ["", "..", &EMPTY[1..], &longer, &upper, commit, path, "é"] {
            let error = text.parse::<Sha256Hex>().unwrap_err();
            assert_eq!((error.kind, error.digits), ("SHA-256", 64), "{text}");
        }
        assert!(EMPTY.parse::<CommitHex>().is_err());
    }
}
