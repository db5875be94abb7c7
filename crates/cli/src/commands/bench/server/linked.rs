//! Prompts for a server, and what the times of its answers say.
//!
//! How a server cuts text into tokens is not known: prompts are common words, as many as its own
//! count of an earlier prompt suggests, and speeds are of the tokens that it counts.

use std::{
    env,
    num::{NonZeroU64, NonZeroUsize},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, SecondsFormat, Utc};
use hub::{Asked, Counted, Endpoint, Error, KEY, Online, Patience, Peer, Proxies, Settings, Token};

use crate::{
    args::{Bench, Form, Instead},
    commands::{
        bench::{
            measure::{Sample, Test},
            session::{Beside, Session},
            table::{Row, Subject},
        },
        print,
    },
    failure::Failure,
    terminal::{Interrupts, tell},
};

/// How long a server may read a prompt without a word.
const SILENCE: Duration = Duration::from_secs(600);

/// One token each in most vocabularies, with the blank before it.
const WORDS: [&str; 32] = [
    "time", "year", "way", "day", "man", "world", "life", "hand", "part", "place", "case", "week",
    "work", "point", "home", "water", "room", "side", "house", "money", "book", "eye", "job",
    "word", "line", "end", "head", "door", "night", "name", "air", "face",
];

/// A server under test.
struct Line {
    peer: Peer,
    host: String,
    model: String,
    /// State of the generator of prompts: none comes twice, or the server's cache would answer it.
    random: u64,
    /// As many words were a token in the last prompt.
    words_per_token: f64,
    /// Whether it was said that answers are shorter than asked for.
    told: bool,
}

/// Measures the server of `--url`.
///
/// # Errors
///
/// If connections are forbidden, or it cannot be reached or measured.
pub(in crate::commands::bench) fn run(
    args: &Bench,
    tests: Vec<Test>,
    form: Form,
) -> anyhow::Result<Vec<Row>> {
    let mut line = Line::open(&args.instead)?;
    Interrupts::install()?;
    line.rows(&tests, args.repetitions, form).map_err(|error| {
        let failure = Failure::new(format!("cannot measure `{}`", line.host));
        let hint = "is the server up, and has it loaded its model? `--api-model NAME` names one, \
                    INGLE_API_KEY is its key";
        error.context(failure.hint(hint))
    })
}

impl Line {
    /// Prepares it; connects to nobody yet.
    fn open(instead: &Instead) -> anyhow::Result<Self> {
        let online = Online::ask(instead.offline.then_some("--offline"), &variable)?;
        let url = instead.url.as_deref().unwrap_or_default();
        let endpoints = Endpoint::list("--url", url)?;
        let [endpoint] = endpoints.as_slice() else {
            return Err(Failure::usage("`--url` takes one address").into());
        };
        let host = endpoint.url().authority();
        let key = variable(KEY).filter(|it| !it.trim().is_empty());
        let token = key.as_deref().map(|it| {
            let message = format!("`{KEY}` is no key: it has blanks, or is too long");
            Token::new(it).ok_or_else(|| Failure::usage(message))
        });
        let settings = Settings {
            endpoints,
            token: token.transpose()?,
            proxies: Proxies::find(&variable),
            ca_file: instead.ca_file.clone(),
            limit_rate: None,
            connections: NonZeroUsize::MIN,
            part: NonZeroU64::MIN,
            patience: Patience { silence: SILENCE, ..Patience::default() },
        };
        let peer = Peer::new(&settings, online)?;
        let model = instead.api_model.clone().unwrap_or_default();
        Ok(Self { peer, host, model, random: 1, words_per_token: 1.0, told: false })
    }

    fn rows(
        &mut self,
        tests: &[Test],
        repetitions: NonZeroUsize,
        form: Form,
    ) -> anyhow::Result<Vec<Row>> {
        if self.model.is_empty() {
            let first = self.peer.models()?.into_iter().next();
            self.model = first.ok_or_else(|| Failure::new("the server lists no model"))?;
        }
        let subject = Subject::of_server(&self.host, &self.model);
        let bar = Session::bar(tests.len(), repetitions.get());
        let mut rows = Vec::new();
        for &test in tests {
            bar.set_message(test.label());
            self.warm_up(&test)?;
            bar.inc(1);
            let started: DateTime<Utc> = SystemTime::now().into();
            let mut samples = Vec::new();
            for _ in 0..repetitions.get() {
                samples.push(self.measure(&test)?);
                bar.inc(1);
            }
            let time = started.to_rfc3339_opts(SecondsFormat::Secs, true);
            let row = Row::new(&subject, test, &samples, time, Beside::default());
            if form == Form::Jsonl {
                print(&row.line())?;
            }
            rows.push(row);
        }
        bar.finish_and_clear();
        Ok(rows)
    }

    /// Runs the test's prompt once, and a few tokens where it generates; learns how long words are.
    fn warm_up(&mut self, test: &Test) -> anyhow::Result<()> {
        match *test {
            Test::Prompt { .. } => self.measure(test).map(|_| ()),
            Test::Generate { n, .. } => {
                self.measure(&Test::Generate { n: n.min(2), depth: 0 }).map(|_| ())
            }
        }
    }

    fn measure(&mut self, test: &Test) -> anyhow::Result<Sample> {
        match *test {
            Test::Prompt { n, depth } => {
                let mut words = self.words(depth);
                if depth > 0 {
                    self.answer(&words, 1)?;
                }
                words.extend(self.words(n));
                let (streamed, counted) = self.answer(&words, 1)?;
                let counted = counted.ok_or_else(|| {
                    Failure::new("the server does not count tokens: its answer has no `usage`")
                })?;
                // A server that keeps what it computed says how much of the prompt that was.
                let computed = counted.prompt.saturating_sub(counted.cached).max(1);
                Ok(sample(streamed.first, computed))
            }
            Test::Generate { n, depth } => {
                let words = self.words(depth + 1);
                // The first token comes from the prompt; each other takes a step.
                let (streamed, counted) = self.answer(&words, n + 1)?;
                let came = counted.map_or(streamed.pieces, |it| it.generated);
                self.tell_of_short(came, n as u64 + 1);
                if came < 2 || streamed.pieces < 2 {
                    let message =
                        format!("the answer came in one piece, asked for {} tokens", n + 1);
                    return Err(Failure::new(message).into());
                }
                Ok(sample(streamed.rest, came - 1))
            }
        }
    }

    fn answer(
        &mut self,
        words: &[&str],
        most: usize,
    ) -> Result<(hub::Streamed, Option<Counted>), Error> {
        let prompt = words.join(" ");
        let asked = Asked { model: &self.model, prompt: &prompt, most };
        let streamed = self.peer.answer(&asked)?;
        let counted = streamed.counted.filter(|it| it.prompt > 0);
        if let Some(it) = counted {
            self.words_per_token = words.len() as f64 / it.prompt as f64;
        }
        Ok((streamed, counted))
    }

    /// Says once that the server's model ends its answers by itself.
    fn tell_of_short(&mut self, came: u64, asked: u64) {
        if came < asked && !std::mem::replace(&mut self.told, true) {
            tell(format_args!(
                "warning: `{}` answered with {came} of {asked} tokens; its speed is that of those",
                self.host
            ));
        }
    }

    /// Any words, of some `tokens` tokens (xorshift64*).
    fn words(&mut self, tokens: usize) -> Vec<&'static str> {
        if tokens == 0 {
            return Vec::new();
        }
        let n = (tokens as f64 * self.words_per_token).round().max(1.0) as usize;
        let mut next = || {
            self.random ^= self.random >> 12;
            self.random ^= self.random << 25;
            self.random ^= self.random >> 27;
            let number = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
            WORDS[number as usize % WORDS.len()]
        };
        (0..n).map(|_| next()).collect()
    }
}

fn sample(time: Duration, tokens: u64) -> Sample {
    let seconds = time.as_secs_f64().max(1e-9);
    let per_second = tokens as f64 / seconds;
    Sample { time, tokens: tokens as usize, per_second, joules: None }
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|it| it.to_string_lossy().into_owned())
}
