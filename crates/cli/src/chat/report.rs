//! What an answer took: tokens, speeds, room in the context.

use std::time::{Duration, Instant};

use engine::{Engine, Usage};
use serde::Serialize;

use crate::numbers::grouped;

/// Watches an answer being made.
#[derive(Debug)]
pub(super) struct Stopwatch {
    started: Instant,
    first: Option<Instant>,
    last: Instant,
}

/// What it took.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) prompt_tokens: usize,
    pub(super) reused_tokens: usize,
    pub(super) generated_tokens: usize,
    /// Of these, computed ahead.
    pub(super) ahead_tokens: usize,
    /// Guessed by a draft, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drafted_tokens: Option<usize>,
    /// Of these, chosen; they are among those ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accepted_tokens: Option<usize>,
    pub(super) prompt_per_second: Option<f64>,
    pub(super) generated_per_second: Option<f64>,
    pub(super) seconds_to_first_token: Option<f64>,
    pub(super) context_used: usize,
    pub(super) context_left: usize,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { started: now, first: None, last: now }
    }

    /// A token came.
    pub(super) fn token(&mut self) {
        self.last = Instant::now();
        self.first.get_or_insert(self.last);
    }

    /// The sum, for this engine.
    pub(super) fn report(&self, usage: Usage, engine: &Engine) -> Report {
        let first = self.first.map(|it| it - self.started);
        let rest = self.first.map(|it| self.last - it).unwrap_or_default();
        let context = engine.context();
        let used = (usage.prompt + usage.generated).min(context);
        let drafted = engine.draft().map(|_| (usage.drafted, usage.drafted_right));
        Report {
            prompt_tokens: usage.prompt,
            reused_tokens: usage.reused,
            generated_tokens: usage.generated,
            ahead_tokens: usage.guessed_right,
            drafted_tokens: drafted.map(|it| it.0),
            accepted_tokens: drafted.map(|it| it.1),
            prompt_per_second: first.and_then(|it| rate(usage.prefilled, it)),
            generated_per_second: rate(usage.generated.saturating_sub(1), rest),
            seconds_to_first_token: first.map(|it| it.as_secs_f64()),
            context_used: used,
            context_left: context - used,
        }
    }
}

fn rate(n: usize, time: Duration) -> Option<f64> {
    let seconds = time.as_secs_f64();
    (n > 0 && seconds > 0.0).then(|| n as f64 / seconds)
}

impl Report {
    /// One line for people.
    pub(super) fn line(&self) -> String {
        let reused = match self.reused_tokens {
            0 => String::new(),
            n => format!(" ({} from the cache)", grouped(n as u64)),
        };
        let n = grouped(self.ahead_tokens as u64);
        let ahead = match self.drafted_tokens.zip(self.accepted_tokens) {
            Some((of, right)) if of > 0 => {
                let [right, of] = [right, of].map(|it| grouped(it as u64));
                format!(" ({n} ahead; {right} of {of} drafted tokens were right)")
            }
            _ if self.ahead_tokens == 0 => String::new(),
            _ => format!(" ({n} ahead)"),
        };
        let speed =
            |it: Option<f64>| it.map(|it| format!(", {it:.1} tokens/s")).unwrap_or_default();
        let first = self.seconds_to_first_token.map(|it| format!("first token after {it:.2} s, "));
        format!(
            "prompt {} tokens{reused}{}; answer {} tokens{ahead}{}; {}context {} used, {} left",
            grouped(self.prompt_tokens as u64),
            speed(self.prompt_per_second),
            grouped(self.generated_tokens as u64),
            speed(self.generated_per_second),
            first.unwrap_or_default(),
            grouped(self.context_used as u64),
            grouped(self.context_left as u64),
        )
    }
}
