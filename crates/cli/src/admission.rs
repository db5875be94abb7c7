//! Whether a model may come in or be loaded here; what the audit log hears of it is in `noted`.
//!
//! The policy and the log are looked up once: what was in force when the first model was asked about
//! stays so while this process runs.

mod noted;

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use loader::{Mapping, ModelFile, adapter::Source};
use store::{
    audit::{self, Event, Log},
    bundle::Vouched,
    catalogue,
    digest::Sha256Hex,
    disk::Disk,
    library::{self, Manifest},
    policy::{self, At, Catalogue, Policy, Subject, holds_weights},
    signing,
};

use crate::{
    model,
    settings::{Site, variable},
    terminal::tell,
};
use noted::user;
pub(crate) use noted::{Admitted, Pending};

/// What every model goes by.
struct Gate {
    policy: Option<Policy>,
    log: Option<Log>,
}

impl Admitted {
    /// Asks the policy whether the adapter at `path` may be added to the model, and notes that.
    ///
    /// # Errors
    ///
    /// As [`at_load`].
    pub(crate) fn adapted(&mut self, path: &Path, adapter: &Source) -> anyhow::Result<()> {
        let gate = gate()?;
        let mut subject = Subject::of_adapter(path.display().to_string(), adapter);
        if gate.asks_for_digests() {
            let weights = adapter.mappings.iter().map(digest).collect::<Result<_, _>>()?;
            subject = subject.with_weights(weights);
        }
        gate.judge(&subject)?;
        Ok(self.add(subject.digest())?)
    }
}

impl Gate {
    /// Whether the digests of what is loaded must be known.
    fn asks_for_digests(&self) -> bool {
        self.log.is_some() || self.policy.as_ref().is_some_and(Policy::asks_for_digests)
    }

    /// The rule of the policy that permits it; nothing where none is in force.
    fn ask(&self, subject: &Subject, at: At) -> Result<Option<String>, policy::Error> {
        self.policy.as_ref().map(|it| it.permit(subject, at)).transpose()
    }

    /// Asks the policy about what is to be loaded, and notes what it says.
    fn judge(&self, subject: &Subject) -> anyhow::Result<Admitted> {
        let permitted = self.ask(subject, At::Load);
        let decision = noted::decision(self.policy.as_ref(), &permitted);
        let event = if permitted.is_ok() { Event::Loaded } else { Event::Refused };
        let admitted = match &self.log {
            Some(log) => Admitted::note(log, noted::entry(subject, decision, event))?,
            None => Admitted::unnoted(),
        };
        permitted?;
        Ok(admitted)
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
    kept: Option<&library::Entry>,
) -> anyhow::Result<Admitted> {
    let gate = gate()?;
    if gate.policy.is_none() && gate.log.is_none() {
        return Ok(Admitted::unnoted());
    }
    let mut subject = subject(name, file, kept)?;
    // What is open, and not what is said of it.
    if gate.asks_for_digests() && !file.mappings.is_empty() {
        subject = subject.with_weights(digests(file)?);
    }
    gate.judge(&subject)
}

/// Asks the policy about a model that is not here yet, and notes a refusal.
///
/// # Errors
///
/// If it may not come in, or the policy or the log is not as it should be: then nothing may.
pub(crate) fn before(subject: &Subject, at: At) -> anyhow::Result<Pending> {
    let gate = gate()?;
    let permitted = gate.ask(subject, at);
    let decision = noted::decision(gate.policy.as_ref(), &permitted);
    if let (Some(log), Err(_)) = (&gate.log, &permitted) {
        log.append(noted::entry(subject, decision.clone(), Event::Refused))?;
    }
    permitted?;
    Ok(Pending::new(gate.log.clone(), decision)?)
}

/// What goes before a model is removed, which no policy is asked about.
///
/// # Errors
///
/// If the policy or the log is not as it should be: then nothing may be removed that would have to be
/// noted.
pub(crate) fn before_removal() -> anyhow::Result<Pending> {
    Ok(Pending::new(gate()?.log.clone(), None)?)
}

/// What is known of a model of the library, or of one that is about to be. A manifest holds what a
/// catalogue said when the model came; under a policy that the user cannot change, only what the
/// present one says counts.
///
/// # Errors
///
/// As [`at_load`].
pub(crate) fn of_manifest(manifest: &Manifest) -> anyhow::Result<Subject> {
    let policy = gate()?.policy.as_ref();
    Ok(match policy.map_or(&Catalogue::Users, Policy::catalogue) {
        Catalogue::Users => Subject::of_manifest(manifest),
        Catalogue::BuiltIn | Catalogue::Beside { .. } => {
            let facts = catalogue::facts_now(manifest);
            Subject::of_manifest(&Manifest { facts, ..manifest.clone() })
        }
    })
}

/// What is known of a model that is open; of one that the library has, with who signed what its
/// manifest says.
///
/// # Errors
///
/// As [`at_load`].
pub(crate) fn subject(
    name: &str,
    file: &ModelFile,
    kept: Option<&library::Entry>,
) -> anyhow::Result<Subject> {
    let subject = of_file(name, file, kept.map(|it| &it.manifest))?;
    Ok(match kept {
        Some(entry) => with_signers(subject, entry),
        None => subject,
    })
}

/// The same with those who signed the model of the library.
fn with_signers(subject: Subject, entry: &library::Entry) -> Subject {
    signing::signers(entry).into_iter().fold(subject, signed(&entry.manifest))
}

/// What a signature over its files makes of a model; of one that has another name than the one that
/// was signed, it is over the files alone.
fn signed(manifest: &Manifest) -> fn(Subject, Sha256Hex) -> Subject {
    match Vouched::of(manifest) {
        Vouched::All => Subject::signed_by,
        Vouched::Files | Vouched::Otherwise => Subject::with_files_signed_by,
    }
}

/// What to tell of a model that is denied and has a signature that nobody has checked, if that could
/// let it pass; `way` is the command that checks it.
///
/// # Errors
///
/// As [`at_load`].
pub(crate) fn unchecked(
    subject: &Subject,
    at: At,
    manifest: &Manifest,
    way: &str,
) -> anyhow::Result<Option<String>> {
    let is_signed = manifest.files.iter().any(|it| it.path.0.as_str() == signing::FILE);
    let could_pass = |policy: &Policy| {
        policy.permit(subject, at).is_err() && policy.would_permit(subject, at, signed(manifest))
    };
    // `import` refuses a bundle that says otherwise than what was signed.
    let is_refused = at == At::Import && Vouched::of(manifest) == Vouched::Otherwise;
    let is_unchecked = is_signed && !is_refused && subject.signers.is_empty();
    let could_pass = is_unchecked && gate()?.policy.as_ref().is_some_and(could_pass);
    Ok(could_pass.then(|| {
        format!(
            "`{}` has a signature that was not checked; it counts if the policy knows its key: \
             `{way} --key KEY.pub`, or `--certificate-chain CA.pem`, checks it",
            subject.name
        )
    }))
}

/// What its file and its manifest say of a model.
///
/// # Errors
///
/// As [`at_load`].
pub(crate) fn of_file(
    name: &str,
    file: &ModelFile,
    manifest: Option<&Manifest>,
) -> anyhow::Result<Subject> {
    let subject = match manifest {
        _ if model::BUILT_IN == Some(name) => return Ok(built_in(name)),
        Some(manifest) => Subject { name: name.to_owned(), ..of_manifest(manifest)? },
        None => Subject::unknown(name),
    };
    Ok(subject.opened(file))
}

/// The digests of the files with its weights, as they are open.
///
/// # Errors
///
/// If a file cannot be read whole.
pub(crate) fn digests(file: &ModelFile) -> Result<Vec<Sha256Hex>, loader::Error> {
    let is_weights = |it: &&Mapping| holds_weights(it.path(), Some(&file.path));
    file.mappings.iter().filter(is_weights).map(digest).collect()
}

fn digest(mapping: &Mapping) -> Result<Sha256Hex, loader::Error> {
    let digest = Sha256Hex::of(mapping.as_ref());
    mapping.check()?;
    Ok(digest)
}

/// Where the log of this user lies: where the policy says, else where the user's data do.
pub(crate) fn log_place(site: &Site, policy: Option<&Policy>) -> PathBuf {
    match policy.and_then(Policy::audit_folder) {
        Some(folder) => folder.join(user()),
        None => site.home.data().join("audit"),
    }
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
    Ok(Some(Log::at(log_place(site, policy), months, Disk::default())?))
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
    let own = site.home.catalogue();
    let counts = match policy.as_ref().map_or(&Catalogue::Users, Policy::catalogue) {
        Catalogue::Users => true,
        Catalogue::BuiltIn => false,
        Catalogue::Beside { path, .. } => *path == own,
    };
    if !counts && own.exists() {
        tell(format_args!(
            "note: the catalogue `{}` does not count under this site's policy",
            own.display()
        ));
    }
    let log = log(&site, policy.as_ref())?;
    Ok(GATE.get_or_init(|| Gate { policy, log }))
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
