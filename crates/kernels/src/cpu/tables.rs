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

/// `ln 2` in two parts, of which the upper has 9 bits.
pub(super) const LN_2_UPPER: f32 = 0.693_359_4;
pub(super) const LN_2_LOWER: f32 = (std::f64::consts::LN_2 - LN_2_UPPER as f64) as f32;

/// 1 / 7!, 1 / 6!, … 1 / 0!
pub(super) const INVERSE_FACTORIALS: [f32; 8] =
    [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
