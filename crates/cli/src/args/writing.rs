//! The verbs that write a model: `quantize` and `merge`.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;
use loader::quantise::Mix;

use super::{Json, Lora, number};

#[derive(Debug, Args)]
#[command(after_help = mixes())]
pub(crate) struct Quantize {
    /// A `.gguf` file (any shard), a `.safetensors` file, a Hugging Face folder, a model of the
    /// library, or `ember`
    #[arg(value_name = "IN")]
    pub(crate) input: String,
    /// The GGUF file to write; it gets this name when it is complete
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// The mix of formats, in upper or lower case
    #[arg(value_name = "TYPE")]
    pub(crate) mix: Mix,
    /// Spend precision on the columns that count: an importance matrix of llama.cpp, `.gguf` or `.dat`
    #[arg(long, value_name = "FILE")]
    pub(crate) imatrix: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

#[derive(Debug, Args)]
#[command(after_help = mixes())]
pub(crate) struct Merge {
    /// A `.gguf` file (any shard), a `.safetensors` file, a Hugging Face folder, a model of the
    /// library, or `ember`
    #[arg(value_name = "MODEL")]
    pub(crate) input: String,
    /// The GGUF file to write; it gets this name when it is complete
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// An adapter, a GGUF file or a PEFT folder, times SCALE; several add up
    #[arg(long, value_name = "FILE[:SCALE]", required = true)]
    pub(crate) lora: Vec<Lora>,
    /// The mix of formats [default: every tensor keeps its own]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) mix: Option<Mix>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// How a model is written.
#[derive(Debug, Args)]
pub(crate) struct Writing {
    /// Replace OUT if it is there
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Threads [default: INGLE_THREADS, else one a physical core]
    #[arg(short = 't', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::count)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Change a metadata value, e.g. `llama.rope.freq_base=f32:10000`
    #[arg(long, value_name = "KEY=TYPE:VALUE")]
    pub(crate) override_kv: Vec<loader::Override>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// The mixes, for the help.
fn mixes() -> String {
    let names: Vec<_> = Mix::ALL.iter().map(ToString::to_string).collect();
    let lines = names.chunks(11).map(|it| format!("  {}", it.join(" ")));
    format!(
        "Types, from many bits to few:\n{}\n\n\
         Which tensors get more bits is as in llama.cpp's types of the same names. Make few bits from\n\
         F32, F16 or BF16: what one type lost, the next cannot bring back.",
        lines.collect::<Vec<_>>().join("\n")
    )
}
