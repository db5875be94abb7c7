//! One answer: the prompt made to fit, the engine stepped, the text shown as it comes.

use engine::{
    Event, EventKind, Finish, Request, SeqId, Usage, WhenFull,
    reasoning::{Piece, Reasoning},
};
use store::{Message, Role};

use super::{
    prompt::{Ready, own_text},
    report::{Report, Stopwatch},
    session::Session,
};
use crate::{
    args::{Lookup, Predict, Think},
    failure::Failure,
    numbers::{grouped, size},
    terminal::{Interrupts, Screen},
};

/// Tokens of a block of the engine's cache.
const BLOCK: usize = 32;

/// What the model wrote, and why it ended.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) reasoning: Option<String>,
    pub(super) finish: Finish,
    pub(super) report: Report,
}

impl Answer {
    /// Whether nothing came but reasoning.
    pub(super) fn is_thought_alone(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_some()
    }
}

/// An answer in the making.
struct Turn<'a> {
    screen: &'a mut Screen,
    interrupts: Interrupts,
    watch: Stopwatch,
    reasoning: Reasoning,
    text: String,
    thought: String,
    /// The prompt and what was chosen so far, less what a full context dropped.
    tokens: Vec<u32>,
    when_full: WhenFull,
    /// Tokens that are thought.
    thoughts: usize,
    usage: Usage,
    /// Tokens of the requests whose usage is not known yet.
    uncounted: usize,
    hide_thinking: bool,
    /// What a program should know, too.
    notes: Vec<String>,
}

/// Why the engine was left.
enum Left {
    Finished(Finish),
    /// The model thought as long as it may.
    ThoughtEnough,
}

impl Session {
    /// Answers `message`. What came of it is part of the conversation, also where it was stopped
    /// after the first word; a failed answer is not. The log hears of either.
    ///
    /// # Errors
    ///
    /// If the conversation does not fit, the engine fails, the terminal is gone, or the log cannot be
    /// written.
    pub(super) fn say(&mut self, message: String, screen: &mut Screen) -> anyhow::Result<Answer> {
        let (before, dropped) = (self.messages.len(), self.dropped);
        self.messages.push(Message { role: Role::User, content: message, reasoning: None });
        let answer = self.answer(screen);
        let ended = screen.end();
        match answer {
            Ok(answer) if !answer.text.is_empty() || answer.finish != Finish::Cancelled => {
                let (content, reasoning) = (answer.text.clone(), answer.reasoning.clone());
                self.messages.push(Message { role: Role::Assistant, content, reasoning });
                self.last = Some(answer.report.clone());
                ended?;
                Ok(answer)
            }
            // A question without an answer would confuse templates that expect one.
            other => {
                self.messages.truncate(before);
                // What had to make room for it need not any more.
                self.dropped = dropped;
                other
            }
        }
    }

    fn answer(&mut self, screen: &mut Screen) -> anyhow::Result<Answer> {
        let interrupts = Interrupts::watch();
        let ready = self.fitting(screen)?;
        let (asked, when_full) = (ready.tokens.len(), self.when_full(&ready));
        let mut turn = Turn {
            screen,
            interrupts,
            watch: Stopwatch::start(),
            reasoning: Reasoning::new(self.marks(), &ready.text),
            text: String::new(),
            thought: String::new(),
            tokens: ready.tokens,
            when_full,
            thoughts: 0,
            usage: Usage::default(),
            uncounted: 0,
            hide_thinking: self.settings.chat.hide_thinking == Some(true),
            notes: Vec::new(),
        };
        let finish = self.finished(&mut turn);
        self.admitted.answered(asked, turn.usage.generated + turn.uncounted)?;
        let finish = finish?;
        let rest = turn.reasoning.finish();
        turn.show(rest.into_iter().collect())?;
        self.warnings.append(&mut turn.notes);
        let report = turn.watch.report(turn.usage, &self.engine);
        let thought = turn.thought.trim();
        let reasoning = (!thought.is_empty()).then(|| thought.to_owned());
        Ok(Answer { text: text(turn.text, self.is_completion()), reasoning, finish, report })
    }

    /// Goes on until the answer ends.
    fn finished(&mut self, turn: &mut Turn<'_>) -> anyhow::Result<Finish> {
        loop {
            match self.run(turn)? {
                Left::Finished(finish) => return Ok(finish),
                Left::ThoughtEnough => {
                    if !self.end_thought(turn)? {
                        return Ok(Finish::ContextFull);
                    }
                }
            }
        }
    }

    /// Goes on until the answer ends, Ctrl-C is pressed, or the model thought enough.
    fn run(&mut self, turn: &mut Turn<'_>) -> anyhow::Result<Left> {
        let so_far = turn.usage.generated;
        let chat = &self.settings.chat;
        let request = Request {
            max_new: chat.predict.and_then(Predict::limit).map(|it| it.saturating_sub(so_far)),
            stops: chat.stop.clone(),
            stop_ids: self.engine.tokenizer().stop_ids().to_vec(),
            shown_ids: self.mark_ids()?,
            when_full: turn.when_full.clone(),
            lookup: self.ahead(chat.lookup),
            draft: self.ahead(chat.draft_max),
            ..Request::new(turn.tokens.clone(), self.sampling()?)
        };
        let seq = self.engine.submit(request)?;
        let left = self.step(seq, turn);
        if left.is_err() {
            // Nobody reads it any more.
            self.engine.cancel(seq);
        }
        left
    }

    /// How many tokens are computed ahead, where at most so many may be. Where thoughts are counted,
    /// none: they end at a token.
    fn ahead(&self, most: Option<Lookup>) -> usize {
        match self.counted_thoughts() {
            Some(_) => 0,
            None => most.unwrap_or(Lookup::MOST).0,
        }
    }

    /// How many tokens of reasoning there may be, where they are bounded and the template marks them.
    pub(super) fn counted_thoughts(&self) -> Option<usize> {
        match self.settings.chat.think {
            Some(Think::AtMost(n)) => self.marks().map(|_| n),
            _ => None,
        }
    }

    fn step(&mut self, seq: SeqId, turn: &mut Turn<'_>) -> anyhow::Result<Left> {
        let limit = self.counted_thoughts().unwrap_or(usize::MAX);
        loop {
            let (events, left) = if turn.interrupts.asked() {
                (self.engine.cancel(seq), Some(Left::Finished(Finish::Cancelled)))
            } else if turn.reasoning.is_open() && turn.thoughts >= limit {
                (self.engine.cancel(seq), Some(Left::ThoughtEnough))
            } else {
                (self.engine.step()?, None)
            };
            let finished = turn.take(seq, events)?;
            if let Some(left) = left.or(finished.map(Left::Finished)) {
                return Ok(left);
            }
        }
    }

    /// Ends the model's reasoning for it; false if the context has no room for that.
    fn end_thought(&self, turn: &mut Turn<'_>) -> anyhow::Result<bool> {
        let Some(marks) = self.marks() else { return Ok(true) };
        let text = marks.turning();
        let end = own_text(&self.engine, &text)?;
        if !turn.make_room(end.len(), self.engine.context())? {
            return Ok(false);
        }
        turn.tokens.extend(end);
        let pieces = turn.reasoning.push(&text);
        turn.show(pieces)?;
        Ok(true)
    }

    /// The prompt, with room for an answer; the oldest turns dropped where that was asked for.
    fn fitting(&mut self, screen: &mut Screen) -> anyhow::Result<Ready> {
        let mut first = None;
        loop {
            let ready = self.prompt()?;
            let first = *first.get_or_insert(ready.tokens.len());
            if ready.tokens.len() < self.engine.context() {
                if let Some(fewer) = first.checked_sub(ready.tokens.len()).filter(|it| *it > 0) {
                    let (n, fewer) = (self.dropped, grouped(fewer as u64));
                    let note = format!(
                        "context full: the oldest {n} messages are left out ({fewer} tokens)"
                    );
                    screen.note(&note)?;
                    self.warnings.push(note);
                }
                return Ok(ready);
            }
            // A turn is a message and its answer; the last message is the one to answer.
            if self.settings.chat.context_shift != Some(true)
                || self.dropped + 2 >= self.messages.len()
            {
                return Err(self.too_long(ready.tokens.len()).into());
            }
            self.dropped += 2;
        }
    }

    fn when_full(&self, ready: &Ready) -> WhenFull {
        if self.settings.chat.context_shift != Some(true) {
            return WhenFull::Stop;
        }
        let (keep, borders) = self.borders(ready);
        WhenFull::Shift { keep, borders }
    }

    fn too_long(&self, found: usize) -> Failure {
        let context = self.engine.context();
        let (found_text, context_text) = (grouped(found as u64), grouped(context as u64));
        let message =
            format!("the prompt has {found_text} tokens, the context holds {context_text}");
        Failure::new(message).hint(self.way_on(found + 1))
    }

    /// The context ended the answer.
    pub(super) fn context_full(&self) -> Failure {
        let context = self.engine.context();
        let message = format!(
            "the answer was cut: the context of {} tokens is full",
            grouped(context as u64)
        );
        Failure::new(message).hint(self.way_on(context + 1))
    }

    fn way_on(&self, needed: usize) -> String {
        let info = self.engine.info();
        let larger = larger(needed, info.context).min(info.model_context);
        let other = self.other_way();
        if larger < needed {
            let most = grouped(info.model_context as u64);
            return format!("the model was made for {most}; {other}");
        }
        let more = info.cache_bytes / info.context.max(1) as u64 * (larger - info.context) as u64;
        format!("`--ctx-size {larger}` needs {} more memory; {other}", size(more))
    }

    /// What helps in the context that there is, and is not done already.
    fn other_way(&self) -> &'static str {
        let has_older = self.messages.len() > self.dropped + 1;
        let shifts = self.settings.chat.context_shift == Some(true);
        match (has_older, self.is_chat, shifts) {
            (false, ..) | (true, false, true) => "a shorter text fits",
            (true, false, false) => "`--context-shift` drops the oldest text",
            (true, true, false) => {
                "`/set context-shift on` drops the oldest turns, `/compact` and `/clear` make room"
            }
            (true, true, true) => "`/compact` and `/clear` make room",
        }
    }
}

/// A context that holds `needed` tokens and is worth loading the model again for: whole blocks, and
/// at least twice the `present` one.
fn larger(needed: usize, present: usize) -> usize {
    needed.next_power_of_two().max(2 * present).next_multiple_of(BLOCK)
}

impl Turn<'_> {
    /// Takes in what happened to `seq`; how it ended, if it did.
    fn take(&mut self, seq: SeqId, events: Vec<Event>) -> anyhow::Result<Option<Finish>> {
        let mut finished = None;
        for event in events.into_iter().filter(|it| it.seq == seq) {
            match event.kind {
                EventKind::Prefilled { done, total } => self.screen.reading(done, total)?,
                EventKind::Token { id, text } => {
                    self.watch.token();
                    self.tokens.push(id);
                    self.uncounted += 1;
                    self.thoughts += usize::from(self.reasoning.is_open());
                    self.more(&text)?;
                }
                EventKind::Rest(text) => self.more(&text)?,
                EventKind::Shifted { dropped, kept } => {
                    // The engine cut its tokens by the same rule.
                    self.when_full.cut(&mut self.tokens);
                    debug_assert_eq!(self.tokens.len(), kept, "{dropped} were dropped");
                    self.note_cut(dropped)?;
                }
                EventKind::Finished(finish, usage) => {
                    self.count(usage);
                    finished = Some(finish);
                }
                EventKind::Failed(error) => return Err(error.into()),
            }
        }
        Ok(finished)
    }

    /// Drops the oldest tokens until `n` more fit into the `context`; false if they never will.
    fn make_room(&mut self, n: usize, context: usize) -> anyhow::Result<bool> {
        while self.tokens.len() + n > context {
            let Some(dropped) = self.when_full.cut(&mut self.tokens) else { return Ok(false) };
            self.note_cut(dropped)?;
        }
        Ok(true)
    }

    fn note_cut(&mut self, dropped: usize) -> anyhow::Result<()> {
        let (dropped, kept) = (grouped(dropped as u64), grouped(self.tokens.len() as u64));
        let note =
            format!("context full: {dropped} tokens of the oldest text were dropped, {kept} stay");
        self.screen.note(&note)?;
        self.notes.push(note);
        Ok(())
    }

    fn more(&mut self, text: &str) -> anyhow::Result<()> {
        let pieces = self.reasoning.push(text);
        self.show(pieces)
    }

    fn show(&mut self, pieces: Vec<Piece>) -> anyhow::Result<()> {
        for piece in pieces {
            match piece {
                Piece::Thought(text) => {
                    self.thought += &text;
                    if !self.hide_thinking {
                        self.screen.thought(&text)?;
                    }
                }
                // A tool that nobody has: what the model wanted is better seen than lost.
                Piece::Answer(text) | Piece::Call(text) => {
                    self.text += &text;
                    self.screen.answer(&text)?;
                }
            }
        }
        Ok(())
    }

    /// Of an answer in several requests, the first prompt is what was asked.
    fn count(&mut self, usage: Usage) {
        let first = self.usage == Usage::default();
        self.uncounted = 0;
        self.usage.generated += usage.generated;
        self.usage.guessed += usage.guessed;
        self.usage.guessed_right += usage.guessed_right;
        self.usage.drafted += usage.drafted;
        self.usage.drafted_right += usage.drafted_right;
        if first {
            self.usage = usage;
        }
    }
}

/// The answer without the white space around it; a completion keeps all.
fn text(text: String, is_completion: bool) -> String {
    if is_completion { text } else { text.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_context_is_worth_it() {
        assert_eq!(larger(33, 32), 64);
        assert_eq!(larger(103, 64), 128);
        assert_eq!(larger(1000, 64), 1024);
        assert_eq!(larger(5001, 5000), 10_016);
    }
}
