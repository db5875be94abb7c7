//! A tiny made-up model with two sets of rotary frequencies.

use kernels::{Bytes, Format};
use loader::{FileTensor, ModelFile, Value};

use super::tiny;

/// The longest sequence of the first set.
pub(crate) const SHORT: usize = 70;

/// The tiny model, which takes the other set for what grows longer than [`SHORT`].
pub(crate) fn longrope() -> ModelFile {
    let mut file = tiny("llama");
    for (name, factor) in [("long", 4.0f32), ("short", 1.5)] {
        let factors: Vec<f32> = (0..8u8).map(|j| 1.0 + factor * f32::from(j)).collect();
        let parts = vec![Bytes::new(Format::F32.encode(&factors))];
        let tensor = FileTensor { format: Format::F32, shape: vec![8], parts };
        file.tensors.insert(format!("rope_factors_{name}.weight"), tensor);
    }
    let original = "llama.rope.scaling.original_context_length";
    file.metadata.insert(original, Value::U32(SHORT as u32));
    file
}
