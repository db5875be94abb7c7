//! Tiny models of an architecture beside what transformers computed for them.

use engine::{Engine, Options};
use kernels::cpu::Precision;
use loader::ModelFile;

use crate::{
    compare::{Distance, rows},
    finding::{Finding, Part},
    fixture::Fixture,
    machine::Machine,
};

/// What was recorded: the implementation and its version.
pub const REFERENCE: &str = "transformers 5.23.0";

/// What a logit may differ by in exact precision. The reference in f32 is up to 2e-5 away from itself
/// in f64, and our kernels on x86-64 up to 7e-6 from it; the least of the wrong rules that are known, a
/// GELU from a table of 16 bits, moves logits by 2e-3. Their standard deviation is 1.1 to 2.1.
const EXACT: f64 = 1e-4;

/// The same in fast precision, where keys and values have 11 bits: up to 4e-3 on x86-64.
const FAST: f64 = 5e-2;

macro_rules! recorded {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../fixtures/logits/", $name, ".json")))),*]
    };
}

const RECORDED: &[(&str, &str)] = recorded![
    "command_r" "command_r7b" "command_r_plus" "deepseek_v2" "deepseek_v3" "falcon2_11b" "falcon_40b"
    "falcon_7b" "falcon_h1" "gemma1" "gemma2" "gemma3" "gemma3n" "gemma4_12b" "gemma4_26b_a4b"
    "gemma4_31b" "gemma4_e2b" "gpt_oss" "granite3" "granite4_dense" "granite4_hybrid" "granite_moe"
    "granite_moe_shared" "llama2" "llama31" "llama4_scout" "llama_bias" "llama_dynamic" "llama_longrope" "ministral"
    "ministral3" "mistral_v01" "mixtral" "olmo2" "olmo3" "phi35" "phi3_mini_4k" "phi4_mini" "phimoe"
    "qwen2" "qwen2_moe" "qwen2_windows" "qwen3" "qwen3_moe" "smollm3" "smollm3_windows" "stablelm2"
];

/// All tiny models.
pub(crate) fn fixtures() -> impl Iterator<Item = Fixture> {
    RECORDED.iter().map(|(name, json)| Fixture::read(name, json))
}

/// Runs those of an architecture.
pub(crate) fn check(architecture: &str, machine: Machine, see: &mut dyn FnMut(Finding)) {
    let mut found = false;
    for fixture in fixtures().filter(|it| it.architecture == architecture) {
        found = true;
        machine.precisions().iter().for_each(|&it| see(run(&fixture, machine, it)));
    }
    if !found {
        let detail = format!("no logits are recorded for the architecture `{architecture}`");
        see(Finding::not_known(Part::Logits, architecture, detail));
    }
}

/// Runs one model in one precision: the prompt as a whole, and token by token.
fn run(fixture: &Fixture, machine: Machine, precision: Precision) -> Finding {
    let name = format!("{} {precision}", fixture.name);
    match measure(fixture, machine, precision) {
        Err(error) => Finding::error(Part::Logits, name, error.as_ref()),
        Ok(worst) => {
            let n: usize = fixture.logits.iter().map(|it| it.top.len()).sum();
            let allowed = if precision == Precision::Exact { EXACT } else { FAST };
            let detail = format!("{n} logits of {REFERENCE}");
            Finding::ok(Part::Logits, name, detail).within(worst, allowed)
        }
    }
}

fn measure(
    fixture: &Fixture,
    machine: Machine,
    precision: Precision,
) -> Result<f64, Box<dyn std::error::Error>> {
    let file = fixture.open()?;
    let mut worst = Distance::default();
    for chunk in [fixture.ids.len(), 1] {
        let found = computed(&file, &fixture.ids, machine, precision, chunk)?;
        for position in &fixture.logits {
            worst.add(&found[position.at], &position.top);
        }
    }
    Ok(worst.get())
}

/// The logits after each of `ids`, of which a step takes `chunk`.
pub(crate) fn computed(
    file: &ModelFile,
    ids: &[u32],
    machine: Machine,
    precision: Precision,
    chunk: usize,
) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error>> {
    let options = Options { ctx_size: Some(ids.len()), chunk, ..Options::default() };
    let mut engine = Engine::load_ids_only(file, machine.backend(precision)?, &options)?;
    Ok(rows(&mut engine, ids)?)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use kernels::cpu::{Config, Isa};

    use super::*;
    use crate::Verdict;

    #[test]
    fn every_architecture_has_recorded_logits() {
        let there: BTreeSet<String> = fixtures().map(|it| it.architecture).collect();
        let supported: BTreeSet<String> = engine::arch::supported().map(str::to_owned).collect();
        assert_eq!(there, supported);
    }

    #[test]
    fn every_recorded_file_is_in_the_table() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logits");
        let mut files: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort();
        assert_eq!(files, RECORDED.iter().map(|it| it.0).collect::<Vec<_>>());
    }

    /// On plain loops and on every instruction set of this machine, in each precision.
    #[test]
    fn recorded_logits_are_computed() {
        let sets = Isa::ALL.iter().filter(|it| it.is_available());
        let cpus = sets.map(|&isa| Machine::Cpu(Config { isa, threads: 2, ..Config::detect() }));
        let machines: Vec<Machine> = [Machine::Reference].into_iter().chain(cpus).collect();
        for fixture in fixtures() {
            let file = fixture.open().unwrap_or_else(|it| panic!("{}: {it}", fixture.name));
            assert_eq!(file.architecture(), fixture.architecture, "{}", fixture.name);
            for &machine in &machines {
                for &precision in machine.precisions() {
                    let found = run(&fixture, machine, precision);
                    assert_eq!(found.verdict, Verdict::Ok, "{machine:?}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn wrong_numbers_fail() {
        let machine = Machine::Reference;
        let verdict = |it: &Fixture| run(it, machine, Precision::Exact).verdict;
        let named = |name: &str| fixtures().find(|it| it.name == name).expect("it is recorded");
        let mut logit = named("llama2");
        logit.logits[0].top[7].1 -= 1e-3;
        let mut order = named("llama2");
        order.logits[1].top.remove(0);
        let mut token = named("llama2");
        token.ids[2] += 1;
        let weights = named("llama2").with_seed(77);
        for wrong in [logit, order, token, weights] {
            assert_eq!(verdict(&wrong), Verdict::Failed);
        }
        assert_eq!(verdict(&named("llama2")), Verdict::Ok);
    }
}
