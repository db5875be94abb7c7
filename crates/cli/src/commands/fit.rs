//! `ingle fit`: which models this machine can run, as what, how fast and at what cost, before anything
//! is fetched.
//!
//! `subject` finds what is asked about and its header, `known` the shapes of the catalogue's models;
//! `sizes` says what a header takes here, `found` as what it fits, `pace` how fast it will be, `verdict`
//! what follows from both; `table` with its `legend` and `screen` show it.

mod costs;
#[cfg(test)]
mod fixture;
mod found;
mod known;
mod legend;
mod pace;
mod screen;
pub(crate) mod sizes;
mod subject;
mod table;
mod verdict;

use std::{
    io::{self, IsTerminal},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use kernels::{
    Format,
    cpu::{Config, Cpu},
};
use serde_json::{Value, json};

use super::bench::conditions;
use crate::{
    args::{CacheType, Fit, Load},
    device,
    failure::Failure,
    forecast::{Kept, ago},
    machine::{Meter, Watch},
    memory, model,
    settings::Site,
    speed::{Effort, Speed},
    terminal::{self, put, tell},
};
use costs::Costs;
use found::Terms;
use table::Colours;
use verdict::{Candidate, Verdict};

/// Columns where there is no terminal.
const WIDTH: usize = 80;

/// Looks, measures and prints.
///
/// # Errors
///
/// If there is no such model, or this machine cannot compute as it is asked to.
pub(crate) fn run(args: Fit) -> anyhow::Result<()> {
    let site = Site::find()?;
    let Fit { ctx_size, threads, precision, cache_type, .. } = args;
    let asked = Load { ctx_size, threads, precision, cache_type, ..Load::default() };
    let load = site.under_load(asked)?;
    let mut warnings = Vec::from_iter(device::tell_of_crowd(load.threads));
    let config = device::config(&load)?;
    let terms = Terms {
        cpu: Arc::new(Cpu::new(config)?),
        context: load.ctx_size.map(Into::into),
        mix: args.quant,
        cache: load.cache_type.map(CacheType::format),
        free: memory::free(),
    };
    let subjects = match args.model.word.is_some() || args.model.model.is_some() {
        true => vec![subject::named(&model::alone(args.model, None)?, &args.hub)?],
        false => subject::catalogue(),
    };
    let candidates = Candidate::all(subjects, &terms);
    let mut kept = Kept::read(&site.home);
    let broken = kept.broken.as_ref();
    let broken = broken.map(|why| format!("what was measured before cannot be read: {why}"));
    warnings.extend(broken.map(warn));
    let speed = match args.no_measure {
        true => measured_before(&kept, config)?,
        false => Some(measure(config, &formats(&candidates))?),
    };
    if let Some(speed) = speed.as_ref().filter(|_| !args.no_measure) {
        warnings.extend(speed.warnings.iter().cloned());
        // Somebody else may have kept what they measured meanwhile.
        kept = Kept::read(&site.home);
        kept.take_in(speed.clone());
    }
    foretell(&mut kept, &candidates);
    let told = speed.as_ref().and_then(|it| it.power.as_ref()).filter(|_| args.watts.is_none());
    let costs = Costs {
        watts: args.watts.or(told.map(|it| it.watts)),
        source: told.map(|it| it.source.clone()),
        price: args.price,
        api_price: args.api_price,
    };
    warnings.extend(costs.warning().map(warn));
    if let Some(note) = costs.note(candidates.len(), &Meter::here()) {
        tell(format_args!("note: {note}"));
    }
    let judged = |it: Candidate| it.judged(speed.as_ref(), &terms, &costs);
    let mut verdicts: Vec<_> = candidates.into_iter().map(judged).collect();
    table::sort(&mut verdicts);
    match args.json.on {
        true => super::print_json(&as_json(&verdicts, speed.as_ref(), &warnings)?)?,
        false => show(&verdicts, speed.as_ref(), &terms)?,
    }
    sound(&verdicts)
}

/// Says a warning, and gives it for the results.
fn warn(warning: String) -> String {
    tell(format_args!("warning: {warning}"));
    warning
}

/// The weight formats of all candidates.
fn formats(candidates: &[Candidate]) -> Vec<Format> {
    let of: Vec<_> = candidates.iter().flat_map(Candidate::formats).collect();
    Format::ALL.iter().copied().filter(|it| of.contains(it)).collect()
}

/// The last measurement of this way to use the processor; says how old it is, or that there is none.
fn measured_before(kept: &Kept, config: Config) -> anyhow::Result<Option<Speed>> {
    let (processor, device) = Speed::owner(config)?;
    let speed = kept.speed(&processor, &device).cloned();
    match &speed {
        Some(speed) => {
            let some = speed.oldest.as_ref().map(|it| format!(", some of it {}", ago(it)));
            let some = some.unwrap_or_default();
            let doubt = speed.doubt().map(|it| format!("; {it}")).unwrap_or_default();
            tell(format_args!("note: measured {} ({}){some}{doubt}", ago(&speed.at), speed.at));
        }
        None => tell(format_args!(
            "note: nothing was measured yet with {device}, so that no speed is foretold; without \
             `--no-measure`, `ingle fit` measures"
        )),
    }
    Ok(speed)
}

/// Measures now, with a bar that says what; says what makes the figures doubtful.
fn measure(config: Config, formats: &[Format]) -> anyhow::Result<Speed> {
    let style = ProgressStyle::with_template("measuring {bar:30} {msg}");
    let effort = Effort::usual();
    let millis = |it: Duration| it.as_millis().try_into().unwrap_or(u64::MAX);
    let bar = ProgressBar::new(millis(effort.span))
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let begin = Instant::now();
    let watch = |what: &str| {
        bar.set_message(what.to_owned());
        bar.set_position(millis(begin.elapsed()));
    };
    let machine = Watch::here();
    let before = machine.note();
    let speed = Speed::measure(config, formats, effort, &watch);
    bar.finish_and_clear();
    let speed = speed.context("cannot measure how fast this machine is")?;
    let after = machine.note();
    let warnings = conditions::warnings(&before, &after).into_iter().map(warn).collect();
    let others_percent = conditions::others_percent(&before, &after);
    Ok(Speed { others_percent, warnings, ..speed })
}

/// Keeps what was measured and what it was measured for; a home that cannot be written is no failure.
fn foretell(kept: &mut Kept, candidates: &[Candidate]) {
    for (info, work) in candidates.iter().filter_map(Candidate::exact) {
        kept.foretell(info, work);
    }
    if let Err(error) = kept.write() {
        tell(format_args!("note: what was measured is not kept: {error:#}"));
    }
}

fn as_json(
    verdicts: &[Verdict],
    speed: Option<&Speed>,
    warnings: &[String],
) -> anyhow::Result<Value> {
    let models = serde_json::to_value(verdicts)?;
    Ok(json!({ "measured": speed, "models": models, "warnings": warnings }))
}

/// One model as a screen, several as a table.
fn show(verdicts: &[Verdict], speed: Option<&Speed>, terms: &Terms) -> anyhow::Result<()> {
    let width = terminal::width().unwrap_or(WIDTH);
    let colours = if terminal::is_styled() { Colours::On } else { Colours::Off };
    let [one] = verdicts else {
        let legend = legend::legend(verdicts, speed, terms, width);
        return print_styled(&format!("{}\n{legend}", table::table(verdicts, width, colours)));
    };
    print_styled(&screen::screen(one, speed, width, colours))
}

/// Whether what was asked about can be judged, as it was printed.
///
/// # Errors
///
/// If it is one model, and it cannot be.
fn sound(verdicts: &[Verdict]) -> anyhow::Result<()> {
    match verdicts {
        [Verdict { name, trouble: Some(why), .. }] => {
            Err(Failure::new(format!("`{name}` cannot be judged: {why}")).into())
        }
        _ => Ok(()),
    }
}

/// Writes what holds no characters that command a terminal but our own.
fn print_styled(text: &str) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() {
        return super::print(text);
    }
    Ok(put(text)?)
}
