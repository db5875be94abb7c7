//! Many strings in little memory: a vocabulary stays in the file that it came in.

use std::{fmt, sync::Arc};

use crate::Bytes;

/// The strings of an array value, as GGUF stores them: each after its length in 8 bytes.
///
/// Eight bytes of memory a string. A file can change while it is mapped: what is handed out is a
/// copy that was checked to be UTF-8, and empty where it no longer is.
#[derive(Clone, Default)]
pub struct Strings {
    bytes: Bytes,
    /// Where each string starts in `bytes`, right after its length.
    starts: Arc<[usize]>,
}

impl Strings {
    pub(crate) fn new(bytes: Bytes, starts: Vec<usize>) -> Self {
        Self { bytes, starts: starts.into() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// String `index`.
    pub fn get(&self, index: usize) -> Option<String> {
        self.starts.get(index).map(|&start| at(&self.bytes, start))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = String> {
        let bytes: &[u8] = &self.bytes;
        self.starts.iter().map(move |&start| at(bytes, start))
    }
}

fn at(bytes: &[u8], start: usize) -> String {
    let read = || {
        let len = u64::from_le_bytes(*bytes.get(..start)?.last_chunk()?);
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        String::from_utf8(bytes.get(start..end)?.to_vec()).ok()
    };
    read().unwrap_or_default()
}

impl<S: AsRef<str>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for it in strings {
            let it = it.as_ref().as_bytes();
            bytes.extend_from_slice(&(it.len() as u64).to_le_bytes());
            starts.push(bytes.len());
            bytes.extend_from_slice(it);
        }
        Self::new(Bytes::new(bytes), starts)
    }
}

impl PartialEq for Strings {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_as_they_went_in() {
        let strings: Strings = ["", "a", "ü\n"].into_iter().collect();
        assert_eq!(strings.iter().collect::<Vec<_>>(), ["", "a", "ü\n"]);
        assert_eq!(
            (strings.len(), strings.get(2), strings.get(3)),
            (3, Some("ü\n".to_owned()), None)
        );
    }

    #[test]
    fn a_string_that_changed_under_us_is_empty() {
        let mut bytes = 2u64.to_le_bytes().to_vec();
        bytes.extend([0xff, 0xff]);
        assert_eq!(Strings::new(Bytes::new(bytes), vec![8]).get(0), Some(String::new()));
        let long = u64::MAX.to_le_bytes().to_vec();
        assert_eq!(Strings::new(Bytes::new(long), vec![8]).get(0), Some(String::new()));
    }
}
