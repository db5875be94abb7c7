//! The site's policy: which models may be fetched, imported, loaded and served on this machine.
//!
//! ```text
//! version = 1
//! contact = "it-security@example.org"     whom to ask; in every refusal
//! default = "allow"                       what no rule decides: `allow` or `deny`
//! require-sandbox = true                  optional: no model is used outside a whole sandbox
//! require-audit = true                    optional: the audit log cannot be switched off
//! audit-folder = "/var/log/ingle"         optional: where it lies, in a folder for each user
//! hubs = ["https://hub.example.org"]      optional: trusted besides Hugging Face's own
//!
//! [[rule]]                                the first rule that applies decides
//! name = "…"                              in every refusal
//! action = "deny"                         or `allow`
//! why = "…"                               optional
//! at = ["load", "serve"]                  optional; without it: fetch, import, load and serve
//! country = ["AA", "unknown"]             what it applies to; see `rule`
//! ```
//!
//! A signature counts if its key is one that a rule names: anybody can make a key, and name it to
//! `ingle import`. One with a certificate goes by the key that this is of, whoever issued it. Only
//! under a policy of the user's own, with no rule that allows models of certain signers, any counts,
//! and they answer for it. Of a signature over the files alone, what is said of them stays a claim,
//! and `provenance` what it was.
//!
//! Ingle has no rule of its own: a machine without a policy allows everything. What is known of a
//! model is a [`Subject`]; what is unknown meets no list that does not say `"unknown"`. Where
//! policies lie, and which of them is in force, is in [`Places`]; a signature makes it one that
//! nobody but the holder of the key can change.
//!
//! It is known where a model came from if Hugging Face's hub, or one that the policy trusts, gave it
//! for a commit, or if somebody signed what is said of it whose signature counts. What a mirror, a
//! bundle or another program calls a repository is a claim, and so is what the catalogue says of that
//! repository: publisher, creator, country, licence and lineage. Claims meet rules that deny, which
//! take them for unknown as well; no claim meets a rule that allows.

mod error;
pub mod examples;
mod place;
mod rule;
mod signature;
mod subject;
mod text;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use error::{Error, RuleFlaw};
pub use place::{Places, Signed};
pub use rule::{Action, Finding, Rule};
pub use signature::{KEY, PublicKey, SIGNATURE, sign};
pub use subject::{Provenance, Stated, Subject, holds_weights};

use crate::{Home, digest::Sha256Hex};
use text::Text;

/// The version of policies that this program knows.
const VERSION: u32 = 1;

/// The hub that needs no policy's trust.
pub(crate) const HUB: &str = "https://huggingface.co";

/// The name of what decides where no rule does.
pub const DEFAULT: &str = "default";

/// A policy that was read whole and understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    path: PathBuf,
    sha256: Sha256Hex,
    signed: Signed,
    passed_over: Vec<PathBuf>,
    catalogue: Catalogue,
    text: Text,
}

/// Whose word about models counts for a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// That of the user's own file before the built-in one: the policy is theirs, too.
    Users,
    /// The built-in one alone.
    BuiltIn,
    /// That of a file beside the policy, which is as well kept as it is, before the built-in one.
    Beside {
        /// The file.
        path: PathBuf,
        /// What is in it.
        text: String,
    },
}

/// When a model is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// Before it is downloaded.
    Fetch,
    /// Before it comes in from a bundle, a file or another program.
    Import,
    /// Before its weights are used.
    Load,
    /// Before it answers over a network.
    Serve,
}

/// What a policy says of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be used.
    Allowed {
        /// The rule that says so; [`DEFAULT`] where none does.
        rule: String,
    },
    /// It may not.
    Denied {
        /// The rule that says so; [`DEFAULT`] where none does.
        rule: String,
        /// Why there is such a rule.
        why: Option<String>,
        /// Whom to ask.
        contact: Option<String>,
        /// The file that the rule is in.
        policy: PathBuf,
    },
}

/// What one rule says of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The rule.
    pub rule: String,
    /// What it does where it applies.
    pub action: Action,
    /// Whether it applies to the model, then.
    pub applies: bool,
    /// Whether it is the first that does, which decides.
    pub decides: bool,
    /// What it looked at.
    pub findings: Vec<Finding>,
}

impl Policy {
    /// The policy that is in force here; none where this machine has none.
    ///
    /// # Errors
    ///
    /// If there is one that cannot be read or understood, or is not signed as it must be. Nothing
    /// may then be fetched, imported, loaded or served.
    pub fn in_force(home: &Home) -> Result<Option<Self>, Error> {
        Places::of(home).in_force()
    }

    /// From the text of a file at `path`, whose signature is somebody else's affair.
    ///
    /// # Errors
    ///
    /// If it is no policy, or one that cannot mean what it says.
    pub fn read(path: &Path, text: &str) -> Result<Self, Error> {
        /// What must be known before the rest can be read.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let toml = |error: toml::de::Error| {
            let before = text.get(..error.span().map_or(0, |it| it.start)).unwrap_or("");
            let line = 1 + before.matches('\n').count();
            Error::Toml { path: path.to_owned(), line, reason: error.message().to_owned() }
        };
        let Version { version } = toml::from_str(text).map_err(toml)?;
        if version != VERSION {
            return Err(Error::Version { path: path.to_owned(), found: version, known: VERSION });
        }
        let written: Text = toml::from_str(text).map_err(toml)?;
        written.check(path)?;
        rule::check(&written.rules).map_err(|(rule, flaw)| Error::Rule {
            path: path.to_owned(),
            rule,
            flaw,
        })?;
        Ok(Self {
            path: path.to_owned(),
            sha256: Sha256Hex::of(text.as_bytes()),
            signed: Signed::No,
            passed_over: Vec::new(),
            catalogue: Catalogue::Users,
            text: written,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Of the file's bytes.
    pub fn sha256(&self) -> Sha256Hex {
        self.sha256
    }

    /// Who vouches for it.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }

    /// Whose word about models counts.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Policies that are there, too, and are not in force because this one is.
    pub fn passed_over(&self) -> &[PathBuf] {
        &self.passed_over
    }

    /// What it calls itself.
    pub fn title(&self) -> Option<&str> {
        self.text.title.as_deref()
    }

    /// Whom to ask.
    pub fn contact(&self) -> Option<&str> {
        self.text.contact.as_deref()
    }

    /// What no rule decides.
    pub fn default_action(&self) -> Action {
        self.text.default
    }

    /// The rules, in the order in which they are asked.
    pub fn rules(&self) -> &[Rule] {
        &self.text.rules
    }

    /// Whether a model may be loaded only where the sandbox confines all that it should.
    pub fn requires_sandbox(&self) -> bool {
        self.text.require_sandbox
    }

    /// Whether what is loaded must be noted in the audit log.
    pub fn requires_audit(&self) -> bool {
        self.text.require_audit
    }

    /// Hubs that it trusts besides Hugging Face's own.
    pub fn hubs(&self) -> &[String] {
        &self.text.hubs
    }

    /// The folder below which the audit log of each user must lie; nothing where that is theirs to
    /// say.
    pub fn audit_folder(&self) -> Option<&Path> {
        self.text.audit_folder.as_deref()
    }

    /// Whether a rule asks for the digests of weights, so that they must be known to judge.
    pub fn asks_for_digests(&self) -> bool {
        self.rules().iter().any(Rule::asks_for_digests)
    }

    /// What of `subject` counts here: whose signatures a rule knows, and whether a hub gave it that is
    /// trusted. Where neither is so, what is said of it are claims: [`Subject::has_known_source`].
    pub fn counted(&self, subject: &Subject) -> Subject {
        let is = |it: &str, hub: &str| it.trim_end_matches('/') == hub.trim_end_matches('/');
        let trusted = |hub: &str| is(HUB, hub) || self.text.hubs.iter().any(|it| is(it, hub));
        let mut counted = subject.clone();
        let is_trusted = subject.hub.as_deref().is_none_or(trusted);
        if subject.provenance == Provenance::Pinned && !is_trusted {
            counted.provenance = Provenance::Recorded;
        }
        counted.signers.retain(|it| self.knows(it));
        counted.vouched_by.retain(|it| self.knows(it));
        if !counted.vouched_by.is_empty() {
            counted.provenance = Provenance::Signed;
        }
        counted
    }

    /// Whether a signature with this key counts. Under a policy that the user cannot change, theirs
    /// does not because they name their key.
    fn knows(&self, key: &Sha256Hex) -> bool {
        let is_choosy = |it: &Rule| it.action() == Action::Allow && !it.signers().is_empty();
        let rules = self.rules();
        let any_counts = self.catalogue == Catalogue::Users && !rules.iter().any(is_choosy);
        any_counts || rules.iter().any(|it| it.signers().contains(key))
    }

    /// What it says of `subject`.
    pub fn judge(&self, subject: &Subject, at: At) -> Verdict {
        let subject = &self.counted(subject);
        let first = self.rules().iter().find(|it| it.applies(subject, at));
        let action = first.map_or(self.text.default, Rule::action);
        let rule = first.map_or(DEFAULT, Rule::name).to_owned();
        match action {
            Action::Allow => Verdict::Allowed { rule },
            Action::Deny => Verdict::Denied {
                rule,
                why: first.and_then(Rule::why).map(str::to_owned),
                contact: self.text.contact.clone(),
                policy: self.path.clone(),
            },
        }
    }

    /// The same, for those who only want to know that it may be used; the rule that says so.
    ///
    /// # Errors
    ///
    /// If it may not.
    pub fn permit(&self, subject: &Subject, at: At) -> Result<String, Error> {
        match self.judge(subject, at) {
            Verdict::Allowed { rule } => Ok(rule),
            Verdict::Denied { rule, why, contact, policy } => {
                let model = subject.name.clone();
                let [why, contact] = [why, contact].map(|it| it.map(String::into_boxed_str));
                Err(Error::Denied { model, at, rule, why, contact, policy })
            }
        }
    }

    /// Whether it would permit `subject`, if somebody whose signature counts had signed it as
    /// `signed` says.
    pub fn would_permit(
        &self,
        subject: &Subject,
        at: At,
        signed: fn(Subject, Sha256Hex) -> Subject,
    ) -> bool {
        // Where any signature counts, so does one with a key that nobody has.
        let anybody = Sha256Hex::of(b"");
        let mut keys = self.rules().iter().flat_map(Rule::signers).chain([&anybody]);
        keys.any(|it| self.permit(&signed(subject.clone(), *it), at).is_ok())
    }

    /// What every rule says of `subject`, in their order.
    pub fn explain(&self, subject: &Subject, at: At) -> Vec<Outcome> {
        let (subject, mut decided) = (self.counted(subject), false);
        let outcome = |rule: &Rule| {
            let findings = rule.findings(&subject, at);
            let applies = findings.iter().all(|it| it.fits);
            let decides = applies && !decided;
            decided |= applies;
            let (rule, action) = (rule.name().to_owned(), rule.action());
            Outcome { rule, action, applies, decides, findings }
        };
        self.rules().iter().map(outcome).collect()
    }
}

impl At {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fetch, Self::Import, Self::Load, Self::Serve];

    /// What is not done where a model is denied.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Import => "import",
            Self::Load => "load",
            Self::Serve => "serve",
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())
    }
}

#[cfg(test)]
mod tests;
