//! Any bytes as a safetensors file: never a panic, and no header that the `safetensors` crate
//! refuses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

fuzz_target!(|bytes: &[u8]| {
    let Ok(header) = loader::safetensors::header(bytes) else { return };
    let theirs = SafeTensors::deserialize(bytes).expect("what we accept is well formed");
    assert_eq!(header.tensors().len(), theirs.len());
    for it in header.tensors() {
        let same = theirs.tensor(it.name).expect("the same names");
        assert_eq!((it.shape, &bytes[it.begin..it.end]), (same.shape(), same.data()));
    }
});
