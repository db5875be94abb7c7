//! Random numbers that a seed and a position decide.
//!
//! There is no state to advance: the number for a position is a hash of the seed, the position
//! and what it is for. The hash is SplitMix64's finaliser (Steele, Lea, Flood: "Fast splittable
//! pseudorandom number generators", 2014), once for each input.

use std::hash::{BuildHasher, RandomState};

/// What a number is for: two uses at one position must not share it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    /// Choosing the token.
    Token = 1,
    /// Whether XTC acts.
    Xtc = 2,
}

/// A number from 0 up to but not including 1.
pub(super) fn uniform(seed: u64, position: u64, stream: Stream) -> f64 {
    let bits = mix(mix(mix(seed) ^ position) ^ stream as u64);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A seed from the operating system, by way of the standard library's hash keys.
pub(super) fn fresh_seed() -> u64 {
    // Short enough to read out loud, which people do with seeds that gave a good text.
    RandomState::new().hash_one(0_u8) >> 32
}

fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
