//! The engine on a tiny made-up model: what runs beside what changes nothing but the order.

use std::{collections::HashMap, fs};

use engine::{
    Engine, Error, Event, EventKind, Finish, LoadError, Options, Order, Outline, Request, SeqId,
    Usage, WhenFull, sample::Sampling,
};
use kernels::{
    Backend, Batch, Bytes, Cache, CacheSpec, Format, Fused, Info, Plan, PlanId, See, Shape, State,
    StateSpec, Tensor, Weight, WeightSpec,
    cpu::{Config, Cpu, Precision},
};
use loader::{ModelFile, gguf::Writer};

use crate::models::tiny;

/// What became of each sequence.
#[derive(Default)]
struct Seen {
    ids: HashMap<SeqId, Vec<u32>>,
    ends: HashMap<SeqId, (Finish, Usage)>,
    failures: HashMap<SeqId, Error>,
    shifts: Vec<(usize, usize)>,
}

impl Seen {
    fn add(&mut self, events: Vec<Event>) {
        for Event { seq, kind } in events {
            match kind {
                EventKind::Token { id, .. } => self.ids.entry(seq).or_default().push(id),
                EventKind::Finished(why, usage) => drop(self.ends.insert(seq, (why, usage))),
                EventKind::Failed(error) => drop(self.failures.insert(seq, error)),
                EventKind::Shifted { dropped, kept } => self.shifts.push((dropped, kept)),
                EventKind::Prefilled { .. } | EventKind::Rest(_) => {}
            }
        }
    }

    fn until_idle(&mut self, engine: &mut Engine) {
        while !engine.is_idle() {
            self.add(engine.step().expect("nothing fails as a whole"));
        }
    }
}

fn cpu() -> Box<Cpu> {
    let config = Config { precision: Precision::Exact, threads: 1, ..Config::detect() };
    Box::new(Cpu::new(config).expect("what was detected"))
}

fn engine_of(file: &ModelFile, options: &Options) -> Engine {
    Engine::load_ids_only(file, cpu(), options).expect("the tiny model is complete")
}

fn engine(ctx_size: usize, max_seqs: usize) -> Engine {
    let options = Options { ctx_size: Some(ctx_size), max_seqs, chunk: 32, ..Options::default() };
    engine_of(&tiny("llama"), &options)
}

fn greedy(tokens: &[u32], max_new: usize) -> Request {
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    Request { max_new: Some(max_new), ..Request::new(tokens.to_vec(), sampling) }
}

fn prompt(n: u32, salt: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i + salt * i + 3 * salt) % 32).collect()
}

/// The ids of one request in an engine of its own, and what it took.
fn alone(request: Request) -> (Vec<u32>, Finish, Usage) {
    let (mut engine, mut seen) = (engine(512, 1), Seen::default());
    let seq = engine.submit(request).expect("a sound request");
    seen.until_idle(&mut engine);
    let (why, usage) = seen.ends.remove(&seq).expect("it ended");
    (seen.ids.remove(&seq).unwrap_or_default(), why, usage)
}

#[test]
fn a_long_prompt_joins_two_answers_and_holds_up_neither() {
    let requests = [greedy(&prompt(5, 1), 60), greedy(&prompt(9, 2), 60)];
    let long = greedy(&prompt(300, 3), 8);
    let (mut engine, mut seen) = (engine(512, 3), Seen::default());
    let short = requests.clone().map(|it| engine.submit(it).expect("a sound request"));
    for _ in 0..4 {
        seen.add(engine.step().expect("a step"));
    }
    let joined = engine.submit(long.clone()).expect("a sound request");
    let mut steps = 0;
    while !seen.ids.contains_key(&joined) {
        let events = engine.step().expect("a step");
        for seq in short {
            let is_its = |it: &&Event| it.seq == seq && matches!(it.kind, EventKind::Token { .. });
            assert_eq!(events.iter().filter(is_its).count(), 1, "a token in step {steps}");
        }
        steps += 1;
        seen.add(events);
    }
    assert_eq!(steps, 300usize.div_ceil(32));
    seen.until_idle(&mut engine);
    for (seq, request) in short.into_iter().chain([joined]).zip(requests.into_iter().chain([long]))
    {
        let (ids, why, usage) = alone(request);
        assert_eq!((&seen.ids[&seq], &seen.ends[&seq]), (&ids, &(why, usage)));
    }
}

#[test]
fn answers_may_wait_until_all_prompts_are_read() {
    let options = Options { ctx_size: Some(512), max_seqs: 3, chunk: 32, ..Options::default() };
    let options = Options { order: Order::PromptsFirst, ..options };
    let (mut engine, mut seen) = (engine_of(&tiny("llama"), &options), Seen::default());
    let requests = [(5, 1), (100, 2), (40, 3)].map(|(n, salt)| greedy(&prompt(n, salt), 6));
    let seqs = requests.clone().map(|it| engine.submit(it).expect("a sound request"));
    let mut tokens = Vec::new();
    while !engine.is_idle() {
        let events = engine.step().expect("a step");
        let is_token = |it: &&Event| matches!(it.kind, EventKind::Token { .. });
        tokens.push(events.iter().filter(is_token).count());
        seen.add(events);
    }
    // 145 rows of prompts, 32 a step; then a token of each.
    assert_eq!(tokens, [1, 0, 0, 1, 1, 3, 3, 3, 3, 3]);
    for (seq, request) in seqs.into_iter().zip(requests) {
        let (ids, why, usage) = alone(request);
        assert_eq!((&seen.ids[&seq], &seen.ends[&seq]), (&ids, &(why, usage)));
    }
}

#[test]
fn a_seed_decides_a_text_whatever_runs_beside_it() {
    let seeded = |seed| {
        let sampling = Sampling { temperature: 1.0, seed: Some(seed), ..Sampling::default() };
        Request { max_new: Some(30), ..Request::new(prompt(6, 4), sampling) }
    };
    let (mut engine, mut seen) = (engine(512, 2), Seen::default());
    let seqs = [7, 8, 7].map(|seed| engine.submit(seeded(seed)).expect("a sound request"));
    seen.until_idle(&mut engine);
    let [a, b, again] = seqs.map(|it| &seen.ids[&it]);
    assert_eq!(a, again);
    assert_ne!(a, b);
    assert_eq!(*a, alone(seeded(7)).0);
}

#[test]
fn a_second_turn_prefills_only_its_new_tokens() {
    let (mut engine, mut seen) = (engine(512, 1), Seen::default());
    let mut tokens = prompt(45, 5);
    let seq = engine.submit(greedy(&tokens, 20)).expect("a sound request");
    seen.until_idle(&mut engine);
    tokens.extend(&seen.ids[&seq]);
    let cached = tokens.len() - 1; // the last token was chosen, not computed
    tokens.extend(prompt(7, 6));
    let turn = engine.submit(greedy(&tokens, 20)).expect("a sound request");
    seen.until_idle(&mut engine);
    let usage = seen.ends[&turn].1;
    assert_eq!((usage.reused, usage.prefilled), (cached, tokens.len() - cached));
    let (ids, _, fresh) = alone(greedy(&tokens, 20));
    assert_eq!((&seen.ids[&turn], fresh.prefilled), (&ids, tokens.len()));
    assert_eq!(engine.stats().reused, cached as u64);
}

#[test]
fn cancel_frees_the_blocks() {
    let (mut engine, mut seen) = (engine(512, 2), Seen::default());
    let [a, b] = [1, 2].map(|salt| engine.submit(greedy(&prompt(70, salt), 50)).expect("sound"));
    let waiting = engine.submit(greedy(&prompt(5, 3), 5)).expect("sound");
    for _ in 0..6 {
        seen.add(engine.step().expect("a step"));
    }
    let before = engine.stats();
    assert_eq!((before.blocks_in_use, before.blocks_retained), (6, 0));
    for seq in [a, waiting] {
        let last = engine.cancel(seq);
        assert!(
            matches!(&last[..], [Event { kind: EventKind::Finished(Finish::Cancelled, _), .. }]),
            "{last:?}"
        );
        assert_eq!(engine.cancel(seq), [], "a second time");
    }
    let after = engine.stats();
    assert_eq!((after.blocks_in_use, after.blocks_retained), (3, 3));
    seen.until_idle(&mut engine);
    assert_eq!(engine.stats().blocks_in_use, 0);
    assert_eq!(seen.ids[&b], alone(greedy(&prompt(70, 2), 50)).0);
    assert!(!seen.ids.contains_key(&waiting));
}

#[test]
fn a_small_cache_forgets_old_prefixes_and_serves_on() {
    let (mut engine, mut seen) = (engine(64, 2), Seen::default());
    for salt in 0..12 {
        let request = greedy(&prompt(40, salt), 10);
        let seq = engine.submit(request.clone()).expect("a sound request");
        seen.until_idle(&mut engine);
        assert_eq!(seen.ids[&seq], alone(request).0, "request {salt}");
    }
    let stats = engine.stats();
    assert_eq!((stats.blocks, stats.blocks_in_use, stats.blocks_retained), (4, 0, 4));
}

#[test]
fn a_full_context_ends_a_sequence_and_says_so() {
    let (mut engine, mut seen) = (engine(40, 1), Seen::default());
    let seq = engine.submit(greedy(&prompt(30, 1), 100)).expect("a sound request");
    seen.until_idle(&mut engine);
    assert_eq!(seen.ends[&seq].0, Finish::ContextFull);
    assert_eq!(seen.ids[&seq], alone(greedy(&prompt(30, 1), 11)).0, "one more than fits");
}

#[test]
fn a_shift_drops_the_oldest_part_and_says_how_much() {
    let (mut engine, mut seen) = (engine(40, 1), Seen::default());
    let shift = |borders| WhenFull::Shift { keep: 4, borders };
    let request = |borders| Request { when_full: shift(borders), ..greedy(&prompt(30, 1), 30) };
    let seq = engine.submit(request(vec![4, 10, 24, 28])).expect("a sound request");
    seen.until_idle(&mut engine);
    assert_eq!(seen.ends[&seq].0, Finish::Length);
    // 41 tokens: half of those after the first 4 end at 23; the next part begins at 24.
    assert_eq!(seen.shifts[0], (20, 21));
    assert_eq!(seen.ids[&seq].len(), 30);
    // What follows the cut is what the kept tokens alone would give.
    let (first, rest) = seen.ids[&seq].split_at(11);
    let mut kept = prompt(30, 1);
    kept.extend(first);
    kept.drain(4..24);
    assert_eq!(rest[..8], alone(greedy(&kept, 8)).0[..]);

    let seq = engine.submit(request(vec![])).expect("a sound request");
    seen.shifts.clear();
    seen.until_idle(&mut engine);
    assert_eq!((seen.shifts[0], &seen.ends[&seq].0), ((19, 22), &Finish::Length));
}

#[test]
fn impossible_requests_are_refused_with_the_numbers() {
    let mut engine = engine(40, 1);
    let refused = |engine: &mut Engine, request| {
        engine.submit(request).expect_err("it cannot run").to_string()
    };
    assert_eq!(refused(&mut engine, greedy(&[], 1)), "the prompt is empty");
    let long = refused(&mut engine, greedy(&prompt(41, 1), 1));
    assert_eq!(long, "the prompt has 41 tokens, the context holds 40");
    let foreign = refused(&mut engine, greedy(&[1, 32], 1));
    assert_eq!(foreign, "token 32 is not in the vocabulary of 32");
    let when_full = WhenFull::Shift { keep: 40, borders: vec![] };
    let keep = refused(&mut engine, Request { when_full, ..greedy(&[1], 1) });
    assert_eq!(keep, "a context shift that keeps 40 tokens needs a context of more than 40");
    assert!(engine.is_idle());
    assert!(engine.submit(greedy(&prompt(40, 1), 1)).is_ok(), "just fits");
}

#[test]
fn a_stop_token_ends_a_sequence_and_nothing_of_it_is_shown() {
    let (ids, ..) = alone(greedy(&prompt(6, 1), 9));
    let stop = ids[5];
    let first = ids.iter().position(|it| *it == stop).expect("it is one of them");
    let (short, why, usage) = alone(Request { stop_ids: vec![stop], ..greedy(&prompt(6, 1), 9) });
    assert_eq!((short, why), (ids[..first].to_vec(), Finish::StopToken(stop)));
    assert_eq!(usage.generated, first + 1);
    assert_eq!(alone(greedy(&prompt(6, 1), 0)).1, Finish::Length);
}

/// The tiny model with NaN in its row for token 7.
fn poisoned() -> ModelFile {
    let mut file = tiny("llama");
    let table = file.tensors.get_mut("token_embd.weight").expect("it has one");
    let mut bytes: Vec<u8> = table.parts[0].to_vec();
    bytes[7 * 64 * 4..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    table.parts = vec![Bytes::new(bytes)];
    file
}

#[test]
fn what_is_not_finite_fails_one_sequence_and_names_the_operation() {
    // The head is the table of tokens: give it one of its own, without the NaN.
    let mut file = poisoned();
    let head = tiny("llama").tensors["token_embd.weight"].clone();
    file.tensors.insert("output.weight".to_owned(), head);
    let options = Options { ctx_size: Some(64), max_seqs: 2, ..Options::default() };
    let (mut engine, mut seen) = (engine_of(&file, &options), Seen::default());
    let good = engine.submit(greedy(&[1, 2, 3], 1)).expect("a sound request");
    let bad = engine.submit(greedy(&[1, 7, 3], 3)).expect("a sound request");
    seen.until_idle(&mut engine);
    let expected = Error::NotFinite { operation: "embed".to_owned(), layer: None };
    assert_eq!(seen.failures[&bad], expected);
    assert_eq!(seen.failures[&bad].to_string(), "embed gave numbers that are not finite");
    assert_eq!(seen.ends[&good].0, Finish::Length);
    assert_eq!(engine.stats().blocks_in_use, 0);
}

#[test]
fn the_layer_of_a_nan_is_found() {
    let mut file = tiny("llama");
    let up = file.tensors.get_mut("blk.1.ffn_up.weight").expect("it has one");
    let mut numbers = vec![0.01; 96 * 64];
    numbers[64 * 95] = f32::INFINITY;
    (up.format, up.parts) = (Format::F32, vec![Bytes::new(Format::F32.encode(&numbers))]);
    let options = Options { ctx_size: Some(64), ..Options::default() };
    let mut engine = engine_of(&file, &options);
    let expected = Error::NotFinite { operation: "gated".to_owned(), layer: Some(1) };
    for _ in 0..2 {
        assert_eq!(engine.logits(&[1, 2, 3], |_, _| ()), Err(expected.clone()));
        let seq = engine.submit(greedy(&[1, 2, 3], 3)).expect("a sound request");
        let mut seen = Seen::default();
        seen.until_idle(&mut engine);
        assert_eq!(seen.failures[&seq], expected);
    }
}

/// A processor whose run number `failing` fails.
struct Failing {
    cpu: Box<Cpu>,
    runs: usize,
    failing: usize,
}

impl Backend for Failing {
    fn info(&self) -> &Info {
        self.cpu.info()
    }

    fn beside(&self) -> Box<dyn Backend> {
        self.cpu.beside()
    }

    fn upload(&mut self, spec: &WeightSpec, parts: &[Bytes]) -> Result<Weight, kernels::Error> {
        self.cpu.upload(spec, parts)
    }

    fn new_cache(&mut self, spec: &CacheSpec) -> Result<Cache, kernels::Error> {
        self.cpu.new_cache(spec)
    }

    fn new_state(&mut self, spec: &StateSpec) -> Result<State, kernels::Error> {
        self.cpu.new_state(spec)
    }

    fn fuses(&self, op: &Fused) -> bool {
        self.cpu.fuses(op)
    }

    fn scratch(&self, plan: &Plan, max: Shape) -> u64 {
        self.cpu.scratch(plan, max)
    }

    fn load(&mut self, plan: &Plan, max: Shape) -> Result<PlanId, kernels::Error> {
        self.cpu.load(plan, max)
    }

    fn unload(&mut self, plan: PlanId) {
        self.cpu.unload(plan);
    }

    fn write(&mut self, plan: PlanId, input: Tensor, rows: &[f32]) -> Result<(), kernels::Error> {
        self.cpu.write(plan, input, rows)
    }

    fn run(&mut self, plan: PlanId, batch: &Batch) -> Result<(), kernels::Error> {
        self.runs += 1;
        match self.runs == self.failing {
            true => Err(kernels::Error::Memory { bytes: 7 }),
            false => self.cpu.run(plan, batch),
        }
    }

    fn read(&mut self, plan: PlanId, port: Tensor, see: See<'_>) -> Result<(), kernels::Error> {
        self.cpu.read(plan, port, see)
    }
}

#[test]
fn a_step_that_fails_ends_each_of_its_sequences_with_an_event_and_no_other() {
    let options = Options { ctx_size: Some(512), max_seqs: 2, chunk: 32, ..Options::default() };
    let backend = Box::new(Failing { cpu: cpu(), runs: 0, failing: 3 });
    let engine = Engine::load_ids_only(&tiny("llama"), backend, &options);
    let (mut engine, mut seen) = (engine.expect("the tiny model is complete"), Seen::default());
    let requests = [1, 2, 3].map(|salt| greedy(&prompt(5, salt), 8));
    let [a, b, waiting] =
        requests.each_ref().map(|it| engine.submit(it.clone()).expect("a sound request"));
    seen.until_idle(&mut engine);
    let error = Error::Device(kernels::Error::Memory { bytes: 7 });
    assert_eq!(seen.failures, HashMap::from([(a, error.clone()), (b, error)]));
    for (seq, request) in [a, b].into_iter().zip(&requests) {
        assert_eq!(seen.ids[&seq], alone(request.clone()).0[..2], "what came before");
    }
    assert_eq!(seen.ids[&waiting], alone(requests[2].clone()).0, "what had to wait");
    assert_eq!(engine.stats().blocks_in_use, 0);
}

#[test]
fn a_file_that_is_cut_while_it_is_used_fails_the_sequences_of_the_step() {
    let mut writer = Writer::new();
    let file = tiny("llama");
    for (key, value) in file.metadata.iter() {
        writer.set(key, value.clone());
    }
    for (name, tensor) in &file.tensors {
        let bytes = tensor.parts.iter().flat_map(|it| it.iter().copied()).collect();
        writer.tensor(name, tensor.format, &tensor.shape, bytes);
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("tiny.gguf");
    fs::write(&path, writer.to_bytes()).expect("space for a tiny file");
    let file = ModelFile::open(&path, &[]).expect("a sound file");
    let mut engine = engine_of(&file, &Options::default());
    let seq = engine.submit(greedy(&[1, 2, 3], 300)).expect("a sound request");
    assert!(!engine.step().expect("the file is whole").is_empty());
    fs::File::options().write(true).open(&path).and_then(|it| it.set_len(100)).expect("ours");
    let mut seen = Seen::default();
    seen.add(engine.step().expect("what fails is the sequence"));
    let error = seen.failures.remove(&seq).expect("the file is cut");
    let text = error.to_string();
    assert!(text.starts_with("the model file cannot be read any more: "), "{text}");
    assert!(engine.is_idle() && engine.cancel(seq).is_empty(), "the sequence is gone");
    assert_eq!(engine.logits(&[1], |_, _| ()), Err(error));
}

#[test]
fn logits_of_every_position_are_those_of_the_steps() {
    let mut engine = engine(512, 2);
    let tokens = prompt(50, 1);
    let mut rows = Vec::new();
    engine.logits(&tokens, |at, row| rows.push((at, row.to_vec()))).expect("finite");
    assert!(rows.iter().map(|it| it.0).eq(0..50));
    let best = engine::sample::greedy(&rows[49].1);
    let (ids, ..) = alone(greedy(&tokens, 20));
    assert_eq!(best, ids[0]);
    assert_eq!(engine.greedy(&tokens, 20), Ok(ids));
    assert_eq!((engine.stats().blocks_in_use, engine.stats().blocks_retained), (0, 0));
}

#[test]
fn the_default_context_fits_half_of_the_free_memory() {
    let context = |ctx_size, free_memory| {
        let options = Options { ctx_size, free_memory, ..Options::default() };
        Engine::load_ids_only(&tiny("llama"), cpu(), &options).map(|it| it.context())
    };
    // A token takes 2 layers x 2 heads x 16 columns x k and v x 4 bytes = 512 bytes.
    assert_eq!(context(None, None).ok(), Some(512), "the model's");
    assert_eq!(context(None, Some(2 * 512 * 100)).ok(), Some(96), "whole blocks");
    assert_eq!(context(Some(600), None).ok(), Some(600));
    let error = |ctx_size, free| context(ctx_size, free).expect_err("impossible").to_string();
    assert_eq!(
        error(Some(2000), Some(1_000_000)),
        "a context of 2,000 tokens needs 1,032,192 bytes of cache, 1,000,000 are free"
    );
    assert_eq!(error(Some(0), None), "option `ctx_size` is 0, expected at least 1");
}

#[test]
fn the_caches_of_all_sequences_have_to_fit() {
    let load = |max_seqs, free| {
        let options = Options { ctx_size: Some(32), max_seqs, ..Options::default() };
        let options = Options { free_memory: Some(free), ..options };
        Engine::load_ids_only(&tiny("llama"), cpu(), &options).map(|it| it.info().cache_bytes)
    };
    // Of each, 32 tokens with 512 bytes.
    assert_eq!(load(4, 65_536).ok(), Some(65_536));
    let error = load(4, 65_535).expect_err("a byte is missing");
    let expected = "4 contexts of 32 tokens need 65,536 bytes of cache, 65,535 are free";
    assert_eq!(error.to_string(), expected);
    let hint = "fewer sequences at a time, or shorter ones, need less";
    assert_eq!(error.hint().as_deref(), Some(hint));
    let most = load(usize::MAX, u64::MAX).expect_err("no machine has so much").to_string();
    assert!(most.starts_with("18,446,744,073,709,551,615 contexts of 32 tokens need "), "{most}");
}

#[test]
fn an_outline_has_the_sizes_of_the_engine() {
    let options = Options { ctx_size: Some(96), chunk: 32, ..Options::default() };
    let outline = Outline::of(&tiny("llama"), cpu(), &options).expect("the same model");
    assert_eq!(outline.info, *engine_of(&tiny("llama"), &options).info());
    let cache = |context| outline.cache_bytes(context).expect("a context");
    assert_eq!((cache(96), cache(192)), (outline.info.cache_bytes, 2 * cache(96)));
    assert!(outline.plan.steps().iter().any(|it| it.op.name() == "attend"));
}

#[test]
fn an_outline_takes_no_memory_for_its_cache() {
    // 2^45 tokens of 512 bytes are more than any address space has.
    let (ctx_size, max_seqs) = (Some(1 << 31), 1 << 14);
    let options = Options { ctx_size, max_seqs, ..Options::default() };
    let outline = Outline::of(&tiny("llama"), cpu(), &options).expect("the same model");
    assert_eq!(outline.info.cache_bytes, 1 << 54);
    let error = Engine::load_ids_only(&tiny("llama"), cpu(), &options).err();
    let is_memory = |it: LoadError| matches!(it, LoadError::Device(kernels::Error::Memory { .. }));
    assert!(error.is_some_and(is_memory), "an engine has all that its outline says");
}
