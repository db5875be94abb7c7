//! What a smaller model guesses changes no text, however well or badly it guesses.

use std::slice;

use engine::{DraftError, Engine, Options, Request, Usage, WhenFull, sample::Sampling};
use kernels::{
    Backend, Bytes, Format,
    cpu::{Config, Cpu, Precision},
};
use loader::{FileTensor, ModelFile, Value};

use crate::{
    answers::{Told, run},
    models::{hybrid, longrope, tiny},
};

const CONTEXT: usize = 160;

fn engine(file: &ModelFile, context: usize, chunk: usize) -> Engine {
    let config = Config { precision: Precision::Fast, threads: 1, ..Config::detect() };
    let cpu = Box::new(Cpu::new(config).expect("what was detected"));
    engine_on(cpu, file, context, chunk)
}

fn engine_on(backend: Box<dyn Backend>, file: &ModelFile, context: usize, chunk: usize) -> Engine {
    let options =
        Options { ctx_size: Some(context), max_seqs: 2, chunk, lookup: 15, ..Options::default() };
    Engine::load_ids_only(file, backend, &options).expect("a complete model")
}

/// The model with a draft, which reads in other chunks.
fn drafted(file: &ModelFile, draft: &ModelFile) -> Engine {
    let mut engine = engine(file, CONTEXT, 16);
    let draft = engine_on(engine.backend_beside(), draft, CONTEXT, 24);
    engine.draft_with(draft).expect("a vocabulary of the same size");
    engine
}

fn prompt(salt: u32) -> Vec<u32> {
    (0..25 + salt).map(|i| (i * i + salt * i + 3) % 32).collect()
}

fn request(salt: u32, temperature: f32, draft: usize) -> Request {
    let sampling = Sampling { temperature, seed: Some(u64::from(salt)), ..Sampling::default() };
    Request { max_new: Some(60), draft, ..Request::new(prompt(salt), sampling) }
}

fn run_one(engine: &mut Engine, request: &Request) -> (Told, Usage) {
    run(engine, slice::from_ref(request)).remove(0)
}

/// What comes of a request alone, in an engine of its own, without guesses.
fn plain(file: &ModelFile, request: &Request) -> Told {
    let request = Request { lookup: 0, draft: 0, ..request.clone() };
    let (told, usage) = run_one(&mut engine(file, CONTEXT, 16), &request);
    assert_eq!((usage.guessed, usage.drafted), (0, 0));
    told
}

/// Models whose rows see different parts of what was before, and one with a state.
fn files() -> Vec<ModelFile> {
    let mut window = tiny("gemma2");
    window.metadata.insert("gemma2.attention.sliding_window", Value::U32(16));
    vec![tiny("llama"), window, tiny("qwen2moe"), longrope(), hybrid()]
}

#[test]
fn no_draft_changes_a_text() {
    let files = files();
    for (i, file) in files.iter().enumerate() {
        for (j, draft) in files.iter().enumerate() {
            let (mut guessed, mut engine) = (0, drafted(file, draft));
            for (salt, temperature) in [(0, 0.0), (1, 0.0), (2, 0.7), (3, 0.7)] {
                for most in [2, 15] {
                    let request = request(salt, temperature, most);
                    let (told, usage) = run_one(&mut engine, &request);
                    assert_eq!(told, plain(file, &request), "{i}, {j}, {salt}, {most}: {usage:?}");
                    assert!(usage.drafted_right <= usage.drafted, "{usage:?}");
                    assert_eq!(usage.guessed, usage.drafted, "{usage:?}");
                    guessed += usage.drafted;
                }
            }
            assert!(guessed > 0, "{i}, {j}: nothing was guessed");
        }
    }
}

/// So nothing of what it read, guessed and took back is out of step.
#[test]
fn a_model_that_drafts_for_itself_is_right() {
    for (i, file) in files().iter().enumerate() {
        let mut engine = drafted(file, file);
        let first = request(1, 0.0, 15);
        let (told, usage) = run_one(&mut engine, &first);
        assert_eq!(usage.drafted_right, usage.drafted, "{i}: {usage:?}");
        assert!(usage.drafted > 30, "{i}: {usage:?}");
        // The next turn, the first once more, and one that is drawn: there guesses are wrong, too.
        let tokens = [&first.tokens[..], &told.ids, &[7, 8, 9]].concat();
        let next = Request { tokens, max_new: Some(20), ..first.clone() };
        let drawn = request(1, 1.5, 15);
        for request in [&next, &first, &drawn, &next, &first] {
            let (told, usage) = run_one(&mut engine, request);
            assert_eq!(told, plain(file, request), "{i}");
            assert!(usage.drafted > 0, "{i}: {usage:?}");
            if request.sampling.temperature == 0.0 {
                assert_eq!(usage.drafted_right, usage.drafted, "{i}: {usage:?}");
            }
        }
    }
}

#[test]
fn what_was_said_before_is_guessed_first() {
    let (file, draft) = (tiny("llama"), tiny("qwen3"));
    let (mut looked_up, mut guessed) = (0, 0);
    for salt in 0..6 {
        let part = &prompt(salt)[..9];
        let tokens = [part, &[salt], part, &[5, 6], &part[..4]].concat();
        let request = Request { tokens, lookup: 15, ..request(salt, 0.0, 15) };
        let (told, usage) = run_one(&mut drafted(&file, &draft), &request);
        assert_eq!(told, plain(&file, &request), "{salt}");
        looked_up += usage.guessed - usage.drafted;
        guessed += usage.drafted;
    }
    assert!(looked_up > 0 && guessed > 0, "{looked_up} looked up, {guessed} guessed");
}

#[test]
fn a_draft_changes_no_text_that_runs_beside() {
    for file in [tiny("llama"), hybrid()] {
        for draft in [&file, &tiny("qwen3")] {
            let requests = [request(1, 0.0, 15), request(2, 0.7, 3), request(3, 0.0, 0)];
            let told = run(&mut drafted(&file, draft), &requests);
            for (request, (told, usage)) in requests.iter().zip(told) {
                assert_eq!(told, plain(&file, request));
                assert_eq!(usage.drafted > 0, request.draft > 0, "{usage:?}");
            }
        }
    }
}

#[test]
fn an_answer_ends_where_it_ends_without_a_draft() {
    for file in [tiny("llama"), hybrid()] {
        let whole = plain(&file, &request(1, 0.0, 0)).ids;
        let mut engine = drafted(&file, &file);
        for (n, &id) in whole.iter().enumerate().take(40).skip(1) {
            let stops = Request { stop_ids: vec![id], ..request(1, 0.0, 15) };
            let few = Request { max_new: Some(n), ..request(1, 0.0, 15) };
            for request in [stops, few] {
                assert_eq!(run_one(&mut engine, &request).0, plain(&file, &request), "{n}");
            }
        }
    }
}

#[test]
fn a_full_context_is_full_at_the_same_token() {
    for file in files() {
        for draft in [&file, &tiny("qwen3")] {
            let shift = WhenFull::Shift { keep: 3, borders: vec![9, 18] };
            for when_full in [WhenFull::Stop, shift] {
                let max_new = Some(2 * CONTEXT);
                let request = Request { max_new, when_full, ..request(4, 0.0, 15) };
                let (told, usage) = run_one(&mut drafted(&file, draft), &request);
                assert_eq!(told, plain(&file, &request));
                assert!(usage.drafted > 0, "{usage:?}");
            }
        }
    }
}

#[test]
fn a_sequence_that_is_cancelled_leaves_the_draft_in_step() {
    for file in [tiny("llama"), hybrid()] {
        let (mut engine, first) = (drafted(&file, &file), request(1, 0.0, 15));
        for steps in 1..12 {
            let seq = engine.submit(first.clone()).expect("a sound request");
            for _ in 0..steps {
                engine.step().expect("a step");
            }
            engine.cancel(seq);
            let (told, usage) = run_one(&mut engine, &first);
            assert_eq!(told, plain(&file, &first), "{steps}");
            assert_eq!(usage.drafted_right, usage.drafted, "{steps}: {usage:?}");
        }
    }
}

#[test]
fn beyond_its_context_a_draft_guesses_nothing() {
    let file = tiny("llama");
    let mut engine = engine(&file, CONTEXT, 16);
    engine.draft_with(self::engine(&file, 40, 16)).expect("the same model");
    let request = request(1, 0.0, 15);
    let (told, usage) = run_one(&mut engine, &request);
    assert_eq!(told, plain(&file, &request));
    assert!((1..16).contains(&usage.drafted), "{usage:?}");
    let long = Request { tokens: prompt(1).repeat(2), ..request };
    let (told, usage) = run_one(&mut engine, &long);
    assert_eq!((told, usage.drafted), (plain(&file, &long), 0));
}

/// The tiny model with so many tokens: the last are cut off, or have rows of zeros.
fn with_vocab(n: usize) -> ModelFile {
    let mut file = tiny("llama");
    file.metadata.insert("llama.vocab_size", Value::U32(n as u32));
    let table = file.tensors.get_mut("token_embd.weight").expect("every model has one");
    let (mut numbers, cols) = (table.numbers(), table.shape[1]);
    numbers.resize(n * cols, 0.0);
    let parts = vec![Bytes::new(Format::F32.encode(&numbers))];
    *table = FileTensor { format: Format::F32, shape: vec![n, cols], parts };
    file
}

#[test]
fn a_vocabulary_may_have_some_tokens_more() {
    for (of_model, of_draft) in [(32, 33), (32, 160), (33, 32), (160, 32)] {
        let (file, draft) = (with_vocab(of_model), with_vocab(of_draft));
        let mut engine = drafted(&file, &draft);
        for temperature in [0.0, 1.5] {
            let request = request(1, temperature, 15);
            let (told, usage) = run_one(&mut engine, &request);
            assert_eq!(told, plain(&file, &request), "{of_model}, {of_draft}");
            // What is drawn may be a token that the draft does not know.
            let guesses = temperature > 0.0 || usage.drafted > 0;
            assert!(guesses, "{of_model}, {of_draft}: {usage:?}");
        }
    }
}

#[test]
fn after_a_token_that_it_does_not_know_a_draft_guesses_nothing() {
    let file = with_vocab(33);
    let mut engine = drafted(&file, &with_vocab(32));
    let known = request(1, 0.0, 15);
    let mut foreign = known.clone();
    foreign.tokens[20] = 32;
    for request in [&known, &foreign, &known] {
        let (told, usage) = run_one(&mut engine, request);
        assert_eq!(told, plain(&file, request));
        assert_eq!(usage.drafted > 0, request.tokens == known.tokens, "{usage:?}");
    }
}

#[test]
fn a_vocabulary_of_another_size_is_refused() {
    let mut model = engine(&tiny("llama"), CONTEXT, 16);
    let error = model.draft_with(engine(&with_vocab(161), CONTEXT, 16)).expect_err("129 more");
    assert_eq!(error, DraftError::Count { found: 161, expected: 32 });
    let told = "the draft has 161 tokens, expected the 32 of the model, give or take 128";
    assert_eq!(error.to_string(), told);
    assert!(model.draft().is_none());
    let request = request(1, 0.0, 15);
    let (told, usage) = run_one(&mut model, &request);
    assert_eq!((told, usage.drafted), (plain(&tiny("llama"), &request), 0));
}
