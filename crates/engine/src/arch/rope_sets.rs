//! Which set of rotary frequencies turns which row, where a scaling looks at how long a sequence is.
//!
//! A sequence begins with the set of its length, in all rows of its prompt. What comes after that
//! depends on the kind. LongRoPE has two sets, and a sequence that outgrows the first is computed
//! again. `dynamic` has one for each length beyond the original context. To compute all rows again
//! for each token would be as slow as having no cache; so, as in transformers with a cache, a token
//! that is chosen turns by the set of the length that it makes, and what is cached stays as it is.
//!
//! Where this differs from transformers 5.23: there a model remembers the longest sequence that it has
//! seen until one comes that is shorter than the original context, and the longest of a batch decides
//! for all of it; here a sequence's numbers depend on that sequence alone. And a second turn beyond
//! the original context is read again as a whole, where a program that hands transformers its cache
//! goes on with keys that turned by the sets of earlier turns.

use loader::ModelFile;

use super::{Numbers, config::LONG_FACTORS};
use crate::LoadError;

/// The sets of rotary frequencies that a model has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RopeSets {
    /// The same for all sequences.
    #[default]
    One,
    /// One for sequences of up to `short` tokens, and one for longer ones.
    Two {
        /// The longest sequence of the first.
        short: usize,
    },
    /// One for sequences of up to `original` tokens, and one for each length beyond.
    Each {
        /// The longest sequence of the first.
        original: usize,
    },
}

impl RopeSets {
    /// A file with factors for long sequences says from where on they count; `dynamic` counts from
    /// the model's context on, unless the file says otherwise.
    pub(super) fn read(
        n: &Numbers<'_>,
        file: &ModelFile,
        context: usize,
    ) -> Result<Self, LoadError> {
        let (key, any) = ("rope.scaling.original_context_length", 1..=u64::from(u32::MAX));
        if file.tensors.contains_key(LONG_FACTORS) {
            return Ok(Self::Two { short: n.count(key, any)? });
        }
        match n.text("rope.scaling.type")? {
            Some("dynamic") => Ok(Self::Each { original: n.count_or(key, context, any)? }),
            _ => Ok(Self::One),
        }
    }

    /// The set of a sequence that begins with `len` tokens, and of a token that makes it so long.
    pub fn of(self, len: usize) -> u32 {
        match self {
            Self::One => 0,
            Self::Two { short } => u32::from(len > short),
            Self::Each { original } => len.saturating_sub(original) as u32,
        }
    }

    /// How many sets there are for sequences of up to `longest` tokens.
    pub(crate) fn count(self, longest: usize) -> usize {
        match self {
            Self::One => 1,
            Self::Two { .. } => 2,
            Self::Each { original } => longest.saturating_sub(original).saturating_add(1),
        }
    }

    /// The longest sequence whose rows all turn by `set`.
    pub(crate) fn end(self, set: u32) -> usize {
        match self {
            Self::Two { short } if set == 0 => short,
            Self::One | Self::Two { .. } => usize::MAX,
            Self::Each { original } => original.saturating_add(set as usize),
        }
    }

    /// Whether a sequence that began with `set` has to be computed again when it has `len` tokens.
    pub(crate) fn has_outgrown(self, set: u32, len: usize) -> bool {
        matches!(self, Self::Two { .. }) && self.of(len) != set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_turns_what_is_as_long_as_it_is_for() {
        for sets in [RopeSets::One, RopeSets::Two { short: 7 }, RopeSets::Each { original: 7 }] {
            for len in 1..20 {
                let set = sets.of(len);
                assert!(len <= sets.end(set), "{sets:?}, {len}");
                assert!(!sets.has_outgrown(set, len), "{sets:?}, {len}");
                assert!((1..=len).all(|it| sets.of(it) <= set), "{sets:?}, {len}");
            }
        }
        assert_eq!([7, 8, 9].map(|len| RopeSets::Two { short: 7 }.of(len)), [0, 1, 1]);
        assert_eq!([7, 8, 9].map(|len| RopeSets::Each { original: 7 }.of(len)), [0, 1, 2]);
        assert_eq!([0, 2].map(|set| RopeSets::Each { original: 7 }.end(set)), [7, 9]);
        assert_eq!([1, 7, 9].map(|len| RopeSets::Each { original: 7 }.count(len)), [1, 1, 3]);
    }

    #[test]
    fn two_sets_alone_are_outgrown() {
        assert!(RopeSets::Two { short: 7 }.has_outgrown(0, 8));
        assert!(!RopeSets::Each { original: 7 }.has_outgrown(0, 8));
    }
}
