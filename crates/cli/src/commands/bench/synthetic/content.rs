//! A GGUF file of random weights: in memory, or written.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use loader::{
    Metadata,
    gguf::{Announced, Stream},
};

use super::weights::Pools;
use crate::{failure::Failure, output, shape::Planned, terminal::Interrupts};

/// GGUF's, where a file does not say another.
const ALIGNMENT: usize = 32;

/// A file that is mapped begins where a page does; so does one in memory.
const PAGE: usize = 4096;

/// Bytes that are made at a time.
const PIECE: usize = 4 << 20;

/// What is going to be in the file.
pub(super) struct Content {
    metadata: Metadata,
    tensors: Vec<Planned>,
    pools: Pools,
}

/// The bytes of a file.
pub(super) struct Image {
    bytes: Vec<u8>,
    begin: usize,
}

impl AsRef<[u8]> for Image {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }
}

impl Content {
    pub(super) fn new(metadata: Metadata, tensors: Vec<Planned>) -> Self {
        let pools = Pools::of(&tensors);
        Self { metadata, tensors, pools }
    }

    /// The file in memory, made by so many threads.
    pub(super) fn image(&self, threads: usize) -> Image {
        let header = self.header();
        let len = header.len() + self.tensors.iter().map(padded).sum::<usize>();
        let mut bytes = vec![0; PAGE + len];
        loader::prefer_huge_pages(&mut bytes);
        let begin = bytes.as_ptr().addr().wrapping_neg() % PAGE;
        bytes.truncate(begin + len);
        let (head, rest) = bytes[begin..].split_at_mut(header.len());
        head.copy_from_slice(&header);
        self.fill(rest, threads);
        Image { bytes, begin }
    }

    /// Makes the weights in their places.
    fn fill(&self, mut rest: &mut [u8], threads: usize) {
        let mut pieces = Vec::new();
        for (number, tensor) in self.tensors.iter().enumerate() {
            let (all, after) = std::mem::take(&mut rest).split_at_mut(padded(tensor));
            rest = after;
            let (weights, rows) = (&mut all[..tensor.bytes() as usize], rows_of_piece(tensor));
            for (i, out) in weights.chunks_mut(rows * tensor.row_bytes()).enumerate() {
                pieces.push((number, i * rows, out));
            }
        }
        let bar = self.bar("weights are made");
        let pieces = Mutex::new(pieces.into_iter());
        let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
        thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    while let Some((number, first, out)) = next() {
                        self.pools.fill(&self.tensors[number], number, first, out);
                        bar.inc(out.len() as u64);
                    }
                });
            }
        });
        bar.finish_and_clear();
    }

    /// Writes the file; it gets its name when it is complete.
    ///
    /// # Errors
    ///
    /// If the disk has no room or refuses, or Ctrl-C was pressed.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        output::refuse_without_room(path, self.bytes())?;
        let (bar, interrupts) = (self.bar("weights are written"), Interrupts::watch());
        let cannot = || output::cannot(path);
        output::write(path, |draft| {
            let announced = self.announced();
            let mut stream = Stream::new(draft, &self.metadata, &announced).with_context(cannot)?;
            let mut piece = Vec::new();
            for (number, tensor) in self.tensors.iter().enumerate() {
                let (all, rows) = (rows(tensor), rows_of_piece(tensor));
                for first in (0..all).step_by(rows) {
                    piece.resize(rows.min(all - first) * tensor.row_bytes(), 0);
                    self.pools.fill(tensor, number, first, &mut piece);
                    stream.write(&piece).with_context(cannot)?;
                    bar.inc(piece.len() as u64);
                    if interrupts.asked() {
                        return Err(Failure::new("stopped by Ctrl-C; nothing was written").into());
                    }
                }
            }
            stream.finish().with_context(cannot)?;
            Ok(())
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Everything before the weights.
    fn header(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let stream = Stream::new(&mut bytes, &self.metadata, &self.announced());
        // Nobody finishes it: the weights are made in their places.
        drop(stream.expect("a vector takes all bytes"));
        bytes
    }

    fn announced(&self) -> Vec<Announced<'_>> {
        let all = self.tensors.iter().map(|it| Announced {
            name: &it.name,
            format: it.format,
            shape: &it.shape,
            len: it.bytes(),
        });
        all.collect()
    }

    /// Bytes of all weights.
    fn bytes(&self) -> u64 {
        self.tensors.iter().map(Planned::bytes).sum()
    }

    fn bar(&self, what: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes} {msg}");
        let bar = ProgressBar::new(self.bytes())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

fn rows(tensor: &Planned) -> usize {
    (tensor.weights() / tensor.cols().max(1) as u64) as usize
}

fn rows_of_piece(tensor: &Planned) -> usize {
    (PIECE / tensor.row_bytes().max(1)).max(1)
}

/// Bytes of the tensor and of what follows it up to the next.
fn padded(tensor: &Planned) -> usize {
    (tensor.bytes() as usize).next_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use loader::{Bytes, Format, ModelFile, Value};

    use super::*;

    #[test]
    fn what_is_written_is_what_is_made_in_memory() {
        let mut metadata = Metadata::default();
        metadata.insert("general.architecture", Value::String("llama".to_owned()));
        let tensor = |name: &str, format, shape: &[usize]| Planned {
            name: name.to_owned(),
            shape: shape.to_vec(),
            format,
        };
        let tensors = vec![
            tensor("output_norm.weight", Format::F32, &[33]),
            tensor("token_embd.weight", Format::Q8_0, &[40, 32]),
            tensor("blk.0.ffn_up_exps.weight", Format::Q4_0, &[3, 5, 64]),
        ];
        let content = Content::new(metadata, tensors);
        let image = content.image(3);
        assert_eq!(image.as_ref().as_ptr().addr() % PAGE, 0);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made.gguf");
        content.write(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), image.as_ref());
        let read = ModelFile::from_bytes("made", Bytes::new(image), &[]).unwrap();
        assert_eq!(read.tensors["blk.0.ffn_up_exps.weight"].shape, [3, 5, 64]);
        assert!(read.tensors["token_embd.weight"].numbers().iter().all(|it| it.is_finite()));
    }
}
