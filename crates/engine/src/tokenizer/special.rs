//! Tokens with a role: which are structural, which end an answer, which begins a text.
//!
//! Structural are control tokens, and those added tokens, white space aside, that the chat
//! template or the families' reasoning and tool markers use. They are marked before the vocabulary
//! is built, so that `added` matches them only in trusted text and `bpe` never merges to them.

use std::collections::HashSet;

use loader::Metadata;

use super::{
    Error,
    vocab::{Kind, Texts, Vocab},
};
use crate::{template::ReasoningMarks, tools};

/// Reasoning and tool markers of the model families that stand in no table that answers are read by:
/// see [`markers`].
const MARKERS: &[&str] = &[
    "<|think|>",
    "<|START_THINKING|>",
    "<|END_THINKING|>",
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<|START_TOOL_RESULT|>",
    "<|END_TOOL_RESULT|>",
    "<tool_response>",
    "</tool_response>",
    "<tools>",
    "</tools>",
    "<|tool_response|>",
    "<|/tool_response|>",
    "<|tool|>",
    "<|/tool|>",
    "<|tool_response>",
    "<tool_response|>",
    "<|tool>",
    "<tool|>",
    "<|channel>",
    "<channel|>",
    "<|turn>",
    "<turn|>",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CONTENT]",
    "<｜tool▁outputs▁begin｜>",
    "<｜tool▁outputs▁end｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
    "｜DSML｜",
    "<start_function_call>",
    "<end_function_call>",
    "]<]minimax[>[",
    "<|start|>",
    "<|constrain|>",
];

/// Tokens that end an answer in some family. Only where they are control tokens; an added token of
/// such a name is taken for one.
const ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<|eom|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<turn|>",
    // A tool answers, not the model.
    "<|tool_response>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|END_OF_TURN_TOKEN|>",
    "</s>",
    "<eos>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|EOT|>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
    "<|fim_pad|>",
    "<|file_sep|>",
    "<|repo_name|>",
];

/// Keys whose tokens end an answer.
const END_KEYS: [&str; 3] = ["eos_token_id", "eot_token_id", "eom_token_id"];

fn key(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}

/// The names that make an added token structural: reasoning and tool markers, and what ends an
/// answer. A template need not spell them: a model writes them itself, and the program reads them in
/// its answers.
fn markers() -> HashSet<&'static str> {
    let read = tools::marks().chain(ReasoningMarks::known_texts()).flat_map(tags);
    MARKERS.iter().chain(ENDS).copied().chain(read).collect()
}

/// The tags in `text`: `<…>`, `[…]` or `◁…▷` without white space or others inside.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    const PAIRS: [(char, char); 3] = [('<', '>'), ('[', ']'), ('◁', '▷')];
    let is_inner = |c: char| !c.is_whitespace() && !"<>[]◁▷".contains(c);
    text.char_indices().filter_map(move |(at, c)| {
        let (open, close) = PAIRS.into_iter().find(|it| it.0 == c)?;
        let inner = &text[at + open.len_utf8()..];
        let len = inner.find(close).filter(|&len| len > 0)?;
        let end = at + open.len_utf8() + len + close.len_utf8();
        inner[..len].chars().all(is_inner).then(|| &text[at..end])
    })
}

/// Makes every structural token one of kind [`Kind::Control`].
pub(super) fn mark_structural(
    metadata: &Metadata,
    texts: &Texts,
    kinds: &mut [Kind],
) -> Result<(), Error> {
    let templates: Vec<&str> = metadata
        .iter()
        .filter(|(key, _)| key.starts_with("tokenizer.chat_template"))
        .filter_map(|(_, value)| value.as_str())
        .collect();
    let markers = markers();
    for (id, kind) in kinds.iter_mut().enumerate().filter(|(_, kind)| **kind == Kind::Added) {
        let Ok(text) = str::from_utf8(texts.get(id as u32)) else { continue };
        let blank = text.chars().all(|char| char.is_whitespace() || char == '▁');
        let used = || templates.iter().any(|template| template.contains(text));
        if !blank && (markers.contains(text) || used()) {
            *kind = Kind::Control;
        }
    }
    for name in END_KEYS.into_iter().chain(["bos_token_id"]) {
        // Files exist whose special tokens are not marked as such.
        let Some(id) = metadata.u64(&key(name))? else { continue };
        let Ok(id) = u32::try_from(id) else { continue };
        if let Some(kind @ Kind::Normal) = kinds.get_mut(id as usize)
            && is_bracketed(texts.get(id))
        {
            *kind = Kind::Control;
        }
    }
    Ok(())
}

fn is_bracketed(text: &[u8]) -> bool {
    matches!(text, [b'<', _, .., b'>'] | [b'[', _, .., b']'])
}

/// The token of `key`, checked against the vocabulary.
pub(super) fn token_id(
    metadata: &Metadata,
    vocab: &Vocab,
    name: &str,
) -> Result<Option<u32>, Error> {
    let key = key(name);
    let id = metadata.u64(&key)?.filter(|&id| id != u64::from(u32::MAX));
    id.map(|id| check_id(metadata, vocab, &key, id)).transpose()
}

/// Ids of a padded vocabulary are taken, though they have no text.
pub(super) fn check_id(
    metadata: &Metadata,
    vocab: &Vocab,
    key: &str,
    id: u64,
) -> Result<u32, Error> {
    let architecture = metadata.str("general.architecture")?.unwrap_or_default();
    let rows = metadata.u64(&format!("{architecture}.vocab_size"))?.unwrap_or(0);
    match u32::try_from(id) {
        Ok(small) if id < rows.max(vocab.len() as u64) => Ok(small),
        _ => Err(Error::TokenId { key: key.to_owned(), id, n_tokens: vocab.len() }),
    }
}

/// The tokens that end an answer, ascending.
pub(super) fn stop_ids(metadata: &Metadata, vocab: &Vocab) -> Result<Vec<u32>, Error> {
    let mut ids = vec![];
    // Gemma's converter writes a fixed number, whatever stands there: no byte of a text ends it.
    let is_byte = |id: u32| vocab.kinds.get(id as usize) == Some(&Kind::Byte);
    for name in END_KEYS {
        ids.extend(token_id(metadata, vocab, name)?.filter(|&id| !is_byte(id)));
    }
    let all = key("eos_token_ids");
    if let Some(value) = metadata.get(&all) {
        for id in super::gguf::whole_numbers(&all, value)? {
            ids.push(check_id(metadata, vocab, &all, id)?);
        }
    }
    let control = |text: &str| {
        vocab.find(text.as_bytes()).filter(|&id| vocab.kinds[id as usize] == Kind::Control)
    };
    // OpenAI's "harmony" ends a message with `<|end|>` and an answer with one of these.
    let harmony = control("<|return|>").is_some() && control("<|call|>").is_some();
    let ends = ENDS.iter().filter(|text| !(harmony && **text == "<|end|>"));
    ids.extend(ends.filter_map(|text| control(text)));
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_are_read_by_is_a_marker() {
        let markers = markers();
        for text in [
            "<think>",
            "◁think▷",
            "</thought>",
            "<seed:think>",
            "<tool_call>",
            "<tool_calls>",
            "<TOOLCALL>",
            "<|tool_call_start|>",
            "<|tool_call_begin|>",
            "<|tool_calls_section_end|>",
            "<|close|>",
            "[TOOL_CALLS]",
            "[ARGS]",
            "｜DSML｜",
            "]<]minimax[>[",
            "<|im_end|>",
        ] {
            assert!(markers.contains(text), "{text}");
        }
        for text in ["", "<", "<|", ">", "\"", "functions.", "```json", "<function=", "</a>"] {
            assert!(!markers.contains(text), "{text}");
        }
    }

    #[test]
    fn tags_stand_within_literals() {
        let found = |text: &'static str| tags(text).collect::<Vec<_>>();
        assert_eq!(found("<|close|>call<|sep|>"), ["<|close|>", "<|sep|>"]);
        assert_eq!(found("]<]minimax[>[<tool_call>"), ["<tool_call>"]);
        assert_eq!(found("◁/think▷ [ARGS] [] <a b> <"), ["◁/think▷", "[ARGS]"]);
    }
}
