//! How an architecture asks for its weights, its caches and its states.
//!
//! What is asked for is noted, so that a tensor which nobody reads is found: a file whose model
//! has more than its architecture computes would be computed wrong.

mod adapted;
mod nearest;
mod scales;
mod stacks;

use std::{collections::BTreeSet, ops::Range};

use kernels::{
    Backend, Bytes, Cache, CacheSpec, Format, Linear, LowRank, Norm, NormKind, Scale, Span, State,
    StateSpec, TableRows, Weight, WeightSpec,
};
use loader::{FileTensor, ModelFile};
use nearest::nearest;

use crate::{LoadError, cache::Layout};

/// Tensors that some converters write and every reader computes itself.
const COMPUTED: &[&str] = &["attn_rot_embd.weight"];

/// Uploads tensors below a name prefix, checking each shape on the way.
pub(crate) struct Weights<'a> {
    pub(crate) file: &'a ModelFile,
    backend: &'a mut dyn Backend,
    layout: &'a Layout,
    prefix: String,
    taken: &'a mut Taken,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Taken {
    names: BTreeSet<String>,
    /// What adapters add to the weights.
    pub(crate) low_rank: Vec<(Weight, LowRank)>,
    /// What they add to the rows of tables.
    pub(crate) tables: Vec<(Weight, TableRows)>,
    adapted: BTreeSet<String>,
    /// What weights are multiplied with.
    pub(crate) scales: Vec<(Weight, Scale)>,
    pub(crate) bytes: u64,
    pub(crate) parameters: u64,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(
        file: &'a ModelFile,
        backend: &'a mut dyn Backend,
        layout: &'a Layout,
        taken: &'a mut Taken,
    ) -> Self {
        Self { file, backend, layout, prefix: String::new(), taken }
    }

    /// The same weights, seen from `blk.{layer}.`.
    pub(crate) fn block(&mut self, layer: usize) -> Weights<'_> {
        let prefix = format!("{}blk.{layer}.", self.prefix);
        let Self { file, layout, .. } = *self;
        Weights { file, backend: self.backend, layout, prefix, taken: self.taken }
    }

    /// Whether the file has this tensor.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.file.tensors.contains_key(&format!("{}{name}", self.prefix))
    }

    /// `{name}.weight` of shape `[out, in]`, and `{name}.bias` if the file has it.
    pub(crate) fn linear(&mut self, name: &str, shape: [usize; 2]) -> Result<Linear, LoadError> {
        let bias = self.optional(&format!("{name}.bias"), [1, shape[0]])?;
        Ok(Linear { w: self.matrix(name, shape)?, bias })
    }

    /// The same; `None` if the file has no such tensor.
    pub(crate) fn linear_if(
        &mut self,
        name: &str,
        shape: [usize; 2],
    ) -> Result<Option<Linear>, LoadError> {
        let there = self.file.tensors.contains_key(&format!("{}{name}.weight", self.prefix));
        there.then(|| self.linear(name, shape)).transpose()
    }

    /// Root mean square normalisation.
    pub(crate) fn norm(&mut self, name: &str, cols: usize, eps: f32) -> Result<Norm, LoadError> {
        let w = Some(self.matrix(name, [1, cols])?);
        Ok(Norm::rms(cols, w, eps))
    }

    /// Layer normalisation, with `{name}.bias` if the file has it.
    pub(crate) fn layer_norm(
        &mut self,
        name: &str,
        cols: usize,
        eps: f32,
    ) -> Result<Norm, LoadError> {
        let bias = self.optional(&format!("{name}.bias"), [1, cols])?;
        Ok(Norm { kind: NormKind::Layer, bias, ..self.norm(name, cols, eps)? })
    }

    /// `None` if the file has no such norm.
    pub(crate) fn layer_norm_if(
        &mut self,
        name: &str,
        cols: usize,
        eps: f32,
    ) -> Result<Option<Norm>, LoadError> {
        self.has(&format!("{name}.weight")).then(|| self.layer_norm(name, cols, eps)).transpose()
    }

    /// A layer norm of each head with weights of its own; `None` if the file has no such norm.
    pub(crate) fn head_norms(
        &mut self,
        name: &str,
        [n_heads, head_dim]: [usize; 2],
        eps: f32,
    ) -> Result<Option<Norm>, LoadError> {
        let w = self.flat(&format!("{name}.weight"), [n_heads, head_dim])?;
        Ok(w.map(|w| Norm { kind: NormKind::Layer, ..Norm::rms(head_dim, Some(w), eps) }))
    }

    /// `None` if the file has no such norm.
    pub(crate) fn norm_if(
        &mut self,
        name: &str,
        cols: usize,
        eps: f32,
    ) -> Result<Option<Norm>, LoadError> {
        let w = self.optional(&format!("{name}.weight"), [1, cols])?;
        Ok(w.map(|w| Norm::rms(cols, Some(w), eps)))
    }

    pub(crate) fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Weight, LoadError> {
        let name = format!("{name}.weight");
        self.optional(&name, shape)?.ok_or_else(|| self.missing(&name))
    }

    /// `None` if the file has no such tensor; a wrong shape is still an error.
    pub(crate) fn optional(
        &mut self,
        name: &str,
        shape: [usize; 2],
    ) -> Result<Option<Weight>, LoadError> {
        let Some(tensor) = self.tensor(name, &shape)? else { return Ok(None) };
        let [rows, cols] = shape;
        let spec = WeightSpec { n: 1, rows, cols, format: tensor.format };
        let w = self.backend.upload(&spec, &tensor.parts)?;
        self.adapt(name, w, std::slice::from_ref(&(0..rows)))?;
        self.scale(name, tensor, &[w])?;
        Ok(Some(w))
    }

    /// The rows of `{name}.weight` one after the other, as many as each of `rows` says, with their
    /// share of `{name}.bias`; `None` if the file has no such tensor. Nothing is copied.
    pub(crate) fn fused<const N: usize>(
        &mut self,
        name: &str,
        rows: [usize; N],
        cols: usize,
    ) -> Result<Option<[Linear; N]>, LoadError> {
        let all: usize = rows.iter().sum();
        let bias = self.tensor(&format!("{name}.bias"), &[1, all])?;
        let Some(tensor) = self.tensor(&format!("{name}.weight"), &[all, cols])? else {
            return Ok(None);
        };
        let row_bytes =
            WeightSpec { n: 1, rows: all, cols, format: tensor.format }.check(&tensor.parts)?;
        let mut first = 0;
        let mut linears = Vec::new();
        for rows in rows {
            let range = first..first + rows;
            let spec = WeightSpec { n: 1, rows, cols, format: tensor.format };
            let w = self.backend.upload(&spec, &part(tensor, row_bytes, range.clone()))?;
            self.adapt(&format!("{name}.weight"), w, std::slice::from_ref(&range))?;
            let bias = bias.map(|bias| self.vector_part(bias, range)).transpose()?;
            linears.push(Linear { w, bias });
            first += rows;
        }
        let all: Vec<Weight> = linears.iter().map(|it| it.w).collect();
        self.scale(&format!("{name}.weight"), tensor, &all)?;
        Ok(Some(linears.try_into().expect("as many as there are rows")))
    }

    /// Some numbers of a vector.
    fn vector_part(
        &mut self,
        vector: &FileTensor,
        range: Range<usize>,
    ) -> Result<Weight, LoadError> {
        let format = vector.format;
        let rows = vector.shape.iter().product(); // it may be stored as a matrix of one row
        let number_bytes = WeightSpec { n: 1, rows, cols: 1, format }.check(&vector.parts)?;
        let spec = WeightSpec { n: 1, rows: 1, cols: range.len(), format };
        Ok(self.backend.upload(&spec, &part(vector, number_bytes, range))?)
    }

    /// A matrix as one row of all its numbers; `None` if the file has no such tensor.
    pub(crate) fn flat(
        &mut self,
        name: &str,
        shape: [usize; 2],
    ) -> Result<Option<Weight>, LoadError> {
        let Some(tensor) = self.tensor(name, &shape)? else { return Ok(None) };
        let spec = WeightSpec { n: 1, rows: 1, cols: shape[0] * shape[1], format: tensor.format };
        Ok(Some(self.backend.upload(&spec, &tensor.parts)?))
    }

    /// The `n` matrices of shape `[rows, cols]` that are stacked in `{name}.weight`.
    pub(crate) fn stacked(
        &mut self,
        name: &str,
        [n, rows, cols]: [usize; 3],
    ) -> Result<Vec<Linear>, LoadError> {
        let name = format!("{}{name}.weight", self.prefix);
        let Some(tensor) = self.file.tensors.get(&name) else {
            return Err(LoadError::MissingTensor { nearest: nearest(self.file, &name), name });
        };
        if tensor.shape != [n, rows, cols] {
            let (expected, found) = (vec![n, rows, cols], tensor.shape.clone());
            return Err(LoadError::Shape { name, expected, found });
        }
        let spec = WeightSpec { n: 1, rows: n * rows, cols, format: tensor.format };
        let row_bytes = spec.check(&tensor.parts)?;
        self.taken.note(name, tensor);
        let spec = WeightSpec { rows, ..spec };
        (0..n)
            .map(|i| {
                let parts = part(tensor, row_bytes, i * rows..(i + 1) * rows);
                Ok(Linear { w: self.backend.upload(&spec, &parts)?, bias: None })
            })
            .collect()
    }

    /// Notes tensors that published files have and nobody computes with.
    pub(crate) fn leave(&mut self, names: &[&str]) {
        let names = names.iter().map(|name| format!("{}{name}", self.prefix));
        self.taken.names.extend(names);
    }

    /// A vector that the host computes with; `None` if the file has no such tensor.
    pub(crate) fn numbers(
        &mut self,
        name: &str,
        cols: usize,
    ) -> Result<Option<Vec<f32>>, LoadError> {
        self.matrix_numbers(name, [1, cols])
    }

    /// A matrix that the host computes with, row after row; `None` if the file has no such tensor.
    pub(crate) fn matrix_numbers(
        &mut self,
        name: &str,
        [rows, cols]: [usize; 2],
    ) -> Result<Option<Vec<f32>>, LoadError> {
        let Some(tensor) = self.tensor(name, &[rows, cols])? else { return Ok(None) };
        WeightSpec { n: 1, rows, cols, format: tensor.format }.check(&tensor.parts)?;
        Ok(Some(tensor.numbers()))
    }

    /// A row of numbers that no file holds, such as rotary frequencies.
    pub(crate) fn computed(&mut self, numbers: &[f32]) -> Result<Weight, LoadError> {
        let spec = WeightSpec { n: 1, rows: 1, cols: numbers.len(), format: Format::F32 };
        Ok(self.backend.upload(&spec, &[Bytes::new(Format::F32.encode(numbers))])?)
    }

    /// The longest sequence that it computes.
    pub(crate) fn longest(&self) -> usize {
        self.layout.longest
    }

    /// The cache of one layer, whose rows see as far back as `span` says.
    pub(crate) fn cache(
        &mut self,
        k_cols: usize,
        v_cols: usize,
        span: Span,
    ) -> Result<Cache, LoadError> {
        let &Layout { block_len, format, .. } = self.layout;
        let group = self.layout.group(span);
        let blocks = self.layout.groups[group].blocks;
        let spec = CacheSpec { group, k_cols, v_cols, blocks, block_len, format };
        Ok(self.backend.new_cache(&spec)?)
    }

    /// The state of one recurrent layer, of so many numbers a slot.
    pub(crate) fn state(&mut self, cols: usize) -> Result<State, LoadError> {
        Ok(self.backend.new_state(&StateSpec { slots: self.layout.slots, cols })?)
    }

    fn tensor(
        &mut self,
        name: &str,
        expected: &[usize],
    ) -> Result<Option<&'a FileTensor>, LoadError> {
        let name = format!("{}{name}", self.prefix);
        let Some(tensor) = self.file.tensors.get(&name) else { return Ok(None) };
        // A matrix of one row may be stored as a vector.
        let [outer @ .., rows, cols] = expected else { unreachable!("a matrix or a stack") };
        let vector = *rows == 1 && tensor.shape == [outer, &[*cols]].concat();
        if tensor.shape != expected && !vector {
            let (expected, found) = (expected.to_vec(), tensor.shape.clone());
            return Err(LoadError::Shape { name, expected, found });
        }
        self.taken.note(name, tensor);
        Ok(Some(tensor))
    }

    pub(crate) fn missing(&self, name: &str) -> LoadError {
        let name = format!("{}{name}", self.prefix);
        LoadError::MissingTensor { nearest: nearest(self.file, &name), name }
    }
}

impl Taken {
    fn note(&mut self, name: String, tensor: &FileTensor) {
        self.bytes += tensor.parts.iter().map(|it| it.len() as u64).sum::<u64>();
        self.parameters += tensor.shape.iter().product::<usize>() as u64;
        self.names.insert(name);
    }

    /// An error if `file` has a tensor that was not read, or a change of one that was not applied.
    pub(crate) fn check_all(&self, file: &ModelFile) -> Result<(), LoadError> {
        if let Some(name) = file.low_rank.keys().find(|it| !self.adapted.contains(*it)) {
            return Err(LoadError::Adapter { name: name.clone() });
        }
        let known = |name: &String| {
            self.names.contains(name) || COMPUTED.iter().any(|it| name.ends_with(it))
        };
        let mut unused = file.tensors.keys().filter(|name| !known(name));
        let Some(first) = unused.next() else { return Ok(()) };
        let architecture = file.architecture().to_owned();
        Err(LoadError::UnusedTensors { architecture, first: first.clone(), more: unused.count() })
    }
}

/// These rows of a tensor, each of which has so many bytes.
fn part(tensor: &FileTensor, row_bytes: usize, rows: Range<usize>) -> Vec<Bytes> {
    let wanted = rows.start * row_bytes..rows.end * row_bytes;
    let (mut begin, mut parts) = (0, Vec::new());
    for part in &tensor.parts {
        let end = begin + part.len();
        let cut = wanted.start.max(begin)..wanted.end.min(end);
        if !cut.is_empty() {
            parts.push(part.slice(cut.start - begin..cut.end - begin));
        }
        begin = end;
    }
    parts
}
