//! Any bytes as a GGUF file: an error or a view whose parts can be read, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader::{Array, Bytes, ModelFile, Value};

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = ModelFile::from_bytes("fuzz", Bytes::new(bytes.to_vec()), &[]) else { return };
    for (_, value) in file.metadata.iter() {
        if let Value::Array(Array::String(strings)) = value {
            assert_eq!(strings.iter().count(), strings.len());
        }
    }
    for (name, tensor) in &file.tensors {
        let len: usize = tensor.parts.iter().map(|it| it.len()).sum();
        let cols = tensor.shape.last().copied().unwrap_or(1);
        let rows: usize = tensor.shape.iter().rev().skip(1).product();
        let row = tensor.format.row_bytes(cols).expect("whole blocks");
        assert_eq!(len, rows * row, "{name}");
    }
});
