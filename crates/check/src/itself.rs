//! The model itself, on this machine's kernels and in plain loops of 64 bits.
//!
//! The loops keep each weight in eight bytes and take a second for some 100 million of them a
//! token, so a large model is compared over fewer tokens, or not at all.

use engine::{Engine, Info, Options, Prompt, Tokenizer, tokenizer::Bos};
use kernels::cpu::Precision;
use loader::ModelFile;

use crate::{
    How,
    compare::relative,
    finding::{Finding, Part},
    logits::computed,
    machine::Machine,
};

/// The largest error of a row in exact precision, as a part of its spread. Sums of f32 stay a hundred
/// times below it.
const EXACT: f64 = 1e-3;

/// The same for the middle row in fast precision. One row in which another expert is chosen may be
/// further off.
const FAST: f64 = 0.2;

/// Tokens that are compared at most.
const TOKENS: usize = 16;

/// Weights times tokens that the loops do in less than a minute.
const WORK: u64 = 6_000_000_000;

/// Bytes that the loops keep for each weight.
const WEIGHT: u64 = 8;

/// The text whose tokens are run.
const TEXT: &str = "Once upon a time there was a little fox who lived in a castle by the sea.";

/// Runs the model beside the loops, if that can be done.
pub(crate) fn check(
    file: &ModelFile,
    tokenizer: Option<&Tokenizer>,
    how: &How,
    see: &mut dyn FnMut(Finding),
) {
    if how.machine == Machine::Reference {
        let detail = "this device is what others are compared with";
        return see(Finding::skipped(Part::Model, "reference", detail));
    }
    match compare(file, tokenizer, how, see) {
        Ok(()) => {}
        Err(error) => see(Finding::error(Part::Model, "reference", error.as_ref())),
    }
}

fn compare(
    file: &ModelFile,
    tokenizer: Option<&Tokenizer>,
    how: &How,
    see: &mut dyn FnMut(Finding),
) -> Result<(), Box<dyn std::error::Error>> {
    let options = Options { ctx_size: Some(TOKENS), chunk: TOKENS, ..Options::default() };
    let backend = how.machine.backend(Precision::Exact)?;
    let info = Engine::load_ids_only(file, backend, &options)?.info().clone();
    let n = match affordable(info.parameters, how) {
        Ok(n) => n,
        Err(why) => {
            see(Finding::skipped(Part::Model, "reference", why));
            return Ok(());
        }
    };
    let ids = ids(tokenizer, &info, n)?;
    let want = computed(file, &ids, Machine::Reference, Precision::Exact, ids.len())?;
    for &precision in how.machine.precisions() {
        let found = computed(file, &ids, how.machine, precision, ids.len())?;
        see(finding(&found, &want, precision));
    }
    Ok(())
}

/// How many tokens can be run in plain loops, or why none.
fn affordable(parameters: u64, how: &How) -> Result<usize, String> {
    let gigabytes = |it: u64| format!("{:.1} GB", it as f64 / 1e9);
    let memory = parameters.saturating_mul(WEIGHT);
    if let Some(free) = how.free_memory.filter(|&free| free < memory) {
        let (memory, free) = (gigabytes(memory), gigabytes(free));
        return Err(format!("in plain loops it takes {memory} of memory, {free} are free"));
    }
    match (WORK / parameters.max(1)) as usize {
        _ if how.full => Ok(TOKENS),
        // One token attends to nothing but itself.
        0 | 1 => Err("in plain loops it takes minutes; `--full` does it".to_owned()),
        n => Ok(n.min(TOKENS)),
    }
}

/// The first `n` tokens of a text; without a tokenizer some from all over the vocabulary.
fn ids(
    tokenizer: Option<&Tokenizer>,
    info: &Info,
    n: usize,
) -> Result<Vec<u32>, engine::tokenizer::Error> {
    let n = n.min(info.model_context);
    let mut ids = match tokenizer {
        Some(it) => it.encode(&Prompt::foreign(TEXT), Bos::AsModel)?,
        None => (1..=n).map(|i| (i * info.vocab / (n + 1)) as u32).collect(),
    };
    ids.truncate(n);
    Ok(ids)
}

fn finding(found: &[Vec<f32>], want: &[Vec<f32>], precision: Precision) -> Finding {
    let pairs = found.iter().zip(want);
    let mut errors: Vec<f64> = pairs.map(|(found, want)| relative(found, want)).collect();
    errors.sort_by(f64::total_cmp);
    let (error, allowed) = match precision {
        Precision::Exact => (errors.last(), EXACT),
        Precision::Fast => (errors.get(errors.len() / 2), FAST),
    };
    let detail = format!("{} rows of logits beside plain loops, relative", want.len());
    let error = error.copied().unwrap_or(f64::NAN);
    Finding::ok(Part::Model, precision.to_string(), detail).within(error, allowed)
}

#[cfg(test)]
mod tests {
    use kernels::cpu::Config;

    use super::*;
    use crate::{Verdict, fixture::Fixture, logits::fixtures};

    #[test]
    fn what_is_too_large_is_not_run() {
        let machine = Machine::Cpu(Config::detect());
        let how = How { machine, free_memory: Some(64_000_000_000), full: false };
        assert_eq!(affordable(5_000_000, &how), Ok(16));
        assert_eq!(affordable(1_000_000_000, &how), Ok(6));
        assert!(affordable(4_000_000_000, &how).unwrap_err().contains("--full"));
        assert_eq!(affordable(4_000_000_000, &How { full: true, ..how }), Ok(16));
        let text = affordable(8_000_000_001, &How { full: true, ..how }).unwrap_err();
        assert_eq!(text, "in plain loops it takes 64.0 GB of memory, 64.0 GB are free");
    }

    /// The kernels of one model beside the loops of another.
    #[test]
    fn another_model_fails() {
        let ids = [1, 5, 9, 200];
        let cpu = Machine::Cpu(Config { threads: 1, ..Config::detect() });
        let fixture = || fixtures().find(|it| it.name == "qwen3").expect("it is recorded");
        let rows = |it: &Fixture, machine, precision| {
            computed(&it.open().unwrap(), &ids, machine, precision, 4).unwrap()
        };
        let want = rows(&fixture(), Machine::Reference, Precision::Exact);
        for &precision in cpu.precisions() {
            let found = finding(&rows(&fixture(), cpu, precision), &want, precision);
            assert_eq!(found.verdict, Verdict::Ok, "{found:?}");
            let other = fixture().with_seed(77);
            let found = finding(&rows(&other, cpu, precision), &want, precision);
            assert_eq!(found.verdict, Verdict::Failed, "{found:?}");
        }
    }
}
