//! Caches of each format: the memory they take, and how far off is what was read from them.

use engine::{Engine, LoadError, Options, Outline};
use kernels::{
    CacheFormat,
    cpu::{Config, Cpu, Precision},
};
use loader::{ModelFile, Value};

use crate::models::tiny;

const CONTEXT: usize = 96;

fn cpu() -> Box<Cpu> {
    let config = Config { precision: Precision::Exact, threads: 1, ..Config::detect() };
    Box::new(Cpu::new(config).expect("what was detected"))
}

/// The tiny model with one key head of 32 columns in the place of two of 16.
fn file() -> ModelFile {
    let mut file = tiny("llama");
    for (key, n) in [("llama.attention.head_count", 2), ("llama.attention.head_count_kv", 1)] {
        file.metadata.insert(key, Value::U32(n));
    }
    file
}

fn options(format: CacheFormat, chunk: usize) -> Options {
    Options { ctx_size: Some(CONTEXT), chunk, cache_format: Some(format), ..Options::default() }
}

fn load(file: &ModelFile, options: &Options) -> Result<Engine, LoadError> {
    Engine::load_ids_only(file, cpu(), options)
}

/// The logits of each position of a text that is longer than some blocks of the cache.
fn logits(format: CacheFormat, chunk: usize) -> Vec<f32> {
    let mut engine = load(&file(), &options(format, chunk)).expect("the tiny model is complete");
    let tokens: Vec<u32> = (0..80).map(|i| (i * i + 3) % 32).collect();
    let mut all = Vec::new();
    engine.logits(&tokens, |_, row| all.extend_from_slice(row)).expect("finite logits");
    all
}

#[test]
fn memory_is_that_of_the_rows() {
    for format in CacheFormat::ALL {
        let options = options(format, 32);
        let engine = load(&file(), &options).expect("the tiny model is complete");
        // Keys and values of one head, in two layers.
        let row = format.row_bytes(32).expect("a block") as u64;
        assert_eq!(engine.info().cache_bytes, CONTEXT as u64 * 2 * 2 * row, "{format}");
        let told = Some(format).filter(|it| *it != CacheFormat::F32);
        assert_eq!(engine.info().cache_format, told, "what is not as the backend prefers");
        let outline = Outline::of(&file(), cpu(), &options).expect("the same model");
        assert_eq!((outline.info.clone(), outline.cache_format()), (engine.info().clone(), format));
    }
}

#[test]
fn what_is_read_one_by_one_is_what_is_read_as_a_whole() {
    for format in CacheFormat::ALL {
        assert_eq!(logits(format, 1), logits(format, 32), "{format}");
    }
}

#[test]
fn fewer_bits_are_a_little_off() {
    let exact = logits(CacheFormat::F32, 32);
    let square = |x: f32| f64::from(x) * f64::from(x);
    let all: f64 = exact.iter().map(|&x| square(x)).sum();
    for (format, allowed) in [
        (CacheFormat::F16, 1e-5),
        (CacheFormat::BF16, 1e-4),
        (CacheFormat::Q8_0, 1e-3),
        (CacheFormat::Q4_0, 5e-2),
    ] {
        let found = logits(format, 32);
        let off: f64 = found.iter().zip(&exact).map(|(a, b)| square(a - b)).sum();
        let nmse = off / all;
        assert!(nmse > 0.0 && nmse <= allowed, "{format}: nmse {nmse:.1e}, allowed {allowed:.0e}");
    }
}

#[test]
fn heads_that_are_no_whole_blocks_are_refused() {
    for (format, fits) in
        [(CacheFormat::BF16, true), (CacheFormat::Q8_0, false), (CacheFormat::Q4_0, false)]
    {
        let loaded = load(&tiny("llama"), &options(format, 32)).map(|_| ());
        if fits {
            loaded.expect("any head fits");
            continue;
        }
        let error = loaded.expect_err("its heads have 16 columns");
        let expected = format!(
            "layer 0 keeps heads of 16 numbers, expected a multiple of 32 for a cache of `{format}`"
        );
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some_and(|it| it.contains("`bf16`")), "{:?}", error.hint());
    }
}
