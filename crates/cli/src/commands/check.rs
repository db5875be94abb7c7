//! `ingle check`: whether a model is computed right on this machine, from what is in this binary.
//!
//! What is compared and how is in the crate `check`; here it is told.

use check::{Finding, How, Machine, Verdict};
use engine::{Engine, Options};
use indicatif::{ProgressBar, ProgressStyle};
use loader::ModelFile;
use serde_json::json;

use crate::{
    args::{Check, Device, Load},
    device,
    failure::Failure,
    memory,
    model::{self, Opened},
    sandbox,
    settings::Site,
    terminal::harmless,
};

/// Tokens of context of the engine that says whether the model can be loaded.
const CONTEXT: usize = 16;

/// Checks and prints; fails if a check did.
pub(crate) fn run(args: Check) -> anyhow::Result<()> {
    let site = Site::find()?;
    let name = model::alone(args.model, site.model.as_deref())?;
    let asked = Load {
        threads: args.threads,
        device: args.device,
        override_kv: args.override_kv,
        no_mmap: args.no_mmap,
        ..Load::default()
    };
    // Both precisions are checked.
    let load = Load { precision: None, ..site.under_load(asked)? };
    let Opened { file, said, .. } = model::open_for(&name, &load)?;
    sandbox::enter_if_required(&file.path, Vec::new(), Vec::new())?;
    can_be_loaded(&name, &file, &load)?;
    let machine = machine(&load)?;
    let how = How { machine, free_memory: memory::free(), full: args.full };
    let findings = match args.json.on {
        true => silently(&file, &how),
        false => aloud(&file, &how, &format!("{name}: {} on {machine}", file.architecture()))?,
    };
    file.check_intact()?;
    if args.json.on {
        let mut told = as_json(&name, &file, machine, &findings)?;
        told["warnings"] = said.into();
        super::print_json(&told)?;
    }
    verdict(&findings)
}

/// An error in the usual words if it cannot.
fn can_be_loaded(name: &str, file: &ModelFile, load: &Load) -> anyhow::Result<()> {
    let options = Options { ctx_size: Some(CONTEXT), chunk: CONTEXT, ..Options::default() };
    let engine = Engine::load_ids_only(file, device::backend(load)?, &options);
    engine.map(drop).map_err(|error| device::refused(name, load, error))
}

fn machine(load: &Load) -> anyhow::Result<Machine> {
    Ok(match load.device.unwrap_or_default() {
        Device::Auto | Device::Cpu => Machine::Cpu(device::config(load)?),
        Device::Reference => Machine::Reference,
    })
}

fn silently(file: &ModelFile, how: &How) -> Vec<Finding> {
    let mut findings = Vec::new();
    check::check(file, how, &mut |it| findings.push(it));
    findings
}

/// Prints each finding when it is made, and how many there were of each kind.
fn aloud(file: &ModelFile, how: &How, title: &str) -> anyhow::Result<Vec<Finding>> {
    super::print(&format!("{title}\n"))?;
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let (mut findings, mut printed) = (Vec::new(), Ok(()));
    check::check(file, how, &mut |it| {
        if printed.is_ok() {
            printed = bar.suspend(|| super::print(&harmless(&line(&it))));
        }
        findings.push(it);
    });
    bar.finish_and_clear();
    printed?;
    super::print(&format!("{}\n", summary(&findings)))?;
    Ok(findings)
}

fn line(it: &Finding) -> String {
    let Finding { part, name, verdict, detail, .. } = it;
    let numbers = match (it.worst, it.allowed) {
        (Some(worst), Some(allowed)) => format!(": off by {worst:.1e}, {allowed:.0e} allowed"),
        _ => String::new(),
    };
    format!("{part:<9} {name:<22} {verdict:<9}  {detail}{numbers}\n")
}

/// `12 ok, 1 not known, 1 skipped`.
fn summary(findings: &[Finding]) -> String {
    let all = [Verdict::Ok, Verdict::Failed, Verdict::NotKnown, Verdict::Skipped];
    let counts = all.map(|verdict| (count(findings, verdict), verdict));
    let some = counts.iter().filter(|it| it.0 > 0).map(|(n, verdict)| format!("{n} {verdict}"));
    some.collect::<Vec<_>>().join(", ")
}

fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings.iter().filter(|it| it.verdict == verdict).count()
}

fn as_json(
    name: &str,
    file: &ModelFile,
    machine: Machine,
    findings: &[Finding],
) -> anyhow::Result<serde_json::Value> {
    Ok(json!({
        "model": name,
        "architecture": file.architecture(),
        "device": machine.to_string(),
        "reference": check::REFERENCE,
        "checks": serde_json::to_value(findings)?,
        "ok": count(findings, Verdict::Ok),
        "failed": count(findings, Verdict::Failed),
        "not_known": count(findings, Verdict::NotKnown),
        "skipped": count(findings, Verdict::Skipped),
    }))
}

fn verdict(findings: &[Finding]) -> anyhow::Result<()> {
    let failed: Vec<_> = findings.iter().filter(|it| it.verdict == Verdict::Failed).collect();
    let hint = match failed.first().map(|it| it.part) {
        None => return Ok(()),
        Some(check::Part::Logits | check::Part::Kernels | check::Part::Model) => {
            "with `INGLE_ISA=scalar` the plainest kernels run; if they pass, report the others with \
             the output of `ingle check --json`"
        }
        Some(check::Part::Tokens | check::Part::Template) => {
            "the file may have been converted wrongly; get it from another source, or report it with \
             the output of `ingle check --json`"
        }
    };
    let message = format!("{} of {} checks failed", failed.len(), findings.len());
    Err(Failure::new(message).hint(hint).into())
}

#[cfg(test)]
mod tests {
    use check::Part;

    use super::*;

    fn finding(part: Part, verdict: Verdict, worst: Option<f64>) -> Finding {
        let (name, detail) = ("llama2 exact".to_owned(), "32 logits".to_owned());
        Finding { part, name, verdict, detail, worst, allowed: worst.map(|_| 5e-4) }
    }

    #[test]
    fn failures_are_told_and_counted() {
        let bad = finding(Part::Logits, Verdict::Failed, Some(1.5));
        assert_eq!(
            line(&bad),
            "logits    llama2 exact           FAILED     32 logits: off by 1.5e0, 5e-4 allowed\n"
        );
        let all = [finding(Part::Tokens, Verdict::NotKnown, None), bad];
        assert_eq!(summary(&all), "1 FAILED, 1 not known");
        let error = verdict(&all).unwrap_err();
        let told = crate::failure::text(&error);
        assert!(told.starts_with("error: 1 of 2 checks failed\n\nhint: with `INGLE_ISA"), "{told}");
        assert!(verdict(&all[..1]).is_ok());
    }
}
