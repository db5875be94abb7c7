//! `ingle bench`: tokens a second of prompts (`pp512`) and of generation (`tg128`).
//!
//! `measure` runs a test, `table` prints results in llama-bench's forms and field names, `plot` draws
//! them. `synthetic` makes weights of a shape in the place of a model, `server` measures one that is
//! reached by HTTP.

mod measure;
mod plot;
mod server;
mod synthetic;
mod table;

use std::{path::Path, time::SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    args::{Bench, Counts, Device, Form, Load},
    device,
    failure::Failure,
    model,
    numbers::grouped,
    output,
    sandbox::Plan,
    settings::Site,
    terminal::{Interrupts, tell},
};
use measure::{Rig, Test};
use plot::Plot;
use synthetic::{Draft, Scale};
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
    let plot = Plot::asked(&args)?;
    if args.instead.url.is_some() {
        let rows = server::run(&args, tests, form)?;
        return print(&rows, form, plot);
    }
    let load = site.under_load(args.load)?;
    let draft = args.instead.shape.as_ref().map(Draft::new).transpose()?;
    let (name, opened) = match &draft {
        Some(draft) => (draft.name.clone(), None),
        None => {
            let name = model::alone(args.model, site.model.as_deref())?;
            let file = model::open_for(&name, &load)?.file;
            (name, Some(file))
        }
    };
    let needed = tests.iter().map(Test::tokens).collect::<Option<Vec<_>>>();
    let needed = needed.map(|it| it.into_iter().max().unwrap_or(0)).ok_or_else(|| {
        Failure::usage("no context holds so many tokens").hint("give less to `-p`, `-n` or `-d`")
    })?;
    let asked = args.sandbox.or(site.confine.sandbox).unwrap_or_default();
    let mut plan = Plan::without_files(asked)?;
    plan.write.extend(args.written.paths().map(|it| output::folder(it).to_owned()));
    plan.enter(opened.as_ref().map_or(Path::new(&name), |it| it.path.as_path()))?;
    Interrupts::install()?;
    if let (Some(draft), Some(path)) = (&draft, &args.written.write) {
        draft.write(path)?;
    }
    if tests.is_empty() {
        return Ok(());
    }
    let context = load.ctx_size.map_or(needed, Into::into);
    let threads = device::threads(None)?;
    let synthetic = draft.map(|it| it.make(context, threads, &load.override_kv)).transpose()?;
    let made = synthetic.as_ref().map(|it| &it.file);
    let file = opened.as_ref().or(made).expect("it was opened or made");

    let loads = by_threads(&load, &args.counts);
    let n_runs = loads.len() * tests.len() * (args.repetitions.get() + 1);
    let how = How {
        tests: &tests,
        repetitions: args.repetitions.get(),
        form,
        bar: progress(n_runs),
        scale: synthetic.as_ref().map(|it| it.scale),
    };
    let mut rows = Vec::new();
    for load in &loads {
        let mut rig = Rig::load(&name, file, load, needed)?;
        if rows.is_empty() {
            warn_of_context(rig.info());
        }
        let threads = match load.device.unwrap_or_default() {
            Device::Reference => 1,
            Device::Auto | Device::Cpu => device::config(load)?.threads,
        };
        let subject = match &synthetic {
            Some(it) => Subject::of(&name, file, &it.info(rig.info()), threads).made(it.made),
            None => Subject::of(&name, file, rig.info(), threads),
        };
        rows.extend(how.measure(&mut rig, &subject)?);
    }
    how.bar.finish_and_clear();
    print(&rows, form, plot)
}

/// How each model is measured.
struct How<'a> {
    tests: &'a [Test],
    repetitions: usize,
    form: Form,
    bar: ProgressBar,
    /// Where not all of a model is there, times are scaled.
    scale: Option<Scale>,
}

impl How<'_> {
    fn measure(&self, rig: &mut Rig, subject: &Subject) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for &test in self.tests {
            self.bar.set_message(test.label());
            rig.warm_up(&test)?;
            self.bar.inc(1);
            let started: DateTime<Utc> = SystemTime::now().into();
            let mut samples = Vec::new();
            for _ in 0..self.repetitions {
                let sample = rig.measure(&test)?;
                samples.push(self.scale.map_or(sample, |it| it.whole(test, sample)));
                self.bar.inc(1);
            }
            let time = started.to_rfc3339_opts(SecondsFormat::Secs, true);
            let row = Row::new(subject, test, &samples, time);
            if self.form == Form::Jsonl {
                super::print(&row.line())?;
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

/// The table, and the picture where one is asked for.
fn print(rows: &[Row], form: Form, plot: Option<Plot>) -> anyhow::Result<()> {
    super::print(&table::text(rows, form))?;
    plot.map_or(Ok(()), |it| it.write(rows))
}

/// The same for each number of threads.
fn by_threads(load: &Load, counts: &Counts) -> Vec<Load> {
    if counts.0.is_empty() {
        return vec![load.clone()];
    }
    device::tell_of_crowd(counts.0.iter().max().copied());
    counts.0.iter().map(|&it| Load { threads: Some(it), ..load.clone() }).collect()
}

/// Each prompt and each generation at each depth.
fn tests(args: &Bench) -> anyhow::Result<Vec<Test>> {
    let mut tests = Vec::new();
    for &depth in &args.n_depth {
        let some = |all: &[usize]| all.iter().copied().filter(|&n| n > 0).collect::<Vec<_>>();
        tests.extend(some(&args.n_prompt).into_iter().map(|n| Test::Prompt { n, depth }));
        tests.extend(some(&args.n_gen).into_iter().map(|n| Test::Generate { n, depth }));
    }
    match tests.is_empty() && args.written.write.is_none() {
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
