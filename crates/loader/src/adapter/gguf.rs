//! Adapters in GGUF, as llama.cpp's `convert_lora_to_gguf.py` writes them.
//!
//! `general.type` is `adapter`, `adapter.type` is `lora`, `adapter.lora.alpha` is a number; the factors
//! of `NAME.weight` are `NAME.weight.lora_a` and `NAME.weight.lora_b`; those of the embedding table are the
//! other way round, since its rows are looked up.

use std::{collections::BTreeMap, path::Path};

use super::{Adapter, Error, Pair, Source, check_format, is_table, transposed};
use crate::{Access, FileTensor, Mapping, Metadata, ModelFile, gguf};

/// The adapter at `path`, for the architecture of `base`.
pub(super) fn open(path: &Path, base: &ModelFile, access: Access) -> Result<Adapter, crate::Error> {
    let in_it = |error: Error| Error::In { path: path.to_owned(), source: Box::new(error) };
    let mapping = Mapping::open_with(path, access)?;
    if !mapping.as_ref().starts_with(&gguf::MAGIC) {
        let found = "the file does not begin with `GGUF`".to_owned();
        return Err(in_it(Error::NotAnAdapter { found }).into());
    }
    let file = gguf::open(path, mapping, access)?;
    let alpha = alpha(&file.metadata, base.architecture()).map_err(in_it)?;
    let pairs = pairs(file.tensors, alpha).map_err(in_it)?;
    let (container, metadata, mappings) = (file.container, file.metadata, file.mappings);
    let source = Source { container, metadata, mappings };
    Ok(Adapter { pairs, qk_order: gguf::qk_order(base.architecture()), source })
}

/// `adapter.lora.alpha`, if it is a LoRA for this architecture.
fn alpha(metadata: &Metadata, expected: &str) -> Result<f64, Error> {
    let text = |key: &str| metadata.str(key).ok().flatten().unwrap_or_default();
    if text("general.type") != "adapter" {
        let found = match text("general.type") {
            "" => "it has no `general.type`".to_owned(),
            kind => format!("`general.type` is `{kind}`"),
        };
        return Err(Error::NotAnAdapter { found });
    }
    if text("adapter.type") != "lora" {
        return Err(Error::Unsupported { found: format!("the type `{}`", text("adapter.type")) });
    }
    if metadata.get("adapter.alora.invocation_tokens").is_some() {
        return Err(Error::Unsupported { found: "tokens that switch it on (aLoRA)".to_owned() });
    }
    let found = text("general.architecture");
    if found != expected {
        let [found, expected] = [found, expected].map(str::to_owned);
        return Err(Error::Architecture { found, expected });
    }
    let alpha = metadata.f64("adapter.lora.alpha").ok().flatten().filter(|it| it.is_finite());
    alpha.ok_or_else(|| Error::NotAnAdapter { found: "`adapter.lora.alpha` is missing".to_owned() })
}

/// Both factors of each tensor.
fn pairs(
    mut tensors: BTreeMap<String, FileTensor>,
    alpha: f64,
) -> Result<BTreeMap<String, Pair>, Error> {
    let mut pairs = BTreeMap::new();
    while let Some((found, one)) = tensors.pop_first() {
        let Some(name) = found.strip_suffix(".lora_a") else {
            return match found.ends_with(".lora_b") {
                true => Err(Error::Half { found }),
                false => Err(Error::Unsupported { found: format!("the tensor `{found}`") }),
            };
        };
        let Some(other) = tensors.remove(&format!("{name}.lora_b")) else {
            return Err(Error::Half { found });
        };
        // Of a table, the first has rows to look up, and the second is what multiplies them.
        let (a, b) = match is_table(name) {
            true => {
                check_format(&other)?;
                (transposed(&other), one)
            }
            false => (one, other),
        };
        let rank = a.shape.iter().rev().nth(1).copied().unwrap_or(1).max(1);
        // An alpha of 0 says that nothing is to be divided.
        let scale = if alpha == 0.0 { 1.0 } else { alpha / rank as f64 };
        pairs.insert(name.to_owned(), Pair { a, b, scale: scale as f32 });
    }
    match pairs.is_empty() {
        true => Err(Error::NotAnAdapter { found: "it has no tensors".to_owned() }),
        false => Ok(pairs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Format};

    /// The factors of a table of 64 rows of 32 numbers, the second in this format.
    fn of_table(format: Format) -> Result<Pair, Error> {
        let factor = |format: Format, shape: [usize; 2]| {
            let n: usize = shape.iter().product();
            let parts = vec![Bytes::new(format.encode(&vec![0.0; n]))];
            FileTensor { format, shape: shape.to_vec(), parts }
        };
        let name = |end: &str| format!("token_embd.weight.lora_{end}");
        let tensors =
            [(name("a"), factor(Format::F32, [64, 2])), (name("b"), factor(format, [2, 32]))];
        let mut pairs = pairs(tensors.into(), 1.0)?;
        Ok(pairs.remove("token_embd.weight").expect("it is its only one"))
    }

    /// A hostile file has few bits a weight, and would take many times its bytes.
    #[test]
    fn factors_of_a_table_are_turned_in_their_format_or_refused() {
        for format in [Format::F32, Format::F16, Format::BF16] {
            let pair = of_table(format).expect("it has all bits");
            assert_eq!((pair.a.format, &pair.a.shape[..]), (format, &[32, 2][..]));
            assert_eq!(pair.b.shape, [64, 2]);
        }
        let error = of_table(Format::Q4_0).err().expect("it has not all bits");
        assert_eq!(error.to_string(), "it has weights of Q4_0, which is not supported");
    }
}
