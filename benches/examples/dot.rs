//! Times matrix products of every format with each instruction set and precision, one thread,
//! after checking each answer against `f64` sums.
//!
//! ```text
//! cargo run --release -p ingle-benches --example dot [FORMAT…]
//! ```
//!
//! GB/s are of weights read for one row of activations (decode), GMAC/s are of 64 rows (prefill).
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program, not a library")]

use std::time::Instant;

use kernels::{
    Backend, Batch, Bytes, Format, Linear, Plan, Shape, Table, WeightSpec,
    cpu::{Config, Cpu, Fuse, Isa, Precision},
};

const OUT: usize = 4096;
const COLS: usize = 4096;
/// Different rows of weights; the matrix repeats them.
const DISTINCT: usize = 16;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).map(|it| it.to_uppercase()).collect();
    for &format in Format::ALL {
        if wanted.is_empty() || wanted.iter().any(|it| it == format.layout().name) {
            time_format(format);
        }
    }
}

fn time_format(format: Format) {
    let numbers: Vec<f32> = (0..DISTINCT * COLS).map(|i| (i as f32).sin()).collect();
    let rows = format.encode(&numbers);
    let mut decoded = numbers;
    format.decode_row(&rows, &mut decoded);
    let bytes = Bytes::new(rows.repeat(OUT / DISTINCT));
    for isa in Isa::ALL.iter().copied().filter(|isa| isa.is_available()) {
        for precision in [Precision::Exact, Precision::Fast] {
            let config = Config { isa, precision, threads: 1, fuse: Fuse::Known };
            let [decode, prefill] = [1, 64].map(|n| {
                let mut product = Product::new(Cpu::new(config).unwrap(), format, &bytes, n);
                product.check(&decoded, precision);
                product.seconds()
            });
            println!(
                "{:5} {isa:6} {precision:5} {:6.2} GB/s {:7.2} GMAC/s",
                format.layout().name,
                bytes.len() as f64 / decode / 1e9,
                64.0 * (OUT * COLS) as f64 / prefill / 1e9,
            );
        }
    }
}

/// A matrix and rows of activations, ready to be multiplied.
struct Product {
    cpu: Cpu,
    plan: kernels::PlanId,
    batch: Batch,
    x: Vec<f32>,
    input: kernels::Tensor,
    y: kernels::Tensor,
}

impl Product {
    fn new(mut cpu: Cpu, format: Format, bytes: &Bytes, n: usize) -> Self {
        let spec = WeightSpec { n: 1, rows: OUT, cols: COLS, format };
        let w = cpu.upload(&spec, std::slice::from_ref(bytes)).unwrap();
        let mut plan = Plan::new();
        let input = plan.input(COLS);
        let y = plan.linear(input, &Linear { w, bias: None });
        plan.port(y);
        let mut batch = Batch::default();
        batch.push(0, &vec![0; n], Table::default());
        let shape: Shape = batch.shape();
        let id = cpu.load(&plan, shape).unwrap();
        let x: Vec<f32> = (0..n * COLS).map(|i| (i as f32 * 0.37).cos()).collect();
        Self { cpu, plan: id, batch, x, input, y }
    }

    /// The bound is far above the rounding of activations, far below a wrong block.
    fn check(&mut self, weights: &[f32], precision: Precision) {
        self.run();
        let (weights, x) = (weights.chunks_exact(COLS), self.x.chunks_exact(COLS));
        let bound = match precision {
            Precision::Exact => 1e-6,
            Precision::Fast => 1e-3,
        };
        self.cpu
            .read(self.plan, self.y, &mut |y| {
                for (y, x) in y.chunks_exact(OUT).zip(x.clone()) {
                    for (r, w) in weights.clone().enumerate() {
                        let products = || w.iter().zip(x).map(|(w, x)| f64::from(w * x));
                        let sum: f64 = products().sum();
                        let size: f64 = products().map(f64::abs).sum();
                        let off = (f64::from(y[r]) - sum).abs() / size;
                        assert!(off <= bound, "{precision}: {} is off {sum} by {off:e}", y[r]);
                        assert_eq!(y[r], y[r + OUT - DISTINCT], "row {r} and its repetition");
                    }
                }
            })
            .unwrap();
    }

    /// Its seconds, without those of writing the activations.
    fn run(&mut self) -> f64 {
        self.cpu.write(self.plan, self.input, &self.x).unwrap();
        let start = Instant::now();
        self.cpu.run(self.plan, &self.batch).unwrap();
        start.elapsed().as_secs_f64()
    }

    /// The best of many runs.
    fn seconds(&mut self) -> f64 {
        let (begin, mut best) = (Instant::now(), f64::MAX);
        while begin.elapsed().as_secs_f64() < 0.5 {
            best = best.min(self.run());
        }
        best
    }
}
