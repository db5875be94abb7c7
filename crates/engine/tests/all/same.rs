//! A request gives the same tokens whatever is done beside it: on any number of threads, in any
//! chunks of its prompt, beside other requests, in blocks that others were in, and where some of it
//! is in the cache already; in either precision.

use std::slice;

use engine::{Engine, Options, Request, sample::Sampling};
use kernels::cpu::{Config, Cpu, Precision};
use loader::{ModelFile, Value};

use crate::{
    answers::run,
    models::{hybrid, tiny},
};

/// Threads, and tokens of prompts that a step computes.
type Way = (usize, usize);

fn engine(file: &ModelFile, precision: Precision, (threads, chunk): Way) -> Engine {
    let config = Config { precision, threads, ..Config::detect() };
    let cpu = Box::new(Cpu::new(config).expect("what was detected"));
    let options = Options { ctx_size: Some(192), max_seqs: 3, chunk, ..Options::default() };
    Engine::load_ids_only(file, cpu, &options).expect("a complete model")
}

fn request(salt: u32, len: u32) -> Request {
    let tokens = (0..len).map(|i| (i * i + salt * i + 3) % 32).collect();
    let sampling =
        Sampling { temperature: 0.8, seed: Some(u64::from(salt)), ..Sampling::default() };
    Request { max_new: Some(40), ..Request::new(tokens, sampling) }
}

/// Models whose rows see different parts of what was before, one with experts, one with a state.
fn files() -> [ModelFile; 4] {
    let mut window = tiny("gemma2");
    window.metadata.insert("gemma2.attention.sliding_window", Value::U32(16));
    [tiny("llama"), window, tiny("qwen2moe"), hybrid()]
}

#[test]
fn a_request_gives_the_same_tokens_whatever_is_done_beside_it() {
    let (asked, others) = (request(1, 90), [request(2, 40), request(3, 7)]);
    let mut reused = 0;
    for file in files() {
        for precision in [Precision::Exact, Precision::Fast] {
            let alone = |way| {
                let mut engine = engine(&file, precision, way);
                run(&mut engine, slice::from_ref(&asked)).remove(0).0
            };
            let expected = alone((1, 512));
            for way in [(1, 1), (1, 13), (2, 512), (2, 64), (3, 7)] {
                let told = format!("{}, {precision}, {way:?}", file.architecture());
                assert_eq!(alone(way), expected, "{told}: alone");
                let mut engine = engine(&file, precision, way);
                run(&mut engine, &others);
                let all = [others[0].clone(), asked.clone(), others[1].clone()];
                let beside = run(&mut engine, &all).remove(1).0;
                assert_eq!(beside, expected, "{told}: beside others");
                let (again, usage) = run(&mut engine, slice::from_ref(&asked)).remove(0);
                reused += usage.reused;
                assert_eq!(again, expected, "{told}: once more");
            }
        }
    }
    assert!(reused > 0, "the cache has some of what is asked once more");
}
