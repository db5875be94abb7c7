//! Whether the ids of one tokenizer mean what those of another mean: how texts become ids may differ,
//! and which ids begin a text or end an answer.

use super::{
    Tokenizer,
    vocab::{Kind, Vocab},
};
use crate::DraftError;

/// Tokens that one may have beyond the other's last: marks of pictures, of reasoning. llama.cpp
/// allows as many.
pub(crate) const MORE: usize = 128;

impl Tokenizer {
    /// Compares this, a draft's, with that of the model that it guesses for; how many ids, from the
    /// first on, mean the same to both.
    ///
    /// # Errors
    ///
    /// If an id that both have stands for something else, or one has many more. Holes, and padding at
    /// the end, may be others.
    pub(crate) fn n_alike(&self, model: &Self) -> Result<usize, DraftError> {
        let [ours, theirs] = [self, model].map(|it| n_used(it.model.vocab()));
        let n = n_common(ours, theirs)?;
        (0..n as u32).try_for_each(|id| check_token(id, self, model))?;
        Ok(n)
    }
}

/// How many tokens a draft with `found` of them and a model with `expected` have in common, if one
/// has not many more.
pub(crate) fn n_common(found: usize, expected: usize) -> Result<usize, DraftError> {
    match found.abs_diff(expected) {
        ..=MORE => Ok(found.min(expected)),
        _ => Err(DraftError::Count { found, expected }),
    }
}

fn check_token(id: u32, ours: &Tokenizer, theirs: &Tokenizer) -> Result<(), DraftError> {
    let vocabs = [ours, theirs].map(|it| it.model.vocab());
    let [found, expected] = vocabs.map(|it| it.texts.get(id));
    let are_holes = vocabs.iter().all(|it| it.kinds[id as usize] == Kind::Unused);
    // Added tokens of spaces have `▁` in a `tokenizer.json` and spaces in GGUF.
    if are_holes || found == expected || ours.piece(id) == theirs.piece(id) {
        return Ok(());
    }
    let [found, expected] = [found, expected].map(|it| String::from_utf8_lossy(it).into_owned());
    Err(DraftError::Text { id, found, expected })
}

/// One more than the last id that stands for something.
fn n_used(vocab: &Vocab) -> usize {
    vocab.kinds.iter().rposition(|it| *it != Kind::Unused).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use loader::{Array, Bytes, Container, Metadata, ModelFile, QkOrder, Value};

    use super::*;

    fn load(metadata: Metadata, json: Option<String>) -> Tokenizer {
        let file = ModelFile {
            path: "test".into(),
            container: Container::Gguf { version: 3 },
            metadata,
            tensors: Default::default(),
            low_rank: Default::default(),
            qk_order: QkOrder::Interleaved,
            tokenizer_json: json.map(|it| Bytes::new(it.into_bytes())),
            mappings: vec![],
        };
        Tokenizer::load(&file).expect("a sound tokenizer")
    }

    fn bytes() -> impl Iterator<Item = String> {
        (0..=0xff_u8).map(|byte| format!("<0x{byte:02X}>"))
    }

    /// The bytes, a space, and two spaces as an added token.
    fn of_json() -> Tokenizer {
        let ids: Vec<String> =
            bytes().zip(0..).map(|(it, id)| format!(r#""{it}": {id}"#)).collect();
        let json = format!(
            r#"{{"model": {{"byte_fallback": true, "vocab": {{{}, "▁": 256, "▁▁": 257}}}},
                "added_tokens": [{{"id": 257, "content": "▁▁"}}]}}"#,
            ids.join(", ")
        );
        load(Metadata::default(), Some(json))
    }

    /// The same, where the added token has this text.
    fn of_gguf(added: &str) -> Tokenizer {
        let texts = bytes().chain(["▁", added].map(str::to_owned));
        let kinds = [6; 256].into_iter().chain([1, 4]);
        let mut metadata = Metadata::default();
        for (key, value) in [
            ("model", Value::String("llama".to_owned())),
            ("tokens", Value::Array(Array::String(texts.collect()))),
            ("scores", Value::Array(Array::F32(vec![0.0; 258]))),
            ("token_type", Value::Array(Array::I32(kinds.collect()))),
        ] {
            metadata.insert(format!("tokenizer.ggml.{key}"), value);
        }
        load(metadata, None)
    }

    #[test]
    fn spaces_of_added_tokens_are_the_same_however_a_container_writes_them() {
        for (draft, model) in [
            (of_json(), of_json()),
            (of_gguf("  "), of_json()),
            (of_json(), of_gguf("  ")),
            (of_gguf("▁▁"), of_gguf("  ")),
        ] {
            assert_eq!(draft.n_alike(&model).ok(), Some(258));
        }
        let error = of_gguf("   ").n_alike(&of_json()).expect_err("three spaces are not two");
        assert!(matches!(error, DraftError::Text { id: 257, .. }), "{error}");
    }
}
