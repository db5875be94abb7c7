//! What happens to text before it is cut: nothing, composition, spaces to `▁`, or whatever a
//! `tokenizer.json` asks of the `tokenizers` crate.
//!
//! The crate's normalisers run under `catch_unwind`: their tables come from the file, and a bad one
//! makes them panic. Two that every model of a large family uses are written out here, because the
//! crate keeps 16 bytes of alignment for each byte of text.

use std::{
    borrow::Cow,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde_json::Value;
use tokenizers::{
    NormalizedString, Normalizer as _, NormalizerWrapper,
    normalizers::{BertNormalizer, unicode::NFC},
    tokenizer::normalizer::Range as In,
};

use super::{Error, regex::Pattern};

/// A text transformation.
#[derive(Debug)]
pub(super) enum Normalizer {
    /// Text stays as it is.
    None,
    /// Unicode's composed form.
    Nfc,
    /// Spaces become `▁`.
    Escape {
        /// Whether one more is put in front.
        prefix: SpacePrefix,
    },
    /// As the crate does it.
    Crate(Box<NormalizerWrapper>),
}

/// Whether sentencepiece puts a space in front of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpacePrefix {
    /// So that the first word is the token it is elsewhere.
    Add,
    /// The text as it stands.
    Leave,
}

/// What a BERT vocabulary does not know.
pub(super) struct Letters {
    /// Capital letters.
    pub(super) lowercase: bool,
    /// Accents.
    pub(super) strip_accents: bool,
}

impl Normalizer {
    /// From the `normalizer` of a `tokenizer.json`.
    pub(super) fn from_json(json: &Value) -> Result<Self, Error> {
        check(json)?;
        let escape =
            serde_json::json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let prepend = serde_json::json!({"type": "Prepend", "prepend": "▁"});
        let both = serde_json::json!({"type": "Sequence", "normalizers": [prepend, escape]});
        Ok(match json {
            Value::Null => Self::None,
            json if *json == escape => Self::Escape { prefix: SpacePrefix::Leave },
            json if *json == both => Self::Escape { prefix: SpacePrefix::Add },
            json if json["type"] == "NFC" => Self::Nfc,
            json => Self::Crate(Box::new(guarded(|| Ok(serde_json::from_value(json.clone())?))?)),
        })
    }

    /// BERT's: control characters dropped, CJK ones set apart, and what `letters` asks for.
    pub(super) fn bert(letters: Letters) -> Self {
        let Letters { lowercase, strip_accents } = letters;
        Self::Crate(Box::new(
            BertNormalizer::new(true, true, Some(strip_accents), lowercase).into(),
        ))
    }

    /// The transformed text.
    pub(super) fn apply<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, Error> {
        Ok(match self {
            Self::None => text.into(),
            Self::Nfc if text.is_ascii() => text.into(),
            Self::Escape { .. } if text.is_empty() => text.into(),
            Self::Escape { prefix: SpacePrefix::Leave } => text.replace(' ', "▁").into(),
            Self::Escape { prefix: SpacePrefix::Add } => {
                let mut escaped = String::with_capacity(text.len() + text.len() / 2 + 3);
                escaped.push('▁');
                escaped.extend(text.chars().map(|char| if char == ' ' { '▁' } else { char }));
                escaped.into()
            }
            Self::Nfc | Self::Crate(_) => self.aligned(text)?.get().to_owned().into(),
        })
    }

    /// The transformed text, with where each part of it came from.
    pub(super) fn aligned(&self, text: &str) -> Result<NormalizedString, Error> {
        let mut aligned = NormalizedString::from(text);
        guarded(|| {
            match self {
                Self::None => {}
                Self::Nfc => NFC.normalize(&mut aligned)?,
                Self::Escape { prefix } => {
                    if *prefix == SpacePrefix::Add && !aligned.is_empty() {
                        aligned.prepend("▁");
                    }
                    aligned.replace(' ', "▁")?;
                }
                Self::Crate(wrapper) => wrapper.normalize(&mut aligned)?,
            }
            Ok(())
        })?;
        Ok(aligned)
    }
}

/// Where `range` of the transformed text was in the original.
pub(super) fn origin(aligned: &NormalizedString, range: Range<usize>) -> Range<usize> {
    aligned.convert_offsets(In::Normalized(range)).unwrap_or(0..aligned.len_original())
}

/// Expressions of a normaliser run without our limits: only what cannot backtrack is taken.
fn check(json: &Value) -> Result<(), Error> {
    if let Some(source) = json["pattern"]["Regex"].as_str() {
        Pattern::new(source)?;
        if ["(?=", "(?!", "(?<"].iter().any(|look| source.contains(look)) {
            let why = "look-around in a normalizer";
            return Err(Error::RegexShape { pattern: source.chars().take(200).collect(), why });
        }
    }
    json["normalizers"].as_array().into_iter().flatten().try_for_each(check)
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// Runs code of the `tokenizers` crate; a panic is an error.
fn guarded<T>(run: impl FnOnce() -> Result<T, Boxed>) -> Result<T, Error> {
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").into())
    });
    result.map_err(|error| Error::Normalizer { reason: error.to_string() })
}
