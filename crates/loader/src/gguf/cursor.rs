//! Reads numbers and strings one after the other; never past the end.

use super::Error;

/// Longest string and array that is read, as in llama.cpp.
const MAX_LEN: u64 = 1 << 30;

/// A position in the header.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `len` bytes of `what`.
    pub(super) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let left = self.left();
        if len > left {
            let (found, expected) =
                (self.bytes.len() as u64, (self.at as u64).saturating_add(len as u64));
            return Err(Error::Truncated { what, found, expected });
        }
        self.at += len;
        Ok(&self.bytes[self.at - len..self.at])
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A number of things of at least `least` bytes each, and at most `most` of them.
    pub(super) fn count(
        &mut self,
        what: &'static str,
        least: usize,
        most: u64,
    ) -> Result<usize, Error> {
        let found = self.u64(what)?;
        let most = most.min((self.left() / least) as u64);
        match usize::try_from(found) {
            Ok(n) if found <= most => Ok(n),
            _ => Err(Error::Count { what, found, most }),
        }
    }

    /// A length in bytes that fits into what is left.
    pub(super) fn len(&mut self, what: &'static str) -> Result<usize, Error> {
        self.count(what, 1, MAX_LEN)
    }

    /// A length in elements of at least `least` bytes that fits into what is left.
    pub(super) fn elements(&mut self, least: usize) -> Result<usize, Error> {
        self.count("array elements", least, MAX_LEN)
    }

    /// A string; `what` names its length in messages.
    ///
    /// The copy is what is checked: a mapped file can change between the look and the use.
    pub(super) fn string(&mut self, what: &'static str) -> Result<String, Error> {
        let (at, bytes) = self.string_bytes(what)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Error::NotUtf8 { what, at })
    }

    /// Where a string begins, which is checked and not kept.
    pub(super) fn skip_string(&mut self, what: &'static str) -> Result<usize, Error> {
        let (at, bytes) = self.string_bytes(what)?;
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(self.at - bytes.len()),
            Err(_) => Err(Error::NotUtf8 { what, at }),
        }
    }

    fn string_bytes(&mut self, what: &'static str) -> Result<(u64, &'a [u8]), Error> {
        let len = self.len(what)?;
        Ok((self.at as u64, self.take(len, what)?))
    }
}
