//! Bytes that stay where they are: a range of a mapped file and a share in the mapping; or that are
//! computed from such when they are first looked at.

use std::{
    fmt,
    ops::{Deref, Range},
    sync::{Arc, OnceLock},
};

/// A range of bytes whose owner, a mapped file or a vector, lives as long as any range of it.
#[derive(Clone)]
pub struct Bytes {
    owner: Owner,
    range: Range<usize>,
}

#[derive(Clone)]
enum Owner {
    There(Arc<dyn AsRef<[u8]> + Send + Sync>),
    Computed(Arc<Computed>),
}

/// Makes bytes.
type Make = dyn Fn() -> Vec<u8> + Send + Sync;

/// What `make` gives, from the first look at it on.
struct Computed {
    make: Arc<Make>,
    made: OnceLock<Vec<u8>>,
}

impl Bytes {
    /// All of `owner`.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        let range = 0..owner.as_ref().len();
        Self { owner: Owner::There(Arc::new(owner)), range }
    }

    /// `len` bytes that `make` gives when they are first looked at; kept from then on, as long as
    /// these or a slice or clone of them live.
    pub(crate) fn computed(len: usize, make: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self { owner: Owner::Computed(Computed::by(Arc::new(make))), range: 0..len }
    }

    /// The same bytes, and where they are computed, by themselves: what is computed for them goes
    /// when they go, so that who passes over a model need not keep all of it.
    #[must_use]
    pub(crate) fn afresh(&self) -> Self {
        let owner = match &self.owner {
            Owner::There(_) => self.owner.clone(),
            Owner::Computed(it) => Owner::Computed(Computed::by(Arc::clone(&it.make))),
        };
        Self { owner, range: self.range.clone() }
    }

    /// How many there are. Nothing is computed for that.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none. Nothing is computed for that.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The part `range` of these bytes; nothing is copied.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.len(), "{range:?} of {} bytes", self.len());
        let range = self.range.start + range.start..self.range.start + range.end;
        Self { owner: self.owner.clone(), range }
    }
}

impl Computed {
    fn by(make: Arc<Make>) -> Arc<Self> {
        Arc::new(Self { make, made: OnceLock::new() })
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
        let all = match &self.owner {
            Owner::There(it) => (**it).as_ref(),
            Owner::Computed(it) => it.made.get_or_init(&*it.make),
        };
        &all[self.range.clone()]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_slice_of_a_slice_counts_from_its_start() {
        let bytes = Bytes::new(vec![0, 1, 2, 3, 4, 5]).slice(1..5).slice(2..4);
        assert_eq!(&*bytes, &[3, 4]);
    }

    #[test]
    fn what_is_computed_is_computed_once_and_when_it_is_looked_at() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let bytes = Bytes::computed(3, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            vec![7, 8, 9]
        });
        let part = bytes.slice(1..3);
        assert_eq!((bytes.len(), part.len(), part.is_empty()), (3, 2, false));
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        assert_eq!((&*part, bytes[0]), (&[8, 9][..], 7));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        let afresh = part.afresh();
        assert_eq!((&*afresh, calls.load(Ordering::Relaxed)), (&[8, 9][..], 2));
        drop(afresh);
        assert_eq!((&*part, calls.load(Ordering::Relaxed)), (&[8, 9][..], 2));
    }
}
