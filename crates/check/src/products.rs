//! Products with the model's own matrices, one of each of its formats, beside plain loops.
//!
//! A few rows are enough to see that the kernels of a format read it rightly, and that takes no time
//! in a model of any size.

use std::{collections::BTreeMap, error::Error};

use kernels::{Backend, Batch, Bytes, Linear, Plan, Shape, Table, WeightSpec, cpu::Precision};
use loader::{FileTensor, ModelFile};

use crate::{
    compare::relative,
    finding::{Finding, Part},
    machine::Machine,
    weights::activations,
};

/// Rows of a matrix that are multiplied at most.
const ROWS: usize = 64;

/// Rows of activations: of a token that is generated, and of a prompt.
const TOKENS: [usize; 2] = [1, 9];

/// The largest error in exact precision, as a part of the spread: some hundred times that of sums in f32.
const EXACT: f64 = 3e-5;

/// The same in fast precision, where activations may have 8 bits.
const FAST: f64 = 3e-2;

/// Some rows of a matrix of the file.
struct Sample {
    name: String,
    spec: WeightSpec,
    bytes: Bytes,
}

/// Multiplies with a matrix of each format.
pub(crate) fn check(file: &ModelFile, machine: Machine, see: &mut dyn FnMut(Finding)) {
    if machine == Machine::Reference {
        return;
    }
    for (format, sample) in samples(file) {
        for &precision in machine.precisions() {
            let name = format!("{format} {precision}");
            see(finding(&sample, machine, precision)
                .unwrap_or_else(|error| Finding::error(Part::Kernels, name, error.as_ref())));
        }
    }
}

/// The first matrix of each format, by the format's name.
fn samples(file: &ModelFile) -> BTreeMap<&'static str, Sample> {
    let mut samples = BTreeMap::new();
    for (name, tensor) in &file.tensors {
        let format = tensor.format.layout().name;
        if !samples.contains_key(format)
            && let Some(sample) = sample(name, tensor)
        {
            samples.insert(format, sample);
        }
    }
    samples
}

fn sample(name: &str, tensor: &FileTensor) -> Option<Sample> {
    let [.., _, cols] = tensor.shape[..] else { return None };
    let (part, format) = (tensor.parts.first()?, tensor.format);
    let row = format.row_bytes(cols).filter(|&it| it > 0)?;
    let rows = (part.len() / row).min(ROWS);
    let spec = WeightSpec { n: 1, rows, cols, format };
    (rows > 1).then(|| Sample { name: name.to_owned(), spec, bytes: part.slice(0..rows * row) })
}

fn finding(
    sample: &Sample,
    machine: Machine,
    precision: Precision,
) -> Result<Finding, Box<dyn Error>> {
    let mut worst = 0.0f64;
    for n in TOKENS {
        let found = product(sample, machine.backend(precision)?.as_mut(), n)?;
        let want = product(sample, Machine::Reference.backend(precision)?.as_mut(), n)?;
        assert!(!want.is_empty() && found.len() == want.len(), "both ran the same plan");
        worst = worse(worst, relative(&found, &want));
    }
    let Sample { name, spec: WeightSpec { rows, format, .. }, .. } = sample;
    let allowed = if precision == Precision::Exact { EXACT } else { FAST };
    let title = format!("{} {precision}", format.layout().name);
    let detail = format!("{rows} rows of `{name}` beside plain loops, relative");
    Ok(Finding::ok(Part::Kernels, title, detail).within(worst, allowed))
}

/// The larger of two errors; one that is no number is infinite.
fn worse(worst: f64, error: f64) -> f64 {
    worst.max(if error.is_nan() { f64::INFINITY } else { error })
}

/// The matrix times `n` rows.
fn product(sample: &Sample, b: &mut dyn Backend, n: usize) -> Result<Vec<f32>, kernels::Error> {
    let mut plan = Plan::new();
    let w = b.upload(&sample.spec, std::slice::from_ref(&sample.bytes))?;
    let x = plan.input(sample.spec.cols);
    let y = plan.linear(x, &Linear { w, bias: None });
    plan.port(y);
    let mut batch = Batch::default();
    batch.push(0, &vec![0; n], Table(vec![vec![0]]));
    let id = b.load(&plan, Shape { outputs: 1, ..batch.shape() })?;
    b.write(id, x, &activations(n * sample.spec.cols))?;
    b.run(id, &batch)?;
    let mut rows = Vec::new();
    b.read(id, y, &mut |it| rows.extend_from_slice(it))?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use kernels::{
        Format,
        cpu::{Config, Isa},
    };

    use super::*;
    use crate::Verdict;

    /// A matrix of waves.
    fn sample_of(format: Format, phase: f32) -> Sample {
        let (rows, cols) = (5, 512);
        let numbers: Vec<f32> = (0..rows * cols).map(|i| (i as f32 * 0.37 + phase).sin()).collect();
        let bytes = Bytes::new(format.encode(&numbers));
        let spec = WeightSpec { n: 1, rows, cols, format };
        Sample { name: "w".to_owned(), spec, bytes }
    }

    #[test]
    fn products_agree_on_every_instruction_set() {
        for isa in Isa::ALL.iter().copied().filter(|it| it.is_available()) {
            let machine = Machine::Cpu(Config { isa, threads: 1, ..Config::detect() });
            for format in [Format::F32, Format::BF16, Format::Q8_0, Format::Q4_K, Format::Q6_K] {
                for &precision in machine.precisions() {
                    let found = finding(&sample_of(format, 0.0), machine, precision).unwrap();
                    assert_eq!(found.verdict, Verdict::Ok, "{isa}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn an_error_that_is_no_number_stays_the_worst() {
        assert_eq!(worse(worse(0.0, f64::NAN), 0.5), f64::INFINITY);
        assert_eq!(worse(worse(0.0, 0.5), 0.25), 0.5);
    }

    /// Other numbers than those of the file show.
    #[test]
    fn another_matrix_fails() {
        let of = |phase| {
            let mut cpu = Machine::Cpu(Config { threads: 1, ..Config::detect() })
                .backend(Precision::Fast)
                .unwrap();
            product(&sample_of(Format::Q8_0, phase), cpu.as_mut(), 1).unwrap()
        };
        assert!(relative(&of(0.0), &of(0.0)) <= FAST);
        assert!(relative(&of(0.0), &of(0.2)) > FAST);
    }
}
