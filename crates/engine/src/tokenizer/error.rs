//! Why a tokenizer could not be built, or could not encode a text.

/// What is wrong with a tokenizer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file has no tokenizer, or not all of one.
    #[error("the model file has no `{key}`")]
    Missing {
        /// The key.
        key: String,
    },
    /// A metadata value has the wrong type.
    #[error(transparent)]
    Metadata(#[from] loader::Error),
    /// A metadata array has elements of the wrong type.
    #[error("metadata key `{key}` is {found}, expected {expected}")]
    ArrayType {
        /// The key.
        key: String,
        /// What the tokenizer reads.
        expected: &'static str,
        /// What the file has.
        found: &'static str,
    },
    /// An array has another length than the list of tokens.
    #[error("metadata key `{key}` has {found} elements, expected {expected}, one a token")]
    Count {
        /// The key.
        key: String,
        /// The number of tokens.
        expected: usize,
        /// The number of elements.
        found: usize,
    },
    /// A kind of tokenizer that is not built yet.
    #[error("tokenizer type `{found}` is not supported yet; supported: {}", .supported.join(", "))]
    Unsupported {
        /// The type in the file.
        found: String,
        /// The types that work.
        supported: &'static [&'static str],
    },
    /// A part of `tokenizer.json` that is not built yet.
    #[error("tokenizer.json: {part} `{found}` is not supported yet")]
    UnsupportedPart {
        /// `normalizer`, `pre-tokenizer` and so on.
        part: &'static str,
        /// The type in the file.
        found: String,
    },
    /// Something that GGUF has no way to say.
    #[error("tokenizer.json: GGUF has no name for the {part} `{found}`")]
    Unsayable {
        /// `normalizer` or `pre-tokenizer`.
        part: &'static str,
        /// What it does.
        found: String,
    },
    /// A pair that is not merged, though both together are a token: GGUF's sentencepiece has scores
    /// of tokens, and merges whatever makes one.
    #[error(
        "tokenizer.json does not merge `{left}` and `{right}`, though both together are a token: \
        GGUF's sentencepiece cannot leave that out"
    )]
    Unmerged {
        /// The first token.
        left: String,
        /// The second.
        right: String,
    },
    /// No pre-tokenizer of that name.
    #[error("pre-tokenizer `{found}` is not known; known: {}", .known.join(", "))]
    UnknownPreTokenizer {
        /// The name in the file.
        found: String,
        /// The names that work.
        known: Vec<&'static str>,
    },
    /// `tokenizer.json` is not what it should be.
    #[error("tokenizer.json does not parse")]
    Json(#[from] serde_json::Error),
    /// A merge is not two tokens with a space between.
    #[error("merge {index} is `{text}`, expected two tokens with a space between")]
    MergeSyntax {
        /// Its place in the list.
        index: usize,
        /// What stands there.
        text: String,
    },
    /// A merge names a token, or makes one, that the vocabulary lacks.
    #[error("merge {index} needs the token `{token}`, which the vocabulary lacks")]
    MergeToken {
        /// Its place in the list.
        index: usize,
        /// The token.
        token: String,
    },
    /// Two tokens have one number.
    #[error("the tokens `{}` and `{}` both have the id {id}", .texts[0], .texts[1])]
    DuplicateId {
        /// The number.
        id: u32,
        /// The tokens.
        texts: [String; 2],
    },
    /// One token has two numbers.
    #[error("the token `{text}` has the ids {} and {}", .ids[0], .ids[1])]
    DuplicateToken {
        /// The token.
        text: String,
        /// The numbers.
        ids: [u32; 2],
    },
    /// A token that is looked for in texts is longer than any should be.
    #[error("token {id}, which matches as a whole, has {found} bytes, expected at most {limit}")]
    LongToken {
        /// Its number.
        id: u32,
        /// Its bytes.
        found: usize,
        /// The most that it may have.
        limit: usize,
    },
    /// Numbers so far apart that the table would be mostly holes.
    #[error("token id {id} is out of proportion to a vocabulary of {n_tokens} tokens")]
    IdGap {
        /// The number.
        id: u64,
        /// How many tokens there are.
        n_tokens: usize,
    },
    /// A special token's number is beyond the vocabulary.
    #[error("`{key}` is {id}, the vocabulary has {n_tokens} tokens")]
    TokenId {
        /// Where it stands.
        key: String,
        /// The number.
        id: u64,
        /// How many tokens there are.
        n_tokens: usize,
    },
    /// A byte token has another name than `<0x00>` to `<0xFF>`.
    #[error("byte token {id} is `{text}`, expected `<0x00>` to `<0xFF>`")]
    ByteToken {
        /// Its number.
        id: u32,
        /// Its name.
        text: String,
    },
    /// Text with this byte could not be encoded.
    #[error("the vocabulary has no token for the byte 0x{byte:02X}")]
    MissingByte {
        /// The byte.
        byte: u8,
    },
    /// A regular expression does not compile.
    #[error("the expression `{pattern}` does not compile")]
    Regex {
        /// The expression.
        pattern: String,
        /// The reason.
        source: Box<fancy_regex::Error>,
    },
    /// A regular expression could take for ever.
    #[error("the expression `{pattern}` is refused: {why}")]
    RegexShape {
        /// The expression.
        pattern: String,
        /// What it does.
        why: &'static str,
    },
    /// A regular expression did take for ever.
    #[error("the expression `{pattern}` takes too long on a text of {len} bytes")]
    RegexTooSlow {
        /// The expression.
        pattern: String,
        /// Bytes of the text.
        len: usize,
    },
    /// The normaliser failed on its own table or on a text.
    #[error("the normalizer of tokenizer.json failed: {reason}")]
    Normalizer {
        /// What it said.
        reason: String,
    },
    /// More text than a token index can count.
    #[error("the text has {len} bytes, expected at most {max}")]
    TooLong {
        /// Bytes of the text.
        len: usize,
        /// Bytes that are taken.
        max: usize,
    },
}
