//! Weights that a checkpoint keeps in fewer bits than their names say: FP8 with scales beside them,
//! and the 4 bits of GPTQ and AWQ. `quantization_config` in `config.json` says which it is.
//!
//! They are decoded when they are first looked at, into formats that there are anyway, and lie in
//! memory then instead of in the mapped file; who passes over them once keeps one at a time:
//!
//! | stored                                             | decoded to | bits a weight      |
//! |----------------------------------------------------|------------|--------------------|
//! | FP8 (E4M3): `weight`, `weight_scale(_inv)`         | `BF16`     | 16, stored were 8  |
//! | GPTQ: `qweight`, `qzeros`, `scales`, `g_idx`       | see below  |                    |
//! | AWQ: `qweight`, `qzeros`, `scales`                 | see below  |                    |
//! | … of which every zero point is 8, groups in order  | `Q4_0`     | 4.5, stored 4.1    |
//! | … else                                             | `F16`      | 16, stored 4.2     |
//! | MXFP4 (gpt-oss): `_blocks`, `_scales`              | `MXFP4`    | 4.25, stored 4.25  |
//!
//! `Q4_0` and `MXFP4` hold exactly what was stored; `BF16` and `F16` round as the frameworks do that these
//! checkpoints come from, which multiply out in these types.

mod fp8;
mod int4;
mod mxfp4;

use std::collections::BTreeMap;

use super::{Error, config::Config, shards::Stored};
use crate::FileTensor;

/// How weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// As their dtype says.
    Plain,
    /// Floats of 8 bits; blocks of so many rows and columns, where `config.json` has them.
    Fp8 { block: Option<[usize; 2]> },
    /// Eight numbers of 4 bits in a word, down the input features.
    Gptq { zeros: Zeros },
    /// Eight numbers of 4 bits in a word, across the output features.
    Awq,
    /// Floats of 4 bits, exponents apart.
    Mxfp4,
}

/// What a stored zero point of GPTQ means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zeros {
    /// One less than the zero point.
    LessOne,
    /// The zero point: `checkpoint_format` is `gptq_v2`.
    AsStored,
}

/// Where `config.json` says how weights are kept.
pub(super) const KEY: &str = "quantization_config";

impl Scheme {
    /// What `config.json` says.
    pub(super) fn of(config: Config<'_>) -> Result<Self, Error> {
        let Some(how) = config.object(KEY)? else { return Ok(Self::Plain) };
        match how.text("quant_method")?.unwrap_or_default() {
            "fp8" | "fbgemm_fp8" => Ok(Self::Fp8 { block: block(how)? }),
            "compressed-tensors" if how.text("format")? == Some("float-quantized") => {
                Ok(Self::Fp8 { block: None })
            }
            "gptq" => {
                four_bits(how)?;
                let format = how.text("checkpoint_format")?.unwrap_or("gptq");
                match format {
                    "gptq" => Ok(Self::Gptq { zeros: Zeros::LessOne }),
                    "gptq_v2" => Ok(Self::Gptq { zeros: Zeros::AsStored }),
                    _ => Err(how.not("checkpoint_format", "`gptq` or `gptq_v2`")),
                }
            }
            "awq" => {
                four_bits(how)?;
                match how.text("version")?.unwrap_or("gemm").to_lowercase().as_str() {
                    "gemm" => Ok(Self::Awq),
                    _ => Err(how.not("version", "`gemm`")),
                }
            }
            "mxfp4" => Ok(Self::Mxfp4),
            _ => Err(how.not("quant_method", "`fp8`, `fbgemm_fp8`, `mxfp4`, `gptq` or `awq`")),
        }
    }

    /// The tensors as they are meant; what only served to keep them is gone.
    pub(super) fn decode(
        self,
        tensors: Vec<(String, Stored)>,
    ) -> Result<Vec<(String, FileTensor)>, Error> {
        if self == Self::Plain {
            let plain = |(name, tensor): (String, Stored)| Ok((name.clone(), tensor.plain(&name)?));
            return tensors.into_iter().map(plain).collect();
        }
        let mut rest: BTreeMap<String, Stored> = tensors.into_iter().collect();
        let names: Vec<String> = rest.keys().cloned().collect();
        let mut decoded = Vec::new();
        for name in names {
            if let (Self::Mxfp4, Some(stem)) = (self, name.strip_suffix(mxfp4::BLOCKS)) {
                decoded.push((name.clone(), mxfp4::decode(&mut rest, stem)?));
                continue;
            }
            let Some((stem, last)) = name.rsplit_once('.') else { continue };
            let made = match (self, last) {
                (Self::Fp8 { block }, "weight") if rest[&name].is_fp8() => {
                    fp8::decode(&mut rest, stem, block)?
                }
                (Self::Gptq { zeros }, "qweight") => int4::gptq(&mut rest, stem, zeros)?,
                (Self::Awq, "qweight") => int4::awq(&mut rest, stem)?,
                _ => continue,
            };
            decoded.push((format!("{stem}.weight"), made));
        }
        for (name, tensor) in rest {
            let plain = tensor.plain(&name)?;
            decoded.push((name, plain));
        }
        Ok(decoded)
    }
}

fn block(how: Config<'_>) -> Result<Option<[usize; 2]>, Error> {
    const KEY: &str = "weight_block_size";
    let Some(sizes) = how.array(KEY)? else { return Ok(None) };
    let sizes: Vec<usize> =
        sizes.iter().filter_map(|it| it.as_u64()).map(|it| it as usize).collect();
    match sizes[..] {
        [rows, cols] if rows > 0 && cols > 0 => Ok(Some([rows, cols])),
        _ => Err(how.not(KEY, "two whole numbers above 0")),
    }
}

fn four_bits(how: Config<'_>) -> Result<(), Error> {
    match how.count("bits")?.or(how.count("w_bit")?) {
        Some(4) => Ok(()),
        _ => Err(how.not("bits", "4")),
    }
}

/// A tensor that belongs to a weight.
fn need(rest: &mut BTreeMap<String, Stored>, name: String) -> Result<Stored, Error> {
    rest.remove(&name).ok_or(Error::MissingPart { tensor: name })
}

/// The error that a tensor has another shape or type than the weight that it belongs to asks for.
fn misfit(name: &str, tensor: &Stored, expected: String) -> Error {
    let found = format!("{} {:?}", tensor.dtype, tensor.shape);
    Error::PartShape { tensor: name.to_owned(), found, expected }
}
