//! Makes Ember, in three steps of which the second is `../train.py`: `corpus` writes what is to be
//! learned, the trainer learns it, `pack` makes the GGUF file.
#![forbid(unsafe_code)]

use std::{fs, path::PathBuf};

use clap::{Parser, Subcommand};
use ember_forge::{
    Conversation, School, Split,
    file::{Report, convert, pack},
    vocabulary::{Heard, Vocabulary},
};
use fastrand::Rng;
use loader::{Format, ModelFile};

/// Makes Ember.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Say how much is taught, and phrases that stand for two topics
    Check,
    /// Print conversations
    Sample {
        /// How many
        #[arg(default_value_t = 9)]
        n: usize,
        /// Where random numbers come from
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Write `train.bin`, `held-out.bin`, `held-out.txt` and `tokenizer.json`
    Corpus {
        /// Tokens of training, in millions
        #[arg(long, default_value_t = 9)]
        millions: usize,
        /// Where random numbers come from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The folder for the files
        out: PathBuf,
    },
    /// Make the GGUF file of what the trainer wrote into that folder
    Pack {
        /// The folder
        from: PathBuf,
        /// The file
        out: PathBuf,
    },
    /// Write a GGUF file again in another format, such as `F32`
    Convert {
        /// The file
        from: PathBuf,
        /// The format
        format: String,
        /// The new file
        out: PathBuf,
    },
}

/// Conversations that the tokenizer is trained on.
const FOR_TOKENS: usize = 40_000;

/// Conversations that the held-out loss is measured on.
const HELD_OUT: usize = 400;

fn main() -> anyhow::Result<()> {
    match Args::parse().step {
        Step::Check => check(),
        Step::Sample { n, seed } => sample(n, seed),
        Step::Corpus { millions, seed, out } => corpus(millions * 1_000_000, seed, &out),
        Step::Pack { from, out } => {
            let report: Report = serde_json::from_slice(&fs::read(from.join("report.json"))?)?;
            let json = fs::read_to_string(from.join("tokenizer.json"))?;
            let vocabulary = Vocabulary::from_json(&json)?;
            let weights = fs::read(from.join("ember.safetensors"))?;
            Ok(fs::write(out, pack(&weights, &vocabulary, &report)?)?)
        }
        Step::Convert { from, format, out } => {
            let format = Format::ALL.iter().find(|it| format!("{it:?}") == format);
            let format = *format.ok_or_else(|| anyhow::anyhow!("no format has this name"))?;
            Ok(fs::write(out, convert(&ModelFile::open(&from, &[])?, format)?)?)
        }
    }
}

#[expect(clippy::print_stdout, reason = "what was asked for")]
fn check() -> anyhow::Result<()> {
    let school = School::open()?;
    for (file, topics) in school.topics() {
        let (n, phrases) = topics.size();
        println!("{file}: {n} topics, {phrases} phrases");
        for (phrase, names) in topics.clashes(3000) {
            println!("  `{phrase}` stands for {names:?}");
        }
    }
    println!("{} commands and names are quoted", school.quoted().len());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what was asked for")]
fn sample(n: usize, seed: u64) -> anyhow::Result<()> {
    let school = School::open()?;
    let mut rng = Rng::with_seed(seed);
    for _ in 0..n {
        let Conversation { system, turns } = school.conversation(&mut rng, Split::Training);
        println!("{}", system.map_or_else(String::new, |it| format!("[{it}]")));
        for turn in turns {
            println!("> {}\n{}", turn.ask, turn.answer);
        }
    }
    Ok(())
}

fn corpus(tokens: usize, seed: u64, out: &std::path::Path) -> anyhow::Result<()> {
    fs::create_dir_all(out)?;
    let school = School::open()?;
    let mut rng = Rng::with_seed(seed);
    let mut draw = |split| school.conversation(&mut rng, split);
    let first: Vec<_> = (0..FOR_TOKENS).map(|_| draw(Split::Training)).collect();
    let vocabulary = Vocabulary::train(&first)?;
    fs::write(out.join("tokenizer.json"), vocabulary.to_json()?)?;

    let mut train = Vec::with_capacity(tokens * 2);
    while train.len() < tokens * 2 {
        train.extend(packed(&vocabulary.encode(&draw(Split::Training))?));
    }
    fs::write(out.join("train.bin"), train)?;

    let held: Vec<_> = (0..HELD_OUT).map(|_| draw(Split::HeldOut)).collect();
    let mut bytes = Vec::new();
    for conversation in &held {
        bytes.extend(packed(&vocabulary.encode(conversation)?));
    }
    fs::write(out.join("held-out.bin"), bytes)?;
    let text: Vec<String> = held.iter().take(HELD_OUT / 4).map(ember_forge::written).collect();
    Ok(fs::write(out.join("held-out.txt"), text.join("\n") + "\n")?)
}

/// Two bytes a token: the id, and the highest bit if Ember has to say it.
fn packed(heard: &[Heard]) -> impl Iterator<Item = u8> {
    heard.iter().flat_map(|it| (it.id | u16::from(it.said) << 15).to_le_bytes())
}
