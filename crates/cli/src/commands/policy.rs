//! `ingle policy`: what this site allows, and why.

use std::path::Path;

use loader::Access;
use serde_json::{Value, json};
use store::{
    bundle::Bundle,
    library::Manifest,
    policy::{self, At, Outcome, Policy, Signed, Subject, Verdict, examples, sign},
};

#[cfg(feature = "hub")]
use super::show::remote;
use crate::{
    admission,
    args::{self, CheckPolicy, PolicyVerb, SignPolicy},
    failure::Failure,
    library, model,
    settings::Site,
    terminal::{harmless, tell},
};

/// Does what the verb after `policy` says.
pub(crate) fn run(args: args::Policy) -> anyhow::Result<()> {
    match args.verb {
        PolicyVerb::Show { json } => show(json),
        PolicyVerb::Check(args) => check(args),
        PolicyVerb::Sign(args) => sign_file(&args),
        PolicyVerb::Example { name } => example(name.as_deref()),
    }
}

fn show(json: args::Json) -> anyhow::Result<()> {
    let policy = Policy::in_force(&Site::find()?.home)?;
    match (json.on, policy) {
        (true, policy) => super::print_json(&policy.as_ref().map_or(Value::Null, as_json)),
        (false, Some(policy)) => super::print(&harmless(&page(&policy))),
        (false, None) => super::print(
            "no policy is in force: every model is allowed\n\
             `ingle policy example` lists some to begin from\n",
        ),
    }
}

/// The policy for programs; of `show` and of `doctor`.
pub(super) fn as_json(policy: &Policy) -> Value {
    let rules = policy
        .rules()
        .iter()
        .map(|it| json!({"name": it.name(), "action": it.action(), "why": it.why()}));
    json!({
        "path": shown(policy.path()),
        "sha256": policy.sha256(),
        "title": policy.title(),
        "contact": policy.contact(),
        "default": policy.default_action(),
        "require_sandbox": policy.requires_sandbox(),
        "require_audit": policy.requires_audit(),
        "audit_folder": policy.audit_folder().map(shown),
        "hubs": policy.hubs(),
        "signed_by": match policy.signed() {
            Signed::By(key) => Some(key),
            Signed::No | Signed::Unchecked => None,
        },
        "passed_over": policy.passed_over().iter().map(|it| shown(it)).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
    })
}

/// A path may be no text, and JSON is.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Who vouches for it, for people.
pub(super) fn signed(policy: &Policy) -> String {
    match policy.signed() {
        Signed::By(key) => format!("signed, and checked with the key {key}"),
        Signed::Unchecked => "signed, and not checked: no `policy.pub` is beside it".to_owned(),
        Signed::No => "not signed".to_owned(),
    }
}

fn page(policy: &Policy) -> String {
    let mut page = format!("policy   {}\n", policy.path().display());
    let mut row = |name: &str, text: &str| page += &format!("{name:<9}{text}\n");
    policy.title().into_iter().for_each(|it| row("title", it));
    policy.contact().into_iter().for_each(|it| row("contact", it));
    row("sha256", &policy.sha256().to_string());
    row("signed", &signed(policy));
    for path in policy.passed_over() {
        row("not", &format!("{} (this one is in force instead)", path.display()));
    }
    for (name, required) in
        [("sandbox", policy.requires_sandbox()), ("audit", policy.requires_audit())]
    {
        if required {
            row(name, "required");
        }
    }
    policy.audit_folder().into_iter().for_each(|it| row("log", &it.display().to_string()));
    policy.hubs().iter().for_each(|it| row("hub", it));
    row("default", &policy.default_action().to_string());
    for rule in policy.rules() {
        let why = rule.why().map_or_else(String::new, |it| format!(": {it}"));
        row(&rule.action().to_string(), &format!("`{}`{why}", rule.name()));
    }
    page
}

fn check(args: CheckPolicy) -> anyhow::Result<()> {
    let site = Site::find()?;
    let policy = Policy::in_force(&site.home)?;
    let name = model::alone(args.model, site.model.as_deref())?;
    model::tell_both(&name);
    let looked = match library::is_bundle(&name) && model::is_path(&name)? {
        true => in_bundle(&name)?,
        false => looked_at(&name, &args.hub, policy.as_ref())?,
    };
    let at = args.at.unwrap_or(looked.usual);
    let (mut pages, mut told, mut notes, mut refused) = (Vec::new(), Vec::new(), Vec::new(), None);
    for Asked { subject, signature } in &looked.models {
        let Some(policy) = &policy else {
            pages.push(format!("allowed: no policy is in force for `{}`\n", subject.name));
            told.push(json!({
                "model": subject, "known_source": subject.has_known_source(), "policy": null,
                "at": at, "allowed": true, "rule": null, "rules": [],
            }));
            continue;
        };
        if let Some((manifest, way)) = signature {
            notes.extend(admission::unchecked(subject, at, manifest, way)?);
        }
        let subject = policy.counted(subject);
        let outcomes = policy.explain(&subject, at);
        let verdict = policy.judge(&subject, at);
        let (allowed, rule) = match &verdict {
            Verdict::Allowed { rule } => (true, rule),
            Verdict::Denied { rule, .. } => (false, rule),
        };
        pages.push(explained(&subject, &outcomes, allowed, rule));
        told.push(json!({
            "model": subject, "known_source": subject.has_known_source(),
            "policy": shown(policy.path()), "at": at, "allowed": allowed, "rule": rule,
            "rules": outcomes,
        }));
        refused = refused.or_else(|| policy.permit(&subject, at).err());
    }
    match (args.json.on, told.as_slice()) {
        (true, [one]) => super::print_json(one)?,
        (true, all) => super::print_json(&json!({ "models": all }))?,
        (false, _) => super::print(&harmless(&pages.join("\n")))?,
    }
    notes.iter().for_each(|it| tell(format_args!("note: {it}")));
    refused.map_or(Ok(()), |it| Err(explained_already(it)))
}

/// The denial, without the advice to have the rules explained.
fn explained_already(denial: policy::Error) -> anyhow::Error {
    match denial.whom() {
        Some(whom) => Failure::new(denial.to_string()).hint(whom).into(),
        None => denial.into(),
    }
}

/// What is asked about.
struct Looked {
    models: Vec<Asked>,
    /// What is usually to be done with such models next.
    usual: At,
}

/// One of them.
struct Asked {
    subject: Subject,
    /// The manifest of one that may have a signature, and the command that checks that.
    signature: Option<(Manifest, String)>,
}

/// The models of a bundle, as it says that they are. What their own files say is looked into when they
/// are imported.
fn in_bundle(path: &str) -> anyhow::Result<Looked> {
    let (bundle, now) = (Bundle::open(Path::new(path))?, library::now());
    let asked = |it| {
        let manifest = bundle.manifest(it, &now);
        let subject = admission::of_manifest(&manifest)?;
        anyhow::Ok(Asked { subject, signature: Some((manifest, format!("ingle import {path}"))) })
    };
    let models = bundle.models().iter().map(asked).collect::<anyhow::Result<_>>()?;
    Ok(Looked { models, usual: At::Import })
}

/// A model of this machine; one that is not here, by its header at the hub.
#[cfg_attr(not(feature = "hub"), expect(unused_variables, reason = "there is no hub to ask"))]
fn looked_at(name: &str, hub: &args::Hub, policy: Option<&Policy>) -> anyhow::Result<Looked> {
    #[cfg(feature = "hub")]
    if let Some(reference) = remote::meant(name)? {
        let subject = remote::Remote::open(&reference, hub, &[])?.subject()?;
        return Ok(Looked { models: vec![Asked { subject, signature: None }], usual: At::Fetch });
    }
    let model::Read { file, entry, .. } =
        model::open_corrected(name, &[], Access::Map, model::Use::Header)?;
    let mut subject = admission::subject(name, &file, entry.as_ref())?;
    if policy.is_some_and(Policy::asks_for_digests) && !file.mappings.is_empty() {
        subject = subject.with_weights(admission::digests(&file)?);
    }
    let signature = entry.map(|it| {
        let way = format!("ingle verify {}", it.name());
        (it.manifest, way)
    });
    Ok(Looked { models: vec![Asked { subject, signature }], usual: At::Load })
}

fn explained(subject: &Subject, outcomes: &[Outcome], allowed: bool, rule: &str) -> String {
    let mut page = String::new();
    let mut row = |name: &str, text: &str| page += &format!("{name:<12}{text}\n");
    row("model", &subject.name);
    for key in ["publisher", "creator", "lineage", "country", "licence", "format"] {
        row(key, &subject.told(key));
    }
    row("provenance", &subject.provenance.to_string());
    for outcome in outcomes {
        let Outcome { rule, action, applies, decides, findings } = outcome;
        let told = match (applies, decides) {
            (_, true) => "applies, and decides",
            (true, false) => "applies; an earlier rule decides",
            (false, _) => "does not apply",
        };
        page += &format!("\n{action} `{rule}`: {told}\n");
        for finding in findings {
            let fits = if finding.fits { "fits" } else { "does not fit" };
            page += &format!("  {:<18}{} {fits}\n", finding.key, finding.found);
        }
    }
    page + &format!("\n{} by `{rule}`\n", if allowed { "allowed" } else { "denied" })
}

fn sign_file(args: &SignPolicy) -> anyhow::Result<()> {
    let (signature, key) = sign(&args.file, &args.key)?;
    let key = key.fingerprint();
    match args.json.on {
        true => super::print_json(&json!({"signature": shown(&signature), "key": key})),
        false => super::print(&format!(
            "{}\nkey {key}; put its public half beside the policy as `policy.pub`, or into \
             `/etc/ingle` to pin it\n",
            signature.display()
        )),
    }
}

fn example(name: Option<&str>) -> anyhow::Result<()> {
    let Some(name) = name else {
        let lines = examples::ALL.iter().map(|(name, about, _)| format!("{name:<10}{about}\n"));
        return super::print(&lines.collect::<String>());
    };
    let names = || examples::ALL.iter().map(|it| format!("`{}`", it.0)).collect::<Vec<_>>();
    let text = examples::named(name).ok_or_else(|| {
        Failure::usage(format!("no example is called `{name}`, there are {}", names().join(", ")))
    })?;
    super::print(text)
}
