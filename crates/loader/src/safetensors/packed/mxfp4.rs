//! The experts of gpt-oss: blocks of 32 floats of 4 bits, and their exponents in a tensor of their own.
//!
//! ```text
//! NAME_blocks  u8 [experts, rows, blocks, 16]: byte i low nibble  -> weight 2 i of the block
//!                                                     high nibble -> weight 2 i + 1
//! NAME_scales  u8 [experts, rows, blocks]: exponent, biased by 127
//! ```
//!
//! `Format::MXFP4` has the halves of a block in the nibbles instead of neighbours: the same bits in
//! another place, and nothing is rounded. The tensor keeps the name `NAME_blocks`, and each expert
//! is a part of it.

use std::collections::BTreeMap;

use super::{misfit, need};
use crate::{
    Bytes, FileTensor, Format,
    safetensors::{Error, dtype::Dtype, shards::Stored},
};

pub(super) const BLOCKS: &str = "_blocks";

pub(super) fn decode(rest: &mut BTreeMap<String, Stored>, stem: &str) -> Result<FileTensor, Error> {
    let is_bytes = |it: &Stored| Some(it.dtype) == Dtype::named("U8");
    let (name, scales_name) = (format!("{stem}{BLOCKS}"), format!("{stem}_scales"));
    let (blocks, scales) = (need(rest, name.clone())?, need(rest, scales_name.clone())?);
    // Experts without numbers may be as many as nobody can make a part of each of.
    let is_whole = is_bytes(&blocks) && !blocks.bytes.is_empty();
    let (&[experts, rows, across, 16], true) = (&blocks.shape[..], is_whole) else {
        let expected = "U8 [experts, rows, blocks, 16], none of them 0".to_owned();
        return Err(misfit(&name, &blocks, expected));
    };
    if scales.shape != [experts, rows, across] || !is_bytes(&scales) {
        let expected = format!("U8 [{experts}, {rows}, {across}]");
        return Err(misfit(&scales_name, &scales, expected));
    }
    let n = rows * across;
    let part = |i: usize| {
        let blocks = blocks.bytes.slice(16 * n * i..16 * n * (i + 1));
        let scales = scales.bytes.slice(n * i..n * (i + 1));
        Bytes::computed(17 * n, move || joined(&blocks, &scales))
    };
    let (format, shape) = (Format::MXFP4, vec![experts, rows, 32 * across]);
    Ok(FileTensor { format, shape, parts: (0..experts).map(part).collect() })
}

fn joined(blocks: &[u8], scales: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17 * scales.len());
    for (block, &scale) in blocks.as_chunks::<16>().0.iter().zip(scales) {
        let code = |i: usize| block[i / 2] >> (i % 2 * 4) & 0xf;
        bytes.push(scale);
        bytes.extend((0..16).map(|i| code(i) | code(i + 16) << 4));
    }
    bytes
}
