//! Text to token ids and back, from GGUF's keys or a `tokenizer.json`.
//!
//! Encoding goes: find the tokens that match as a whole (`added`, where the guard against injected
//! structure is), normalise what lies between (`normalize`), cut it into pieces (`split`), merge
//! each piece (`bpe`) or spell it (`wordpiece`). The `tokenizers` crate's normalisers are used as they are; its other pieces
//! are replaced here, and the files that replace one say why. Chat templates are in `template`.

mod added;
mod alike;
mod bpe;
mod bytes;
mod decode;
mod error;
mod export;
mod gguf;
mod json;
mod json_shape;
mod merge;
mod merges;
mod model;
mod normalize;
mod pre_tokenizer;
mod regex;
mod seen;
mod special;
mod split;
mod tables;
mod vocab;
mod wordpiece;

use std::ops::Range;

use loader::ModelFile;

pub(crate) use alike::{MORE, n_common};
pub use decode::{Decoder, Specials};
pub use error::Error;
pub use export::gguf_keys;

use crate::Prompt;
use added::{AddedToken, AddedTokens, meets};
use bpe::Alphabet;
use merge::Merger;
use model::Model;
use normalize::{Normalizer, SpacePrefix, origin};
use seen::Seen;
use split::{Pieces, Step};
use vocab::{Kind, Texts};

/// A model's tokenizer.
#[derive(Debug)]
pub struct Tokenizer {
    model: Model,
    normalizer: Normalizer,
    steps: Vec<Step>,
    /// Matched in the text as it is.
    added: AddedTokens,
    /// Matched in the normalised text.
    normalized: AddedTokens,
    /// What each token says, where that is not its text in the vocabulary.
    pieces: Option<Texts>,
    bos: Option<u32>,
    adds_bos: bool,
    stop_ids: Vec<u32>,
    structural: Vec<String>,
    leading_space: SpacePrefix,
}

/// What a file is read into: see [`gguf::load`] and [`json::load`].
struct Parts {
    model: Model,
    normalizer: Normalizer,
    steps: Vec<Step>,
    added: Vec<AddedToken>,
    normalized: Vec<AddedToken>,
    /// The token that the model puts before every text.
    bos: Option<u64>,
    leading_space: SpacePrefix,
}

/// Whether the token that begins a text is put before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bos {
    /// Where the model asks for one and the text does not begin with it.
    AsModel,
    /// Never: the text is a rendered chat template, which writes its own, or goes on another text.
    Never,
}

/// What the user should know of the tokenizer of `file`, though [`Tokenizer::load`] builds it: what is
/// guessed because the file does not say it. A sentence each.
pub fn warnings(file: &ModelFile) -> Vec<String> {
    match file.tokenizer_json {
        Some(_) => vec![],
        None => gguf::warnings(&file.metadata),
    }
}

/// What the encoding of a text needs by the way.
struct Scratch {
    merger: Merger,
    seen: Seen,
}

impl Tokenizer {
    /// From a file's `tokenizer.json`, else from its GGUF keys.
    ///
    /// # Errors
    ///
    /// If the tokenizer is of a kind that is not built yet, or contradicts itself.
    pub fn load(file: &ModelFile) -> Result<Self, Error> {
        let parts = match &file.tokenizer_json {
            Some(json) => json::load(json, &file.metadata)?,
            None => gguf::load(file)?,
        };
        let vocab = parts.model.vocab();
        let bos = match parts.bos {
            Some(id) => {
                Some(special::check_id(&file.metadata, vocab, "tokenizer.ggml.bos_token_id", id)?)
            }
            None => None,
        };
        let stop_ids = special::stop_ids(&file.metadata, vocab)?;
        let pieces = (parts.model.alphabet() == Alphabet::Chars).then(|| decode::pieces(vocab));
        let added = AddedTokens::new(parts.added)?;
        let normalized = AddedTokens::new(parts.normalized)?;
        let all = added.iter().chain(normalized.iter());
        let mut structural: Vec<_> =
            all.filter(|it| it.structural).map(|it| (it.id, it.text.clone())).collect();
        structural.sort();
        Ok(Self {
            normalizer: parts.normalizer,
            steps: parts.steps,
            added,
            normalized,
            pieces,
            adds_bos: bos.is_some(),
            bos: match bos {
                Some(id) => Some(id),
                None => special::token_id(&file.metadata, vocab, "bos_token_id")?,
            },
            stop_ids,
            structural: structural.into_iter().map(|(_, text)| text).collect(),
            leading_space: parts.leading_space,
            model: parts.model,
        })
    }

    /// The token ids of `prompt`. Foreign text never yields a structural token.
    ///
    /// # Errors
    ///
    /// If the model file's own expressions or tables fail on this text, or it is beyond 1 GiB.
    pub fn encode(&self, prompt: &Prompt, bos: Bos) -> Result<Vec<u32>, Error> {
        const MAX: usize = 1 << 30;
        if prompt.text.len() > MAX {
            return Err(Error::TooLong { len: prompt.text.len(), max: MAX });
        }
        let mut ids = Vec::with_capacity(prompt.text.len() / 3 + 2);
        let mut scratch =
            Scratch { merger: Merger::default(), seen: Seen::for_text(prompt.text.len()) };
        let mut end = 0;
        for found in self.added.find(&prompt.text, |range| meets(&prompt.foreign, &range)) {
            self.between(prompt, end..found.range.start, &mut scratch, &mut ids)?;
            ids.push(found.id);
            end = found.range.end;
        }
        self.between(prompt, end..prompt.text.len(), &mut scratch, &mut ids)?;
        if let (Bos::AsModel, true, Some(first)) = (bos, self.adds_bos, self.bos)
            && ids.first() != Some(&first)
        {
            ids.insert(0, first);
        }
        Ok(ids)
    }

    /// The texts of the structural tokens, by id.
    pub fn structural(&self) -> &[String] {
        &self.structural
    }

    /// The tokens that end an answer, ascending.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }

    /// The token that begins a text, if there is one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// Whether [`Bos::AsModel`] adds it.
    pub fn adds_bos(&self) -> bool {
        self.adds_bos
    }

    /// One more than the highest id. The model's matrices may have more rows.
    pub fn n_tokens(&self) -> usize {
        self.model.vocab().len()
    }

    /// Whether `id` is a structural token, or no token.
    pub fn is_special(&self, id: u32) -> bool {
        let kind = self.model.vocab().kinds.get(id as usize);
        !matches!(kind, Some(Kind::Normal | Kind::Added | Kind::Byte))
    }

    /// The tokens that are pieces of text or bytes, with their ids, as the vocabulary writes them: the
    /// same from every container. Structural and added tokens are not among them.
    pub fn ordinary(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let vocab = self.model.vocab();
        let kinds = (0..).zip(&vocab.kinds);
        kinds
            .filter(|(_, kind)| matches!(kind, Kind::Normal | Kind::Byte))
            .map(|(id, _)| (id, vocab.texts.get(id)))
    }

    /// Whether decoding gives back whatever was encoded, if it was in Unicode's composed form and did
    /// not begin with a space.
    pub fn keeps_text(&self) -> bool {
        let Model::Bpe(bpe) = &self.model else { return false };
        match self.normalizer {
            Normalizer::None | Normalizer::Nfc => true,
            // A `▁` in bytes would stay one.
            Normalizer::Escape { .. } => bpe.vocab.mergeable("▁".as_bytes()).is_some(),
            Normalizer::Crate(_) => false,
        }
    }

    /// The id of a structural or added token with exactly this text.
    pub fn token(&self, text: &str) -> Option<u32> {
        let mut all = self.added.iter().chain(self.normalized.iter());
        all.find(|it| it.text == text).map(|it| it.id)
    }

    /// The text between two tokens that match as a whole.
    fn between(
        &self,
        prompt: &Prompt,
        range: Range<usize>,
        scratch: &mut Scratch,
        ids: &mut Vec<u32>,
    ) -> Result<(), Error> {
        let text = &prompt.text[range.clone()];
        if text.is_empty() {
            return Ok(());
        }
        if self.normalized.is_empty() {
            let text = self.normalizer.apply(text)?.into_owned();
            return self.merge(Pieces::new(text, range.start == 0), scratch, ids);
        }
        let aligned = self.normalizer.aligned(text)?;
        let text = aligned.get();
        let is_foreign = |found| {
            let origin = origin(&aligned, found);
            meets(&prompt.foreign, &(range.start + origin.start..range.start + origin.end))
        };
        let mut end = 0;
        for found in self.normalized.find(text, is_foreign) {
            let first = range.start == 0 && end == 0;
            let before = text[end..found.range.start].to_owned();
            self.merge(Pieces::new(before, first), scratch, ids)?;
            ids.push(found.id);
            end = found.range.end;
        }
        let first = range.start == 0 && end == 0;
        self.merge(Pieces::new(text[end..].to_owned(), first), scratch, ids)
    }

    fn merge(
        &self,
        mut pieces: Pieces,
        scratch: &mut Scratch,
        ids: &mut Vec<u32>,
    ) -> Result<(), Error> {
        self.steps.iter().try_for_each(|step| pieces.apply(step))?;
        let cut = pieces.into_bytes();
        for range in &cut.ranges {
            let piece = &cut.bytes[range.clone()];
            if let Some(range) = scratch.seen.find(piece) {
                ids.extend_from_within(range);
                continue;
            }
            let start = ids.len();
            self.model.encode(piece, &mut scratch.merger, ids);
            scratch.seen.enter(piece, start..ids.len());
        }
        Ok(())
    }
}
