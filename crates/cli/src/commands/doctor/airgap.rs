//! `ingle doctor --airgap`: what keeps this program from a network, for whoever has to file it.
//!
//! What can be tried is tried: another process enters the sandbox and then does what it must not.

use std::{
    collections::BTreeSet,
    env::{
        self,
        consts::{ARCH, OS},
    },
    ops::ControlFlow,
    path::PathBuf,
};

use serde_json::{Value, json};
use store::{
    audit,
    digest::Sha256Hex,
    library::digest_of,
    policy::{Places, Policy, Rule},
};

use crate::{
    admission,
    args::Json,
    commands::{policy, print, print_json, version},
    failure::Failure,
    library,
    machine::{System, host},
    sandbox::{Mode, sockets, trial},
    settings::Site,
    terminal::harmless,
};

/// Features of this build, by their names.
pub(super) const FEATURES: &[(&str, bool)] = &[
    ("ember", cfg!(feature = "ember")),
    ("hub", cfg!(feature = "hub")),
    ("airgap", cfg!(feature = "airgap")),
];

/// Whether a client of HTTP is linked into this binary.
pub(super) const HAS_NETWORK_CODE: bool = cfg!(feature = "hub");

/// What was found.
struct Findings {
    /// When, as RFC 3339 in UTC.
    made: String,
    /// What the machine is called, where the system says.
    host: Option<String>,
    kernel: Option<String>,
    /// Of the file that this process was started from.
    program: anyhow::Result<Sha256Hex>,
    /// The sandbox where no flag says otherwise.
    mode: Mode,
    /// What it lets every chat read, besides.
    allow_read: Vec<PathBuf>,
    trial: anyhow::Result<trial::Report>,
    policy: Result<Option<Policy>, store::policy::Error>,
    pinned: bool,
    audit: anyhow::Result<Option<Log>>,
    /// Nothing where the system does not say.
    sockets: Option<usize>,
}

/// The audit log, and whether it is whole.
pub(super) struct Log {
    pub(super) is_on: bool,
    pub(super) checked: Result<audit::Checked, audit::Error>,
}

/// Prints the report; fails if something is not as it should be.
pub(super) fn run(json: Json) -> anyhow::Result<()> {
    let site = Site::find()?;
    let findings = Findings::make(&site);
    match json.on {
        true => print_json(&findings.as_json())?,
        false => print(&harmless(&findings.page()))?,
    }
    match findings.faults() {
        faults if faults.is_empty() => Ok(()),
        faults => Err(Failure::new(faults.join("; ")).into()),
    }
}

impl Findings {
    fn make(site: &Site) -> Self {
        let policy = Policy::in_force(&site.home);
        let in_force = policy.as_ref().ok().and_then(Option::as_ref);
        let places = Places::of(&site.home);
        let mode = match site.confine.sandbox.unwrap_or_default() {
            Mode::Best if in_force.is_some_and(Policy::requires_sandbox) => Mode::Required,
            mode => mode,
        };
        Self {
            made: library::now(),
            host: host(),
            kernel: System::here().kernel,
            program: program(),
            mode,
            allow_read: site.confine.allow_read.clone(),
            trial: trial::report(),
            audit: log(site, in_force),
            pinned: places.system().join(store::policy::KEY).exists(),
            policy,
            sockets: sockets::open(),
        }
    }

    /// What a security officer should not overlook.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(self.program.as_ref().err().map(|it| format!("the program: {it:#}")));
        if self.mode == Mode::Off {
            faults.push("the settings switch the sandbox off".to_owned());
        }
        match &self.trial {
            Err(error) => faults.push(format!("{error:#}")),
            Ok(report) => {
                faults.extend(
                    report.level.open().map(|it| format!("the sandbox is not whole: {it}")),
                );
                let wrong = report.tries.iter().filter(|it| it.worked != it.expected);
                faults.extend(wrong.map(|it| match it.worked {
                    true => format!("in the sandbox a process can {}", it.what),
                    false => format!("in the sandbox a process cannot {}", it.what),
                }));
                let fault = sockets::fault(report.sockets);
                faults.extend(fault.map(|it| format!("in the sandbox: {it}")));
            }
        }
        faults.extend(sockets::fault(self.sockets));
        faults.extend(self.policy.as_ref().err().map(|it| format!("policy: {it}")));
        match &self.audit {
            Err(error) => faults.push(format!("audit log: {error:#}")),
            Ok(Some(Log { checked: Err(error), .. })) if !is_empty(error) => {
                faults.push(format!("audit log: {error}"));
            }
            Ok(_) => {}
        }
        faults
    }

    fn as_json(&self) -> Value {
        let features = FEATURES.iter().filter(|it| it.1).map(|it| it.0).collect::<Vec<_>>();
        json!({
            "made": self.made,
            "machine": {"host": self.host, "kernel": self.kernel},
            "version": version::VERSION, "commit": version::commit(), "arch": ARCH, "os": OS,
            "program": match &self.program {
                Ok(sha256) => json!({"sha256": sha256}),
                Err(error) => json!({"error": format!("{error:#}")}),
            },
            "build": {"features": features, "network_code": HAS_NETWORK_CODE},
            "sandbox": self.sandbox_json(),
            "sockets": {"open": self.sockets},
            "policy": match &self.policy {
                Ok(policy) => policy.as_ref().map_or(Value::Null, policy::as_json),
                Err(error) => json!({"error": error.to_string()}),
            },
            "signers": self.signers(),
            "policy_key_pinned": self.pinned,
            "audit": match &self.audit {
                Ok(None) => Value::Null,
                Ok(Some(Log { is_on, checked: Ok(checked) })) => {
                    json!({"on": is_on, "whole": true, "checked": checked})
                }
                Ok(Some(Log { is_on, checked: Err(error) })) => json!({
                    "on": is_on, "whole": false, "empty": is_empty(error),
                    "error": error.to_string(),
                }),
                Err(error) => json!({"error": format!("{error:#}")}),
            },
            "faults": self.faults(),
        })
    }

    fn sandbox_json(&self) -> Value {
        let mut told = match &self.trial {
            Ok(report) => {
                json!({"holds": self.mode != Mode::Off && report.holds(), "report": report})
            }
            Err(error) => json!({"holds": false, "error": format!("{error:#}")}),
        };
        told["in_force"] = self.mode.to_string().into();
        told["allow_read"] = json!(self.allow_read);
        told
    }

    fn page(&self) -> String {
        let features: Vec<_> = FEATURES.iter().filter(|it| it.1).map(|it| it.0).collect();
        let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
        let network = if HAS_NETWORK_CODE { "linked" } else { "none" };
        let mut page =
            format!("ingle {} ({}) on {ARCH}-{OS}\n", version::VERSION, version::commit());
        page += &self.head();
        let program = match &self.program {
            Ok(sha256) => sha256.to_string(),
            Err(error) => format!("not known: {error:#}"),
        };
        page += &format!(
            "\nbuild\n  sha256        {program}\n  features      {features}\n  network code  {network}\n"
        );
        let folders: Vec<_> = self.allow_read.iter().map(|it| it.display().to_string()).collect();
        let folders = if folders.is_empty() { "none".to_owned() } else { folders.join(", ") };
        page += &format!("\nsandbox\n  in force      {}\n", self.mode);
        page += &format!("  allow-read    {folders}\n");
        page += &match &self.trial {
            Ok(report) => tried(report),
            Err(error) => format!("  {error:#}\n"),
        };
        page += &format!("\nsockets\n  open now      {}\n", count(self.sockets));
        page += &format!("\npolicy\n{}", self.policy_page());
        page += &format!("\naudit log\n{}", self.audit_page());
        page
    }

    fn head(&self) -> String {
        let told = |it: &Option<String>| it.as_deref().unwrap_or("not known").to_owned();
        let (host, kernel) = (told(&self.host), told(&self.kernel));
        format!(
            "\nreport\n  made          {}\n  machine       {host}\n  kernel        {kernel}\n",
            self.made
        )
    }

    fn policy_page(&self) -> String {
        let pinned = if self.pinned { "yes" } else { "no" };
        let told = match &self.policy {
            Err(error) => return format!("  {error}\n  key pinned    {pinned}\n"),
            Ok(None) => {
                "  in force      none: every model is allowed\n  signature     none\n".to_owned()
            }
            Ok(Some(it)) => format!(
                "  in force      {}\n  sha256        {}\n  signature     {}\n  rules         \
                 {}, otherwise {}\n",
                it.path().display(),
                it.sha256(),
                policy::signed(it),
                it.rules().len(),
                it.default_action()
            ),
        };
        let signers = match self.signers().as_slice() {
            [] => "none: no rule asks for one".to_owned(),
            all => all.join("\n                "),
        };
        format!("{told}  signers       {signers}\n  key pinned    {pinned}\n")
    }

    /// The keys that rules of the policy name, by their fingerprints.
    fn signers(&self) -> Vec<String> {
        let Ok(Some(policy)) = &self.policy else { return Vec::new() };
        let all: BTreeSet<_> = policy.rules().iter().flat_map(Rule::signers).collect();
        all.into_iter().map(ToString::to_string).collect()
    }

    fn audit_page(&self) -> String {
        match &self.audit {
            Err(error) => format!("  {error:#}\n"),
            Ok(None) => "  kept          no\n".to_owned(),
            Ok(Some(Log { is_on, checked })) => {
                let kept = if *is_on { "yes" } else { "no, but there is one" };
                let told = match checked {
                    Ok(it) => {
                        format!("{} entries, unbroken\n  head          {}", it.entries, it.last)
                    }
                    Err(error) if is_empty(error) => {
                        "empty: nothing was noted, or all of it was removed".to_owned()
                    }
                    Err(error) => error.to_string(),
                };
                format!("  kept          {kept}\n  state         {told}\n")
            }
        }
    }
}

/// The digest of the file that this process was started from.
///
/// # Errors
///
/// If that is not known or cannot be read.
fn program() -> anyhow::Result<Sha256Hex> {
    let (sha256, _) = digest_of(&env::current_exe()?, &|_| ControlFlow::Continue(()))?;
    Ok(sha256)
}

/// The audit log, if there is to be one or there is one.
///
/// # Errors
///
/// If it is not said clearly whether there is to be one.
pub(super) fn log(site: &Site, policy: Option<&Policy>) -> anyhow::Result<Option<Log>> {
    let is_on = admission::log(site, policy)?.is_some();
    let checked = audit::verify(&admission::log_place(site, policy), None);
    let has_none = checked.as_ref().is_err_and(is_empty);
    Ok((is_on || !has_none).then_some(Log { is_on, checked }))
}

/// Whether there is nothing in the log yet.
pub(super) fn is_empty(error: &audit::Error) -> bool {
    matches!(error, audit::Error::Empty(_))
}

fn tried(report: &trial::Report) -> String {
    let level = report.level.to_string();
    let mut page = format!("  {}\n", level.strip_prefix("sandbox: ").unwrap_or(&level));
    for it in &report.tries {
        let (mark, told) = match (it.worked == it.expected, it.worked) {
            (true, true) => ("ok", "works".to_owned()),
            (true, false) => ("ok", format!("refused: {}", in_words(&it.said))),
            (false, true) => ("NOT", "works".to_owned()),
            (false, false) => ("NOT", format!("fails: {}", in_words(&it.said))),
        };
        page += &format!("  {mark:<4} {:<32} {told}\n", it.what);
    }
    page + &format!("  sockets held after all that: {}\n", count(report.sockets))
}

/// What the system said, without the number that `--json` has: lines fit into 80 columns then.
fn in_words(said: &str) -> &str {
    said.rsplit_once(" (os error ").map_or(said, |it| it.0)
}

fn count(sockets: Option<usize>) -> String {
    sockets.map_or_else(|| "not known".to_owned(), |it| it.to_string())
}
