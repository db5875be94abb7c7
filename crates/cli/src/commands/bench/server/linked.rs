//! Prompts for a server, and what the times of its answers say.
//!
//! How a server cuts text into tokens is not known: prompts are common words, as many as its own
//! count of an earlier long prompt suggests, and speeds are of the tokens that it counts.

use std::{
    env, mem,
    num::{NonZeroU64, NonZeroUsize},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, SecondsFormat, Utc};
use hub::{Asked, Counted, Endpoint, Error, KEY, Online, Patience, Peer, Proxies, Settings, Token};

use crate::{
    args::{Bench, Form, Instead},
    commands::{
        bench::{
            conditions::{self, Conditions},
            measure::{Sample, Test},
            session::{Beside, Session, Warnings},
            speculation::Guesses,
            table::{Row, Subject},
        },
        print,
    },
    failure::Failure,
    machine::{Note, Watch},
    numbers::grouped,
    random::Random,
    terminal::{Interrupts, tell},
};

/// How long a server may read a prompt without a word.
const SILENCE: Duration = Duration::from_secs(600);

/// A prompt of so many words tells how many of them are a token: what a server puts around each is
/// little beside them.
const LONG: usize = 64;

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
    /// None of its prompts comes twice, not in another run either, or the server's cache would answer it.
    random: Random,
    /// As many words were a token in the last long prompt.
    words_per_token: f64,
    /// What this machine does meanwhile, where the server runs on it.
    watch: Option<Watch>,
    /// Whether it was said that answers are shorter than asked for.
    told_of_short: bool,
    /// Whether it was said that nothing is known of the server's cache.
    told_of_cache: bool,
    /// Warnings that were told so far, but for those of the machine.
    said: Vec<String>,
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
        let failure = match error.downcast_ref::<Error>().map(is_refusal) {
            Some(true) => failure.hint(
                "is the server up, and has it loaded its model? `--api-model NAME` names one, \
                 INGLE_API_KEY is its key",
            ),
            Some(false) => failure.hint(
                "that is not how OpenAI's protocol answers; what the server logged may say why",
            ),
            None => failure,
        };
        error.context(failure)
    })
}

/// Whether the server was not reached, or would not answer.
fn is_refusal(error: &Error) -> bool {
    !matches!(error, Error::Answer { .. } | Error::TooLong { .. })
}

impl Line {
    /// Prepares it; connects to nobody yet.
    fn open(instead: &Instead) -> anyhow::Result<Self> {
        let online = Online::ask(instead.offline.then_some("--offline"), &variable);
        let online = online.map_err(|it| {
            Failure::new(it.to_string())
                .hint("leave it out, or measure a model here: `ingle bench MODEL`")
        })?;
        let url = instead.url.as_deref().unwrap_or_default();
        let endpoint = Endpoint::of_server("--url", url)?;
        let host = endpoint.url().authority();
        let watch = endpoint.url().is_loopback().then(Watch::here);
        let key = variable(KEY).filter(|it| !it.trim().is_empty());
        let token = key.as_deref().map(|it| {
            let message = format!("`{KEY}` is no key: it has blanks, or is too long");
            Token::new(it).ok_or_else(|| Failure::usage(message))
        });
        let settings = Settings {
            endpoints: vec![endpoint],
            token: token.transpose()?,
            proxies: Proxies::find(&variable),
            ca_file: instead.ca_file.clone(),
            limit_rate: None,
            connections: NonZeroUsize::MIN,
            part: NonZeroU64::MIN,
            step: NonZeroU64::MIN,
            headers: 0,
            patience: Patience { silence: SILENCE, ..Patience::default() },
        };
        let peer = Peer::new(&settings, online)?;
        let model = instead.api_model.clone().unwrap_or_default();
        Ok(Self {
            peer,
            host,
            model,
            random: Random::of_now(),
            words_per_token: 1.0,
            watch,
            told_of_short: false,
            told_of_cache: false,
            said: Vec::new(),
        })
    }

    fn rows(
        &mut self,
        tests: &[Test],
        repetitions: NonZeroUsize,
        form: Form,
    ) -> anyhow::Result<Vec<Row>> {
        if self.model.is_empty() {
            let first = self.peer.models()?.into_iter().next();
            self.model = first.ok_or_else(|| {
                let failure = Failure::new("the server lists no model");
                failure.hint("`--api-model NAME` names one that it has all the same")
            })?;
        }
        let subject = Subject::of_server(&self.host, &self.model);
        let bar = Session::bar(tests.len(), repetitions.get());
        let (mut rows, mut first) = (Vec::new(), None);
        for &test in tests {
            let before = self.note();
            first = first.or_else(|| before.clone());
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
            let mut told = beside(before, self.note());
            told.warnings.said.clone_from(&self.said);
            let row = Row::new(&subject, test, &samples, time, told);
            if form == Form::Jsonl {
                print(&row.line())?;
            }
            rows.push(row);
        }
        bar.finish_and_clear();
        let warnings = beside(first, self.note()).warnings.machine.unwrap_or_default();
        warnings.iter().for_each(|it| tell(format_args!("warning: {it}")));
        Ok(rows)
    }

    /// What this machine does now, where the server runs on it: all but how busy it is, for the
    /// server is a process like others.
    fn note(&self) -> Option<Note> {
        self.watch.as_ref().map(|it| Note { load: None, ..it.note() })
    }

    /// Runs the test's prompt once, and a few tokens where it generates; learns how long words are.
    fn warm_up(&mut self, test: &Test) -> anyhow::Result<()> {
        let test = match *test {
            Test::Generate { n, depth, sequences } => {
                Test::Generate { n: n.min(2), depth, sequences }
            }
            other => other,
        };
        self.measure(&test).map(|_| ())
    }

    fn measure(&mut self, test: &Test) -> anyhow::Result<Sample> {
        match *test {
            Test::Prompt { n, depth } => {
                let mut words = self.words(depth);
                let before = match depth {
                    0 => None,
                    _ => self.answer(&words, 1)?.1.map(|it| it.prompt),
                };
                words.extend(self.words(n));
                let (streamed, counted) = self.answer(&words, 1)?;
                let counted = counted.ok_or_else(|| {
                    let message = "the server does not count tokens: its answer has no `usage`";
                    let hint = "measure one that knows `stream_options.include_usage`, or \
                                generation alone: `-p 0`";
                    Failure::new(message).hint(hint)
                })?;
                if let (Some(before), None) = (before, counted.cached) {
                    self.tell_of_cache(before);
                }
                Ok(sample(streamed.first, computed(counted, before)))
            }
            Test::Generate { n, depth, .. } => {
                let words = self.words(depth + 1);
                // The first token comes from the prompt; each other takes a step.
                let (streamed, counted) = self.answer(&words, n + 1)?;
                let came = counted.map_or(streamed.pieces, |it| it.generated);
                self.tell_of_short(came, n as u64 + 1);
                if came < 2 || streamed.pieces < 2 {
                    let message =
                        format!("the answer came in one piece, asked for {} tokens", n + 1);
                    let hint =
                        "measure a server that streams its answers, or prompts alone: `-n 0`";
                    return Err(Failure::new(message).hint(hint).into());
                }
                Ok(sample(streamed.rest, came - 1))
            }
            Test::Text { .. } | Test::Drafted { .. } => {
                unreachable!("`--draft` and `--url` exclude each other")
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
        if let Some(it) = counted.filter(|_| words.len() >= LONG) {
            self.words_per_token = words.len() as f64 / it.prompt as f64;
        }
        Ok((streamed, counted))
    }

    /// Says once that the server's model ends its answers by itself.
    fn tell_of_short(&mut self, came: u64, asked: u64) {
        if came < asked && !mem::replace(&mut self.told_of_short, true) {
            self.warn(format!(
                "`{}` answered with {came} of {asked} tokens, and its speed is that of those: give \
                 less to `-n`",
                self.host
            ));
        }
    }

    /// Says once that it is not known what of a prompt the server had computed before.
    fn tell_of_cache(&mut self, before: u64) {
        if !mem::replace(&mut self.told_of_cache, true) {
            self.warn(format!(
                "`{}` does not say what of a prompt it had computed; the {} tokens before are taken \
                 as computed, all of them: where it keeps none, measure without `-d`",
                self.host,
                grouped(before)
            ));
        }
    }

    /// Says a warning, and has it in the results from here on.
    fn warn(&mut self, warning: String) {
        tell(format_args!("warning: {warning}"));
        self.said.push(warning);
    }

    /// Any words, of some `tokens` tokens.
    fn words(&mut self, tokens: usize) -> Vec<&'static str> {
        if tokens == 0 {
            return Vec::new();
        }
        let n = (tokens as f64 * self.words_per_token).round().max(1.0) as usize;
        (0..n).map(|_| WORDS[self.random.below(WORDS.len() as u64) as usize]).collect()
    }
}

/// What is told of a machine that was so before and after.
fn beside(before: Option<Note>, after: Option<Note>) -> Beside {
    let Some((before, after)) = before.zip(after) else { return Beside::default() };
    Beside {
        conditions: Conditions::between(&before, &after),
        warnings: Warnings {
            machine: Some(conditions::warnings(&before, &after)),
            said: Vec::new(),
        },
        ..Beside::default()
    }
}

/// Tokens of a prompt that the server computed for it, after `before` others that it knew: a server
/// that keeps what it computed says how much of the prompt that was, or it is taken as all of them.
fn computed(counted: Counted, before: Option<u64>) -> u64 {
    let known = counted.cached.or(before).unwrap_or(0);
    counted.prompt.saturating_sub(known).max(1)
}

fn sample(time: Duration, tokens: u64) -> Sample {
    let seconds = time.as_secs_f64().max(1e-9);
    let per_second = tokens as f64 / seconds;
    let (tokens, guesses) = (tokens as usize, Guesses::default());
    Sample { time, tokens, per_second, joules: None, guesses }
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|it| it.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_had_computed_counts_for_nothing() {
        let of = |cached, before| computed(Counted { prompt: 4608, cached, generated: 1 }, before);
        assert_eq!(of(None, None), 4608);
        assert_eq!(of(Some(0), Some(4096)), 4608);
        assert_eq!(of(Some(4000), Some(4096)), 608);
        assert_eq!(of(None, Some(4096)), 512);
        assert_eq!(of(Some(4608), None), 1);
    }

    #[test]
    fn of_a_machine_that_nobody_watched_nothing_is_told() {
        assert_eq!(beside(None, Some(Note::default())).warnings.machine, None);
        let told = beside(Some(Note::default()), Some(Note::default()));
        assert_eq!(told.warnings.machine, Some(Vec::new()));
    }

    #[test]
    fn who_answered_is_up() {
        let offline = Error::Offline { by: "--offline" };
        let silent = Error::Answer {
            host: "a".to_owned(),
            what: "stream of server-sent events",
            source: "it has no text".into(),
        };
        assert!(is_refusal(&offline) && !is_refusal(&silent));
    }
}
