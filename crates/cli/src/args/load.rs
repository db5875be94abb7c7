//! Settings of whatever loads a model onto a device.

use std::{fmt, num::NonZeroUsize, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use kernels::{CacheFormat, cpu::Precision};
use loader::{Access, quantise::Mix};
use serde::Deserialize;

use super::{number, text};
use crate::settings::or_variable;

/// How a model is loaded.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Load {
    /// Tokens of context [default: the smallest of the model's, 32,768 and what half of the free
    /// memory holds]
    #[arg(short = 'c', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::count)]
    #[serde(deserialize_with = "text::count")]
    pub(crate) ctx_size: Option<NonZeroUsize>,
    /// Threads [default: INGLE_THREADS, else one a physical core]
    #[arg(short = 't', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::count)]
    #[serde(deserialize_with = "text::count")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// What computes: `auto`, `cpu`, or `reference` (slow and exact, for bug reports)
    #[arg(long, value_name = "DEVICE")]
    #[serde(deserialize_with = "text::one")]
    pub(crate) device: Option<Device>,
    /// `fast` (activations rounded to 8 bits where that is faster) or `exact` [default:
    /// INGLE_PRECISION, else fast]
    #[arg(long, value_name = "PRECISION")]
    #[serde(deserialize_with = "text::one")]
    pub(crate) precision: Option<Precision>,
    /// How the cache keeps keys and values: fewer bits hold a longer context, less exactly [default:
    /// f16, or f32 where the precision is exact]
    #[arg(long, value_name = "TYPE", value_enum)]
    #[serde(deserialize_with = "text::one")]
    pub(crate) cache_type: Option<CacheType>,
    /// Change a metadata value, e.g. `llama.rope.freq_base=f32:10000`
    #[arg(long, value_name = "KEY=TYPE:VALUE")]
    #[serde(deserialize_with = "text::many")]
    pub(crate) override_kv: Vec<loader::Override>,
    /// Encode the matrices anew while loading, e.g. `q4_k_m`; takes time, and memory for all of them
    #[arg(long, value_name = "TYPE")]
    #[serde(deserialize_with = "text::one")]
    pub(crate) quant: Option<Mix>,
    /// Add a LoRA adapter, a GGUF file or a PEFT folder, times SCALE; several add up
    #[arg(long, value_name = "FILE[:SCALE]")]
    #[serde(deserialize_with = "text::many")]
    pub(crate) lora: Vec<Lora>,
    /// Read the whole file into memory at once instead of mapping it: for network drives, and disks
    /// that may be pulled
    #[arg(long)]
    pub(crate) no_mmap: bool,
    /// Lock the weights in memory, so that none is ever read from the disk again; where the limit
    /// (`ulimit -l`) forbids that, a warning says so
    #[arg(long)]
    pub(crate) mlock: bool,
}

/// What computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Device {
    /// The best there is.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// Plain loops in f64.
    Reference,
}

/// How a cache keeps keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheType {
    F32,
    F16,
    Bf16,
    #[value(name = "q8_0")]
    Q8,
    #[value(name = "q4_0")]
    Q4,
}

impl CacheType {
    /// As the engine calls it.
    pub(crate) fn format(self) -> CacheFormat {
        match self {
            Self::F32 => CacheFormat::F32,
            Self::F16 => CacheFormat::F16,
            Self::Bf16 => CacheFormat::BF16,
            Self::Q8 => CacheFormat::Q8_0,
            Self::Q4 => CacheFormat::Q4_0,
        }
    }
}

impl FromStr for CacheType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = Self::value_variants();
        let found = all.iter().copied().find(|it| it.format().name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|it| format!("`{}`", it.format())).collect();
            format!("no cache type is called `{name}`, there are {}", names.join(", "))
        })
    }
}

/// An adapter, and what it is multiplied with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lora {
    pub(crate) path: PathBuf,
    pub(crate) scale: f32,
}

impl FromStr for Lora {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scaled = text.rsplit_once(':');
        let scaled = scaled.and_then(|(path, scale)| Some((path, scale.parse::<f32>().ok()?)));
        let (path, scale) = scaled.unwrap_or((text, 1.0));
        match path {
            "" => Err("no file is named, expected `FILE` or `FILE:SCALE`".to_owned()),
            _ if !scale.is_finite() => Err(format!("the scale is {scale}, expected a number")),
            _ => Ok(Self { path: path.into(), scale }),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "reference" => Ok(Self::Reference),
            _ => Err(format!(
                "no device is called `{name}`, there are `auto`, `cpu` and `reference`"
            )),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Reference => "reference",
        })
    }
}

impl Load {
    /// How the bytes of a model file are come by.
    pub(crate) fn access(&self) -> Access {
        if self.no_mmap { Access::Read } else { Access::Map }
    }

    /// These, and where they say nothing, the environment.
    ///
    /// # Errors
    ///
    /// If a variable says what the flag would not take.
    pub(crate) fn or_environment(self) -> anyhow::Result<Self> {
        let threads = or_variable(self.threads, "INGLE_THREADS", number::count)?;
        let precision =
            or_variable(self.precision, "INGLE_PRECISION", |it| it.parse::<Precision>())?;
        Ok(Self { threads, precision, ..self })
    }

    /// These, and where they say nothing, those of `file`.
    pub(crate) fn or(self, mut file: Self) -> Self {
        if self.device == Some(Device::Reference) {
            // The file's are for the processor that it speaks of.
            (file.threads, file.precision) = (None, None);
        }
        Self {
            ctx_size: self.ctx_size.or(file.ctx_size),
            threads: self.threads.or(file.threads),
            device: self.device.or(file.device),
            precision: self.precision.or(file.precision),
            cache_type: self.cache_type.or(file.cache_type),
            // The file's come first, so that a flag for the same key wins.
            override_kv: [file.override_kv, self.override_kv].concat(),
            quant: self.quant.or(file.quant),
            lora: if self.lora.is_empty() { file.lora } else { self.lora },
            no_mmap: self.no_mmap || file.no_mmap,
            mlock: self.mlock || file.mlock,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_follows_the_last_colon() {
        let lora = |path: &str, scale| Ok(Lora { path: path.into(), scale });
        assert_eq!("a.gguf".parse(), lora("a.gguf", 1.0));
        assert_eq!("a.gguf:0.5".parse(), lora("a.gguf", 0.5));
        assert_eq!("c:/x/a:-2".parse(), lora("c:/x/a", -2.0));
        assert_eq!("c:/x/a".parse(), lora("c:/x/a", 1.0));
        assert!(":1".parse::<Lora>().is_err() && "a:nan".parse::<Lora>().is_err());
    }

    #[test]
    fn cache_types_are_called_as_the_engine_calls_them() {
        for it in CacheType::value_variants() {
            let value = it.to_possible_value().expect("none is hidden");
            assert_eq!(value.get_name(), it.format().name());
            assert_eq!(it.format().name().parse(), Ok(*it));
        }
        let known = CacheType::value_variants().iter().map(|it| it.format());
        assert!(known.eq(CacheFormat::ALL));
        let error = "q5_1".parse::<CacheType>().unwrap_err();
        let expected =
            "no cache type is called `q5_1`, there are `f32`, `f16`, `bf16`, `q8_0`, `q4_0`";
        assert_eq!(error, expected);
    }

    #[test]
    fn the_files_threads_are_not_those_of_the_reference() {
        let file = Load {
            threads: NonZeroUsize::new(4),
            precision: Some(Precision::Fast),
            ..Load::default()
        };
        let both = |flags: Load| {
            let all = flags.or(file.clone());
            (all.threads.map(NonZeroUsize::get), all.precision)
        };
        assert_eq!(both(Load::default()), (Some(4), Some(Precision::Fast)));
        let reference = Load { device: Some(Device::Reference), ..Load::default() };
        assert_eq!(both(reference.clone()), (None, None));
        let asked = Load { threads: NonZeroUsize::new(2), ..reference };
        assert_eq!(both(asked), (Some(2), None));
    }
}
