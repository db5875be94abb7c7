//! Times encoding beside the `tokenizers` crate, and how soon a vocabulary is ready.
//!
//! ```text
//! cargo run --release -p ingle-benches --example tokenizer -- TEXT FILE…
//! ```
//!
//! TEXT is repeated to a megabyte. A `tokenizer.json` is loaded by both, which must give the same
//! ids and then encode in turns; the crate is asked for ids alone (`encode_fast`). A `.gguf` is
//! opened and made a tokenizer. Medians; ratios are taken round by round.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program, not a library")]

use std::{collections::BTreeMap, hint::black_box, path::Path, time::Instant};

use engine::{Prompt, Tokenizer, tokenizer::Bos};
use loader::{Bytes, Container, Metadata, ModelFile, QkOrder};

const LEN: usize = 1_000_000;
const ROUNDS: usize = 9;

fn main() {
    let mut args = std::env::args().skip(1);
    let text = args.next().expect("usage: tokenizer TEXT FILE…");
    let text = repeated(&std::fs::read_to_string(text).unwrap());
    for path in args {
        let path = Path::new(&path);
        match path.extension().is_some_and(|it| it == "gguf") {
            true => ready(path),
            false => beside(path, &text),
        }
    }
}

/// As often as it takes, cut at a character.
fn repeated(text: &str) -> String {
    let mut all = text.repeat(LEN.div_ceil(text.len()));
    all.truncate(all.floor_char_boundary(LEN));
    all
}

/// From a GGUF file on disk to a tokenizer.
fn ready(path: &Path) {
    let mut n_tokens = 0;
    let seconds = (0..ROUNDS).map(|_| {
        seconds(|| {
            let file = ModelFile::open(path, &[]).unwrap();
            n_tokens = Tokenizer::load(&file).unwrap().n_tokens();
        })
    });
    let [least, median, greatest] = spread(seconds.collect()).map(|it| it * 1e3);
    let name = path.display();
    println!("{name}: {n_tokens} tokens ready in {median:.0} ms ({least:.0} … {greatest:.0})");
}

/// Ours and the crate's from the same file.
fn beside(path: &Path, text: &str) {
    let json = Bytes::new(std::fs::read(path).unwrap());
    let ours = Tokenizer::load(&file(path, json)).unwrap();
    let theirs = tokenizers::Tokenizer::from_file(path).unwrap();
    let prompt = Prompt::foreign(text);
    let encode = || ours.encode(&prompt, Bos::Never).unwrap();
    let theirs = || theirs.encode_fast(text, false).unwrap();
    assert!(encode() == theirs().get_ids(), "{}: other ids", path.display());
    let rounds: Vec<_> = (0..ROUNDS)
        .map(|_| (seconds(|| drop(black_box(encode()))), seconds(|| drop(black_box(theirs())))))
        .collect();
    let speed = |seconds: f64| text.len() as f64 / seconds / 1e6;
    let [_, ours, _] = spread(rounds.iter().map(|it| speed(it.0)).collect());
    let [_, theirs, _] = spread(rounds.iter().map(|it| speed(it.1)).collect());
    let [least, ratio, greatest] = spread(rounds.iter().map(|it| it.1 / it.0).collect());
    println!(
        "{}: {ours:.1} MB/s, tokenizers {theirs:.1} MB/s, {ratio:.2} times ({least:.2} … {greatest:.2})",
        path.display()
    );
}

/// A model that is nothing but its tokenizer.
fn file(path: &Path, json: Bytes) -> ModelFile {
    ModelFile {
        path: path.to_owned(),
        container: Container::Safetensors,
        metadata: Metadata::default(),
        tensors: BTreeMap::new(),
        low_rank: BTreeMap::new(),
        qk_order: QkOrder::Halves,
        tokenizer_json: Some(json),
        mappings: Vec::new(),
    }
}

fn seconds(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64()
}

/// The least, the median and the greatest.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}
