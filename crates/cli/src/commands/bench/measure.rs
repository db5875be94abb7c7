//! Runs one test on an engine and takes its time.

use std::time::{Duration, Instant};

use engine::{Engine, EventKind, Info, Options, Request, Usage, sample::Sampling};
use loader::ModelFile;

use crate::{args::Load, device, memory};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// A prompt of `n` tokens after `depth` others.
    Prompt { n: usize, depth: usize },
    /// `n` tokens, one after the other, after `depth` others.
    Generate { n: usize, depth: usize },
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) time: Duration,
    pub(super) per_second: f64,
}

/// An engine under test.
pub(super) struct Rig {
    engine: Engine,
    /// State of the generator of prompts: none comes twice, or the cache would answer it.
    random: u64,
}

/// When a sequence's tokens came, and what it took.
struct Run {
    started: Instant,
    first: Instant,
    last: Instant,
    usage: Usage,
}

impl Test {
    /// As llama-bench calls it.
    pub(super) fn label(&self) -> String {
        let (name, n, depth) = match *self {
            Self::Prompt { n, depth } => ("pp", n, depth),
            Self::Generate { n, depth } => ("tg", n, depth),
        };
        let depth = if depth == 0 { String::new() } else { format!(" @ d{depth}") };
        format!("{name}{n}{depth}")
    }

    /// Tokens of context that it needs; `None` for more than there are numbers.
    pub(super) fn tokens(&self) -> Option<usize> {
        let (n, depth, more) = match *self {
            Self::Prompt { n, depth } => (n, depth, 1),
            Self::Generate { n, depth } => (n, depth, 2),
        };
        n.checked_add(depth)?.checked_add(more)
    }
}

impl Rig {
    /// Loads the model with a context of at least `needed` tokens.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded.
    pub(super) fn load(
        name: &str,
        file: &ModelFile,
        load: &Load,
        needed: usize,
    ) -> anyhow::Result<Self> {
        let options = Options {
            ctx_size: Some(load.ctx_size.map_or(needed, Into::into)),
            free_memory: memory::free(),
            ..Options::default()
        };
        let engine = device::engine(name, file, load, &options)?;
        Ok(Self { engine, random: 1 })
    }

    pub(super) fn info(&self) -> &Info {
        self.engine.info()
    }

    /// Runs the test's prompt once, and a few tokens where it generates.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn warm_up(&mut self, test: &Test) -> anyhow::Result<()> {
        match *test {
            Test::Prompt { .. } => self.measure(test).map(|_| ()),
            Test::Generate { n, .. } => {
                self.measure(&Test::Generate { n: n.min(2), depth: 0 }).map(|_| ())
            }
        }
    }

    /// Takes the time of the test.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn measure(&mut self, test: &Test) -> anyhow::Result<Sample> {
        let (time, n) = match *test {
            Test::Prompt { n, depth } => {
                let mut tokens = self.tokens(depth);
                if depth > 0 {
                    self.run(tokens.clone(), 1)?;
                }
                tokens.extend(self.tokens(n));
                let run = self.run(tokens, 1)?;
                // The cache holds whole blocks: a few tokens of the depth may be computed again.
                (run.first - run.started, run.usage.prefilled)
            }
            Test::Generate { n, depth } => {
                let tokens = self.tokens(depth + 1);
                // The first token comes from the prompt's logits; each other takes a step.
                let run = self.run(tokens, n + 1)?;
                (run.last - run.first, n)
            }
        };
        let seconds = time.as_secs_f64().max(1e-9);
        Ok(Sample { time, per_second: n as f64 / seconds })
    }

    fn run(&mut self, tokens: Vec<u32>, max_new: usize) -> anyhow::Result<Run> {
        let request =
            Request { max_new: Some(max_new), ..Request::new(tokens, Sampling::greedy()) };
        let started = Instant::now();
        let mut run = Run { started, first: started, last: started, usage: Usage::default() };
        let mut seen = false;
        self.engine.submit(request)?;
        loop {
            for event in self.engine.step()? {
                match event.kind {
                    EventKind::Token { .. } => {
                        run.last = Instant::now();
                        if !std::mem::replace(&mut seen, true) {
                            run.first = run.last;
                        }
                    }
                    EventKind::Finished(_, usage) => {
                        run.usage = usage;
                        return Ok(run);
                    }
                    EventKind::Failed(error) => return Err(error.into()),
                    _ => {}
                }
            }
        }
    }

    /// Any tokens (xorshift64*).
    fn tokens(&mut self, n: usize) -> Vec<u32> {
        let vocab = self.engine.info().vocab as u64;
        let mut next = || {
            self.random ^= self.random >> 12;
            self.random ^= self.random << 25;
            self.random ^= self.random >> 27;
            let number = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
            (number % vocab) as u32
        };
        (0..n).map(|_| next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_llama_benchs() {
        assert_eq!(Test::Prompt { n: 512, depth: 0 }.label(), "pp512");
        assert_eq!(Test::Generate { n: 128, depth: 4096 }.label(), "tg128 @ d4096");
    }
}
