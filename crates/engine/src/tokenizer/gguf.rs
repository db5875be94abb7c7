//! A tokenizer from GGUF's `tokenizer.ggml.*` keys.
//!
//! `llama` is sentencepiece's BPE: pieces with scores, `▁` for spaces, bytes as fallback; `gemma4` the
//! same with a list of merges in place of scores. `gpt2` is byte-level BPE with a list of merges; how
//! it cuts text first is only named (see `tables`). `bert` is WordPiece.

use loader::{Array, Metadata, ModelFile, Value};

use super::{
    Error, Parts,
    added::AddedToken,
    bpe::{Alphabet, Bpe, Merges, WholePieces},
    bytes,
    merges::{MergeText, RankedMerges},
    model::Model,
    normalize::{Letters, Normalizer, SpacePrefix},
    pre_tokenizer, special,
    split::{Behavior, Step},
    tables::{self, Form},
    vocab::{Kind, Texts, Vocab},
    wordpiece::WordPiece,
};

/// The kinds that [`load`] builds.
const SUPPORTED: &[&str] = &["bert", "gemma4", "gpt2", "llama"];

const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";
const SPACE_PREFIX: &str = "tokenizer.ggml.add_space_prefix";
const PRE: &str = "tokenizer.ggml.pre";

/// How text is cut where the file does not say.
const DEFAULT_PRE: &str = "default";

/// Everything that a [`super::Tokenizer`] is made of.
pub(super) fn load(file: &ModelFile) -> Result<Parts, Error> {
    let metadata = &file.metadata;
    match metadata.str("tokenizer.ggml.model")? {
        None => Err(Error::Missing { key: "tokenizer.ggml.model".into() }),
        Some("bert") => wordpiece(metadata),
        Some("gemma4") => sentencepiece(file, SpacePrefix::Leave, |metadata, vocab| {
            Ok(Merges::Ranked(merges(metadata, vocab, Alphabet::Chars)?))
        }),
        Some("gpt2") => byte_level(metadata),
        Some("llama") => sentencepiece(file, SpacePrefix::Add, |metadata, vocab| {
            Ok(Merges::Scored(scores(metadata, vocab.len())?))
        }),
        Some(other) => Err(Error::Unsupported { found: other.to_owned(), supported: SUPPORTED }),
    }
}

/// What the user should know of a tokenizer that [`load`] builds all the same, a sentence each.
pub(super) fn warnings(metadata: &Metadata) -> Vec<String> {
    let is_byte_level = metadata.str("tokenizer.ggml.model").ok().flatten() == Some("gpt2");
    if !is_byte_level || metadata.get(PRE).is_some() {
        return vec![];
    }
    vec![format!(
        "the file has no `{PRE}`, so text is cut as `{DEFAULT_PRE}` says, which may not be how the \
         model was trained; `--override-kv {PRE}=str:NAME` names another way"
    )]
}

/// With `prefix` where the file does not say.
fn sentencepiece(
    file: &ModelFile,
    prefix: SpacePrefix,
    merges: fn(&Metadata, &Vocab) -> Result<Merges, Error>,
) -> Result<Parts, Error> {
    let metadata = &file.metadata;
    let (texts, kinds) = tokens(metadata, Alphabet::Chars)?;
    let mut added = added(&texts, &kinds);
    for token in &mut added {
        token.rstrip = strips_after(file.architecture(), &token.text);
    }
    let vocab = Vocab::new(texts, kinds);
    let merges = merges(metadata, &vocab)?;
    let bpe = Bpe::new(vocab, merges, Alphabet::Chars, WholePieces::ByMerging)?;
    let prefix = match metadata.bool(SPACE_PREFIX)? {
        Some(true) => SpacePrefix::Add,
        Some(false) => SpacePrefix::Leave,
        None => prefix,
    };
    Ok(Parts {
        normalizer: Normalizer::Escape { prefix },
        steps: bpe.vocab.glued().map(|glued| Step::Words { glued }).into_iter().collect(),
        model: Model::Bpe(bpe),
        added,
        normalized: vec![],
        bos: bos(metadata, true)?,
        leading_space: prefix,
    })
}

fn byte_level(metadata: &Metadata) -> Result<Parts, Error> {
    let name = metadata.str(PRE)?.unwrap_or(DEFAULT_PRE);
    let table = tables::named(name)?;
    let (texts, kinds) = tokens(metadata, Alphabet::Bytes)?;
    let added = added(&texts, &kinds);
    let vocab = Vocab::new(texts, kinds);
    let merges = Merges::Ranked(merges(metadata, &vocab, Alphabet::Bytes)?);
    Ok(Parts {
        model: Model::Bpe(Bpe::new(vocab, merges, Alphabet::Bytes, table.whole)?),
        normalizer: match table.normalizer {
            Form::AsIs => Normalizer::None,
            Form::Nfc => Normalizer::Nfc,
        },
        steps: table.steps()?,
        added,
        normalized: vec![],
        bos: bos(metadata, table.bos)?,
        leading_space: SpacePrefix::Leave,
    })
}

fn wordpiece(metadata: &Metadata) -> Result<Parts, Error> {
    let (texts, mut kinds) = tokens(metadata, Alphabet::Chars)?;
    let key = "tokenizer.ggml.unknown_token_id";
    let id = metadata.u64(key)?.ok_or_else(|| Error::Missing { key: key.to_owned() })?;
    let unknown = u32::try_from(id).ok().filter(|&it| (it as usize) < texts.len());
    let n_tokens = texts.len();
    let unknown = unknown.ok_or_else(|| Error::TokenId { key: key.to_owned(), id, n_tokens })?;
    kinds[unknown as usize] = Kind::Unknown;
    let lowercase = metadata.bool("tokenizer.ggml.normalizer.lowercase")?.unwrap_or(true);
    let accents = metadata.bool("tokenizer.ggml.normalizer.strip_accents")?;
    let letters = Letters { lowercase, strip_accents: accents.unwrap_or(lowercase) };
    let words = Step::Chars { class: char::is_whitespace, behavior: Behavior::Removed };
    let added = added(&texts, &kinds);
    let begins = metadata.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(true);
    Ok(Parts {
        model: Model::WordPiece(WordPiece { vocab: Vocab::new(texts, kinds), unknown }),
        normalizer: Normalizer::bert(letters),
        steps: vec![words, pre_tokenizer::punctuation(Behavior::Isolated)?],
        added,
        normalized: vec![],
        bos: if begins { metadata.u64("tokenizer.ggml.cls_token_id")? } else { None },
        leading_space: SpacePrefix::Add,
    })
}

/// The token that begins a text, where the file asks for one.
fn bos(metadata: &Metadata, default: bool) -> Result<Option<u64>, Error> {
    let wanted = metadata.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(default);
    Ok(if wanted { metadata.u64("tokenizer.ggml.bos_token_id")? } else { None })
}

/// Texts in the form that is looked up, and kinds with the structural ones marked.
fn tokens(metadata: &Metadata, alphabet: Alphabet) -> Result<(Texts, Vec<Kind>), Error> {
    let Array::String(list) = array(metadata, TOKENS)? else {
        return Err(wrong_type(TOKENS, "[str]", array(metadata, TOKENS)?));
    };
    let mut kinds = kinds(metadata, list.len())?;
    let mut texts = Texts::default();
    let mut raw = vec![];
    for (i, text) in list.iter().enumerate() {
        let mapped = alphabet == Alphabet::Bytes && kinds[i] == Kind::Normal;
        raw.clear();
        if mapped && bytes::decode(&text, &mut raw).is_none() {
            // No text leads there: byte-level pieces have only characters that stand for bytes.
            kinds[i] = Kind::Unused;
        }
        let text = if mapped && kinds[i] == Kind::Normal { &raw[..] } else { text.as_bytes() };
        texts.push(text).ok_or(Error::TooLong { len: usize::MAX, max: u32::MAX as usize })?;
    }
    special::mark_structural(metadata, &texts, &mut kinds)?;
    Ok((texts, kinds))
}

fn kinds(metadata: &Metadata, n: usize) -> Result<Vec<Kind>, Error> {
    let Some(value) = metadata.get(TYPES) else { return Ok(vec![Kind::Normal; n]) };
    let kinds: Vec<Kind> = whole_numbers(TYPES, value)?.map(kind).collect();
    if kinds.len() == n { Ok(kinds) } else { Err(count(TYPES, n, kinds.len())) }
}

fn kind(number: u64) -> Kind {
    match number {
        2 => Kind::Unknown,
        3 => Kind::Control,
        4 => Kind::Added,
        5 => Kind::Unused,
        6 => Kind::Byte,
        _ => Kind::Normal,
    }
}

/// Tokens that match as a whole. Of two with one text the first counts.
fn added(texts: &Texts, kinds: &[Kind]) -> Vec<AddedToken> {
    let mut seen = std::collections::HashSet::new();
    let mut all = vec![];
    for (id, kind) in kinds.iter().enumerate() {
        let id = id as u32;
        if !matches!(kind, Kind::Added | Kind::Control | Kind::Unknown)
            || !seen.insert(texts.get(id))
        {
            continue;
        }
        let text = String::from_utf8_lossy(texts.get(id)).into_owned();
        all.push(AddedToken {
            id,
            text,
            structural: *kind != Kind::Added,
            ..AddedToken::default()
        });
    }
    all
}

/// Whether sentencepiece's token `text` swallows the white space after it: Phi-3's own
/// `tokenizer.json` has this flag; GGUF has no place for it.
pub(super) fn strips_after(architecture: &str, text: &str) -> bool {
    architecture.starts_with("phi") && !["<unk>", "<s>", "<|endoftext|>"].contains(&text)
}

fn scores(metadata: &Metadata, n: usize) -> Result<Vec<f32>, Error> {
    match array(metadata, SCORES)? {
        Array::F32(scores) if scores.len() == n => Ok(scores.clone()),
        Array::F32(scores) => Err(count(SCORES, n, scores.len())),
        other => Err(wrong_type(SCORES, "[f32]", other)),
    }
}

fn merges(metadata: &Metadata, vocab: &Vocab, alphabet: Alphabet) -> Result<RankedMerges, Error> {
    let Array::String(list) = array(metadata, MERGES)? else {
        return Err(wrong_type(MERGES, "[str]", array(metadata, MERGES)?));
    };
    let mut ranks = RankedMerges::with_capacity(list.len());
    let mut scratch = MergeText::default();
    list.try_each(|index, text| {
        let halves = text.split_once(' ').filter(|(a, b)| !a.is_empty() && !b.is_empty());
        let halves = halves.ok_or_else(|| Error::MergeSyntax { index, text: text.to_owned() })?;
        scratch.read(halves, alphabet);
        scratch.enter(index, vocab, &mut ranks)
    })?;
    Ok(ranks)
}

fn array<'a>(metadata: &'a Metadata, key: &str) -> Result<&'a Array, Error> {
    let expected = "an array";
    let value = metadata.get(key).ok_or_else(|| Error::Missing { key: key.to_owned() })?;
    value.as_array().ok_or_else(|| Error::ArrayType {
        key: key.to_owned(),
        expected,
        found: value.type_name(),
    })
}

/// The elements of an array of whole numbers, of whatever integer type.
pub(super) fn whole_numbers<'a>(
    key: &str,
    value: &'a Value,
) -> Result<Box<dyn Iterator<Item = u64> + 'a>, Error> {
    let negative = u64::MAX;
    Ok(match value {
        Value::Array(Array::U32(list)) => Box::new(list.iter().map(|&n| n.into())),
        Value::Array(Array::U64(list)) => Box::new(list.iter().copied()),
        Value::Array(Array::I32(list)) => {
            Box::new(list.iter().map(move |&n| n.try_into().unwrap_or(negative)))
        }
        Value::Array(Array::I64(list)) => {
            Box::new(list.iter().map(move |&n| n.try_into().unwrap_or(negative)))
        }
        Value::Array(other) => return Err(wrong_type(key, "[i32]", other)),
        other => {
            let (expected, found) = ("[i32]", other.type_name());
            return Err(Error::ArrayType { key: key.to_owned(), expected, found });
        }
    })
}

fn count(key: &str, expected: usize, found: usize) -> Error {
    Error::Count { key: key.to_owned(), expected, found }
}

fn wrong_type(key: &str, expected: &'static str, found: &Array) -> Error {
    Error::ArrayType { key: key.to_owned(), expected, found: found.type_name() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_cut_text_that_is_guessed_is_said() {
        let of = |entries: &[(&str, &str)]| {
            let mut metadata = Metadata::default();
            for (key, value) in entries {
                metadata.insert(*key, Value::String((*value).to_owned()));
            }
            warnings(&metadata)
        };
        let model = "tokenizer.ggml.model";
        assert_eq!(
            of(&[(model, "gpt2")]),
            ["the file has no `tokenizer.ggml.pre`, so text is cut as `default` says, which may \
              not be how the model was trained; `--override-kv tokenizer.ggml.pre=str:NAME` names \
              another way"]
        );
        for entries in [&[(model, "gpt2"), (PRE, "default")][..], &[(model, "llama")], &[]] {
            assert!(of(entries).is_empty(), "{entries:?}");
        }
    }
}
