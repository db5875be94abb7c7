//! From a piece of text to token numbers: byte pair encoding with ranked merges, and
//! sentencepiece's, whose merges are the vocabulary's own scores.
//!
//! Ours, and not the `tokenizers` crate's `BPE`: that one knows no scores, panics on a merge longer
//! than the longest token, and would give a control token to text whose merges lead to it. Here
//! control tokens take no part in merging, and what no token says is said in bytes, so text can
//! never become a structural token, by way of "unknown" neither.

use super::{
    Error,
    merge::{Join, Merger, NONE},
    merges::RankedMerges,
    vocab::{Kind, Vocab},
};

/// Which pairs join.
#[derive(Debug)]
pub(super) enum Merges {
    /// Pairs of tokens in the order of a list.
    Ranked(RankedMerges),
    /// Any pair whose joined text is a token, the highest score first.
    Scored(Vec<f32>),
}

/// What a piece is cut into before merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Bytes; the token of a byte is its one-byte text.
    Bytes,
    /// Characters; one without a token becomes its bytes' `<0xNN>` tokens after merging.
    Chars,
}

/// Whether a piece that is a token as a whole is taken as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WholePieces {
    /// As Llama 3 does: merges are not asked.
    First,
    /// Only what merging reaches.
    ByMerging,
}

/// A vocabulary with merges.
#[derive(Debug)]
pub(super) struct Bpe {
    pub(super) vocab: Vocab,
    merges: Merges,
    pub(super) alphabet: Alphabet,
    whole: WholePieces,
    /// The token of each byte, or [`NONE`]; see [`is_needed`].
    bytes: Box<[u32; 256]>,
}

impl Bpe {
    /// A vocabulary with its merges; an error if it has no tokens for bytes that text needs.
    pub(super) fn new(
        vocab: Vocab,
        merges: Merges,
        alphabet: Alphabet,
        whole: WholePieces,
    ) -> Result<Self, Error> {
        let bytes = match alphabet {
            Alphabet::Bytes => byte_texts(&vocab),
            Alphabet::Chars => byte_names(&vocab)?,
        };
        let missing = |byte: &u8| bytes[usize::from(*byte)] == NONE && is_needed(alphabet, *byte);
        if let Some(byte) = (0..=0xff).find(missing) {
            return Err(Error::MissingByte { byte });
        }
        Ok(Self { vocab, merges, alphabet, whole, bytes })
    }

    /// Appends the tokens of one piece. With [`Alphabet::Chars`] it must be UTF-8.
    pub(super) fn encode(&self, piece: &[u8], merger: &mut Merger, ids: &mut Vec<u32>) {
        if self.whole == WholePieces::First
            && let Some(id) = self.vocab.mergeable(piece)
        {
            return ids.push(id);
        }
        merger.clear();
        match self.alphabet {
            Alphabet::Bytes => {
                // A missing byte is left out before merging: its neighbours may join.
                let bytes = piece.iter().map(|&byte| self.bytes[usize::from(byte)]);
                bytes.filter(|&id| id != NONE).for_each(|id| merger.push(1, id));
            }
            Alphabet::Chars => {
                let text =
                    str::from_utf8(piece).expect("only byte-level steps cut inside characters");
                let mut buffer = [0; 4];
                for char in text.chars() {
                    let char = char.encode_utf8(&mut buffer).as_bytes();
                    merger.push(char.len() as u32, self.vocab.mergeable(char).unwrap_or(NONE));
                }
            }
        }
        match &self.merges {
            Merges::Ranked(merges) => {
                let rest = merger.run(|a, b| merges.join(a.id, b.id));
                rest.for_each(|symbol| self.emit(symbol.id, &piece[symbol.range()], ids));
            }
            Merges::Scored(scores) => {
                let rest =
                    merger.run(|a, b| self.joined(scores, &piece[a.range().start..b.range().end]));
                rest.for_each(|symbol| self.emit(symbol.id, &piece[symbol.range()], ids));
            }
        }
    }

    fn joined(&self, scores: &[f32], text: &[u8]) -> Option<Join> {
        if text.len() > self.vocab.longest {
            return None;
        }
        let id = self.vocab.mergeable(text)?;
        Some(Join { priority: descending(scores[id as usize]), id })
    }

    fn emit(&self, id: u32, text: &[u8], ids: &mut Vec<u32>) {
        match id {
            NONE => ids.extend(text.iter().map(|&byte| self.bytes[usize::from(byte)])),
            id => ids.push(id),
        }
    }
}

/// Whether text could not be written without this byte. Byte-level vocabularies exist (Falcon's)
/// that lack rare control characters and the first bytes of empty planes; the reference leaves
/// those out of a text, and so do we.
fn is_needed(alphabet: Alphabet, byte: u8) -> bool {
    match alphabet {
        Alphabet::Bytes => matches!(byte, b'\t' | b'\n' | b' '..=b'~' | 0x80..=0xbf | 0xc2..=0xf0),
        Alphabet::Chars => !matches!(byte, 0xc0 | 0xc1 | 0xf5..),
    }
}

/// The tokens whose text is that one byte.
fn byte_texts(vocab: &Vocab) -> Box<[u32; 256]> {
    Box::new(std::array::from_fn(|byte| vocab.mergeable(&[byte as u8]).unwrap_or(NONE)))
}

/// The tokens of kind [`Kind::Byte`], by the number in their name.
fn byte_names(vocab: &Vocab) -> Result<Box<[u32; 256]>, Error> {
    let mut bytes = Box::new([NONE; 256]);
    for id in (0..vocab.len() as u32).filter(|&id| vocab.kinds[id as usize] == Kind::Byte) {
        let name = vocab.texts.get(id);
        let byte = named_byte(name).ok_or_else(|| Error::ByteToken {
            id,
            text: String::from_utf8_lossy(name).into_owned(),
        })?;
        bytes[usize::from(byte)] = id;
    }
    Ok(bytes)
}

/// The byte that `<0xNN>` names.
pub(super) fn named_byte(name: &[u8]) -> Option<u8> {
    let [b'<', b'0', b'x', high, low, b'>'] = *name else { return None };
    let digit = |c: u8| char::from(c).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

/// A number that is smaller the higher the score is.
fn descending(score: f32) -> u32 {
    let bits = score.to_bits();
    // Total order of floats as integers: flip all bits of the negative, the sign of the others.
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !ascending
}
