//! A model with recurrent layers in the engine: what is reused, gone on from and asked again
//! computes what it computes anew.

use engine::{Engine, EventKind, Options, Request, sample::Sampling};
use kernels::{
    Backend, Bytes,
    cpu::{Config, Cpu, Precision},
};
use loader::{FileTensor, ModelFile};

use crate::models::hybrid;

const BLOCK_LEN: usize = 32;
/// Rows of a prompt a step.
const CHUNK: usize = 48;

fn engine(max_seqs: usize, chunk: usize) -> Engine {
    engine_of(&hybrid(), max_seqs, chunk)
}

fn engine_of(file: &ModelFile, max_seqs: usize, chunk: usize) -> Engine {
    let config = Config { precision: Precision::Exact, threads: 2, ..Config::detect() };
    let cpu: Box<dyn Backend> = Box::new(Cpu::new(config).expect("what was detected"));
    let options = Options { ctx_size: Some(512), max_seqs, chunk, ..Options::default() };
    Engine::load_ids_only(file, cpu, &options).expect("a complete model")
}

fn prompt(n: u32, salt: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i + salt * i + 3 * salt) % 32).collect()
}

fn request(tokens: &[u32], max_new: usize) -> Request {
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    Request { max_new: Some(max_new), ..Request::new(tokens.to_vec(), sampling) }
}

/// The ids that requests give together.
fn run(engine: &mut Engine, requests: &[Request]) -> Vec<Vec<u32>> {
    let submit = |it: &Request| engine.submit(it.clone()).expect("a sound request");
    let seqs: Vec<_> = requests.iter().map(submit).collect();
    let mut ids = vec![vec![]; seqs.len()];
    while !engine.is_idle() {
        for event in engine.step().expect("nothing fails") {
            let i = seqs.iter().position(|it| *it == event.seq).expect("one of them");
            match event.kind {
                EventKind::Token { id, .. } => ids[i].push(id),
                EventKind::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }
    ids
}

fn alone(request: &Request) -> Vec<u32> {
    run(&mut engine(1, 512), std::slice::from_ref(request)).remove(0)
}

fn logits(engine: &mut Engine, tokens: &[u32]) -> Vec<u32> {
    let mut bits = Vec::new();
    let see = |_, row: &[f32]| bits.extend(row.iter().map(|it| it.to_bits()));
    engine.logits(tokens, see).expect("finite logits");
    bits
}

#[test]
fn chunks_change_nothing() {
    let tokens = prompt(200, 1);
    let want = logits(&mut engine(1, 512), &tokens);
    for chunk in [1, 7, 48] {
        let mut engine = engine(1, chunk);
        assert!(logits(&mut engine, &tokens) == want, "chunks of {chunk}");
        assert!(logits(&mut engine, &tokens) == want, "chunks of {chunk}, over used slots");
    }
}

#[test]
fn the_next_turn_goes_on_where_the_last_ended() {
    let mut engine = engine(1, CHUNK);
    let mut tokens = prompt(100, 1);
    for turn in 0..5 {
        let before = engine.stats().reused as usize;
        let request = request(&tokens, 40);
        let ids = run(&mut engine, std::slice::from_ref(&request)).remove(0);
        assert_eq!(ids, alone(&request), "turn {turn}");
        // All but the last token of the answer, and the tokens since.
        let reused = if turn == 0 { 0 } else { tokens.len() - 9 };
        assert_eq!(engine.stats().reused as usize - before, reused, "turn {turn}");
        tokens.extend(&ids);
        tokens.extend(prompt(8, turn));
    }
}

#[test]
fn an_answer_that_is_asked_for_again_goes_on_at_the_last_block_of_the_prompt() {
    let mut engine = engine(1, CHUNK);
    let first = request(&prompt(150, 1), 60);
    let want = alone(&first);
    for time in 0..3 {
        let before = engine.stats().reused as usize;
        assert_eq!(run(&mut engine, std::slice::from_ref(&first)), [&want[..]], "{time}");
        let reused = if time == 0 { 0 } else { 149 / BLOCK_LEN * BLOCK_LEN };
        assert_eq!(engine.stats().reused as usize - before, reused, "{time}");
    }
}

#[test]
fn sequences_together_are_as_alone() {
    let mut engine = engine(3, CHUNK);
    let shared = prompt(70, 9);
    let longer = |n, salt| [&shared[..], &prompt(n, salt)].concat();
    let requests = [
        request(&prompt(200, 1), 150),
        request(&longer(5, 2), 90),
        request(&prompt(3, 3), 200),
        request(&longer(33, 4), 40),
        request(&longer(5, 2), 90),
    ];
    let want: Vec<_> = requests.iter().map(alone).collect();
    for time in 0..3 {
        assert_eq!(run(&mut engine, &requests), want, "{time}");
        assert_eq!(engine.stats().blocks_in_use, 0);
    }
    assert!(engine.stats().reused > 0);
}

#[test]
fn a_sequence_that_is_cancelled_leaves_what_can_be_gone_on_from() {
    let mut engine = engine(1, CHUNK);
    let first = request(&prompt(120, 1), 200);
    let id = engine.submit(first.clone()).expect("a sound request");
    for _ in 0..40 {
        engine.step().expect("nothing fails");
    }
    engine.cancel(id);
    assert_eq!(run(&mut engine, std::slice::from_ref(&first)).remove(0), alone(&first));
    assert!(engine.stats().reused > 0);
}

/// The model with NaN in its row for token 7, and with a head of its own that has none.
fn poisoned() -> ModelFile {
    let mut file = hybrid();
    let table = file.tensors["token_embd.weight"].clone();
    let mut bytes: Vec<u8> = table.parts[0].to_vec();
    bytes[7 * table.shape[1] * 4..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let bad = FileTensor { parts: vec![Bytes::new(bytes)], ..table.clone() };
    file.tensors.insert("token_embd.weight".to_owned(), bad);
    file.tensors.insert("output.weight".to_owned(), table);
    file
}

#[test]
fn why_one_sequence_failed_is_found_out_beside_another_that_goes_on() {
    let file = poisoned();
    let tokens: Vec<u32> = prompt(40, 1).into_iter().filter(|it| *it != 7).collect();
    let sampling = Sampling { temperature: 1.0, seed: Some(3), ..Sampling::default() };
    let sampling = Sampling { logit_bias: vec![(7, f32::NEG_INFINITY)], ..sampling };
    let good = Request { max_new: Some(60), ..Request::new(tokens, sampling) };
    // So many neighbours, one after the other, fail in the step that lets them in.
    let ids_beside = |failures: usize| {
        let mut engine = engine_of(&file, 2, CHUNK);
        let seq = engine.submit(good.clone()).expect("a sound request");
        let (mut ids, mut failed) = (vec![], 0);
        while !engine.is_idle() {
            if !ids.is_empty() && failed < failures {
                engine.submit(request(&[1, 7, 3], 3)).expect("a sound request");
            }
            for event in engine.step().expect("nothing fails as a whole") {
                match event.kind {
                    EventKind::Token { id, .. } if event.seq == seq => ids.push(id),
                    EventKind::Failed(error) if event.seq == seq => panic!("{error}"),
                    EventKind::Failed(_) => failed += 1,
                    _ => {}
                }
            }
        }
        assert_eq!(failed, failures);
        ids
    };
    assert_eq!(ids_beside(20), ids_beside(0));
}
