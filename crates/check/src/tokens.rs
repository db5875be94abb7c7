//! The ids of texts beside those recorded for the same vocabulary, and texts that come back.

use engine::{
    Prompt, Tokenizer,
    tokenizer::{Bos, Error, Specials},
};
use serde::Deserialize;

use crate::{
    finding::{Finding, Part},
    hash::Fnv,
};

/// What was recorded.
#[derive(Debug, Deserialize)]
struct Recorded {
    texts: Vec<String>,
    vocabularies: Vec<Vocabulary>,
}

#[derive(Debug, Deserialize)]
struct Vocabulary {
    name: String,
    hash: String,
    /// Of each text, without the token that begins one.
    ids: Vec<Vec<u32>>,
}

/// Texts that a tokenizer which loses nothing gives back: composed characters, no space in front.
const TEXTS: [&str; 10] = [
    "Once upon a time there was a little fox.",
    "I've been told she's there, isn't she?",
    "1 12 123 1234 12345 3.14159 0x7f",
    "def f(x):\n    return x ** 2  # squared\n",
    "tabs\tand\r\nline ends\n\n\n  and spaces   ",
    "Où est la bibliothèque? Größe, żółć",
    "我想在苹果工作。こんにちは 한국어 Привет",
    "😀🎉 🦙 and what few vocabularies have: ⟨ψ⟩ 𝔘",
    "<|im_start|>user [INST] <s> </s> <start_of_turn>",
    "a\u{0}b \u{7f} \u{a0}\u{200b}\u{feff}",
];

/// Which vocabulary this is: its pieces of text with their ids.
pub fn vocabulary(tokenizer: &Tokenizer) -> Fnv {
    let mut hash = Fnv::EMPTY;
    for (id, text) in tokenizer.ordinary() {
        hash.add(&id.to_le_bytes());
        hash.add(&(text.len() as u32).to_le_bytes());
        hash.add(text);
    }
    hash
}

/// Compares the ids, and tries the way back.
pub(crate) fn check(tokenizer: &Tokenizer, see: &mut dyn FnMut(Finding)) {
    let recorded = recorded();
    see(compare(tokenizer, &recorded).unwrap_or_else(|it| failed("ids", &it)));
    see(round_trip(tokenizer).unwrap_or_else(|it| failed("round trip", &it)));
}

fn recorded() -> Recorded {
    let [mut all, further] = files();
    all.vocabularies.extend(further.vocabularies);
    all
}

/// Of vocabularies that llama.cpp tests with, and of further ones, for the same texts.
fn files() -> [Recorded; 2] {
    let files =
        [include_str!("../fixtures/tokens.json"), include_str!("../fixtures/tokens_further.json")];
    files.map(|json| serde_json::from_str(json).expect("it is part of this program"))
}

fn failed(name: &str, error: &Error) -> Finding {
    Finding::error(Part::Tokens, name, error)
}

fn compare(tokenizer: &Tokenizer, recorded: &Recorded) -> Result<Finding, Error> {
    let hash = vocabulary(tokenizer).to_string();
    let Some(known) = recorded.vocabularies.iter().find(|it| it.hash == hash) else {
        let detail = format!("no ids are recorded for the vocabulary {hash}");
        return Ok(Finding::not_known(Part::Tokens, "ids", detail));
    };
    for (text, want) in recorded.texts.iter().zip(&known.ids) {
        let found = tokenizer.encode(&Prompt::foreign(text.as_str()), Bos::Never)?;
        if found != *want {
            let at = found.iter().zip(want).take_while(|(a, b)| a == b).count();
            let [found, want] = [&found, want].map(|it| shown(it.get(at)));
            let detail = format!(
                "token {} of {text:?} is {found}, recorded for {}: {want}",
                at + 1,
                known.name
            );
            return Ok(Finding::failed(Part::Tokens, "ids", detail));
        }
    }
    let detail = format!("{} texts as recorded for {}", known.ids.len(), known.name);
    Ok(Finding::ok(Part::Tokens, "ids", detail))
}

fn shown(id: Option<&u32>) -> String {
    id.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn round_trip(tokenizer: &Tokenizer) -> Result<Finding, Error> {
    if !tokenizer.keeps_text() {
        let detail = "this vocabulary does not keep every letter, or no spaces";
        return Ok(Finding::skipped(Part::Tokens, "round trip", detail));
    }
    for text in TEXTS {
        let ids = tokenizer.encode(&Prompt::foreign(text), Bos::Never)?;
        let back = tokenizer.decode(&ids, Specials::Keep);
        if back != text {
            let detail = format!("{text:?} came back as {back:?}");
            return Ok(Finding::failed(Part::Tokens, "round trip", detail));
        }
    }
    let detail = format!("{} texts come back from their ids", TEXTS.len());
    Ok(Finding::ok(Part::Tokens, "round trip", detail))
}

#[cfg(test)]
mod tests {
    use loader::{Array, Bytes, Container, Metadata, ModelFile, QkOrder, Value};

    use super::*;
    use crate::Verdict;

    /// A vocabulary of bytes, a space and one word, as GGUF keeps it.
    fn tokenizer(word: &str) -> Tokenizer {
        let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
        let words = ["▁", word].map(str::to_owned);
        let texts = ["<unk>".to_owned()].into_iter().chain(bytes).chain(words);
        let kinds = [2].into_iter().chain([6; 256]).chain([1; 2]);
        let mut metadata = Metadata::default();
        let mut put = |key: &str, value| metadata.insert(format!("tokenizer.ggml.{key}"), value);
        put("model", Value::String("llama".to_owned()));
        put("tokens", Value::Array(Array::String(texts.collect())));
        put("token_type", Value::Array(Array::I32(kinds.collect())));
        put("scores", Value::Array(Array::F32(vec![0.0; 259])));
        put("add_space_prefix", Value::Bool(false));
        let file = ModelFile {
            path: "bytes".into(),
            container: Container::Gguf { version: 3 },
            metadata,
            tensors: Default::default(),
            qk_order: QkOrder::Interleaved,
            tokenizer_json: None::<Bytes>,
            mappings: vec![],
            low_rank: Default::default(),
        };
        Tokenizer::load(&file).expect("a sound vocabulary")
    }

    fn known(ids: Vec<u32>) -> Recorded {
        let hash = vocabulary(&tokenizer("a")).to_string();
        let vocabulary = Vocabulary { name: "bytes".to_owned(), hash, ids: vec![ids] };
        Recorded { texts: vec!["ab".to_owned()], vocabularies: vec![vocabulary] }
    }

    #[test]
    fn ids_are_compared_where_the_vocabulary_is_known() {
        for (word, ids, verdict) in [
            ("a", vec![258, 99], Verdict::Ok),
            ("a", vec![258, 98], Verdict::Failed),
            ("b", vec![258, 99], Verdict::NotKnown),
        ] {
            let found = compare(&tokenizer(word), &known(ids)).unwrap();
            assert_eq!(found.verdict, verdict, "{word}: {}", found.detail);
        }
    }

    #[test]
    fn texts_come_back() {
        let found = round_trip(&tokenizer("a")).unwrap();
        assert_eq!(found.verdict, Verdict::Ok, "{}", found.detail);
    }

    #[test]
    fn vocabularies_are_recorded_once_and_for_the_same_texts() {
        let [one, other] = files();
        assert_eq!(one.texts, other.texts);
        let mut hashes: Vec<_> = recorded().vocabularies.into_iter().map(|it| it.hash).collect();
        let n = hashes.len();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), n);
    }

    #[test]
    fn each_recorded_vocabulary_has_the_ids_of_all_texts() {
        let recorded = recorded();
        assert!(!recorded.vocabularies.is_empty());
        for it in recorded.vocabularies {
            assert_eq!(it.ids.len(), recorded.texts.len(), "{}", it.name);
        }
    }
}
