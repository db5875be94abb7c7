//! Weights from nothing but a name: the same numbers here and in `fixtures/make.py`.
//!
//! Number `i` of a tensor is `centre + k * 2^step` with `k` from -127 to 127: seven bits and a sign,
//! which bfloat16 holds exactly where the centre is 0, and f32 else. `k` comes from SplitMix64
//! (Steele, Lea, Flood 2014), whose state begins with the hash of the tensor's name and the seed.

use std::collections::BTreeMap;

use loader::Bytes;
use serde_json::{Map, json};

use crate::hash::Fnv;

/// Tensors of one kind.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub(crate) struct Kind {
    /// Their name; `[0-3]` in it stands for the numbers from 0 to 3.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) centre: f32,
    pub(crate) step: i32,
}

/// The file `model.safetensors` with these tensors.
pub(crate) fn safetensors(kinds: &[Kind], seed: u64) -> Vec<u8> {
    let mut tensors = BTreeMap::new();
    for kind in kinds {
        tensors.extend(expanded(&kind.name).into_iter().map(|name| (name, kind)));
    }
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, kind) in tensors {
        let begin = data.len();
        let numbers = numbers(&name, kind, seed);
        let dtype = match kind.centre == 0.0 {
            true => {
                // The upper half of an f32 is a bfloat16.
                data.extend(numbers.flat_map(|it| ((it.to_bits() >> 16) as u16).to_le_bytes()));
                "BF16"
            }
            false => {
                data.extend(numbers.flat_map(f32::to_le_bytes));
                "F32"
            }
        };
        let offsets = [begin, data.len()];
        header.insert(name, json!({"dtype": dtype, "shape": kind.shape, "data_offsets": offsets}));
    }
    let mut text = serde_json::Value::Object(header).to_string();
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &data].concat()
}

/// The files of a Hugging Face folder.
pub(crate) fn folder(config: &str, kinds: &[Kind], seed: u64) -> BTreeMap<String, Bytes> {
    let config = Bytes::new(config.as_bytes().to_vec());
    let weights = Bytes::new(safetensors(kinds, seed));
    [("config.json", config), ("model.safetensors", weights)]
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .into()
}

/// Numbers from -2 to 2 for rows that are multiplied.
pub(crate) fn activations(n: usize) -> Vec<f32> {
    let kind = Kind { name: "activations".to_owned(), shape: vec![n], centre: 0.0, step: -6 };
    numbers(&kind.name, &kind, 0).collect()
}

/// The numbers of one tensor.
fn numbers(name: &str, kind: &Kind, seed: u64) -> impl Iterator<Item = f32> {
    let (centre, unit) = (kind.centre, 2f32.powi(kind.step));
    let n = kind.shape.iter().product();
    random(name, seed).take(n).map(move |it| {
        let k = (((it >> 32) * 255) >> 32) as i32 - 127;
        centre + k as f32 * unit
    })
}

/// SplitMix64 for this name.
fn random(name: &str, seed: u64) -> impl Iterator<Item = u64> {
    let mut state = Fnv::of(name).get().wrapping_add(seed);
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// `a.[0-1].b` as `a.0.b` and `a.1.b`.
fn expanded(name: &str) -> Vec<String> {
    let cut = |name: &str| -> Option<(String, std::ops::RangeInclusive<u32>, String)> {
        let (head, rest) = name.split_once('[')?;
        let (range, tail) = rest.split_once(']')?;
        let (first, last) = range.split_once('-')?;
        Some((head.to_owned(), first.parse().ok()?..=last.parse().ok()?, tail.to_owned()))
    };
    let Some((head, range, tail)) = cut(name) else { return vec![name.to_owned()] };
    let tails = expanded(&tail);
    range
        .flat_map(|i| tails.iter().map(move |tail| (i, tail)).collect::<Vec<_>>())
        .map(|(i, tail)| format!("{head}{i}{tail}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_in_names_are_spelled_out() {
        let names = expanded("a.[0-1].b.[9-10].c");
        assert_eq!(names, ["a.0.b.9.c", "a.0.b.10.c", "a.1.b.9.c", "a.1.b.10.c"]);
        assert_eq!(expanded("plain"), ["plain"]);
    }

    /// The first numbers that SplitMix64 gives for the seed 0, as its authors' code prints them.
    #[test]
    fn the_generator_is_splitmix64() {
        let seed = 0u64.wrapping_sub(Fnv::of("a").get());
        let first: Vec<u64> = random("a", seed).take(3).collect();
        assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn numbers_are_exact_in_their_format() {
        let kind = Kind { name: "w".to_owned(), shape: vec![1000], centre: 0.0, step: -9 };
        let all: Vec<f32> = numbers("w", &kind, 1).collect();
        assert!(all.iter().all(|it| it.to_bits() & 0xffff == 0), "bfloat16 holds them");
        let limit = 127.0 / 512.0;
        assert!(all.contains(&limit) && all.iter().all(|it| it.abs() <= limit));
    }
}
