//! What quantised files have lost of the weights that they were made of, by format: the root of the
//! mean square of the differences.
//!
//! ```text
//! cargo run --release -p ingle-benches --example rmse -- ORIGINAL.gguf FILE.gguf…
//! ```
//!
//! Prints CSV, a line for each format. Of several FILEs it takes the tensors that have the format in
//! all of them, so that two programs' files are compared on the same tensors; `different` are those
//! whose formats are not the same.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program, not a library")]

use std::{collections::BTreeMap, path::Path, thread};

use loader::{FileTensor, ModelFile};

/// The name of no format.
const DIFFERENT: &str = "different";

fn main() {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let (original, paths) = paths
        .split_first()
        .filter(|it| !it.1.is_empty())
        .expect("usage: rmse ORIGINAL.gguf FILE.gguf…");
    let open = |path: &String| ModelFile::open(Path::new(path), &[]).unwrap();
    let original = open(original);
    let files: Vec<ModelFile> = paths.iter().map(open).collect();

    let mut lost: BTreeMap<&str, Lost> = BTreeMap::new();
    for (name, tensor) in &original.tensors {
        let made: Vec<&FileTensor> = files.iter().map(|it| tensor_of(it, name)).collect();
        let format = made[0].format;
        let is_same = made.iter().all(|it| it.format == format);
        let of = if is_same { format.layout().name } else { DIFFERENT };
        lost.entry(of).or_default().add(name, tensor, &made);
    }

    println!("format,tensors,weights,{}", paths.join(","));
    for (format, lost) in &lost {
        println!("{format},{},{},{}", lost.tensors, lost.weights, lost.rmse().join(","));
    }
}

fn tensor_of<'a>(file: &'a ModelFile, name: &str) -> &'a FileTensor {
    let found = file.tensors.get(name);
    found.unwrap_or_else(|| panic!("{}: no tensor `{name}`", file.path.display()))
}

/// Of the tensors of one format.
#[derive(Default)]
struct Lost {
    tensors: usize,
    weights: usize,
    /// Sums of the squares of differences, file by file.
    squares: Vec<f64>,
}

impl Lost {
    /// Adds a tensor, as it is in each of the files.
    fn add(&mut self, name: &str, original: &FileTensor, made: &[&FileTensor]) {
        assert!(made.iter().all(|it| it.shape == original.shape), "`{name}` has other shapes");
        self.tensors += 1;
        self.weights += original.shape.iter().product::<usize>();
        self.squares.resize(made.len(), 0.0);
        thread::scope(|scope| {
            for (sum, made) in self.squares.iter_mut().zip(made) {
                scope.spawn(move || *sum += squares(original, made));
            }
        });
    }

    fn rmse(&self) -> Vec<String> {
        let mean = |sum: &f64| format!("{:.6e}", (sum / self.weights.max(1) as f64).sqrt());
        self.squares.iter().map(mean).collect()
    }
}

/// The sum of the squares of all differences, row by row: a table may be larger than memory in f32.
fn squares(original: &FileTensor, made: &FileTensor) -> f64 {
    let cols = original.shape.last().copied().unwrap_or(1);
    let (mut x, mut y) = (vec![0.0; cols], vec![0.0; cols]);
    let mut sum = 0.0;
    for (a, b) in rows(original, cols).zip(rows(made, cols)) {
        original.format.decode_row(a, &mut x);
        made.format.decode_row(b, &mut y);
        sum += x.iter().zip(&y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>();
    }
    sum
}

/// The bytes of each row of `cols` weights.
fn rows(tensor: &FileTensor, cols: usize) -> impl Iterator<Item = &[u8]> {
    let len = tensor.format.row_bytes(cols).expect("the loader takes whole blocks alone");
    tensor.parts.iter().flat_map(move |it| it.chunks_exact(len))
}
