//! The `ingle` binary: reads the command line, runs a command, tells how it went.
//!
//! `args` is what can be said, `commands` what is done, `chat` a conversation, `terminal` what
//! people see of it. Data go to standard output, everything else to standard error; the exit code
//! is 0 (done), 1 (failed) or 2 (the command makes no sense).
#![forbid(unsafe_code)]
// `terminal::tell` takes out what could command a terminal.
#![warn(clippy::print_stderr)]

mod admission;
mod args;
mod chat;
mod commands;
mod device;
mod draft;
mod encode;
mod failure;
mod forecast;
mod groups;
mod library;
mod listed;
mod machine;
mod memory;
mod model;
mod numbers;
mod output;
mod quantisation;
mod random;
mod repair;
mod resident;
mod sandbox;
mod settings;
mod shape;
mod speed;
mod terminal;
mod utf8;
mod written;

use std::process::ExitCode;

use anyhow::Context;
use args::{Cli, Command};
use failure::Failure;
use terminal::Interrupts;

fn main() -> ExitCode {
    match read().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

/// What was asked for. What dies after this leaves no core dump.
fn read() -> anyhow::Result<Cli> {
    sandbox::cores::give_up().context("cannot give up core dumps")?;
    Ok(Cli::read()?)
}

fn run(cli: Cli) -> anyhow::Result<()> {
    listen()?;
    // What gives up its rights does so before there are threads, and the attendant has a handler of
    // its own. Without a verb it is a chat, or nothing.
    if !matches!(
        cli.command,
        None | Some(
            Command::Run(_)
                | Command::Bench(_)
                | Command::Logits(_)
                | Command::Perplexity(_)
                | Command::Quantize(_)
                | Command::Merge(_)
                | Command::Check(_)
                | Command::Tokenize(_)
                | Command::Attend(_)
                | Command::TrySandbox(_)
        )
    ) {
        Interrupts::install()?;
    }
    match cli.command {
        _ if cli.version => commands::version::run(cli.json),
        None if cli.json.on => Err(Failure::usage("`--json` alone has nothing to print")
            .hint("`ingle --version --json`, or give it to a command")
            .into()),
        None => commands::welcome::welcome(),
        Some(Command::Run(args)) => commands::run::run(*args),
        Some(Command::Pull(args)) => commands::pull::run(args),
        Some(Command::Show(args)) => commands::show::run(args),
        Some(Command::List(args)) => commands::list::run(args),
        Some(Command::Remove(args)) => commands::remove::run(args),
        Some(Command::Copy(args)) => commands::copy::run(args),
        Some(Command::Verify(args)) => commands::verify::run(args),
        Some(Command::Adopt(args)) => commands::adopt::run(args),
        Some(Command::Bench(args)) => commands::bench::run(*args),
        Some(Command::Fit(args)) => commands::fit::run(args),
        Some(Command::Logits(args)) => commands::logits::run(args),
        Some(Command::Perplexity(args)) => commands::perplexity::run(args),
        Some(Command::Quantize(args)) => commands::quantize::run(args),
        Some(Command::Merge(args)) => commands::quantize::merge(args),
        Some(Command::Check(args)) => commands::check::run(args),
        Some(Command::Export(args)) => commands::export::run(args),
        Some(Command::Import(args)) => commands::import::run(args),
        Some(Command::Sign(args)) => commands::sign::run(args),
        Some(Command::Tokenize(args)) => commands::tokenize::run(args),
        Some(Command::Policy(args)) => commands::policy::run(args),
        Some(Command::Audit(args)) => commands::audit::run(args),
        Some(Command::Doctor(args)) => commands::doctor::run(&args),
        Some(Command::Completions(args)) => commands::completions::run(&args),
        Some(Command::Attend(args)) => sandbox::attendant::attend(&args.folder),
        Some(Command::TrySandbox(args)) => sandbox::trial::run(&args.folder),
    }
}

/// Log lines go to standard error: warnings always, more as `INGLE_LOG` says. No line at any
/// level holds what people or models wrote.
fn listen() -> anyhow::Result<()> {
    use tracing_subscriber::EnvFilter;
    let asked = std::env::var("INGLE_LOG").ok().filter(|it| !it.trim().is_empty());
    let filter = EnvFilter::try_new(asked.as_deref().unwrap_or("warn")).with_context(|| {
        let message =
            format!("`INGLE_LOG` cannot be obeyed, found `{}`", asked.unwrap_or_default());
        Failure::usage(message).hint("`INGLE_LOG=debug` or `INGLE_LOG=ingle_engine=trace,warn`")
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
