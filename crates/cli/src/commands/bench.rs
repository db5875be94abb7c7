//! `ingle bench`: tokens a second of prompts (`pp512`) and of generation (`tg128`).
//!
//! `measure` runs a test, `session` all of them, with what the machine does meanwhile
//! (`conditions`, `roofline`); `table` prints results in llama-bench's forms and field names, `under`
//! what stands below. `identity` says which results are comparable, and `compare` compares them;
//! `foretold` holds them beside what `ingle fit` said.

mod compare;
mod conditions;
mod foretold;
mod identity;
mod measure;
mod roofline;
mod session;
mod table;
mod under;

use crate::{
    args::{Bench, BenchVerb, Device, Form, Load},
    device,
    failure::Failure,
    model,
    numbers::grouped,
    sandbox::Plan,
    settings::Site,
    terminal::{Interrupts, tell},
};
use measure::{Rig, Test};
use session::{Instruments, Session};
use table::Subject;

/// Measures and prints, or compares what was printed.
pub(crate) fn run(args: Bench) -> anyhow::Result<()> {
    match &args.verb {
        Some(BenchVerb::Compare(files)) => compare::run(files),
        None => measured(args),
    }
}

fn measured(args: Bench) -> anyhow::Result<()> {
    let site = Site::find()?;
    let tests = tests(&args)?;
    let form = form(&args)?;
    let load = site.under_load(args.load)?;
    let name = model::alone(args.model, site.model.as_deref())?;
    let file = model::open_for(&name, &load)?.file;
    let foretold = foretold::Foretold::read(&site.home);
    let needed = tests.iter().map(Test::tokens).collect::<Option<Vec<_>>>();
    let needed = needed.and_then(|it| it.into_iter().max()).ok_or_else(|| {
        Failure::usage("no context holds so many tokens").hint("give less to `-p`, `-n` or `-d`")
    })?;
    let asked = args.sandbox.or(site.confine.sandbox).unwrap_or_default();
    let plan = Plan::without_files(asked)?;
    // What tells of the machine is opened before: this process may open little of it then.
    let instruments = Instruments::open();
    plan.enter(&file.path)?;
    Interrupts::install()?;
    let mut rig = Rig::load(&name, &file, &load, needed)?;
    warn_of_context(rig.info());
    let subject = Subject::of(&name, &file, rig.info(), kernels(&load)?);
    let repetitions = args.repetitions.get();
    let mut session = Session {
        bytes_a_token: roofline::bytes_a_token(&file, rig.info().weight_bytes),
        bar: Session::bar(tests.len(), repetitions),
        steady: args.steady,
        notes: None,
        instruments,
        repetitions,
    };
    let mut rows = Vec::new();
    for test in tests {
        let row = session.row(&mut rig, &subject, test)?;
        if form == Form::Jsonl {
            super::print(&row.line())?;
        }
        rows.push(row);
    }
    session.bar.finish_and_clear();
    super::print(&table::text(&rows, form))?;
    if form == Form::Md {
        super::print(&under::text(&rows, &session))?;
    }
    foretold.tell(&rows, rig.info());
    if let Some((before, after)) = &session.notes {
        let warnings = conditions::warnings(before, after);
        warnings.iter().for_each(|it| tell(format_args!("warning: {it}")));
    }
    Ok(())
}

/// The form of the result.
fn form(args: &Bench) -> anyhow::Result<Form> {
    match (args.json.on, args.output) {
        (true, None) => Ok(Form::Json),
        (true, Some(Form::Md | Form::Csv)) => {
            let failure = Failure::usage("`--json` contradicts `-o md` and `-o csv`");
            Err(failure.hint("leave one of them out").into())
        }
        (_, form) => Ok(form.unwrap_or(Form::Md)),
    }
}

/// How many threads compute, and with which kernels.
fn kernels(load: &Load) -> anyhow::Result<(usize, String)> {
    match load.device.unwrap_or_default() {
        Device::Reference => Ok((1, "reference".to_owned())),
        Device::Auto | Device::Cpu => {
            let config = device::config(load)?;
            Ok((config.threads, format!("{}, {}", config.isa, config.precision)))
        }
    }
}

/// Each prompt and each generation at each depth.
fn tests(args: &Bench) -> anyhow::Result<Vec<Test>> {
    let mut tests = Vec::new();
    for &depth in &args.n_depth {
        let some = |all: &[usize]| all.iter().copied().filter(|&n| n > 0).collect::<Vec<_>>();
        tests.extend(some(&args.n_prompt).into_iter().map(|n| Test::Prompt { n, depth }));
        tests.extend(some(&args.n_gen).into_iter().map(|n| Test::Generate { n, depth }));
    }
    if tests.is_empty() {
        return Err(Failure::usage("nothing to measure: `-p` and `-n` are both 0").into());
    }
    let generates = tests.iter().any(|it| matches!(it, Test::Generate { .. }));
    if args.steady.is_some() && !generates {
        let failure = Failure::usage("`--steady` generates tokens, and `-n` is 0");
        return Err(failure.hint("leave one of them out").into());
    }
    Ok(tests)
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
