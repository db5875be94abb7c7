//! The pre-tokenizers that GGUF knows by name (`tokenizer.ggml.pre`).
//!
//! The expressions are those of the models' own `tokenizer.json`; llama.cpp's names. A name that is
//! not here is an error that lists what is: guessing would give other tokens than in training.

use super::{
    Error,
    bpe::WholePieces,
    regex::Pattern,
    split::{Behavior, Step},
};

/// What a name stands for.
pub(super) struct PreTokenizer {
    names: &'static [&'static str],
    /// Each cuts what the one before left, and isolates its matches.
    expressions: &'static [&'static str],
    pub(super) whole: WholePieces,
    pub(super) normalizer: Form,
    /// Where the file has no `tokenizer.ggml.add_bos_token`.
    pub(super) bos: bool,
}

/// The form of Unicode that the model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As typed.
    AsIs,
    /// Composed.
    Nfc,
}

/// GPT-2's own.
pub(super) const GPT2: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const CJK: &str = "[一-龥ࠀ-一가-\u{d7ff}]+";

const PLAIN: PreTokenizer = PreTokenizer {
    names: &["gpt-2", "phi-2", "olmo", "mpt", "exaone4", "gigachat"],
    expressions: &[GPT2],
    whole: WholePieces::ByMerging,
    normalizer: Form::AsIs,
    bos: false,
};

const PRE_TOKENIZERS: &[PreTokenizer] = &[
    PLAIN,
    PreTokenizer {
        names: &["default"],
        expressions: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
        ..PLAIN
    },
    PreTokenizer {
        names: &["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "lfm2"],
        expressions: &[LLAMA3],
        whole: WholePieces::First,
        bos: true,
        ..PLAIN
    },
    PreTokenizer { names: &["dbrx", "smaug-bpe", "chatglm-bpe"], expressions: &[LLAMA3], ..PLAIN },
    PreTokenizer {
        names: &["glm4", "glm5"],
        expressions: &[LLAMA3],
        whole: WholePieces::First,
        ..PLAIN
    },
    PreTokenizer {
        names: &["qwen2", "deepseek-r1-qwen", "megrez"],
        expressions: &[QWEN2],
        normalizer: Form::Nfc,
        ..PLAIN
    },
    PreTokenizer { names: &["qwen35"], expressions: &[QWEN35], ..PLAIN },
    PreTokenizer { names: &["stablelm2", "hunyuan"], expressions: &[QWEN2], ..PLAIN },
    PreTokenizer { names: &["laguna"], expressions: &[r"[^\n]+|\n+", QWEN2], ..PLAIN },
    PreTokenizer {
        names: &["seed-coder"],
        expressions: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        ..PLAIN
    },
    PreTokenizer {
        names: &["exaone-moe"],
        expressions: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
        ],
        ..PLAIN
    },
    PreTokenizer {
        names: &["tekken"],
        expressions: &[TEKKEN],
        whole: WholePieces::First,
        bos: true,
        ..PLAIN
    },
    PreTokenizer { names: &["gpt-4o", "llama4"], expressions: &[GPT4O], ..PLAIN },
    PreTokenizer {
        names: &["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"],
        expressions: &[r"\p{N}", GPT2],
        ..PLAIN
    },
    PreTokenizer {
        names: &["command-r"],
        expressions: &[r"\p{N}", GPT2],
        normalizer: Form::Nfc,
        ..PLAIN
    },
    PreTokenizer {
        names: &["falcon"],
        expressions: &[r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
        ..PLAIN
    },
    PreTokenizer {
        names: &["deepseek-coder"],
        expressions: &[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK, r"\p{N}"],
        ..PLAIN
    },
    PreTokenizer {
        names: &["deepseek-llm"],
        // Letters that have case, punctuation of ASCII, of full width and of the CJK blocks.
        expressions: &[
            r"[\r\n]",
            r"\s?[\p{Lu}\p{Ll}\p{Lt}]+",
            r"\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+",
            r"\s+$",
            CJK,
            r"\p{N}",
        ],
        ..PLAIN
    },
    PreTokenizer {
        names: &["deepseek-v3", "hunyuan-dense"],
        expressions: &[
            r"\p{N}{1,3}",
            "[一-龥\u{3040}-ゟ゠-ヿ]+",
            r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
        ],
        ..PLAIN
    },
];

/// The pre-tokenizer of this name.
pub(super) fn named(name: &str) -> Result<&'static PreTokenizer, Error> {
    let known = || PRE_TOKENIZERS.iter().flat_map(|it| it.names).copied().collect();
    PRE_TOKENIZERS
        .iter()
        .find(|it| it.names.contains(&name))
        .ok_or_else(|| Error::UnknownPreTokenizer { found: name.to_owned(), known: known() })
}

/// The name under which text is cut like this.
pub(super) fn name_of(
    expressions: &[String],
    normalizer: Form,
    whole: WholePieces,
) -> Option<&'static str> {
    let same = |it: &&PreTokenizer| {
        it.expressions == expressions && it.normalizer == normalizer && it.whole == whole
    };
    PRE_TOKENIZERS.iter().find(same)?.names.first().copied()
}

impl PreTokenizer {
    /// Its expressions, compiled.
    pub(super) fn steps(&self) -> Result<Vec<Step>, Error> {
        let step = |source: &&str| {
            Ok(Step::Split { pattern: Pattern::new(source)?, behavior: Behavior::Isolated })
        };
        self.expressions.iter().map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles_and_every_name_is_unique() {
        let mut names: Vec<_> = PRE_TOKENIZERS.iter().flat_map(|it| it.names).collect();
        let n = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), n);
        for it in PRE_TOKENIZERS {
            it.steps().unwrap_or_else(|error| panic!("{}: {error}", it.names[0]));
        }
    }
}
