//! A tokenizer from a `tokenizer.json`, as the `tokenizers` crate writes it.
//!
//! Parsed here and not by the crate, whose loader panics on some files and keeps added tokens that
//! match without asking who wrote the text. Kinds other than BPE are refused by name;
//! `pre_tokenizer` reads that part.

use loader::Metadata;
use serde_json::Value;

use super::{
    Error, Parts,
    added::AddedToken,
    bpe::{Alphabet, Bpe, Merges, WholePieces, named_byte},
    bytes,
    json_shape::{Added, File, Merge},
    merges::{MergeText, RankedMerges},
    model::Model,
    normalize::{Normalizer, SpacePrefix},
    pre_tokenizer, special,
    split::Step,
    vocab::{Kind, Texts, Vocab},
};

/// Everything that a [`super::Tokenizer`] is made of.
pub(super) fn load(json: &[u8], metadata: &Metadata) -> Result<Parts, Error> {
    let file: File<'_> = serde_json::from_slice(json)?;
    let model = &file.model;
    let kind = model.kind.as_deref().unwrap_or("BPE");
    if kind != "BPE" {
        return Err(Error::Unsupported { found: kind.to_owned(), supported: &["BPE"] });
    }
    for (name, affix) in [
        ("continuing_subword_prefix", &model.continuing_subword_prefix),
        ("end_of_word_suffix", &model.end_of_word_suffix),
    ] {
        if affix.as_ref().is_some_and(|it| !it.is_empty()) {
            return Err(Error::UnsupportedPart { part: "model", found: name.to_owned() });
        }
    }
    let normalizer = Normalizer::from_json(&file.normalizer)?;
    let mut steps = pre_tokenizer::from_json(&file.pre_tokenizer)?;
    let alphabet = if steps.byte_level { Alphabet::Bytes } else { Alphabet::Chars };
    let (texts, kinds) = tokens(&file, metadata, alphabet)?;
    let bos = bos(first_special(&file.post_processor)?, metadata)?;
    let (added, normalized) = added(&file.added_tokens, &kinds, &normalizer)?;
    let vocab = Vocab::new(texts, kinds);
    let merges = Merges::Ranked(merges(&model.merges, &vocab, alphabet)?);
    let whole = if model.ignore_merges { WholePieces::First } else { WholePieces::ByMerging };
    if alphabet == Alphabet::Chars && whole == WholePieces::ByMerging {
        steps.steps.extend(vocab.glued().map(|glued| Step::Words { glued }));
    }
    Ok(Parts {
        model: Model::Bpe(Bpe::new(vocab, merges, alphabet, whole)?),
        normalizer,
        steps: steps.steps,
        added,
        normalized,
        bos,
        leading_space: leading_space(&file.decoder),
    })
}

/// Texts by id in the form that is looked up, and kinds with the structural ones marked.
fn tokens(
    file: &File<'_>,
    metadata: &Metadata,
    alphabet: Alphabet,
) -> Result<(Texts, Vec<Kind>), Error> {
    let entries = &file.model.vocab.0;
    let names = entries.iter().map(|(text, id)| (&*text.0, *id));
    let names = names.chain(file.added_tokens.iter().map(|it| (it.content.as_str(), it.id)));
    let by_id = by_id(names, entries.len() + file.added_tokens.len())?;
    let mut kinds = vec![Kind::Unused; by_id.len()];
    for (text, id) in entries {
        let is_byte = file.model.byte_fallback && text.0.len() == 6 && text.0.starts_with("<0x");
        kinds[*id as usize] = if is_byte { Kind::Byte } else { Kind::Normal };
        if is_byte && named_byte(text.0.as_bytes()).is_none() {
            return Err(Error::ByteToken { id: *id as u32, text: text.0.clone().into_owned() });
        }
    }
    for token in &file.added_tokens {
        kinds[token.id as usize] = if token.special { Kind::Control } else { Kind::Added };
    }
    let mut texts = Texts::default();
    let mut raw = vec![];
    for (text, kind) in by_id.iter().zip(&mut kinds) {
        let mapped = alphabet == Alphabet::Bytes && *kind == Kind::Normal;
        raw.clear();
        if mapped && bytes::decode(text, &mut raw).is_none() {
            *kind = Kind::Unused;
        }
        let text = if mapped && *kind == Kind::Normal { &raw[..] } else { text.as_bytes() };
        texts.push(text).ok_or(Error::TooLong { len: usize::MAX, max: u32::MAX as usize })?;
    }
    special::mark_structural(metadata, &texts, &mut kinds)?;
    Ok((texts, kinds))
}

/// The names in the order of their ids; holes are empty.
fn by_id<'a>(names: impl Iterator<Item = (&'a str, u64)>, n: usize) -> Result<Vec<&'a str>, Error> {
    const MAX_HOLES: usize = 1 << 20;
    let mut by_id = Vec::with_capacity(n);
    for (name, id) in names {
        let i = usize::try_from(id).ok().filter(|&id| id < n + MAX_HOLES);
        let i = i.ok_or(Error::IdGap { id, n_tokens: n })?;
        if i >= by_id.len() {
            by_id.resize(i + 1, "");
        }
        if !by_id[i].is_empty() && by_id[i] != name {
            let texts = [by_id[i].to_owned(), name.to_owned()];
            return Err(Error::DuplicateId { id: i as u32, texts });
        }
        by_id[i] = name;
    }
    Ok(by_id)
}

/// Tokens that match as a whole: in the text as it is, and in the normalised text.
fn added(
    tokens: &[Added],
    kinds: &[Kind],
    normalizer: &Normalizer,
) -> Result<(Vec<AddedToken>, Vec<AddedToken>), Error> {
    let (mut raw, mut normalized) = (vec![], vec![]);
    for token in tokens {
        let text = match token.normalized {
            true => normalizer.apply(&token.content)?.into_owned(),
            false => token.content.clone(),
        };
        let list = if token.normalized { &mut normalized } else { &mut raw };
        list.push(AddedToken {
            id: token.id as u32,
            text,
            structural: kinds[token.id as usize] == Kind::Control,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            single_word: token.single_word,
        });
    }
    Ok((raw, normalized))
}

fn merges(list: &[Merge<'_>], vocab: &Vocab, alphabet: Alphabet) -> Result<RankedMerges, Error> {
    let mut ranks = RankedMerges::with_capacity(list.len());
    let mut scratch = MergeText::default();
    for (index, merge) in list.iter().enumerate() {
        let halves = match merge {
            Merge::Pair(a, b) => (&*a.0, &*b.0),
            Merge::Joined(text) => text
                .0
                .split_once(' ')
                .ok_or_else(|| Error::MergeSyntax { index, text: text.0.clone().into_owned() })?,
        };
        scratch.read(halves, alphabet);
        scratch.enter(index, vocab, &mut ranks)?;
    }
    Ok(ranks)
}

/// The token that begins a text, where the file asks for one: the post-processor's `first`, unless
/// `add_bos_token` says otherwise of the one that it names.
fn bos(first: Option<u64>, metadata: &Metadata) -> Result<Option<u64>, Error> {
    let id = metadata.u64("tokenizer.ggml.bos_token_id")?;
    Ok(match metadata.bool("tokenizer.ggml.add_bos_token")? {
        Some(true) => first.or(id),
        Some(false) => first.filter(|_| first != id),
        None => first,
    })
}

/// The id that the post-processor puts before a text.
fn first_special(json: &Value) -> Result<Option<u64>, Error> {
    match json["type"].as_str() {
        None | Some("ByteLevel") => Ok(None),
        Some("Sequence") => {
            let all = json["processors"].as_array().into_iter().flatten();
            all.map(first_special).find(|it| !matches!(it, Ok(None))).unwrap_or(Ok(None))
        }
        Some("TemplateProcessing") => {
            let Some(name) = json["single"][0]["SpecialToken"]["id"].as_str() else {
                return Ok(None);
            };
            let id = &json["special_tokens"][name]["ids"][0];
            let key = format!("post_processor.special_tokens.{name}");
            id.as_u64().map(Some).ok_or(Error::Missing { key })
        }
        Some(other) => {
            Err(Error::UnsupportedPart { part: "post-processor", found: other.to_owned() })
        }
    }
}

/// Whether decoding takes a space off the start.
fn leading_space(decoder: &Value) -> SpacePrefix {
    let strips = |json: &Value| match json["type"].as_str() {
        Some("Strip") => json["content"] == " " && json["start"] == 1,
        Some("Metaspace") => {
            json["prepend_scheme"] != "never" && json["add_prefix_space"] != Value::Bool(false)
        }
        _ => false,
    };
    let parts = decoder["decoders"].as_array().map_or(&[][..], Vec::as_slice);
    if parts.iter().chain([decoder]).any(strips) { SpacePrefix::Add } else { SpacePrefix::Leave }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_is_the_post_processors_unless_a_key_says_otherwise() {
        let of = |first: Option<u64>, stated: Option<bool>| {
            let mut metadata = Metadata::default();
            metadata.insert("tokenizer.ggml.bos_token_id", loader::Value::U32(1));
            if let Some(stated) = stated {
                metadata.insert("tokenizer.ggml.add_bos_token", loader::Value::Bool(stated));
            }
            bos(first, &metadata).expect("sound keys")
        };
        assert_eq!([of(Some(1), None), of(None, None)], [Some(1), None]);
        assert_eq!([of(Some(1), Some(true)), of(None, Some(true))], [Some(1), Some(1)]);
        assert_eq!([of(Some(1), Some(false)), of(None, Some(false))], [None, None]);
        // One that is not the beginning of texts, such as ChatGLM's `[gMASK]`, is another matter.
        assert_eq!([of(Some(5), Some(false)), of(Some(5), Some(true))], [Some(5), Some(5)]);
    }
}
