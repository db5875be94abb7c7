//! One backend, two ways, the same bits: for any number of threads, any chunks, any company in a
//! batch, any blocks of the cache, another model beside it, and after any other batch. Then a NaN,
//! which must be found where it was made.

use std::thread;

use kernels::{
    Act, Attn, Backend, Batch, Bytes, CacheFormat, CacheSpec, Format, Linear, Norm, Pairs, Plan,
    PlanId, Rope, Router, Scoring, Shape, Span, Table, Tensor, Weigh, Weight, WeightSpec,
    cpu::{Config, Cpu, Fuse, Isa, Precision},
};

const DIM: usize = 256;
const HEAD_DIM: usize = 32;
const VOCAB: usize = 50;
const BLOCK_LEN: usize = 16;
/// Blocks a sequence; more places than are attended to at once.
const BLOCKS: usize = 40;
const SEQS: usize = 3;
const MAX: Shape = Shape { rows: 400, seqs: SEQS, outputs: 8, len: BLOCKS * BLOCK_LEN };

/// A transformer of two layers on a backend.
struct Model {
    backend: Box<dyn Backend>,
    plan: Plan,
    id: PlanId,
    logits: Tensor,
}

impl Model {
    fn new(config: Config, cache: CacheFormat) -> Self {
        Self::with(config, cache, |_, _| {})
    }

    /// `spoil` may change the numbers of each weight, which are counted.
    fn with(config: Config, cache: CacheFormat, spoil: fn(usize, &mut [f32])) -> Self {
        Self::on(Box::new(Cpu::new(config).expect("of this machine")), cache, spoil)
    }

    /// Another one, on the threads of this.
    fn beside(&self, cache: CacheFormat) -> Self {
        Self::on(self.backend.beside(), cache, |_, _| {})
    }

    fn on(backend: Box<dyn Backend>, cache: CacheFormat, spoil: fn(usize, &mut [f32])) -> Self {
        let mut maker = Maker { backend, seed: 1, count: 0, spoil };
        let mut plan = Plan::new();
        let table = maker.weight(Format::F16, VOCAB, DIM);
        let mut x = plan.embed(table, 1.0);
        for (layer, span) in [Span::Full, Span::Window(290)].into_iter().enumerate() {
            x = plan.layer(layer, |p| maker.block(p, x, cache, span));
        }
        let x = plan.outputs(x);
        let logits = plan.linear(x, &maker.linear(Format::Q6_K, VOCAB, DIM));
        plan.port(logits);
        let mut backend = maker.backend;
        let id = backend.load(&plan, MAX).expect("memory for a small plan");
        Self { backend, plan, id, logits }
    }

    /// The bits of the logits of the last row of each of these sequences, which go on with
    /// `tokens` after `past` others.
    fn run(&mut self, parts: &[(usize, usize, &[u32])]) -> Vec<u32> {
        self.run_batch(&batch(parts))
    }

    fn run_batch(&mut self, batch: &Batch) -> Vec<u32> {
        self.backend.run(self.id, batch).expect("a sound batch");
        let mut bits = Vec::new();
        let see = &mut |rows: &[f32]| bits.extend(rows.iter().map(|x| x.to_bits()));
        self.backend.read(self.id, self.logits, see).expect("the run succeeded");
        assert!(bits.iter().all(|&x| f32::from_bits(x).is_finite()));
        bits
    }
}

struct Maker {
    backend: Box<dyn Backend>,
    seed: u64,
    count: usize,
    spoil: fn(usize, &mut [f32]),
}

impl Maker {
    fn weight(&mut self, format: Format, rows: usize, cols: usize) -> Weight {
        self.weight_of(&WeightSpec { n: 1, rows, cols, format })
    }

    fn weight_of(&mut self, spec: &WeightSpec) -> Weight {
        let mut number = || {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((self.seed >> 40) as f32 / (1 << 23) as f32 - 1.0) / 8.0
        };
        let mut numbers: Vec<f32> = (0..spec.n * spec.rows * spec.cols).map(|_| number()).collect();
        (self.spoil)(self.count, &mut numbers);
        self.count += 1;
        let bytes = Bytes::new(spec.format.encode(&numbers));
        self.backend.upload(spec, &[bytes]).expect("the bytes fit")
    }

    fn linear(&mut self, format: Format, rows: usize, cols: usize) -> Linear {
        let bias = Some(self.weight(Format::F32, 1, rows));
        Linear { w: self.weight(format, rows, cols), bias }
    }

    /// 8 heads on 2, a mixture of experts, and a gated feed-forward layer.
    fn block(&mut self, p: &mut Plan, x: Tensor, format: CacheFormat, span: Span) -> Tensor {
        let norm = Norm::rms(DIM, Some(self.weight(Format::F32, 1, DIM)), 1e-5);
        let freqs = self.weight(Format::F32, 1, HEAD_DIM / 2);
        let (head_dim, pairs, gain) = (HEAD_DIM, Pairs::Halves, 1.0);
        let rope = Rope { freqs, pairs, head_dim, turned: HEAD_DIM, gain };
        let (k_cols, v_cols, blocks) = (2 * HEAD_DIM, 2 * HEAD_DIM, SEQS * BLOCKS);
        let spec = CacheSpec { group: 0, k_cols, v_cols, blocks, block_len: BLOCK_LEN, format };
        let cache = self.backend.new_cache(&spec).expect("small");

        let h = p.norm(x, &norm);
        let l = [(Format::Q4_K, DIM), (Format::Q5_0, k_cols), (Format::Q6_K, v_cols)];
        let l = l.map(|(format, rows)| self.linear(format, rows, DIM));
        let [q, k, v] = p.linears(h, l.each_ref());
        let (q, k) = (p.rope(q, &rope), p.rope(k, &rope));
        p.store(cache, k, Some(v));
        let (softcap, sinks) = (None, None);
        let a = Attn { head_dim, v_dim: head_dim, scale: 0.5, softcap, span, sinks };
        let h = p.attend(q, cache, &a);
        let h = p.linear(h, &self.linear(Format::Q8_0, DIM, DIM));
        let x = p.add(x, h);
        let h = p.norm(x, &norm);
        let h = self.mixture(p, h);
        let x = p.add(x, h);
        let h = p.norm(x, &norm);
        let [gate, up] = [(); 2].map(|()| self.linear(Format::Q4_0, 3 * DIM, DIM));
        let h = p.gated(h, &gate, &up, Act::Silu);
        let h = p.linear(h, &self.linear(Format::BF16, DIM, 3 * DIM));
        p.add(x, h)
    }
}

impl Maker {
    /// 2 of 6 experts a row.
    fn mixture(&mut self, p: &mut Plan, x: Tensor) -> Tensor {
        let scores = p.linear(x, &self.linear(Format::F32, 6, DIM));
        let router = Router {
            k: 2,
            scoring: Scoring::Softmax,
            bias: None,
            groups: None,
            renormalise: true,
            scale: 1.0,
            expert_scale: None,
            weigh: Weigh::Results,
        };
        let r = p.route(scores, &router);
        let [gate, up, down] = [Format::Q4_0, Format::Q4_0, Format::Q6_K].map(|format| {
            let spec = WeightSpec { n: 6, rows: DIM, cols: DIM, format };
            Linear { w: self.weight_of(&spec), bias: None }
        });
        let h = p.expert_gated(x, r, [&gate, &up], Act::Silu);
        let y = p.expert_linear(h, r, &down);
        p.expert_sum(y, r)
    }
}

fn batch(parts: &[(usize, usize, &[u32])]) -> Batch {
    let mut batch = Batch::default();
    for &(seq, past, tokens) in parts {
        let blocks = (0..BLOCKS).rev().map(|block| (block * SEQS + seq) as u32).collect();
        batch.push(past as u32, tokens, Table(vec![blocks]));
        batch.out.push(batch.tokens.len() as u32 - 1);
    }
    batch
}

/// Every instruction set and precision of this machine, with each way to keep a cache: numbers, and
/// blocks. An emulated processor is slow: it runs its own sets, each precision with one format, and in
/// exact precision, where they have the same kernels, the best alone.
fn each(mut f: impl FnMut(Config, CacheFormat)) {
    let emulated = std::env::var_os("INGLE_EMULATED").is_some();
    let runs = |isa: &Isa| isa.is_available() && !(emulated && *isa == Isa::Scalar);
    for isa in Isa::ALL.iter().copied().filter(runs) {
        for precision in [Precision::Exact, Precision::Fast] {
            if emulated && precision == Precision::Exact && isa != Isa::best() {
                continue;
            }
            for cache in [CacheFormat::F32, CacheFormat::F16, CacheFormat::Q8_0] {
                let usual = match precision {
                    Precision::Exact => CacheFormat::F32,
                    Precision::Fast => CacheFormat::F16,
                };
                if emulated && cache != usual {
                    continue;
                }
                f(Config { isa, precision, threads: 2, fuse: Fuse::Known }, cache);
            }
        }
    }
}

fn tokens(n: usize) -> Vec<u32> {
    (0..n).map(|i| (i * i % VOCAB) as u32).collect()
}

#[test]
fn for_any_number_of_threads() {
    let prompt = tokens(300);
    each(|config, cache| {
        let run = |threads| {
            let mut model = Model::new(Config { threads, ..config }, cache);
            let mut bits = model.run(&[(0, 0, &prompt), (1, 0, &prompt[..7])]);
            bits.extend(model.run(&[(1, 7, &[3]), (0, 300, &[4])]));
            bits
        };
        let one = run(1);
        for threads in [2, 3] {
            assert_eq!(run(threads), one, "{config:?} {cache:?}: {threads} threads");
        }
    });
}

#[test]
fn for_any_chunks_and_company_and_whatever_ran_before() {
    let prompt = tokens(300);
    each(|config, cache| {
        let whole = Model::new(config, cache).run(&[(0, 0, &prompt)]);
        let mut model = Model::new(config, cache);
        // Others decode and start beside it; its blocks held another sequence before.
        model.run(&[(0, 0, &tokens(350)), (1, 0, &[5, 6])]);
        model.run(&[(1, 2, &[7]), (0, 0, &prompt[..13])]);
        model.run(&[(1, 3, &[8]), (0, 13, &prompt[13..270]), (2, 0, &prompt[..100])]);
        let mixed = model.run(&[(1, 4, &[9]), (2, 100, &[1]), (0, 270, &prompt[270..])]);
        assert_eq!(mixed[2 * VOCAB..], whole, "{config:?} {cache:?}");
    });
}

#[test]
fn in_any_blocks_of_the_cache() {
    let prompt = tokens(300);
    each(|config, cache| {
        let whole = Model::new(config, cache).run(&[(0, 0, &prompt)]);
        let mut model = Model::new(config, cache);
        // Another sequence was in these blocks, which are in no order.
        model.run(&[(0, 0, &[1]), (1, 0, &tokens(350))]);
        let scattered = (0..BLOCKS).map(|block| (block * 7 % BLOCKS * SEQS + 1) as u32);
        let mut batch = Batch::default();
        batch.push(0, &prompt, Table(vec![scattered.collect()]));
        batch.out.push(prompt.len() as u32 - 1);
        assert_eq!(model.run_batch(&batch), whole, "{config:?} {cache:?}");
    });
}

/// Runs a prompt, and then some tokens one by one: the bits of the logits after each step.
fn steps(model: &mut Model, prompt: &[u32]) -> impl Iterator<Item = Vec<u32>> {
    (0..9).map(move |n| match n {
        0 => model.run(&[(0, 0, prompt)]),
        _ => model.run(&[(0, prompt.len() + n - 1, &[n as u32])]),
    })
}

#[test]
fn beside_another_model_in_turn_and_at_once() {
    let all = tokens(90);
    let prompts = [&all[..], &all[7..40]];
    each(|config, cache| {
        let [one, other] = prompts.map(|prompt| {
            let mut model = Model::new(config, cache);
            steps(&mut model, prompt).collect::<Vec<_>>()
        });
        assert_ne!(one, other, "the prompts differ");
        let mut first = Model::new(config, cache);
        let mut second = first.beside(cache);
        let turns = steps(&mut first, prompts[0]).zip(steps(&mut second, prompts[1]));
        let in_turn: (Vec<_>, Vec<_>) = turns.unzip();
        assert!(in_turn == (one.clone(), other.clone()), "{config:?} {cache:?}: in turn");
        let at_once = thread::scope(|scope| {
            let first = scope.spawn(|| steps(&mut first, prompts[0]).collect::<Vec<_>>());
            let second = steps(&mut second, prompts[1]).collect::<Vec<_>>();
            (first.join().expect("no step panicked"), second)
        });
        assert!(at_once == (one, other), "{config:?} {cache:?}: at once");
    });
}

#[test]
fn beside_one_of_another_precision() {
    let prompt = tokens(40);
    each(|config, cache| {
        if config.precision == Precision::Exact {
            return; // that is the other one
        }
        let [fast, exact] = [config.precision, Precision::Exact].map(|precision| {
            let mut model = Model::new(Config { precision, ..config }, cache);
            steps(&mut model, &prompt).collect::<Vec<_>>()
        });
        assert_ne!(fast, exact, "one rounds activations");
        let cpu = Cpu::new(config).expect("of this machine");
        let other = cpu.beside_in(Precision::Exact);
        let [mut first, mut second] =
            [cpu, other].map(|it| Model::on(Box::new(it), cache, |_, _| {}));
        let turns = steps(&mut first, &prompt).zip(steps(&mut second, &prompt));
        let in_turn: (Vec<_>, Vec<_>) = turns.unzip();
        assert!(in_turn == (fast, exact), "{config:?} {cache:?}");
    });
}

#[test]
fn fused_or_not() {
    let prompt = tokens(20);
    each(|config, cache| {
        let run = |fuse| Model::new(Config { fuse, ..config }, cache).run(&[(0, 0, &prompt)]);
        assert_eq!(run(Fuse::Known), run(Fuse::Nothing), "{config:?} {cache:?}");
    });
}

#[test]
fn a_nan_is_found_where_it_was_made() {
    // A table, 21 weights of layer 0 and 21 of layer 1, of which the last is the last linear's.
    let config = Config { threads: 2, ..Config::detect() };
    let mut model = Model::with(config, CacheFormat::F16, |i, numbers| {
        if i == 42 {
            numbers[7] = f32::NAN;
        }
    });
    let batch = batch(&[(0, 0, &tokens(9))]);
    let finite: Vec<bool> = (1..=model.plan.steps().len())
        .map(|n| {
            let prefix = model.plan.prefix(n);
            let id = model.backend.load(&prefix, MAX).expect("small");
            model.backend.run(id, &batch).expect("a sound batch");
            let mut finite = true;
            for &port in prefix.ports() {
                let see = &mut |rows: &[f32]| finite &= rows.iter().all(|x| x.is_finite());
                model.backend.read(id, port, see).expect("the run succeeded");
            }
            finite
        })
        .collect();
    let first = finite.iter().position(|finite| !finite).expect("there is a NaN");
    let step = &model.plan.steps()[first];
    assert_eq!((step.op.name(), step.layer), ("linear", Some(1)), "{step}");
    assert!(finite[first..].iter().all(|finite| !finite), "and it stays");
}
