//! Sixteen weight rows at a time, for instruction sets with vectors.
//!
//! `product` multiplies matrices with them.

/// Weight rows at once.
pub(super) const ROWS: usize = 16;

/// A cache line of a panel, which is sixteen weight rows, unpacked, or of the room to compute in.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 64]);
}

/// Products of unpacked weight rows with so many rows of activations.
pub(super) type Multiply<X, const N: usize> = fn(panel: &[Line], x: [&[X]; N]) -> [[f32; ROWS]; N];

/// Products of packed weight rows with a row of activations.
pub(super) type Once<X> =
    fn(rows: &[&[u8]; ROWS], next: &[&[u8]; ROWS], x: &[X], room: &mut [Line; ROOM]) -> [f32; ROWS];

/// Lines that those take to compute in.
pub(super) const ROOM: usize = 512;

/// The dot products of sixteen weight rows. A sum depends on its own two rows alone: each of these
/// gives bit for bit the same.
pub(super) struct Sixteen<X: 'static> {
    /// With one row of activations, straight from the file. `next` are the rows that come after,
    /// to be asked for in time.
    pub(super) once: Once<X>,
    /// Lines that rows of so many weights take.
    pub(super) lines: fn(cols: usize) -> usize,
    /// Unpacks rows into as many lines.
    pub(super) unpack: fn(rows: [&[u8]; ROWS], panel: &mut [Line]),
    /// Of unpacked rows, with one row of activations.
    pub(super) by_one: Multiply<X, 1>,
    /// With four.
    pub(super) by_four: Multiply<X, 4>,
    /// With sixteen.
    pub(super) by_sixteen: Whole<X>,
}

/// How unpacked weight rows are multiplied with sixteen rows of activations.
pub(super) enum Whole<X: 'static> {
    /// As these lie.
    #[cfg_attr(
        not(any(test, target_arch = "x86_64", target_arch = "aarch64")),
        expect(dead_code, reason = "portable kernels take one at a time")
    )]
    Scattered(Multiply<X, ROWS>),
    /// Beside each other.
    #[cfg_attr(
        not(any(test, target_arch = "x86_64")),
        expect(dead_code, reason = "only AMX wants them so")
    )]
    Gathered(Gathered<X>),
}

impl<X> Whole<X> {
    /// How many rows of activations are worth it: tiles cost about as much as eight of them alone.
    pub(super) fn least(&self) -> usize {
        match self {
            Self::Scattered(_) => ROWS,
            Self::Gathered(_) => ROWS / 2 + 1,
        }
    }
}

/// Is shown which panel it is, and its products with each row of activations.
pub(super) type SeePanel<'a> = &'a mut dyn FnMut(usize, &[[f32; ROWS]; ROWS]);

/// Products with sixteen rows of activations that were laid beside each other.
pub(super) struct Gathered<X: 'static> {
    /// Lines that rows of so many activations take.
    pub(super) lines: fn(cols: usize) -> usize,
    /// Lays them into as many lines.
    pub(super) gather: fn(x: [&[X]; ROWS], gathered: &mut [Line]),
    /// Multiplies them with panel after panel, and shows the products of each.
    pub(super) multiply: fn(panels: &[Line], gathered: &[Line], see: SeePanel<'_>),
}

impl<X> Sixteen<X> {
    /// Lines that so many rows of `cols` weights take, and what they are multiplied with.
    pub(super) fn room(&self, rows: usize, cols: usize) -> usize {
        let gathered = match &self.by_sixteen {
            Whole::Scattered(_) => 0,
            Whole::Gathered(it) => (it.lines)(cols),
        };
        ROOM.max(rows.div_ceil(ROWS) * (self.lines)(cols) + gathered)
    }
}

impl<X> Clone for Whole<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for Whole<X> {}

impl<X> Clone for Gathered<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for Gathered<X> {}

impl<X> Clone for Sixteen<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for Sixteen<X> {}

/// The `n` blocks of each row.
// In a loop: `array::map` of sixteen items was not inlined, and cost more than the products.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn blocks<const BYTES: usize>(rows: [&[u8]; ROWS], n: usize) -> [&[[u8; BYTES]]; ROWS] {
    let mut all: [&[[u8; BYTES]]; ROWS] = [&[]; ROWS];
    for (blocks, row) in all.iter_mut().zip(rows) {
        let (whole, rest) = row.as_chunks();
        assert!(whole.len() == n && rest.is_empty(), "rows of {n} blocks");
        *blocks = &whole[..n];
    }
    all
}

/// Block `b` of each row, or whatever rows are divided into.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline]
pub(super) fn nth<'a, B, const N: usize>(rows: &[&'a [B]; N], b: usize) -> [&'a B; N] {
    let mut blocks = [&rows[0][b]; N];
    for (block, row) in blocks.iter_mut().zip(rows) {
        *block = &row[b];
    }
    blocks
}
