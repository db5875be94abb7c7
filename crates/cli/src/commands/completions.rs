//! `ingle completions`: a script that completes commands and flags in a shell.

use clap::CommandFactory;

use crate::args::{Cli, Completions};

/// Prints it.
pub(crate) fn run(args: &Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ingle", &mut script);
    super::print(&String::from_utf8_lossy(&script))
}
