//! Random weights by the gigabyte: a few blocks of each format are encoded by the quantiser itself,
//! and rows are made of them.
//!
//! Numbers are as large as a trained model's are, so that what is multiplied with them neither grows
//! nor vanishes. A row begins at a place of its pool that hangs on the tensor and the row alone: the
//! same weights come about however many threads make them, in memory and in a file.

use loader::{Format, quantise::encode_rows};

use crate::{random::Random, shape::Planned};

/// At so many places of a pool a row can begin.
const PLACES: usize = 64;

/// How names end of what numbers are multiplied with one by one.
const NORMS: &[&str] =
    &["norm.weight", "norm_1.weight", "norm_2.weight", "_scale.weight", ".scale"];

/// The blocks that tensors are made of.
pub(super) struct Pools(Vec<(Key, Pool)>);

/// Tensors with the same key share a pool.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    format: Format,
    cols: usize,
    purpose: Purpose,
}

/// What numbers are for, as far as it says how large they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Matrix,
    Norm,
    Bias,
    /// They divide rotary frequencies.
    Factors,
    /// How fast heads of a Mamba-2 mixer forget: below zero, or what they keep would grow.
    Decay,
}

/// A row's blocks, and a few more.
struct Pool {
    bytes: Vec<u8>,
    /// Bytes of a row.
    row: usize,
    /// Bytes of a block.
    block: usize,
}

impl Pools {
    /// Those that these tensors need.
    pub(super) fn of(tensors: &[Planned]) -> Self {
        let (mut all, mut random) = (Vec::<(Key, Pool)>::new(), Random::new());
        for key in tensors.iter().map(Key::of) {
            if all.iter().all(|it| it.0 != key) {
                all.push((key, Pool::draw(key, &mut random)));
            }
        }
        Self(all)
    }

    /// Fills `out` with rows of `tensor`, which is the one of this number, from row `first` on.
    pub(super) fn fill(&self, tensor: &Planned, number: usize, first: usize, out: &mut [u8]) {
        let key = Key::of(tensor);
        let found = self.0.iter().find(|it| it.0 == key);
        let pool = &found.expect("the pools were made for these tensors").1;
        for (row, out) in (first..).zip(out.chunks_exact_mut(pool.row)) {
            let begin = place(number, row) * pool.block;
            out.copy_from_slice(&pool.bytes[begin..begin + pool.row]);
        }
    }
}

impl Key {
    fn of(tensor: &Planned) -> Self {
        let purpose = Purpose::of(&tensor.name);
        Self { format: tensor.format, cols: tensor.cols(), purpose }
    }
}

impl Purpose {
    fn of(name: &str) -> Self {
        match name {
            _ if name.starts_with("rope_f") => Self::Factors,
            _ if name.ends_with(".bias") => Self::Bias,
            _ if NORMS.iter().any(|it| name.ends_with(it)) => Self::Norm,
            _ if name.ends_with(".ssm_a") => Self::Decay,
            _ => Self::Matrix,
        }
    }

    /// The least and the largest number, in rows of so many.
    fn range(self, cols: usize) -> (f32, f32) {
        match self {
            // Squares of a row add up to 1.
            Self::Matrix => {
                let bound = (3.0 / cols as f32).sqrt();
                (-bound, bound)
            }
            Self::Norm => (0.75, 1.25),
            Self::Bias => (-0.1, 0.1),
            Self::Factors => (1.0, 4.0),
            Self::Decay => (-2.0, -0.5),
        }
    }
}

impl Pool {
    fn draw(key: Key, random: &mut Random) -> Self {
        let layout = key.format.layout();
        let n = key.cols + (PLACES - 1) * layout.block_len;
        let (low, high) = key.purpose.range(key.cols);
        let numbers: Vec<f32> = (0..n).map(|_| low + (high - low) * random.unit()).collect();
        let row_bytes = |cols| key.format.row_bytes(cols).expect("a row is whole blocks");
        let mut bytes = vec![0; row_bytes(n)];
        encode_rows(key.format, &numbers, n, None, &mut bytes);
        Self { bytes, row: row_bytes(key.cols), block: layout.block_bytes }
    }
}

/// Where a row begins, in blocks (the finaliser of SplitMix64).
fn place(tensor: usize, row: usize) -> usize {
    let mut x = ((tensor as u64) << 40) ^ row as u64;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) % PLACES as u64) as usize
}

#[cfg(test)]
mod tests {
    use loader::quantise::Mix;

    use super::*;

    fn tensor(name: &str, format: Format, shape: &[usize]) -> Planned {
        Planned { name: name.to_owned(), shape: shape.to_vec(), format }
    }

    /// Of every format that a mix can have.
    #[test]
    fn weights_are_finite_and_as_large_as_they_should_be() {
        for mix in Mix::ALL {
            let it = tensor("blk.0.ffn_up.weight", mix.base(), &[8, 256]);
            let mut bytes = vec![0; it.bytes() as usize];
            Pools::of(std::slice::from_ref(&it)).fill(&it, 3, 0, &mut bytes);
            let mut row = vec![0.0; 256];
            for bytes in bytes.chunks(it.row_bytes()) {
                it.format.decode_row(bytes, &mut row);
                let squares: f32 = row.iter().map(|x| x * x).sum();
                assert!((0.4..2.5).contains(&squares), "{mix}: {squares}");
            }
        }
    }

    #[test]
    fn pieces_are_those_of_the_whole() {
        let all = [
            tensor("output_norm.weight", Format::F32, &[64]),
            tensor("blk.0.attn_q.weight", Format::Q4_0, &[96, 64]),
        ];
        let (pools, row) = (Pools::of(&all), all[1].row_bytes());
        let mut whole = vec![0; all[1].bytes() as usize];
        pools.fill(&all[1], 1, 0, &mut whole);
        let mut piece = vec![0; 5 * row];
        pools.fill(&all[1], 1, 7, &mut piece);
        assert_eq!(piece, whole[7 * row..12 * row]);
        let distinct: std::collections::BTreeSet<_> = whole.chunks(row).collect();
        assert!(distinct.len() > 20, "{} distinct rows", distinct.len());
        let mut norm = vec![0; 256];
        pools.fill(&all[0], 0, 0, &mut norm);
        let mut numbers = vec![0.0; 64];
        Format::F32.decode_row(&norm, &mut numbers);
        assert!(numbers.iter().all(|it| (0.75..=1.25).contains(it)));
    }
}
