//! Weights of a shape that nobody trained: as many bytes in the same formats as the model has, and
//! so as fast, without a download.
//!
//! `weights` draws them, `vocabulary` has tokens for them, `content` is the GGUF file that they
//! are, in memory or written; the ordinary loader reads it. Where all layers do not fit into free
//! memory, some are made, evenly spread, and the time of a token is scaled to all of them by the
//! bytes that it reads, keys and values included. Where the system gives huge pages to all memory,
//! these weights lie in them and those of a mapped file do not: results of the two do not compare.

mod content;
#[cfg(test)]
mod fixture;
mod vocabulary;
mod weights;

use std::path::Path;

use engine::{Info, arch::Config};
use kernels::Span;
use loader::{Array, Bytes, Metadata, ModelFile, Override, Value, quantise::Mix};
use serde::Serialize;

use super::{
    measure::{Sample, Test},
    roofline::{self, EXPERTS},
};
use crate::{
    failure::Failure,
    memory,
    numbers::size,
    shape::{Planned, Shape, Wanted},
    terminal::tell,
};
use content::Content;

/// What is free where the system does not say.
const ASSUMED: u64 = 4 << 30;

/// Bytes of a number of a key or value, as backends prefer to keep it.
const KEPT: usize = 2;

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

/// Bytes that are read for a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Of the head, once for all tokens of a prompt.
    head: f64,
    /// Of all layers.
    all: f64,
    /// Of those that are there.
    measured: f64,
    /// Of keys and values, for each place before: of all layers that see all of them.
    place: f64,
    /// Of those that are there.
    place_measured: f64,
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

    /// Makes it in memory, or as many layers as fit there beside a context of so many tokens.
    ///
    /// # Errors
    ///
    /// If not even one layer fits, or the loader refuses what was made.
    pub(super) fn make(
        &self,
        context: usize,
        threads: usize,
        overrides: &[Override],
    ) -> anyhow::Result<Synthetic> {
        let free = memory::free().unwrap_or(ASSUMED);
        let room = free.saturating_sub(free / 10);
        let room = room.saturating_sub(cache_bytes(self.shape.config(), context));
        self.make_within(room, threads, overrides)
    }

    fn make_within(
        &self,
        room: u64,
        threads: usize,
        overrides: &[Override],
    ) -> anyhow::Result<Synthetic> {
        let (n, bytes) = (self.layers(), self.shape.bytes(self.mix));
        let fits = |layers: &Vec<usize>| bytes_of(&self.tensors, layers) <= room;
        let layers = (1..=n).rev().map(|count| spread(n, count)).find(fits);
        let Some(layers) = layers else {
            let least = bytes_of(&self.tensors, &spread(n, 1));
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
        let image = Content::new(self.metadata(&layers), kept(&self.tensors, &layers));
        let image = Bytes::new(image.image(threads));
        Ok(Synthetic {
            file: ModelFile::from_bytes(&self.name, image, overrides)?,
            made,
            bytes,
            weights: self.tensors.iter().map(Planned::weights).sum(),
            scale: Scale::of(&self.tensors, &layers, self.used_share(), self.shape.config()),
        })
    }

    fn layers(&self) -> usize {
        self.shape.config().n_layers
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

impl Scale {
    fn of(tensors: &[Planned], layers: &[usize], used_share: f64, config: &Config) -> Self {
        let has = |name: &str| tensors.iter().any(|it| it.name == name);
        let head = if has("output.weight") { "output.weight" } else { "token_embd.weight" };
        let read = |is: &dyn Fn(&Planned) -> bool| {
            let share = |it: &Planned| if it.name.contains(EXPERTS) { used_share } else { 1.0 };
            let all = tensors.iter().filter(|it| is(it));
            all.map(|it| it.bytes() as f64 * share(it)).sum::<f64>()
        };
        // Windows do not grow with the depth, and are small beside it.
        let seen = config.layers.iter().zip(&config.spans).enumerate();
        let seen = seen.filter(|(_, (_, span))| **span == Span::Full);
        let seen = seen.map(|(nth, (layer, _))| {
            (nth, (layer.n_kv_heads * (layer.head_dim + layer.v_dim) * KEPT) as f64)
        });
        let seen: Vec<(usize, f64)> = seen.collect();
        let measured = seen.iter().filter(|it| layers.contains(&it.0));
        Self {
            place: seen.iter().map(|it| it.1).sum(),
            place_measured: measured.map(|it| it.1).sum(),
            head: read(&|it| it.name == head),
            all: read(&|it| it.layer().is_some()),
            measured: read(&|it| it.layer().is_some_and(|it| layers.contains(&it))),
        }
    }

    /// What was measured, as if all layers had been there.
    pub(super) fn whole(self, test: Test, sample: Sample) -> Sample {
        let factor = self.factor_of(test);
        let (time, joules) = (sample.time.mul_f64(factor), sample.joules.map(|it| it * factor));
        Sample { time, joules, per_second: sample.per_second / factor, ..sample }
    }

    /// The same of speeds.
    pub(super) fn whole_speeds(self, test: Test, all: &[f64]) -> Vec<f64> {
        all.iter().map(|it| it / self.factor_of(test)).collect()
    }

    /// Bytes of weights that a generated token reads, of all layers.
    pub(super) fn bytes_a_token(self) -> u64 {
        (self.head + self.all) as u64
    }

    fn factor_of(self, test: Test) -> f64 {
        // The middle one of its rows stands for all.
        match test {
            Test::Prompt { n, depth } => self.factor(n, depth + n / 2),
            Test::Generate { n, depth } => self.factor(1, depth + n / 2),
            Test::Text { n } | Test::Drafted { n } => self.factor(1, n / 2),
        }
    }

    /// The time with all layers is so many times what was measured, of a step of so many rows after
    /// so many places.
    fn factor(self, rows: usize, past: usize) -> f64 {
        let (head, past) = (self.head / rows.max(1) as f64, past as f64);
        let all = head + self.all + past * self.place;
        all / (head + self.measured + past * self.place_measured)
    }
}

/// `count` of `n` layers, evenly spread.
fn spread(n: usize, count: usize) -> Vec<usize> {
    (0..count).map(|i| (2 * i + 1) * n / (2 * count)).collect()
}

/// The tensors of a file that has these layers alone, numbered anew.
fn kept(tensors: &[Planned], layers: &[usize]) -> Vec<Planned> {
    let keep = |it: &Planned| {
        let Some(layer) = it.layer() else { return Some(it.clone()) };
        let number = layers.iter().position(|&it| it == layer)?;
        let name = it.name.splitn(3, '.').nth(2)?;
        Some(Planned { name: format!("blk.{number}.{name}"), ..it.clone() })
    };
    tensors.iter().filter_map(keep).collect()
}

/// Bytes of these layers and of what stands outside of them.
fn bytes_of(tensors: &[Planned], layers: &[usize]) -> u64 {
    bytes(tensors, |it| it.layer().is_none_or(|it| layers.contains(&it)))
}

fn bytes(tensors: &[Planned], of: impl Fn(&Planned) -> bool) -> u64 {
    tensors.iter().filter(|it| of(it)).map(Planned::bytes).fold(0, u64::saturating_add)
}

/// The elements of these layers, of an array that has one a layer.
fn picked(array: &Array, layers: &[usize]) -> Option<Array> {
    fn of<T: Copy>(all: &[T], layers: &[usize]) -> Vec<T> {
        layers.iter().map(|&it| all[it]).collect()
    }
    Some(match array {
        Array::Bool(all) => Array::Bool(of(all, layers)),
        Array::U32(all) => Array::U32(of(all, layers)),
        Array::I32(all) => Array::I32(of(all, layers)),
        _ => return None,
    })
}

/// The most that the keys and values of so many tokens take.
fn cache_bytes(config: &Config, tokens: usize) -> u64 {
    const NUMBER: u64 = 4;
    let numbers = config.layers.iter().map(|it| (it.n_kv_heads * (it.head_dim + it.v_dim)) as u64);
    numbers.sum::<u64>().saturating_mul(tokens as u64).saturating_mul(NUMBER)
}

#[cfg(test)]
mod tests {
    use kernels::cpu::{Config as Cores, Cpu};

    use super::{
        super::fixture::sample,
        fixture::{
            BESIDE, BIASED, CHUNKED, FALCON, GEMMA, HYBRID, LATENT, LLAMA, MIXTURE, PARALLEL, PHI,
            QWEN, STABLE,
        },
        *,
    };

    fn mould(config: &str, mix: Mix) -> Mould {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("config.json"), config).expect("a file");
        let shape = dir.path().display().to_string();
        Mould::new(&Wanted { shape, mix }).expect("a shape")
    }

    /// The engine takes all tensors that were made and misses none, whatever the room is.
    #[track_caller]
    fn check(config: &str, mix: Mix) {
        let mould = mould(config, mix);
        let all = bytes(&mould.tensors, |_| true);
        let least = bytes_of(&mould.tensors, &[0]);
        for room in [all, all - 1, u64::midpoint(all, least), least + all / 16] {
            let made = mould.make_within(room, 2, &[]).expect("it fits");
            let cpu = Cpu::new(Cores { threads: 1, ..Cores::detect() }).expect("what was detected");
            let options = engine::Options { ctx_size: Some(8), ..engine::Options::default() };
            let engine = engine::Engine::load(&made.file, Box::new(cpu), &options);
            let engine = engine.unwrap_or_else(|it| panic!("{config} within {room}: {it}"));
            let info = made.info(engine.info());
            assert_eq!(info.weight_bytes, all, "{config}");
            let weights: u64 = mould.tensors.iter().map(Planned::weights).sum();
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
    }

    #[test]
    fn without_room_for_a_layer_it_is_said() {
        let mould = mould(LLAMA, Mix::Q4_0);
        let error = mould.make_within(1000, 1, &[]).err().expect("it does not fit").to_string();
        assert!(error.contains("one layer and what stands outside of them take"), "{error}");
        assert!(error.ends_with("there is room for 1000 B"), "{error}");
    }

    #[test]
    fn layers_are_spread_over_the_model() {
        assert_eq!(spread(8, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(spread(8, 3), [1, 4, 6]);
        assert_eq!(spread(80, 1), [40]);
    }

    /// With half of the layers, a token takes twice the time but for the head, which a prompt of many
    /// tokens does not notice.
    #[test]
    fn times_are_scaled_by_what_is_read() {
        let (head, all, measured) = (100.0, 200.0, 100.0);
        let scale = Scale { head, all, measured, place: 4.0, place_measured: 2.0 };
        assert_eq!(scale.factor(1, 0), 1.5);
        assert!((scale.factor(1000, 0) - 2.0).abs() < 1e-3);
        // What a token sees grows beyond the head.
        assert_eq!(scale.factor(1, 50), 500.0 / 300.0);
        assert!((scale.factor(1, 1_000_000) - 2.0).abs() < 1e-3);
        let mould = mould(LLAMA, Mix::F16);
        let half = bytes_of(&mould.tensors, &[0, 1, 2]);
        let made = mould.make_within(half, 1, &[]).expect("half of it fits");
        assert_eq!(made.made.note(), ", scaled from 3 of 6 layers");
        assert_eq!(made.made.part(), ", with 3 of 6 layers");
        let sample = Sample { joules: Some(1.0), ..sample(512.0) };
        let whole = made.scale.whole(Test::Prompt { n: 512, depth: 0 }, sample);
        assert!((1.99..2.0).contains(&whole.time.as_secs_f64()), "{whole:?}");
        assert!((256.0..257.5).contains(&whole.per_second), "{whole:?}");
        assert!(whole.joules.is_some_and(|it| (1.99..2.0).contains(&it)), "{whole:?}");
    }

    #[test]
    fn experts_count_as_often_as_they_are_used() {
        let mould = mould(MIXTURE, Mix::F16);
        assert_eq!(mould.used_share(), 0.25);
        let scale = Scale::of(&mould.tensors, &[0, 1, 2, 3], 0.25, mould.shape.config());
        let experts = bytes(&mould.tensors, |it| it.name.contains("_exps."));
        let layers = bytes(&mould.tensors, |it| it.layer().is_some());
        assert_eq!(scale.all, (layers - experts) as f64 + experts as f64 / 4.0);
        assert_eq!(scale.all, scale.measured);
        // Two heads of 32 and 32 in each of four layers.
        assert_eq!((scale.place, scale.place_measured), (1024.0, 1024.0));
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
