//! What is broken, what could be better, and what to do about it.

use kernels::cpu::Isa;
use serde::Serialize;

use super::{kept::Health, report::Report};
use crate::{
    args::Device,
    failure,
    machine::{Power, Source},
    numbers::size,
    sandbox::Mode,
};

/// Less free room on a disk than this many bytes, and than a twentieth of it, is little.
const LITTLE: u64 = 10 << 30;

/// Something that is not as it could be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// Of what.
    pub(super) about: &'static str,
    pub(super) what: String,
    /// What to do about it.
    pub(super) todo: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Something does not work.
    Broken,
    /// It works, and could be faster or have more room.
    Warning,
}

/// What was seen to be broken so far.
#[derive(Debug, Default)]
pub(super) struct Seen(pub(super) Vec<Finding>);

impl Seen {
    /// `what` is broken.
    pub(super) fn broken(&mut self, about: &'static str, what: String, todo: &str) {
        self.0.push(Finding { level: Level::Broken, about, what, todo: todo.to_owned() });
    }

    /// Why nothing is known of this: what is broken of it, or else what was first.
    pub(super) fn why(&self, about: &str) -> String {
        let own = self.0.iter().rfind(|it| it.about == about);
        own.or(self.0.first()).map_or_else(String::new, |it| it.what.clone())
    }

    /// What there is; an error is broken. `todo` is what to do where the error does not know.
    pub(super) fn or_broken<T, E: Into<anyhow::Error>>(
        &mut self,
        found: Result<T, E>,
        about: &'static str,
        todo: &str,
    ) -> Option<T> {
        found
            .map_err(|error| {
                let error: anyhow::Error = error.into();
                let hint = failure::hint_of(&error);
                self.broken(about, format!("{error:#}"), hint.as_deref().unwrap_or(todo));
            })
            .ok()
    }
}

/// What could be better.
pub(super) fn warnings(report: &Report) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut warn = |about, what: String, todo: &str| {
        all.push(Finding { level: Level::Warning, about, what, todo: todo.to_owned() });
    };
    of_kernels(report, &mut warn);
    of_processor(report, &mut warn);
    of_power(&report.machine.power, &mut warn);
    of_memory(report, &mut warn);
    if let Some(library) = &report.library {
        of_library(library, &mut warn);
    }
    of_sandbox(report, &mut warn);
    all
}

/// Takes what a warning is about, what it says, and what to do.
type Warn<'a> = &'a mut dyn FnMut(&'static str, String, &str);

fn of_kernels(report: &Report, warn: Warn<'_>) {
    if report.build.debug {
        let what = "this is a debug build, which is slower";
        warn("build", what.to_owned(), "build it with `cargo build --release`");
    }
    let Some(kernels) = &report.kernels else { return };
    let best = kernels.best.to_string();
    if kernels.best == Isa::Scalar {
        let what = match report.build.arch {
            "x86_64" => "the processor has no AVX2 with FMA and F16C",
            _ => "the processor has no instructions that there are kernels for",
        };
        let todo = "a virtual machine may hide them: let it have the host's processor; else small \
                    models are best";
        warn("kernels", format!("{what}: portable kernels run, which are much slower"), todo);
    }
    for set in &report.set {
        let (name, value) = (set.name, set.value.as_str());
        let what = match name {
            "INGLE_ISA" if value.trim() == best => continue,
            "INGLE_ISA" => format!("INGLE_ISA={value} pins slower kernels: `{best}` would run"),
            "INGLE_THREADS" | "threads" if kernels.threads != kernels.cores => {
                let s = if kernels.cores == 1 { "" } else { "s" };
                let cores = kernels.cores;
                format!("`{name}` pins {value} threads, where {cores} core{s} may be used")
            }
            "INGLE_PRECISION" | "precision" if value == "exact" => {
                format!("`{name}` asks for exact kernels, which are slower")
            }
            "device" if kernels.device == Device::Reference => {
                "`device` asks for the reference, which is slow and for bug reports".to_owned()
            }
            _ => continue,
        };
        let todo = match name.starts_with("INGLE_") {
            true => format!("unset {name}, unless you compare"),
            false => format!("take `{name}` out of the settings file, unless you compare"),
        };
        warn("kernels", what, &todo);
    }
}

fn of_processor(report: &Report, warn: Warn<'_>) {
    let processor = &report.machine.processor;
    let Some(threads) = processor.threads else { return };
    let cores = processor.cores().unwrap_or(threads);
    if let Some(allowed) = processor.allowed.filter(|&it| it < threads) {
        let what = format!("this process may run on {allowed} of {threads} hardware threads");
        warn(
            "processor",
            what,
            "start it without `taskset`, or give the container more (`--cpuset-cpus`)",
        );
    }
    if let Some(quota) = processor.quota.filter(|&it| it < cores as f64) {
        let what = format!("a control group gives the time of {quota:.1} of {cores} cores");
        warn("processor", what, "raise `docker run --cpus`, or CPUQuota= of the service");
    }
    if let Some(load) = report.machine.load.filter(|&it| it >= cores as f64) {
        let s = if cores == 1 { "" } else { "s" };
        let what = format!("{load:.1} threads wanted {cores} core{s} in the last minute");
        warn(
            "load",
            what,
            "end what you do not need: answers are slower, and so is what is measured",
        );
    }
}

/// What of the machine's power makes it slower than it could be.
pub(crate) fn of_power(power: &Power, warn: Warn<'_>) {
    if power.source == Some(Source::Battery) {
        let what = "it runs on battery, where most machines are slower";
        warn("power", what.to_owned(), "plug it in");
    }
    let governor = power.governors.iter().find(|it| *it == "powersave" || *it == "conservative");
    let driver = power.driver.as_deref().unwrap_or_default();
    // These choose frequencies themselves, by the preference; their `powersave` is the usual one.
    let chooses = driver.starts_with("intel_pstate") || driver.starts_with("amd-pstate-epp");
    match (&power.preference, governor) {
        (Some(preference), _) if preference == "power" || preference == "balance_power" => {
            let what = format!("the processor is to save power (its preference is `{preference}`)");
            warn("power", what, "`powerprofilesctl set performance`");
        }
        (_, Some(governor)) if !chooses => {
            let what = format!("the governor `{governor}` keeps frequencies low");
            warn("power", what, "`sudo cpupower frequency-set -g performance`");
        }
        _ => {}
    }
    if power.profile.as_deref() == Some("low-power") {
        let what = "the firmware's profile is `low-power`";
        warn("power", what.to_owned(), "`powerprofilesctl set performance`");
    }
    if power.boost == Some(false) {
        let what = "frequencies above the nominal one are switched off";
        // `intel_cpufreq` is the same driver, where a governor decides.
        let todo = match driver.starts_with("intel_pstate") || driver == "intel_cpufreq" {
            true => "as root, write 0 to /sys/devices/system/cpu/intel_pstate/no_turbo",
            false => "as root, write 1 to /sys/devices/system/cpu/cpufreq/boost",
        };
        warn("power", what.to_owned(), todo);
    }
}

fn of_memory(report: &Report, warn: Warn<'_>) {
    let memory = &report.machine.memory;
    if let (Some(limit), Some(total)) = (memory.limit, memory.total) {
        let what = format!("a control group gives {} of {}", size(limit), size(total));
        warn("memory", what, "raise `docker run --memory`, or MemoryMax= of the service");
    }
    let used = memory.swap_used.unwrap_or(0);
    if memory.total.is_some_and(|total| used > total / 20) {
        let what = format!("{} are swapped out: weights that are would be slow", size(used));
        warn("memory", what, "end what you do not need, or choose a smaller model");
    }
}

fn of_library(library: &Health, warn: Warn<'_>) {
    if let Some(disk) = library.disk.filter(|it| it.free < LITTLE.min(it.total / 20)) {
        let what = format!(
            "its disk is nearly full: {} of {} are free",
            size(disk.free),
            size(disk.total)
        );
        warn("library", what, "`ingle rm MODEL` frees some; INGLE_HOME can lie on another disk");
    }
    let unfinished = &library.unfinished;
    if let Some(first) = unfinished.first() {
        let name = &first.name;
        let bytes = size(unfinished.iter().map(|it| it.bytes).sum());
        let what = match unfinished.len() {
            1 => format!("`{name}` is not complete, {bytes} so far"),
            n => format!("{n} models are not complete, {bytes} so far: `{name}` is one"),
        };
        let todo = format!(
            "the command that began it goes on when it is said again; `ingle rm {name}` gives it up"
        );
        warn("library", what, &todo);
    }
}

fn of_sandbox(report: &Report, warn: Warn<'_>) {
    let sandbox = &report.sandbox;
    if sandbox.mode == Mode::Off {
        let what = "it is switched off: a process with a model keeps its rights";
        warn("sandbox", what.to_owned(), "take `sandbox` out of the settings file");
        return;
    }
    // Where it is required, that is broken.
    if sandbox.mode == Mode::Best
        && report.build.os == "linux"
        && let Some(why) = sandbox.level.as_ref().and_then(crate::sandbox::Level::open)
    {
        warn(
            "sandbox",
            why,
            "Linux 6.2 with Landlock and seccomp, outside a container, has all of it",
        );
    }
}

#[cfg(test)]
mod tests;
