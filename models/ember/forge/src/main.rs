//! Makes Ember, in three steps of which the second is `../train.py`: `corpus` writes what is to be
//! learned, the trainer learns it, `pack` makes the GGUF file.
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand};
use ember_forge::{
    Conversation, School, Split,
    curriculum::{Curriculum, MILLIONS},
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
        #[command(flatten)]
        order: Order,
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

/// What a corpus is to be like.
#[derive(Debug, clap::Args)]
struct Order {
    /// Tokens of training, in millions
    #[arg(long, default_value_t = MILLIONS)]
    millions: usize,
    /// Where random numbers come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep a third of the patterns back and ask for them in `quiz-*.bin`, to compare trainings
    #[arg(long)]
    quiz: bool,
    /// How many conversations end soon after their last answer began, in percent
    #[arg(long, default_value_t = 80)]
    short: u8,
}

/// Kinds of questions that a quiz is made of, and how many of each.
const KINDS: [&str; 11] = [
    "ingle", "library", "carry", "measure", "concepts", "families", "talk", "beyond", "sums",
    "spelling", "echo",
];
const QUIZ: usize = 600;

/// Conversations that the tokenizer is trained on.
const FOR_TOKENS: usize = 40_000;

/// Conversations that the held-out loss is measured on.
const HELD_OUT: usize = 400;

fn main() -> anyhow::Result<()> {
    match Args::parse().step {
        Step::Check => check(),
        Step::Sample { n, seed } => sample(n, seed),
        Step::Corpus { order, out } => corpus(&order, &out),
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
    let mut meanings = BTreeMap::<String, BTreeSet<String>>::new();
    for (file, topics) in school.topics() {
        let (n, phrases) = topics.size();
        println!("{file}: {n} topics, {phrases} phrases");
        for (phrase, names) in topics.meanings(3000) {
            meanings.entry(phrase).or_default().extend(names);
        }
    }
    for (phrase, names) in meanings.into_iter().filter(|(_, names)| names.len() > 1) {
        println!("`{phrase}` stands for {names:?}");
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

fn corpus(order: &Order, out: &Path) -> anyhow::Result<()> {
    let Order { millions, seed, quiz, short } = *order;
    fs::create_dir_all(out)?;
    let all = School::open()?;
    let school = if quiz { all.part(true) } else { all.clone() };
    let mut rng = Rng::with_seed(seed);
    let mut draw = |n: usize, split| -> Vec<_> {
        (0..n).map(|_| school.conversation(&mut rng, split)).collect()
    };
    let first = draw(FOR_TOKENS, Split::Training);
    let held = draw(HELD_OUT, Split::HeldOut);
    let vocabulary = Vocabulary::train(&first)?;
    fs::write(out.join("tokenizer.json"), vocabulary.to_json()?)?;

    let mut scissors = Rng::with_seed(seed);
    let mut curriculum = Curriculum::new(&school);
    let mut train = Vec::with_capacity(millions * 2_000_000);
    while train.len() < millions * 2_000_000 {
        let (kind, conversation) = curriculum.draw(&mut rng);
        let heard = vocabulary.encode(&conversation)?;
        let n = kind.kept(&mut scissors, &heard, short);
        curriculum.count(kind, n);
        train.extend(packed(&heard[..n]));
    }
    fs::write(out.join("train.bin"), train)?;

    fs::write(out.join("held-out.bin"), encoded(&vocabulary, &held)?)?;
    let text: Vec<String> = held.iter().take(HELD_OUT / 4).map(ember_forge::written).collect();
    fs::write(out.join("held-out.txt"), text.join("\n") + "\n")?;
    if quiz {
        let kept_back = all.part(false);
        for (kind, name) in KINDS.iter().enumerate() {
            let asked: Vec<_> = (0..QUIZ).map(|_| kept_back.quiz(&mut scissors, kind)).collect();
            fs::write(out.join(format!("quiz-{name}.bin")), encoded(&vocabulary, &asked)?)?;
        }
    }
    Ok(())
}

fn encoded(vocabulary: &Vocabulary, conversations: &[Conversation]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for conversation in conversations {
        bytes.extend(packed(&vocabulary.encode(conversation)?));
    }
    Ok(bytes)
}

/// Two bytes a token: the id, and the highest bit if Ember has to say it.
fn packed(heard: &[Heard]) -> impl Iterator<Item = u8> {
    heard.iter().flat_map(|it| (it.id | u16::from(it.said) << 15).to_le_bytes())
}
