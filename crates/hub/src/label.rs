//! What a file's name says of its weight format, and of how many files it is one.

use store::reference::quant_in;

/// Formats in the order in which they are taken where nobody asks for one: near four and a half
/// bits a weight first, then more bits, then fewer.
const USUAL: &[&str] = &[
    "Q4_K_M",
    "Q4_K_S",
    "Q4_K_L",
    "UD-Q4_K_XL",
    "IQ4_XS",
    "IQ4_NL",
    "Q4_0",
    "Q4_1",
    "MXFP4",
    "MXFP4_MOE",
    "Q5_K_M",
    "Q5_K_S",
    "Q5_0",
    "Q5_1",
    "Q6_K",
    "Q8_0",
    "Q3_K_L",
    "Q3_K_M",
    "IQ3_M",
    "Q3_K_S",
    "BF16",
    "F16",
    "F32",
];

/// One file of several: `NAME-00001-of-00003.gguf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard<'a> {
    /// What stands before the numbers.
    pub(crate) prefix: &'a str,
    /// Which it is, from 1 on.
    pub(crate) number: usize,
    /// How many there are.
    pub(crate) count: usize,
}

/// Whether `name` is one file of several.
pub(crate) fn shard(name: &str) -> Option<Shard<'_>> {
    let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (prefix, number) = rest.rsplit_once('-')?;
    let number_of = |it: &str| {
        let digits = it.len() == 5 && it.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| it.parse().ok()).flatten().filter(|&n| n > 0)
    };
    let (number, count) = (number_of(number)?, number_of(count)?);
    (number <= count).then_some(Shard { prefix, number, count })
}

/// The weight format that the name of a GGUF file tells, in upper case.
pub(crate) fn format(name: &str) -> Option<String> {
    name.strip_suffix(".gguf").and_then(quant_in).map(str::to_ascii_uppercase)
}

/// Where `format` stands among those that are taken unasked; one that does not stands last.
pub(crate) fn rank(format: &str) -> usize {
    USUAL.iter().position(|it| *it == format).unwrap_or(USUAL.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(format(name).as_deref(), expected, "{name}");
    }

    #[test]
    fn formats_are_told_by_names() {
        check("Llama-3.2-3B-Instruct-Q4_K_M.gguf", Some("Q4_K_M"));
        check("qwen2.5-0.5b-instruct-q4_k_m.gguf", Some("Q4_K_M"));
        check("tinyllama-1.1b-chat-v1.0.Q8_0.gguf", Some("Q8_0"));
        check("Phi-3-mini-4k-instruct-q4.gguf", Some("Q4"));
        check("Phi-3-mini-4k-instruct-fp16.gguf", Some("FP16"));
        check("ggml_model_q5_0.gguf", Some("Q5_0"));
        check("Qwen3-8B-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL"));
        check("gpt-oss-20b-MXFP4.gguf", Some("MXFP4"));
        check("model-IQ4_XS.gguf", Some("IQ4_XS"));
        check("big-Q4_K_M-00002-of-00003.gguf", Some("Q4_K_M"));
        check("model.gguf", None);
        check("Qwen3-8B.gguf", None);
        check("model-Q4_K_M.safetensors", None);
    }

    #[test]
    fn shards_are_told_by_names() {
        let found = shard("a-b-00002-of-00003.gguf");
        assert_eq!(found, Some(Shard { prefix: "a-b", number: 2, count: 3 }));
        for none in ["a.gguf", "a-00000-of-00003.gguf", "a-00004-of-00003.gguf", "a-2-of-3.gguf"] {
            assert_eq!(shard(none), None, "{none}");
        }
    }

    #[test]
    fn four_and_a_half_bits_come_first() {
        let mut formats = vec!["F16", "Q8_0", "Q2_K", "Q4_0", "Q4_K_M"];
        formats.sort_by_key(|it| rank(it));
        assert_eq!(formats, ["Q4_K_M", "Q4_0", "Q8_0", "F16", "Q2_K"]);
    }
}
