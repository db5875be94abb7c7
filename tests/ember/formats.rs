//! Ember as real trained weights: in every weight format and in both precisions.

use ember_forge::file::convert;
use engine::{Engine, Options, Prompt, tokenizer::Bos};
use kernels::cpu::{Config, Cpu, Isa, Precision};
use loader::{Bytes, Format, ModelFile};

use crate::pupil;

const TEXT: &str = include_str!("../../models/ember/held-out.txt");

fn engine(file: &ModelFile, isa: Isa, precision: Precision) -> Engine {
    let cpu = Cpu::new(Config { isa, precision, ..Config::detect() }).expect("it is available");
    Engine::load(file, Box::new(cpu), &Options::default()).expect("our own model")
}

fn in_format(format: Format) -> ModelFile {
    let bytes = convert(&pupil::file(), format).expect("rows are whole blocks of every format");
    ModelFile::from_bytes("ember", Bytes::new(bytes), &[]).expect("a sound file")
}

/// Of the first `n` conversations of the held-out text, a token.
fn perplexity(engine: &mut Engine, n: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for line in TEXT.lines().take(n) {
        let ids = engine.tokenizer().encode(&Prompt::trusted(line), Bos::AsModel).expect("text");
        let see = |at: usize, row: &[f32]| {
            let Some(&next) = ids.get(at + 1) else { return };
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let all: f64 = row.iter().map(|&it| f64::from(it - max).exp()).sum();
            sum += all.ln() - f64::from(row[next as usize] - max);
            count += 1;
        };
        engine.logits(&ids, see).expect("finite logits");
    }
    (sum / f64::from(count)).exp()
}

/// Perplexity of the held-out text by format, exact and fast: what the file that is built in gave.
/// Formats of three bits and fewer by codebook or by sign have no encoder for whole models.
const PERPLEXITY: &[(Format, f64, f64)] = &[
    (Format::F32, 13.394, 13.394),
    (Format::F16, 13.394, 13.394),
    (Format::BF16, 13.389, 13.389),
    (Format::Q8_0, 13.394, 13.406),
    (Format::Q6_K, 13.299, 13.302),
    (Format::Q5_0, 13.442, 13.453),
    (Format::Q4_K, 13.358, 13.367),
    (Format::Q4_0, 13.321, 13.351),
    (Format::Q5_1, 13.427, 13.436),
    (Format::Q4_1, 13.270, 13.272),
    (Format::Q5_K, 13.629, 13.608),
    (Format::Q3_K, 14.296, 14.306),
    (Format::Q2_K, 29.331, 29.418),
    (Format::IQ4_NL, 14.023, 14.016),
    (Format::IQ4_XS, 14.133, 14.132),
    (Format::NVFP4, 13.077, 13.066),
    (Format::MXFP4, 14.049, 14.054),
];

#[test]
fn formats_keep_what_ember_learned() {
    let mut wrong = vec![];
    for &(format, exact, fast) in PERPLEXITY {
        let file = in_format(format);
        for (precision, want) in [(Precision::Exact, exact), (Precision::Fast, fast)] {
            let found = perplexity(&mut engine(&file, Isa::best(), precision), 10);
            eprintln!("{format:?}, {precision:?}: {found:.2}");
            // Instruction sets sum in other orders, and round activations otherwise.
            let bound = if precision == Precision::Exact { 1e-3 } else { 1e-2 };
            if (found / want - 1.0).abs() > bound {
                wrong.push(format!("{format:?}, {precision:?}: {found:.3}, it was {want}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_instruction_set_says_the_same() {
    let file = pupil::file();
    let line = TEXT.lines().next().expect("a conversation");
    let texts = Isa::ALL.iter().filter(|it| it.is_available()).map(|&isa| {
        let mut engine = engine(&file, isa, Precision::Exact);
        let ids = engine.tokenizer().encode(&Prompt::trusted(line), Bos::AsModel).expect("text");
        engine.greedy(&ids[..ids.len().min(24)], 64).expect("finite logits")
    });
    let texts: Vec<_> = texts.collect();
    assert!(texts.windows(2).all(|it| it[0] == it[1]), "{texts:?}");
}
