//! Recurrent layers: known answers, the same bits however rows are cut and in whatever company, and
//! slots that say what is gone on from.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kernels::{
    Backend, Batch, Bytes, Conv, Error, Format, Linear, NONE, Plan, PlanId, Shape, Ssm, State,
    StateSpec, Table, Tensor, Weight, WeightSpec,
    cpu::{Config, Cpu, Precision},
    reference::Reference,
};

const MAX: Shape = Shape { rows: 80, seqs: 4, outputs: 0, len: 80 };
const SLOTS: usize = 12;

fn row_of(b: &mut dyn Backend, numbers: &[f32]) -> Weight {
    matrix(b, 1, numbers)
}

fn matrix(b: &mut dyn Backend, rows: usize, numbers: &[f32]) -> Weight {
    let spec = WeightSpec { n: 1, rows, cols: numbers.len() / rows, format: Format::F32 };
    b.upload(&spec, &[Bytes::new(Format::F32.encode(numbers))]).expect("the bytes fit")
}

fn state(b: &mut dyn Backend, cols: usize) -> State {
    b.new_state(&StateSpec { slots: SLOTS, cols }).expect("small")
}

fn read(b: &mut dyn Backend, id: PlanId, y: Tensor) -> Vec<f32> {
    let mut rows = vec![];
    b.read(id, y, &mut |it| rows.extend_from_slice(it)).expect("the run succeeded");
    rows
}

fn each_backend(mut check: impl FnMut(&mut dyn Backend)) {
    let config = Config { precision: Precision::Exact, threads: 2, ..Config::detect() };
    check(&mut Reference::default());
    check(&mut Cpu::new(config).expect("what was detected"));
}

#[track_caller]
fn close(found: &[f32], want: &[f32]) {
    let near = found.iter().zip(want).all(|(f, w)| (f - w).abs() < 1e-5);
    assert!(near && found.len() == want.len(), "{found:?}, expected {want:?}");
}

#[test]
fn conv_known_answers() {
    each_backend(|b| {
        let c = Conv { taps: 3, w: row_of(b, &[1.0, 2.0, 3.0]), bias: Some(row_of(b, &[0.5])) };
        let mut p = Plan::new();
        let x = p.input(1);
        let y = p.conv(x, &c, state(b, 2));
        p.port(y);
        let id = b.load(&p, MAX).expect("small");
        let mut batch = Batch::default();
        batch.push(0, &[0; 3], Table::default());
        b.write(id, x, &[1.0, 2.0, -5.0]).expect("three rows");
        b.run(id, &batch).expect("a sound batch");
        // 3 + 0.5, 2 + 6 + 0.5, 1 + 4 - 15 + 0.5; each times its sigmoid.
        close(&read(b, id, y), &[3.397_407, 8.498_271, -0.000_711]);
    });
}

#[test]
fn ssm_known_answers() {
    each_backend(|b| {
        let (a, d, dt_bias) = (row_of(b, &[-1.0]), row_of(b, &[0.5]), row_of(b, &[1.0]));
        let dt_range = [0.0, f32::INFINITY];
        let m = Ssm { n_heads: 1, head_dim: 1, d_state: 2, n_groups: 1, a, d, dt_bias, dt_range };
        let mut p = Plan::new();
        let (x, dt) = (p.input(5), p.input(1));
        let y = p.ssm(x, dt, &m, state(b, 2));
        p.port(y);
        let id = b.load(&p, MAX).expect("small");
        let mut batch = Batch::default();
        batch.push(0, &[0; 2], Table::default());
        // x, what is written with, what is read with; a step is ln 2 and forgets a half.
        b.write(id, x, &[2.0, 1.0, 3.0, 1.0, -1.0, 1.0, 1.0, 0.0, 1.0, 1.0]).expect("two rows");
        b.write(id, dt, &[-1.0; 2]).expect("two rows");
        b.run(id, &batch).expect("a sound batch");
        // 2 ln 2 (1 - 3) + 1, then ln 2 + ln 2 + 3 ln 2 + 0.5.
        close(&read(b, id, y), &[-1.772_589, 3.965_736]);
    });
}

/// A convolution and a state space of three heads over it.
struct Model {
    cpu: Cpu,
    id: PlanId,
    x: Tensor,
    y: Tensor,
}

const COLS: usize = 12 + 2 * 4;

/// A sequence of a batch: the slot it starts from, its tokens before, those of the batch, and the
/// slots for the states after some of them.
type Part<'a> = (u32, usize, &'a [u32], &'a [(usize, u32)]);

impl Model {
    fn new(threads: usize) -> Self {
        let config = Config { precision: Precision::Exact, threads, ..Config::detect() };
        let mut b = Cpu::new(config).expect("what was detected");
        let mut seed = 1;
        let conv = Conv {
            taps: 4,
            w: row_of(&mut b, &numbers(&mut seed, COLS * 4)),
            bias: Some(row_of(&mut b, &numbers(&mut seed, COLS))),
        };
        let dt = Linear { w: matrix(&mut b, 3, &numbers(&mut seed, 3 * COLS)), bias: None };
        let ssm = Ssm {
            n_heads: 3,
            head_dim: 4,
            d_state: 4,
            n_groups: 1,
            a: row_of(&mut b, &[-0.3, -1.0, -2.0]),
            d: row_of(&mut b, &numbers(&mut seed, 3)),
            dt_bias: row_of(&mut b, &numbers(&mut seed, 3)),
            dt_range: [0.0, f32::INFINITY],
        };
        let states = [conv.state_cols(COLS), ssm.state_cols()].map(|cols| state(&mut b, cols));
        let mut p = Plan::new();
        let x = p.input(COLS);
        let dt = p.linear(x, &dt);
        let h = p.conv(x, &conv, states[0]);
        let y = p.ssm(h, dt, &ssm, states[1]);
        p.port(y);
        let id = b.load(&p, MAX).expect("small");
        Self { cpu: b, id, x, y }
    }

    /// The bits of each row.
    fn run(&mut self, parts: &[Part<'_>]) -> Vec<u32> {
        let (batch, rows) = batch(parts);
        self.cpu.write(self.id, self.x, &rows).expect("as many rows as tokens");
        self.cpu.run(self.id, &batch).expect("a sound batch");
        read(&mut self.cpu, self.id, self.y).iter().map(|x| x.to_bits()).collect()
    }
}

fn batch(parts: &[Part<'_>]) -> (Batch, Vec<f32>) {
    let (mut batch, mut rows) = (Batch::default(), vec![]);
    for &(from, past, tokens, keep) in parts {
        let first = batch.tokens.len();
        batch.push(past as u32, tokens, Table::default());
        *batch.from.last_mut().expect("just pushed") = from;
        keep.iter().for_each(|&(row, slot)| batch.keep[first + row] = slot);
        tokens.iter().for_each(|&it| rows.extend(numbers(&mut u64::from(it + 7), COLS)));
    }
    (batch, rows)
}

fn numbers(seed: &mut u64, n: usize) -> Vec<f32> {
    let mut number = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| number()).collect()
}

fn tokens(n: u32, salt: u32) -> Vec<u32> {
    (0..n).map(|i| (i * i + salt * i + salt) % 97).collect()
}

#[test]
fn chunks_and_threads_change_nothing() {
    let all = tokens(70, 1);
    let want = Model::new(1).run(&[(NONE, 0, &all, &[])]);
    assert!(want.iter().all(|&it| f32::from_bits(it).is_finite()));
    for threads in [1, 2, 3] {
        let mut model = Model::new(threads);
        for chunks in [&[70][..], &[1; 70], &[2, 3, 40, 1, 24], &[69, 1]] {
            let (mut past, mut found, mut slot) = (0, vec![], NONE);
            for &chunk in chunks {
                // In place, and from one slot to another.
                let next = if past % 2 == 0 || slot == NONE { (past % 3) as u32 } else { slot };
                let part = &all[past..past + chunk];
                found.extend(model.run(&[(slot, past, part, &[(chunk - 1, next)])]));
                (past, slot) = (past + chunk, next);
            }
            assert!(found == want, "{threads} threads, chunks {chunks:?}");
        }
    }
}

#[test]
fn company_changes_nothing() {
    let prompts = [tokens(9, 1), tokens(1, 2), tokens(20, 3)];
    let alone = prompts.each_ref().map(|it| Model::new(1).run(&[(NONE, 0, it, &[])]));
    let mut model = Model::new(2);
    let begin = |slot| [(4, slot)];
    let keep = [begin(0), begin(1), begin(2)];
    model.run(&[(NONE, 0, &prompts[0][..5], &keep[0]), (NONE, 0, &prompts[2][..5], &keep[2])]);
    let found = model.run(&[
        (2, 5, &prompts[2][5..], &[]),
        (NONE, 0, &prompts[1], &[]),
        (0, 5, &prompts[0][5..], &[]),
    ]);
    let rest = |i: usize| &alone[i][alone[i].len().min(5 * 12)..];
    assert!(found == [rest(2), &alone[1], rest(0)].concat());
}

#[test]
fn rows_that_are_given_back_leave_no_trace() {
    let (all, draft) = (tokens(30, 1), tokens(8, 5));
    let want = Model::new(1).run(&[(NONE, 0, &all, &[])]);
    let mut model = Model::new(2);
    model.run(&[(NONE, 0, &all[..10], &[(9, 0)])]);
    // Each row of a draft keeps its state beside that of the last row that stays.
    let drafted: Vec<u32> = all[10..13].iter().chain(&draft).copied().collect();
    let keep: Vec<_> = (0..drafted.len()).map(|i| (i, 1 + i as u32)).collect();
    model.run(&[(0, 10, &drafted, &keep)]);
    // None of it is right; the first three are.
    for (slot, past) in [(0, 10), (1, 11), (3, 13)] {
        let found = model.run(&[(slot, past, &all[past..], &[])]);
        assert!(found == want[past * 12..], "from {past}");
    }
}

type Record<'a> = &'a dyn Fn(&mut Plan, Tensor);

#[test]
fn states_of_another_size_are_refused() {
    let mut b = Reference::default();
    let (w, one) = (row_of(&mut b, &[1.0; 3]), row_of(&mut b, &[1.0]));
    let (row, small) = (row_of(&mut b, &[1.0; 9]), state(&mut b, 5));
    let (a, d, dt_bias, dt_range) = (one, one, one, [0.0, 1.0]);
    let m = Ssm { n_heads: 1, head_dim: 2, d_state: 2, n_groups: 1, a, d, dt_bias, dt_range };
    let cases: [(&str, Record<'_>); 4] = [
        ("conv: the state has 5 numbers a slot, expected 6", &|p, x| {
            p.conv(x, &Conv { taps: 3, w: row, bias: None }, small);
        }),
        ("conv: 1 taps, fewer than 2", &|p, x| {
            p.conv(x, &Conv { taps: 1, w, bias: None }, small);
        }),
        ("ssm: x, dt have [3, 3] columns, expected [6, 1]", &|p, x| {
            p.ssm(x, x, &m, small);
        }),
        ("ssm: 1 heads in 2 groups", &|p, x| {
            p.ssm(x, x, &Ssm { n_groups: 2, ..m }, small);
        }),
    ];
    for (want, record) in cases {
        let run = || {
            let mut p = Plan::new();
            let x = p.input(3);
            record(&mut p, x);
        };
        let panic = catch_unwind(AssertUnwindSafe(run)).expect_err(want);
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.contains(want), "{text}");
    }
}

#[test]
fn slots_that_point_nowhere_are_refused() {
    let mut model = Model::new(1);
    let token = &[0][..];
    let cases: &[(&[Part<'_>], &str)] = &[
        (&[(NONE, 0, token, &[(0, 12)])], "slot"),
        (&[(12, 1, token, &[])], "slot"),
        (&[(NONE, 1, token, &[])], "place that no state comes before"),
        (&[(0, 1, token, &[]), (1, 1, token, &[(0, 0)])], "other uses of a slot that is kept"),
        (
            &[(0, 1, token, &[(0, 2)]), (1, 1, token, &[(0, 2)])],
            "other uses of a slot that is kept",
        ),
    ];
    for (parts, want) in cases {
        let (batch, rows) = batch(parts);
        model.cpu.write(model.id, model.x, &rows).expect("as many rows as tokens");
        match model.cpu.run(model.id, &batch) {
            Err(Error::Batch { what, .. }) => assert_eq!(what, *want),
            other => panic!("{want}: {other:?}"),
        }
    }
    // A slot that only its own sequence uses may be kept over.
    model.run(&[(0, 1, token, &[(0, 0)]), (1, 1, token, &[(0, 1)])]);
}
