//! The `ingle` binary: reads the command line, runs a command, tells how it went.
//!
//! `args` is what can be said, `commands` what is done, `chat` a conversation, `terminal` what
//! people see of it. Data go to standard output, everything else to standard error; the exit code
//! is 0 (done), 1 (failed) or 2 (the command makes no sense).
#![forbid(unsafe_code)]

mod args;
mod chat;
mod commands;
mod failure;
mod memory;
mod model;
mod numbers;
mod settings;
mod terminal;

use std::process::ExitCode;

use args::{Cli, Command};
use terminal::Interrupts;

fn main() -> ExitCode {
    match run(Cli::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    listen();
    Interrupts::install()?;
    let everywhere = &cli.everywhere;
    match cli.command {
        _ if cli.version => commands::version::run(everywhere),
        None => commands::welcome::run(),
        Some(Command::Run(args)) => commands::run::run(*args, everywhere),
        Some(Command::Show(args)) => commands::show::run(args, everywhere),
        Some(Command::Bench(args)) => commands::bench::run(args, everywhere),
        Some(Command::Logits(args)) => commands::logits::run(args, everywhere),
        Some(Command::Tokenize(args)) => commands::tokenize::run(args, everywhere),
        Some(Command::Completions(args)) => commands::completions::run(&args),
    }
}

/// Log lines go to standard error: warnings always, more as `INGLE_LOG` says. No line at any
/// level holds what people or models wrote.
fn listen() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("INGLE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
