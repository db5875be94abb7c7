//! Encodes the tensors of a conversion on several threads, with a bar that says how far it is.

use std::{thread, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use loader::{
    ModelFile,
    quantise::{Conversion, Item, Mix},
};

use crate::{failure::Failure, terminal::Interrupts};

/// Weights that a thread encodes at a time: some megabytes, whatever the size of the tensor.
const WEIGHTS: usize = 1 << 20;

/// Threads and a bar.
pub(crate) struct Encoder {
    threads: usize,
    bar: ProgressBar,
    interrupts: Interrupts,
}

impl Encoder {
    /// For a job that makes so many bytes.
    pub(crate) fn new(threads: usize, conversion: &Conversion<'_>) -> Self {
        let bytes = conversion.items.iter().map(Item::len).sum();
        let style = "{bar:30} {bytes} of {total_bytes}, {eta} left  {msg}";
        let style = ProgressStyle::with_template(style);
        let bar = ProgressBar::new(bytes)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { threads, bar, interrupts: Interrupts::watch() }
    }

    /// Gives `see` the bytes of `item`, piece by piece.
    ///
    /// # Errors
    ///
    /// Those of `see`; if a weight cannot be encoded, or Ctrl-C was pressed.
    pub(crate) fn encode(
        &self,
        item: &Item<'_>,
        mut see: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.bar.set_message(item.name.to_owned());
        let item = &item.afresh();
        let (rows, a_piece) = (item.rows(), (WEIGHTS / item.cols().max(1)).max(1));
        let begins: Vec<usize> = (0..rows).step_by(a_piece).collect();
        for begins in begins.chunks(self.threads) {
            let pieces: Vec<Result<Vec<u8>, loader::Error>> = thread::scope(|scope| {
                let piece = |&begin: &usize| {
                    scope.spawn(move || {
                        let mut bytes = Vec::new();
                        item.encode(begin..rows.min(begin + a_piece), &mut bytes)?;
                        Ok(bytes)
                    })
                };
                let running: Vec<_> = begins.iter().map(piece).collect();
                running.into_iter().map(|it| it.join().expect("encoders do not panic")).collect()
            });
            for piece in pieces {
                let piece = piece?;
                see(&piece)?;
                self.bar.inc(piece.len() as u64);
            }
            if self.interrupts.asked() {
                return Err(Failure::new("stopped by Ctrl-C; nothing was written").into());
            }
        }
        Ok(())
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// The same model with its matrices in other formats, in memory.
///
/// # Errors
///
/// If a weight cannot be encoded, or Ctrl-C was pressed.
pub(crate) fn in_memory(file: &ModelFile, mix: Mix, threads: usize) -> anyhow::Result<ModelFile> {
    let conversion = Conversion::new(file, Some(mix), None)?;
    let encoder = Encoder::new(threads, &conversion);
    let made = conversion.in_memory(|item| {
        let mut bytes = Vec::new();
        encoder.encode(item, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        anyhow::Ok(bytes)
    })?;
    encoder.finish();
    Ok(made)
}
