//! What `fit` takes.

use std::num::NonZeroUsize;

use clap::Args;
use kernels::cpu::Precision;
use loader::quantise::Mix;

use super::{CacheType, Hub, Json, Model, number};

#[derive(Debug, Args)]
#[command(mut_arg("word", |it| it.help(
    "A name of the catalogue, `org/repo` of a hub (its header is read, and nothing else fetched), \
     a model of the library, or a file; without one, all of the catalogue"
)))]
#[command(after_help = "\
What a model takes is exact: the bytes of each tensor, of the cache and of the memory that steps
work in. With a `~` it is estimated from the number of weights, where nothing more is known of its
shape; then `yes?` leaves a tenth of them for the rest. It fits if all of that is free now. `slow`
is less than 7 tokens a second, about as fast as people read; `part` fits with a shorter context
only.

How fast it will be follows from a measurement of this machine's memory and kernels. Costs are those
of electricity for a million tokens that are written: tell the `--watts` of the whole machine;
without them, those are taken that the processor or a battery tells, if one does.")]
pub(crate) struct Fit {
    #[command(flatten)]
    pub(crate) model: Model,
    /// Tokens of context [default: 8,192, or what the model was made for where that is less]
    #[arg(short = 'c', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::count)]
    pub(crate) ctx_size: Option<NonZeroUsize>,
    /// Threads [default: INGLE_THREADS, else one a physical core]
    #[arg(short = 't', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::count)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// `fast` (activations rounded to 8 bits where that is faster) or `exact` [default:
    /// INGLE_PRECISION, else fast]
    #[arg(long, value_name = "PRECISION")]
    pub(crate) precision: Option<Precision>,
    /// How the cache keeps keys and values: fewer bits hold a longer context, less exactly [default:
    /// f16, or f32 where the precision is exact]
    #[arg(long, value_name = "TYPE", value_enum)]
    pub(crate) cache_type: Option<CacheType>,
    /// As this weight format alone, e.g. `q4_k_m` [default: the largest from Q8_0 to Q2_K that
    /// fits; of a file, its own]
    #[arg(long, value_name = "TYPE")]
    pub(crate) quant: Option<Mix>,
    /// Measure nothing: go by what was measured last
    #[arg(long, visible_alias = "quick")]
    pub(crate) no_measure: bool,
    /// What the machine takes while it computes
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    #[arg(value_parser = number::positive, help_heading = "Costs")]
    pub(crate) watts: Option<f64>,
    /// What a kilowatt-hour costs, in any money
    #[arg(long, value_name = "PER_KWH", allow_negative_numbers = true)]
    #[arg(value_parser = number::positive, help_heading = "Costs")]
    pub(crate) price: Option<f64>,
    /// What somebody's API costs for a million tokens, in the same money
    #[arg(long, value_name = "PER_MILLION", allow_negative_numbers = true)]
    #[arg(value_parser = number::positive, requires = "price", help_heading = "Costs")]
    pub(crate) api_price: Option<f64>,
    #[command(flatten)]
    pub(crate) json: Json,
    /// How a model that is not on this machine is looked at.
    #[command(flatten, next_help_heading = "Hub")]
    pub(crate) hub: Hub,
}
