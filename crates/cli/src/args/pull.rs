//! What `pull` takes, and whatever else asks the hub.

use std::{num::NonZeroU64, path::PathBuf};

use clap::Args;

use super::Json;

#[derive(Debug, Args)]
#[command(after_help = "\
Names:
  llama3.2:3b, llama3.2:3b-q4_k_m   of the catalogue
  org/repo, org/repo:Q4_K_M         of the hub, also as hf.co/org/repo or https://huggingface.co/…
  org/repo@REVISION                 at a branch, a tag or a commit
Without a format, Q4_K_M is taken where there is one, else the next best. Whatever stops a pull, the
same command goes on from there; nothing shows up as a model before all of it was checked.")]
pub(crate) struct Pull {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) reference: String,
    /// The weight format, such as `q4_k_m`, `safetensors` for the unquantised folder, or the name of
    /// a file
    #[arg(long, value_name = "FORMAT")]
    pub(crate) quant: Option<String>,
    /// The branch, tag or commit [default: main]
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<String>,
    /// Fetch at most so many bytes a second, such as `500K` or `2M`
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// Fetch it whatever speaks against it, and replace what is in its place
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten, next_help_heading = "Hub")]
    pub(crate) hub: Hub,
}

/// How the hub is reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Hub {
    /// Ask this hub [default: HF_ENDPOINT, else huggingface.co]; several are asked in this
    /// order
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Vec<String>,
    /// Trust the certificates in this PEM file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Open no connection
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Bytes, or with `K`, `M` or `G` multiples of 1024 of them.
fn rate(text: &str) -> Result<NonZeroU64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].to_ascii_uppercase().trim_end_matches("B") {
        "" => 0,
        "K" | "KI" => 10,
        "M" | "MI" => 20,
        "G" | "GI" => 30,
        _ => return Err(format!("expected a rate such as `500K` or `2M`, found `{text}`")),
    };
    let rate = digits.parse::<u64>().ok().and_then(|it| it.checked_mul(1 << unit));
    rate.and_then(NonZeroU64::new)
        .ok_or_else(|| format!("expected a rate such as `500K` or `2M`, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_multiples_of_1024() {
        for (text, expected) in [
            ("1000", Some(1000)),
            ("500K", Some(500 << 10)),
            ("2m", Some(2 << 20)),
            ("1GiB", Some(1 << 30)),
            ("0", None),
            ("", None),
            ("M", None),
            ("1.5M", None),
            ("3T", None),
            ("-1", None),
            ("99999999999G", None),
        ] {
            assert_eq!(rate(text).ok().map(NonZeroU64::get), expected, "{text}");
        }
    }
}
