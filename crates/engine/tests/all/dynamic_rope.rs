//! Rotary frequencies that depend on how long a sequence is: a prompt turns by those of its length,
//! each token after it by those of the length that it makes.

use std::iter;

use engine::{
    Engine, EventKind, LoadError, Options, Outline, Pages, Request, Runner, Usage, WhenFull, arch,
    sample, sample::Sampling,
};
use kernels::{
    Backend, Basic, Batch, CacheFormat, Op, Shape, Table,
    cpu::{Config, Cpu, Precision},
};
use loader::{ModelFile, Value};

use crate::models::tiny;

/// The context that the model was made for.
const ORIGINAL: usize = 70;
const CONTEXT: usize = 160;
const FACTOR: f64 = 3.0;
/// Columns of a head.
const TURNED: f64 = 16.0;

fn file() -> ModelFile {
    let mut file = tiny("llama");
    let kind = Value::String("dynamic".to_owned());
    file.metadata.insert("llama.rope.scaling.type", kind);
    file.metadata.insert("llama.rope.scaling.factor", Value::F32(FACTOR as f32));
    file.metadata.insert("llama.context_length", Value::U32(ORIGINAL as u32));
    file
}

/// The same without scaling, on this base.
fn unscaled(base: f64) -> ModelFile {
    let mut file = tiny("llama");
    file.metadata.insert("llama.rope.freq_base", Value::F32(base as f32));
    file
}

/// As transformers stretches it for so many tokens.
fn base_of(len: usize) -> f64 {
    let stretched = FACTOR * len as f64 / ORIGINAL as f64 - (FACTOR - 1.0);
    10000.0 * stretched.powf(TURNED / (TURNED - 2.0))
}

fn cpu() -> Box<dyn Backend> {
    let config = Config { precision: Precision::Exact, threads: 1, ..Config::detect() };
    Box::new(Cpu::new(config).expect("what was detected"))
}

fn engine_of(file: &ModelFile) -> Engine {
    let options = Options {
        ctx_size: Some(CONTEXT),
        max_seqs: 3,
        chunk: 16,
        lookup: 7,
        ..Options::default()
    };
    Engine::load_ids_only(file, cpu(), &options).expect("a complete model")
}

fn prompt(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i + 7 * i) % 32).collect()
}

/// A text of which parts come again.
fn repeated(n: usize) -> Vec<u32> {
    prompt(9).into_iter().cycle().take(n).collect()
}

fn logits(file: &ModelFile, tokens: &[u32]) -> Vec<f32> {
    let mut all = Vec::new();
    engine_of(file).logits(tokens, |_, row| all.extend_from_slice(row)).expect("finite logits");
    all
}

fn request(tokens: &[u32], max_new: usize) -> Request {
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    Request { max_new: Some(max_new), lookup: 7, ..Request::new(tokens.to_vec(), sampling) }
}

/// What comes of requests that run beside one another.
fn answers(engine: &mut Engine, requests: &[Request]) -> Vec<(Vec<u32>, Usage)> {
    let submit = |it: &Request| engine.submit(it.clone()).expect("a sound request");
    let seqs: Vec<_> = requests.iter().map(submit).collect();
    let mut all = vec![(vec![], Usage::default()); seqs.len()];
    while !engine.is_idle() {
        for event in engine.step().expect("a step") {
            let i = seqs.iter().position(|it| *it == event.seq).expect("one of ours");
            match event.kind {
                EventKind::Token { id, .. } => all[i].0.push(id),
                EventKind::Finished(_, usage) => all[i].1 = usage,
                EventKind::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }
    all
}

#[test]
fn a_prompt_turns_by_the_base_of_its_length() {
    for n in [30, ORIGINAL] {
        let tokens = prompt(n);
        assert!(logits(&file(), &tokens) == logits(&unscaled(10000.0), &tokens), "{n} tokens");
    }
    for n in [ORIGINAL + 1, 90, CONTEXT] {
        let tokens = prompt(n);
        let found = logits(&file(), &tokens);
        let far = |base| {
            let want = logits(&unscaled(base), &tokens);
            let pairs = found.iter().zip(&want).map(|(a, b)| (a - b).abs());
            pairs.fold(0.0, f32::max)
        };
        // The base in a file has 24 bits.
        assert!(far(base_of(n)) <= 1e-4, "{n} tokens: {:e}", far(base_of(n)));
        assert!(far(10000.0) > 1e-3, "{n} tokens: {:e}", far(10000.0));
    }
}

/// The most probable tokens after `n_prompt` of `tokens` and after each later one, computed with the
/// sets that are meant, one row a step after the prompt.
fn next_tokens(tokens: &[u32], n_prompt: usize) -> Vec<u32> {
    let n = tokens.len();
    let pages = Pages { blocks: 1, block_len: CONTEXT, format: CacheFormat::F32 };
    let mut cpu = cpu();
    let loaded = arch::load(&file(), cpu.as_mut(), pages).expect("a complete model");
    let max = Shape { rows: n, seqs: 1, outputs: 1, len: n };
    let mut runner = Runner::new(&loaded, cpu, max).expect("memory for it");
    let mut next = |past: usize, end: usize| {
        let mut batch = Batch::default();
        batch.push(past as u32, &tokens[past..end], Table(vec![vec![0]]));
        batch.turn_by(end.saturating_sub(ORIGINAL) as u32);
        batch.out.push((end - past - 1) as u32);
        let mut best = 0;
        runner.step(&batch, &mut |row| best = sample::greedy(row)).expect("a sound batch");
        best
    };
    let first = next(0, n_prompt);
    let later = (n_prompt..n).map(|at| next(at, at + 1));
    iter::once(first).chain(later).collect()
}

#[test]
fn a_token_turns_by_the_base_of_the_length_that_it_makes() {
    for n in [ORIGINAL - 8, ORIGINAL, 90] {
        let tokens = prompt(n);
        let found = engine_of(&file()).greedy(&tokens, 40).expect("finite logits");
        let whole = [&tokens[..], &found[..39]].concat();
        assert_eq!(found, next_tokens(&whole, n), "{n} tokens");
    }
}

#[test]
fn a_sequence_is_the_same_in_steps_beside_others_and_with_guesses() {
    let prompts = [prompt(ORIGINAL - 8), prompt(90), repeated(100), repeated(50)];
    let requests = prompts.each_ref().map(|it| request(it, 40));
    let mut engine = engine_of(&file());
    let found = answers(&mut engine, &requests);
    for (prompt, (ids, _)) in prompts.iter().zip(&found) {
        let alone = engine_of(&file()).greedy(prompt, 40).expect("finite logits");
        assert_eq!(*ids, alone, "{} tokens", prompt.len());
    }
    assert!(found.iter().any(|it| it.1.guessed > 0), "nothing was guessed");
}

#[test]
fn what_is_reused_turned_by_the_same() {
    let mut engine = engine_of(&file());
    let mut check = |tokens: &[u32], reused: usize, what: &str| {
        let found = answers(&mut engine, &[request(tokens, 10)]).remove(0);
        let alone = engine_of(&file()).greedy(tokens, 10).expect("finite logits");
        assert_eq!((found.0, found.1.reused), (alone, reused), "{what}");
        [tokens, &engine_of(&file()).greedy(tokens, 10).expect("finite logits")].concat()
    };
    let whole = check(&prompt(ORIGINAL - 4), 0, "one that outgrows the original context");
    check(&whole[..68], 64, "one that does not, of its whole blocks within");
    check(&whole, 0, "the next turn, beyond");
    check(&whole, 64, "the same again");
    check(&[&whole[..], &[3]].concat(), 0, "a longer one");
}

#[test]
fn a_shift_goes_back_to_the_base_of_the_length() {
    let tokens = prompt(CONTEXT - 4);
    let when_full = WhenFull::Shift { keep: 4, borders: vec![] };
    let request = Request { when_full, ..request(&tokens, 30) };
    let (ids, _) = answers(&mut engine_of(&file()), &[request]).remove(0);
    // The token that had no place, and the half before it.
    let mut left = [&tokens[..], &ids[..5]].concat();
    left.drain(4..4 + (left.len() - 4).div_ceil(2));
    let alone = engine_of(&file()).greedy(&left, 25).expect("finite logits");
    assert_eq!(ids[5..], alone);
}

/// Bytes of all frequencies that the plan turns by.
fn frequencies(outline: &Outline) -> u64 {
    let used = outline.plan.steps().iter().filter_map(|step| match &step.op {
        Op::Basic(Basic::Rope(_, rope)) => Some(rope.freqs),
        _ => None,
    });
    let mut all: Vec<_> = used.collect();
    all.dedup();
    all.iter().map(|it| 4 * it.cols as u64).sum()
}

/// What is said before is what is there then: a set of 8 frequencies for each length beyond the original.
#[test]
fn the_sets_of_all_lengths_are_foretold() {
    for (context, sets) in [(ORIGINAL, 1), (ORIGINAL + 1, 2), (CONTEXT, 91)] {
        let options = Options { ctx_size: Some(context), ..Options::default() };
        let of = |file: &ModelFile| Outline::of(file, cpu(), &options).expect("a complete model");
        let (dynamic, plain) = (of(&file()), of(&unscaled(10000.0)));
        assert_eq!(frequencies(&dynamic), sets * 8 * 4, "{context} tokens");
        let told = dynamic.info.cache_bytes - plain.info.cache_bytes;
        assert_eq!(told, if sets > 1 { sets * 8 * 4 } else { 0 }, "{context} tokens");
        let engine = Engine::load_ids_only(&file(), cpu(), &options).expect("a complete model");
        assert_eq!(dynamic.info, *engine.info(), "{context} tokens");
    }
}

#[test]
fn a_context_whose_sets_do_not_fit_is_refused() {
    let options =
        |free_memory| Options { ctx_size: Some(CONTEXT), free_memory, ..Options::default() };
    let load = |file: &ModelFile, free| Engine::load_ids_only(file, cpu(), &options(free));
    let needed = load(&file(), None).expect("there is memory").info().cache_bytes;
    assert!(load(&file(), Some(needed)).is_ok());
    let error = load(&file(), Some(needed - 1)).err();
    assert!(matches!(error, Some(LoadError::CacheTooLarge { .. })), "{error:?}");
    assert!(load(&unscaled(10000.0), Some(needed - 1)).is_ok());
}
