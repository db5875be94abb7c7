//! A vocabulary for a model that was never trained: pairs of letters, numbered tokens up to the size that
//! is asked for, and one token a byte. Byte-level BPE, which every reader of GGUF knows.
//!
//! Many rows of random weights are the same, and of tokens that are as likely most programs take one of
//! the first. Bytes are the last: half of them are no text, and servers stumble over an answer that ends
//! within a character.

use loader::{Array, Value};

/// GGUF's numbers for kinds of tokens.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;

/// One a byte, and one that ends a text.
pub(super) const LEAST: usize = 257;

/// The keys of `tokenizer.ggml` with `n` tokens, [`LEAST`] at least.
pub(super) fn keys(n: usize) -> Vec<(&'static str, Value)> {
    let letters = || 'a'..='z';
    let pairs = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let pairs: Vec<[char; 2]> = pairs.take(n.saturating_sub(LEAST)).collect();
    let mut tokens: Vec<String> = pairs.iter().map(|it| it.iter().collect()).collect();
    tokens.extend((tokens.len()..n.saturating_sub(LEAST)).map(|id| format!("[{id}]")));
    tokens.extend(alphabet().map(String::from));
    let last = tokens.len();
    tokens.push("<|end|>".to_owned());
    let mut kinds = vec![NORMAL; last];
    kinds.push(CONTROL);
    let merges = pairs.iter().map(|[a, b]| format!("{a} {b}")).collect();
    vec![
        ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::String("gpt-2".to_owned())),
        ("tokenizer.ggml.tokens", Value::Array(Array::String(tokens.into_iter().collect()))),
        ("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds))),
        ("tokenizer.ggml.merges", Value::Array(Array::String(merges))),
        ("tokenizer.ggml.bos_token_id", Value::U32(last as u32)),
        ("tokenizer.ggml.eos_token_id", Value::U32(last as u32)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
    ]
}

/// The characters that stand for the bytes 0 to 255 in byte-level vocabularies: those that can be
/// seen stand for themselves, the others for one each from U+0100 on.
fn alphabet() -> impl Iterator<Item = char> {
    let mut hidden = 0x100;
    (0..=255u8).map(move |byte| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        _ => {
            hidden += 1;
            char::from_u32(hidden - 1).expect("letters follow U+0100")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_tokens_as_are_asked_for() {
        for n in [LEAST, LEAST + 1, 1000, 32_000] {
            let keys = keys(n);
            let array = |name: &str| keys.iter().find(|it| it.0 == name)?.1.as_array();
            let Some(Array::String(tokens)) = array("tokenizer.ggml.tokens") else { panic!("{n}") };
            let kinds = array("tokenizer.ggml.token_type").map(Array::len);
            assert_eq!((tokens.len(), kinds), (n, Some(n)));
            let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
            assert_eq!(distinct.len(), n);
            assert_eq!(tokens.get(n - 1).as_deref(), Some("<|end|>"));
            assert_eq!(tokens.get(n - LEAST).as_deref(), Some("Ā"), "the first byte");
            let Some(Array::String(merges)) = array("tokenizer.ggml.merges") else { panic!("{n}") };
            for merge in merges.iter() {
                assert!(distinct.contains(&merge.replace(' ', "")), "{merge}");
            }
        }
    }

    #[test]
    fn bytes_have_their_usual_characters() {
        let all: Vec<char> = alphabet().collect();
        assert_eq!((all.len(), all[b'a' as usize], all[b' ' as usize]), (256, 'a', 'Ġ'));
        assert_eq!((all[0], all[b'\n' as usize], all[0xad]), ('Ā', 'Ċ', 'Ń'));
    }
}
