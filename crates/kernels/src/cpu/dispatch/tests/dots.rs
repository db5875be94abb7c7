//! Every dot product of every instruction set, against `f64` sums over decoded weights; those with
//! rounded activations also against the bits that all sets must give.

use expect_test::expect;
use loader::format::f16_to_f32;

use super::{available, noise};
use crate::{
    Format,
    cpu::{
        Isa, Precision,
        dispatch::{Dots, Kernel, Products, kernel},
        quantise::{LEN, Q8Block},
        wide::{Line, ROOM, ROWS, Sixteen, Whole},
    },
};

/// A row of weights, and rows of activations to multiply it with.
struct Case {
    format: Format,
    weights: Vec<u8>,
    x: [Vec<f32>; 4],
}

impl Case {
    fn random(format: Format, cols: usize) -> Self {
        let x = std::array::from_fn(|i| noise(i as u32 + 2, cols));
        Self { format, weights: format.encode(&noise(1, cols)), x }
    }

    /// Blocks of any bytes, but for their f16 scales: about 1/32, another one in each block. No
    /// encoder makes them, so that they are still the same when one is changed.
    fn of_bytes(format: Format, blocks: usize) -> Self {
        let layout = format.layout();
        let bytes = noise(1, blocks * layout.block_bytes).into_iter();
        let mut weights: Vec<u8> = bytes.map(|x| ((128.0 * x) as i8).cast_unsigned()).collect();
        for (i, block) in weights.chunks_exact_mut(layout.block_bytes).enumerate() {
            put_scales(format, block, 0x2800 + 37 * i as u16);
        }
        Self { weights, ..Self::random(format, blocks * layout.block_len) }
    }

    /// Blocks of bytes `fill`, but for their f16 scales.
    fn extreme(format: Format, fill: u8, scale: u16, x: [f32; 2]) -> Self {
        let layout = format.layout();
        let mut block = vec![fill; layout.block_bytes];
        put_scales(format, &mut block, scale);
        let x: Vec<f32> = x.into_iter().cycle().take(4 * layout.block_len).collect();
        let negative = x.iter().map(|x| -x).collect();
        Self { format, weights: block.repeat(4), x: [x.clone(), negative, x.clone(), x] }
    }

    /// The sums of every kernel, with the activations that it multiplied.
    #[track_caller]
    fn each_kernel(&self, see: impl Fn(&str, [Vec<f32>; 4], [f32; 4])) {
        let cols = self.x[0].len();
        for isa in available() {
            for precision in [Precision::Exact, Precision::Fast] {
                let name = format!("{:?} {isa} {precision} x {cols}", self.format);
                match kernel(isa, self.format, precision, cols) {
                    Kernel::Floats(by) => {
                        let y = self.run(by, self.x.each_ref().map(Vec::as_slice));
                        see(&name, self.x.clone(), y);
                    }
                    Kernel::Blocks(by) => {
                        let x = self.x.each_ref().map(|x| rounded(isa, x));
                        let y = self.run(by, x.each_ref().map(Vec::as_slice));
                        see(&name, x.map(|x| decoded(&x)), y);
                    }
                }
            }
        }
    }

    /// The sums by every way to them, which must be the same bits.
    #[track_caller]
    fn run<X>(&self, by: Products<X>, x: [&[X]; 4]) -> [f32; 4] {
        let sixteen = match by {
            Products::ByRow(dots) => return run(dots, x, &self.weights),
            Products::BySixteen(sixteen) => sixteen,
        };
        let rows = [&self.weights[..]; ROWS];
        let y = x.map(|x| once(&sixteen, &rows, x)[0]);
        check_sixteen(&sixteen, rows, x, y.map(|y| [y; ROWS]));
        y
    }

    /// Runs every kernel.
    #[track_caller]
    fn check(&self) {
        let mut w = vec![0.0; self.x[0].len()];
        self.format.decode_row(&self.weights, &mut w);
        self.each_kernel(|name, x, y| {
            x.iter().zip(y).for_each(|(x, y)| check_sum(name, &w, x, y));
        });
    }
}

/// Makes `scale`, an f16, or what there is of its kind, of each scale of a block.
fn put_scales(format: Format, block: &mut [u8], scale: u16) {
    for &at in halves(format) {
        block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
    }
    if format == Format::MXFP4 {
        block[0] = (f16_to_f32(scale).to_bits() >> 23) as u8;
    }
    if format == Format::IQ1_M {
        for (i, at) in [49, 51, 53, 55].into_iter().enumerate() {
            block[at] = block[at] & 0xf | (scale >> (4 * i) << 4) as u8;
        }
    }
}

/// Where a block's f16 scales begin.
fn halves(format: Format) -> &'static [usize] {
    match format {
        Format::F32 | Format::F16 | Format::BF16 | Format::MXFP4 | Format::NVFP4 => &[],
        Format::IQ1_M => &[], // in four pieces, see `put_scales`
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 | Format::IQ4_NL | Format::IQ4_XS => &[0],
        Format::IQ1_S | Format::IQ2_XXS | Format::IQ2_XS | Format::IQ2_S => &[0],
        Format::IQ3_XXS | Format::IQ3_S => &[0],
        Format::Q4_1 | Format::Q5_1 | Format::Q4_K | Format::Q5_K => &[0, 2],
        Format::Q2_K => &[80, 82],
        Format::Q3_K => &[108],
        Format::Q6_K => &[208],
        Format::TQ1_0 => &[52],
        Format::TQ2_0 => &[64],
    }
}

/// Four products at once, which must be those one by one; which NaN it is does not matter.
#[track_caller]
fn run<X>(dots: Dots<X>, x: [&[X]; 4], weights: &[u8]) -> [f32; 4] {
    let four = (dots.four)(weights, x);
    assert_eq!(x.map(|x| bits((dots.one)(weights, x))), four.map(bits));
    four
}

/// Panics unless every way to the products gives these, `sums[n][r]` of row `r` with `x[n]`.
#[track_caller]
fn check_sixteen<X>(
    sixteen: &Sixteen<X>,
    rows: [&[u8]; ROWS],
    x: [&[X]; 4],
    sums: [[f32; ROWS]; 4],
) {
    let (cols, sums) = (len_of(x[0]), sums.map(|it| it.map(bits)));
    let mut panel = vec![Line::ZERO; (sixteen.lines)(cols)];
    (sixteen.unpack)(rows, &mut panel);
    // Rows that lie in one place of neighbouring lines differ, too.
    let which: [_; ROWS] = std::array::from_fn(|n| (n + n / 4) % 4);
    let all = whole(sixteen, &panel, which.map(|n| x[n]));
    for (n, found) in all.into_iter().enumerate() {
        assert_eq!(found.map(bits), sums[which[n]], "column {n} of 16");
    }
    assert_eq!((sixteen.by_four)(&panel, x).map(|it| it.map(bits)), sums, "four");
    for n in 0..4 {
        assert_eq!(once(sixteen, &rows, x[n]).map(bits), sums[n], "once");
        assert_eq!((sixteen.by_one)(&panel, [x[n]])[0].map(bits), sums[n], "one");
    }
}

/// Products of unpacked rows with sixteen.
fn whole<X>(sixteen: &Sixteen<X>, panel: &[Line], x: [&[X]; ROWS]) -> [[f32; ROWS]; ROWS] {
    match &sixteen.by_sixteen {
        Whole::Scattered(multiply) => multiply(panel, x),
        Whole::Gathered(by) => {
            let mut gathered = vec![Line([0xaa; 64]); (by.lines)(len_of(x[0]))];
            (by.gather)(x, &mut gathered);
            let mut seen = None;
            (by.multiply)(panel, &gathered, &mut |_, sums| seen = Some(*sums));
            seen.expect("one panel")
        }
    }
}

/// Products straight from the file.
fn once<X>(sixteen: &Sixteen<X>, rows: &[&[u8]; ROWS], x: &[X]) -> [f32; ROWS] {
    (sixteen.once)(rows, rows, x, &mut [Line([0xaa; 64]); ROOM])
}

/// One NaN is as good as another.
fn bits(x: f32) -> u32 {
    if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }
}

/// Weights that activations are multiplied with.
fn len_of<X>(x: &[X]) -> usize {
    if size_of::<X>() == size_of::<Q8Block>() { LEN * x.len() } else { x.len() }
}

fn rounded(isa: Isa, x: &[f32]) -> Vec<Q8Block> {
    let mut blocks = vec![Q8Block::default(); x.len() / LEN];
    (isa.vectors(Precision::Fast).quantise)(x, &mut blocks);
    blocks
}

fn decoded(x: &[Q8Block]) -> Vec<f32> {
    x.iter().flat_map(|x| x.qs.map(|q| x.d * f32::from(q))).collect()
}

/// 3e-6 of the sum of magnitudes: some roundings of `f32`, far below a wrong bit of a weight.
#[track_caller]
fn check_sum(name: &str, w: &[f32], x: &[f32], y: f32) {
    let products = || w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x));
    let (sum, magnitudes) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
    let off = (f64::from(y) - sum).abs();
    assert!(off <= 3e-6 * magnitudes, "{name}: {y} is off {sum} by {off:e} of {magnitudes}");
}

#[test]
fn random_rows() {
    for &format in Format::ALL {
        for blocks in [1, 2, 3, 8, 19] {
            Case::random(format, blocks * format.layout().block_len).check();
        }
    }
}

#[test]
fn ragged_rows() {
    for format in [Format::F32, Format::F16, Format::BF16] {
        for cols in (0..70).chain([255, 256, 257]) {
            Case::random(format, cols).check();
        }
    }
}

/// One row of activations is multiplied some stretches of a row at a time: whole ones, some of them,
/// and those that end within a block.
#[test]
fn long_and_ragged_rows() {
    for format in [Format::F32, Format::F16, Format::BF16] {
        for cols in [511, 512, 513, 767, 992, 1023, 1024, 1025, 1055, 1281, 2047, 2048, 2353] {
            Case::random(format, cols).check();
        }
    }
}

/// The same of blocks of 32, 64 and 256 weights: more than are multiplied before those of another row.
#[test]
fn rows_in_two_stretches() {
    for format in [Format::Q4_1, Format::NVFP4, Format::Q6_K] {
        Case::random(format, 8192 + 3 * 256).check();
    }
    Case::random(Format::NVFP4, 8192 + 64).check();
    Case::random(Format::Q4_1, 8192 + 11 * 32).check();
}

/// A saturating step or a wrong sign would show here: all products have one sign.
#[test]
fn extreme_integers() {
    const ONE: u16 = 0x3c00;
    for &format in Format::ALL.iter().filter(|it| it.layout().block_len > 1) {
        for fill in [0x00, 0xff, 0x7f, 0x80, 0x81, 0x0f, 0xf0, 0x77, 0x88] {
            for x in [[127.0, 127.0], [-127.0, -127.0], [127.0, -127.0], [0.0, 1.0]] {
                Case::extreme(format, fill, ONE, x).check();
            }
        }
    }
}

#[test]
fn extreme_scales() {
    const LARGEST: u16 = 0x7bff;
    const SMALLEST_SUBNORMAL: u16 = 0x0001;
    const NEGATIVE: u16 = 0xbc00;
    for &format in Format::ALL.iter().filter(|it| it.layout().block_len > 1) {
        for scale in [0, LARGEST, SMALLEST_SUBNORMAL, NEGATIVE] {
            Case::extreme(format, 0x93, scale, [0.75, -0.5]).check();
        }
    }
}

/// Each byte that a scale of `NVFP4` can be, beside such as are about as large.
#[test]
fn every_scale_of_a_byte() {
    for first in (0..=252).step_by(4) {
        let mut case = Case::random(Format::NVFP4, 64);
        case.weights[..4].copy_from_slice(&[first, first + 1, first + 2, first + 3]);
        case.check();
    }
}

#[test]
fn a_nan_or_an_infinity_is_not_lost() {
    for &format in Format::ALL {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut case = Case::random(format, 512);
            case.x[2][77] = bad;
            case.each_kernel(|name, _, y| {
                assert!(!y[2].is_finite(), "{name}: {} of {bad}", y[2]);
            });
        }
    }
}

/// T7: a scale of a block that is NaN or infinite shows in the sum, and nothing panics.
#[test]
fn t7_a_bad_scale_is_not_lost() {
    const BAD: [u16; 3] = [0x7e00, 0x7c00, 0xfc00];
    for &format in Format::ALL {
        let at_all = halves(format).iter().flat_map(|&at| BAD.map(|bad| (at, bad)));
        for (at, bad) in at_all {
            let mut case = Case::random(format, 4 * format.layout().block_len);
            let at = format.layout().block_bytes + at;
            case.weights[at..at + 2].copy_from_slice(&bad.to_le_bytes());
            case.each_kernel(|name, _, y| {
                assert!(y.iter().all(|y| !y.is_finite()), "{name}: {y:?} of {bad:#x} at {at}");
            });
        }
    }
}

/// Half a step of each block, times the weights.
#[test]
fn rounding_activations_stays_within_half_a_step() {
    for &format in Format::ALL {
        let case = Case::random(format, 768);
        let mut w = vec![0.0; 768];
        format.decode_row(&case.weights, &mut w);
        for isa in available() {
            let Kernel::Blocks(by) = kernel(isa, format, Precision::Fast, 768) else { continue };
            let blocks = case.x.each_ref().map(|x| rounded(isa, x));
            let y = case.run(by, blocks.each_ref().map(Vec::as_slice));
            for ((x, blocks), y) in case.x.iter().zip(&blocks).zip(y) {
                let exact: f64 = w.iter().zip(x).map(|(w, x)| f64::from(w * x)).sum();
                let steps = w.as_chunks::<LEN>().0.iter().zip(blocks);
                let allowed: f32 =
                    steps.map(|(w, x)| w.iter().map(|w| w.abs()).sum::<f32>() * x.d / 2.0).sum();
                let off = (f64::from(y) - exact).abs();
                assert!(off <= f64::from(allowed), "{format:?} {isa}: {off} > {allowed}");
            }
        }
    }
}

/// Sums of rounded activations have one order, whatever multiplies bytes, but for the portable
/// kernels, which have their own. No machine has all sets, so what they give is written down: weights
/// and activations come from integers and from single operations on floats, the same everywhere.
#[test]
fn instruction_sets_give_the_same_bits() {
    let elsewhere = Format::ALL.iter().filter(|it| !OF_X86_64.contains(it));
    let elsewhere: Vec<_> = elsewhere.copied().collect();
    let both = |isa| (isa, [digests(isa, &elsewhere), digests(isa, &OF_X86_64)]);
    let mut sets = available().filter(|it| *it != Isa::Scalar).map(both);
    let Some((first, expected)) = sets.next() else { return };
    sets.for_each(|(isa, found)| assert_eq!(found, expected, "{isa} beside {first}"));
    let [elsewhere, of_x86_64] = expected;
    expect![[r#"
        Q4_0   c25150477738939c
        Q4_1   4183d02dd9f527dc
        Q5_0   2c0b0e630d67169c
        Q5_1   f9eb615ed57fe652
        Q8_0   a856b65590dd6b32
        Q2_K   21c7f9904b115867
        Q3_K   5172ba27e1731b2a
        Q4_K   36925d4e7f8364a8
        Q5_K   5fc56608e2095ec5
        Q6_K   3463f4ed848bc3bb
        IQ4_NL d1890ebbbe2610d5
        IQ4_XS 974a23e1c3032f8a
        MXFP4  4184f40f5f150e0a
    "#]]
    .assert_eq(&elsewhere);
    if cfg!(target_arch = "x86_64") {
        expect![[r#"
            IQ2_XXS 04178df5e2bddf98
            IQ2_XS b825805ce8323b4d
            IQ3_XXS ecc1ff65539778d8
            IQ3_S  41f680618c021185
            IQ2_S  8c5181f31e53cdf0
            IQ1_S  872b2ca2a6d9b4ce
            IQ1_M  4bc14c82eb61d40d
            TQ1_0  1dc6ccb69c61dccc
            TQ2_0  495baff39d271e7c
            NVFP4  c9e2e7f20935dc7c
        "#]]
        .assert_eq(&of_x86_64);
    }
}

/// Formats that have kernels for rounded activations on x86-64 alone.
const OF_X86_64: [Format; 10] = [
    Format::IQ2_XXS,
    Format::IQ2_XS,
    Format::IQ3_XXS,
    Format::IQ3_S,
    Format::IQ2_S,
    Format::IQ1_S,
    Format::IQ1_M,
    Format::TQ1_0,
    Format::TQ2_0,
    Format::NVFP4,
];

/// Of each format that has kernels for rounded activations, a digest of the bits of sums.
fn digests(isa: Isa, formats: &[Format]) -> String {
    let mut digests = String::new();
    for &format in formats {
        let mut sums = Vec::new();
        for blocks in [1, 2, 3, 8, 19] {
            let case = Case::of_bytes(format, blocks);
            let cols = case.x[0].len();
            let Kernel::Blocks(by) = kernel(isa, format, Precision::Fast, cols) else { break };
            let x = case.x.each_ref().map(|x| rounded(isa, x));
            sums.extend(case.run(by, x.each_ref().map(Vec::as_slice)).map(bits));
        }
        if !sums.is_empty() {
            digests += &format!("{:6} {:016x}\n", format.layout().name, digest(&sums));
        }
    }
    digests
}

/// FNV-1a, 64 bits, of their bytes.
fn digest(numbers: &[u32]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = numbers.iter().flat_map(|it| it.to_le_bytes());
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// Whatever computes a sum, and whatever is beside it: the same bits. Those of one row are the first
/// of sixteen that are all this row.
#[test]
fn sixteen_rows_at_once_are_as_one_by_one() {
    for isa in available() {
        for (&format, precision) in
            Format::ALL.iter().flat_map(|it| [(it, Precision::Exact), (it, Precision::Fast)])
        {
            let whole = |cols: &usize| cols.is_multiple_of(format.layout().block_len);
            for cols in [32, 64, 192, 256, 768, 2048].into_iter().filter(whole) {
                let x: [_; 4] = std::array::from_fn(|i| noise(i as u32, cols));
                match kernel(isa, format, precision, cols) {
                    Kernel::Floats(Products::BySixteen(sixteen)) => {
                        check_rows(format, &sixteen, x.each_ref().map(Vec::as_slice));
                    }
                    Kernel::Blocks(Products::BySixteen(sixteen)) => {
                        let x = x.map(|x| rounded(isa, &x));
                        check_rows(format, &sixteen, x.each_ref().map(Vec::as_slice));
                    }
                    Kernel::Floats(Products::ByRow(_)) | Kernel::Blocks(Products::ByRow(_)) => {}
                }
            }
        }
    }
}

/// Multiplies sixteen different rows.
#[track_caller]
fn check_rows<X>(format: Format, sixteen: &Sixteen<X>, x: [&[X]; 4]) {
    let weights: [_; ROWS] =
        std::array::from_fn(|r| format.encode(&noise(r as u32 + 50, len_of(x[0]))));
    let rows = weights.each_ref().map(Vec::as_slice);
    let alone = |row, x| once(sixteen, &[row; ROWS], x)[0];
    check_sixteen(sixteen, rows, x, x.map(|x| rows.map(|row| alone(row, x))));
}
