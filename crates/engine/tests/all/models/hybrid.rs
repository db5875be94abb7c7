//! A tiny made-up model with recurrent layers.

use kernels::{Bytes, Format};
use loader::{FileTensor, ModelFile, Value};

use super::tiny;

/// The tiny model with a mixer of four heads of 8 beside the attention of each layer.
pub(crate) fn hybrid() -> ModelFile {
    let mut file = tiny("falcon-h1");
    for (key, value) in
        [("conv_kernel", 4), ("inner_size", 32), ("state_size", 8), ("time_step_rank", 4)]
    {
        file.metadata.insert(format!("falcon-h1.ssm.{key}"), Value::U32(value));
    }
    let dim = file.tensors["token_embd.weight"].shape[1];
    let mut seed = 99u64;
    let mut number = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut tensor = |shape: &[usize], scale: f32| {
        let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| scale * number()).collect();
        let parts = vec![Bytes::new(Format::F32.encode(&numbers))];
        FileTensor { format: Format::F32, shape: shape.to_vec(), parts }
    };
    for layer in 0..2 {
        for (name, shape, scale) in [
            ("ssm_in.weight", &[32 + 48 + 4, dim][..], 1.0),
            ("ssm_conv1d.weight", &[48, 4], 2.0),
            ("ssm_conv1d.bias", &[48], 1.0),
            ("ssm_d", &[4, 1], 2.0),
            ("ssm_dt.bias", &[4], 2.0),
            ("ssm_norm.weight", &[1, 32], 2.0),
            ("ssm_out.weight", &[dim, 32], 1.0),
        ] {
            file.tensors.insert(format!("blk.{layer}.{name}"), tensor(shape, scale));
        }
        let slow = [-0.01f32, -0.05, -0.1, -1.0];
        let parts = vec![Bytes::new(Format::F32.encode(&slow))];
        let a = FileTensor { format: Format::F32, shape: vec![4, 1], parts };
        file.tensors.insert(format!("blk.{layer}.ssm_a"), a);
    }
    file
}
