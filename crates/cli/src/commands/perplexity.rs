//! `ingle perplexity`: how well a model predicts a text, and how far it is from a better one.
//!
//! The method is llama-perplexity's, so that figures can be compared: windows of `-c` tokens, each
//! begun anew, of which the second half counts. `statistics` turns what was seen into figures.

mod statistics;

use engine::{
    Engine, Options, Prompt,
    tokenizer::{Bos, Tokenizer},
};
use indicatif::{ProgressBar, ProgressStyle};
use kernels::Backend;
use loader::ModelFile;
use serde_json::json;

use crate::{
    args::{Load, Perplexity},
    device,
    failure::Failure,
    memory,
    model::{self, Opened},
    numbers::grouped,
    resident, sandbox,
    settings::Site,
    terminal::tell,
    utf8,
};
use statistics::{Distances, Losses};

/// Tokens of a window, unless `-c` says otherwise; llama-perplexity's.
const WINDOW: usize = 512;

/// Measures and prints.
pub(crate) fn run(args: Perplexity) -> anyhow::Result<()> {
    let site = Site::find()?;
    let load = site.under_measured(args.load)?;
    let name = model::alone(args.model, site.model.as_deref())?;
    let window = load.ctx_size.map_or(WINDOW, Into::into);
    let text = utf8::read_file(&args.text)?;
    let Opened { file, mut said, .. } = model::open_for(&name, &load)?;
    let better = match args.kl_divergence.as_deref() {
        None => None,
        Some(name) => {
            let better = Better::open(name, &load)?;
            said.extend(better.said);
            Some((name, better.file))
        }
    };
    sandbox::enter_if_required(&file.path, Vec::new(), Vec::new())?;
    let tokenizer = Tokenizer::load(&file)?;
    let prompt = match args.parse_special {
        true => Prompt::trusted(text),
        false => Prompt::foreign(text),
    };
    let ids = tokenizer.encode(&prompt, Bos::AsModel)?;
    let windows = windows(&tokenizer, &ids, window, args.chunks.map(Into::into))?;
    let [backend, exact] = device::with_exact(&load)?;
    let mut engine = engine(backend, &name, &file, &load, window)?;
    said.extend(resident::lock(&name, &file, &load));
    let mut better = match &better {
        None => None,
        Some((name, file)) => {
            let better = Better::load(exact, name, file, &load, &ids, window)?;
            said.extend(resident::lock(name, file, &load));
            Some(better)
        }
    };

    let bar = progress(windows.len());
    let mut losses = Losses::default();
    for ids in &windows {
        if let Some(better) = &mut better {
            better.read(ids)?;
        }
        engine.logits(ids, |at, row| {
            let Some(&next) = ids.get(at + 1).filter(|_| counts(at, window)) else { return };
            losses.add(row, next);
            if let Some(better) = &mut better {
                better.compare(row, next);
            }
        })?;
        bar.inc(1);
        bar.set_message(format!("perplexity {:.4}", losses.perplexity().0));
    }
    bar.finish_and_clear();
    file.check_intact()?;
    if args.verbose {
        tell(&engine.info().device);
    }
    let (windows, better) = (windows.len(), better.as_ref());
    let told = Told { windows, window, losses: &losses, better, warnings: &said };
    match args.json.on {
        true => super::print_json(&told.json(&engine.info().device)),
        false => super::print(&told.page()),
    }
}

/// Whether the loss of the token behind this place counts.
fn counts(at: usize, window: usize) -> bool {
    at >= window / 2 && at + 1 < window
}

/// Whole windows of `ids`; each begins with the token that begins a text, where the model has one.
fn windows(
    tokenizer: &Tokenizer,
    ids: &[u32],
    window: usize,
    most: Option<usize>,
) -> Result<Vec<Vec<u32>>, Failure> {
    if window < 4 {
        let failure = Failure::usage(format!("a window of {window} tokens has no second half"));
        return Err(failure.hint("`-c 512` is usual"));
    }
    if ids.len() < window {
        let (found, expected) = (grouped(ids.len() as u64), grouped(window as u64));
        let failure = Failure::new(format!("the text has {found} tokens, a window {expected}"));
        return Err(failure.hint("give a longer text, or a smaller window with `-c`"));
    }
    let begin = tokenizer.bos().filter(|_| tokenizer.adds_bos());
    let whole = ids.chunks_exact(window).take(most.unwrap_or(usize::MAX)).map(|it| {
        let mut ids = it.to_vec();
        ids[0] = begin.unwrap_or(ids[0]);
        ids
    });
    Ok(whole.collect())
}

fn engine(
    backend: Box<dyn Backend>,
    name: &str,
    file: &ModelFile,
    load: &Load,
    window: usize,
) -> anyhow::Result<Engine> {
    let options =
        Options { ctx_size: Some(window), free_memory: memory::free(), ..Options::default() };
    // Where two models are compared, they are often one file, whose pages count once.
    device::engine_on(backend, name, file, load, &options, 0)
}

/// The model to compare with, and what it says about the present window.
struct Better {
    engine: Engine,
    window: usize,
    /// Its logits at the places that count, one after the other: half a window of them is kept.
    rows: Vec<f32>,
    /// Places that were compared.
    done: usize,
    distances: Distances,
}

impl Better {
    fn open(name: &str, load: &Load) -> anyhow::Result<Opened> {
        model::open_for(name, &Load { quant: None, ..load.clone() })
    }

    /// On an exact backend: the better one is at its best, whatever is asked of the other.
    fn load(
        exact: Box<dyn Backend>,
        name: &str,
        file: &ModelFile,
        load: &Load,
        ids: &[u32],
        window: usize,
    ) -> anyhow::Result<Self> {
        let load = Load { cache_type: None, quant: None, ..load.clone() };
        let engine = engine(exact, name, file, &load, window)?;
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= engine.info().vocab) {
            let message = format!(
                "`{name}` has {} tokens, the text has token {id}",
                grouped(engine.info().vocab as u64)
            );
            return Err(Failure::new(message).hint("compare with a file of the same model").into());
        }
        Ok(Self { engine, window, rows: vec![], done: 0, distances: Distances::default() })
    }

    fn read(&mut self, ids: &[u32]) -> anyhow::Result<()> {
        let Self { engine, window, rows, .. } = self;
        rows.clear();
        engine.logits(ids, |at, row| {
            if counts(at, *window) {
                rows.extend_from_slice(row);
            }
        })?;
        self.done = 0;
        Ok(())
    }

    fn compare(&mut self, row: &[f32], next: u32) {
        let n = self.engine.info().vocab;
        let theirs = &self.rows[self.done * n..(self.done + 1) * n];
        // Some files pad the vocabulary, some do not.
        let n = n.min(row.len());
        self.distances.add(&theirs[..n], &row[..n], next);
        self.done += 1;
    }
}

fn progress(n: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    ProgressBar::new(n as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

struct Told<'a> {
    windows: usize,
    window: usize,
    losses: &'a Losses,
    better: Option<&'a Better>,
    /// What was told on standard error, too.
    warnings: &'a [String],
}

impl Told<'_> {
    fn page(&self) -> String {
        let (perplexity, off) = self.losses.perplexity();
        let mut page = format!(
            "perplexity       {perplexity:.4} ± {off:.4}\nwindows          {} of {} tokens, {} count\n",
            grouped(self.windows as u64),
            grouped(self.window as u64),
            grouped(self.losses.len() as u64),
        );
        if let Some(better) = self.better {
            page += &better.distances.page();
        }
        page
    }

    fn json(&self, device: &str) -> serde_json::Value {
        let (perplexity, off) = self.losses.perplexity();
        json!({
            "perplexity": perplexity,
            "perplexity_error": off,
            "windows": self.windows,
            "window": self.window,
            "tokens": self.losses.len(),
            "device": device,
            "kl_divergence": self.better.map(|it| it.distances.json()),
            "warnings": self.warnings,
        })
    }
}
