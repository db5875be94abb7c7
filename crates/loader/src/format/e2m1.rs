//! E2M1: floats of 4 bits, as the microscaling formats of the Open Compute Project have them.
//!
//! ```text
//! bit 3      sign
//! bits 1..3  exponent, 0 for subnormals
//! bit 0      fraction
//! ```

/// Twice the number of each code, so that all are integers.
pub(crate) const DOUBLED: [f32; 16] =
    [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, -0.0, -1.0, -2.0, -3.0, -4.0, -6.0, -8.0, -12.0];

/// The code of the doubled number nearest to `x`; of two, the one nearer to zero.
pub(crate) fn nearest(x: f32) -> u8 {
    /// Half way from each magnitude to the next.
    const BORDERS: [f32; 7] = [0.5, 1.5, 2.5, 3.5, 5.0, 7.0, 10.0];
    let code = BORDERS.iter().filter(|&&border| x.abs() > border).count() as u8;
    if x < 0.0 && code > 0 { code | 8 } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_nearest_to_itself() {
        for (code, &x) in DOUBLED.iter().enumerate().filter(|(code, _)| *code != 8) {
            assert_eq!(usize::from(nearest(x)), code);
        }
        assert_eq!(
            [2.4, 2.6, 5.1, -99.0, 99.0, -0.2, f32::NAN].map(nearest),
            [2, 3, 5, 15, 7, 0, 0]
        );
    }
}
