//! The little of `tokenizer.json` that GGUF has as metadata: added tokens, and what is put before
//! and behind a text. The rest is skipped as it goes by, for the tokenizer to read.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::{Error, folder::Folder};
use crate::Bytes;

/// What is needed of `tokenizer.json` here.
#[derive(Default, Deserialize)]
pub(super) struct Tokenizer<'a> {
    #[serde(borrow, default)]
    added_tokens: Vec<Added<'a>>,
    #[serde(borrow, default)]
    post_processor: Option<Processor<'a>>,
}

#[derive(Deserialize)]
struct Added<'a> {
    id: u32,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

/// One processor, or a sequence of them; only templates have `single`.
#[derive(Default, Deserialize)]
struct Processor<'a> {
    #[serde(borrow, default)]
    single: Option<Ends<'a>>,
    #[serde(borrow, default)]
    processors: Option<Processors<'a>>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, default, rename = "SpecialToken")]
    special: Option<Special<'a>>,
}

#[derive(Deserialize)]
struct Special<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl<'a> Tokenizer<'a> {
    pub(super) fn parse(folder: &Folder, bytes: &'a Bytes) -> Result<Self, Error> {
        let path = || folder.path().join("tokenizer.json");
        serde_json::from_slice(bytes).map_err(|source| Error::Json { path: path(), source })
    }

    /// The id of an added token.
    pub(super) fn id(&self, content: &str) -> Option<u32> {
        self.added_tokens.iter().find(|it| it.content == content).map(|it| it.id)
    }

    /// The token that is put before a text.
    pub(super) fn first(&self) -> Option<&str> {
        self.ends()?.first.as_deref()
    }

    /// The token that is put behind a text.
    pub(super) fn last(&self) -> Option<&str> {
        self.ends()?.last.as_deref()
    }

    fn ends(&self) -> Option<&Ends<'a>> {
        let processor = self.post_processor.as_ref()?;
        let one_of_several = || processor.processors.as_ref()?.0.as_ref();
        processor.single.as_ref().or_else(one_of_several)
    }
}

/// The tokens at the ends of a template for one text; what lies between is not kept.
#[derive(Default)]
struct Ends<'a> {
    first: Option<Cow<'a, str>>,
    last: Option<Cow<'a, str>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Ends<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_seq(EndsVisitor)
    }
}

struct EndsVisitor;

impl<'de> Visitor<'de> for EndsVisitor {
    type Value = Ends<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of pieces")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ends<'de>, A::Error> {
        let token = |piece: Piece<'de>| piece.special.map(|it| it.id);
        let Some(first) = seq.next_element()?.map(token) else { return Ok(Ends::default()) };
        let mut last = first.clone();
        while let Some(piece) = seq.next_element()? {
            last = token(piece);
        }
        Ok(Ends { first, last })
    }
}

/// The template of the first processor that has one.
struct Processors<'a>(Option<Ends<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Processors<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_seq(ProcessorsVisitor)
    }
}

struct ProcessorsVisitor;

impl<'de> Visitor<'de> for ProcessorsVisitor {
    type Value = Processors<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of processors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Processors<'de>, A::Error> {
        while let Some(Processor { single, .. }) = seq.next_element()? {
            if single.is_some() {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Processors(single));
            }
        }
        Ok(Processors(None))
    }
}
