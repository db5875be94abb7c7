//! Runs one test on an engine and takes its time and energy.

use std::time::{Duration, Instant};

use engine::{
    Engine, EventKind, Info, LoadError, Options, Order, Request, Usage, sample::Sampling,
};
use loader::ModelFile;

use super::{
    label::Label,
    speculation::{self, Guesser, Guesses, Text},
};
use crate::{
    args::Load,
    device, draft,
    failure::Failure,
    machine::{Mark, Meter},
    memory,
    random::Random,
};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// A prompt of `n` tokens after `depth` others.
    Prompt { n: usize, depth: usize },
    /// `n` tokens, one after the other, after `depth` others; of several sequences at once, a token
    /// of each a step.
    Generate { n: usize, depth: usize, sequences: usize },
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

/// What an engine has room for.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Tokens of a sequence.
    pub(super) context: usize,
    /// Sequences at once.
    pub(super) sequences: usize,
    /// Tokens of a prompt that a step computes.
    pub(super) n_batch: usize,
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

/// The tokens of sequences that went on together, when they came, and what each sequence took.
struct Run {
    started: Mark,
    /// When each had its first.
    first: Mark,
    last: Mark,
    tokens: Vec<u32>,
    usages: Vec<Usage>,
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
    /// What it is called.
    pub(super) fn label(&self) -> String {
        let (n_prompt, n_gen, depth) = self.numbers();
        let [n_prompt, n_gen, depth, sequences] =
            [n_prompt, n_gen, depth, self.sequences()].map(|it| it as u64);
        let is_drafted = matches!(self, Self::Drafted { .. });
        let is_of_texts = is_drafted || matches!(self, Self::Text { .. });
        Label { n_prompt, n_gen, depth, sequences, is_of_texts, is_drafted }.to_string()
    }

    /// Tokens of the prompt, tokens to generate, and tokens before them.
    pub(super) fn numbers(&self) -> (usize, usize, usize) {
        match *self {
            Self::Prompt { n, depth } => (n, 0, depth),
            Self::Generate { n, depth, .. } => (0, n, depth),
            Self::Text { n } | Self::Drafted { n } => (0, n, 0),
        }
    }

    /// Sequences that go on at once.
    pub(super) fn sequences(&self) -> usize {
        match *self {
            Self::Generate { sequences, .. } => sequences,
            Self::Prompt { .. } | Self::Text { .. } | Self::Drafted { .. } => 1,
        }
    }

    /// Tokens of context that each sequence needs, in which the last that is generated has no place;
    /// `None` for more than there are numbers.
    pub(super) fn tokens(&self) -> Option<usize> {
        match *self {
            Self::Prompt { n, depth } => n.checked_add(depth),
            Self::Generate { n, depth, .. } => n.checked_add(depth)?.checked_add(1),
            Self::Text { n } | Self::Drafted { n } => n.checked_add(speculation::MOST),
        }
    }
}

impl Rig {
    /// Loads the model, and a draft beside it that guesses.
    ///
    /// # Errors
    ///
    /// If one cannot be loaded, or the draft has another vocabulary.
    pub(super) fn load(
        name: &str,
        file: &ModelFile,
        load: &Load,
        sizes: Sizes,
        guesser: Option<Guesser<'_>>,
    ) -> anyhow::Result<Self> {
        let most = guesser.map_or(0, |it| it.most);
        let drafts = guesser.map_or(0, |it| it.draft.weight_bytes());
        let options = Options {
            ctx_size: Some(sizes.context),
            free_memory: memory::free().map(|it| it.saturating_sub(drafts)),
            max_seqs: sizes.sequences,
            chunk: sizes.n_batch,
            lookup: most,
            // So that sequences go on in lockstep from their first token on.
            order: Order::PromptsFirst,
            ..Options::default()
        };
        let engine = device::engine(name, file, load, &options);
        let mut engine = engine.map_err(|it| without_room(it, load))?;
        let texts = match guesser {
            None => Vec::new(),
            Some(Guesser { draft, .. }) => {
                draft.guess_for(&mut engine, name, &options, file.mapped_page_bytes())?;
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

    /// What it does not do in these tests.
    pub(super) fn idle_draft(&self, tests: &[Test]) -> Vec<String> {
        let Some(info) = self.draft() else { return Vec::new() };
        let drafted = tests.iter().filter(|it| matches!(it, Test::Drafted { .. }));
        let generated = drafted.map(|it| it.numbers().1).max().unwrap_or(0);
        let begun = self.texts.iter().map(|it| it.beginning.len()).max().unwrap_or(0);
        draft::idle(info, self.info(), begun + generated)
    }

    /// Runs the test's prompt once, and a few tokens where it generates.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn warm_up(&mut self, test: &Test, meter: &Meter) -> anyhow::Result<()> {
        let few = match *test {
            Test::Prompt { .. } => *test,
            Test::Generate { n, sequences, .. } => {
                Test::Generate { n: n.min(2), depth: 0, sequences }
            }
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
                    self.run(vec![request(tokens.clone(), 1)], meter)?;
                }
                tokens.extend(self.tokens(n));
                let run = self.run(vec![request(tokens, 1)], meter)?;
                // The cache holds whole blocks: a few tokens of the depth may be computed again.
                let prefilled: usize = run.usages.iter().map(|it| it.prefilled).sum();
                (run.started, run.first, prefilled)
            }
            Test::Generate { n, depth, sequences } => {
                let requests = self.requests(n, depth, sequences);
                let run = self.run(requests, meter)?;
                (run.first, run.last, n * sequences)
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
            let run = self.run(vec![Request { draft: most, ..request }], meter)?;
            time += run.first.until(&run.last);
            let more = meter.joules(&run.first, &run.last);
            joules = joules.zip(more).map(|(all, more)| all + more);
            for usage in &run.usages {
                guesses.made += usage.drafted;
                guesses.right += usage.drafted_right;
            }
            self.texts[i].note(run.tokens)?;
        }
        Ok(Sample { guesses, ..Sample::of(n * self.texts.len(), time, joules) })
    }

    /// Generates `n` tokens after `depth` others, of so many sequences at once, again and again for so
    /// long; tokens a second in stretches of it, one at least. `heard` hears now and then how much of
    /// the time has passed.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn generate_for(
        &mut self,
        time: Duration,
        (n, depth, sequences): (usize, usize, usize),
        heard: &mut dyn FnMut(Duration),
    ) -> anyhow::Result<Vec<f64>> {
        // Always the same prompts: the cache has them, so that little is read in between.
        let requests = self.requests(n, depth, sequences);
        let mut stretches = Stretches::of(time);
        let begin = Instant::now();
        let goes_on = |ended: &[f64]| begin.elapsed() < time || ended.is_empty();
        while goes_on(&stretches.ended) {
            let (mut came, mut before) = (0, None);
            drive(&mut self.engine, requests.clone(), &mut |now, tokens| {
                came += tokens.len();
                if came >= sequences
                    && let Some(before) = before.replace(now)
                    && stretches.add(now - before, tokens.len())
                {
                    heard(begin.elapsed());
                }
                goes_on(&stretches.ended)
            })?;
        }
        Ok(stretches.ended)
    }

    /// So many sequences that begin with `depth` tokens and another, and go on for `n` after the next:
    /// that comes from the prompt's logits, each other takes a step.
    fn requests(&mut self, n: usize, depth: usize, sequences: usize) -> Vec<Request> {
        (0..sequences).map(|_| request(self.tokens(depth + 1), n + 1)).collect()
    }

    fn run(&mut self, requests: Vec<Request>, meter: &Meter) -> anyhow::Result<Run> {
        let sequences = requests.len();
        let (mut first, mut last, mut tokens) = (None, None, Vec::new());
        let started = meter.mark();
        let usages = drive(&mut self.engine, requests, &mut |now, more| {
            tokens.extend_from_slice(more);
            // None has its second before all have their first.
            if first.is_none() && tokens.len() >= sequences {
                first = Some(meter.mark_at(now));
            }
            last = Some(now);
            true
        })?;
        Ok(Run {
            first: first.unwrap_or_else(|| started.clone()),
            last: last.map_or_else(|| started.clone(), |it| meter.mark_at(it)),
            started,
            tokens,
            usages,
        })
    }

    /// Any tokens.
    fn tokens(&mut self, n: usize) -> Vec<u32> {
        let vocab = self.engine.info().vocab as u64;
        (0..n).map(|_| self.random.below(vocab) as u32).collect()
    }
}

/// Where no flag says how long the context is, it is as long as the tests need.
fn without_room(error: anyhow::Error, load: &Load) -> anyhow::Error {
    let found = error.downcast_ref();
    let is_long = matches!(found, Some(LoadError::CacheTooLarge { sequences: 1, .. }));
    if !is_long || load.ctx_size.is_some() {
        return error;
    }
    let failure = Failure::new("the tests need more context than there is memory for");
    error.context(failure.hint("give less to `-p`, `-n` or `-d`"))
}

fn request(tokens: Vec<u32>, max_new: usize) -> Request {
    Request { max_new: Some(max_new), ..Request::new(tokens, Sampling::greedy()) }
}

/// Runs requests to their ends, or until `heard`, which hears when a step was over and which tokens
/// came of it, gives `false`; what those took that ended.
fn drive(
    engine: &mut Engine,
    requests: Vec<Request>,
    heard: &mut dyn FnMut(Instant, &[u32]) -> bool,
) -> anyhow::Result<Vec<Usage>> {
    let seqs = requests.into_iter().map(|it| engine.submit(it));
    let seqs = seqs.collect::<Result<Vec<_>, _>>()?;
    let (mut usages, mut tokens) = (Vec::new(), Vec::new());
    while usages.len() < seqs.len() {
        let events = engine.step()?;
        let now = Instant::now();
        tokens.clear();
        for event in events {
            match event.kind {
                EventKind::Token { id, .. } => tokens.push(id),
                EventKind::Finished(_, usage) => usages.push(usage),
                EventKind::Failed(error) => return Err(error.into()),
                _ => {}
            }
        }
        if !tokens.is_empty() && !heard(now, &tokens) {
            seqs.iter().for_each(|&it| drop(engine.cancel(it)));
            break;
        }
    }
    Ok(usages)
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

    /// So many tokens came, so long after those before; whether a stretch ended with them.
    fn add(&mut self, gap: Duration, tokens: usize) -> bool {
        self.time += gap;
        self.tokens += tokens;
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
        let generate = |depth, sequences| Test::Generate { n: 128, depth, sequences }.label();
        assert_eq!(generate(4096, 1), "tg128 @ d4096");
        assert_eq!(generate(0, 4), "tg128 x 4");
        assert_eq!(generate(4096, 16), "tg128 x 16 @ d4096");
        assert_eq!(Test::Text { n: 128 }.label(), "tg128 text");
        assert_eq!(Test::Drafted { n: 128 }.label(), "tg128 text + draft");
    }

    #[test]
    fn sequences_go_on_in_lockstep_however_their_prompts_are_cut() {
        let bytes = loader::Bytes::new(ingle_tests::parrot::file());
        let file = ModelFile::from_bytes("parrot", bytes, &[]).unwrap();
        let sizes = Sizes { context: 32, sequences: 3, n_batch: 8 };
        let mut rig = Rig::load("parrot", &file, &Load::default(), sizes, None).unwrap();
        let (requests, mut steps) = (rig.requests(4, 19, 3), Vec::new());
        let usages = drive(&mut rig.engine, requests, &mut |_, tokens| {
            steps.push(tokens.len());
            true
        });
        assert_eq!(usages.unwrap().len(), 3);
        // Of three prompts, 60 tokens in steps of 8; then one of each sequence.
        assert_eq!(steps, [1, 1, 1, 3, 3, 3, 3]);
        let meter = Meter::at(tempfile::tempdir().unwrap().path());
        let test = Test::Generate { n: 4, depth: 19, sequences: 3 };
        assert_eq!(rig.measure(&test, &meter).unwrap().tokens, 12);
    }

    #[test]
    fn a_stretch_ends_with_the_token_that_fills_it() {
        let mut all = Stretches::of(Duration::from_secs(10));
        let added = [200, 299, 1, 2000, 100].map(|it| all.add(Duration::from_millis(it), 1));
        assert_eq!(added, [false, false, true, true, false]);
        assert_eq!(all.ended, [6.0, 0.5]);
        assert!(all.add(Duration::from_millis(400), 4));
        assert_eq!(all.ended[2], 10.0);
        assert_eq!(Stretches::of(Duration::from_secs(60)).length, Duration::from_secs(1));
    }
}
