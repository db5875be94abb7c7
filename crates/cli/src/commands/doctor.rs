//! `ingle doctor`: what this machine, this build and what is kept here are like, on one screen; and
//! what could be better, with what to do about it.
//!
//! `report` gathers it (what the machine is, in `crate::machine`; the rest here), `advice` judges
//! it, `page` shows it. `airgap` is a report of its own, for `--airgap`.

mod advice;
mod airgap;
#[cfg(test)]
mod fixture;
mod kept;
mod network;
mod page;
mod report;

use advice::Level;
pub(crate) use advice::of_power;
pub(crate) use page::wrap;
use report::Report;

use crate::{
    args::Doctor,
    failure::Failure,
    terminal::{self, harmless},
};

/// Columns where there is no terminal.
const WIDTH: usize = 80;

/// Prints it.
///
/// # Errors
///
/// If something is broken here, which was printed.
pub(crate) fn run(args: &Doctor) -> anyhow::Result<()> {
    if args.airgap {
        return airgap::run(args.json);
    }
    let report = Report::make();
    match args.json.on {
        true => super::print_json(&serde_json::to_value(&report)?)?,
        false => {
            let width = terminal::width().unwrap_or(WIDTH);
            super::print(&harmless(&page::page(&report, width)))?;
        }
    }
    let broken = report.findings.iter().filter(|it| it.level == Level::Broken);
    match broken.map(|it| it.what.as_str()).collect::<Vec<_>>() {
        broken if broken.is_empty() => Ok(()),
        broken => Err(Failure::new(format!("something is broken: {}", broken.join("; "))).into()),
    }
}
