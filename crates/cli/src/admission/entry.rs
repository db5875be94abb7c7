//! What the audit log hears of a model: nothing that a person or a model wrote.

use std::{env, path::Path};

use chrono::{SecondsFormat, Utc};
use store::{
    audit::{Decision, Entry, Event},
    policy::{Error, Policy, Subject},
};

/// The entry of a model that was judged.
pub(super) fn entry(
    subject: &Subject,
    policy: Option<&Policy>,
    permitted: &Result<Option<String>, Error>,
) -> Entry {
    let (rule, allowed) = match permitted {
        Ok(rule) => (rule.clone(), true),
        Err(Error::Denied { rule, .. }) => (Some(rule.clone()), false),
        Err(_) => (None, false),
    };
    let policy = policy.map(Policy::sha256).zip(rule);
    let decision = policy.map(|(policy, rule)| Decision { policy, rule, allowed });
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
        policy: decision,
        event: if allowed { Event::Loaded } else { Event::Refused },
    }
}

/// The beginning of a text from outside: a line of the log has a longest length.
fn short(text: &str) -> String {
    text.chars().take(256).collect()
}

/// Now, as entries have it.
pub(super) fn now() -> String {
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
