//! From a word to token numbers the way BERT does it: the longest token that the word begins with,
//! then the longest that goes on, and one `[UNK]` for a word that cannot be spelled so.
//!
//! Ours, and not the `tokenizers` crate's `WordPiece`, which gives text a control token whose name it
//! spells. GGUF writes `▁` before the tokens that begin a word and nothing before the others, where
//! BERT's own file writes `##` before the others.

use super::vocab::Vocab;

/// Before a token that begins a word.
const BEGIN: &str = "▁";

/// Longer words are unknown, as in the reference: nobody writes them, and the search is quadratic.
const MAX_CHARS: usize = 100;

/// A vocabulary of word pieces.
#[derive(Debug)]
pub(super) struct WordPiece {
    pub(super) vocab: Vocab,
    /// The token of a word that cannot be spelled.
    pub(super) unknown: u32,
}

impl WordPiece {
    /// Appends the tokens of one word.
    pub(super) fn encode(&self, word: &[u8], ids: &mut Vec<u32>) {
        let text = str::from_utf8(word).expect("only byte-level steps cut inside characters");
        let start = ids.len();
        if text.chars().nth(MAX_CHARS).is_some() || self.spell(text, ids).is_none() {
            ids.truncate(start);
            ids.push(self.unknown);
        }
    }

    /// `None` where no token goes on; what was appended until then is of no use.
    fn spell(&self, word: &str, ids: &mut Vec<u32>) -> Option<()> {
        let marked = format!("{BEGIN}{word}");
        let mut rest = marked.as_str();
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, char)| at + char.len_utf8()).rev();
            let mut ends = ends.filter(|&end| end <= self.vocab.longest);
            let found = |end| Some((self.vocab.mergeable(&rest.as_bytes()[..end])?, end));
            let (id, end) = ends.find_map(found)?;
            ids.push(id);
            rest = &rest[end..];
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::vocab::{Kind, Texts},
        *,
    };

    #[track_caller]
    fn check(word: &str, expected: &[u32]) {
        let mut texts = Texts::default();
        for text in ["[UNK]", "▁a", "▁ab", "b", "bc", "é"] {
            texts.push(text.as_bytes()).unwrap();
        }
        let mut kinds = vec![Kind::Normal; 6];
        kinds[0] = Kind::Unknown;
        let it = WordPiece { vocab: Vocab::new(texts, kinds), unknown: 0 };
        let mut ids = vec![7];
        it.encode(word.as_bytes(), &mut ids);
        assert_eq!(ids[1..], *expected, "{word}");
    }

    #[test]
    fn the_longest_token_first_or_none_at_all() {
        check("a", &[1]);
        check("ab", &[2]);
        check("abbc", &[2, 4]);
        check("abbcé", &[2, 4, 5]);
        // The longest beginning is taken though a shorter one would reach the end.
        check("abc", &[0]);
        check("b", &[0]);
        check("[UNK]", &[0]);
        check(&format!("a{}", "b".repeat(99)), &[&[2][..], &[3; 98]].concat());
        check(&format!("a{}", "b".repeat(100)), &[0]);
    }
}
