//! What a step of a model does, counted from its plan: whatever the architecture, nothing is left
//! out that the engine would do.

use std::collections::BTreeMap;

use kernels::{
    Attn, Basic, CacheFormat, Format, Fused, Linear, Op, Plan, Rows, Span, Tensor, Weight,
};
use serde::{Deserialize, Serialize};

/// What a step does, for each of its rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) products: Vec<Product>,
    pub(crate) attends: Vec<Attend>,
    /// Numbers that are normalised, turned, added and stored.
    pub(crate) numbers: u64,
    /// Numbers that go through an activation.
    pub(crate) acts: u64,
    /// Operations, however many rows there are.
    pub(crate) steps: usize,
}

/// Products with matrices of one format and length of rows that rows go to alike, all layers together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Product {
    /// The name of the format.
    pub(crate) format: String,
    /// Whether only rows that logits are computed of are multiplied.
    pub(crate) of_outputs: bool,
    /// Matrices that there are: experts, else 1.
    pub(crate) n: usize,
    /// How many of them a row goes to.
    pub(crate) k: usize,
    /// Weights of a row.
    pub(crate) cols: usize,
    /// Weights of one of the `n`, of all layers.
    pub(crate) weights: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// Attention of layers that see as far back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attend {
    /// How many places a row sees at most; absent: all.
    pub(crate) within: Option<u32>,
    /// Layers.
    pub(crate) layers: usize,
    /// Multiply-adds for each place, of all these layers.
    pub(crate) macs: u64,
    /// Bytes that are kept of each place, in all these layers.
    pub(crate) bytes: u64,
}

/// Of what kind a product is: its format, whether it is of outputs, how many matrices there are and how
/// many of them a row goes to, and the length of their rows.
type Kind = (&'static str, bool, [usize; 2], usize);

/// What is counted while going through a plan.
#[derive(Default)]
struct Count {
    /// Weights and bytes.
    products: BTreeMap<Kind, [u64; 2]>,
    /// Layers, multiply-adds and bytes.
    attends: BTreeMap<Option<u32>, (usize, [u64; 2])>,
    numbers: u64,
    acts: u64,
}

impl Work {
    /// Of a plan whose caches store keys and values so.
    pub(crate) fn of(plan: &Plan, cache: CacheFormat) -> Self {
        let mut count = Count::default();
        for step in plan.steps() {
            count.step(&step.op, &step.out, cache);
        }
        let product = |(kind, [weights, bytes]): (Kind, [u64; 2])| {
            let (format, of_outputs, [n, k], cols) = kind;
            Product { format: format.to_owned(), of_outputs, n, k, cols, weights, bytes }
        };
        let attend = |(within, seen): (Option<u32>, (usize, [u64; 2]))| {
            let (layers, [macs, bytes]) = seen;
            Attend { within, layers, macs, bytes }
        };
        Self {
            products: count.products.into_iter().map(product).collect(),
            attends: count.attends.into_iter().map(attend).collect(),
            numbers: count.numbers,
            acts: count.acts,
            steps: plan.steps().len(),
        }
    }

    /// As if a step were nothing but a product with all of so many weights, in rows of 4,096.
    pub(crate) fn about(format: Format, weights: u64, bytes: u64) -> Self {
        let format = format.layout().name.to_owned();
        let product = Product { format, of_outputs: false, n: 1, k: 1, cols: 4096, weights, bytes };
        Self { products: vec![product], ..Self::default() }
    }

    /// The formats of the weights that rows are multiplied with.
    pub(crate) fn formats(&self) -> impl Iterator<Item = Format> {
        let is_there = |name: &'static str| self.products.iter().any(|it| it.format == name);
        Format::ALL.iter().copied().filter(move |it| is_there(it.layout().name))
    }
}

impl Attend {
    /// Places that so many rows after `past` others see, one more than the row before each, all
    /// together.
    pub(super) fn places(self, rows: usize, past: usize) -> f64 {
        let most = self.within.map_or(usize::MAX, |it| it as usize);
        // The first rows see ever more, the others as many as there can be.
        let growing = most.saturating_sub(past).min(rows);
        let grown = growing as f64 * (past as f64 + (growing as f64 + 1.0) / 2.0);
        grown + (rows - growing) as f64 * most as f64
    }
}

impl Count {
    fn step(&mut self, op: &Op, out: &[Tensor], cache: CacheFormat) {
        match op {
            Op::Basic(Basic::Linear(x, l)) => self.linear(x.rows, l, [1, 1]),
            Op::Basic(Basic::HeadLinear(x, w)) => {
                (0..w.n).for_each(|_| self.product(x.rows, *w, [1, 1]));
            }
            Op::Basic(Basic::ExpertLinear(x, r, l)) => self.linear(x.rows, l, [r.n, r.k]),
            Op::Fused(Fused::Linears(x, all)) => {
                all.iter().for_each(|l| self.linear(x.rows, l, [1, 1]));
            }
            Op::Fused(Fused::Gated(x, gate, up, _)) => {
                [gate, up].into_iter().for_each(|l| self.linear(x.rows, l, [1, 1]));
                self.acts += all(out);
            }
            Op::Fused(Fused::ExpertGated(x, r, gate, up, _)) => {
                [gate, up].into_iter().for_each(|l| self.linear(x.rows, l, [r.n, r.k]));
                self.acts += all(out);
            }
            Op::Basic(Basic::Attend(q, c, a)) => {
                let rows = [c.k_cols, c.v_cols].map(|cols| cache.row_bytes(cols).unwrap_or(0));
                self.attend(q.cols, a, (rows[0] + rows[1]) as u64);
            }
            Op::Basic(Basic::Glu(..) | Basic::Act(..)) => self.acts += all(out),
            // Each number of a state decays, grows and is read.
            Op::Basic(Basic::Ssm(_, _, m, _)) => self.numbers += 3 * m.state_cols() as u64,
            Op::Basic(Basic::Conv(_, c, _)) => self.numbers += c.taps as u64 * all(out),
            Op::Basic(Basic::Store(_, k, v)) => {
                self.numbers +=
                    [Some(*k), *v].into_iter().flatten().map(|it| it.cols as u64).sum::<u64>();
            }
            Op::Basic(Basic::Input | Basic::Embed(..) | Basic::Norm(..) | Basic::Rope(..))
            | Op::Basic(Basic::Outputs(_) | Basic::Add(..) | Basic::Scale(..) | Basic::Mix(..))
            | Op::Basic(Basic::PlaceScale(..) | Basic::Weigh(..) | Basic::Rescale(..))
            | Op::Basic(Basic::Sparsify(..) | Basic::Part(..) | Basic::Join(..))
            | Op::Basic(Basic::Softcap(..) | Basic::Route(..) | Basic::ExpertScale(..))
            | Op::Basic(Basic::ExpertSum(..))
            | Op::Fused(Fused::AddNorm(..)) => self.numbers += all(out),
        }
    }

    fn linear(&mut self, rows: Rows, l: &Linear, of: [usize; 2]) {
        self.product(rows, l.w, of);
    }

    /// A product with one of the matrices of `w`; `of` says how many there are, and how many of them a
    /// row goes to.
    fn product(&mut self, x_rows: Rows, w: Weight, of: [usize; 2]) {
        let kind = (w.format.layout().name, x_rows == Rows::Outputs, of, w.cols);
        let row = w.format.row_bytes(w.cols).unwrap_or(0);
        let [weights, bytes] = self.products.entry(kind).or_default();
        *weights += (w.rows * w.cols) as u64;
        *bytes += (w.rows * row) as u64;
    }

    fn attend(&mut self, q_cols: usize, a: &Attn, kept: u64) {
        let heads = q_cols / a.head_dim.max(1);
        let within = match a.span {
            Span::Full => None,
            Span::Window(n) | Span::Chunk(n) => Some(n),
        };
        let (layers, [macs, bytes]) = self.attends.entry(within).or_default();
        *layers += 1;
        *macs += (heads * (a.head_dim + a.v_dim)) as u64;
        *bytes += kept;
    }
}

/// The numbers of a row of all these, those of logits left out: they are of one row alone.
fn all(out: &[Tensor]) -> u64 {
    let numbers = |it: &Tensor| match it.rows {
        Rows::Step => it.cols as u64,
        Rows::Routed(k) => (k * it.cols) as u64,
        Rows::Outputs => 0,
    };
    out.iter().map(numbers).sum()
}

#[cfg(test)]
mod tests {
    use kernels::{
        Act, Backend, Bytes, CacheSpec, WeightSpec,
        cpu::{Config, Cpu},
    };

    use super::*;

    #[test]
    fn a_plan_is_counted() {
        let mut cpu = Cpu::new(Config { threads: 1, ..Config::detect() }).unwrap();
        let mut weight = |rows: usize, format: Format| {
            let bytes = Bytes::new(vec![0; rows * format.row_bytes(64).unwrap()]);
            let spec = WeightSpec { n: 1, rows, cols: 64, format };
            Linear { w: cpu.upload(&spec, &[bytes]).unwrap(), bias: None }
        };
        let (q, kv) = (weight(64, Format::Q8_0), weight(32, Format::Q8_0));
        let (up, head) = (weight(96, Format::Q4_0), weight(10, Format::Q4_0));
        let (group, blocks, block_len, format) = (0, 1, 32, CacheFormat::F16);
        let spec = CacheSpec { group, k_cols: 32, v_cols: 32, blocks, block_len, format };
        let cache = cpu.new_cache(&spec).unwrap();
        let attn = Attn {
            head_dim: 16,
            v_dim: 16,
            scale: 1.0,
            softcap: None,
            span: Span::Window(8),
            sinks: None,
        };
        let mut plan = Plan::new();
        let x = plan.input(64);
        let [q, k, v] = plan.linears(x, [&q, &kv, &kv]);
        plan.store(cache, k, Some(v));
        let y = plan.attend(q, cache, &attn);
        let y = plan.add(x, y);
        plan.gated(y, &up, &up, Act::Silu);
        let last = plan.outputs(y);
        plan.linear(last, &head);
        let product = |format: &str, of_outputs, rows: u64, bytes: u64| Product {
            format: format.to_owned(),
            of_outputs,
            n: 1,
            k: 1,
            cols: 64,
            weights: rows * 64,
            bytes: rows * bytes,
        };
        let expected = Work {
            products: vec![
                product("Q4_0", false, 2 * 96, 36),
                product("Q4_0", true, 10, 36),
                product("Q8_0", false, 128, 68),
            ],
            attends: vec![Attend { within: Some(8), layers: 1, macs: 4 * 32, bytes: 128 }],
            // The input, what is stored, and the sum.
            numbers: 64 + 64 + 64,
            acts: 96,
            steps: 8,
        };
        let work = Work::of(&plan, CacheFormat::F16);
        assert_eq!(work, expected);
        assert_eq!(work.formats().collect::<Vec<_>>(), [Format::Q4_0, Format::Q8_0]);
    }

    #[test]
    fn places_grow_up_to_a_window() {
        let places =
            |within, rows, past| Attend { within, layers: 1, macs: 1, bytes: 1 }.places(rows, past);
        assert_eq!(places(None, 1, 0), 1.0);
        assert_eq!(places(None, 1, 9), 10.0);
        assert_eq!(places(None, 3, 0), 6.0);
        assert_eq!(places(Some(2), 3, 0), 1.0 + 2.0 + 2.0);
        assert_eq!(places(Some(4), 3, 2), 3.0 + 4.0 + 4.0);
        assert_eq!(places(Some(4), 2, 100), 8.0);
    }
}
