//! What is said of each subject. What is not known is said to be `unknown`.

use kernels::cpu::Precision;

use crate::{
    args::Device,
    commands::doctor::{
        kept::Health,
        network::Network,
        report::{Kernels, Report},
    },
    machine::{Graphics, Kind, Machine, Memory, Power, Processor, Source},
    numbers::size,
};

/// What a subject is called, and what is said of it.
type Row = (&'static str, String);

/// All of them, in the order of the screen.
pub(super) fn rows(report: &Report) -> Vec<Row> {
    let Machine { processor, memory, load, power, graphics, .. } = &report.machine;
    let mut rows = vec![
        ("ingle", build(report)),
        ("system", system(report)),
        ("processor", processor_text(processor)),
        ("features", features(processor)),
    ];
    rows.extend(kernels(report.kernels.as_ref()));
    rows.extend([
        ("memory", memory_text(memory)),
        ("limits", limits(&report.machine)),
        ("load", load.map_or_else(unknown, |it| format!("{it:.1} threads in the last minute"))),
        ("power", power_text(power)),
        ("graphics", graphics_text(graphics)),
        ("library", report.library.as_ref().map_or_else(unknown, library)),
        ("network", network(&report.network)),
        ("sandbox", sandbox(report)),
        ("policy", policy(report)),
    ]);
    if !report.set.is_empty() {
        let set = report.set.iter().map(|it| format!("{}={}", it.name, it.value));
        rows.push(("settings", set.collect::<Vec<_>>().join(", ")));
    }
    rows
}

fn build(report: &Report) -> String {
    let it = &report.build;
    let kind = if it.debug { "debug" } else { "release" };
    let features = match it.features.as_slice() {
        [] => "no features".to_owned(),
        some => some.join(" and "),
    };
    format!("{} ({}), {kind} build with {features}", it.version, it.commit)
}

fn system(report: &Report) -> String {
    let system = &report.machine.system;
    let name = system.name.clone().unwrap_or_else(|| report.build.os.to_owned());
    let kernel = system.kernel.as_ref().map(|it| format!("kernel {it}"));
    joined(", ", [Some(name), kernel, Some(report.build.arch.to_owned())])
}

fn processor_text(processor: &Processor) -> String {
    let speed = |mhz: Option<u64>| mhz.map(|it| format!("to {:.1} GHz", it as f64 / 1000.0));
    let cores = match processor.kinds.as_slice() {
        [] => None,
        [one] => {
            let threads = processor.threads.filter(|&it| it != one.cores);
            let threads = threads.map(|it| format!("{it} hardware threads"));
            Some(joined(", ", [Some(counted(one.cores, "core")), threads, speed(one.max_mhz)]))
        }
        some => {
            let kind = |it: &Kind| {
                let pace = if it.slow { "slow" } else { "fast" };
                let which =
                    joined(", ", [Some(format!("threads {}", it.threads)), speed(it.max_mhz)]);
                format!("{} {pace} ({which})", it.cores)
            };
            let kinds: Vec<_> = some.iter().map(kind).collect();
            Some(format!("{} cores: {}", processor.cores().unwrap_or_default(), kinds.join(", ")))
        }
    };
    match (&processor.model, cores) {
        (None, None) => unknown(),
        (model, cores) => joined("; ", [model.clone(), cores]),
    }
}

fn features(processor: &Processor) -> String {
    let unused = &processor.unused;
    let unused = (!unused.is_empty()).then(|| format!("not used: {}", unused.join(" ")));
    let used = (!processor.features.is_empty()).then(|| processor.features.join(" "));
    or_unknown(joined("; ", [used, unused]))
}

fn kernels(kernels: Option<&Kernels>) -> Vec<Row> {
    let Some(kernels) = kernels else { return vec![("kernels", unknown())] };
    if kernels.device == Device::Reference {
        return vec![("kernels", "plain loops in f64, one thread".to_owned())];
    }
    let Kernels { isa, precision, threads, .. } = kernels;
    let threads = counted(*threads, "thread");
    let mut rows = vec![("kernels", format!("{isa}, {precision}, {threads}"))];
    let all: usize = kernels.formats.iter().map(|it| it.formats.len()).sum();
    rows.extend(kernels.formats.iter().map(|it| {
        let label = match it.precision {
            Precision::Fast => "  8 bits",
            Precision::Exact => "  floats",
        };
        (label, format!("{}: {}", it.isa, named(&it.formats, all)))
    }));
    rows
}

/// Names of formats, or what most of `all` there are have in common: that the rows beside name the others.
fn named(formats: &[&str], all: usize) -> String {
    match formats.len() {
        n if n == all => "all formats".to_owned(),
        n if 2 * n > all => "all others".to_owned(),
        _ => short(formats),
    }
}

/// Names of formats, sorted, what they begin with said once: `Q4_0/1/K Q8_0`.
fn short(formats: &[&str]) -> String {
    let mut sorted = formats.to_vec();
    sorted.sort_unstable();
    let mut text = String::new();
    let mut before = None;
    for name in sorted {
        let (stem, end) = name.split_once('_').unwrap_or((name, ""));
        match before == Some(stem) && !end.is_empty() {
            true => text += &format!("/{end}"),
            false => text += &format!("{}{name}", if text.is_empty() { "" } else { " " }),
        }
        before = Some(stem);
    }
    text
}

fn memory_text(memory: &Memory) -> String {
    let all = memory.total.map(|it| match memory.free {
        Some(free) => format!("{}, {} free", size(it), size(free)),
        None => size(it),
    });
    let swap = memory.swap.map(|it| match (it, memory.swap_used) {
        (0, _) => "no swap".to_owned(),
        (_, None) => format!("swap {}", size(it)),
        (_, Some(used)) => format!("swap {}, {} used", size(it), size(used)),
    });
    let pages = memory.huge_pages.as_ref().map(|it| format!("huge pages: {it}"));
    let reserved = memory.huge_reserved.filter(|&it| it > 0);
    let reserved = reserved.map(|it| format!("{} of them set aside", size(it)));
    let locked = memory.lock_limit.map(|it| format!("{} can be locked", size(it)));
    or_unknown(joined("; ", [all, swap, pages, reserved, locked]))
}

fn limits(machine: &Machine) -> String {
    let Processor { allowed, threads, quota, .. } = &machine.processor;
    let memory = machine.memory.limit.map(|it| format!("{} of memory", size(it)));
    let quota = quota.map(|it| format!("the time of {it:.1} cores"));
    let allowed = allowed.zip(*threads).filter(|it| it.0 < it.1);
    let allowed = allowed.map(|(some, all)| format!("{some} of {all} hardware threads"));
    match joined(", ", [memory, quota, allowed]) {
        none if none.is_empty() => "none found".to_owned(),
        some => some,
    }
}

fn power_text(power: &Power) -> String {
    let battery = power.battery.map_or_else(String::new, |it| format!(" ({it} %)"));
    let source = power.source.map(|it| match it {
        Source::Mains => "mains".to_owned(),
        Source::Battery => format!("battery{battery}"),
    });
    let governor = (!power.governors.is_empty()).then(|| {
        let by = joined(", ", [power.driver.clone(), power.preference.clone()]);
        let by = if by.is_empty() { by } else { format!(" ({by})") };
        format!("governor {}{by}", power.governors.join(" and "))
    });
    let boost = power.boost.map(|it| format!("boost {}", if it { "on" } else { "off" }));
    let profile = power.profile.as_ref().map(|it| format!("profile {it}"));
    or_unknown(joined("; ", [source, governor, boost, profile]))
}

fn graphics_text(graphics: &[Graphics]) -> String {
    if graphics.is_empty() {
        return "none found".to_owned();
    }
    let one = |it: &Graphics| {
        let about = joined(", ", [it.driver.clone(), it.memory.map(size)]);
        if about.is_empty() { it.name.clone() } else { format!("{} ({about})", it.name) }
    };
    let all: Vec<_> = graphics.iter().map(one).collect();
    format!("{}: found, and not used", all.join(", "))
}

fn library(health: &Health) -> String {
    let some = |n: usize, what: &str| (n > 0).then(|| format!("{n} {what}"));
    let disk = health.disk.map(|it| format!("{} of {} free", size(it.free), size(it.total)));
    let models = format!("{}, {}", counted(health.models, "model"), size(health.bytes));
    let parts = [
        Some(format!("{models} in `{}`", health.folder)),
        some(health.adopted, "in place"),
        some(health.unverified, "to be verified when loaded"),
        some(health.unfinished.len(), "not complete"),
        disk,
    ];
    joined("; ", parts)
}

fn network(network: &Network) -> String {
    if !network.linked {
        return "no network code is linked".to_owned();
    }
    let hubs = network.hubs.join(", ");
    let token = if network.token { " with a token" } else { "" };
    let hub = match network.offline {
        Some(by) => format!("offline, because of {by}"),
        None => format!(
            "`pull`, `show` and `fit org/repo` ask {hubs}{token}; `bench --url` asks what it names"
        ),
    };
    let proxies = network.proxies.iter().map(|(name, value)| Some(format!("{name}={value}")));
    let certificates = network.certificates.as_ref().map(|it| format!("certificates {it}"));
    joined("; ", [Some(hub)].into_iter().chain(proxies).chain([certificates]))
}

fn sandbox(report: &Report) -> String {
    let sandbox = &report.sandbox;
    match &sandbox.level {
        None => sandbox.mode.to_string(),
        Some(level) => {
            let level = level.to_string();
            format!("{}: {}", sandbox.mode, level.strip_prefix("sandbox: ").unwrap_or(&level))
        }
    }
}

fn policy(report: &Report) -> String {
    let policy = match &report.policy {
        Err(_) => unknown(),
        Ok(None) => "none, every model is allowed".to_owned(),
        Ok(Some(it)) => {
            let rules = counted(it.rules, "rule");
            format!("`{}`, {}, {rules}, otherwise {}", it.path, it.signed, it.default)
        }
    };
    let audit = match &report.audit {
        None => unknown(),
        Some(it) if it.on => format!("kept, {} entries", it.entries),
        Some(_) => "not kept".to_owned(),
    };
    format!("{policy}; audit log {audit}")
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn or_unknown(text: String) -> String {
    if text.is_empty() { unknown() } else { text }
}

/// `1 core`, `2 cores`.
fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn joined(between: &str, parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts = parts.into_iter().flatten().filter(|it| !it.is_empty());
    parts.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_say_what_they_begin_with_once() {
        assert_eq!(
            short(&["Q8_0", "Q4_1", "F16", "Q4_0", "Q4_K", "BF16"]),
            "BF16 F16 Q4_0/1/K Q8_0"
        );
        assert_eq!(short(&["IQ4_NL", "IQ4_XS"]), "IQ4_NL/XS");
        assert_eq!(short(&[]), "");
    }

    #[test]
    fn most_formats_are_all_others() {
        let formats = ["Q8_0", "F16", "Q4_K"];
        assert_eq!(named(&formats, 6), "F16 Q4_K Q8_0");
        assert_eq!(named(&formats, 5), "all others");
        assert_eq!(named(&formats, 3), "all formats");
    }
}
