//! What `export`, `import` and `sign` take: models that are carried, and who vouches for them.

use std::{num::NonZeroU64, path::PathBuf};

use clap::Args;
use store::name::Name;

use super::Json;

#[derive(Debug, Args)]
#[command(after_help = "\
A bundle is a plain tar, an OCI image layout with the media types of ModelPack; the same models give
the same bytes. On a machine without Ingle, `tar -xf FILE.ingle ingle` takes out the program that
`--with-binary` put in. It proves nothing of itself: compare its sha256 with the one that `export`
prints, sent another way, before it runs.")]
pub(crate) struct Export {
    /// Models of the library, `.gguf` files (any shard) or Hugging Face folders
    #[arg(value_name = "MODEL", required = true)]
    pub(crate) models: Vec<String>,
    /// The bundle to write; it gets this name when it is complete. With `--bom`, the bill; without a
    /// FILE, that goes to standard output
    #[arg(short = 'o', long, value_name = "FILE", required_unless_present = "bom")]
    pub(crate) output: Option<PathBuf>,
    /// Write parts of at most so many bytes, FILE.001 and so on; `4G` (4,000,000,000 bytes) fits FAT32
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) split: Option<NonZeroU64>,
    /// Take this program along
    #[arg(long)]
    pub(crate) with_binary: bool,
    /// What the one file or folder is called in the bundle [default: as it is called]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Write the bill of materials of the one model alone, CycloneDX 1.6 as JSON
    #[arg(long, conflicts_with_all = ["split", "with_binary", "key"])]
    pub(crate) bom: bool,
    /// Replace FILE if it is there
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten, next_help_heading = "Signature")]
    pub(crate) signature: Making,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Bundles; of a split one, the first part or all of them
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Replace models of the same names that have other files or cannot be read
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten, next_help_heading = "Signature")]
    pub(crate) trusted: Trusted,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The signature is that of OpenSSF Model Signing 1.0: other programs for it can check it, and
`ingle verify MODEL --key KEY` does. `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
-out key.pem` makes a private key, `openssl pkey -in key.pem -pubout -out key.pub` its public one.")]
pub(crate) struct Sign {
    /// A model of the library, a folder, or a file: all shards of it are signed, of `.safetensors` its
    /// whole folder
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    /// The signature to write [default: FILE.sig, or `model.sig` in the folder; of a model of the
    /// library, `model.sig` here]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the signature if it is there
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten, next_help_heading = "Signature")]
    pub(crate) signature: Making,
}

/// With what a signature is made.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Making {
    /// Sign with this private key, EC on P-256, P-384 or P-521, as PEM
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<PathBuf>,
    /// The certificate of the key, and after it those that lead to a trusted one, as PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
}

/// Who is believed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Trusted {
    /// Require a signature with this public key, as PEM
    #[arg(long, value_name = "KEY", conflicts_with = "certificate_chain")]
    pub(crate) key: Option<PathBuf>,
    /// Require a signature whose certificate leads to one in this file, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate_chain: Option<PathBuf>,
}

/// Of `verify`: which signature is to be checked, and who is believed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Checking {
    /// The signature [default: FILE.sig, or `model.sig` beside the model's files]
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
}

impl Checking {
    /// Whether a signature is to be checked.
    pub(crate) fn is_asked(&self) -> bool {
        let Self { signature, trusted } = self;
        signature.is_some() || trusted.key.is_some() || trusted.certificate_chain.is_some()
    }
}

/// Bytes: a number, or one with K, M, G or T (thousands) or Ki, Mi, Gi or Ti (1024s) behind it.
fn size(text: &str) -> Result<NonZeroU64, String> {
    let wrong = || format!("expected a size such as `4G` or `700Mi`, found `{text}`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.to_ascii_lowercase().trim_end_matches('b') {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        "ki" => 1 << 10,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        "ti" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = number.parse().ok().and_then(|it: u64| it.checked_mul(unit));
    bytes.and_then(NonZeroU64::new).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(size(text).ok().map(NonZeroU64::get), expected, "{text}");
    }

    #[test]
    fn sizes_have_units() {
        check("4G", Some(4_000_000_000));
        check("4gb", Some(4_000_000_000));
        check("700Mi", Some(700 << 20));
        check("512", Some(512));
        for bad in ["", "0", "G", "-1", "1.5G", "4 G", "4X", "99999999999T"] {
            check(bad, None);
        }
    }
}
