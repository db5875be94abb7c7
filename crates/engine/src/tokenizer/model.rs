//! What turns a piece of text into token numbers: one of the kinds of vocabulary.

use super::{
    bpe::{Alphabet, Bpe},
    merge::Merger,
    vocab::Vocab,
    wordpiece::WordPiece,
};

/// A vocabulary that can encode.
#[derive(Debug)]
pub(super) enum Model {
    /// Byte pair encoding, sentencepiece's too.
    Bpe(Bpe),
    /// BERT's: the longest token first.
    WordPiece(WordPiece),
}

impl Model {
    pub(super) fn vocab(&self) -> &Vocab {
        match self {
            Self::Bpe(it) => &it.vocab,
            Self::WordPiece(it) => &it.vocab,
        }
    }

    /// What the texts of the vocabulary are made of.
    pub(super) fn alphabet(&self) -> Alphabet {
        match self {
            Self::Bpe(it) => it.alphabet,
            Self::WordPiece(_) => Alphabet::Chars,
        }
    }

    /// Appends the tokens of one piece.
    pub(super) fn encode(&self, piece: &[u8], merger: &mut Merger, ids: &mut Vec<u32>) {
        match self {
            Self::Bpe(it) => it.encode(piece, merger, ids),
            Self::WordPiece(it) => it.encode(piece, ids),
        }
    }
}
