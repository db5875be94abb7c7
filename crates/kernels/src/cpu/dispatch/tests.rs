//! What the tests of kernels share: the instruction sets of this machine, and random numbers.

mod dots;
mod vectors;

use super::Isa;

/// Those that this machine can run; says which it cannot.
fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.iter().copied().filter(|isa| {
        if !isa.is_available() {
            eprintln!("skipped: no {isa}");
        }
        isa.is_available()
    })
}

/// Random numbers in -1..1.
fn noise(seed: u32, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / 2.0f32.powi(31) - 1.0
    };
    (0..len).map(|_| next()).collect()
}
