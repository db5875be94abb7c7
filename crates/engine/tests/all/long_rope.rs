//! Two sets of rotary frequencies: a sequence takes the one that its length asks for, in all its
//! rows, and what it shares with others turned by the same.

use engine::{Engine, EventKind, Options, Request, sample, sample::Sampling};
use kernels::cpu::{Config, Cpu, Precision};
use loader::{ModelFile, Value};

use crate::models::{SHORT, longrope, tiny};

fn engine_of(file: &ModelFile) -> Engine {
    let config = Config { precision: Precision::Exact, threads: 1, ..Config::detect() };
    let cpu = Cpu::new(config).expect("what was detected");
    let options = Options { ctx_size: Some(128), max_seqs: 2, chunk: 16, ..Options::default() };
    Engine::load_ids_only(file, Box::new(cpu), &options).expect("a complete model")
}

fn prompt(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i + 7 * i) % 32).collect()
}

/// The most probable token after each beginning of `tokens` from `from` on, each computed alone.
fn next_tokens(tokens: &[u32], from: usize) -> Vec<u32> {
    let mut engine = engine_of(&longrope());
    let next = |n: usize| {
        let mut last = Vec::new();
        engine.logits(&tokens[..n], |_, row| last = row.to_vec()).expect("finite logits");
        sample::greedy(&last)
    };
    (from..tokens.len()).map(next).collect()
}

/// The answers to requests that run beside one another, with how many tokens were reused.
fn answers(engine: &mut Engine, prompts: &[&[u32]], n: usize) -> Vec<(Vec<u32>, usize)> {
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    let submit = |tokens: &&[u32]| {
        let request = Request::new(tokens.to_vec(), sampling.clone());
        let request = Request { max_new: Some(n), ..request };
        (engine.submit(request).expect("a sound request"), (vec![], 0))
    };
    let mut all: Vec<_> = prompts.iter().map(submit).collect();
    while !engine.is_idle() {
        for event in engine.step().expect("a step") {
            let (_, (ids, reused)) =
                all.iter_mut().find(|it| it.0 == event.seq).expect("one of ours");
            match event.kind {
                EventKind::Token { id, .. } => ids.push(id),
                EventKind::Finished(_, usage) => *reused = usage.reused,
                _ => {}
            }
        }
    }
    all.into_iter().map(|(_, it)| it).collect()
}

#[test]
fn a_sequence_that_outgrows_the_first_set_is_computed_again() {
    let prompt = prompt(SHORT - 6);
    let found = engine_of(&longrope()).greedy(&prompt, 20).expect("finite logits");
    let whole = [&prompt[..], &found].concat();
    assert_eq!(found, next_tokens(&whole, prompt.len()), "by itself");
    let beside: &[u32] = &prompt[..40];
    let found_in_steps = answers(&mut engine_of(&longrope()), &[&prompt, beside], 20);
    assert_eq!(found_in_steps[0].0, found, "in steps");
    let short = engine_of(&longrope()).greedy(beside, 20).expect("finite logits");
    assert_eq!(found_in_steps[1].0, short, "beside one that outgrows");
}

#[test]
fn the_sets_are_not_the_same() {
    let last = |n: usize, longest: u32| {
        let mut file = longrope();
        let original = "llama.rope.scaling.original_context_length";
        file.metadata.insert(original, Value::U32(longest));
        let mut last = Vec::new();
        engine_of(&file).logits(&prompt(n), |_, row| last = row.to_vec()).expect("finite logits");
        last
    };
    assert_ne!(last(20, 19), last(20, 20));
    assert_eq!(last(20, 20), last(20, 100));
}

#[test]
fn sequences_share_what_turned_by_the_same_set() {
    let (mut engine, long) = (engine_of(&longrope()), prompt(SHORT + 20));
    let [short, longer] = [&long[..50], &long[..SHORT + 10]];
    let alone = |tokens: &[u32]| engine_of(&longrope()).greedy(tokens, 4).expect("finite logits");
    assert_eq!(answers(&mut engine, &[&long], 4), [(alone(&long), 0)], "the first");
    assert_eq!(answers(&mut engine, &[short], 4), [(alone(short), 0)], "of another set");
    assert_eq!(answers(&mut engine, &[longer], 4), [(alone(longer), 64)], "of the first's set");
    assert_eq!(answers(&mut engine, &[short], 4), [(alone(short), 32)], "of the second's");
}

/// Both sets count as what a context takes.
#[test]
fn both_sets_are_foretold() {
    let taken = |file: &ModelFile| engine_of(file).info().cache_bytes;
    assert_eq!(taken(&longrope()) - taken(&tiny("llama")), 2 * 8 * 4);
}
