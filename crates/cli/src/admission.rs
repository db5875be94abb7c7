//! Whether a model may be loaded here, and what the audit log hears of it.
//!
//! The policy and the log are looked up once: what was in force when the first model was loaded
//! stays so while this process runs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use chrono::{SecondsFormat, Utc};
use loader::{Container, ModelFile};
use store::{
    audit::{self, Answer, Decision, Entry, Event, Log},
    digest::Sha256Hex,
    disk::Disk,
    library::{MANIFEST, Manifest},
    policy::{At, Error, Policy, Subject},
};

use crate::{
    model,
    settings::{Site, variable},
    terminal::tell,
};

/// A model that may be used.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// What the log says of it; nothing where there is no log.
    noted: Option<Noted>,
}

#[derive(Clone, Debug)]
struct Noted {
    log: Log,
    entry: Entry,
}

/// What every model goes by.
struct Gate {
    policy: Option<Policy>,
    log: Option<Log>,
}

impl Admitted {
    /// Notes an answer.
    ///
    /// # Errors
    ///
    /// If the log cannot be written.
    pub(crate) fn answered(&self, prompt: usize, answer: usize) -> Result<(), audit::Error> {
        let Some(Noted { log, entry }) = &self.noted else { return Ok(()) };
        let (prompt_tokens, answer_tokens) = (prompt as u64, answer as u64);
        let event = Event::Answered(Answer { prompt_tokens, answer_tokens });
        log.append(Entry { time: now(), event, ..entry.clone() }).map(drop)
    }
}

/// Asks the policy whether the model may be loaded, and notes that.
///
/// # Errors
///
/// If it may not, or the policy or the log is not as it should be: then nothing may be.
pub(crate) fn at_load(
    name: &str,
    file: &ModelFile,
    manifest: Option<&Manifest>,
) -> anyhow::Result<Admitted> {
    let gate = gate()?;
    if gate.policy.is_none() && gate.log.is_none() {
        return Ok(Admitted { noted: None });
    }
    let mut subject = subject(name, file, manifest);
    let asks = gate.policy.as_ref().is_some_and(Policy::asks_for_digests);
    let has_files = !file.mappings.is_empty();
    if has_files && (asks || (gate.log.is_some() && subject.weights.is_empty())) {
        subject = subject.with_weights(digests(file)?);
    }
    let permitted = match &gate.policy {
        Some(policy) => policy.permit(&subject, At::Load).map(Some),
        None => Ok(None),
    };
    let noted = gate.log.as_ref().map(|log| {
        let entry = entry(&subject, gate.policy.as_ref(), &permitted);
        Noted { log: log.clone(), entry }
    });
    if let Some(Noted { log, entry }) = &noted {
        log.append(entry.clone())?;
    }
    permitted?;
    Ok(Admitted { noted })
}

/// Asks the policy about a model that is not here yet.
///
/// # Errors
///
/// If it may not come in, or the policy is not as it should be: then nothing may.
pub(crate) fn before(subject: &Subject, at: At) -> anyhow::Result<()> {
    if let Some(policy) = &gate()?.policy {
        policy.permit(subject, at)?;
    }
    Ok(())
}

/// What is known of a model that is open.
pub(crate) fn subject(name: &str, file: &ModelFile, manifest: Option<&Manifest>) -> Subject {
    let beside = manifest.is_none().then(|| manifest_beside(&file.path)).flatten();
    let subject = match manifest.or(beside.as_ref()) {
        _ if model::BUILT_IN == Some(name) => return built_in(name),
        Some(manifest) => Subject { name: name.to_owned(), ..Subject::of_manifest(manifest) },
        None => Subject::unknown(name),
    };
    let container = match file.container {
        Container::Gguf { .. } => "gguf",
        Container::Safetensors => "safetensors",
    };
    subject.in_format(container).with_metadata(&file.metadata)
}

/// The digests of the files with its weights, as they are open.
///
/// # Errors
///
/// If a file cannot be read whole.
pub(crate) fn digests(file: &ModelFile) -> Result<Vec<Sha256Hex>, loader::Error> {
    let digests = file.mappings.iter().map(|it| Sha256Hex::of(it.as_ref())).collect();
    file.check_intact()?;
    Ok(digests)
}

/// The audit log, if there is to be one.
///
/// # Errors
///
/// If it is not said clearly whether there is, or for how long.
pub(crate) fn log(site: &Site, policy: Option<&Policy>) -> anyhow::Result<Option<Log>> {
    let asked = variable("INGLE_AUDIT", |it| match it {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        other => Err(format!("expected `0` or `1`, found `{other}`")),
    })?;
    let required = policy.is_some_and(Policy::requires_audit);
    if !required && !asked.or(site.audit).unwrap_or(false) {
        return Ok(None);
    }
    let months = site.audit_months.unwrap_or(audit::MONTHS);
    Ok(Some(Log::at(site.home.data().join("audit"), months, Disk::default())?))
}

/// The folder of the log of this process, made ready, if there is one.
///
/// # Errors
///
/// As [`at_load`].
pub(crate) fn log_folder() -> anyhow::Result<Option<PathBuf>> {
    let Some(log) = &gate()?.log else { return Ok(None) };
    log.prepare()?;
    Ok(Some(log.folder().to_owned()))
}

/// Whether the policy wants every model in a whole sandbox.
///
/// # Errors
///
/// As [`at_load`].
pub(crate) fn requires_sandbox() -> anyhow::Result<bool> {
    Ok(gate()?.policy.as_ref().is_some_and(Policy::requires_sandbox))
}

static GATE: OnceLock<Gate> = OnceLock::new();

fn gate() -> anyhow::Result<&'static Gate> {
    if let Some(gate) = GATE.get() {
        return Ok(gate);
    }
    let site = Site::find()?;
    let policy = Policy::in_force(&site.home)?;
    for path in policy.iter().flat_map(Policy::passed_over) {
        tell(format_args!(
            "note: the policy `{}` is not in force: this machine's is",
            path.display()
        ));
    }
    let log = log(&site, policy.as_ref())?;
    Ok(GATE.get_or_init(|| Gate { policy, log }))
}

fn entry(
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
        who: who(),
        verb: verb(),
        model: short(&model),
        sha256: subject.digest(),
        policy: decision,
        event: if allowed { Event::Loaded } else { Event::Refused },
    }
}

/// The model inside this binary.
fn built_in(name: &str) -> Subject {
    let weights = model::built_in(name).map(Sha256Hex::of).into_iter().collect();
    let subject = Subject {
        publisher: Some("ingle".to_owned()),
        creator: Some("Ingle".to_owned()),
        licence: Some(env!("CARGO_PKG_LICENSE").to_owned()),
        provenance: store::policy::Provenance::Pinned,
        ..Subject::unknown(name)
    };
    subject.in_format("gguf").with_weights(weights)
}

/// What the library says of a file of its, where that was named by its path.
fn manifest_beside(path: &Path) -> Option<Manifest> {
    let folder = if path.is_dir() { path } else { path.parent()? };
    let manifest = Manifest::read(&fs::read(folder.join(MANIFEST)).ok()?).ok()?;
    let has = |it: &store::library::StoredFile| it.path.0.below(folder) == path;
    (path.is_dir() || manifest.files.iter().any(has)).then_some(manifest)
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

/// The user, by the name that the environment gives and the number that the system does.
fn who() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|it| env::var(it).ok());
    let name = short(&name.unwrap_or_else(|| "unknown".to_owned()));
    #[cfg(unix)]
    let name = format!("{name} ({})", nix::unistd::getuid());
    name
}
