//! A rule: what it applies to, and what it does then.
//!
//! A rule applies where all that it names is so; of a list, one word must fit. Words ignore case,
//! and `*` in one stands for any characters; `unknown` fits what is not known.
//!
//! ```text
//! publisher         organisation of the repository that the files came from
//! creator           who made the model
//! lineage           a model that it was made from, such as `org/*`
//! country           of its creator, two letters
//! licence           names of the SPDX list, `LicenseRef-…`
//! format            container or weight format, such as `gguf`, `Q4_*`
//! sha256            of its files
//! signer            fingerprint of a key that signed it, be it that of a certificate
//! provenance-below  `recorded`, `pinned` or `signed`: less is known of where it came from
//! ```
//!
//! The action counts, too, so that a doubt never allows: a licence with a choice (`A OR B`) is denied
//! only where every choice is listed and allowed where one is; a digest denies where any file has it,
//! but allows only where all files with weights do; one ancestor is enough to deny, but all that are
//! known must be listed to allow. And where it is not known where a model came from, what is claimed
//! of it may be true or not: a rule that denies applies if it would in one of the two cases, one that
//! allows only if it would in both. So a claim can bar a model, and alone it lets none pass.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, Serialize};

use super::{At, Provenance, RuleFlaw, Subject};
use crate::digest::Sha256Hex;

/// Fits what is not known.
pub(super) const UNKNOWN: &str = "unknown";

/// Characters of the longest name.
const LONGEST: usize = 200;

/// What a rule does where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The model may be used.
    Allow,
    /// It may not.
    Deny,
}

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    name: String,
    action: Action,
    why: Option<String>,
    at: Option<Vec<At>>,
    publisher: Option<Vec<String>>,
    creator: Option<Vec<String>>,
    lineage: Option<Vec<String>>,
    country: Option<Vec<String>>,
    #[serde(alias = "license")]
    licence: Option<Vec<String>>,
    format: Option<Vec<String>>,
    sha256: Option<Vec<Sha256Hex>>,
    signer: Option<Vec<Sha256Hex>>,
    provenance_below: Option<Provenance>,
}

/// One thing that a rule looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The key of the rule.
    pub key: &'static str,
    /// What the model has there.
    pub found: String,
    /// Whether that is what the rule is about.
    pub fits: bool,
}

/// Whether the rules can mean what they say.
///
/// # Errors
///
/// The name of the first that cannot, and why.
pub(super) fn check(rules: &[Rule]) -> Result<(), (String, RuleFlaw)> {
    let mut names = HashSet::new();
    rules.iter().try_for_each(|rule| {
        let flaw = match rule.flaw() {
            None if !names.insert(&rule.name) || rule.name == super::DEFAULT => {
                Some(RuleFlaw::Twice)
            }
            flaw => flaw,
        };
        flaw.map_or(Ok(()), |flaw| Err((rule.name.clone(), flaw)))
    })
}

impl Rule {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does where it applies.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Why it is there.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// Whether it decides over `subject`, then.
    pub fn applies(&self, subject: &Subject, at: At) -> bool {
        self.findings(subject, at).iter().all(|it| it.fits)
    }

    /// The keys that it is about, by their fingerprints.
    pub fn signers(&self) -> &[Sha256Hex] {
        self.signer.as_deref().unwrap_or_default()
    }

    /// Whether digests of weights must be known to judge.
    pub(super) fn asks_for_digests(&self) -> bool {
        self.sha256.is_some()
    }

    /// All that it looks at.
    pub(super) fn findings(&self, subject: &Subject, at: At) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut note = |key, found: String, fits| findings.push(Finding { key, found, fits });
        if let Some(times) = &self.at {
            note("at", at.to_string(), times.contains(&at));
        }
        for (key, words) in self.lists() {
            let fits = |found: &[&str]| match key {
                "licence" => self.fits_licence(words, found),
                "lineage" => self.fits_lineage(words, found),
                _ => fits_one(words, found),
            };
            let (if_true, if_not) = (fits(&subject.said(key)), fits(&subject.without_claims(key)));
            let fits = match self.action {
                Action::Allow => if_true && if_not,
                Action::Deny => if_true || if_not,
            };
            note(key, subject.told(key), fits);
        }
        if let Some(listed) = &self.sha256 {
            let found = subject.digest().map_or(UNKNOWN.to_owned(), |it| it.to_string());
            note("sha256", found, self.fits_digests(listed, subject));
        }
        if let Some(listed) = &self.signer {
            let names: Vec<_> = subject.signers.iter().map(ToString::to_string).collect();
            let found = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            note("signer", found, subject.signers.iter().any(|it| listed.contains(it)));
        }
        if let Some(wanted) = self.provenance_below {
            let found = subject.provenance;
            note("provenance-below", found.to_string(), found < wanted);
        }
        findings
    }

    /// The lists of words, with their keys.
    fn lists(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let all = [
            ("publisher", &self.publisher),
            ("creator", &self.creator),
            ("lineage", &self.lineage),
            ("country", &self.country),
            ("licence", &self.licence),
            ("format", &self.format),
        ];
        all.into_iter().filter_map(|(key, list)| Some((key, list.as_deref()?)))
    }

    fn fits_licence(&self, words: &[String], found: &[&str]) -> bool {
        let Some(licence) = found.first().copied() else { return fits_one(words, &[]) };
        let listed = |name: &str| words.iter().any(|word| fits(word, name));
        let Ok(expression) = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX) else {
            // Hubs and files have names of their own, such as `llama3.2`.
            return listed(licence) || listed(&format!("LicenseRef-{licence}"));
        };
        let is_listed = |it: &spdx::LicenseReq| {
            listed(&it.to_string())
                || listed(&it.license.to_string())
                || it.license.id().is_some_and(|id| listed(id.name))
        };
        match self.action {
            Action::Allow => expression.evaluate(is_listed),
            Action::Deny => !expression.evaluate(|it| !is_listed(it)),
        }
    }

    fn fits_lineage(&self, words: &[String], found: &[&str]) -> bool {
        let is_listed = |it: &&str| words.iter().any(|word| fits(word, it));
        match (self.action, found) {
            (Action::Allow, [_, ..]) => found.iter().all(is_listed),
            _ => fits_one(words, found),
        }
    }

    fn fits_digests(&self, listed: &[Sha256Hex], subject: &Subject) -> bool {
        let is_listed = |it: &Sha256Hex| listed.contains(it);
        match self.action {
            Action::Allow => !subject.weights.is_empty() && subject.weights.iter().all(is_listed),
            Action::Deny => subject.weights.iter().chain(&subject.others).any(is_listed),
        }
    }

    fn flaw(&self) -> Option<RuleFlaw> {
        let name = self.name.trim();
        if name.is_empty() || name.contains(char::is_control) || name.chars().count() > LONGEST {
            return Some(RuleFlaw::Unnamed);
        }
        let lengths = [
            ("at", self.at.as_ref().map(Vec::len)),
            ("sha256", self.sha256.as_ref().map(Vec::len)),
            ("signer", self.signer.as_ref().map(Vec::len)),
        ];
        let words = self.lists().map(|(key, words)| (key, Some(words.len())));
        if let Some((key, _)) = lengths.into_iter().chain(words).find(|it| it.1 == Some(0)) {
            return Some(RuleFlaw::EmptyList { key });
        }
        let is_empty = self.lists().next().is_none()
            && self.sha256.is_none()
            && self.signer.is_none()
            && self.provenance_below.is_none();
        if is_empty {
            return Some(RuleFlaw::Empty);
        }
        if self.provenance_below == Some(Provenance::Unknown) {
            return Some(RuleFlaw::Word {
                key: "provenance-below",
                found: UNKNOWN.to_owned(),
                expected: "`recorded`, `pinned` or `signed`: nothing is below `unknown`",
            });
        }
        self.lists().find_map(|(key, words)| words.iter().find_map(|word| wrong(key, word)))
    }
}

/// Whether one of the words fits one of the things found.
fn fits_one(words: &[String], found: &[&str]) -> bool {
    match found {
        [] => words.iter().any(|it| it.eq_ignore_ascii_case(UNKNOWN)),
        found => words.iter().any(|word| found.iter().any(|it| fits(word, it))),
    }
}

/// Whether `text` is `word`, in which `*` stands for any characters.
fn fits(word: &str, text: &str) -> bool {
    let (word, text) = (word.to_lowercase(), text.to_lowercase());
    let mut parts = word.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut between: Vec<&str> = parts.collect();
    let Some(last) = between.pop() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// A word that nothing could ever fit: a slip of the pen would deny nothing, in silence.
fn wrong(key: &'static str, word: &str) -> Option<RuleFlaw> {
    let flaw = |expected| Some(RuleFlaw::Word { key, found: word.to_owned(), expected });
    match key {
        _ if word.eq_ignore_ascii_case(UNKNOWN) => None,
        _ if word.trim().is_empty() => flaw("at least one character"),
        "country" if word.len() != 2 || !word.bytes().all(|it| it.is_ascii_alphabetic()) => {
            flaw("two letters, or `unknown`")
        }
        "licence" if word.contains('*') || word.starts_with("LicenseRef-") => None,
        "licence" if spdx::license_id(word).is_none() => {
            flaw("a name of the SPDX list, `LicenseRef-…`, `unknown`, or one with `*`")
        }
        _ => None,
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}
