//! Tiles, meetings, and a run that ends in a panic.

use super::*;
use crate::{
    Act, Backend, Batch, Bytes, CacheFormat, CacheSpec, Conv, Format, Linear, Norm, Plan,
    StateSpec, Table, WeightSpec,
    cpu::{Config, Cpu, Fuse, Isa, Precision, recur::CONV_COLS},
};

const MAX: Shape = Shape { rows: 37, seqs: 2, outputs: 3, len: 64 };

fn cpu(precision: Precision) -> Cpu {
    let config = Config { isa: Isa::Scalar, precision, threads: 1, fuse: Fuse::Known };
    Cpu::new(config).expect("every machine can run it")
}

/// Norm, three products, store, attention, add and norm, gated: every kind of tiling.
fn block(cpu: &mut Cpu) -> (Plan, Tensor) {
    let mut linear = |rows| {
        let format = Format::Q8_0;
        let bytes = Bytes::new(format.encode(&vec![0.5; rows * 96]));
        let w =
            cpu.upload(&WeightSpec { n: 1, rows, cols: 96, format }, &[bytes]).expect("it fits");
        Linear { w, bias: None }
    };
    let l = [linear(96), linear(32), linear(32)];
    let [gate, up] = [linear(130), linear(130)];
    let (k_cols, v_cols, format) = (32, 32, CacheFormat::F16);
    let spec = CacheSpec { group: 0, k_cols, v_cols, blocks: 8, block_len: 16, format };
    let c = cpu.new_cache(&spec).expect("small");
    let mut p = Plan::new();
    let x = p.input(96);
    let [q, k, v] = p.linears(x, l.each_ref());
    p.store(c, k, Some(v));
    let (head_dim, span) = (16, crate::Span::Full);
    let (softcap, sinks) = (None, None);
    let a = crate::Attn { head_dim, v_dim: 16, scale: 1.0, softcap, span, sinks };
    let h = p.attend(q, c, &a);
    let sum = p.add(x, h);
    let h = p.norm(sum, &Norm::rms(96, None, 1e-5));
    let h = p.gated(h, &gate, &up, Act::Silu);
    let h = p.outputs(h);
    p.port(h);
    (p, x)
}

#[test]
fn tiles_cover_each_output_once() {
    let mut cpu = cpu(Precision::Fast);
    let placed = {
        let (plan, _) = block(&mut cpu);
        cpu.place(&plan, MAX)
    };
    for (rows, outputs) in [(0, 0), (1, 1), (3, 0), (8, 2), (37, 3)] {
        let shape = Shape { rows, outputs, ..MAX };
        for (phase, threads) in
            placed.schedule.phases().iter().zip([1, 2, 7, 64].into_iter().cycle())
        {
            let mut counts: Vec<_> =
                phase.writes.iter().map(|out| vec![0; out.rect.len(shape)]).collect();
            let mut places = (0..).map_while(|index| phase.place(index, shape, threads));
            for Place { output, rows, cols } in places.by_ref() {
                let all = if phase.together() { 0..counts.len() } else { output..output + 1 };
                for output in all {
                    let stride = phase.output(output).cols;
                    for i in rows.clone() {
                        cols.clone().for_each(|j| counts[output][i * stride + j] += 1);
                    }
                }
            }
            let once = counts.iter().flatten().all(|&n| n == 1);
            assert!(once, "{shape:?}, {threads} threads, step {}", phase.step);
        }
    }
}

#[test]
fn a_state_is_cut_as_what_is_made_of_it() {
    let mut cpu = cpu(Precision::Exact);
    let bytes = Bytes::new(Format::F32.encode(&[0.5; 130 * 4]));
    let spec = WeightSpec { n: 1, rows: 1, cols: 130 * 4, format: Format::F32 };
    let w = cpu.upload(&spec, &[bytes]).expect("it fits");
    let state = cpu.new_state(&StateSpec { slots: 3, cols: 130 * 3 }).expect("small");
    let mut p = Plan::new();
    let x = p.input(130);
    let y = p.conv(x, &Conv { taps: 4, w, bias: None }, state);
    p.port(y);
    let placed = cpu.place(&p, MAX);
    let [phase] = placed.schedule.phases() else { panic!("one phase") };
    assert_eq!((phase.state_times(), placed.schedule.state_tile()), (3, CONV_COLS * 3));
    for threads in [1, 2, 64] {
        let places = (0..).map_while(|index| phase.place(index, MAX, threads));
        let cuts: Vec<_> = places.map(|it| (it.output, it.rows, it.cols)).collect();
        let want = [0..64, 64..128, 128..130].map(|cols| (0, 0..MAX.rows, cols));
        assert_eq!(cuts, want, "{threads} threads");
    }
}

#[test]
fn threads_meet_where_one_needs_what_another_made() {
    let names = |precision| {
        let mut cpu = cpu(precision);
        let (plan, _) = block(&mut cpu);
        let placed = cpu.place(&plan, MAX);
        let phases = placed.schedule.phases().iter();
        let name = |phase: &Phase| {
            let op = placed.plan.steps()[phase.step].op.name();
            let name = if phase.work == Work::Compute { op } else { "round" };
            let too = if phase.rounded().is_some() { " and round" } else { "" };
            let meet = if phase.meets_before() { "| " } else { "" };
            format!("{meet}{name}{too}")
        };
        phases.map(name).collect::<Vec<_>>().join(" ")
    };
    let want = "linears | store | attend | add_norm | gated | outputs";
    assert_eq!(names(Precision::Exact), want);
    let want = "round | linears | store | attend | add_norm and round | gated | outputs";
    assert_eq!(names(Precision::Fast), want);
}

#[test]
fn more_threads_than_key_heads_have_query_heads_each() {
    // Query heads of one of two key heads, threads, and query heads of a tile.
    for (group, threads, want) in
        [(4, 1, 4), (4, 2, 4), (4, 3, 2), (4, 8, 1), (4, 9, 1), (7, 8, 7), (6, 5, 2), (16, 64, 4)]
    {
        let config = Config { threads, ..*cpu(Precision::Exact).config() };
        let mut cpu = Cpu::new(config).expect("some threads");
        let (format, span) = (CacheFormat::F32, crate::Span::Full);
        let spec = CacheSpec { group: 0, k_cols: 16, v_cols: 12, blocks: 2, block_len: 16, format };
        let c = cpu.new_cache(&spec).expect("small");
        let mut p = Plan::new();
        let q = p.input(2 * group * 8);
        let (softcap, sinks) = (None, None);
        let a = crate::Attn { head_dim: 8, v_dim: 6, scale: 1.0, softcap, span, sinks };
        let y = p.attend(q, c, &a);
        p.port(y);
        let placed = cpu.place(&p, MAX);
        let [phase] = placed.schedule.phases() else { panic!("one phase") };
        let place = phase.place(0, Shape { rows: 1, ..MAX }, threads).expect("a tile");
        assert_eq!(place.cols, 0..want * 6, "{group} query heads, {threads} threads");
    }
}

#[test]
fn independent_operations_need_no_meeting() {
    let cpu = cpu(Precision::Exact);
    let mut p = Plan::new();
    let [x, y] = [p.input(8), p.input(8)];
    let norm = Norm::rms(8, None, 0.0);
    let [a, b] = [p.norm(x, &norm), p.norm(y, &norm)];
    // So that neither result takes an input's place.
    [x, y, a, b].into_iter().for_each(|it| p.port(it));
    let placed = cpu.place(&p, MAX);
    assert_eq!(placed.schedule.phases().len(), 2);
    assert!(!placed.schedule.phases().iter().any(Phase::meets_before));
}

#[test]
fn a_panic_in_a_run_reaches_the_caller_and_the_next_run_works() {
    let config = Config { threads: 3, ..*cpu(Precision::Fast).config() };
    let mut cpu = Cpu::new(config).expect("every machine can run it");
    let (plan, x) = block(&mut cpu);
    let id = cpu.load(&plan, MAX).expect("small");
    let mut batch = Batch::default();
    batch.push(0, &[0; 5], Table(vec![vec![0, 1, 2, 3]]));
    batch.out.push(4);
    let input = [0.5; 5 * 96];
    cpu.write(id, x, &input).expect("five rows");
    cpu.run(id, &batch).expect("a sound batch");
    cpu.write(id, x, &input).expect("five rows");
    // A place of the arena that is not there.
    let begin = std::mem::replace(&mut cpu.programs[id].begin, vec![usize::MAX / 8; 64]);
    let run = std::panic::AssertUnwindSafe(|| cpu.run(id, &batch));
    assert!(std::panic::catch_unwind(run).is_err());
    cpu.programs[id].begin = begin;
    cpu.write(id, x, &input).expect("five rows");
    cpu.run(id, &batch).expect("a sound batch");
    assert_eq!(cpu.programs[id].ran.count(Rows::Outputs), 1);
}
