//! `ingle bench`: tokens a second of prompts (`pp512`) and of generation (`tg128`).
//!
//! `measure` runs a test, `table` prints results in llama-bench's forms and field names.

mod measure;
mod table;

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    args::{Bench, Device, Form},
    device,
    failure::Failure,
    model,
    numbers::grouped,
    sandbox::Plan,
    settings::Site,
    terminal::{Interrupts, tell},
};
use measure::{Rig, Test};
use table::{Row, Subject};

/// Measures and prints.
pub(crate) fn run(args: Bench) -> anyhow::Result<()> {
    let site = Site::find()?;
    let tests = tests(&args)?;
    let form = match (args.json.on, args.output) {
        (true, None) => Form::Json,
        (true, Some(Form::Md | Form::Csv)) => {
            let failure = Failure::usage("`--json` contradicts `-o md` and `-o csv`");
            return Err(failure.hint("leave one of them out").into());
        }
        (_, form) => form.unwrap_or(Form::Md),
    };
    let load = site.under_load(args.load)?;
    let name = model::alone(args.model, site.model.as_deref())?;
    let file = model::open_for(&name, &load)?.file;
    let needed = tests.iter().map(Test::tokens).collect::<Option<Vec<_>>>();
    let needed = needed.and_then(|it| it.into_iter().max()).ok_or_else(|| {
        Failure::usage("no context holds so many tokens").hint("give less to `-p`, `-n` or `-d`")
    })?;
    let asked = args.sandbox.or(site.confine.sandbox).unwrap_or_default();
    let plan = Plan::without_files(asked)?;
    let level = plan.enter(&file.path)?;
    if let Some(warning) = plan.warning(level) {
        tell(format_args!("warning: {warning}"));
    }
    Interrupts::install()?;
    let mut rig = Rig::load(&name, &file, &load, needed)?;
    warn_of_context(rig.info());
    let threads = match load.device.unwrap_or_default() {
        Device::Reference => 1,
        Device::Auto | Device::Cpu => device::config(&load)?.threads,
    };
    let subject = Subject::of(&name, &file, rig.info(), threads);

    let bar = progress(tests.len() * (args.repetitions.get() + 1));
    let mut rows = Vec::new();
    for test in tests {
        bar.set_message(test.label());
        rig.warm_up(&test)?;
        bar.inc(1);
        let started: DateTime<Utc> = SystemTime::now().into();
        let mut samples = Vec::new();
        for _ in 0..args.repetitions.get() {
            samples.push(rig.measure(&test)?);
            bar.inc(1);
        }
        let time = started.to_rfc3339_opts(SecondsFormat::Secs, true);
        let row = Row::new(&subject, test, &samples, time);
        if form == Form::Jsonl {
            super::print(&row.line())?;
        }
        rows.push(row);
    }
    bar.finish_and_clear();
    super::print(&table::text(&rows, form))
}

/// Each prompt and each generation at each depth.
fn tests(args: &Bench) -> anyhow::Result<Vec<Test>> {
    let mut tests = Vec::new();
    for &depth in &args.n_depth {
        let some = |all: &[usize]| all.iter().copied().filter(|&n| n > 0).collect::<Vec<_>>();
        tests.extend(some(&args.n_prompt).into_iter().map(|n| Test::Prompt { n, depth }));
        tests.extend(some(&args.n_gen).into_iter().map(|n| Test::Generate { n, depth }));
    }
    match tests.is_empty() {
        true => Err(Failure::usage("nothing to measure: `-p` and `-n` are both 0").into()),
        false => Ok(tests),
    }
}

fn warn_of_context(info: &engine::Info) {
    let (context, most) = (info.context as u64, info.model_context as u64);
    if context > most {
        tell(format_args!(
            "warning: a context of {} tokens; the model was made for {}, beyond them it may write \
             nonsense",
            grouped(context),
            grouped(most)
        ));
    }
}

fn progress(n: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    ProgressBar::new(n as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
