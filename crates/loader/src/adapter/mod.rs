//! Low-rank adapters (LoRA, Hu et al., 2021): what a fine-tuning added to some matrices of a model,
//! each as the product of two thin ones.
//!
//! [`ModelFile::adapt`] reads one, as GGUF or as PEFT writes it, holds it against the model and keeps
//! it beside the weights, which stay as they are: the engine adds what it computes, and a conversion
//! adds it to the weights. Several add up.

mod error;
mod forms;
mod gguf;

use std::{collections::BTreeMap, path::Path};

pub use error::Error;
pub use forms::{is_table, transposed};

use crate::{
    Access, Bytes, Container, FileTensor, Format, Mapping, Metadata, ModelFile, QkOrder,
    file::Heads, safetensors,
};

/// What an adapter adds to a matrix `w`, or to each of a stack: `scale * b a`.
#[derive(Clone, Debug)]
pub struct LowRank {
    /// `[rank, cols]`, or `[n, rank, cols]`.
    pub a: FileTensor,
    /// `[rows, rank]`, or `[n, rows, rank]`: the rows in the order of the matrix.
    pub b: FileTensor,
    /// What the product is multiplied with.
    pub scale: f32,
}

/// What an adapter says of itself, and what it was read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The kind of file.
    pub container: Container,
    /// What it says of itself, in GGUF's keys.
    pub metadata: Metadata,
    /// The files behind its bytes.
    pub mappings: Vec<Mapping>,
}

/// An adapter as it was read, under GGUF's names of tensors.
pub(crate) struct Adapter {
    pub(crate) pairs: BTreeMap<String, Pair>,
    /// How the rows of `attn_q` and `attn_k` are ordered.
    pub(crate) qk_order: QkOrder,
    pub(crate) source: Source,
}

/// What it has for one tensor.
pub(crate) struct Pair {
    pub(crate) a: FileTensor,
    pub(crate) b: FileTensor,
    /// What the product is multiplied with, whatever the user asks for.
    pub(crate) scale: f32,
}

impl ModelFile {
    /// Adds the adapter at `path`, a GGUF file or a folder of PEFT, times `scale`; where it is from.
    ///
    /// # Errors
    ///
    /// If it is no adapter, of another model, or of a kind that is not supported; then nothing is added.
    pub fn adapt(
        &mut self,
        path: &Path,
        scale: f32,
        access: Access,
    ) -> Result<Source, crate::Error> {
        let in_it = |error: Error| Error::In { path: path.to_owned(), source: Box::new(error) };
        let adapter = match path.is_dir() || path.extension().is_some_and(|it| it == "safetensors")
        {
            true => safetensors::adapter(path, self, access)?,
            false => gguf::open(path, self, access)?,
        };
        let added = self.all_fitted(adapter.pairs, adapter.qk_order).map_err(in_it)?;
        for (name, low_rank) in added {
            let low_rank = LowRank { scale: low_rank.scale * scale, ..low_rank };
            self.low_rank.entry(name).or_default().push(low_rank);
        }
        self.mappings.extend(adapter.source.mappings.iter().cloned());
        Ok(adapter.source)
    }

    /// The pair as it belongs to the tensor `name` of this model, which has the shape `base`.
    fn fitted_to(
        &self,
        base: &[usize],
        name: &str,
        pair: Pair,
        order: QkOrder,
    ) -> Result<LowRank, Error> {
        let Pair { a, b, scale } = pair;
        let rank = a.shape.iter().rev().nth(1).copied().unwrap_or(0);
        let expected = |at: usize| {
            let mut shape = base.to_vec();
            let last = shape.len().wrapping_sub(1);
            if let Some(it) = shape.get_mut(last.wrapping_sub(at)) {
                *it = rank;
            }
            shape
        };
        let is_whole = (2..=3).contains(&base.len()) && (1..=MAX_RANK).contains(&rank);
        if !is_whole || a.shape != expected(1) || b.shape != expected(0) {
            let (a, b, base) = (a.shape, b.shape, base.to_vec());
            return Err(Error::Shape { tensor: name.to_owned(), a, b, base });
        }
        [&a, &b].into_iter().try_for_each(check_format)?;
        let b = self.ordered(name, b, order)?;
        Ok(LowRank { a, b, scale })
    }

    /// The same rows in the order of this model's.
    fn ordered(&self, name: &str, b: FileTensor, order: QkOrder) -> Result<FileTensor, Error> {
        if order == self.qk_order {
            return Ok(b);
        }
        let wrong = || Error::Heads { tensor: name.to_owned() };
        let Some(Heads { dim, turned }) = self.heads(name).map_err(|_| wrong())? else {
            return Ok(b);
        };
        let [rows, rank] = b.shape[..] else { return Err(wrong()) };
        let numbers = b.numbers();
        let from = |row: usize| row / dim * dim + turned_row(row % dim, turned, order);
        let rows = (0..rows).flat_map(|row| &numbers[from(row) * rank..][..rank]).copied();
        let bytes = Bytes::new(Format::F32.encode(&rows.collect::<Vec<_>>()));
        Ok(FileTensor { format: Format::F32, shape: b.shape, parts: vec![bytes] })
    }
}

/// Factors have all the bits of their weights.
fn check_format(factor: &FileTensor) -> Result<(), Error> {
    match factor.format {
        Format::F32 | Format::F16 | Format::BF16 => Ok(()),
        other => Err(Error::Unsupported { found: format!("weights of {}", other.layout().name) }),
    }
}

/// As large as any adapter has, with room.
const MAX_RANK: usize = 1 << 14;

/// Where the row `i` of a head is, in a head whose rows are in `order`, which is not the wanted one.
fn turned_row(i: usize, turned: usize, order: QkOrder) -> usize {
    let half = turned / 2;
    match order {
        _ if i >= 2 * half => i,
        QkOrder::Halves => i / 2 + i % 2 * half,
        QkOrder::Interleaved => i % half * 2 + i / half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_there_and_back() {
        let there: Vec<_> = (0..6).map(|i| turned_row(i, 4, QkOrder::Halves)).collect();
        assert_eq!(there, [0, 2, 1, 3, 4, 5]);
        for i in 0..10 {
            let there = turned_row(i, 8, QkOrder::Halves);
            assert_eq!(turned_row(there, 8, QkOrder::Interleaved), i);
        }
    }
}
