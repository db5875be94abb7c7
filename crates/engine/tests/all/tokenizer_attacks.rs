//! Hostile tokenizers (attack class T9): each is an error that says what is wrong, or harmless; none panics.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its attack fails")]

use std::{error::Error as _, fmt::Write as _};

use engine::{
    Prompt, Tokenizer,
    tokenizer::{Bos, Error},
};
use loader::{Array, Bytes, Container, Metadata, ModelFile, QkOrder, Value};
use serde_json::{Value as Json, json};

fn file(metadata: Metadata, tokenizer_json: Option<Vec<u8>>) -> ModelFile {
    ModelFile {
        path: "test".into(),
        container: Container::Gguf { version: 3 },
        metadata,
        tensors: Default::default(),
        low_rank: Default::default(),
        qk_order: QkOrder::Interleaved,
        tokenizer_json: tokenizer_json.map(Bytes::new),
        mappings: vec![],
    }
}

fn load_json(json: &Json) -> Result<Tokenizer, Error> {
    Tokenizer::load(&file(Metadata::default(), Some(serde_json::to_vec(json).unwrap())))
}

/// What the error and its causes say.
#[track_caller]
fn refused(result: Result<Tokenizer, Error>) -> String {
    let error = result.expect_err("it should have been refused");
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").unwrap();
        source = cause.source();
    }
    text
}

/// The character that stands for a byte in a byte-level vocabulary.
fn mapped(byte: u8) -> char {
    let plain = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..);
    match plain(byte) {
        true => char::from(byte),
        false => char::from_u32(0x100 + (0..byte).filter(|&b| !plain(b)).count() as u32).unwrap(),
    }
}

/// A byte-level tokenizer with the tokens of all bytes, then these.
fn byte_level(more: &[(&str, u64)], merges: Json) -> Json {
    let mut vocab = serde_json::Map::new();
    for byte in 0..=255 {
        vocab.insert(mapped(byte).to_string(), byte.into());
    }
    vocab.extend(more.iter().map(|(text, id)| ((*text).to_owned(), (*id).into())));
    json!({
        "added_tokens": [{"id": 1000, "content": "<|end|>", "special": true}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": vocab, "merges": merges},
    })
}

/// A sentencepiece-like `tokenizer.json` with byte fallback, where `edit` may change the names.
fn with_bytes(edit: impl Fn(u8) -> Option<String>) -> Json {
    let mut vocab = serde_json::Map::new();
    for byte in 0..=255 {
        if let Some(name) = edit(byte) {
            vocab.insert(name, byte.into());
        }
    }
    vocab.insert("a".into(), 256.into());
    json!({"model": {"type": "BPE", "byte_fallback": true, "vocab": vocab, "merges": []}})
}

/// A sentencepiece GGUF: `<unk>`, `<s>`, `</s>`, the bytes, then these with their scores.
fn sentencepiece(more: &[(&str, f32)]) -> Metadata {
    let mut texts: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    texts.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    texts.extend(more.iter().map(|(text, _)| (*text).to_owned()));
    let scores = std::iter::repeat_n(0.0, 259).chain(more.iter().map(|it| it.1)).collect();
    let mut types = vec![2, 3, 3];
    types.extend([6; 256]);
    types.resize(texts.len(), 1);
    let mut metadata = Metadata::default();
    metadata.insert("tokenizer.ggml.model", Value::String("llama".into()));
    metadata
        .insert("tokenizer.ggml.tokens", Value::Array(Array::String(texts.into_iter().collect())));
    metadata.insert("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    metadata
}

/// [`sentencepiece`] with one more key.
fn spm_with(key: &str, value: Value) -> Result<Tokenizer, Error> {
    let mut metadata = sentencepiece(&[("a", -1.0)]);
    metadata.insert(key, value);
    Tokenizer::load(&file(metadata, None))
}

#[test]
fn t9_merges_that_lack_a_token_are_named() {
    let merges =
        |merges: Json| refused(load_json(&byte_level(&[("ab", 256), ("cd", 257)], merges)));
    assert_eq!(
        merges(json!(["a b", "x yz"])),
        "merge 1 needs the token `yz`, which the vocabulary lacks"
    );
    // The result of this one is longer than the longest token: the `tokenizers` crate panics.
    assert_eq!(
        merges(json!([["ab", "cd"]])),
        "merge 0 needs the token `abcd`, which the vocabulary lacks"
    );
    assert_eq!(merges(json!(["ab"])), "merge 0 is `ab`, expected two tokens with a space between");
    assert!(merges(json!([["a", "b", "c"]])).starts_with("tokenizer.json does not parse: "));
    assert!(merges(json!([7])).starts_with("tokenizer.json does not parse: "));
}

#[test]
fn t9_ids_that_clash_or_leave_gaps_are_refused() {
    let ids = |more: &[(&str, u64)]| refused(load_json(&byte_level(more, json!([]))));
    assert_eq!(ids(&[("ab", 97)]), "the tokens `a` and `ab` both have the id 97");
    for id in [1 << 31, u64::from(u32::MAX), u64::MAX] {
        let expected = format!("token id {id} is out of proportion to a vocabulary of 258 tokens");
        assert_eq!(ids(&[("ab", id)]), expected);
    }
    assert_eq!(ids(&[("ab", 1000)]), "the tokens `ab` and `<|end|>` both have the id 1000");
    let mut twice = byte_level(&[], json!([]));
    let again = json!({"id": 1001, "content": "<|end|>", "special": true});
    twice["added_tokens"].as_array_mut().unwrap().push(again);
    assert_eq!(refused(load_json(&twice)), "the token `<|end|>` has the ids 1000 and 1001");
    let mut negative = byte_level(&[], json!([]));
    negative["model"]["vocab"]["ab"] = json!(-1);
    assert!(refused(load_json(&negative)).starts_with("tokenizer.json does not parse: "));
}

#[test]
fn t9_byte_tokens_must_name_every_byte() {
    let name = |byte: u8| Some(format!("<0x{byte:02X}>"));
    assert!(load_json(&with_bytes(name)).is_ok());
    for wrong in ["<0x-1>", "<0xZZ>", "<0x 1>", "<0x+1>"] {
        let json = with_bytes(|byte| if byte == 7 { Some(wrong.into()) } else { name(byte) });
        let expected = format!("byte token 7 is `{wrong}`, expected `<0x00>` to `<0xFF>`");
        assert_eq!(refused(load_json(&json)), expected);
    }
    let json = with_bytes(|byte| if byte == b'x' { None } else { name(byte) });
    assert_eq!(refused(load_json(&json)), "the vocabulary has no token for the byte 0x78");
    let mut json = byte_level(&[], json!([]));
    json["model"]["vocab"].as_object_mut().unwrap().remove("x");
    assert_eq!(refused(load_json(&json)), "the vocabulary has no token for the byte 0x78");
    // GGUF: by the kind of the token, whatever its name.
    let mut types = vec![1; 260];
    types[100] = 6;
    types[259] = 6;
    let error = spm_with("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    assert_eq!(refused(error), "byte token 259 is `a`, expected `<0x00>` to `<0xFF>`");
}

#[test]
fn t9_bad_tables_of_a_normalizer_are_errors() {
    for map in ["", "AAAA", "/////w==", "BAAAAP////8AAA==", "not base64!", "AgAAAAEAAAA="] {
        let mut json = byte_level(&[], json!([]));
        json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": map});
        let Ok(tokenizer) = load_json(&json) else { continue };
        for text in ["plain", "\u{fb01} \u{2460} 🦙", "e\u{301}"] {
            match tokenizer.encode(&Prompt::foreign(text), Bos::Never) {
                Ok(_) | Err(Error::Normalizer { .. }) => {}
                Err(other) => panic!("{map}: {other}"),
            }
        }
    }
    let mut json = byte_level(&[], json!([]));
    json["normalizer"] = json!({"type": "NoSuchThing"});
    assert!(refused(load_json(&json)).starts_with("the normalizer of tokenizer.json failed: "));
    json["normalizer"] = json!({"type": "Replace", "pattern": {"Regex": "(?=a)a"}, "content": "b"});
    assert!(refused(load_json(&json)).ends_with("is refused: look-around in a normalizer"));
}

#[test]
fn t9_expressions_that_could_run_for_ever_are_refused_or_stopped() {
    let split = |regex: &str| {
        let mut json = byte_level(&[], json!([]));
        let split = json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false});
        json["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [split, bytes]});
        load_json(&json)
    };
    for regex in [r"(a*)*\1b", r"((?=a)a)*b", r"(?=(?:a|aa)+$)b", "(a{1000}){1000}{1000}", "("] {
        refused(split(regex));
    }
    // On automata this is linear; `fancy-regex` alone would be exponential.
    let plain = split(r"(?:a|a|aa)*c|x").unwrap();
    plain.encode(&Prompt::foreign("a".repeat(1000)), Bos::Never).unwrap();
    let slow = split(r"(?:a|a|aa)+(?!a|$)c|x").unwrap();
    let result = slow.encode(&Prompt::foreign("a".repeat(10_000)), Bos::Never);
    assert!(matches!(result, Err(Error::RegexTooSlow { .. })), "{result:?}");
}

#[test]
fn t9_parts_that_are_not_built_are_named() {
    let with = |part: &str, value: Json| {
        let mut json = byte_level(&[], json!([]));
        json[part] = value;
        refused(load_json(&json))
    };
    assert_eq!(
        with("pre_tokenizer", json!({"type": "FixedLength", "length": 0})),
        "tokenizer.json: pre-tokenizer `FixedLength` is not supported yet"
    );
    assert_eq!(
        with("post_processor", json!({"type": "BertProcessing"})),
        "tokenizer.json: post-processor `BertProcessing` is not supported yet"
    );
    let template = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<gone>", "type_id": 0}}],
        "special_tokens": {},
    });
    assert_eq!(
        with("post_processor", template.clone()),
        "the model file has no `post_processor.special_tokens.<gone>`"
    );
    let mut template = template;
    template["special_tokens"]["<gone>"] = json!({"ids": [5000]});
    assert_eq!(
        with("post_processor", template),
        "`tokenizer.ggml.bos_token_id` is 5000, the vocabulary has 1001 tokens"
    );
    for kind in ["Unigram", "WordPiece", "WordLevel"] {
        let vocab = if kind == "Unigram" { json!([["a", 0.0]]) } else { json!({"a": 0}) };
        let json = json!({"model": {"type": kind, "vocab": vocab}});
        let expected = format!("tokenizer type `{kind}` is not supported yet; supported: BPE");
        assert_eq!(refused(load_json(&json)), expected);
    }
}

#[test]
fn t9_a_cut_or_deeply_nested_file_is_an_error() {
    let whole = serde_json::to_vec(&byte_level(&[("ab", 256)], json!(["a b"]))).unwrap();
    for percent in 0..100 {
        let cut = whole[..whole.len() * percent / 100].to_vec();
        refused(Tokenizer::load(&file(Metadata::default(), Some(cut))));
    }
    let nested = format!("{{\"normalizer\": {}", "[".repeat(100_000));
    refused(Tokenizer::load(&file(Metadata::default(), Some(nested.into_bytes()))));
    let mut json = byte_level(&[], json!([]));
    for _ in 0..60 {
        json["pre_tokenizer"] =
            json!({"type": "Sequence", "pretokenizers": [json["pre_tokenizer"]]});
        json["normalizer"] = json!({"type": "Sequence", "normalizers": [json["normalizer"]]});
    }
    let _ = load_json(&json);
}

#[test]
fn gguf_arrays_of_the_wrong_type_or_length_are_named() {
    let array = |key: &str, array: Array| refused(spm_with(key, Value::Array(array)));
    assert_eq!(
        array("tokenizer.ggml.scores", Array::I32(vec![0; 260])),
        "metadata key `tokenizer.ggml.scores` is [i32], expected [f32]"
    );
    assert_eq!(
        array("tokenizer.ggml.scores", Array::F32(vec![0.0; 7])),
        "metadata key `tokenizer.ggml.scores` has 7 elements, expected 260, one a token"
    );
    assert_eq!(
        array("tokenizer.ggml.token_type", Array::F32(vec![1.0; 260])),
        "metadata key `tokenizer.ggml.token_type` is [f32], expected [i32]"
    );
    assert_eq!(
        array("tokenizer.ggml.token_type", Array::I32(vec![1])),
        "metadata key `tokenizer.ggml.token_type` has 1 elements, expected 260, one a token"
    );
    assert_eq!(
        array("tokenizer.ggml.tokens", Array::I32(vec![1])),
        "metadata key `tokenizer.ggml.tokens` is [i32], expected [str]"
    );
    assert_eq!(
        refused(spm_with("tokenizer.ggml.tokens", Value::U32(1))),
        "metadata key `tokenizer.ggml.tokens` is u32, expected an array"
    );
    let gpt2 = |merges: Value| {
        let mut metadata = sentencepiece(&[]);
        metadata.insert("tokenizer.ggml.model", Value::String("gpt2".into()));
        metadata.insert("tokenizer.ggml.merges", merges);
        refused(Tokenizer::load(&file(metadata, None)))
    };
    assert_eq!(
        gpt2(Value::Array(Array::F32(vec![1.0]))),
        "metadata key `tokenizer.ggml.merges` is [f32], expected [str]"
    );
    assert_eq!(
        gpt2(Value::Array(Array::String(["a b"].into_iter().collect()))),
        "merge 0 needs the token `a`, which the vocabulary lacks"
    );
}

#[test]
fn special_ids_must_be_tokens() {
    for name in ["bos", "eos", "eot", "eom"] {
        let key = format!("tokenizer.ggml.{name}_token_id");
        let error = spm_with(&key, Value::U32(260));
        assert_eq!(refused(error), format!("`{key}` is 260, the vocabulary has 260 tokens"));
        assert!(spm_with(&key, Value::U32(259)).is_ok());
    }
    let error =
        spm_with("tokenizer.ggml.eos_token_ids", Value::Array(Array::U32(vec![2, 1 << 31])));
    let expected = "`tokenizer.ggml.eos_token_ids` is 2147483648, the vocabulary has 260 tokens";
    assert_eq!(refused(error), expected);
    let error = spm_with("tokenizer.ggml.bos_token_id", Value::String("1".into()));
    assert_eq!(
        refused(error),
        "metadata key `tokenizer.ggml.bos_token_id` is str, expected a whole number"
    );
}

#[test]
fn unknown_kinds_list_what_is_known() {
    for kind in ["t5", "rwkv", "plamo2", ""] {
        let error = spm_with("tokenizer.ggml.model", Value::String(kind.into()));
        let known = "bert, gemma4, gpt2, llama";
        let expected = format!("tokenizer type `{kind}` is not supported yet; supported: {known}");
        assert_eq!(refused(error), expected);
    }
    let mut metadata = sentencepiece(&[]);
    metadata.insert("tokenizer.ggml.model", Value::String("gpt2".into()));
    metadata.insert("tokenizer.ggml.pre", Value::String("no-such".into()));
    let error = refused(Tokenizer::load(&file(metadata, None)));
    assert!(error.starts_with("pre-tokenizer `no-such` is not known; known: gpt-2, "), "{error}");
    let error = refused(Tokenizer::load(&file(Metadata::default(), None)));
    assert_eq!(error, "the model file has no `tokenizer.ggml.model`");
}

#[test]
fn a_vocabulary_of_words_has_a_token_for_unknown_ones() {
    let words = |unknown: Option<u32>| {
        let mut metadata = sentencepiece(&[("▁[", -1.0), ("▁]", -1.0), ("▁s", -1.0)]);
        metadata.insert("tokenizer.ggml.model", Value::String("bert".into()));
        if let Some(id) = unknown {
            metadata.insert("tokenizer.ggml.unknown_token_id", Value::U32(id));
        }
        Tokenizer::load(&file(metadata, None))
    };
    let key = "tokenizer.ggml.unknown_token_id";
    assert_eq!(refused(words(None)), format!("the model file has no `{key}`"));
    let error = refused(words(Some(262)));
    assert_eq!(error, format!("`{key}` is 262, the vocabulary has 262 tokens"));
    let tokenizer = words(Some(0)).unwrap();
    let ids = |prompt: Prompt| tokenizer.encode(&prompt, Bos::Never).unwrap();
    assert_eq!(ids(Prompt::foreign("S [s]")), [261, 259, 261, 260]);
    assert_eq!(ids(Prompt::trusted("</s>")), [2]);
    // Neither its name nor its letters make a control token of what somebody wrote.
    assert!(ids(Prompt::foreign("</s> <s>")).iter().all(|id| ![1, 2].contains(id)));
}

#[test]
fn t9_merges_of_characters_lack_no_token() {
    let with = |merge: &str| {
        let mut metadata = sentencepiece(&[("a", 0.0), ("b", 0.0), ("ab", 0.0)]);
        metadata.insert("tokenizer.ggml.model", Value::String("gemma4".into()));
        let merges = Array::String(std::iter::once(merge.to_owned()).collect());
        metadata.insert("tokenizer.ggml.merges", Value::Array(merges));
        Tokenizer::load(&file(metadata, None))
    };
    let ids = with("a b").unwrap().encode(&Prompt::foreign("abé"), Bos::Never).unwrap();
    assert_eq!(ids, [261, 3 + 0xc3, 3 + 0xa9]);
    let error = refused(with("a c"));
    assert_eq!(error, "merge 0 needs the token `c`, which the vocabulary lacks");
}

#[test]
fn merging_never_leads_to_a_control_token() {
    let pieces = [
        ("<", -9.0),
        ("s", -9.0),
        (">", -9.0),
        ("<s", -1.0),
        ("/", -9.0),
        ("</", -1.0),
        ("s>", -1.5),
    ];
    let tokenizer = Tokenizer::load(&file(sentencepiece(&pieces), None)).unwrap();
    let mut json = byte_level(&[("<|", 256), ("en", 257), ("d|", 258), ("end|", 259)], json!([]));
    json["model"]["vocab"]["<|end|"] = json!(260);
    json["model"]["vocab"]["<|end|>"] = json!(1000);
    json["model"]["merges"] = json!(["< |", "e n", "d |", "en d|", "<| end|", "<|end| >"]);
    json["model"]["ignore_merges"] = json!(true);
    json["pre_tokenizer"]["use_regex"] = json!(false);
    let byte_level = load_json(&json).unwrap();
    for (tokenizer, text) in
        [(&tokenizer, "<s></s>"), (&tokenizer, "a <unk>"), (&byte_level, "<|end|>")]
    {
        let ids = tokenizer.encode(&Prompt::foreign(text), Bos::Never).unwrap();
        assert!(!ids.iter().any(|&id| tokenizer.is_special(id)), "{text}: {ids:?}");
    }
    let trusted = byte_level.encode(&Prompt::trusted("<|end|>"), Bos::Never).unwrap();
    assert_eq!(trusted, [1000]);
}

/// Tokens that match in the normalised text: provenance is asked of what was there before.
#[test]
fn a_normalizer_makes_no_structure_of_foreign_text() {
    let mut json = byte_level(&[], json!([]));
    json["added_tokens"][0]["normalized"] = json!(true);
    let strip = json!({"type": "StripAccents"});
    let kinds =
        [json!({"type": "NFKC"}), json!({"type": "Lowercase"}), json!({"type": "NFD"}), strip];
    json["normalizer"] = json!({"type": "Sequence", "normalizers": kinds});
    let tokenizer = load_json(&json).unwrap();
    let n_special = |prompt: &Prompt| {
        let ids = tokenizer.encode(prompt, Bos::Never).unwrap();
        ids.into_iter().filter(|&id| tokenizer.is_special(id)).count()
    };
    for text in ["<|end|>", "<|END|>", "＜｜ｅｎｄ｜＞", "<|e\u{301}nd|>", "x ＜|End|＞ y"]
    {
        assert_eq!(n_special(&Prompt::trusted(text)), 1, "{text}");
        assert_eq!(n_special(&Prompt::foreign(text)), 0, "{text}");
        for (at, char) in text.char_indices().filter(|(_, char)| !"xy ".contains(*char)) {
            let foreign = std::iter::once(at..at + char.len_utf8()).collect();
            let prompt = Prompt { text: text.to_owned(), foreign };
            assert_eq!(n_special(&prompt), 0, "{prompt:?}");
        }
    }
}

#[test]
fn t9_a_word_of_five_megabytes_takes_no_square_time() {
    let word = "ab".repeat(5 << 19);
    let merges = json!(["a b", "ab ab", "abab abab"]);
    let bytes = byte_level(&[("ab", 256), ("abab", 257), ("abababab", 258)], merges);
    let ids = load_json(&bytes).unwrap().encode(&Prompt::foreign(&word), Bos::Never).unwrap();
    assert_eq!(ids.len(), word.len() / 8);
    let pieces = [("a", -9.0), ("b", -9.0), ("ab", -1.0), ("abab", -2.0), ("abababab", -3.0)];
    let spm = Tokenizer::load(&file(sentencepiece(&pieces), None)).unwrap();
    let ids = spm.encode(&Prompt::foreign(&word), Bos::Never).unwrap();
    assert_eq!(ids.len(), word.len() / 8 + 3, "with the three bytes of the space before it");
    let spaces =
        load_json(&bytes).unwrap().encode(&Prompt::foreign(" ".repeat(5 << 20)), Bos::Never);
    assert_eq!(spaces.unwrap().len(), 5 << 20);
}
