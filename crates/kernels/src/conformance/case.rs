//! One case of the suite: what to record, what to run it over, how far off it may be.

use crate::{
    Backend, Batch, Bytes, Cache, CacheFormat, CacheSpec, Format, Linear, NONE, Plan, Shape, Span,
    State, StateSpec, Table, Tensor, Weight, WeightSpec, reference::Reference,
};

pub(super) struct Case {
    /// Operation, format and shape.
    pub(super) name: String,
    batches: Vec<Batch>,
    /// Columns of the input.
    cols: usize,
    block_len: usize,
    /// The largest normalised mean square error.
    pub(super) allowed: f64,
}

/// Places a block, where contexts are short.
const BLOCK_LEN: usize = 4;
/// Blocks a sequence, and sequences that there are blocks for.
const BLOCKS: [usize; 2] = [8, 8];

type Record<'a> = &'a dyn Fn(&mut Maker<'_>, &mut Plan, Tensor) -> Vec<Tensor>;

impl Case {
    /// Sequences of these lengths, 0 stands for a padding row; then each goes on for some rows.
    pub(super) fn new(name: String, lens: &[usize], cols: usize, allowed: f64) -> Self {
        let (mut first, mut second) = (Batch::default(), Batch::default());
        for (s, &len) in lens.iter().enumerate() {
            push(&mut first, s, 0, len);
            push(&mut second, s, len, if len == 0 { 0 } else { 1 + s });
        }
        let batches = vec![first, second];
        Self { name, batches, cols, block_len: BLOCK_LEN, allowed }
    }

    /// One sequence in chunks of these lengths instead.
    pub(super) fn chunked(mut self, chunks: &[usize]) -> Self {
        let mut past = 0;
        self.batches.clear();
        for &chunk in chunks {
            let mut batch = Batch::default();
            push(&mut batch, 1, past, chunk);
            self.batches.push(batch);
            past += chunk;
        }
        self.block_len = past.div_ceil(BLOCKS[0]);
        self
    }

    /// Gives the rows each of `sets` sets of rotary frequencies in turn.
    pub(super) fn turned_by(mut self, sets: u32) -> Self {
        for batch in &mut self.batches {
            (0..).zip(&mut batch.rope_set).for_each(|(i, set)| *set = i % sets);
        }
        self
    }

    /// Takes away the blocks that no row sees any more, as an engine does.
    pub(super) fn forgetting(mut self, span: Span) -> Self {
        for batch in &mut self.batches {
            for (&first, table) in batch.first.iter().zip(&mut batch.tables) {
                let dead = span.first(batch.at[first as usize]) as usize / self.block_len;
                table.0[0][..dead].fill(NONE);
            }
        }
        self
    }

    /// Runs what `record` records of the input, here and on the reference.
    pub(super) fn check(
        &self,
        b: &mut dyn Backend,
        record: impl Fn(&mut Maker<'_>, &mut Plan, Tensor) -> Vec<Tensor>,
    ) {
        let (got, want) = (self.run(b, &record), self.run(&mut Reference::default(), &record));
        let (error, allowed) = (nmse(&got, &want), self.allowed);
        let (device, name) = (&b.info().name, &self.name);
        assert!(error <= allowed, "{device}: {name}: nmse {error:.1e} > {allowed:.0e}");
    }

    /// The results of the plan, batch after batch. One that is nearly zero by chance would have a
    /// large relative error by itself.
    fn run(&self, b: &mut dyn Backend, record: Record<'_>) -> Vec<f32> {
        let (mut rng, mut plan, mut all) = (Lcg(0x5eed), Plan::new(), Vec::new());
        let x = plan.input(self.cols);
        let inputs: Vec<_> =
            self.batches.iter().map(|batch| rng.numbers(batch.tokens.len() * self.cols)).collect();
        let mut make = Maker { backend: b, rng, block_len: self.block_len };
        let ports = record(&mut make, &mut plan, x);
        ports.iter().for_each(|&port| plan.port(port));
        let id = b.load(&plan, self.max()).expect("memory for a small plan");
        for (batch, input) in self.batches.iter().zip(&inputs) {
            b.write(id, x, input).expect("as many rows as the batch has");
            b.run(id, batch).expect("a sound batch");
            for &port in &ports {
                let see = &mut |rows: &[f32]| all.extend_from_slice(rows);
                b.read(id, port, see).expect("the run succeeded");
            }
        }
        all
    }

    /// More than any of the batches.
    fn max(&self) -> Shape {
        let most = |n: fn(Shape) -> usize| {
            self.batches.iter().map(|batch| n(batch.shape())).max().unwrap_or(0)
        };
        Shape {
            rows: most(|it| it.rows) + 3,
            seqs: most(|it| it.seqs),
            outputs: most(|it| it.outputs) + 1,
            len: most(|it| it.len) + 1,
        }
    }
}

/// `len` rows of sequence `s` after `past` others, in blocks that are scattered; 0 for padding. The
/// state after the last row goes to slot `s`, that after the first to another.
fn push(batch: &mut Batch, s: usize, past: usize, len: usize) {
    let tokens: Vec<u32> = (0..len as u32).map(|i| i % 2).collect();
    let blocks = (0..BLOCKS[0]).rev().map(|block| (block * BLOCKS[1] + s) as u32).collect();
    match len {
        0 => batch.pad(),
        _ => {
            batch.push(past as u32, &tokens, Table(vec![blocks]));
            let first = batch.keep.len() - len;
            batch.keep[first] = (BLOCKS[1] + s) as u32;
            batch.keep[first + len - 1] = s as u32;
            if past > 0 {
                *batch.from.last_mut().expect("just pushed") = s as u32;
            }
        }
    }
    batch.out = vec![batch.tokens.len() as u32 - 1, 0];
}

/// Of nothing, anything but nothing is infinitely wrong.
fn nmse(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len(), "numbers of a result");
    let square = |x: f64| x * x;
    let diff: f64 = got.iter().zip(want).map(|(&g, &w)| square(f64::from(g) - f64::from(w))).sum();
    let all: f64 = want.iter().map(|&w| square(f64::from(w))).sum();
    if diff == 0.0 { 0.0 } else { diff / all }
}

/// Makes the same random weights on every backend.
pub(super) struct Maker<'a> {
    backend: &'a mut dyn Backend,
    rng: Lcg,
    block_len: usize,
}

impl Maker<'_> {
    /// A weight in two parts, where it has two rows.
    pub(super) fn weight(&mut self, format: Format, rows: usize, cols: usize) -> Weight {
        self.weights(format, 1, [rows, cols])
    }

    /// `n` matrices in two parts, where they have two rows.
    pub(super) fn weights(&mut self, format: Format, n: usize, [rows, cols]: [usize; 2]) -> Weight {
        let bytes = Bytes::new(self.encoded(format, n * rows * cols));
        let cut = bytes.len() / (n * rows) * (n * rows / 2);
        let parts = [bytes.slice(0..cut), bytes.slice(cut..bytes.len())];
        let spec = WeightSpec { n, rows, cols, format };
        self.backend.upload(&spec, &parts).expect("the bytes fit the shape")
    }

    /// Some formats take long to encode: a prime number of blocks comes again and again, in another
    /// place of each row.
    fn encoded(&mut self, format: Format, n: usize) -> Vec<u8> {
        const DISTINCT: usize = 13;
        let layout = format.layout();
        if layout.block_len == 1 {
            return format.encode(&self.rng.numbers(n));
        }
        let blocks = n / layout.block_len;
        let encoded = format.encode(&self.rng.numbers(blocks.min(DISTINCT) * layout.block_len));
        encoded.iter().copied().cycle().take(blocks * layout.block_bytes).collect()
    }

    /// `n` matrices with a bias each.
    pub(super) fn experts(&mut self, format: Format, n: usize, [rows, cols]: [usize; 2]) -> Linear {
        let bias = Some(self.weights(Format::F32, n, [1, rows]));
        Linear { w: self.weights(format, n, [rows, cols]), bias }
    }

    /// With a bias.
    pub(super) fn linear(&mut self, format: Format, rows: usize, cols: usize) -> Linear {
        let bias = Some(self.weight(Format::F32, 1, rows));
        Linear { w: self.weight(format, rows, cols), bias }
    }

    /// A row of numbers below zero.
    pub(super) fn negative(&mut self, cols: usize) -> Weight {
        let numbers: Vec<f32> = self.rng.numbers(cols).iter().map(|x| -x.abs()).collect();
        let spec = WeightSpec { n: 1, rows: 1, cols, format: Format::F32 };
        let bytes = Bytes::new(Format::F32.encode(&numbers));
        self.backend.upload(&spec, &[bytes]).expect("the bytes fit the shape")
    }

    /// A state with two slots a sequence.
    pub(super) fn state(&mut self, cols: usize) -> State {
        let spec = StateSpec { slots: 2 * BLOCKS[1], cols };
        self.backend.new_state(&spec).expect("memory for a small state")
    }

    pub(super) fn cache(&mut self, k_cols: usize, v_cols: usize, format: CacheFormat) -> Cache {
        let (blocks, block_len) = (BLOCKS[0] * BLOCKS[1], self.block_len);
        let spec = CacheSpec { group: 0, k_cols, v_cols, blocks, block_len, format };
        self.backend.new_cache(&spec).expect("memory for a small cache")
    }
}

/// A fixed sequence of numbers, the same on every machine.
struct Lcg(u64);

impl Lcg {
    /// Numbers between -1 and 1.
    fn numbers(&mut self, n: usize) -> Vec<f32> {
        let mut number = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| number()).collect()
    }
}
