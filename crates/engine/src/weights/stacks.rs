//! Weights of several matrices: of experts and of heads.

use kernels::{Bytes, Format, Linear, Weight, WeightSpec};
use loader::FileTensor;

use super::{Weights, part};
use crate::LoadError;

impl Weights<'_> {
    /// `{name}.weight` of shape `[n, out, in]`, and `{name}.bias` of `[n, out]` if the file has it.
    pub(crate) fn experts(&mut self, name: &str, shape: [usize; 3]) -> Result<Linear, LoadError> {
        let [n, out, _] = shape;
        let w = self.stack(&format!("{name}.weight"), &shape)?;
        let bias = format!("{name}.bias");
        let bias = if self.has(&bias) { Some(self.stack(&bias, &[n, 1, out])?) } else { None };
        Ok(Linear { w, bias })
    }

    /// The two halves of each of `n` matrices, of shape `[out, in]`, that are stacked in
    /// `{name}.weight`; `None` if the file has no such tensor. Nothing is copied.
    pub(crate) fn fused_experts(
        &mut self,
        name: &str,
        [n, out, cols]: [usize; 3],
    ) -> Result<Option<[Linear; 2]>, LoadError> {
        let Some(tensor) = self.tensor(&format!("{name}.weight"), &[n, 2 * out, cols])? else {
            return Ok(None);
        };
        let format = tensor.format;
        let all = WeightSpec { n: 1, rows: n * 2 * out, cols, format };
        let row_bytes = all.check(&tensor.parts)?;
        let mut half = |half: usize| {
            let begins = (0..n).map(|i| (2 * i + half) * out);
            let rows: Vec<_> = begins.map(|begin| begin..begin + out).collect();
            let parts = rows.iter().flat_map(|rows| part(tensor, row_bytes, rows.clone()));
            let spec = WeightSpec { n, rows: out, cols, format };
            let w = self.backend.upload(&spec, &parts.collect::<Vec<_>>())?;
            self.adapt(&format!("{name}.weight"), w, &rows)?;
            Ok::<_, LoadError>(Linear { w, bias: None })
        };
        let halves = [half(0)?, half(1)?];
        self.scale(&format!("{name}.weight"), tensor, &halves.map(|it| it.w))?;
        Ok(Some(halves))
    }

    /// Matrices of one shape, one after the other.
    pub(crate) fn stack(&mut self, name: &str, shape: &[usize; 3]) -> Result<Weight, LoadError> {
        let tensor = self.tensor(name, shape)?.ok_or_else(|| self.missing(name))?;
        let &[n, rows, cols] = shape;
        let spec = WeightSpec { n, rows, cols, format: tensor.format };
        let w = self.backend.upload(&spec, &tensor.parts)?;
        self.adapt(name, w, &(0..n).map(|i| i * rows..(i + 1) * rows).collect::<Vec<_>>())?;
        self.scale(name, tensor, &[w])?;
        Ok(w)
    }

    /// The outermost dimension of a tensor, where no metadata tells it; `None` if the file has none of
    /// this name.
    pub(crate) fn rows(&self, name: &str) -> Option<usize> {
        let tensor = self.file.tensors.get(&format!("{}{name}", self.prefix))?;
        tensor.shape.first().copied()
    }

    /// What [`fused`](Self::fused) gives, of a tensor that must be there.
    pub(crate) fn fused_there<const N: usize>(
        &mut self,
        name: &str,
        rows: [usize; N],
        cols: usize,
    ) -> Result<[Linear; N], LoadError> {
        let there = self.fused(name, rows, cols)?;
        there.ok_or_else(|| self.missing(&format!("{name}.weight")))
    }

    /// Two matrices a head from a tensor whose rows are, head after head, `first` of the one and
    /// `second` of the other: the first transposed, `(cols, first)`, which is a copy, and the second
    /// as it is.
    pub(crate) fn split_heads(
        &mut self,
        name: &str,
        n: usize,
        [first, second, cols]: [usize; 3],
    ) -> Result<(Weight, Weight), LoadError> {
        let rows = n * (first + second);
        let tensor = self.tensor(name, &[rows, cols])?.ok_or_else(|| self.missing(name))?;
        let format = tensor.format;
        let row_bytes = WeightSpec { n: 1, rows, cols, format }.check(&tensor.parts)?;
        let of_head = |h: usize, begin: usize, rows: usize| {
            let begin = h * (first + second) + begin;
            part(tensor, row_bytes, begin..begin + rows)
        };
        let transposed = (0..n).map(|h| transposed(tensor, &of_head(h, 0, first), cols));
        let transposed: Vec<Bytes> = transposed.collect();
        let spec = WeightSpec { n, rows: cols, cols: first, format: unblocked(format) };
        let one = self.backend.upload(&spec, &transposed)?;
        let plain: Vec<Bytes> = (0..n).flat_map(|h| of_head(h, first, second)).collect();
        let spec = WeightSpec { n, rows: second, cols, format };
        let two = self.backend.upload(&spec, &plain)?;
        self.adapt_heads(name, [one, two])?;
        self.scale(name, tensor, &[one, two])?;
        Ok((one, two))
    }
}

/// The matrix in these rows of `tensor`, with its columns as rows.
fn transposed(tensor: &FileTensor, rows: &[Bytes], cols: usize) -> Bytes {
    let bytes: Vec<u8> = rows.iter().flat_map(|it| it.iter().copied()).collect();
    let row_bytes = tensor.format.row_bytes(cols).expect("the shape was checked");
    let n_rows = bytes.len() / row_bytes;
    let mut numbers = vec![0.0; n_rows * cols];
    tensor.format.decode_row(&bytes, &mut numbers);
    let columns = (0..cols).flat_map(|c| numbers.iter().skip(c).step_by(cols).copied());
    Bytes::new(unblocked(tensor.format).encode(&columns.collect::<Vec<f32>>()))
}

/// A format for numbers of this one in any order, none of which it changes.
fn unblocked(format: Format) -> Format {
    match format {
        Format::F16 | Format::BF16 => format,
        _ => Format::F32,
    }
}
