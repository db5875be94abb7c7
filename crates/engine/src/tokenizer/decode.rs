//! Token ids back to text: what each token says, and text that arrives token by token.
//!
//! A token may end within a character, so a [`Decoder`] holds bytes back until they are whole.
//! Where sentencepiece put a space before the first word, it is taken off the start of a text
//! again, as transformers does.

use super::{
    SpacePrefix, Tokenizer,
    bpe::named_byte,
    vocab::{Kind, Texts, Vocab},
};

/// What becomes of structural tokens in a decoded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Specials {
    /// They are spelled out.
    Keep,
    /// They are left out.
    Skip,
}

impl Tokenizer {
    /// What `id` says. The bytes need not be whole characters; empty for an id without a token.
    pub fn piece(&self, id: u32) -> &[u8] {
        self.pieces.as_ref().unwrap_or(&self.model.vocab().texts).get(id)
    }

    /// The text of `ids` from the start of a text. Bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32], specials: Specials) -> String {
        let mut decoder = self.decoder();
        let mut text = String::new();
        for &id in ids {
            if specials == Specials::Keep || !self.is_special(id) {
                text += &decoder.push(self.piece(id));
            }
        }
        text + &decoder.finish()
    }

    /// Decodes from the start of a text. For text that goes on another, use `Decoder::default()`.
    pub fn decoder(&self) -> Decoder {
        Decoder { pending: vec![], strip_space: self.leading_space == SpacePrefix::Add }
    }
}

/// What each token of a vocabulary of characters says: `▁` as a space, `<0xNN>` as its byte.
pub(super) fn pieces(vocab: &Vocab) -> Texts {
    let mut pieces = Texts::default();
    for id in 0..vocab.len() as u32 {
        let text = vocab.texts.get(id);
        let piece = match (vocab.kinds[id as usize], str::from_utf8(text)) {
            (Kind::Byte, _) => named_byte(text).into_iter().collect(),
            (Kind::Normal | Kind::Added, Ok(text)) if text.contains('▁') => {
                text.replace('▁', " ").into_bytes()
            }
            _ => text.to_vec(),
        };
        pieces.push(&piece).expect("no longer than the vocabulary's own text");
    }
    pieces
}

/// Text that arrives in pieces: whole characters go out, the bytes of a part of one stay.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    strip_space: bool,
}

impl Decoder {
    /// Takes the bytes of one token; the text that is certain now.
    pub fn push(&mut self, piece: &[u8]) -> String {
        let mut piece = piece;
        if self.strip_space && !piece.is_empty() {
            self.strip_space = false;
            piece = piece.strip_prefix(b" ").unwrap_or(piece);
        }
        self.pending.extend_from_slice(piece);
        let mut text = String::new();
        let mut rest = &self.pending[..];
        while !rest.is_empty() {
            match str::from_utf8(rest) {
                Ok(valid) => {
                    text += valid;
                    rest = &[];
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text += &String::from_utf8_lossy(valid);
                    rest = after;
                    // No length: the bytes may still become a character.
                    let Some(len) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[len..];
                }
            }
        }
        self.pending.drain(..self.pending.len() - rest.len());
        text
    }

    /// Ends the text: bytes that did not become a character are U+FFFD.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_characters_go_out() {
        let mut decoder = Decoder::default();
        let texts: Vec<String> = "a👍b".as_bytes().chunks(2).map(|it| decoder.push(it)).collect();
        assert_eq!(texts, ["a", "", "👍b"]);
        assert_eq!(decoder.push(b"\xff\xc3"), "\u{fffd}");
        assert_eq!(decoder.finish(), "\u{fffd}");
    }

    #[test]
    fn one_space_is_taken_off_the_start() {
        let mut decoder = Decoder { strip_space: true, ..Decoder::default() };
        assert_eq!(
            [decoder.push(b""), decoder.push(b"  a"), decoder.push(b" b")],
            ["", " a", " b"]
        );
    }
}
