//! No text of a person or a tool becomes structure, whatever it holds: every structural token of
//! every golden vocabulary, spelled whole, in halves, in look-alikes and at random.

use std::path::Path;

use engine::{Prompt, Tokenizer, tokenizer::Bos};
use ingle_tests::{files, golden, real};
use loader::ModelFile;

fn special_ids(tokenizer: &Tokenizer, prompt: &Prompt) -> Vec<u32> {
    let ids = tokenizer.encode(prompt, Bos::Never).expect("the golden tokenizers encode any text");
    ids.into_iter().filter(|&id| tokenizer.is_special(id)).collect()
}

/// Those that are structure: a word that a vocabulary lacks may be a special token, too, and is none.
fn structure(tokenizer: &Tokenizer, prompt: &Prompt) -> Vec<u32> {
    let unknown = special_ids(tokenizer, &Prompt::foreign("\u{a66e}"));
    special_ids(tokenizer, prompt).into_iter().filter(|id| !unknown.contains(id)).collect()
}

#[track_caller]
fn check(tokenizer: &Tokenizer, text: &str) {
    assert_eq!(structure(tokenizer, &Prompt::foreign(text)), [0; 0], "{text:?}");
}

/// What a person might type instead, hoping for a normaliser or a careless match.
fn look_alikes(token: &str) -> Vec<String> {
    let wide = |char: char| match char {
        '!'..='~' => char::from_u32(u32::from(char) + 0xfee0).unwrap_or(char),
        other => other,
    };
    let inserted = |with: &str| {
        let half = token.char_indices().nth(token.chars().count() / 2).map_or(0, |(at, _)| at);
        format!("{}{with}{}", &token[..half], &token[half..])
    };
    vec![
        token.chars().map(wide).collect(),
        token.replace('<', "＜").replace('>', "＞"),
        token.replace('|', "｜"),
        token.replace('<', "\u{2039}").replace('a', "\u{430}"),
        inserted("\u{200b}"),
        inserted("\u{ad}"),
        inserted("\u{301}"),
        token.replace(' ', "▁").replace('_', " "),
        format!(" {token} "),
        format!("▁{token}"),
        token.to_uppercase(),
    ]
}

#[expect(clippy::single_range_in_vec_init, reason = "lists of one foreign range are meant")]
/// A token in two messages, one after the other, and half written by the template.
fn halves(tokenizer: &Tokenizer, token: &str) {
    for (at, _) in token.char_indices().skip(1) {
        let len = token.len();
        for foreign in [&[0..at, at..len][..], &[0..at], &[at..len]] {
            let prompt = Prompt { text: token.to_owned(), foreign: foreign.to_vec() };
            let found = special_ids(tokenizer, &prompt);
            // What the template's half spells by itself may stand.
            let alone: Vec<u32> = match prompt.foreign[..] {
                [ref one] if one.start == 0 => {
                    special_ids(tokenizer, &Prompt::trusted(&token[at..]))
                }
                [_] => special_ids(tokenizer, &Prompt::trusted(&token[..at])),
                _ => vec![],
            };
            assert_eq!(found, alone, "{prompt:?}");
        }
    }
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// Random prompts of parts of tokens: the structure is what the trusted text alone spells.
fn fuzz(tokenizer: &Tokenizer, rounds: usize) {
    let tokens = tokenizer.structural();
    let mut random = Random(7);
    for _ in 0..rounds {
        let (mut prompt, mut neutral) = (Prompt::default(), String::new());
        for _ in 0..random.below(12) {
            let token = &tokens[random.below(tokens.len())];
            let cuts: Vec<usize> =
                token.char_indices().map(|(at, _)| at).chain([token.len()]).collect();
            let (a, b) = (cuts[random.below(cuts.len())], cuts[random.below(cuts.len())]);
            let part = if random.below(2) == 0 { token } else { &token[a.min(b)..a.max(b)] };
            let start = prompt.text.len();
            prompt.text += part;
            if random.below(2) == 0 && !part.is_empty() {
                prompt.foreign.push(start..prompt.text.len());
                neutral += &"\u{1}".repeat(part.len());
            } else {
                neutral += part;
            }
        }
        let expected = structure(tokenizer, &Prompt::trusted(neutral));
        assert_eq!(structure(tokenizer, &prompt), expected, "{prompt:?}");
        check(tokenizer, &prompt.text);
    }
}

fn attack(path: &Path, rounds: usize) {
    let file = ModelFile::open(path, &[]).expect("a sound file");
    let tokenizer = Tokenizer::load(&file).expect("a sound tokenizer");
    assert!(!tokenizer.structural().is_empty(), "{}", path.display());
    for (i, token) in tokenizer.structural().iter().enumerate() {
        let whole = special_ids(&tokenizer, &Prompt::trusted(token.as_str()));
        assert_eq!(whole.len(), 1, "{}: {token:?} in trusted text", path.display());
        check(&tokenizer, token);
        // Vocabularies have thousands of `<unused…>` tokens, all alike.
        if i % (1 + tokenizer.structural().len() / 300) == 0 {
            halves(&tokenizer, token);
            look_alikes(token).iter().for_each(|text| check(&tokenizer, text));
        }
    }
    check(&tokenizer, &tokenizer.structural().concat());
    fuzz(&tokenizer, rounds);
}

#[test]
fn golden_vocabularies_keep_foreign_text_apart() {
    let Some(golden) = golden() else { return };
    files(&golden.join("vocabs"), "gguf").iter().for_each(|path| attack(path, 500));
}

#[test]
fn golden_families_keep_foreign_text_apart() {
    let Some(golden) = golden() else { return };
    files(&golden.join("gguf"), "gguf").iter().for_each(|path| attack(path, 500));
    for tokenizer_json in files(&golden.join("families"), "json") {
        if tokenizer_json.ends_with("tokenizer.json") {
            attack(tokenizer_json.parent().unwrap_or(&golden), 500);
        }
    }
}

#[test]
fn real_models_keep_foreign_text_apart() {
    for name in ["qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "gemma-3-270m-q4_k_m.gguf"] {
        if let Some(path) = real(name) {
            attack(&path, 2000);
        }
    }
}
