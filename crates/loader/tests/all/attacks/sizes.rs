//! T2, T3, T4: sizes that overflow, offsets that lie, alignments that are none.

use super::raw::{self, F32, Raw, U32};
use loader::gguf::Error;

const Q8_0: u32 = 8;

fn name() -> String {
    "t".to_owned()
}

/// Dimensions around the borders of every integer type; none may wrap to a small size.
#[test]
fn t2_products_of_dimensions() {
    let borders = [31, 32, 62, 63].map(|n| 1u64 << n);
    let around: Vec<u64> = borders.iter().flat_map(|&it| [it - 1, it, it + 1]).collect();
    for &a in &around {
        for &b in &around {
            for dims in [vec![a], vec![a, b], vec![b, 1, 1, a]] {
                check_too_large(&dims);
            }
        }
    }
}

#[track_caller]
fn check_too_large(dims: &[u64]) {
    let error = raw::open(Raw::new().tensor("t", dims, F32, 0).data(32).bytes());
    let weights = dims.iter().map(|&it| u128::from(it)).product::<u128>();
    let bytes = weights.saturating_mul(4);
    let addressable = bytes < isize::MAX as u128;
    let data = (24 + 9 + 4 + 8 * dims.len() + 4 + 8).next_multiple_of(32);
    match error {
        Err(loader::Error::Gguf(Error::Dim { .. })) => assert!(dims.iter().any(|it| it >> 63 == 1)),
        Err(loader::Error::Gguf(Error::TooLarge { shape, .. })) => {
            assert!(shape == dims && !addressable, "{dims:?}");
        }
        Err(loader::Error::Gguf(Error::TensorPastEnd { expected, .. })) => {
            assert!(addressable && u128::from(expected) == data as u128 + bytes, "{dims:?}");
        }
        other => panic!("{dims:?}: {other:?}"),
    }
}

#[test]
fn t2_a_product_that_wraps_to_zero() {
    Raw::new().tensor("t", &[1 << 32, 1 << 32], F32, 0).refused(
        Error::TooLarge { name: name(), shape: vec![1 << 32, 1 << 32] },
        "tensor `t` of shape [4294967296, 4294967296] is too large to address",
    );
}

#[test]
fn t2_blocks_times_bytes_of_a_block() {
    let n = (i64::MAX as u64 - 31) / 32 * 32; // counts as i64, not as bytes of Q8_0
    Raw::new().tensor("t", &[n], Q8_0, 0).refused(
        Error::TooLarge { name: name(), shape: vec![n] },
        "tensor `t` of shape [9223372036854775776] is too large to address",
    );
}

#[test]
fn t2_a_row_that_is_not_whole_blocks() {
    Raw::new().tensor("t", &[33, 32], Q8_0, 0).data(2048).refused(
        Error::Row { name: name(), found: 33, format: "Q8_0", block_len: 32 },
        "tensor `t` has rows of 33 weights, Q8_0 needs a multiple of 32",
    );
}

#[test]
fn t2_sums_of_tensors() {
    let half = (1 << 61) - 1; // in bytes just below 2^63; two of them are more than that
    Raw::new().tensor("t", &[half], F32, 0).tensor("u", &[half], F32, 1 << 63).refused(
        Error::TensorPastEnd { name: name(), found: 96, expected: (1 << 63) - 4 + 96 },
        "tensor `t` ends at byte 9,223,372,036,854,775,900, the file has 96",
    );
}

#[test]
fn t3_offsets() {
    let tensors =
        |second| Raw::new().tensor("s", &[9], F32, 0).tensor("t", &[8], F32, second).data(64 + 32);
    tensors(64).accepted();
    for (found, text) in [
        (0, "0"),   // overlaps all of the first
        (32, "32"), // overlaps its end
        (36, "36"), // unaligned
        (96, "96"), // a hole
        (1 << 40, "1,099,511,627,776"),
        (u64::MAX, "18,446,744,073,709,551,615"),
        (u64::MAX - 63, "18,446,744,073,709,551,552"),
    ] {
        tensors(found).refused(
            Error::Offset { name: name(), found, expected: 64 },
            &format!("tensor `t` starts at offset {text}, expected 64"),
        );
    }
}

#[test]
fn t3_order() {
    let file = Raw::new().tensor("t", &[8], F32, 32).tensor("s", &[8], F32, 0).data(64);
    let message = "tensor `t` starts at offset 32, expected 0";
    file.refused(Error::Offset { name: name(), found: 32, expected: 0 }, message);
}

#[test]
fn t4_alignments() {
    let file = |align: u32| {
        let tensors = Raw::new().tensor("s", &[1], F32, 0).tensor("t", &[1], F32, align.into());
        let file = tensors.key("general.alignment", U32, &align.to_le_bytes());
        Raw { align: align.clamp(1, 1 << 20) as usize, ..file }
            .data(align.min(1 << 20) as usize + 4)
    };
    for found in [0, 1, 3, 4, 33, 1 << 21, 1 << 31, u32::MAX] {
        file(found).refused(
            Error::Alignment { found },
            &format!("`general.alignment` is {found}, expected a power of two from 8 to 1048576"),
        );
    }
    for align in [8, 64, 4096, 1 << 20] {
        let file = file(align).accepted();
        assert_eq!(&*file.tensors["t"].parts[0], &[7; 4]);
    }
}

#[test]
fn t4_alignment_of_another_type() {
    Raw::new()
        .key("general.alignment", 5, &32i32.to_le_bytes())
        .refused(Error::AlignmentType { found: "i32" }, "`general.alignment` is i32, expected u32");
}

/// A file says 64 and was written with 32.
#[test]
fn t4_alignment_that_the_file_does_not_keep() {
    let file = Raw::new().key("general.alignment", U32, &64u32.to_le_bytes());
    let file = file.tensor("s", &[8], F32, 0).tensor("t", &[8], F32, 32).data(64);
    let message = "tensor `t` starts at offset 32, expected 64";
    file.refused(Error::Offset { name: name(), found: 32, expected: 64 }, message);
}
