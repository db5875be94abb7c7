//! What a step of a model is made of, timed on the backend that runs models: products with weights of
//! a format, attention, and what is done to numbers one by one.
//!
//! All weights have the same byte all over, one that makes ordinary numbers in every format: those
//! next to zero are treated apart by some processors.

use std::{
    cell::Cell,
    rc::Rc,
    slice::from_ref,
    time::{Duration, Instant},
};

use kernels::{
    Act, Attn, Backend, Batch, Bytes, CacheSpec, Error, Format, Linear, Norm, Plan, PlanId, Shape,
    Span, Table, Tensor, Weight, WeightSpec,
    cpu::{Config, ConfigError, Cpu},
};

use super::{
    Effort, Rest, Watts, middle,
    products::{Length, Rates},
};
use crate::machine::{Mark, Meter};

/// What weights are made of: scales of 0.2 as `f16`, of 2^-76 as powers of two.
const BYTE: u8 = 0x33;

/// Columns and rows of a matrix as large models have it.
const SIZE: usize = 4096;

/// Columns as models of one or two billion weights have them.
const MEDIUM: usize = 2048;

/// Columns of matrices as small models have them; the first that are whole blocks of a format. 896 is no
/// multiple of 256: kernels that take eight blocks of 32 at a time do as much as for 1,024.
const SHORT: [usize; 2] = [896, 1024];

/// Heads as models have them: of queries, and of keys and values.
const HEADS: [usize; 2] = [32, 8];

/// Columns of a head.
const HEAD_DIM: usize = 128;

/// Places a block of a cache.
const BLOCK_LEN: usize = 32;

/// Counters of energy move once in a millisecond: what takes less than this tells little of them.
const LEAST: Duration = Duration::from_millis(10);

/// Operations in a row that only wait for each other.
const CHAIN: usize = 64;

/// A way to use the processor, and bytes to use it on.
pub(super) struct Rig {
    config: Config,
    weights: Bytes,
    time: Duration,
    rows: usize,
    gauge: Rc<Gauge>,
}

/// What is measured with one row of activations, and with many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    one: Share,
    many: Share,
}

#[derive(Clone, Copy, Debug)]
enum Share {
    All,
    /// Slow kernels: a single run over a part has to do.
    Part,
}

/// What runs take, where something tells.
struct Gauge {
    meter: Meter,
    joules: Cell<f64>,
    /// In so many seconds.
    seconds: Cell<f64>,
}

/// A plan with all that it needs to be run again and again.
struct Timed {
    cpu: Cpu,
    plan: PlanId,
    inputs: Vec<(Tensor, Vec<f32>)>,
    gauge: Rc<Gauge>,
}

impl Rig {
    pub(super) fn new(config: Config, effort: Effort) -> Self {
        let Effort { bytes, time, rows, .. } = effort;
        // Some hundred rows of every format.
        let bytes = bytes.max(SIZE * SIZE * size_of::<f32>() / 16);
        let mut weights = vec![0; bytes];
        // As a mapped file has them.
        loader::prefer_huge_pages(&mut weights);
        weights.fill(BYTE);
        let gauge = Rc::new(Gauge::of(Meter::here()));
        Self { config, weights: Bytes::new(weights), time, rows, gauge }
    }

    /// What all runs so far took, where something tells.
    pub(super) fn power(&self) -> Option<Watts> {
        self.gauge.power()
    }

    /// How long products with weights of `format` take.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub(super) fn products(&self, format: Format, shares: Shares) -> anyhow::Result<Rates> {
        let short = SHORT.into_iter().find(|&it| format.row_bytes(it).is_some());
        let short = short.expect("a multiple of every block");
        let of = |cols| self.product(format, cols, shares);
        Ok(Rates([of(short)?, of(MEDIUM)?, of(SIZE)?]))
    }

    /// What there is the time to measure of products with weights of `format`.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub(super) fn shares(&self, format: Format) -> anyhow::Result<Shares> {
        let spec = self.matrix(format, SIZE, SIZE);
        let n = self.matrices(&spec).div_ceil(8);
        let one = self.linears(&spec, n, 1)?.seconds(1, Duration::ZERO)?;
        let rows = self.part_of_rows();
        let many = self.linears(&spec, 1, rows)?.seconds(rows, Duration::ZERO)?;
        let patience = (3 * self.time).as_secs_f64();
        let share = |all: f64| if all > patience { Share::Part } else { Share::All };
        Ok(Shares { one: share(8.0 * one), many: share(16.0 * many) })
    }

    /// Of weights in rows of so many columns.
    fn product(&self, format: Format, cols: usize, shares: Shares) -> anyhow::Result<Length> {
        // As many weights, whatever their rows are: what begins and ends with a matrix is none of theirs.
        let spec = self.matrix(format, SIZE * SIZE / cols, cols);
        let all = self.matrices(&spec);
        let (n, time) = match shares.one {
            Share::Part => (all.div_ceil(8), Duration::ZERO),
            Share::All => (all, self.time),
        };
        let one = self.linears(&spec, n, 1)?.seconds(1, time)? / (n * spec.rows) as f64;
        let spec = self.matrix(format, SIZE, cols);
        let (n, time) = match shares.many {
            Share::Part => (self.part_of_rows(), Duration::ZERO),
            Share::All => (self.rows, self.time),
        };
        let many = self.linears(&spec, 1, self.rows)?.seconds(n, time)?;
        // What one row would take is told already.
        let more = (many - one * spec.rows as f64).max(many / 2.0);
        Ok(Length::of(format, cols, [one, more / ((n - 1) * spec.rows) as f64]))
    }

    /// A matrix of so many rows, or of as many as there are bytes for.
    fn matrix(&self, format: Format, rows: usize, cols: usize) -> WeightSpec {
        let row = format.row_bytes(cols).expect("a multiple of every block");
        WeightSpec { n: 1, rows: rows.min(self.weights.len() / row), cols, format }
    }

    /// How many of them there are, one after the other.
    fn matrices(&self, spec: &WeightSpec) -> usize {
        let row = spec.format.row_bytes(spec.cols).expect("a multiple of every block");
        self.weights.len() / (row * spec.rows)
    }

    /// Rows of activations that tell how long all take.
    fn part_of_rows(&self) -> usize {
        (self.rows / 16).max(2)
    }

    /// The rates of all but products.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub(super) fn rest(&self) -> anyhow::Result<Rest> {
        let [attend_many, attend_one] = self.attention()?;
        let numbers = (self.rows * SIZE) as f64;
        let norm = self.each::<1>(self.rows, |p, [x]| p.norm(x, &Norm::rms(SIZE, None, 1e-5)))?;
        let act = self.each::<2>(self.rows, |p, [gate, up]| p.glu(gate, up, Act::Silu))?;
        let chain = |p: &mut Plan, [x]: [Tensor; 1]| (0..CHAIN).fold(x, |x, _| p.scale(x, 0.5));
        let step = self.each(1, chain)? / CHAIN as f64;
        Ok(Rest { attend_one, attend_many, numbers: numbers / norm, acts: numbers / act, step })
    }

    fn cpu(&self) -> Result<Cpu, ConfigError> {
        Cpu::new(self.config)
    }

    /// Products with `n` matrices like `spec`, for up to `max` rows of activations.
    fn linears(&self, spec: &WeightSpec, n: usize, max: usize) -> anyhow::Result<Timed> {
        let mut cpu = self.cpu()?;
        let len = spec.format.row_bytes(spec.cols).map_or(0, |it| it * spec.rows);
        let mut plan = Plan::new();
        let x = plan.input(spec.cols);
        for nth in 0..n {
            let w: Weight =
                cpu.upload(spec, from_ref(&self.weights.slice(nth * len..(nth + 1) * len)))?;
            let y = plan.linear(x, &Linear { w, bias: None });
            plan.port(y);
        }
        Ok(self.timed(cpu, &plan, max, vec![x])?)
    }

    /// The seconds of what `record` does to so many rows.
    fn each<const N: usize>(
        &self,
        rows: usize,
        record: impl FnOnce(&mut Plan, [Tensor; N]) -> Tensor,
    ) -> anyhow::Result<f64> {
        let mut plan = Plan::new();
        let inputs = [(); N].map(|()| plan.input(SIZE));
        let y = record(&mut plan, inputs);
        plan.port(y);
        let mut timed = self.timed(self.cpu()?, &plan, rows, inputs.to_vec())?;
        Ok(timed.seconds(rows, self.time)?)
    }

    /// Multiply-adds a second of a prompt's attention, and of that of the row after it.
    fn attention(&self) -> anyhow::Result<[f64; 2]> {
        let [queries, keys] = HEADS.map(|it| it * HEAD_DIM);
        let mut cpu = self.cpu()?;
        let blocks = (self.rows + 1).div_ceil(BLOCK_LEN);
        let format = cpu.info().cache;
        let cache = cpu.new_cache(&CacheSpec {
            group: 0,
            k_cols: keys,
            v_cols: keys,
            blocks,
            block_len: BLOCK_LEN,
            format,
        })?;
        let attn = Attn {
            head_dim: HEAD_DIM,
            v_dim: HEAD_DIM,
            scale: 0.1,
            softcap: None,
            span: Span::Full,
            sinks: None,
        };
        let mut plan = Plan::new();
        let [q, k, v] = [queries, keys, keys].map(|cols| plan.input(cols));
        plan.store(cache, k, Some(v));
        let y = plan.attend(q, cache, &attn);
        plan.port(y);
        let mut timed = self.timed(cpu, &plan, self.rows, vec![q, k, v])?;
        let table = Table(vec![(0..blocks as u32).collect()]);
        let a_place = 2 * queries;
        let (mut prompt, mut next) = (Batch::default(), Batch::default());
        prompt.push(0, &vec![0; self.rows], table.clone());
        next.push(self.rows as u32, &[0], table);
        let many = timed.run(&prompt, self.time)?;
        let one = timed.run(&next, self.time)?;
        let seen = self.rows * (self.rows + 1) / 2;
        let (many, one) =
            ((seen * a_place) as f64 / many, ((self.rows + 1) * a_place) as f64 / one);
        Ok([many, one])
    }

    /// `plan` for batches of up to `rows` rows of one sequence.
    fn timed(
        &self,
        mut cpu: Cpu,
        plan: &Plan,
        rows: usize,
        inputs: Vec<Tensor>,
    ) -> Result<Timed, Error> {
        let max = Shape { rows, seqs: 1, outputs: 0, len: rows + 1 };
        let id = cpu.load(plan, max)?;
        let number = |i: usize| (i as f32 * 0.37).cos();
        let numbers = |cols: usize| (0..rows * cols).map(number).collect::<Vec<f32>>();
        let inputs = inputs.into_iter().map(|it| (it, numbers(it.cols))).collect();
        Ok(Timed { cpu, plan: id, inputs, gauge: Rc::clone(&self.gauge) })
    }
}

impl Timed {
    /// The seconds of a run over so many rows.
    fn seconds(&mut self, rows: usize, time: Duration) -> Result<f64, Error> {
        let mut batch = Batch::default();
        batch.push(0, &vec![0; rows], Table::default());
        self.run(&batch, time)
    }

    /// The seconds of a run: the median of those that are begun in this time, and one is. Where there
    /// is time, one before them is not counted.
    fn run(&mut self, batch: &Batch, time: Duration) -> Result<f64, Error> {
        let started = self.gauge.meter.mark();
        let (begin, rows) = (Instant::now(), batch.tokens.len());
        let mut all = Vec::new();
        loop {
            for (input, numbers) in &self.inputs {
                self.cpu.write(self.plan, *input, &numbers[..rows * input.cols])?;
            }
            let run = Instant::now();
            self.cpu.run(self.plan, batch)?;
            all.push(run.elapsed().as_secs_f64());
            if begin.elapsed() >= time {
                break;
            }
        }
        if let [_, .., _] = all.as_slice() {
            all.remove(0);
        }
        self.gauge.add(&started, &self.gauge.meter.mark());
        Ok(middle(all.into_iter()).max(1e-9))
    }
}

impl Gauge {
    fn of(meter: Meter) -> Self {
        Self { meter, joules: Cell::new(0.0), seconds: Cell::new(0.0) }
    }

    /// Adds what was taken from `started` to `end`.
    fn add(&self, started: &Mark, end: &Mark) {
        let time = started.until(end);
        if let Some(joules) = self.meter.joules(started, end).filter(|_| time >= LEAST) {
            self.joules.set(self.joules.get() + joules);
            self.seconds.set(self.seconds.get() + time.as_secs_f64());
        }
    }

    fn power(&self) -> Option<Watts> {
        let seconds = Some(self.seconds.get()).filter(|&it| it > 0.0)?;
        Some(Watts { watts: self.joules.get() / seconds, source: self.meter.source()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::{self, lay};

    #[test]
    fn power_is_that_of_what_was_timed() {
        let battery = [("sys/class/power_supply/BAT0/power_now", "20000000\n")];
        let root = lay(&[fixture::LAPTOP, &battery].concat());
        let gauge = Gauge::of(Meter::at(root.path()));
        assert_eq!(gauge.power(), None);
        let past = Instant::now();
        let started = gauge.meter.mark();
        gauge.add(&started, &gauge.meter.mark_at(past));
        assert_eq!(gauge.power(), None, "no time tells nothing");
        let later = Instant::now() + Duration::from_millis(500);
        gauge.add(&started, &gauge.meter.mark_at(later));
        let Watts { watts, source } = gauge.power().expect("a battery tells");
        assert!((watts - 20.0).abs() < 1e-6, "{watts}");
        assert_eq!(source, "battery: the whole machine");
    }
}
