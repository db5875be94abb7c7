//! How an architecture asks for its weights, its numbers and its caches.

use kernels::{
    Backend, Bytes, Cache, CacheFormat, CacheSpec, Format, Linear, Norm, Weight, WeightSpec,
};
use loader::ModelFile;

use crate::{LoadError, Pages};

/// Uploads tensors below a name prefix, checking each shape on the way.
pub(crate) struct Weights<'a> {
    pub(crate) file: &'a ModelFile,
    backend: &'a mut dyn Backend,
    pages: Pages,
    prefix: String,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(file: &'a ModelFile, backend: &'a mut dyn Backend, pages: Pages) -> Self {
        Self { file, backend, pages, prefix: String::new() }
    }

    /// The same weights, seen from `blk.{layer}.`.
    pub(crate) fn block(&mut self, layer: usize) -> Weights<'_> {
        let prefix = format!("{}blk.{layer}.", self.prefix);
        Weights { file: self.file, backend: self.backend, pages: self.pages, prefix }
    }

    /// `{name}.weight` of shape `[out, in]`, and `{name}.bias` if the file has it.
    pub(crate) fn linear(&mut self, name: &str, shape: [usize; 2]) -> Result<Linear, LoadError> {
        let bias = self.optional(&format!("{name}.bias"), [1, shape[0]])?;
        Ok(Linear { w: self.matrix(name, shape)?, bias })
    }

    pub(crate) fn norm(&mut self, name: &str, cols: usize, eps: f32) -> Result<Norm, LoadError> {
        let w = Some(self.matrix(name, [1, cols])?);
        Ok(Norm { cols, w, eps })
    }

    /// `None` if the file has no such norm.
    pub(crate) fn norm_if(
        &mut self,
        name: &str,
        cols: usize,
        eps: f32,
    ) -> Result<Option<Norm>, LoadError> {
        let w = self.optional(&format!("{name}.weight"), [1, cols])?;
        Ok(w.map(|w| Norm { cols, w: Some(w), eps }))
    }

    pub(crate) fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Weight, LoadError> {
        let name = format!("{name}.weight");
        let name_in_file = format!("{}{name}", self.prefix);
        self.optional(&name, shape)?.ok_or(LoadError::MissingTensor { name: name_in_file })
    }

    /// `None` if the file has no such tensor; a wrong shape is still an error.
    pub(crate) fn optional(
        &mut self,
        name: &str,
        expected: [usize; 2],
    ) -> Result<Option<Weight>, LoadError> {
        let name = format!("{}{name}", self.prefix);
        let Some(tensor) = self.file.tensors.get(&name) else { return Ok(None) };
        let vector = expected[0] == 1 && tensor.shape == expected[1..];
        if tensor.shape != expected && !vector {
            return Err(LoadError::Shape { name, expected, found: tensor.shape.clone() });
        }
        let [rows, cols] = expected;
        let spec = WeightSpec { rows, cols, format: tensor.format };
        Ok(Some(self.backend.upload(&spec, &tensor.parts)?))
    }

    /// A row of numbers that no file holds, such as rotary frequencies.
    pub(crate) fn computed(&mut self, numbers: &[f32]) -> Result<Weight, LoadError> {
        let spec = WeightSpec { rows: 1, cols: numbers.len(), format: Format::F32 };
        Ok(self.backend.upload(&spec, &[Bytes::new(Format::F32.encode(numbers))])?)
    }

    /// The cache of one layer.
    pub(crate) fn cache(&mut self, k_cols: usize, v_cols: usize) -> Result<Cache, LoadError> {
        let Pages { blocks, block_len } = self.pages;
        let format = CacheFormat::F32;
        let spec = CacheSpec { group: 0, k_cols, v_cols, blocks, block_len, format };
        Ok(self.backend.new_cache(&spec)?)
    }

    /// The number at `{architecture}.{key}`.
    pub(crate) fn key(&self, key: &str) -> Result<f64, LoadError> {
        let key = format!("{}.{key}", self.file.architecture());
        self.file.metadata.f64(&key).ok().flatten().ok_or(LoadError::MissingKey { key })
    }

    pub(crate) fn count(&self, key: &str) -> Result<usize, LoadError> {
        self.key(key).map(|n| n as usize)
    }
}
