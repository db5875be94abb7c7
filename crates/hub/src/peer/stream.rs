//! An answer of OpenAI's protocol as it comes: lines of `data: {…}`, each with a piece of text, and
//! at the end how many tokens there were.

use std::{
    error::Error as StdError,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;

/// When an answer came, and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// From the request to the first token.
    pub first: Duration,
    /// From the first token to the last.
    pub rest: Duration,
    /// Pieces of text that came; 0 where the one token of the answer has none of its own, such as a part
    /// of a character.
    pub pieces: u64,
    /// What the server counted, where it says so.
    pub counted: Option<Counted>,
}

/// Tokens, as a server counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Of the prompt.
    pub prompt: u64,
    /// Those of them that it had computed before, where it says so.
    pub cached: Option<u64>,
    /// Of the answer.
    pub generated: u64,
}

/// What has come so far.
#[derive(Debug)]
pub(super) struct Stream {
    begin: Instant,
    first: Option<Instant>,
    last: Instant,
    /// When it was said that the answer is complete.
    ended: Option<Instant>,
    pieces: u64,
    counted: Option<Counted>,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    text: Option<String>,
    delta: Option<Delta>,
    finish_reason: Option<Value>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    reasoning: Option<String>,
    reasoning_content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
}

impl Stream {
    pub(super) fn new(begin: Instant) -> Self {
        Self { begin, first: None, last: begin, ended: None, pieces: 0, counted: None }
    }

    /// Takes a line that came at this moment. Comments, names of events and the end are no data.
    pub(super) fn take(
        &mut self,
        line: &[u8],
        now: Instant,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let Some(data) = line.trim_ascii().strip_prefix(b"data:") else { return Ok(()) };
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_slice(data)?;
        if let Some(error) = chunk.error {
            let message = error["message"].as_str().map(str::to_owned);
            return Err(message.unwrap_or_else(|| error.to_string()).into());
        }
        if chunk.choices.iter().any(Choice::has_text) {
            self.first.get_or_insert(now);
            self.last = now;
            self.pieces += 1;
        }
        if chunk.choices.iter().any(|it| it.finish_reason.is_some()) {
            self.ended.get_or_insert(now);
        }
        if let Some(usage) = chunk.usage {
            let cached = usage.prompt_tokens_details.and_then(|it| it.cached_tokens);
            let (prompt, generated) = (usage.prompt_tokens, usage.completion_tokens);
            self.counted = Some(Counted { prompt, cached, generated });
        }
        Ok(())
    }

    /// What it took; `None` if no text came, unless a token without text was all of the answer.
    pub(super) fn finish(self) -> Option<Streamed> {
        let is_one = self.counted.is_some_and(|it| it.generated == 1);
        let first = self.first.or(self.ended.filter(|_| is_one))?;
        Some(Streamed {
            first: first - self.begin,
            rest: self.last.saturating_duration_since(first),
            pieces: self.pieces,
            counted: self.counted,
        })
    }
}

impl Choice {
    fn has_text(&self) -> bool {
        let some = |it: &Option<String>| it.as_ref().is_some_and(|it| !it.is_empty());
        let of =
            |it: &Delta| some(&it.content) || some(&it.reasoning) || some(&it.reasoning_content);
        some(&self.text) || self.delta.as_ref().is_some_and(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, each a second after the one before, the first a second after the request.
    fn streamed(lines: &[&str]) -> Result<Option<Streamed>, String> {
        let begin = Instant::now();
        let mut stream = Stream::new(begin);
        for (line, seconds) in lines.iter().zip(1..) {
            let now = begin + Duration::from_secs(seconds);
            stream.take(line.as_bytes(), now).map_err(|it| it.to_string())?;
        }
        Ok(stream.finish())
    }

    #[test]
    fn completions_are_pieces_of_text_and_counts() {
        let told = streamed(&[
            ": ping\n",
            "data: {\"choices\": [{\"text\": \"\"}], \"usage\": null}\r\n",
            "data: {\"choices\": [{\"text\": \"a\"}]}\n",
            "\n",
            "data: {\"choices\": [{\"text\": \" b\"}]}\n",
            "data:{\"choices\": [], \"usage\": {\"prompt_tokens\": 9, \"completion_tokens\": 2, \
             \"prompt_tokens_details\": {\"cached_tokens\": 4}}}\n",
            "data: [DONE]\n",
        ]);
        let counted = Some(Counted { prompt: 9, cached: Some(4), generated: 2 });
        let (first, rest) = (Duration::from_secs(3), Duration::from_secs(2));
        assert_eq!(told, Ok(Some(Streamed { first, rest, pieces: 2, counted })));
    }

    #[test]
    fn chats_have_text_in_two_places() {
        let told = streamed(&[
            "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": null}}]}",
            "data: {\"choices\": [{\"delta\": {\"reasoning_content\": \"hm\"}}]}",
            "data: {\"choices\": [{\"delta\": {\"content\": \"a\"}, \"finish_reason\": \"stop\"}]}",
        ]);
        let (first, rest) = (Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(told, Ok(Some(Streamed { first, rest, pieces: 2, counted: None })));
    }

    /// The first byte of a character of two: llama.cpp's server has no text for it.
    #[test]
    fn a_token_without_text_may_be_all_of_an_answer() {
        let told = |generated: u64| {
            let usage = format!(
                "data: {{\"choices\": [], \"usage\": {{\"prompt_tokens\": 9, \
                 \"completion_tokens\": {generated}}}}}"
            );
            let end = "data: {\"choices\": [{\"text\": \"\", \"finish_reason\": \"length\"}]}";
            streamed(&[end, &usage, "data: [DONE]"])
        };
        let counted = Some(Counted { prompt: 9, cached: None, generated: 1 });
        let (first, rest) = (Duration::from_secs(1), Duration::ZERO);
        assert_eq!(told(1), Ok(Some(Streamed { first, rest, pieces: 0, counted })));
        assert_eq!((told(0), told(2)), (Ok(None), Ok(None)));
    }

    #[test]
    fn what_is_not_said_of_a_cache_is_not_nothing() {
        let cached = |details: &str| {
            let usage = format!("{{\"prompt_tokens\": 9{details}}}");
            let line = format!("data: {{\"choices\": [{{\"text\": \"a\"}}], \"usage\": {usage}}}");
            let told = streamed(&[&line]).expect("a stream").expect("a text");
            told.counted.expect("it counts").cached
        };
        assert_eq!(cached(""), None);
        assert_eq!(cached(", \"prompt_tokens_details\": null"), None);
        assert_eq!(cached(", \"prompt_tokens_details\": {\"cached_tokens\": 0}"), Some(0));
    }

    #[test]
    fn what_is_no_stream_is_told_apart() {
        assert_eq!(streamed(&["{\"choices\": []}"]), Ok(None));
        assert_eq!(streamed(&["data: [DONE]"]), Ok(None));
        assert!(streamed(&["data: {nonsense"]).is_err());
        let failed = streamed(&["data: {\"error\": {\"message\": \"out of memory\"}}"]);
        assert_eq!(failed, Err("out of memory".to_owned()));
    }
}
