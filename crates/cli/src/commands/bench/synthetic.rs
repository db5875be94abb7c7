//! Weights of a shape that nobody trained: as many bytes in the same formats as the model has, and
//! so as fast, without a download.
//!
//! `weights` draws them, `vocabulary` has tokens for them, `content` is the GGUF file that they
//! are, in memory or written; the ordinary loader reads it. Where all layers do not fit into free
//! memory, some are made, evenly spread (`layers`), and the time of a token is scaled to all of them
//! by the bytes that it reads, keys and values included (`scale`). They lie in huge pages where there are
//! any, as those of a mapped file do: where that file's system has none, results of the two do not compare.

mod content;
#[cfg(test)]
mod fixture;
mod layers;
mod scale;
mod vocabulary;
mod weights;

use std::path::Path;

use engine::{Info, arch::Config};
use loader::{Bytes, Metadata, ModelFile, Override, Value, quantise::Mix};
use serde::Serialize;

use super::roofline;
use crate::{
    failure::Failure,
    memory,
    numbers::{grouped, size},
    shape::{Planned, Shape, Wanted},
    terminal::tell,
};
use content::Content;
use layers::{chosen, is_read, kept, picked, without_cache};
pub(super) use scale::Scale;

/// What is free where the system does not say.
const ASSUMED: u64 = 4 << 30;

/// A model that is going to be made.
pub(super) struct Mould {
    /// As it was asked for.
    pub(super) name: String,
    shape: Shape,
    mix: Mix,
    tensors: Vec<Planned>,
}

/// A model that was made, or some layers of it.
pub(super) struct Synthetic {
    pub(super) file: ModelFile,
    pub(super) made: Made,
    /// Bytes and numbers of all weights.
    bytes: u64,
    weights: u64,
    pub(super) scale: Scale,
}

/// What results say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Made {
    /// The weights are random.
    synthetic: bool,
    /// Layers of the model.
    model_layers: usize,
    /// Those that were measured; the time of a token is scaled to all.
    measured_layers: usize,
}

impl Mould {
    /// Plans it; nothing is made yet.
    ///
    /// # Errors
    ///
    /// If there is no such shape, or its vocabulary has no room for a token a byte.
    pub(super) fn new(wanted: &Wanted) -> anyhow::Result<Self> {
        let shape = Shape::find(&wanted.shape)?;
        let (found, least) = (shape.config().vocab, vocabulary::LEAST);
        if found < least {
            let message =
                format!("`{}` has {found} tokens, expected at least {least}", shape.name());
            return Err(Failure::new(message).hint("one a byte, and one that ends a text").into());
        }
        let tensors = shape.tensors(wanted.mix);
        let name = format!("{}:{}", wanted.shape, wanted.mix.to_string().to_lowercase());
        Ok(Self { name, shape, mix: wanted.mix, tensors })
    }

    /// Writes all of it as GGUF.
    ///
    /// # Errors
    ///
    /// If the disk has no room or refuses, or Ctrl-C was pressed.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let all: Vec<usize> = (0..self.layers()).collect();
        Content::new(self.metadata(&all), self.tensors.clone()).write(path)
    }

    /// Makes it in memory, or as many layers as fit there beside the keys and values of so many tokens.
    ///
    /// # Errors
    ///
    /// If these do not fit, or not even one layer beside them, or the loader refuses what was made.
    pub(super) fn make(
        &self,
        tokens: usize,
        threads: usize,
        overrides: &[Override],
    ) -> anyhow::Result<Synthetic> {
        let free = memory::free().unwrap_or(ASSUMED);
        let (room, cache) = (free - free / 10, cache_bytes(self.shape.config(), tokens));
        if cache >= room {
            let tokens = grouped(tokens as u64);
            let message = format!(
                "`{}` does not fit: keys and values of {tokens} tokens take up to {}, there is room \
                 for {}",
                self.name,
                size(cache),
                size(room)
            );
            return Err(Failure::new(message)
                .hint("a smaller `--parallel`, `-d`, `-p` or `-n` takes less")
                .into());
        }
        self.make_within(room - cache, threads, overrides)
    }

    fn make_within(
        &self,
        room: u64,
        threads: usize,
        overrides: &[Override],
    ) -> anyhow::Result<Synthetic> {
        let (n, config, tensors) = (self.layers(), self.shape.config(), self.read());
        let bytes = bytes(&tensors);
        let fits = |layers: &Vec<usize>| bytes_of(&tensors, layers, n) <= room;
        let layers = (1..=n).rev().map(|count| chosen(config, count)).find(fits);
        let Some(layers) = layers else {
            let least = bytes_of(&tensors, &chosen(config, 1), n);
            let message = format!(
                "`{}` does not fit: one layer and what stands outside of them take {}, there is room \
                 for {}",
                self.name,
                size(least),
                size(room)
            );
            return Err(Failure::new(message).hint("a mix of fewer bits takes less").into());
        };
        let made = Made { synthetic: true, model_layers: n, measured_layers: layers.len() };
        if layers.len() < n {
            tell(format_args!(
                "note: `{}` takes {}, there is room for {}: {} of {n} layers are measured, and the \
                 time of a token is scaled to all",
                self.name,
                size(bytes),
                size(room),
                layers.len()
            ));
        }
        let those = kept(&tensors, &layers, n);
        let scale = Scale::of([&tensors, &those], &layers, self.used_share(), config);
        let image = Content::new(self.metadata(&layers), those).image(threads);
        Ok(Synthetic {
            file: ModelFile::from_bytes(&self.name, Bytes::new(image), overrides)?,
            made,
            bytes,
            weights: tensors.iter().map(Planned::weights).sum(),
            scale,
        })
    }

    fn layers(&self) -> usize {
        self.shape.config().n_layers
    }

    /// The tensors that an engine reads.
    fn read(&self) -> Vec<Planned> {
        let config = self.shape.config();
        self.tensors.iter().filter(|it| is_read(it, config)).cloned().collect()
    }

    /// The metadata of a file that has these layers.
    fn metadata(&self, layers: &[usize]) -> Metadata {
        let (file, n) = (self.shape.file(), self.layers());
        let mut metadata = Metadata::default();
        // `ingle.` is what the reader of folders tells this program alone.
        for (key, value) in file.metadata.iter().filter(|it| !it.0.starts_with("ingle.")) {
            let of_layers = value.as_array().filter(|it| it.len() == n);
            let of_layers = of_layers.and_then(|it| picked(it, layers)).map(Value::Array);
            metadata.insert(key, of_layers.unwrap_or_else(|| value.clone()));
        }
        let count = Value::U32(layers.len() as u32);
        metadata.insert(format!("{}.block_count", file.architecture()), count);
        let key = format!("{}.attention.shared_kv_layers", file.architecture());
        if metadata.get(&key).is_some() {
            let count = without_cache(self.shape.config(), layers);
            metadata.insert(key, Value::U32(count as u32));
        }
        metadata.insert("general.name", Value::String(format!("{}, random", self.name)));
        if let Some(file_type) = self.mix.file_type() {
            metadata.insert("general.file_type", Value::U32(file_type));
        }
        metadata.insert("general.quantization_version", Value::U32(2));
        for (key, value) in vocabulary::keys(self.shape.config().vocab) {
            metadata.insert(key, value);
        }
        metadata
    }

    /// The share of the experts that a token goes through; 1 where there are none.
    fn used_share(&self) -> f64 {
        roofline::used_share(self.shape.file()).unwrap_or(1.0)
    }
}

impl Synthetic {
    /// What the engine says, of all layers.
    pub(super) fn info(&self, info: &Info) -> Info {
        match self.made.is_scaled() {
            true => Info { weight_bytes: self.bytes, parameters: self.weights, ..info.clone() },
            false => info.clone(),
        }
    }
}

impl Made {
    fn is_scaled(&self) -> bool {
        self.measured_layers < self.model_layers
    }

    /// What is said beside what was measured of the machine; nothing where all of it was.
    pub(super) fn part(&self) -> String {
        let Self { model_layers, measured_layers, .. } = self;
        match self.is_scaled() {
            true => format!(", with {measured_layers} of {model_layers} layers"),
            false => String::new(),
        }
    }

    /// What is said after the model's name; nothing where all of it was measured.
    pub(super) fn note(&self) -> String {
        let Self { model_layers, measured_layers, .. } = self;
        match self.is_scaled() {
            true => format!(", scaled from {measured_layers} of {model_layers} layers"),
            false => String::new(),
        }
    }
}

/// Bytes of a file that has these of `n` layers alone.
fn bytes_of(tensors: &[Planned], layers: &[usize], n: usize) -> u64 {
    bytes(&kept(tensors, layers, n))
}

fn bytes(tensors: &[Planned]) -> u64 {
    tensors.iter().map(Planned::bytes).fold(0, u64::saturating_add)
}

/// The most that the keys and values of so many tokens take.
fn cache_bytes(config: &Config, tokens: usize) -> u64 {
    const NUMBER: u64 = 4;
    let kept = config.layers.iter().filter(|it| it.has_cache);
    let numbers = kept.map(|it| (it.n_kv_heads * (it.head_dim + it.v_dim)) as u64);
    numbers.sum::<u64>().saturating_mul(tokens as u64).saturating_mul(NUMBER)
}

#[cfg(test)]
mod tests {
    use kernels::cpu::{Config as Cores, Cpu};

    use super::{
        fixture::{
            BESIDE, BIASED, CHUNKED, FALCON, GEMMA, HYBRID, LATENT, LENDING, LLAMA, MIXTURE,
            PARALLEL, PHI, QWEN, STABLE, STREAMS, WITH_EXPERTS, mould,
        },
        *,
    };

    /// The engine takes all tensors that were made and misses none, whatever the room is.
    #[track_caller]
    fn check(config: &str, mix: Mix) {
        let mould = mould(config, mix);
        let (n, tensors) = (mould.layers(), mould.read());
        let all = bytes(&tensors);
        let least = bytes_of(&tensors, &chosen(mould.shape.config(), 1), n);
        for room in [all, all - 1, u64::midpoint(all, least), least + all / 16] {
            let made = mould.make_within(room, 2, &[]).expect("it fits");
            let cpu = Cpu::new(Cores { threads: 1, ..Cores::detect() }).expect("what was detected");
            let options = engine::Options { ctx_size: Some(8), ..engine::Options::default() };
            let engine = engine::Engine::load(&made.file, Box::new(cpu), &options);
            let engine = engine.unwrap_or_else(|it| panic!("{config} within {room}: {it}"));
            let info = made.info(engine.info());
            assert_eq!(info.weight_bytes, all, "{config}");
            let weights: u64 = tensors.iter().map(Planned::weights).sum();
            assert_eq!(info.parameters, weights, "{config} within {room}");
            assert_eq!(made.made.is_scaled(), room < all);
            assert_eq!(engine.info().n_layers, made.made.measured_layers);
        }
    }

    #[test]
    fn engines_take_what_is_made() {
        check(LLAMA, Mix::Q4_K_M);
        check(LLAMA, Mix::F16);
        check(GEMMA, Mix::Q8_0);
        check(QWEN, Mix::Q4_0);
        check(MIXTURE, Mix::Q5_K_M);
        check(PHI, Mix::Q4_1);
        check(LATENT, Mix::Q4_K_M);
        check(FALCON, Mix::Q8_0);
        check(STABLE, Mix::Q4_0);
        check(PARALLEL, Mix::Q4_0);
        check(CHUNKED, Mix::Q5_K_M);
        check(BIASED, Mix::Q4_0);
        check(HYBRID, Mix::Q8_0);
        check(BESIDE, Mix::Q4_0);
        check(STREAMS, Mix::Q8_0);
        check(STREAMS, Mix::Q4_K_M);
        check(LENDING, Mix::Q4_0);
        check(WITH_EXPERTS, Mix::Q8_0);
    }

    #[test]
    fn without_room_for_a_layer_it_is_said() {
        let mould = mould(LLAMA, Mix::Q4_0);
        let error = mould.make_within(1000, 1, &[]).err().expect("it does not fit").to_string();
        assert!(error.contains("one layer and what stands outside of them take"), "{error}");
        assert!(error.ends_with("there is room for 1000 B"), "{error}");
    }

    #[test]
    fn a_vocabulary_has_room_for_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, LLAMA.replace("300", "256")).unwrap();
        let wanted = Wanted { shape: path.display().to_string(), mix: Mix::Q4_0 };
        let error = Mould::new(&wanted).err().expect("it is refused").to_string();
        assert!(error.ends_with("has 256 tokens, expected at least 257"), "{error}");
    }
}
