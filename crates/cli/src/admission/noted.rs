//! What the audit log hears: of a model that is loaded and of its answers, of one that came in or went,
//! and of one that was refused.

use std::{env, path::Path};

use anyhow::Context;
use chrono::{SecondsFormat, Utc};
use store::{
    audit::{self, Answer, Decision, Entry, Event, Log},
    digest::Sha256Hex,
    policy::{Error, Policy, Subject},
};

/// A model that may be used.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// Where its answers are noted, and what is said of it there.
    noted: Option<(Log, Entry)>,
}

/// Something that may be done with a model, and is noted once it is done.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    log: Option<Log>,
    decision: Option<Decision>,
}

impl Admitted {
    /// One of which nothing is noted.
    pub(super) fn unnoted() -> Self {
        Self { noted: None }
    }

    /// One of which `entry` is noted first.
    pub(super) fn note(log: &Log, entry: Entry) -> Result<Self, audit::Error> {
        log.append(entry.clone())?;
        Ok(Self { noted: Some((log.clone(), entry)) })
    }

    /// From here on, an adapter with these weights answers with it.
    ///
    /// # Errors
    ///
    /// If answers of so many could not be noted.
    pub(super) fn add(&mut self, adapter: Option<Sha256Hex>) -> Result<(), audit::Error> {
        let Some((_, entry)) = &mut self.noted else { return Ok(()) };
        entry.adapters.extend(adapter);
        entry.check_length()
    }

    /// Notes an answer.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub(crate) fn answered(&self, prompt: usize, answer: usize) -> Result<(), audit::Error> {
        let Some((log, entry)) = &self.noted else { return Ok(()) };
        let (prompt_tokens, answer_tokens) = (prompt as u64, answer as u64);
        let event = Event::Answered(Answer { prompt_tokens, answer_tokens });
        log.append(Entry { time: now(), event, ..entry.clone() }).map(drop)
    }
}

impl Pending {
    /// Whether it can be noted is seen before anything is done.
    pub(super) fn new(log: Option<Log>, decision: Option<Decision>) -> Result<Self, audit::Error> {
        log.iter().try_for_each(Log::check)?;
        Ok(Self { log, decision })
    }

    /// Notes what was done, and with which model.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub(crate) fn done(&self, event: Event, subject: &Subject) -> anyhow::Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        let name = event.name();
        let entry = entry(subject, self.decision.clone(), event);
        let noted = log.append(entry).map(drop);
        noted.with_context(|| format!("`{}` is {name}, and that is not noted", subject.name))
    }
}

/// What the policy said, for the log.
pub(super) fn decision(
    policy: Option<&Policy>,
    permitted: &Result<Option<String>, Error>,
) -> Option<Decision> {
    let (rule, allowed) = match permitted {
        Ok(rule) => (rule.clone(), true),
        Err(Error::Denied { rule, .. }) => (Some(rule.clone()), false),
        Err(_) => (None, false),
    };
    let policy = policy.map(Policy::sha256).zip(rule);
    policy.map(|(policy, rule)| Decision { policy, rule, allowed })
}

/// What is noted of a model now.
pub(super) fn entry(subject: &Subject, policy: Option<Decision>, event: Event) -> Entry {
    // Folders may tell more of a person than of a model.
    let path = Path::new(&subject.name);
    let file = path.file_name().filter(|_| path.exists());
    let model = file.map_or_else(|| subject.name.clone(), |it| it.to_string_lossy().into_owned());
    Entry {
        time: now(),
        who: user(),
        verb: verb(),
        model: short(&model),
        sha256: subject.digest(),
        adapters: Vec::new(),
        policy,
        event,
    }
}

/// The beginning of a text from outside: a line of the log has a longest length.
fn short(text: &str) -> String {
    text.chars().take(256).collect()
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What this program was asked to do.
fn verb() -> String {
    env::args_os().nth(1).map_or_else(String::new, |it| short(&it.to_string_lossy()))
}

/// The user, by the number that the system has; the environment could give any name.
#[cfg(unix)]
pub(super) fn user() -> String {
    format!("uid-{}", nix::unistd::getuid())
}

/// The user, by the only name that is to be had here: that of the environment.
#[cfg(not(unix))]
pub(super) fn user() -> String {
    let name = env::var("USERNAME").unwrap_or_default();
    let plain: String = name.chars().filter(|it| it.is_alphanumeric()).take(256).collect();
    format!("user-{plain}")
}
