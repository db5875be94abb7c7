//! Numbers that kernels of several instruction sets share.

/// The levels of `IQ4_NL` and `IQ4_XS`.
pub(super) const LEVELS: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// A table of signed bytes as unsigned ones, of which each is `by` more.
#[cfg(target_arch = "x86_64")]
pub(super) const fn raised(table: [i8; 16], by: u8) -> [u8; 16] {
    let (mut raised, mut i) = ([0; 16], 0);
    while i < 16 {
        raised[i] = table[i].cast_unsigned().wrapping_add(by);
        i += 1;
    }
    raised
}

/// Twice the numbers of `MXFP4`.
pub(super) const DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// `2^(e - 128)`: half the scale of `MXFP4`.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(super) fn half_power(e: u8) -> f32 {
    f32::from_bits(if e < 2 { 0x0020_0000 << e } else { (u32::from(e) - 1) << 23 })
}

/// The scales of the runs of a `Q3_K` block, -32..=31.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(super) fn q3_k_scales(block: &[u8; 110]) -> [i8; 16] {
    std::array::from_fn(|run| {
        let low = block[96 + run % 8] >> (run / 8 * 4) & 0xf;
        let high = block[104 + run % 4] >> (run / 4 * 2) & 3;
        (low | high << 4).cast_signed() - 32
    })
}

/// The scales of the runs of a `Q6_K` block.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(super) fn q6_k_scales(block: &[u8; 210]) -> [i8; 16] {
    std::array::from_fn(|run| block[192 + run].cast_signed())
}

/// The scales of an `IQ4_XS` block, -32..=31, each for two runs.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(super) fn iq4_xs_scales(block: &[u8; 136]) -> [i8; 16] {
    let high = u16::from_le_bytes([block[2], block[3]]);
    std::array::from_fn(|run| {
        let j = run / 2;
        let low = block[4 + j / 2] >> (j % 2 * 4) & 0xf;
        let high = (high >> (2 * j) & 3) as u8;
        (low | high << 4).cast_signed() - 32
    })
}

/// `ln 2` in two parts, of which the upper has 9 bits.
pub(super) const LN_2_UPPER: f32 = 0.693_359_4;
pub(super) const LN_2_LOWER: f32 = (std::f64::consts::LN_2 - LN_2_UPPER as f64) as f32;

/// 1 / 7!, 1 / 6!, … 1 / 0!
pub(super) const INVERSE_FACTORIALS: [f32; 8] =
    [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
