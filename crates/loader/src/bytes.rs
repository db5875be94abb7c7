//! Bytes that stay where they are: a range of a mapped file and a share in the mapping.

use std::{
    fmt,
    ops::{Deref, Range},
    sync::Arc,
};

/// A range of bytes whose owner, a mapped file or a vector, lives as long as any range of it.
#[derive(Clone)]
pub struct Bytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl Bytes {
    /// All of `owner`.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        let range = 0..owner.as_ref().len();
        Self { owner: Arc::new(owner), range }
    }

    /// The part `range` of these bytes; nothing is copied.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.len(), "{range:?} of {} bytes", self.len());
        let range = self.range.start + range.start..self.range.start + range.end;
        Self { owner: Arc::clone(&self.owner), range }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.range.clone()]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_a_slice_counts_from_its_start() {
        let bytes = Bytes::new(vec![0, 1, 2, 3, 4, 5]).slice(1..5).slice(2..4);
        assert_eq!(&*bytes, &[3, 4]);
    }
}
