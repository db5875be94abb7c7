//! Typed looks at a file's metadata below the name of its architecture, each number within bounds.

use std::ops::RangeInclusive;

use loader::{Array, Metadata, ModelFile, Value};

use super::keys;
use crate::LoadError;

/// Reads `{architecture}.{key}`.
pub(crate) struct Numbers<'a> {
    metadata: &'a Metadata,
    pub(crate) architecture: &'a str,
}

impl<'a> Numbers<'a> {
    pub(crate) fn of(file: &'a ModelFile) -> Self {
        Self::new(&file.metadata, file.architecture())
    }

    pub(crate) fn new(metadata: &'a Metadata, architecture: &'a str) -> Self {
        Self { metadata, architecture }
    }

    /// The full key. Whatever is read goes through here, so that no key is missing in `keys`.
    pub(crate) fn key(&self, key: &str) -> String {
        let architecture = self.architecture;
        debug_assert!(keys::is_read(architecture, key), "`{key}` of {architecture} is not listed");
        format!("{architecture}.{key}")
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.metadata.get(&self.key(key))
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        Ok(self.metadata.bool(&self.key(key))?)
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, LoadError> {
        Ok(self.metadata.str(&self.key(key))?)
    }

    /// Numbers of any size, whose count is the caller's to check.
    pub(crate) fn reals(&self, key: &str) -> Result<Option<Vec<f32>>, LoadError> {
        Ok(self.metadata.f32s(&self.key(key))?)
    }

    pub(crate) fn count(&self, key: &str, within: RangeInclusive<u64>) -> Result<usize, LoadError> {
        let full = self.key(key);
        let n = self.metadata.u64(&full)?.ok_or(LoadError::MissingKey { key: full })?;
        self.within(key, n, within)
    }

    pub(crate) fn count_or(
        &self,
        key: &str,
        otherwise: usize,
        within: RangeInclusive<u64>,
    ) -> Result<usize, LoadError> {
        let n = self.metadata.u64(&self.key(key))?.unwrap_or(otherwise as u64);
        self.within(key, n, within)
    }

    /// A number, whatever it is.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, LoadError> {
        Ok(self.metadata.f64(&self.key(key))?)
    }

    /// A number within a range; without `otherwise` it must be there.
    pub(crate) fn real(
        &self,
        key: &str,
        otherwise: Option<f64>,
        within: RangeInclusive<f64>,
    ) -> Result<f64, LoadError> {
        let full = self.key(key);
        let x = self.metadata.f64(&full)?.or(otherwise);
        let x = x.ok_or(LoadError::MissingKey { key: full })?;
        let expected = || format!("a number from {:e} to {:e}", within.start(), within.end());
        if within.contains(&x) { Ok(x) } else { Err(self.range(key, x, expected())) }
    }

    /// The cap of scores or logits at this key; 0 is none.
    pub(crate) fn cap(&self, key: &str) -> Result<Option<f32>, LoadError> {
        let cap = self.real(key, Some(0.0), 0.0..=1e6)? as f32;
        Ok((cap > 0.0).then_some(cap))
    }

    pub(crate) fn range(
        &self,
        key: &str,
        found: impl std::fmt::Display,
        expected: String,
    ) -> LoadError {
        LoadError::Range { key: self.key(key), found: found.to_string(), expected }
    }

    fn within(&self, key: &str, n: u64, within: RangeInclusive<u64>) -> Result<usize, LoadError> {
        let fits = usize::try_from(n).ok().filter(|_| within.contains(&n));
        let expected = || format!("a whole number from {} to {}", within.start(), within.end());
        fits.ok_or_else(|| self.range(key, n, expected()))
    }

    /// A number for each layer, or one for all.
    pub(super) fn count_by_layer(
        &self,
        key: &str,
        n_layers: usize,
        otherwise: Option<usize>,
        within: RangeInclusive<u64>,
    ) -> Result<Vec<usize>, LoadError> {
        if let Some(Value::Array(_)) = self.value(key) {
            let within = *within.start() as usize..=*within.end() as usize;
            let counts = self.metadata.per_layer(&self.key(key), n_layers, within)?;
            return Ok(counts.expect("the key is there"));
        }
        let n = match otherwise {
            Some(n) => self.count_or(key, n, within)?,
            None => self.count(key, within)?,
        };
        Ok(vec![n; n_layers])
    }

    /// Something that a file says of each layer, or that holds for all but the last of `every` in a
    /// row; 0 for all.
    pub(super) fn by_layer(
        &self,
        key: &str,
        n_layers: usize,
        every: usize,
    ) -> Result<Vec<bool>, LoadError> {
        let Some(pattern) = self.value(key) else {
            let last = |layer: usize| every > 0 && (layer + 1).is_multiple_of(every);
            return Ok((0..n_layers).map(|it| !last(it)).collect());
        };
        let Value::Array(Array::Bool(pattern)) = pattern else {
            return Err(self.range(key, pattern.type_name(), "an array of bools".to_owned()));
        };
        if pattern.len() != n_layers {
            let found = format!("an array of {}", pattern.len());
            return Err(self.range(key, found, format!("{n_layers} elements, one a layer")));
        }
        Ok(pattern.to_vec())
    }
}
