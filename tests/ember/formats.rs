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
    (Format::F32, 6.125, 6.125),
    (Format::F16, 6.125, 6.125),
    (Format::BF16, 6.124, 6.124),
    (Format::Q8_0, 6.125, 6.122),
    (Format::Q6_K, 6.143, 6.148),
    (Format::Q5_0, 6.150, 6.152),
    (Format::Q4_K, 6.186, 6.195),
    (Format::Q4_0, 6.382, 6.381),
    (Format::Q5_1, 6.088, 6.081),
    (Format::Q4_1, 6.198, 6.196),
    (Format::Q5_K, 6.062, 6.060),
    (Format::Q3_K, 6.385, 6.376),
    (Format::Q2_K, 11.095, 11.098),
    (Format::IQ4_NL, 6.224, 6.229),
    (Format::IQ4_XS, 6.191, 6.192),
    (Format::NVFP4, 6.299, 6.299),
    (Format::MXFP4, 6.378, 6.378),
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
