//! Any bytes as the small files of a Hugging Face folder: an error or a view whose parts can be
//! read, never a panic.
#![no_main]

#[path = "../folder_input.rs"]
mod folder_input;

use libfuzzer_sys::fuzz_target;
use loader::ModelFile;

fuzz_target!(|bytes: &[u8]| {
    let files = folder_input::files(bytes);
    let Ok(file) = ModelFile::from_files("fuzz", files, &[]) else { return };
    for (name, tensor) in &file.tensors {
        let len: usize = tensor.parts.iter().map(|it| it.len()).sum();
        let cols = tensor.shape.last().copied().unwrap_or(1);
        let rows: usize = tensor.shape.iter().rev().skip(1).product();
        let row = tensor.format.row_bytes(cols).expect("whole blocks");
        assert_eq!(len, rows * row, "{name}");
    }
});
