//! A configuration in the making: metadata, and the tensors that a loader takes if they are there.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use fastrand::Rng;
use loader::{Array, Metadata, Value};

/// The name of an architecture, and what draws the rest.
pub(crate) type Family = (&'static str, fn(&mut Draw));

pub(crate) struct Draw {
    pub(crate) rng: Rng,
    pub(crate) architecture: &'static str,
    pub(crate) metadata: Metadata,
    /// Tensors that no loader misses, with the outer dimensions that no metadata tells.
    pub(crate) tensors: BTreeMap<String, Vec<usize>>,
    pub(crate) n_layers: usize,
    pub(crate) n_heads: usize,
}

/// The metadata, then the names of the tensors.
impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.metadata.iter() {
            writeln!(f, "  {key} = {value:?}")?;
        }
        let names: Vec<_> = self.tensors.keys().map(String::as_str).collect();
        writeln!(f, "  with {}", names.join(", "))
    }
}

impl Draw {
    /// Nothing but the name. Architectures draw differently from one seed.
    pub(crate) fn new(architecture: &'static str, seed: u64) -> Self {
        let mix = |seed: u64, byte: u8| seed.wrapping_mul(31).wrapping_add(byte.into());
        let mut metadata = Metadata::default();
        metadata.insert("general.architecture", Value::String(architecture.to_owned()));
        Self {
            rng: Rng::with_seed(architecture.bytes().fold(seed, mix)),
            architecture,
            metadata,
            tensors: BTreeMap::new(),
            n_layers: 0,
            n_heads: 0,
        }
    }

    /// One time in two.
    pub(crate) fn coin(&mut self) -> bool {
        self.rng.bool()
    }

    pub(crate) fn between(&mut self, range: RangeInclusive<usize>) -> usize {
        self.rng.usize(range)
    }

    pub(crate) fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.rng.f32()
    }

    /// A number that `n` is a multiple of.
    pub(crate) fn divisor(&mut self, n: usize) -> usize {
        let all: Vec<_> = (1..=n).filter(|it| n.is_multiple_of(*it)).collect();
        all[self.between(0..=all.len() - 1)]
    }

    /// A width: a whole number of blocks of 32 half of the time, so that weights can be quantised.
    pub(crate) fn width(&mut self) -> usize {
        if self.coin() { 32 * self.between(1..=3) } else { self.between(12..=90) }
    }

    pub(crate) fn set(&mut self, key: &str, value: Value) {
        self.metadata.insert(format!("{}.{key}", self.architecture), value);
    }

    pub(crate) fn count(&mut self, key: &str, n: usize) {
        self.set(key, Value::U32(n as u32));
    }

    pub(crate) fn counts(&mut self, key: &str, of_layers: &[usize]) {
        let counts = of_layers.iter().map(|it| *it as u32).collect();
        self.set(key, Value::Array(Array::U32(counts)));
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.set(key, Value::String(text.to_owned()));
    }

    /// A real number from `low` to `high`.
    pub(crate) fn real(&mut self, key: &str, low: f32, high: f32) {
        let x = self.uniform(low, high);
        self.set(key, Value::F32(x));
    }

    /// The same, or the file does not say.
    pub(crate) fn real_if(&mut self, key: &str, low: f32, high: f32) {
        if self.coin() {
            self.real(key, low, high);
        }
    }

    /// A tensor whose shape the metadata tells.
    pub(crate) fn tensor(&mut self, name: &str) {
        self.tensors.insert(name.to_owned(), vec![]);
    }

    pub(crate) fn tensor_if(&mut self, name: &str) {
        if self.coin() {
            self.tensor(name);
        }
    }

    /// These of each layer that `has` them.
    pub(crate) fn blocks_where(&mut self, has: impl Fn(usize) -> bool, names: &[&str]) {
        for layer in (0..self.n_layers).filter(|it| has(*it)) {
            names.iter().for_each(|name| self.tensor(&format!("blk.{layer}.{name}")));
        }
    }

    pub(crate) fn blocks(&mut self, names: &[&str]) {
        self.blocks_where(|_| true, names);
    }

    /// All of these in all layers, or none.
    pub(crate) fn blocks_if(&mut self, names: &[&str]) {
        if self.coin() {
            self.blocks(names);
        }
    }

    /// Something of each layer.
    pub(crate) fn by_layer<T>(&mut self, mut of: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.n_layers).map(|_| of(self)).collect()
    }
}
