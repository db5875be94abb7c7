//! `ingle bench`: tokens a second of prompts (`pp512`) and of generation (`tg128`).
//!
//! `measure` runs a test, `label` names it, `session` runs all of them, with what the machine does
//! meanwhile (`conditions`, `roofline`); `table` prints results in llama-bench's forms and field names
//! (`markdown` for people), `under` what stands below, `plot` draws them. `identity` says which results
//! are comparable, and `compare` compares them; `foretold` holds them beside what `ingle fit` said.
//! `synthetic` makes weights of a shape in the place of a model, `server` measures one that is reached
//! by HTTP, `speculation` is about a draft that guesses.

mod compare;
pub(super) mod conditions;
#[cfg(test)]
mod fixture;
mod foretold;
mod identity;
mod label;
mod markdown;
mod measure;
mod plot;
mod roofline;
mod server;
mod session;
mod speculation;
mod synthetic;
mod table;
mod under;

use std::{
    fs,
    io::{self, IsTerminal},
    num::NonZeroUsize,
};

use engine::Info;
use loader::ModelFile;

use crate::{
    args::{Bench, BenchVerb, Counts, Device, Form, Load, Lookup, Model, Written},
    device,
    draft::Draft,
    failure::Failure,
    model::{self, Opened},
    numbers::{grouped, size},
    output, resident,
    sandbox::{Mode, Plan},
    settings::Site,
    shape::Wanted,
    terminal::{self, Interrupts, tell},
};
use foretold::Foretold;
use measure::{Rig, Sizes, Test};
use plot::Plot;
use session::{Instruments, Session};
use speculation::{Guesser, Speculation};
use synthetic::{Mould, Synthetic};
use table::{Row, Setting, Subject, Weights};

/// Measures and prints, or compares what was printed.
pub(crate) fn run(args: Bench) -> anyhow::Result<()> {
    match &args.verb {
        Some(BenchVerb::Compare(files)) => compare::run(files),
        None => measured(args),
    }
}

fn measured(args: Bench) -> anyhow::Result<()> {
    let site = Site::find()?;
    can_write(&args)?;
    let tests = tests(&args)?;
    let form = form(&args)?;
    let plot = Plot::asked(&args)?;
    if args.instead.url.is_some() {
        let rows = server::run(&args, tests, form)?;
        return print(&rows, form, None, plot);
    }
    let needed = most_tokens(&tests)?;
    let load = site.under_measured(args.load)?;
    let sizes = Sizes {
        context: context(&load, needed)?,
        sequences: tests.iter().map(Test::sequences).max().unwrap_or(1),
        n_batch: args.n_batch.get(),
    };
    let usual = site.model.as_deref();
    let (name, opened, mould) = source(args.instead.shape.as_ref(), args.model, usual, &load)?;
    let (opened, said) = opened.map(|it| (it.file, it.said)).unzip();
    let mut said = said.unwrap_or_default();
    let draft = args.guessing.draft.as_deref().map(|it| Draft::open(it, &load)).transpose()?;
    said.extend(draft.iter().flat_map(|it| it.said.iter().cloned()));
    if let Some(file) = &opened {
        spare(file, &load, &args.written)?;
    }
    let foretold = Foretold::read(&site.home);
    // What tells of the machine is opened before: this process may open little of it then.
    let instruments = Instruments::open();
    let asked = args.sandbox.or(site.confine.sandbox).unwrap_or_default();
    said.extend(confine(asked, opened.as_ref(), draft.as_ref(), &args.written)?);
    if let (Some(mould), Some(path)) = (&mould, &args.written.write) {
        mould.write(path)?;
        let bytes =
            fs::metadata(path).map(|it| format!(", {}", size(it.len()))).unwrap_or_default();
        tell(format_args!("note: wrote `{}`{bytes}", path.display()));
    }
    if tests.is_empty() {
        return Ok(());
    }
    let threads = device::threads(None)?;
    let places = sizes.context.saturating_mul(sizes.sequences);
    let synthetic = mould.map(|it| it.make(places, threads, &load.override_kv)).transpose()?;
    let made = synthetic.as_ref().map(|it| &it.file);
    let file = opened.as_ref().or(made).expect("it was opened or made");

    said.extend(device::tell_of_crowd(args.counts.0.iter().max().copied()));
    let (loads, repetitions) = (by_threads(&load, &args.counts), args.repetitions.get());
    let mut session = Session {
        bytes_a_token: None,
        is_dense: roofline::is_dense(file),
        bar: Session::bar(loads.len() * tests.len(), repetitions),
        steady: args.steady,
        said,
        notes: None,
        scale: synthetic.as_ref().map(|it| it.scale),
        instruments,
        repetitions,
    };
    let most = args.guessing.draft_max.unwrap_or(Lookup::MOST).0;
    let bench = Measurement {
        name: &name,
        file,
        synthetic: synthetic.as_ref(),
        guesser: draft.as_ref().map(|draft| Guesser { draft, most }),
        tests: &tests,
        sizes,
        form,
    };
    let rows = bench.rows(&mut session, &loads, &foretold)?;
    print(&rows, form, Some(&session), plot)?;
    foretold::tell(&rows);
    Ok(())
}

/// What is measured, and how.
struct Measurement<'a> {
    name: &'a str,
    file: &'a ModelFile,
    /// Where the file was made.
    synthetic: Option<&'a Synthetic>,
    guesser: Option<Guesser<'a>>,
    tests: &'a [Test],
    sizes: Sizes,
    form: Form,
}

impl Measurement<'_> {
    /// Each test, with each of these ways to load the model.
    fn rows(
        &self,
        session: &mut Session,
        loads: &[Load],
        foretold: &Foretold,
    ) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for load in loads {
            let mut rig = Rig::load(self.name, self.file, load, self.sizes, self.guesser)?;
            if rows.is_empty() {
                let doubts = long_context(rig.info()).into_iter().chain(rig.idle_draft(self.tests));
                doubts.for_each(|it| session.warn(it));
                session.said.extend(self.lock(load));
            }
            session.bytes_a_token = match session.scale {
                Some(scale) => Some(scale.bytes_a_token()),
                None => roofline::bytes_a_token(self.file, rig.info().weight_bytes),
            };
            let info = rig.info();
            let info = self.synthetic.map_or_else(|| info.clone(), |it| it.info(info));
            let mut subject = self.subject(&info, load)?;
            if let Some((guesser, draft)) = self.guesser.zip(rig.draft()) {
                subject.speculation = Speculation::by(guesser, draft);
            }
            for &test in self.tests {
                let mut row = session.row(&mut rig, &subject, test)?;
                row.foretold = foretold.of(&info, test, self.sizes.n_batch);
                if self.form == Form::Jsonl {
                    // Of the run so far: the line is for whoever reads along.
                    session.complete(&mut row);
                    super::print(&row.line())?;
                }
                rows.push(row);
            }
        }
        session.bar.finish_and_clear();
        rows.iter_mut().for_each(|it| session.complete(it));
        Ok(rows)
    }

    /// Locks the weights in memory, where that is asked for; the warnings that were told.
    fn lock(&self, load: &Load) -> Vec<String> {
        let model = resident::lock(self.name, self.file, load);
        let draft = self.guesser.and_then(|it| it.draft.lock());
        [model, draft].into_iter().flatten().collect()
    }

    fn subject(&self, info: &Info, load: &Load) -> anyhow::Result<Subject> {
        let (threads, kernels) = kernels(load)?;
        let weights = match self.synthetic {
            Some(_) => Weights::Made,
            None if load.no_mmap || load.quant.is_some() => Weights::Read,
            None => Weights::Mapped,
        };
        let setting = Setting { threads, kernels, n_batch: self.sizes.n_batch, weights };
        let subject = Subject::of(self.name, self.file, info, setting);
        Ok(match self.synthetic {
            Some(it) => subject.made(it.made),
            None => subject,
        })
    }
}

/// Whether there are weights that `--write` could write.
fn can_write(args: &Bench) -> anyhow::Result<()> {
    if args.written.write.is_none() || args.instead.shape.is_some() {
        return Ok(());
    }
    let message = "`--write` writes the weights of `--shape`";
    let named = args.model.model.as_ref().or(args.model.word.as_ref());
    let message = match named {
        Some(name) => format!("{message}; `{name}` is a model already"),
        None => message.to_owned(),
    };
    Err(Failure::usage(message).hint("`--shape llama-3.2-3b:q4_k_m`, in its place").into())
}

/// Tokens of context that the sequences of all tests need.
fn most_tokens(tests: &[Test]) -> anyhow::Result<usize> {
    let needed = tests.iter().map(Test::tokens).collect::<Option<Vec<_>>>();
    let needed = needed.map(|it| it.into_iter().max().unwrap_or(0));
    needed.ok_or_else(|| {
        let failure = Failure::usage("no context holds so many tokens");
        failure.hint("give less to `-p`, `-n` or `-d`").into()
    })
}

/// Tokens of context that the model is loaded with; `needed` where nobody says how many.
fn context(load: &Load, needed: usize) -> anyhow::Result<usize> {
    match load.ctx_size.map(usize::from) {
        None => Ok(needed),
        Some(context) if context >= needed => Ok(context),
        Some(context) => {
            let [context, needed] = [context, needed].map(|it| grouped(it as u64));
            let message =
                format!("the tests take {needed} tokens of context, found `--ctx-size {context}`");
            let failure = Failure::usage(message);
            Err(failure.hint("leave it out, or give less to `-p`, `-n` or `-d`").into())
        }
    }
}

/// Refuses to write over the model, whatever it was called, or over its adapters.
fn spare(file: &ModelFile, load: &Load, written: &Written) -> anyhow::Result<()> {
    let read = || load.lora.iter().map(|it| it.path.as_path()).chain([file.path.as_path()]);
    written.paths().try_for_each(|it| output::refuse(it, read(), written.yes))
}

/// Gives up all files but the models and what is written, and takes Ctrl-C; the warning that was told,
/// if there was one.
fn confine(
    asked: Mode,
    model: Option<&ModelFile>,
    draft: Option<&Draft>,
    written: &Written,
) -> anyhow::Result<Option<String>> {
    let plan = Plan::without_files(asked)?;
    let mut plan = draft.iter().fold(plan, |plan, it| plan.reading(&it.file.path));
    plan.write.extend(written.paths().map(|it| output::folder(it).to_owned()));
    let level = plan.enter(model.map(|it| it.path.as_path()))?;
    let warning = plan.warning(level);
    warning.iter().for_each(|it| tell(format_args!("warning: {it}")));
    Interrupts::install()?;
    Ok(warning)
}

/// The name of what is measured, and the model that is open, or what is going to be made.
fn source(
    shape: Option<&Wanted>,
    named: Model,
    usual: Option<&str>,
    load: &Load,
) -> anyhow::Result<(String, Option<Opened>, Option<Mould>)> {
    if let Some(wanted) = shape {
        let mould = Mould::new(wanted)?;
        return Ok((mould.name.clone(), None, Some(mould)));
    }
    let name = model::alone(named, usual)?;
    let opened = model::open_for(&name, load)?;
    Ok((name, Some(opened), None))
}

/// The table, what stands under it, and the picture where one is asked for.
fn print(
    rows: &[Row],
    form: Form,
    session: Option<&Session>,
    plot: Option<Plot>,
) -> anyhow::Result<()> {
    let width = io::stdout().is_terminal().then(terminal::width).flatten();
    super::print(&table::text(rows, form, width))?;
    if let Some(session) = session {
        if form == Form::Md {
            super::print(&under::text(rows, session))?;
        }
        if let Some((before, after)) = &session.notes {
            let warnings = conditions::warnings(before, after);
            warnings.iter().for_each(|it| tell(format_args!("warning: {it}")));
        }
    }
    plot.map_or(Ok(()), |it| it.write(rows))
}

/// The same for each number of threads.
fn by_threads(load: &Load, counts: &Counts) -> Vec<Load> {
    if counts.0.is_empty() {
        return vec![load.clone()];
    }
    counts.0.iter().map(|&it| Load { threads: Some(it), ..load.clone() }).collect()
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

/// Each prompt and each generation at each depth; or where a draft guesses, each of texts.
fn tests(args: &Bench) -> anyhow::Result<Vec<Test>> {
    let mut tests = Vec::new();
    for &depth in &args.n_depth {
        let some = |all: &[usize]| all.iter().copied().filter(|&n| n > 0).collect::<Vec<_>>();
        tests.extend(some(&args.n_prompt).into_iter().map(|n| Test::Prompt { n, depth }));
        tests.extend(some(&args.n_gen).into_iter().flat_map(|n| match args.guessing.draft {
            None => several(n, depth, &args.parallel),
            Some(_) => vec![Test::Text { n }, Test::Drafted { n }],
        }));
    }
    if tests.is_empty() && args.written.write.is_none() {
        return Err(Failure::usage("nothing to measure: `-p` and `-n` are both 0").into());
    }
    let generates = tests.iter().any(|it| !matches!(it, Test::Prompt { .. }));
    let at_once = args.parallel.iter().any(|it| it.get() > 1);
    let idle = [
        (at_once, "`--parallel` generates tokens, and `-n` is 0"),
        (args.steady.is_some(), "`--steady` generates tokens, and `-n` is 0"),
        (args.guessing.draft.is_some(), "`--draft` guesses generated tokens, and `-n` is 0"),
    ];
    match idle.into_iter().find(|it| it.0 && !generates) {
        None => Ok(tests),
        Some((_, message)) => Err(Failure::usage(message).hint("leave one of them out").into()),
    }
}

/// The same generation with each of these numbers of sequences at once.
fn several(n: usize, depth: usize, parallel: &[NonZeroUsize]) -> Vec<Test> {
    parallel.iter().map(|it| Test::Generate { n, depth, sequences: it.get() }).collect()
}

/// What is said of a context that is longer than the model's.
fn long_context(info: &Info) -> Option<String> {
    let (context, most) = (info.context as u64, info.model_context as u64);
    (context > most).then(|| {
        format!(
            "a context of {} tokens; the model was made for {}, beyond them it may write nonsense: \
             give less to `-c`, `-p`, `-n` or `-d`",
            grouped(context),
            grouped(most)
        )
    })
}
