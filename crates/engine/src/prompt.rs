//! A rendered prompt that remembers who wrote what.

use std::ops::Range;

/// Text on its way to the tokenizer.
///
/// `foreign` are the bytes that a person or a tool wrote. A structural token (a control token, or
/// an added token that the template uses) never matches where it would cover one of them; the
/// text between two matches is encoded as one piece, whoever wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The whole text.
    pub text: String,
    /// Byte ranges of `text`, ascending, apart, on character borders.
    pub foreign: Vec<Range<usize>>,
}

impl Prompt {
    /// Text that only the template or the program wrote.
    pub fn trusted(text: impl Into<String>) -> Self {
        Self { text: text.into(), foreign: vec![] }
    }

    /// Text that a person or a tool wrote.
    pub fn foreign(text: impl Into<String>) -> Self {
        let text = text.into();
        let whole = 0..text.len();
        Self { foreign: if text.is_empty() { vec![] } else { vec![whole] }, text }
    }
}
