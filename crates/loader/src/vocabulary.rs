//! Whether the vocabulary in the metadata agrees with itself; what its tokens mean is not asked.

use crate::{Array, Error, Metadata, Value};

const TOKENS: &str = "tokenizer.ggml.tokens";

/// Arrays beside [`TOKENS`] have one element a token, and ids are ids of tokens.
///
/// A file without a vocabulary passes: that of a Hugging Face folder is in `tokenizer.json`.
pub(crate) fn check(metadata: &Metadata) -> Result<(), Error> {
    metadata.strings("tokenizer.ggml.merges")?;
    let Some(tokens) = metadata.strings(TOKENS)? else { return Ok(()) };
    let n = tokens.len();
    same_len(metadata, "tokenizer.ggml.scores", n, "an array of numbers ([f32])", |it| {
        matches!(it, Array::F32(_) | Array::F64(_))
    })?;
    same_len(
        metadata,
        "tokenizer.ggml.token_type",
        n,
        "an array of whole numbers ([i32])",
        |it| matches!(it, Array::I32(_) | Array::U32(_)),
    )?;
    let Some(last) = n.checked_sub(1) else {
        return Err(Error::KeyLength { key: TOKENS.to_owned(), expected: 1, found: 0 });
    };
    for name in ["bos", "eos"] {
        metadata.usize_in(&format!("tokenizer.ggml.{name}_token_id"), 0..=last)?;
    }
    Ok(())
}

/// Looks only at type and length: nothing is copied, however long the array is.
fn same_len(
    metadata: &Metadata,
    key: &str,
    n: usize,
    expected: &'static str,
    accepts: impl Fn(&Array) -> bool,
) -> Result<(), Error> {
    let Some(value) = metadata.get(key) else { return Ok(()) };
    let key = key.to_owned();
    match value {
        Value::Array(it) if accepts(it) && it.len() == n => Ok(()),
        Value::Array(it) if accepts(it) => {
            Err(Error::KeyLength { key, expected: n, found: it.len() })
        }
        _ => Err(Error::KeyType { key, expected, found: value.type_name() }),
    }
}
