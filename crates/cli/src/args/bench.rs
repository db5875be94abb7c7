//! What `bench` measures in the place of a model's file, with how many threads and which draft, and
//! what it writes besides its table.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Args, Command, FromArgMatches, builder::NonEmptyStringValueParser, error};

use super::Lookup;
use crate::shape::Wanted;

/// A model of this machine; what is for others alone has to say so, since clap asks for nothing that
/// such a model forbids.
const NAMED: [&str; 3] = ["word", "model", "draft"];

/// What a draft makes no sense with: what writes no text, and tests that are not of one.
const WITHOUT_DRAFT: [&str; 6] = ["shape", "url", "n_depth", "parallel", "steady", "plot"];

/// Without network code no server is measured: help is silent about what is said of one.
const HIDDEN: bool = !cfg!(feature = "hub");

/// What is measured, where it is no model of this machine.
#[derive(Debug, Default, Args)]
pub(crate) struct Instead {
    /// Measure random weights of a model's shape: a well-known name, one of the catalogue or the path
    /// of a `config.json`, and a mix of formats, e.g. `llama-3.2-3b:q4_k_m`
    #[arg(long, value_name = "NAME:QUANT")]
    #[arg(conflicts_with_all = ["word", "model", "quant", "lora", "no_mmap"])]
    pub(crate) shape: Option<Wanted>,
    /// Measure a server that speaks OpenAI's protocol, e.g. `http://127.0.0.1:8080`; INGLE_API_KEY
    /// is its key, if it asks for one
    #[arg(long, value_name = "URL", hide = HIDDEN)]
    #[arg(conflicts_with_all = ["shape", "word", "model", "ctx_size", "threads", "device"])]
    #[arg(conflicts_with_all = ["precision", "override_kv", "quant", "lora", "no_mmap", "sandbox"])]
    #[arg(conflicts_with_all = ["cache_type", "steady", "mlock"])]
    pub(crate) url: Option<String>,
    /// What the server calls the model [default: its first]
    #[arg(long, value_name = "NAME", requires = "url", conflicts_with_all = NAMED)]
    #[arg(hide = HIDDEN)]
    pub(crate) api_model: Option<String>,
    /// Trust the certificates in this PEM file, too
    #[arg(long, value_name = "FILE", requires = "url", conflicts_with_all = NAMED)]
    #[arg(hide = HIDDEN)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Open no connection
    #[arg(long, requires = "url", conflicts_with_all = NAMED)]
    #[arg(hide = HIDDEN)]
    pub(crate) offline: bool,
}

/// A smaller model that guesses.
#[derive(Debug, Default, Args)]
pub(crate) struct Guessing {
    /// Generate from the beginnings of three texts, without and with this smaller model of the same
    /// vocabulary guessing ahead; how many of its guesses were right is told, too
    #[arg(long, value_name = "MODEL", value_parser = NonEmptyStringValueParser::new())]
    #[arg(conflicts_with_all = WITHOUT_DRAFT)]
    pub(crate) draft: Option<String>,
    /// Let the draft guess at most so many tokens at a time [default: 15]
    #[arg(long, value_name = "N", value_parser = guesses, allow_negative_numbers = true)]
    #[arg(requires = "draft", conflicts_with_all = WITHOUT_DRAFT)]
    pub(crate) draft_max: Option<Lookup>,
}

/// As many as `run` takes, and not none.
fn guesses(text: &str) -> Result<Lookup, String> {
    match text.parse::<Lookup>()? {
        Lookup(0) => Err("without guesses a draft brings nothing".to_owned()),
        some => Ok(some),
    }
}

/// Files that are written.
#[derive(Debug, Default, Args)]
pub(crate) struct Written {
    /// Also write the weights of `--shape` as a GGUF file, with a vocabulary, so that other programs
    /// can measure the same; `-p 0 -n 0` measures nothing
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Also draw speed over context depth, threads and sequences at once, of which there are several
    /// with `-d`, `-t` and `--parallel`
    #[arg(long, value_name = "OUT.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Replace these files if they are there
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
}

impl Written {
    /// Their paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.write.iter().chain(&self.plot).map(PathBuf::as_path)
    }
}

/// All of `-t`, of which `Load` takes the first: so this stands before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(pub(crate) Vec<NonZeroUsize>);

const THREADS: &str = "threads";

/// What is said of `-t`.
pub(super) const THREADS_HELP: &str =
    "Threads; several by commas [default: INGLE_THREADS, else one a physical core]";

impl FromArgMatches for Counts {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, error::Error> {
        let counts = matches.get_many::<NonZeroUsize>(THREADS).unwrap_or_default();
        Ok(Self(counts.copied().collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), error::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flag itself is that of `Load`.
impl Args for Counts {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::args::{Bench, Cli, Command};

    fn bench(args: &[&str]) -> Result<Bench, clap::Error> {
        let all = ["ingle", "bench"].iter().chain(args);
        match Cli::try_parse_from(all)?.command {
            Some(Command::Bench(bench)) => Ok(*bench),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn threads_are_one_or_several() {
        let counts = |args: &[&str]| {
            let bench = bench(args).expect("it is sound");
            let first = bench.load.threads.map(usize::from);
            (bench.counts.0.iter().map(|it| it.get()).collect::<Vec<_>>(), first)
        };
        assert_eq!(counts(&["x"]), (vec![], None));
        assert_eq!(counts(&["x", "-t", "3"]), (vec![3], Some(3)));
        assert_eq!(counts(&["x", "-t", "1,2,4"]), (vec![1, 2, 4], Some(1)));
        assert!(bench(&["x", "-t", "1,0"]).is_err());
    }

    #[test]
    fn sequences_at_once_are_one_or_several() {
        let parallel = |args: &[&str]| {
            let bench = bench(args).expect("it is sound");
            bench.parallel.iter().map(|it| it.get()).collect::<Vec<_>>()
        };
        assert_eq!(parallel(&["x"]), [1]);
        assert_eq!(parallel(&["x", "--parallel", "1,2,16", "--steady", "1s"]), [1, 2, 16]);
        assert!(bench(&["x", "--parallel", "2,0"]).is_err());
    }

    #[test]
    fn help_names_what_this_build_can_do() {
        let mut command = Cli::command();
        let bench = command.find_subcommand_mut("bench").expect("a verb");
        let help = bench.render_help().to_string();
        for flag in ["--url", "--api-model", "--ca-file", "--offline"] {
            assert_eq!(help.contains(flag), cfg!(feature = "hub"), "{flag}\n{help}");
        }
        assert!(help.contains("--shape"), "{help}");
    }

    #[test]
    fn numbers_below_none_are_named() {
        for flag in ["-p", "-n", "-d", "-b", "-r", "--parallel"] {
            let error = bench(&["x", flag, "-1"]).expect_err("it makes no sense").to_string();
            assert!(
                error.contains("expected a whole number from ") && error.contains("found `-1`"),
                "{error}"
            );
        }
    }

    #[test]
    fn one_thing_is_measured() {
        assert!(bench(&["x", "--draft", "y", "-t", "1,2", "-p", "0"]).is_ok());
        assert!(bench(&["x", "--draft", "y", "--draft-max", "3"]).is_ok());
        assert!(bench(&["--shape", "phi-4:q4_0", "--write", "a.gguf", "--plot", "a.svg"]).is_ok());
        assert!(bench(&["--url", "http://127.0.0.1:1", "--api-model", "a"]).is_ok());
        for bad in [
            &["x", "--shape", "phi-4:q4_0"][..],
            &["--shape", "phi-4"],
            &["--shape", "phi-4:q4_0", "--quant", "q8_0"],
            &["--shape", "phi-4:q4_0", "--url", "http://127.0.0.1:1"],
            &["x", "--url", "http://127.0.0.1:1"],
            &["--url", "http://127.0.0.1:1", "-t", "2"],
            &["--url", "http://127.0.0.1:1", "--cache-type", "q8_0"],
            &["x", "--api-model", "a"],
            &["x", "--offline"],
            &["x", "-b", "0"],
            &["x", "--draft", ""],
            &["x", "--draft", "y", "--draft-max", "0"],
            &["x", "--draft", "y", "--draft-max", "16"],
            &["x", "--draft-max", "3"],
            &["x", "--draft", "y", "-d", "64"],
            &["x", "--draft", "y", "--steady", "1s"],
            &["x", "--draft", "y", "--parallel", "2"],
            &["--url", "http://127.0.0.1:1", "--parallel", "2"],
            &["x", "--draft", "y", "-t", "1,2", "--plot", "a.svg"],
            &["--shape", "phi-4:q4_0", "--draft", "y"],
            &["--shape", "phi-4:q4_0", "--draft-max", "3"],
            &["--url", "http://127.0.0.1:1", "--draft", "y"],
            &["--draft", "y", "--api-model", "a"],
            &["--url", "http://127.0.0.1:1", "-b", "64"],
        ] {
            assert!(bench(bad).is_err(), "{bad:?}");
        }
    }
}
