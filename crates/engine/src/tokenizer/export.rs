//! A `tokenizer.json` as GGUF's `tokenizer.ggml.*` keys, so that [`super::gguf`] and llama.cpp read
//! the same tokenizer from them.
//!
//! GGUF only names how text is cut (`tokenizer.ggml.pre`), and its sentencepiece has scores instead
//! of merges. What it cannot say is an error, never a tokenizer that is nearly the same.

use std::collections::{HashMap, HashSet};

use loader::{Array, ModelFile, Value};

use super::{
    Error,
    bpe::{Alphabet, WholePieces},
    gguf,
    json_shape::{Entries, File, Merge},
    normalize::{Normalizer, SpacePrefix},
    pre_tokenizer,
    tables::{self, Form},
};

/// GGUF's numbers for kinds of tokens.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const ADDED: i32 = 4;
const UNUSED: i32 = 5;
const BYTE: i32 = 6;

/// The keys and values; none where the file's tokenizer is GGUF's already, or it has none.
///
/// # Errors
///
/// If it is no sound tokenizer, or GGUF cannot say what it does.
pub fn gguf_keys(file: &ModelFile) -> Result<Vec<(String, Value)>, Error> {
    let Some(json) = &file.tokenizer_json else { return Ok(vec![]) };
    let tokenizer: File<'_> = serde_json::from_slice(json)?;
    let kind = tokenizer.model.kind.as_deref().unwrap_or("BPE");
    if kind != "BPE" {
        return Err(Error::Unsupported { found: kind.to_owned(), supported: &["BPE"] });
    }
    let alphabet = match pre_tokenizer::from_json(&tokenizer.pre_tokenizer)?.byte_level {
        true => Alphabet::Bytes,
        false => Alphabet::Chars,
    };
    let rows = file.tensors.get("token_embd.weight").and_then(|it| it.shape.first().copied());
    let (texts, kinds) = tokens(&tokenizer, alphabet, rows.unwrap_or(0))?;
    let mut keys = vec![];
    let mut put = |key: &str, value| keys.push((format!("tokenizer.ggml.{key}"), value));
    if alphabet == Alphabet::Bytes {
        put("model", Value::String("gpt2".to_owned()));
        put("pre", Value::String(name(&tokenizer)?.to_owned()));
        let merges = tokenizer.model.merges.iter().map(joined);
        put("merges", Value::Array(Array::String(merges.collect())));
    } else {
        check_merges(&tokenizer, &texts, &kinds)?;
        put("model", Value::String("llama".to_owned()));
        put("pre", Value::String("default".to_owned()));
        let prefix = prefix(&tokenizer)? == SpacePrefix::Add;
        put("add_space_prefix", Value::Bool(prefix));
        put("scores", Value::Array(Array::F32(scores(&tokenizer, &texts, &kinds))));
    }
    put("tokens", Value::Array(Array::String(texts.into_iter().collect())));
    put("token_type", Value::Array(Array::I32(kinds)));
    check_flags(&tokenizer, alphabet, file.architecture())?;
    Ok(keys)
}

/// An error if an added token has a flag that it does not get back when the keys are read. One that
/// it gets besides is Phi's: that its end swallows the white space after it.
fn check_flags(tokenizer: &File<'_>, alphabet: Alphabet, architecture: &str) -> Result<(), Error> {
    let normalizer = Normalizer::from_json(&tokenizer.normalizer)?;
    for it in &tokenizer.added_tokens {
        let text = it.content.as_str();
        let strips = alphabet == Alphabet::Chars && gguf::strips_after(architecture, text);
        // Where its own text stays as it is, it is found in either text.
        let moves = it.normalized && normalizer.apply(text)? != text;
        let lost = [
            ("lstrip", it.lstrip),
            ("rstrip", it.rstrip && !strips),
            ("single_word", it.single_word),
            ("normalized", moves),
        ];
        if let Some((flag, _)) = lost.into_iter().find(|it| it.1) {
            let found = format!("{flag}` of `{text}");
            return Err(Error::Unsayable { part: "flag", found });
        }
    }
    Ok(())
}

/// Texts and kinds by id, filled up to the rows of the embedding table.
fn tokens(
    tokenizer: &File<'_>,
    alphabet: Alphabet,
    rows: usize,
) -> Result<(Vec<String>, Vec<i32>), Error> {
    let Entries(entries) = &tokenizer.model.vocab;
    let added = tokenizer.added_tokens.iter().map(|it| it.id);
    let last = entries.iter().map(|it| it.1).chain(added).max();
    let n_tokens = entries.len() + tokenizer.added_tokens.len();
    let n = last.map_or(0, |it| it as usize + 1).max(rows);
    if n > (n_tokens + (1 << 20)).max(rows) {
        return Err(Error::IdGap { id: n as u64 - 1, n_tokens });
    }
    let mut texts: Vec<String> = (0..n).map(|id| format!("[PAD{id}]")).collect();
    let mut kinds = vec![UNUSED; n];
    for (text, id) in entries {
        let is_byte =
            tokenizer.model.byte_fallback && text.0.len() == 6 && text.0.starts_with("<0x");
        kinds[*id as usize] = if is_byte { BYTE } else { NORMAL };
        texts[*id as usize] = text.0.clone().into_owned();
    }
    for it in &tokenizer.added_tokens {
        let kind = if it.special { CONTROL } else { ADDED };
        // Sentencepiece's are looked for before spaces are escaped.
        let is_plain = alphabet == Alphabet::Chars && kind == ADDED;
        let text = if is_plain { it.content.replace('▁', " ") } else { it.content.clone() };
        (texts[it.id as usize], kinds[it.id as usize]) = (text, kind);
    }
    Ok((texts, kinds))
}

fn joined(merge: &Merge<'_>) -> String {
    match merge {
        Merge::Joined(text) => text.0.clone().into_owned(),
        Merge::Pair(a, b) => format!("{} {}", a.0, b.0),
    }
}

/// What GGUF calls this way of cutting text.
fn name(tokenizer: &File<'_>) -> Result<&'static str, Error> {
    let unsayable = |part, found: &str| Error::Unsayable { part, found: found.to_owned() };
    let form = match Normalizer::from_json(&tokenizer.normalizer)? {
        Normalizer::None => Form::AsIs,
        Normalizer::Nfc => Form::Nfc,
        Normalizer::Escape { .. } | Normalizer::Crate(_) => {
            return Err(unsayable("normalizer", &tokenizer.normalizer["type"].to_string()));
        }
    };
    let whole = match tokenizer.model.ignore_merges {
        true => WholePieces::First,
        false => WholePieces::ByMerging,
    };
    let cuts = pre_tokenizer::expressions(&tokenizer.pre_tokenizer);
    let cuts = cuts.ok_or_else(|| unsayable("pre-tokenizer", "a step that GGUF does not have"))?;
    let found = tables::name_of(&cuts, form, whole);
    found.ok_or_else(|| unsayable("pre-tokenizer", &cuts.join("` then `")))
}

/// Whether sentencepiece puts a space in front.
fn prefix(tokenizer: &File<'_>) -> Result<SpacePrefix, Error> {
    let json = &tokenizer.pre_tokenizer;
    // Gemma's file cuts at spaces, of which the normalizer leaves none.
    let is_idle = json["pattern"]["String"] == " " && json["invert"] != true;
    match (Normalizer::from_json(&tokenizer.normalizer)?, json["type"].as_str()) {
        (Normalizer::Escape { prefix }, None) => Ok(prefix),
        (Normalizer::Escape { prefix }, Some("Split")) if is_idle => Ok(prefix),
        (Normalizer::None, Some("Metaspace")) => {
            let never = json["prepend_scheme"] == "never" || json["add_prefix_space"] == false;
            Ok(if never { SpacePrefix::Leave } else { SpacePrefix::Add })
        }
        (_, kind) => {
            let found = kind.unwrap_or("none, with a normalizer of another kind").to_owned();
            Err(Error::Unsayable { part: "pre-tokenizer", found })
        }
    }
}

/// An error if two tokens are not merged though both together are one, as in vocabularies that are
/// not sentencepiece's: with scores they would be.
fn check_merges(tokenizer: &File<'_>, texts: &[String], kinds: &[i32]) -> Result<(), Error> {
    let listed: HashSet<_> = tokenizer.model.merges.iter().filter_map(halves).collect();
    let normal = texts.iter().zip(kinds).filter(|it| *it.1 == NORMAL).map(|it| it.0.as_str());
    let known: HashSet<&str> = normal.clone().collect();
    let is_left_out = |(a, b): &(&str, &str)| {
        known.contains(a) && known.contains(b) && !listed.contains(&(*a, *b))
    };
    for text in normal {
        let mut splits = text.char_indices().skip(1).map(|(at, _)| text.split_at(at));
        if let Some((left, right)) = splits.find(is_left_out) {
            return Err(Error::Unmerged { left: left.to_owned(), right: right.to_owned() });
        }
    }
    Ok(())
}

fn halves<'a>(merge: &'a Merge<'_>) -> Option<(&'a str, &'a str)> {
    match merge {
        Merge::Joined(text) => text.0.split_once(' '),
        Merge::Pair(a, b) => Some((&*a.0, &*b.0)),
    }
}

/// A piece that is merged early has a high score.
fn scores(tokenizer: &File<'_>, texts: &[String], kinds: &[i32]) -> Vec<f32> {
    let mut ranks: HashMap<String, usize> = HashMap::new();
    for (rank, merge) in tokenizer.model.merges.iter().enumerate() {
        let whole = match merge {
            Merge::Joined(text) => text.0.replacen(' ', "", 1),
            Merge::Pair(a, b) => format!("{}{}", a.0, b.0),
        };
        ranks.entry(whole).or_insert(rank);
    }
    let last = tokenizer.model.merges.len();
    let score = |(text, &kind): (&String, &i32)| match ranks.get(text) {
        Some(&rank) if kind == NORMAL => -(rank as f32),
        _ if kind == NORMAL => -(last as f32), // a character by itself; nothing merges to it
        _ => 0.0,
    };
    texts.iter().zip(kinds).map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with an added token `<x>` of this flag, `null` for none.
    fn refused(flag: &str, normalizer: &str, alphabet: Alphabet, of: &str) -> Option<String> {
        let json = format!(
            r#"{{"model": {{"vocab": {{}}}}, "normalizer": {normalizer},
                "added_tokens": [{{"id": 0, "content": "<x>", "{flag}": true}}]}}"#
        );
        let tokenizer: File<'_> = serde_json::from_str(&json).expect("a tokenizer");
        check_flags(&tokenizer, alphabet, of).err().map(|it| it.to_string())
    }

    #[test]
    fn flags_that_reading_does_not_restore_are_refused() {
        for flag in ["lstrip", "rstrip", "single_word"] {
            let text = format!("tokenizer.json: GGUF has no name for the flag `{flag}` of `<x>`");
            assert_eq!(refused(flag, "null", Alphabet::Bytes, "llama"), Some(text));
        }
        assert_eq!(refused("special", "null", Alphabet::Bytes, "llama"), None);
        assert_eq!(refused("rstrip", "null", Alphabet::Chars, "phi3"), None);
        assert!(refused("rstrip", "null", Alphabet::Bytes, "phi3").is_some());
    }

    #[test]
    fn cuts_that_sentencepiece_does_not_make_are_refused() {
        let check = |pattern: &str, invert: bool| {
            let json = format!(
                r#"{{"model": {{"vocab": {{}}}},
                    "normalizer": {{"type": "Replace", "pattern": {{"String": " "}}, "content": "▁"}},
                    "pre_tokenizer": {{"type": "Split", "pattern": {pattern},
                        "behavior": "Isolated", "invert": {invert}}}}}"#
            );
            let tokenizer: File<'_> = serde_json::from_str(&json).expect("a tokenizer");
            prefix(&tokenizer).map_err(|it| it.to_string())
        };
        let text = "tokenizer.json: GGUF has no name for the pre-tokenizer `Split`";
        assert_eq!(check(r#"{"String": " "}"#, false), Ok(SpacePrefix::Leave));
        assert_eq!(check(r#"{"String": " "}"#, true), Err(text.to_owned()));
        assert_eq!(check(r#"{"Regex": "[0-9]"}"#, false), Err(text.to_owned()));
    }

    #[test]
    fn merges_that_scores_cannot_leave_out_are_refused() {
        let check = |merges: &str| {
            let json = format!(
                r#"{{"model": {{"vocab": {{"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5}},
                    "merges": {merges}}}}}"#
            );
            let tokenizer: File<'_> = serde_json::from_str(&json).expect("a tokenizer");
            let (texts, kinds) = tokens(&tokenizer, Alphabet::Chars, 0).expect("sound ids");
            check_merges(&tokenizer, &texts, &kinds).map_err(|it| it.to_string())
        };
        assert_eq!(check(r#"["a b", "b c", "a bc", "ab c"]"#), Ok(()));
        assert_eq!(check(r#"[["a", "b"], ["b", "c"], ["a", "bc"], ["ab", "c"]]"#), Ok(()));
        let text = "tokenizer.json does not merge `a` and `bc`, though both together are a token: \
                    GGUF's sentencepiece cannot leave that out";
        assert_eq!(check(r#"["a b", "b c", "ab c"]"#), Err(text.to_owned()));
    }

    #[test]
    fn a_token_of_normalized_text_is_refused_where_that_is_another() {
        let refused =
            |normalizer: &str| refused("normalized", normalizer, Alphabet::Chars, "llama");
        let space = r#"{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"#;
        let prepend = r#"{"type": "Prepend", "prepend": "▁"}"#;
        let both = format!(r#"{{"type": "Sequence", "normalizers": [{prepend}, {space}]}}"#);
        assert_eq!(refused("null"), None);
        assert_eq!(refused(space), None);
        let text = "tokenizer.json: GGUF has no name for the flag `normalized` of `<x>`";
        assert_eq!(refused(&both).as_deref(), Some(text));
    }
}
