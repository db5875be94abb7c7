//! Layers with a window, or that look back within chunks, hold as many blocks as they see, and compute
//! the same.
//!
//! Beside the engine runs a plan whose sequences keep everything, in one table of all their blocks:
//! nothing may differ by a bit.

use std::{
    env,
    path::{Path, PathBuf},
};

use engine::{
    Engine, EventKind, Options, Request, Runner, WhenFull, arch, sample, sample::Sampling,
};
use kernels::{
    Backend, Batch, CacheFormat, Shape, Table,
    cpu::{Config, Cpu, Precision},
};
use loader::{Array, ModelFile, Value};

use crate::models::tiny;

/// Neither a window nor a chunk ends where a block does.
const WINDOW: u32 = 40;
const BLOCK_LEN: usize = 32;
/// Rows of a prompt a step.
const CHUNK: usize = 48;

fn cpu() -> Box<dyn Backend> {
    let config = Config { precision: Precision::Exact, threads: 1, ..Config::detect() };
    Box::new(Cpu::new(config).expect("what was detected"))
}

fn engine(file: &ModelFile, context: usize, max_seqs: usize) -> Engine {
    let ctx_size = Some(context);
    let options = Options { ctx_size, max_seqs, chunk: CHUNK, ..Options::default() };
    Engine::load_ids_only(file, cpu(), &options).expect("a complete model")
}

/// The keys of how far layers look back.
const KINDS: [&str; 2] = ["sliding_window", "chunk_size"];

/// The tiny model with a window or chunks; of both layers, or of those that a pattern names.
fn looking_back(kind: &str, pattern: Option<[bool; 2]>) -> ModelFile {
    let mut file = tiny("llama");
    file.metadata.insert(format!("llama.attention.{kind}"), Value::U32(WINDOW));
    if let Some(pattern) = pattern {
        let pattern = Value::Array(Array::Bool(pattern.to_vec()));
        file.metadata.insert("llama.attention.sliding_window_pattern", pattern);
    }
    file
}

fn windowed(pattern: Option<[bool; 2]>) -> ModelFile {
    looking_back("sliding_window", pattern)
}

/// Models with how many groups of layers they have.
fn each_model(check: impl Fn(&ModelFile, usize, &str)) {
    for kind in KINDS {
        for (pattern, n_groups) in [(None, 1), (Some([false, true]), 2), (Some([true, false]), 2)] {
            let name = format!("{kind}, in layers {pattern:?}");
            check(&looking_back(kind, pattern), n_groups, &name);
        }
    }
}

fn prompt(n: u32, salt: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i + salt * i + 3 * salt) % 32).collect()
}

/// The logits after each of `tokens` where nothing is ever taken away.
fn kept(file: &ModelFile, tokens: &[u32], n_groups: usize) -> Vec<f32> {
    let n = tokens.len();
    let pages = engine::Pages { blocks: 1, block_len: n, format: CacheFormat::F32 };
    let mut cpu = cpu();
    let loaded = arch::load(file, cpu.as_mut(), pages).expect("a complete model");
    let max = Shape { rows: n, seqs: 1, outputs: n, len: n };
    let mut runner = Runner::new(&loaded, cpu, max).expect("memory for it");
    let mut batch = Batch::default();
    batch.push(0, tokens, Table(vec![vec![0]; n_groups]));
    batch.out.extend(0..n as u32);
    let mut logits = Vec::new();
    runner.step(&batch, &mut |rows| logits.extend_from_slice(rows)).expect("a sound batch");
    logits
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|it| it.to_bits()).collect()
}

fn all_logits(engine: &mut Engine, tokens: &[u32]) -> Vec<f32> {
    let mut rows = Vec::new();
    engine.logits(tokens, |_, row| rows.extend_from_slice(row)).expect("finite logits");
    rows
}

fn greedy(tokens: &[u32], max_new: usize) -> Request {
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    Request { max_new: Some(max_new), ..Request::new(tokens.to_vec(), sampling) }
}

#[test]
fn logits_are_those_of_a_cache_that_keeps_everything() {
    each_model(|file, n_groups, name| {
        let tokens = prompt(400, 1);
        let mut engine = engine(file, 512, 1);
        let want = bits(&kept(file, &tokens, n_groups));
        assert_eq!(bits(&all_logits(&mut engine, &tokens)), want, "{name}");
        // Once more, over blocks that hold what was there before.
        assert_eq!(bits(&all_logits(&mut engine, &tokens)), want, "{name}");
    });
}

#[test]
fn sequences_that_pass_blocks_to_each_other_are_as_alone() {
    each_model(|file, n_groups, name| {
        let requests = [(200, 1, 150), (70, 2, 90), (3, 3, 300), (333, 4, 40)];
        let requests = requests.map(|(n, salt, new)| greedy(&prompt(n, salt), new));
        let mut together = engine(file, 512, 3);
        let seqs = requests.clone().map(|it| together.submit(it).expect("a sound request"));
        let mut ids = vec![vec![]; seqs.len()];
        while !together.is_idle() {
            for event in together.step().expect("nothing fails") {
                let i = seqs.iter().position(|it| *it == event.seq).expect("one of them");
                match event.kind {
                    EventKind::Token { id, .. } => ids[i].push(id),
                    EventKind::Failed(error) => panic!("{name}: {error}"),
                    _ => {}
                }
            }
        }
        for (request, ids) in requests.iter().zip(&ids) {
            let tokens: Vec<u32> = request.tokens.iter().chain(ids).copied().collect();
            let logits = kept(file, &tokens, n_groups);
            let best = logits.chunks_exact(32).map(sample::greedy).collect::<Vec<_>>();
            let begin = request.tokens.len() - 1;
            assert_eq!(best[begin..][..ids.len()], ids[..], "{name}");
        }
    });
}

#[test]
fn a_long_sequence_holds_a_bounded_number_of_blocks() {
    KINDS.iter().for_each(|kind| check_bounded(kind));
}

fn check_bounded(kind: &str) {
    let mut engine = engine(&looking_back(kind, None), 8192, 1);
    // What a row sees, the block before, and a chunk; both ends may cut a block.
    let most = (WINDOW as usize + BLOCK_LEN + CHUNK).div_ceil(BLOCK_LEN) + 1;
    let shift = WhenFull::Shift { keep: 4, borders: vec![] };
    engine.submit(Request { when_full: shift, ..greedy(&prompt(300, 1), 900) }).expect("sound");
    while !engine.is_idle() {
        engine.step().expect("nothing fails");
        let stats = engine.stats();
        assert!(stats.blocks_in_use <= most, "{kind}: {stats:?}");
    }
    let stats = engine.stats();
    assert!(stats.blocks <= most + 4, "{kind}: {stats:?}");
    assert_eq!(stats.blocks_in_use, 0, "{kind}");
}

#[test]
fn memory_is_that_of_the_windows_and_of_what_sees_everything() {
    // A token takes 2 heads x 16 columns x k and v x 4 bytes = 256 bytes a layer.
    let bytes = |file: &ModelFile, context| engine(file, context, 1).info().cache_bytes;
    let (all, window) = (tiny("llama"), windowed(None));
    assert_eq!(bytes(&looking_back("chunk_size", None), 8192), bytes(&window, 8192), "chunks");
    assert_eq!(bytes(&all, 8192), 2 * 8192 * 256);
    let layer = bytes(&window, 8192) / 2;
    assert_eq!(layer, bytes(&window, 100_000) / 2, "however long the context");
    assert!(layer <= 10 * BLOCK_LEN as u64 * 256, "{layer}");
    assert_eq!(bytes(&windowed(Some([true, false])), 8192), layer + 8192 * 256);
    assert_eq!(bytes(&window, 64), bytes(&all, 64), "no more than the context");

    let context = |file: &ModelFile, free_memory| {
        let options =
            Options { free_memory: Some(free_memory), chunk: CHUNK, ..Options::default() };
        Engine::load_ids_only(file, cpu(), &options).map(|it| it.context())
    };
    let mixed = windowed(Some([true, false]));
    assert_eq!(context(&mixed, 2 * (layer + 320 * 256)).ok(), Some(320));
    assert_eq!(context(&mixed, 2 * (layer + 320 * 256) - 1).ok(), Some(288));
    assert_eq!(context(&window, 2 * 2 * layer).ok(), Some(512), "the model's");
}

#[test]
fn a_second_turn_and_a_shift_go_on_from_a_window() {
    each_model(|file, _, name| {
        let mut engine = engine(file, 192, 1);
        let mut tokens = prompt(130, 5);
        let mut ask = |tokens: &[u32], max_new, when_full| {
            let request = Request { when_full, ..greedy(tokens, max_new) };
            engine.submit(request).expect("a sound request");
            let (mut ids, mut usage, mut shifted) = (vec![], None, None);
            while !engine.is_idle() {
                for event in engine.step().expect("nothing fails") {
                    match event.kind {
                        EventKind::Token { id, .. } => ids.push(id),
                        EventKind::Finished(_, it) => usage = Some(it),
                        EventKind::Shifted { dropped, .. } => shifted = Some((ids.len(), dropped)),
                        EventKind::Failed(error) => panic!("{name}: {error}"),
                        EventKind::Prefilled { .. } | EventKind::Rest(_) => {}
                    }
                }
            }
            (ids, usage.expect("it ended"), shifted)
        };
        let (ids, ..) = ask(&tokens, 20, WhenFull::Stop);
        let again = ask(&tokens, 20, WhenFull::Stop);
        assert_eq!((&again.0, again.1.reused), (&ids, 128), "{name}: the same once more");
        tokens.extend(&ids);
        let cached = tokens.len() - 1;
        tokens.extend(prompt(7, 6));
        let shift = WhenFull::Shift { keep: 4, borders: vec![] };
        let (ids, usage, shifted) = ask(&tokens, 60, shift);
        assert_eq!(usage.reused, cached, "{name}: the next turn");
        let (before, dropped) = shifted.expect("it came to the end of the context");
        tokens.extend(&ids[..before]);
        tokens.drain(4..4 + dropped);
        assert_eq!(ask(&tokens, 20, WhenFull::Stop).0[..], ids[before..][..20], "{name}: the rest");
    });
}

#[test]
fn an_architecture_with_windows_must_say_how_far_they_reach() {
    let mut file = tiny("gemma2");
    assert!(arch::config(&file).is_ok(), "0 says that there are none");
    file.metadata.remove("gemma2.attention.sliding_window");
    let error = arch::config(&file).expect_err("it does not say").to_string();
    assert_eq!(error, "metadata key `gemma2.attention.sliding_window` is missing");
}

#[test]
fn a_pattern_that_is_not_one_flag_a_layer_is_refused() {
    let error = |pattern| {
        let mut file = windowed(None);
        file.metadata.insert("llama.attention.sliding_window_pattern", pattern);
        arch::config(&file).expect_err("no such pattern").to_string()
    };
    assert_eq!(
        error(Value::U32(2)),
        "metadata key `llama.attention.sliding_window_pattern` is u32, expected an array of bools"
    );
    assert_eq!(
        error(Value::Array(Array::Bool(vec![true]))),
        "metadata key `llama.attention.sliding_window_pattern` is an array of 1, \
         expected 2 elements, one a layer"
    );
}

/// Where the golden data are; `None` where they are not.
fn golden() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let dir = env::var_os("INGLE_GOLDEN").map_or(beside, PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(env::var_os("CI").is_none_or(|it| it != "true"), "no golden data at {}", dir.display());
    eprintln!("skipped: no golden data");
    None
}

#[test]
fn golden_mistral_with_a_window_holds_what_it_sees() {
    let Some(dir) = golden() else { return };
    let mut file = ModelFile::open(&dir.join("families/mistral_7b_v01"), &[]).expect("a model");
    // Its own window is shorter than a block; this one ends within a block, too.
    let vocab = arch::config(&file).expect("numbers").vocab as u32;
    for window in [None, Some(45)] {
        if let Some(window) = window {
            file.metadata.insert("llama.attention.sliding_window", Value::U32(window));
        }
        let tokens: Vec<u32> = (0..300).map(|i| (i * i * 7 + 11 * i + 5) % vocab).collect();
        let mut engine = engine(&file, 1024, 1);
        let want = bits(&kept(&file, &tokens, 1));
        assert_eq!(bits(&all_logits(&mut engine, &tokens)), want, "window {window:?}");
        let stats = engine.stats();
        assert!(stats.blocks < 1024 / BLOCK_LEN / 2, "window {window:?}: {stats:?}");
    }
}
