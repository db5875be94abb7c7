//! The command line: verbs and what each takes. What a verb does is in `commands`.
//!
//! `first` looks at the words before clap does. `load`, `sampling` and `chat` are groups of
//! settings: flags here, keys of the same names in the settings file, and what `/set` takes in a
//! chat.

mod bench;
mod bundle;
mod chat;
mod compare;
mod first;
mod fit;
mod library;
mod load;
pub(crate) mod number;
mod policy;
mod pull;
mod sampling;
mod text;
mod writing;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    failure::Failure,
    sandbox::{Mode, attendant, trial},
};
pub(crate) use bench::{Counts, Guessing, Instead, Written};
pub(crate) use bundle::{Checking, Export, Import, Making, Sign, Trusted};
pub(crate) use chat::{Chat, Lookup, Predict, Think};
pub(crate) use compare::{BenchVerb, Compare};
pub(crate) use fit::Fit;
pub(crate) use library::{Adopt, Copy, List, Remove, Verify};
pub(crate) use load::{CacheType, Device, Load, Lora};
pub(crate) use policy::{
    Audit, AuditVerb, CheckPolicy, Confine, Doctor, Policy, PolicyVerb, SignPolicy, VerifyAudit,
};
pub(crate) use pull::{Hub, Pull};
pub(crate) use sampling::Sampling;
pub(crate) use writing::{Merge, Quantize, Writing};

/// Runs open-weights language models on this machine.
#[derive(Debug, Parser)]
#[command(name = "ingle", disable_version_flag = true, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(after_help = "\
Environment:
  INGLE_HOME       One folder for the settings file, models, saved chats and the line history
  INGLE_THREADS    As `--threads`
  INGLE_PRECISION  As `--precision`
  INGLE_ISA        The instruction set of the kernels, to compare; `ingle -V` names the present one
  INGLE_SAVE       0 saves neither chats nor the line history
  INGLE_POLICY     The policy file, where neither the machine nor a key says which
  INGLE_AUDIT      1 keeps an audit log, without content
  INGLE_LOG        What to log to standard error, such as `debug`
  INGLE_API_KEY    The key of the server that `bench --url` measures
  INGLE_OFFLINE    1 forbids to open a connection; so does HF_HUB_OFFLINE
  HF_ENDPOINT      The hub, or several by commas, asked in this order
  HF_TOKEN         Who you are to the hub, else the file that `hf auth login` writes
  HTTPS_PROXY      The proxy on the way to the hub; NO_PROXY names hosts that need none
  SSL_CERT_FILE    The certificates to trust, in the place of the system's
  VISUAL, EDITOR   The editor of Ctrl-G and `/edit` in a chat
  NO_COLOR         Not empty: no styles on the terminal

Settings: `settings.toml` in INGLE_HOME, else where the system keeps configuration (on Linux
~/.config/ingle/settings.toml). Its keys are the long flags. Flags win over the environment, that
over the file. `ingle VERB --help` lists the flags of a verb.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Print the version, the platform and the kernels that would run
    #[arg(short = 'V', long)]
    pub(crate) version: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Of every verb that prints data.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Json {
    /// Print JSON, for programs
    #[arg(long = "json", help_heading = "Output")]
    pub(crate) on: bool,
}

impl Cli {
    /// Reads the process's arguments; prints help or a usage error and exits where that is due.
    ///
    /// # Errors
    ///
    /// If the first word is no verb, and it is known what it may be instead.
    pub(crate) fn read() -> Result<Self, Failure> {
        let args = first::spelled(std::env::args_os());
        match args.get(1).and_then(|it| first::refusal(it)) {
            Some(failure) => Err(failure),
            None => Ok(Self::parse_from(args)),
        }
    }
}

/// The settings of a chat: what the file may hold and what `/set` takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) chat: Chat,
    #[command(flatten, next_help_heading = "Sampling")]
    pub(crate) sampling: Sampling,
    #[command(flatten, next_help_heading = "Loading")]
    pub(crate) load: Load,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Chat in the terminal; with a prompt or piped text: answer once and exit
    #[command(alias = "chat")]
    Run(Box<Run>),
    /// Fetch a model from the Hugging Face Hub, once; everything else runs offline
    Pull(Pull),
    /// Say what a model file is: architecture, formats, tokenizer, licence, bytes by part
    Show(Show),
    /// List the models of the library
    #[command(alias = "ls")]
    List(List),
    /// Remove models from the library
    #[command(name = "rm", alias = "remove")]
    Remove(Remove),
    /// Give a model of the library a second name, or take a file or folder into it
    #[command(name = "cp", alias = "copy")]
    Copy(Copy),
    /// Check that every byte of a model is what it was when it came
    Verify(Verify),
    /// Use models that Ollama, LM Studio, llama.cpp or the Hugging Face cache have, in place
    Adopt(Adopt),
    /// Measure tokens a second
    Bench(Box<Bench>),
    /// Say which models fit this machine, as what and how fast, before anything is fetched
    Fit(Fit),
    /// Write the logits of every position, to compare with a reference
    Logits(Logits),
    /// Measure how well a model predicts a text, and how far it is from a better one
    Perplexity(Perplexity),
    /// Write a model as GGUF with fewer bits a weight, or convert a folder without loss
    #[command(alias = "convert", alias = "quantise")]
    Quantize(Quantize),
    /// Write a model with LoRA adapters in it
    Merge(Merge),
    /// Check that a model is computed right here: recorded logits, tokens and renderings, offline
    Check(Check),
    /// Pack models into one file, to carry them to a machine without a network
    Export(Export),
    /// Take the models of such a file into the library; every byte is verified
    Import(Import),
    /// Sign a model, so that others can tell that it is the one you mean
    Sign(Sign),
    /// Print the token ids and pieces of a text
    Tokenize(Tokenize),
    /// Show, explain and sign what this site allows
    Policy(Policy),
    /// Verify the log of which models came, were loaded and went, and by whom
    Audit(Audit),
    /// Say what this machine, this build and the library are like, and what could be better
    Doctor(Doctor),
    /// Print a completion script for a shell
    Completions(Completions),
    /// This program starts it for itself; see `sandbox::attendant`
    #[command(hide = true, name = attendant::VERB)]
    Attend(Inner),
    /// This program starts it for itself; see `sandbox::trial`
    #[command(hide = true, name = trial::VERB)]
    TrySandbox(Inner),
}

/// Of what this program starts for itself.
#[derive(Debug, Args)]
pub(crate) struct Inner {
    /// A private folder
    pub(crate) folder: PathBuf,
}

/// The model to load.
#[derive(Debug, Default, Args)]
pub(crate) struct Model {
    /// A `.gguf` file (any shard), a `.safetensors` file, a Hugging Face folder, a model of the
    /// library, or `ember`, which is built in
    #[arg(value_name = "MODEL")]
    pub(crate) word: Option<String>,
    /// The model, in the place of the first word
    #[arg(short = 'm', long = "model", value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) model: Model,
    /// What to answer, once; without a prompt, a chat
    #[arg(value_name = "PROMPT")]
    pub(crate) words: Vec<String>,
    /// Answer this and exit
    #[arg(short = 'p', long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Answer the text in this file and exit; a prompt comes after it
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Go on with the chat that was saved last, or with the one of this name
    #[arg(long, value_name = "CHAT", num_args = 0..=1, require_equals = true)]
    pub(crate) resume: Option<Option<String>>,
    /// Say more: what is loaded, and after each answer tokens, speeds and context
    #[arg(long, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// Answer every question of the chat with yes
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten, next_help_heading = "Sandbox")]
    pub(crate) confine: Confine,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) model: Model,
    /// Change a metadata value, e.g. `llama.rope.freq_base=f32:10000`
    #[arg(long, value_name = "KEY=TYPE:VALUE")]
    pub(crate) override_kv: Vec<loader::Override>,
    #[command(flatten)]
    pub(crate) json: Json,
    /// How a model that is not on this machine is looked at.
    #[command(flatten, next_help_heading = "Hub")]
    pub(crate) hub: Hub,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(mut_arg("ctx_size", |it| it.help("Tokens of context [default: what the tests need]")))]
#[command(mut_arg("threads", |it| it.value_delimiter(',').help(bench::THREADS_HELP)))]
#[command(after_help = "\
Under the table (in the other forms, in fields of each result) stands what the machine did
meanwhile: power, clocks, heat, what other processes took, the most memory; which part of the
memory's bandwidth, measured in the same run, reading the weights took; joules a token, where RAPL
or a battery tells. `fingerprint` is the same where model, test, threads, kernels, batch, cache
type, processor and the way that weights lie in memory are: such results compare. A model that is
called `compare` is given as `./compare`. What `--draft` brings for a text of yours, `ingle run
MODEL --draft MODEL -f FILE --verbose` tells. `tg128 x 4` is the test with 4 sequences at once:
`t/s` counts the tokens of all of them, `t/s each` those of one.")]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) verb: Option<BenchVerb>,
    #[command(flatten)]
    pub(crate) model: Model,
    #[command(flatten)]
    pub(crate) instead: Instead,
    /// Tokens of a prompt; several by commas; 0 leaves the test out
    #[arg(short = 'p', long, value_name = "N", value_delimiter = ',', default_value = "512")]
    #[arg(value_parser = number::whole, allow_negative_numbers = true)]
    pub(crate) n_prompt: Vec<usize>,
    /// Tokens to generate; several by commas; 0 leaves the test out
    #[arg(short = 'n', long, value_name = "N", value_delimiter = ',', default_value = "128")]
    #[arg(value_parser = number::whole, allow_negative_numbers = true)]
    pub(crate) n_gen: Vec<usize>,
    /// Tokens already in the context; several by commas
    #[arg(short = 'd', long, value_name = "N", value_delimiter = ',', default_value = "0")]
    #[arg(value_parser = number::whole, allow_negative_numbers = true)]
    pub(crate) n_depth: Vec<usize>,
    /// Sequences to generate at once, each a token a step; several by commas (`-npl` works, too)
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    #[arg(value_parser = number::count, allow_negative_numbers = true, conflicts_with = "url")]
    pub(crate) parallel: Vec<NonZeroUsize>,
    /// Tokens of a prompt that one step computes
    #[arg(short = 'b', long, value_name = "N", default_value = "512", conflicts_with = "url")]
    #[arg(value_parser = number::count, allow_negative_numbers = true)]
    pub(crate) n_batch: NonZeroUsize,
    /// Times that each test is measured, after one to warm up
    #[arg(short = 'r', long, value_name = "N", default_value = "5")]
    #[arg(value_parser = number::count, allow_negative_numbers = true)]
    pub(crate) repetitions: NonZeroUsize,
    /// Then generate for so long without pause (`60s`, `2m`), and print what is left of the speed
    #[arg(long, value_name = "TIME", value_parser = number::duration)]
    pub(crate) steady: Option<Duration>,
    #[command(flatten)]
    pub(crate) guessing: Guessing,
    /// The form of the result [default: md]
    #[arg(short = 'o', long, value_name = "FORM")]
    pub(crate) output: Option<Form>,
    /// What is given up once the model is open: `off`, `best` or `required`, as `run` does
    #[arg(long, value_name = "LEVEL")]
    pub(crate) sandbox: Option<Mode>,
    #[command(flatten)]
    pub(crate) written: Written,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten)]
    pub(crate) counts: Counts,
    #[command(flatten, next_help_heading = "Loading")]
    pub(crate) load: Load,
}

/// How a benchmark's result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Md,
    Csv,
    Json,
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct Logits {
    #[command(flatten)]
    pub(crate) model: Model,
    /// Token ids of the prompt, by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',', required = true)]
    #[arg(value_parser = number::token)]
    pub(crate) ids: Vec<u32>,
    /// Also append this many of the most probable tokens, one after the other
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true)]
    #[arg(value_parser = number::whole)]
    pub(crate) greedy: usize,
    /// The safetensors file to write: `logits`, f32 (tokens, vocab), and `greedy_ids`, i64
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace FILE if it is there
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Say which device computed
    #[arg(long, help_heading = "Output")]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten, next_help_heading = "Loading")]
    pub(crate) load: Load,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The text is cut into windows of `-c` tokens (512), and the second half of each counts, as
llama-perplexity does it. Lower is better; figures compare for the same tokenizer, text and window.")]
#[command(mut_arg("ctx_size", |it| it.help("Tokens of a window [default: 512]")))]
pub(crate) struct Perplexity {
    #[command(flatten)]
    pub(crate) model: Model,
    /// The text
    #[arg(short = 'f', long = "text", value_name = "FILE")]
    pub(crate) text: PathBuf,
    /// Also measure how far the model is from this one, a file of higher precision, or the same
    /// file: the Kullback-Leibler divergence (KLD) of its predictions, and how often both find the
    /// same token likeliest. This one is computed in exact precision
    #[arg(long, value_name = "MODEL")]
    pub(crate) kl_divergence: Option<String>,
    /// Let control tokens match in the text, as in a template's own text: for conversations
    #[arg(long)]
    pub(crate) parse_special: bool,
    /// Stop after so many windows
    #[arg(long, value_name = "N", value_parser = number::count, allow_negative_numbers = true)]
    pub(crate) chunks: Option<NonZeroUsize>,
    /// Say which device computed
    #[arg(long, help_heading = "Output")]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten, next_help_heading = "Loading")]
    pub(crate) load: Load,
}

#[derive(Debug, Args)]
#[command(after_help = "\
What is compared, on this machine's kernels, in each precision that they have:
  logits    tiny models of the architecture, with what transformers computed for them
  kernels   products with a matrix of each of the model's formats, with plain loops in f64
  model     all of the model, with plain loops, where it is small enough
  tokens    ids of texts, with those recorded for the vocabulary; and texts that must come back
  template  conversations, with what transformers rendered them as
Nothing is recorded for some vocabularies and templates: they are `not known`. Exit code 1 if a
check failed.")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) model: Model,
    /// Compare the model itself with plain loops however long that takes
    #[arg(long)]
    pub(crate) full: bool,
    /// Threads [default: INGLE_THREADS, else one a physical core]
    #[arg(short = 't', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::count)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// What computes: `auto`, `cpu`, or `reference` (the plain loops)
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<Device>,
    /// Change a metadata value, e.g. `llama.rope.freq_base=f32:10000`
    #[arg(long, value_name = "KEY=TYPE:VALUE")]
    pub(crate) override_kv: Vec<loader::Override>,
    /// Read the whole file into memory at once instead of mapping it: for network drives, and disks
    /// that may be pulled
    #[arg(long)]
    pub(crate) no_mmap: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Tokenize {
    #[command(flatten)]
    pub(crate) model: Model,
    /// The text; without one, standard input is read
    #[arg(value_name = "TEXT")]
    pub(crate) words: Vec<String>,
    /// Leave out the token that begins a text
    #[arg(long)]
    pub(crate) no_bos: bool,
    /// Let control tokens match in the text, as in a template's own text
    #[arg(long)]
    pub(crate) parse_special: bool,
    /// Change a metadata value, e.g. `tokenizer.ggml.add_bos_token=bool:false`
    #[arg(long, value_name = "KEY=TYPE:VALUE")]
    pub(crate) override_kv: Vec<loader::Override>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_sampler() {
        let command = Cli::command();
        let run = command.find_subcommand("run").expect("a verb");
        let mut flags = run.get_arguments();
        let help = flags.find_map(|it| it.get_help().filter(|_| it.get_id() == "samplers"));
        let names = engine::sample::Stage::ALL.map(engine::sample::Stage::name).join(", ");
        let help = help.expect("it has a help").to_string();
        assert!(help.ends_with(&format!("[default: {names}]")), "{help}");
    }

    /// The words of a line up to a pipe or a redirection, variables before it left out.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for it in line.chars() {
            match it {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                _ => words.last_mut().expect("one at least").push(it),
            }
        }
        let end = words.iter().position(|it| matches!(it.as_str(), "|" | ">" | "<"));
        words.truncate(end.unwrap_or(words.len()));
        let begin = words.iter().position(|it| it == "ingle").unwrap_or(0);
        words.split_off(begin)
    }

    #[test]
    fn ember_teaches_only_commands_that_there_are() {
        let taught = ember_forge::School::open().expect("sound topics").quoted();
        let mut seen = 0;
        for line in taught.iter().flat_map(|it| it.split(" | ")) {
            let words = words(line);
            let Some(first) = words.first() else { continue };
            let is_path = first == "/v1" || first.matches('/').count() > 1;
            if line.starts_with('/') && !is_path {
                let known = crate::chat::understands(line);
                assert!(known, "the chat refuses `{line}`");
            } else if first == "ingle" {
                let parsed = Cli::try_parse_from(first::spelled(words.iter().map(Into::into)));
                let help = |it: &clap::Error| it.kind() == clap::error::ErrorKind::DisplayHelp;
                assert!(
                    parsed.as_ref().err().is_none_or(help),
                    "`{line}`: {}",
                    parsed.unwrap_err()
                );
            } else {
                continue;
            }
            seen += 1;
        }
        assert!(seen > 100, "{seen} commands");
    }
}
