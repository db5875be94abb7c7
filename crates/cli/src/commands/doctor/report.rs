//! What is found: the machine, the kernels that would run on it, what is kept here, and what keeps
//! this program from a network.
//!
//! Nothing stops it: what cannot be looked at is a finding, and the rest is told.

use std::{env, fmt::Display};

use kernels::{
    Format,
    cpu::{Chosen, Isa, Precision, available_cores},
};
use serde::{Serialize, Serializer};
use serde_json::json;
use store::{Home, policy::Policy};

use super::{
    advice::{self, Finding, Seen},
    airgap,
    kept::{Audit, Health, Rules},
    network::{self, Network},
};
use crate::{
    args::{Device, Load},
    commands::version,
    device,
    machine::Machine,
    sandbox::{Level, Mode, trial},
    settings::Site,
};

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) build: Build,
    pub(super) machine: Machine,
    /// Nothing where what is asked for cannot be had.
    pub(super) kernels: Option<Kernels>,
    /// What was set, and where.
    pub(super) set: Vec<Set>,
    /// Nothing where it cannot be read.
    pub(super) library: Option<Health>,
    pub(super) network: Network,
    pub(super) sandbox: Sandbox,
    /// The policy that is in force, if one is; or why that cannot be known.
    #[serde(serialize_with = "or_error")]
    pub(super) policy: Result<Option<Rules>, String>,
    /// The audit log.
    pub(super) audit: Option<Audit>,
    /// What is broken, and then what could be better.
    pub(super) findings: Vec<Finding>,
}

/// This program.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Build {
    pub(super) version: &'static str,
    pub(super) commit: &'static str,
    pub(super) arch: &'static str,
    pub(super) os: &'static str,
    pub(super) features: Vec<&'static str>,
    /// Whether it was built to find faults, not to be fast.
    pub(super) debug: bool,
}

/// What would compute.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Kernels {
    #[serde(serialize_with = "shown")]
    pub(super) device: Device,
    #[serde(serialize_with = "shown")]
    pub(super) isa: Isa,
    /// The best that this machine can run.
    #[serde(serialize_with = "shown")]
    pub(super) best: Isa,
    #[serde(serialize_with = "shown")]
    pub(super) precision: Precision,
    pub(super) threads: usize,
    /// Cores that this process may use.
    pub(super) cores: usize,
    /// Weight formats by what multiplies them; those with rounded activations first.
    pub(super) formats: Vec<Multiplied>,
}

/// Formats that are multiplied alike.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Multiplied {
    /// What the kernels are written for.
    #[serde(serialize_with = "shown")]
    pub(super) isa: Isa,
    /// How they take activations: `fast` rounds them to 8 bits.
    #[serde(serialize_with = "shown")]
    pub(super) precision: Precision,
    pub(super) formats: Vec<&'static str>,
}

/// A setting of the kernels that somebody made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Set {
    /// The variable, or the key of the settings file.
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// What a process with a model gives up here.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sandbox {
    #[serde(serialize_with = "shown")]
    pub(super) mode: Mode,
    /// What was reached when it was tried.
    pub(super) level: Option<Level>,
}

impl Report {
    /// Looks everywhere.
    pub(super) fn make() -> Self {
        let mut seen = Seen::default();
        let site = seen.or_broken(Site::find(), "settings", "correct the file that it names");
        // Without a home folder, that was what was wrong.
        let home = site.as_ref().map(|it| it.home.clone()).or_else(|| Home::find().ok());
        let load = match &site {
            Some(site) => site.under_load(Load::default()),
            None => Load::default().or_environment(),
        };
        let load = seen.or_broken(load, "kernels", "unset the variable");
        let kernels = load.as_ref().map(Kernels::of);
        let kernels = kernels.and_then(|it| seen.or_broken(it, "kernels", "unset INGLE_ISA"));
        let library = home.as_ref().and_then(|it| Health::of(it, &mut seen));
        let policy = home.as_ref().and_then(|it| {
            let policy = Policy::in_force(it);
            seen.or_broken(policy, "policy", "whoever keeps this machine's policy can correct it")
        });
        let in_force = policy.as_ref().and_then(Option::as_ref);
        let audit = site.as_ref().and_then(|it| Audit::of(it, in_force, &mut seen));
        let network = seen.or_broken(network::find(), "network", "correct the variable");
        let asked = site.as_ref().and_then(|it| it.confine.sandbox).unwrap_or_default();
        let required = in_force.is_some_and(Policy::requires_sandbox);
        let mode = if required { Mode::Required } else { asked };
        let mut report = Self {
            build: Build::this(),
            machine: Machine::here(),
            kernels,
            set: set(load.as_ref()),
            library,
            network: network.unwrap_or_default(),
            sandbox: Sandbox::tried(mode, &mut seen),
            policy: match &policy {
                Some(policy) => Ok(policy.as_ref().map(Rules::of)),
                None => Err(seen.why("policy")),
            },
            audit,
            findings: Vec::new(),
        };
        report.findings = [seen.0, advice::warnings(&report)].concat();
        report
    }
}

impl Build {
    fn this() -> Self {
        Self {
            version: version::VERSION,
            commit: version::commit(),
            arch: env::consts::ARCH,
            os: env::consts::OS,
            features: airgap::FEATURES.iter().filter(|it| it.1).map(|it| it.0).collect(),
            debug: cfg!(debug_assertions),
        }
    }
}

impl Kernels {
    /// What runs where nothing else is asked for.
    fn of(load: &Load) -> anyhow::Result<Self> {
        let config = device::config(load)?;
        Ok(Self {
            device: load.device.unwrap_or_default(),
            isa: config.isa,
            best: Isa::best(),
            precision: config.precision,
            threads: config.threads,
            cores: available_cores(),
            formats: Multiplied::all(config.isa, config.precision),
        })
    }
}

impl Multiplied {
    /// All formats, those that are multiplied alike together, on a machine that has `isa`.
    pub(super) fn all(isa: Isa, precision: Precision) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for &format in Format::ALL {
            let Chosen { isa, precision } = isa.chosen(format, precision);
            let name = format.layout().name;
            match all.iter_mut().find(|it| (it.isa, it.precision) == (isa, precision)) {
                Some(alike) => alike.formats.push(name),
                None => all.push(Self { isa, precision, formats: vec![name] }),
            }
        }
        all.sort_by_key(|it| it.precision != Precision::Fast);
        all
    }
}

impl Sandbox {
    /// Lets another process try it.
    fn tried(mode: Mode, seen: &mut Seen) -> Self {
        const MORE: &str = "`ingle doctor --airgap` says more";
        if mode == Mode::Off {
            return Self { mode, level: None };
        }
        let Some(report) = seen.or_broken(trial::report(), "sandbox", MORE) else {
            return Self { mode, level: None };
        };
        match (report.level.open(), mode) {
            (Some(why), Mode::Required) => {
                let what = format!("it is required, and it is not whole: {why}");
                let todo = "no model is loaded so; where the policy allows, `sandbox = \"best\"` in \
                            the settings file does with less";
                seen.broken("sandbox", what, todo);
            }
            (None, _) if !report.holds() => {
                seen.broken("sandbox", "what was given up is not gone".to_owned(), MORE);
            }
            _ => {}
        }
        Self { mode, level: Some(report.level) }
    }
}

/// What was set of the kernels: `load` is what the environment and the settings file say.
fn set(load: Option<&Load>) -> Vec<Set> {
    let variable = |name: &str| {
        let text = env::var_os(name)?.to_string_lossy().trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let of = |name: &'static str, key| if variable(name).is_some() { name } else { key };
    let isa = variable("INGLE_ISA").map(|value| Set { name: "INGLE_ISA", value });
    let mut all = Vec::from_iter(isa);
    let Some(load) = load else { return all };
    if let Some(threads) = load.threads {
        all.push(Set { name: of("INGLE_THREADS", "threads"), value: threads.to_string() });
    }
    if let Some(precision) = load.precision {
        all.push(Set { name: of("INGLE_PRECISION", "precision"), value: precision.to_string() });
    }
    if let Some(device) = load.device {
        all.push(Set { name: "device", value: device.to_string() });
    }
    all
}

/// As it is written for people.
fn shown<T: Display, S: Serializer>(it: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(it)
}

/// As `ingle doctor --airgap` tells it.
fn or_error<S: Serializer>(it: &Result<Option<Rules>, String>, to: S) -> Result<S::Ok, S::Error> {
    match it {
        Ok(policy) => policy.serialize(to),
        Err(error) => json!({ "error": error }).serialize(to),
    }
}
