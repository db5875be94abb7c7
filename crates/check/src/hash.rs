//! FNV-1a with 64 bits: which vocabulary, template or tensor this is.
//!
//! It tells things apart that differ by accident. Who builds two that are equal gets a comparison
//! that fails, and nothing else.

use std::fmt;

/// A hash that bytes are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fnv(u64);

impl Fnv {
    /// Of nothing yet.
    pub const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    /// Of `text` alone.
    pub fn of(text: &str) -> Self {
        let mut hash = Self::EMPTY;
        hash.add(text.as_bytes());
        hash
    }

    /// Adds `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        assert_eq!(Fnv::of("").to_string(), "cbf29ce484222325");
        assert_eq!(Fnv::of("a").to_string(), "af63dc4c8601ec8c");
        assert_eq!(Fnv::of("foobar").to_string(), "85944171f73967e8");
    }
}
