//! DeepSeek V3 in the FP8 that it is published in, small and with random weights: the logits are what
//! transformers computes with the dequantised ones, on every backend.

use ingle_tests::root;
use loader::ModelFile;

use crate::{
    adapters::{BOUND, IDS, logits_on},
    data::{Device, Expected, max_diff},
};

#[test]
fn deepseek_v3_in_fp8_gives_the_logits_of_its_dequantised_weights() {
    let folder = root().join("crates/loader/tests/packed/fp8_deepseek");
    let file = ModelFile::open(&folder, &[]).expect("a sound folder");
    let expected = Expected::read(&folder.join("logits.safetensors"));
    for device in Device::exact() {
        let diff = max_diff(&logits_on(device, &file, &IDS), expected.numbers("logits"));
        assert!(diff <= BOUND, "{device}: {diff:e}");
    }
}
