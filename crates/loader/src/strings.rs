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

    /// Shows each with its number, in order, until one is refused. Unlike what [`iter`](Self::iter)
    /// gives, they are copies in one buffer: for lists of very many.
    ///
    /// # Errors
    ///
    /// What `see` refuses one with.
    pub fn try_each<E>(&self, mut see: impl FnMut(usize, &str) -> Result<(), E>) -> Result<(), E> {
        let bytes: &[u8] = &self.bytes;
        let mut copy = Vec::new();
        for (index, &start) in self.starts.iter().enumerate() {
            copy.clear();
            copy.extend_from_slice(bytes_at(bytes, start).unwrap_or_default());
            see(index, str::from_utf8(&copy).unwrap_or_default())?;
        }
        Ok(())
    }
}

fn at(bytes: &[u8], start: usize) -> String {
    let text = bytes_at(bytes, start).and_then(|it| String::from_utf8(it.to_vec()).ok());
    text.unwrap_or_default()
}

fn bytes_at(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let len = u64::from_le_bytes(*bytes.get(..start)?.last_chunk()?);
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
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
        let mut seen = vec![];
        let stopped = strings.try_each(|index, text| {
            seen.push((index, text.to_owned()));
            if text == "a" { Err(text.len()) } else { Ok(()) }
        });
        assert_eq!(stopped, Err(1));
        assert_eq!(seen, [(0, String::new()), (1, "a".to_owned())]);
    }

    #[test]
    fn a_string_that_changed_under_us_is_empty() {
        let mut bytes = 2u64.to_le_bytes().to_vec();
        bytes.extend([0xff, 0xff]);
        let changed = Strings::new(Bytes::new(bytes), vec![8]);
        assert_eq!(changed.get(0), Some(String::new()));
        let see = |_, text: &str| if text.is_empty() { Ok(()) } else { Err(()) };
        assert_eq!(changed.try_each(see), Ok(()));
        let long = u64::MAX.to_le_bytes().to_vec();
        assert_eq!(Strings::new(Bytes::new(long), vec![8]).get(0), Some(String::new()));
    }
}
