//! Runs one test on an engine and takes its time and energy.

use std::time::{Duration, Instant};

use engine::{Engine, EventKind, Info, Options, Request, Usage, sample::Sampling};
use loader::ModelFile;

use super::speculation::{self, Guesser, Guesses, Text};
use crate::{
    args::Load,
    device,
    machine::{Mark, Meter},
    memory,
    random::Random,
};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// A prompt of `n` tokens after `depth` others.
    Prompt { n: usize, depth: usize },
    /// `n` tokens, one after the other, after `depth` others.
    Generate { n: usize, depth: usize },
    /// `n` tokens after the beginning of each text.
    Text { n: usize },
    /// The same, with a draft that guesses them.
    Drafted { n: usize },
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) time: Duration,
    pub(super) tokens: usize,
    /// Tokens a second.
    pub(super) per_second: f64,
    /// Energy that it took, where something tells.
    pub(super) joules: Option<f64>,
    pub(super) guesses: Guesses,
}

/// An engine under test.
pub(super) struct Rig {
    engine: Engine,
    /// None of its prompts comes twice, or the cache would answer it.
    random: Random,
    /// Those that are gone on with.
    texts: Vec<Text>,
    /// Tokens that its draft may guess at a time.
    most: usize,
}

/// A sequence's tokens, when they came, and what it took.
struct Run {
    started: Mark,
    first: Mark,
    last: Mark,
    tokens: Vec<u32>,
    usage: Usage,
}

/// Tokens a second in stretches of time, one after the other.
struct Stretches {
    /// How long one is, at least.
    length: Duration,
    /// Of the one that has not ended.
    time: Duration,
    tokens: usize,
    ended: Vec<f64>,
}

impl Test {
    /// As llama-bench calls it, and what it is of where that is not any tokens.
    pub(super) fn label(&self) -> String {
        let (n_prompt, n_gen, depth) = self.numbers();
        let (name, n) = if n_gen == 0 { ("pp", n_prompt) } else { ("tg", n_gen) };
        let depth = if depth == 0 { String::new() } else { format!(" @ d{depth}") };
        let [text, draft] = match self {
            Self::Prompt { .. } | Self::Generate { .. } => ["", ""],
            Self::Text { .. } => [speculation::TEXT, ""],
            Self::Drafted { .. } => [speculation::TEXT, speculation::DRAFT],
        };
        format!("{name}{n}{depth}{text}{draft}")
    }

    /// Tokens of the prompt, tokens to generate, and tokens before them.
    pub(super) fn numbers(&self) -> (usize, usize, usize) {
        match *self {
            Self::Prompt { n, depth } => (n, 0, depth),
            Self::Generate { n, depth } => (0, n, depth),
            Self::Text { n } | Self::Drafted { n } => (0, n, 0),
        }
    }

    /// Tokens of context that it needs, in which the last that is generated has no place; `None` for
    /// more than there are numbers.
    pub(super) fn tokens(&self) -> Option<usize> {
        match *self {
            Self::Prompt { n, depth } => n.checked_add(depth),
            Self::Generate { n, depth } => n.checked_add(depth)?.checked_add(1),
            Self::Text { n } | Self::Drafted { n } => n.checked_add(speculation::MOST),
        }
    }
}

impl Rig {
    /// Loads the model with a context of so many tokens, and a draft beside it that guesses; a step
    /// computes `n_batch` of a prompt.
    ///
    /// # Errors
    ///
    /// If one cannot be loaded, or the draft has another vocabulary.
    pub(super) fn load(
        name: &str,
        file: &ModelFile,
        load: &Load,
        (context, n_batch): (usize, usize),
        guesser: Option<Guesser<'_>>,
    ) -> anyhow::Result<Self> {
        let most = guesser.map_or(0, |it| it.most);
        let drafts = guesser.map_or(0, |it| it.draft.weight_bytes());
        let options = Options {
            ctx_size: Some(context),
            free_memory: memory::free().map(|it| it.saturating_sub(drafts)),
            chunk: n_batch,
            lookup: most,
            ..Options::default()
        };
        let mut engine = device::engine(name, file, load, &options)?;
        let texts = match guesser {
            None => Vec::new(),
            Some(Guesser { draft, .. }) => {
                draft.guess_for(&mut engine, name, &options)?;
                Text::all(engine.tokenizer())?
            }
        };
        Ok(Self { engine, random: Random::new(), texts, most })
    }

    pub(super) fn info(&self) -> &Info {
        self.engine.info()
    }

    /// What the draft is, if there is one.
    pub(super) fn draft(&self) -> Option<&Info> {
        self.engine.draft()
    }

    /// Runs the test's prompt once, and a few tokens where it generates.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn warm_up(&mut self, test: &Test, meter: &Meter) -> anyhow::Result<()> {
        let few = match *test {
            Test::Prompt { .. } => *test,
            Test::Generate { n, .. } => Test::Generate { n: n.min(2), depth: 0 },
            Test::Text { n } => Test::Text { n: n.min(2) },
            Test::Drafted { n } => Test::Drafted { n: n.min(2) },
        };
        self.measure(&few, meter).map(|_| ())
    }

    /// Takes the time of the test, and what `meter` tells of its energy.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn measure(&mut self, test: &Test, meter: &Meter) -> anyhow::Result<Sample> {
        let (from, to, tokens) = match *test {
            Test::Prompt { n, depth } => {
                let mut tokens = self.tokens(depth);
                if depth > 0 {
                    self.run(request(tokens.clone(), 1), meter)?;
                }
                tokens.extend(self.tokens(n));
                let run = self.run(request(tokens, 1), meter)?;
                // The cache holds whole blocks: a few tokens of the depth may be computed again.
                (run.started, run.first, run.usage.prefilled)
            }
            Test::Generate { n, depth } => {
                let tokens = self.tokens(depth + 1);
                // The first token comes from the prompt's logits; each other takes a step.
                let run = self.run(request(tokens, n + 1), meter)?;
                (run.first, run.last, n)
            }
            Test::Text { n } => return self.go_on(n, 0, meter),
            Test::Drafted { n } => return self.go_on(n, self.most, meter),
        };
        let joules = meter.joules(&from, &to);
        Ok(Sample::of(tokens, from.until(&to), joules))
    }

    /// Goes on with each text for `n` tokens after the next, of which a draft guesses at most so
    /// many at a time.
    fn go_on(&mut self, n: usize, most: usize, meter: &Meter) -> anyhow::Result<Sample> {
        let (mut time, mut joules, mut guesses) = (Duration::ZERO, Some(0.0), Guesses::default());
        for i in 0..self.texts.len() {
            let request = request(self.texts[i].beginning.clone(), n + 1);
            let run = self.run(Request { draft: most, ..request }, meter)?;
            time += run.first.until(&run.last);
            let more = meter.joules(&run.first, &run.last);
            joules = joules.zip(more).map(|(all, more)| all + more);
            guesses.made += run.usage.drafted;
            guesses.right += run.usage.drafted_right;
            self.texts[i].note(run.tokens)?;
        }
        Ok(Sample { guesses, ..Sample::of(n * self.texts.len(), time, joules) })
    }

    /// Generates `n` tokens after `depth` others again and again for so long; tokens a second in
    /// stretches of it, one at least. `heard` hears now and then how much of the time has passed.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn generate_for(
        &mut self,
        time: Duration,
        (n, depth): (usize, usize),
        heard: &mut dyn FnMut(Duration),
    ) -> anyhow::Result<Vec<f64>> {
        // Always the same prompt: the cache has it, so that nothing is read in between.
        let tokens = self.tokens(depth + 1);
        let mut stretches = Stretches::of(time);
        let begin = Instant::now();
        let goes_on = |ended: &[f64]| begin.elapsed() < time || ended.is_empty();
        while goes_on(&stretches.ended) {
            let mut before = None;
            drive(&mut self.engine, request(tokens.clone(), n + 1), &mut |now, _| {
                if let Some(before) = before.replace(now)
                    && stretches.add(now - before)
                {
                    heard(begin.elapsed());
                }
                goes_on(&stretches.ended)
            })?;
        }
        Ok(stretches.ended)
    }

    fn run(&mut self, request: Request, meter: &Meter) -> anyhow::Result<Run> {
        let (mut first, mut last, mut tokens) = (None, None, Vec::new());
        let started = meter.mark();
        let usage = drive(&mut self.engine, request, &mut |now, token| {
            if first.is_none() {
                first = Some(meter.mark_at(now));
            }
            last = Some(now);
            tokens.push(token);
            true
        })?;
        Ok(Run {
            first: first.unwrap_or_else(|| started.clone()),
            last: last.map_or_else(|| started.clone(), |it| meter.mark_at(it)),
            started,
            tokens,
            usage: usage.unwrap_or_default(),
        })
    }

    /// Any tokens.
    fn tokens(&mut self, n: usize) -> Vec<u32> {
        let vocab = self.engine.info().vocab as u64;
        (0..n).map(|_| self.random.below(vocab) as u32).collect()
    }
}

fn request(tokens: Vec<u32>, max_new: usize) -> Request {
    Request { max_new: Some(max_new), ..Request::new(tokens, Sampling::greedy()) }
}

/// Runs a request to its end, or until `heard`, which hears when each token came and which it is,
/// gives `false`.
fn drive(
    engine: &mut Engine,
    request: Request,
    heard: &mut dyn FnMut(Instant, u32) -> bool,
) -> anyhow::Result<Option<Usage>> {
    let seq = engine.submit(request)?;
    loop {
        for event in engine.step()? {
            match event.kind {
                EventKind::Token { id, .. } if !heard(Instant::now(), id) => {
                    engine.cancel(seq);
                    return Ok(None);
                }
                EventKind::Finished(_, usage) => return Ok(Some(usage)),
                EventKind::Failed(error) => return Err(error.into()),
                _ => {}
            }
        }
    }
}

impl Sample {
    /// Of so many tokens that took so long, of which nobody guessed any.
    fn of(tokens: usize, time: Duration, joules: Option<f64>) -> Self {
        let per_second = tokens as f64 / time.as_secs_f64().max(1e-9);
        Self { time, tokens, per_second, joules, guesses: Guesses::default() }
    }
}

impl Stretches {
    /// Of a measurement that takes so long.
    fn of(time: Duration) -> Self {
        let length = (time / 20).min(Duration::from_secs(1));
        Self { length, time: Duration::ZERO, tokens: 0, ended: Vec::new() }
    }

    /// Another token came, so long after the one before; whether a stretch ended with it.
    fn add(&mut self, gap: Duration) -> bool {
        self.time += gap;
        self.tokens += 1;
        let ends = self.time >= self.length && !self.time.is_zero();
        if ends {
            self.ended.push(self.tokens as f64 / self.time.as_secs_f64());
            (self.time, self.tokens) = (Duration::ZERO, 0);
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_llama_benchs() {
        assert_eq!(Test::Prompt { n: 512, depth: 0 }.label(), "pp512");
        assert_eq!(Test::Generate { n: 128, depth: 4096 }.label(), "tg128 @ d4096");
        assert_eq!(Test::Text { n: 128 }.label(), "tg128 text");
        assert_eq!(Test::Drafted { n: 128 }.label(), "tg128 text + draft");
    }

    #[test]
    fn a_stretch_ends_with_the_token_that_fills_it() {
        let mut all = Stretches::of(Duration::from_secs(10));
        let added = [200, 299, 1, 2000, 100].map(|it| all.add(Duration::from_millis(it)));
        assert_eq!(added, [false, false, true, true, false]);
        assert_eq!(all.ended, [6.0, 0.5]);
        assert_eq!(Stretches::of(Duration::from_secs(60)).length, Duration::from_secs(1));
    }
}
