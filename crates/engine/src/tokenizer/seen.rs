//! Words whose tokens were found already: a text says the same words again and again.

use std::ops::Range;

use super::vocab::hash;

/// Bytes of the longest word that is remembered. Longer ones hardly ever come again.
const LONGEST: usize = 24;

/// Words that are remembered at a time.
const SLOTS: usize = 1 << 13;

/// The latest words of one text, each with the place where its tokens stand in the list of all. A
/// word takes the place of another whose hash ends alike, so a text that is made to collide gains
/// nothing and costs what it did without.
pub(super) struct Seen(Vec<Slot>);

#[derive(Clone, Default)]
struct Slot {
    word: [u8; LONGEST],
    /// 0 where nothing is remembered.
    len: u8,
    start: u32,
    end: u32,
}

impl Seen {
    /// For a text of so many bytes: a short one is done before a table for it is laid out.
    pub(super) fn for_text(len: usize) -> Self {
        Self(vec![Slot::default(); if len < SLOTS { 64 } else { SLOTS }])
    }

    /// Where the tokens of `word` stand, if it came before.
    pub(super) fn find(&self, word: &[u8]) -> Option<Range<usize>> {
        let slot = &self.0[self.slot(word)?];
        let is_it = usize::from(slot.len) == word.len() && slot.word[..word.len()] == *word;
        is_it.then_some(slot.start as usize..slot.end as usize)
    }

    /// Remembers where the tokens of `word` stand.
    pub(super) fn enter(&mut self, word: &[u8], tokens: Range<usize>) {
        let ends = [tokens.start, tokens.end].map(u32::try_from);
        if let (Some(at), [Ok(start), Ok(end)]) = (self.slot(word), ends) {
            let mut slot = Slot { len: word.len() as u8, start, end, ..Slot::default() };
            slot.word[..word.len()].copy_from_slice(word);
            self.0[at] = slot;
        }
    }

    fn slot(&self, word: &[u8]) -> Option<usize> {
        let fits = (1..=LONGEST).contains(&word.len());
        fits.then(|| hash(word, 1) as usize & (self.0.len() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_where_it_was_until_another_takes_its_place() {
        for len in [10, 1 << 20] {
            let mut seen = Seen::for_text(len);
            assert_eq!(seen.find(b"word"), None);
            seen.enter(b"word", 3..5);
            assert_eq!(seen.find(b"word"), Some(3..5));
            assert_eq!(
                [seen.find(b"wor"), seen.find(b"words"), seen.find(b"")],
                [None, None, None]
            );
            (0_u32..1 << 16).for_each(|n| seen.enter(&n.to_le_bytes(), 7..8));
            assert_eq!(seen.find(b"word"), None);
        }
    }

    #[test]
    fn what_is_too_long_or_nothing_is_not_remembered() {
        let mut seen = Seen::for_text(0);
        for word in [&[b'a'; LONGEST + 1][..], &[]] {
            seen.enter(word, 0..1);
            assert_eq!(seen.find(word), None);
        }
        seen.enter(&[b'a'; LONGEST], 0..1);
        assert_eq!(seen.find(&[b'a'; LONGEST]), Some(0..1));
    }
}
