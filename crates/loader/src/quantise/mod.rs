//! Encoding weights well: scales are searched for, so that the sum of weighted squares of what is
//! lost is small.
//!
//! `format` has for each format the simplest encoder, which defines nothing and serves tests; here
//! are those that models are made with. `search` finds the scale of a run, `plain` has the formats
//! of 32 weights a block, `nested` those with scales of scales. `mix` names mixes, `recipe` says which tensor gets which
//! format, `imatrix` reads what measured activations say about the columns.
//!
//! The searches are those of ggml's quantiser (the same candidates), and four steps more: the best
//! candidate is refined until its codes stay as they are; where there is a minimum, codes that
//! leave out the highest levels are tried, so that weights that were in such a format before keep
//! their values; and where scales are themselves rounded, several scales of them are, and the
//! neighbours of each rounded scale.

mod conversion;
mod imatrix;
mod mix;
mod nested;
mod plain;
mod product;
mod recipe;
mod search;

pub use conversion::{Conversion, Item};
pub use imatrix::Importance;
pub use mix::Mix;
pub use recipe::{Measured, Recipe};

use crate::Format;

/// Whether [`encode_rows`] takes this format.
pub fn is_encoded(format: Format) -> bool {
    encoder(format).is_some()
}

/// Encodes whole rows of `cols` weights into `out`, which has their length.
///
/// `importance` says how much each column counts; without it all columns count the same.
///
/// # Panics
///
/// If the lengths do not fit, or there is no encoder: see [`is_encoded`].
pub fn encode_rows(
    format: Format,
    rows: &[f32],
    cols: usize,
    importance: Option<&[f32]>,
    out: &mut [u8],
) {
    let encode = encoder(format).expect("asked by the caller");
    let bytes = format.row_bytes(cols).expect("whole blocks");
    assert_eq!(rows.len() / cols * bytes, out.len(), "bytes of the rows");
    assert!(importance.is_none_or(|it| it.len() == cols), "importance of each column");
    let layout = format.layout();
    let count = count(format);
    let mut weights = vec![1.0; layout.block_len];
    for (row, out) in rows.chunks_exact(cols).zip(out.chunks_exact_mut(bytes)) {
        let blocks = row.chunks_exact(layout.block_len);
        for (i, (x, out)) in blocks.zip(out.chunks_exact_mut(layout.block_bytes)).enumerate() {
            if layout.block_len > 1 {
                let from = importance.map(|it| &it[i * layout.block_len..][..layout.block_len]);
                weigh(x, from, count, &mut weights);
            }
            encode(x, &weights, out);
        }
    }
}

/// A block, how much each of its weights counts, and where its bytes go.
type Encode = fn(x: &[f32], weights: &[f32], out: &mut [u8]);

fn encoder(format: Format) -> Option<Encode> {
    Some(match format {
        Format::F32 => |x, _, out| (Format::F32.layout().encode_block)(x, out),
        Format::F16 => |x, _, out| (Format::F16.layout().encode_block)(x, out),
        Format::BF16 => |x, _, out| (Format::BF16.layout().encode_block)(x, out),
        Format::Q8_0 => |x, _, out| (Format::Q8_0.layout().encode_block)(x, out),
        Format::Q4_0 => plain::q4_0,
        Format::Q4_1 => plain::q4_1,
        Format::Q5_0 => plain::q5_0,
        Format::Q5_1 => plain::q5_1,
        Format::IQ4_NL => plain::iq4_nl,
        Format::MXFP4 => plain::mxfp4,
        Format::Q2_K => nested::q2_k,
        Format::Q3_K => nested::q3_k,
        Format::Q4_K => nested::q4_k,
        Format::Q5_K => nested::q5_k,
        Format::Q6_K => nested::q6_k,
        Format::IQ4_XS => nested::iq4_xs,
        Format::IQ1_S
        | Format::IQ1_M
        | Format::IQ2_XXS
        | Format::IQ2_XS
        | Format::IQ2_S
        | Format::IQ3_XXS
        | Format::IQ3_S
        | Format::TQ1_0
        | Format::TQ2_0
        | Format::NVFP4 => return None,
    })
}

/// How much a weight counts, given the mean square of its block.
type Count = fn(x: f32, mean_square: f32) -> f32;

/// How much a weight counts where nothing was measured.
///
/// The RMSE is least if all count the same, but the error of a large weight does more harm: Q4_0 of
/// Qwen2.5 0.5B has 8% more perplexity then. So each format counts large weights for more, as far as
/// its RMSE stays below that of ggml's encoder (`benches/quantise.sh` measures both).
fn count(format: Format) -> Count {
    match format {
        Format::Q4_0 | Format::Q4_1 | Format::Q5_0 | Format::Q5_1 => |x, _| x * x,
        Format::Q3_K | Format::IQ4_NL | Format::IQ4_XS => |x, mean_square| mean_square + x * x,
        Format::Q2_K | Format::Q4_K | Format::Q5_K => root,
        // `Q6_K` and `Q8_0` lose too little for a difference, `MXFP4` has three scales to choose from.
        _ => |_, _| 1.0,
    }
}

/// A large weight counts for more than a small one, but a small one is not nothing.
fn root(x: f32, mean_square: f32) -> f32 {
    (mean_square + x * x).sqrt()
}

/// How much each weight of a block counts: with an importance, as in ggml's quantiser.
fn weigh(x: &[f32], importance: Option<&[f32]>, count: Count, weights: &mut [f32]) {
    let mean_square = x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
    match importance {
        Some(importance) => {
            for ((w, x), by) in weights.iter_mut().zip(x).zip(importance) {
                *w = by * root(*x, mean_square);
            }
        }
        None => weights.iter_mut().zip(x).for_each(|(w, x)| *w = count(*x, mean_square)),
    }
}

#[cfg(test)]
mod tests;
