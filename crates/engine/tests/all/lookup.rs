//! Tokens computed ahead, where a text seems to repeat an earlier one, change no text.

use std::slice;

use engine::{Engine, Finish, Options, Request, WhenFull, sample::Sampling};
use kernels::cpu::{Config, Cpu, Precision};
use loader::{ModelFile, Value};

use crate::{
    answers::{Told, run},
    models::{hybrid, longrope, tiny},
};

const CONTEXT: usize = 160;

fn engine(file: &ModelFile) -> Engine {
    let config = Config { precision: Precision::Fast, threads: 1, ..Config::detect() };
    let cpu = Box::new(Cpu::new(config).expect("what was detected"));
    let options = Options {
        ctx_size: Some(CONTEXT),
        max_seqs: 2,
        chunk: 16,
        lookup: 15,
        ..Options::default()
    };
    Engine::load_ids_only(file, cpu, &options).expect("a complete model")
}

/// A text of which parts come again.
fn prompt(salt: u32) -> Vec<u32> {
    let part: Vec<u32> = (0..9).map(|i| (i * i + salt * i + 3) % 32).collect();
    [&part[..], &[salt % 32], &part[..], &[5, 6], &part[..4]].concat()
}

fn request(salt: u32, temperature: f32, lookup: usize) -> Request {
    let sampling = Sampling { temperature, seed: Some(u64::from(salt)), ..Sampling::default() };
    Request { max_new: Some(60), lookup, ..Request::new(prompt(salt), sampling) }
}

/// What comes of a request alone, in an engine of its own, without guesses.
fn plain(file: &ModelFile, request: &Request) -> Told {
    let request = Request { lookup: 0, ..request.clone() };
    let (told, usage) = run(&mut engine(file), &[request]).remove(0);
    assert_eq!((usage.guessed, usage.guessed_right), (0, 0));
    told
}

/// Models whose rows see different parts of what was before, and one with a state.
fn files() -> Vec<ModelFile> {
    let mut window = tiny("gemma2");
    window.metadata.insert("gemma2.attention.sliding_window", Value::U32(16));
    vec![tiny("llama"), window, tiny("qwen2moe"), longrope(), hybrid()]
}

#[test]
fn guesses_change_no_text() {
    for file in files() {
        let name = file.architecture().to_owned();
        let mut right = 0;
        for temperature in [0.0, 0.7] {
            for salt in 0..6 {
                for lookup in [1, 3, 15] {
                    let request = request(salt, temperature, lookup);
                    let (told, usage) =
                        run(&mut engine(&file), slice::from_ref(&request)).remove(0);
                    assert_eq!(told, plain(&file, &request), "{name}, {salt}, {lookup}");
                    assert!(usage.guessed_right <= usage.guessed, "{usage:?}");
                    assert!(usage.guessed_right < usage.generated, "{usage:?}");
                    right += usage.guessed_right;
                }
            }
        }
        assert!(right > 0, "{name}: nothing was guessed rightly");
    }
}

#[test]
fn guesses_change_no_text_that_runs_beside() {
    let file = tiny("llama");
    let requests = [request(1, 0.0, 15), request(2, 0.7, 3), request(3, 0.0, 0)];
    let told = run(&mut engine(&file), &requests);
    for (request, (told, _)) in requests.iter().zip(told) {
        assert_eq!(told, plain(&file, request));
    }
}

#[test]
fn an_answer_ends_where_it_ends_without_guesses() {
    let file = tiny("llama");
    let whole = plain(&file, &request(1, 0.0, 0)).ids;
    for (n, &id) in whole.iter().enumerate().take(40).skip(1) {
        let stops = Request { stop_ids: vec![id], ..request(1, 0.0, 15) };
        let few = Request { max_new: Some(n), ..request(1, 0.0, 15) };
        for request in [stops, few] {
            let (told, usage) = run(&mut engine(&file), slice::from_ref(&request)).remove(0);
            assert_eq!(told, plain(&file, &request), "{n}");
            let stopped = usize::from(matches!(told.finish, Finish::StopToken(_)));
            assert_eq!(usage.generated, told.ids.len() + stopped);
        }
    }
}

#[test]
fn a_full_context_is_full_at_the_same_token() {
    for file in files() {
        let shift = WhenFull::Shift { keep: 3, borders: vec![9, 18] };
        for when_full in [WhenFull::Stop, shift] {
            let request = Request { max_new: Some(2 * CONTEXT), when_full, ..request(4, 0.0, 15) };
            let (told, usage) = run(&mut engine(&file), slice::from_ref(&request)).remove(0);
            assert_eq!(told, plain(&file, &request));
            assert!(usage.guessed > 0);
        }
    }
}

#[test]
fn the_next_turn_goes_on_from_what_was_kept() {
    for file in files() {
        let first = request(2, 0.0, 15);
        let mut engine = engine(&file);
        let (told, _) = run(&mut engine, slice::from_ref(&first)).remove(0);
        let tokens = [&first.tokens[..], &told.ids, &[7, 8, 9]].concat();
        let next = Request { tokens, max_new: Some(20), ..first };
        let (again, usage) = run(&mut engine, slice::from_ref(&next)).remove(0);
        assert_eq!(again, plain(&file, &next));
        assert!(usage.reused > 0, "{usage:?}");
    }
}

#[test]
fn no_more_is_guessed_than_the_engine_has_room_for() {
    let file = tiny("llama");
    let (told, usage) = run(&mut engine(&file), &[request(1, 0.0, usize::MAX)]).remove(0);
    assert_eq!(told, plain(&file, &request(1, 0.0, 0)));
    assert!(usage.guessed > 0);
}
