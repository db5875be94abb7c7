//! What can be said about comparing results of benchmarks.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Json;

#[derive(Debug, Subcommand)]
pub(crate) enum BenchVerb {
    /// Say whether one result is faster than another, or whether that is noise
    Compare(Compare),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Results with the same fingerprint are held against each other, others against the same test, and a
warning says what differs. A difference is noise unless a two-sided Mann-Whitney test of the
repetitions gives p < 0.05, for which 3 of each (`-r`) are too few. That knows how repetitions of a
run differ, not how runs do: measure both twice, in turn. Results of llama-bench can be read, too.")]
pub(crate) struct Compare {
    /// What `ingle bench -o json` or `-o jsonl` printed
    #[arg(value_name = "A.json")]
    pub(crate) before: PathBuf,
    /// The same, after something was changed
    #[arg(value_name = "B.json")]
    pub(crate) after: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}
