//! The suite on every kind of CPU backend, with guards around all that kernels write and read.
//!
//! Numbers of the arena that no tensor's rows have, blocks past those of a phase, and places of a
//! cache that no row was stored at hold a canary, which must live; it is a NaN, so that a kernel
//! that reads it shows. On Linux, weights end where a page begins that nobody may read.

use std::collections::BTreeSet;

use half::f16;

use super::{
    Config, Cpu, Fuse, Isa, Precision,
    arena::Gaps,
    quantise::Q8Block,
    schedule::Work,
    share::{Paged, Pages},
};
use crate::{
    Backend, Basic, Batch, Bytes, Cache, CacheFormat, CacheSpec, Error, Fused, Info, NONE, Op,
    Plan, PlanId, See, Shape, State, StateSpec, Tensor, Weight, WeightSpec,
    conformance::{Bounds, check},
};

/// A NaN that no kernel makes.
const CANARY: f32 = f32::from_bits(0x7fc5_eeed);
const CANARY_F16: f16 = f16::from_bits(0x7e5d);
/// As a scale, and as a number of 16 bits, a NaN.
const CANARY_BYTE: u8 = 0xff;
const CANARY_BLOCK: Q8Block =
    Q8Block { d: CANARY, sum: CANARY, excess: 99, excess_of_halves: [99; 2], qs: [99; 32] };

/// A CPU backend that looks after every run.
struct Guarded {
    cpu: Cpu,
    /// The rows of each cache that something was stored at.
    stored: Vec<BTreeSet<usize>>,
    /// The slots of each state that something was kept in.
    kept: Vec<BTreeSet<usize>>,
}

impl Guarded {
    fn new(config: Config) -> Self {
        Self::of(Cpu::new(config).expect("a configuration of this machine"))
    }

    fn of(cpu: Cpu) -> Self {
        Self { cpu: Cpu { gaps: Gaps::Guards, ..cpu }, stored: vec![], kept: vec![] }
    }

    /// Puts canaries into the caches and states of a plan in which nothing is yet.
    fn fill(&mut self, plan: PlanId) {
        for c in self.caches(plan).into_iter().filter(|&c| self.stored[c].is_empty()) {
            let paged = &mut self.cpu.memory.caches[c];
            for pages in [&mut paged.k, &mut paged.v] {
                match pages {
                    Pages::F32(x) => x.as_mut().fill(CANARY),
                    Pages::F16(x) => x.as_mut().fill(CANARY_F16.to_bits()),
                    Pages::Packed(x, _) => x.as_mut().fill(CANARY_BYTE),
                }
            }
        }
        for s in self.states(plan).into_iter().filter(|s| self.kept[s.id].is_empty()) {
            self.cpu.memory.states[s.id].as_mut().fill(CANARY);
        }
    }

    /// Puts canaries everywhere but at what the host wrote.
    fn poison(&mut self, plan: PlanId, shape: Shape) {
        let written = self.written(plan, shape, |op| *op == Op::Basic(Basic::Input));
        let numbers = self.cpu.memory.numbers.as_mut();
        each_outside(&written, numbers, |x| *x = CANARY);
        self.cpu.memory.blocks.as_mut().fill(CANARY_BLOCK);
    }

    /// Panics unless every canary lives.
    fn look(&mut self, plan: PlanId, shape: Shape) {
        let name = self.cpu.info.name.clone();
        let plan_text = self.cpu.programs[plan].plan.to_string();
        let written = self.written(plan, shape, |_| true);
        each_outside(&written, self.cpu.memory.numbers.as_mut(), |x| {
            assert_eq!(x.to_bits(), CANARY.to_bits(), "{name}: wrote past a tensor\n{plan_text}");
        });
        let rounded =
            self.cpu.programs[plan].schedule.phases().iter().filter_map(|phase| match phase.work {
                Work::Round(_) => Some(phase.output(0)),
                Work::Compute => phase.rounded(),
            });
        let blocks = rounded.map(|rect| rect.len(shape)).max().unwrap_or(0);
        for block in &self.cpu.memory.blocks.as_mut()[blocks..] {
            assert_eq!(block.qs, CANARY_BLOCK.qs, "{name}: wrote past the blocks\n{plan_text}");
        }
        for c in self.caches(plan) {
            let (spec, paged) = (&self.cpu.caches[c], &mut self.cpu.memory.caches[c]);
            for (pages, cols) in [(&mut paged.k, spec.k_cols), (&mut paged.v, spec.v_cols)] {
                let live = lives(pages, cols, &self.stored[c]);
                assert!(live, "{name}: stored where no row is\n{plan_text}");
            }
        }
        for s in self.states(plan) {
            let slots = self.cpu.memory.states[s.id].as_mut().chunks_exact(s.cols).enumerate();
            let mut free = slots.filter(|it| !self.kept[s.id].contains(&it.0));
            let live = free.all(|(_, slot)| slot.iter().all(|x| x.to_bits() == CANARY.to_bits()));
            assert!(live, "{name}: kept where no row says so\n{plan_text}");
        }
    }

    fn note_stored(&mut self, plan: PlanId, batch: &Batch) {
        for c in self.caches(plan) {
            let CacheSpec { group, block_len, .. } = self.cpu.caches[c];
            let rows = (0..batch.tokens.len()).filter_map(|i| batch.seq(i).map(|seq| (i, seq)));
            let slots = rows.map(|(i, seq)| batch.slot(seq, group, batch.at[i], block_len));
            self.stored[c].extend(slots);
        }
        for s in self.states(plan) {
            let kept = batch.keep.iter().filter(|&&it| it != NONE);
            self.kept[s.id].extend(kept.map(|&it| it as usize));
        }
    }

    /// The caches that a plan stores to.
    fn caches(&self, plan: PlanId) -> BTreeSet<usize> {
        let steps = self.cpu.programs[plan].plan.steps();
        steps.iter().filter_map(|step| step.op.cache()).map(|c| c.id).collect()
    }

    fn states(&self, plan: PlanId) -> Vec<State> {
        let steps = self.cpu.programs[plan].plan.steps();
        steps.iter().filter_map(|step| step.op.state()).collect()
    }

    /// The ranges of the arena that the operations which `pick` picks have written, in order.
    fn written(&self, plan: PlanId, shape: Shape, pick: fn(&Op) -> bool) -> Vec<[usize; 2]> {
        let program = &self.cpu.programs[plan];
        let steps = program.plan.steps().iter().filter(|step| pick(&step.op));
        let mut all: Vec<_> = steps
            .flat_map(|step| &step.out)
            .map(|x| (program.begin[x.id], shape.count(x.rows) * x.cols))
            .map(|(begin, len)| [begin, begin + len])
            .collect();
        all.sort_unstable();
        all
    }
}

fn each_outside(written: &[[usize; 2]], numbers: &mut [f32], mut f: impl FnMut(&mut f32)) {
    let mut at = 0;
    for &[begin, end] in written.iter().chain(&[[numbers.len(); 2]]) {
        assert!(at <= begin, "tensors that are kept apart");
        numbers[at..begin].iter_mut().for_each(&mut f);
        at = end;
    }
}

/// Whether all rows but the `stored` ones are canaries.
fn lives(pages: &mut Pages, cols: usize, stored: &BTreeSet<usize>) -> bool {
    fn all<T>(x: &[T], cols: usize, stored: &BTreeSet<usize>, canary: impl Fn(&T) -> bool) -> bool {
        let mut rows = x.chunks_exact(cols.max(1)).enumerate();
        rows.all(|(i, row)| stored.contains(&i) || row.iter().all(&canary))
    }
    match pages {
        Pages::F32(x) => all(x.as_mut(), cols, stored, |x| x.to_bits() == CANARY.to_bits()),
        Pages::F16(x) => all(x.as_mut(), cols, stored, |x| *x == CANARY_F16.to_bits()),
        Pages::Packed(x, format) => {
            let row = format.row_bytes(cols).expect("whole blocks");
            all(x.as_mut(), row, stored, |x| *x == CANARY_BYTE)
        }
    }
}

impl Backend for Guarded {
    fn info(&self) -> &Info {
        self.cpu.info()
    }

    fn beside(&self) -> Box<dyn Backend> {
        Box::new(Self::of(self.cpu.beside_in(self.cpu.config.precision)))
    }

    fn upload(&mut self, spec: &WeightSpec, parts: &[Bytes]) -> Result<Weight, Error> {
        #[cfg(target_os = "linux")]
        let parts: Vec<_> =
            parts.iter().map(|part| Bytes::new(super::fence::Fenced::new(part))).collect();
        self.cpu.upload(spec, &parts)
    }

    fn new_cache(&mut self, spec: &CacheSpec) -> Result<Cache, Error> {
        let cache = self.cpu.new_cache(spec)?;
        self.stored.push(BTreeSet::new());
        Ok(cache)
    }

    fn new_state(&mut self, spec: &StateSpec) -> Result<State, Error> {
        let state = self.cpu.new_state(spec)?;
        self.kept.push(BTreeSet::new());
        Ok(state)
    }

    fn fuses(&self, op: &Fused) -> bool {
        self.cpu.fuses(op)
    }

    fn scratch(&self, plan: &Plan, max: Shape) -> u64 {
        self.cpu.scratch(plan, max)
    }

    fn load(&mut self, plan: &Plan, max: Shape) -> Result<PlanId, Error> {
        let id = self.cpu.load(plan, max)?;
        self.fill(id);
        Ok(id)
    }

    fn unload(&mut self, plan: PlanId) {
        self.cpu.unload(plan);
    }

    fn write(&mut self, plan: PlanId, input: Tensor, rows: &[f32]) -> Result<(), Error> {
        self.cpu.write(plan, input, rows)
    }

    fn run(&mut self, plan: PlanId, batch: &Batch) -> Result<(), Error> {
        self.poison(plan, batch.shape());
        self.cpu.run(plan, batch)?;
        self.note_stored(plan, batch);
        self.look(plan, batch.shape());
        Ok(())
    }

    fn read(&mut self, plan: PlanId, port: Tensor, see: See<'_>) -> Result<(), Error> {
        self.cpu.read(plan, port, see)
    }
}

/// All kinds of backend this machine can run; the best instruction set on each of `threads`, the
/// others on two. An emulated processor is slow: it runs its own sets, each on two, and in exact
/// precision, where they have the same kernels, the best alone.
fn each(threads: &[usize], mut f: impl FnMut(Config)) {
    let required = std::env::var("INGLE_REQUIRE").unwrap_or_default();
    let emulated = std::env::var_os("INGLE_EMULATED").is_some();
    for &isa in Isa::ALL {
        if emulated && isa == Isa::Scalar {
            continue;
        }
        if !isa.is_available() {
            assert!(!required.split(',').any(|it| it == isa.to_string()), "no {isa} here");
            eprintln!("skipped: no {isa}");
            continue;
        }
        let threads = if isa == Isa::best() && !emulated { threads } else { &[2] };
        for precision in [Precision::Exact, Precision::Fast] {
            if emulated && precision == Precision::Exact && isa != Isa::best() {
                continue;
            }
            for &threads in threads {
                f(Config { isa, precision, threads, fuse: Fuse::Known });
            }
        }
    }
}

fn bounds(precision: Precision) -> &'static Bounds {
    match precision {
        Precision::Exact => &Bounds::EXACT,
        Precision::Fast => &Bounds::FAST,
    }
}

#[test]
fn a_cache_takes_the_bytes_of_its_rows() {
    for format in CacheFormat::ALL {
        let spec = CacheSpec { group: 0, k_cols: 64, v_cols: 32, blocks: 3, block_len: 4, format };
        let mut paged = Paged::new(format);
        paged.hold(&spec).expect("small");
        let bytes = |pages: &mut Pages| match pages {
            Pages::F32(x) => 4 * x.as_mut().len(),
            Pages::F16(x) => 2 * x.as_mut().len(),
            Pages::Packed(x, _) => x.as_mut().len(),
        };
        let taken = bytes(&mut paged.k) + bytes(&mut paged.v);
        let rows = [64, 32].map(|cols| format.row_bytes(cols).expect("whole blocks"));
        assert_eq!(taken, 12 * (rows[0] + rows[1]), "{format}");
    }
}

#[test]
fn a_cache_and_a_state_take_no_memory_before_a_plan_that_has_them() {
    let mut cpu = Cpu::detect();
    let format = CacheFormat::F16;
    let spec = CacheSpec { group: 0, k_cols: 8, v_cols: 4, blocks: 3, block_len: 4, format };
    let caches = [cpu.new_cache(&spec), cpu.new_cache(&spec)].map(|it| it.expect("whole rows"));
    let taken = |cpu: &mut Cpu| {
        let numbers = |pages: &mut Pages| match pages {
            Pages::F16(x) => x.as_mut().len(),
            Pages::F32(_) | Pages::Packed(..) => panic!("not as it was asked for"),
        };
        let caches = &mut cpu.memory.caches;
        caches.iter_mut().map(|it| [numbers(&mut it.k), numbers(&mut it.v)]).collect::<Vec<_>>()
    };
    let mut plan = Plan::new();
    let [k, v] = [8, 4].map(|cols| plan.input(cols));
    plan.store(caches[1], k, Some(v));
    let max = Shape { rows: 1, seqs: 1, len: 1, ..Shape::default() };
    cpu.scratch(&plan, max);
    assert_eq!(taken(&mut cpu), [[0, 0], [0, 0]]);
    cpu.load(&plan, max).expect("small");
    assert_eq!(taken(&mut cpu), [[0, 0], [96, 48]]);
    cpu.new_state(&StateSpec { slots: 3, cols: 5 }).expect("no memory is taken");
    assert_eq!(cpu.memory.states[0].as_mut().len(), 0);
}

#[test]
fn every_kind_agrees_with_the_reference() {
    each(&[1, 2, 3], |config| check(&mut Guarded::new(config), bounds(config.precision)));
}

#[test]
fn what_is_not_fused_agrees_with_the_reference() {
    each(&[2], |config| {
        let config = Config { fuse: Fuse::Nothing, ..config };
        check(&mut Guarded::new(config), bounds(config.precision));
    });
}
