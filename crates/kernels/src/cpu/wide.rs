//! Sixteen weight rows at a time, for instruction sets with lanes for them.

use std::ops::Range;

use super::quantise::Q8Block;

/// Weight rows at once.
pub(super) const ROWS: usize = 16;

/// Weights of a row at once: rows are whole multiples of them.
pub(super) const PAIR: usize = 64;

/// A cache line of a panel, which is sixteen weight rows, unpacked.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 64]);
}

/// Products of unpacked weight rows with so many rows of activations.
pub(super) type Multiply<const N: usize> =
    fn(panel: &[Line], x: [&[Q8Block]; N]) -> [[f32; ROWS]; N];

/// The dot products of sixteen weight rows, each bit for bit what `Dots` gives.
#[derive(Clone, Copy)]
pub(super) struct Sixteen {
    /// With one row of activations, straight from the file.
    pub(super) once: fn(rows: [&[u8]; ROWS], x: &[Q8Block]) -> [f32; ROWS],
    /// Lines that rows of so many weights take.
    pub(super) lines: fn(cols: usize) -> usize,
    /// Unpacks rows into as many lines.
    pub(super) unpack: fn(rows: [&[u8]; ROWS], panel: &mut [Line]),
    /// Of unpacked rows, with one row of activations.
    pub(super) by_one: Multiply<1>,
    /// With four.
    pub(super) by_four: Multiply<4>,
    /// With sixteen.
    pub(super) by_sixteen: Multiply<16>,
}

/// Weight rows, sixteen in a group, and rows of activations to multiply them with.
pub(super) struct Product<'p, W, X> {
    pub(super) sixteen: &'p Sixteen,
    pub(super) groups: usize,
    /// The weight rows of a group.
    pub(super) weights: W,
    /// Room for all groups, unpacked.
    pub(super) panels: &'p mut [Line],
    pub(super) rows: Range<usize>,
    /// A row of activations.
    pub(super) x: X,
}

impl<'w, 'x, W, X> Product<'_, W, X>
where
    W: Fn(usize) -> [&'w [u8]; ROWS],
    X: Fn(usize) -> &'x [Q8Block],
{
    /// Calls `see` with each group, each row of activations, and their products.
    ///
    /// Groups inside, activations outside: a few rows of these stay in a cache while the panels,
    /// which another cache holds, go by.
    pub(super) fn each(self, mut see: impl FnMut(usize, usize, [f32; ROWS])) {
        let Self { sixteen, groups, rows, .. } = self;
        if rows.len() == 1 {
            let (i, x) = (rows.start, (self.x)(rows.start));
            return (0..groups).for_each(|g| see(g, i, (sixteen.once)((self.weights)(g), x)));
        }
        let lines = self.panels.len() / groups;
        for (g, panel) in self.panels.chunks_exact_mut(lines).enumerate() {
            (sixteen.unpack)((self.weights)(g), panel);
        }
        let mut i = rows.start;
        while i < rows.end {
            let panels = self.panels.chunks_exact(lines);
            i += match rows.end - i {
                16.. => some(sixteen.by_sixteen, panels, i, &self.x, &mut see),
                4.. => some(sixteen.by_four, panels, i, &self.x, &mut see),
                _ => some(sixteen.by_one, panels, i, &self.x, &mut see),
            };
        }
    }
}

/// Shows the products of rows `i..i + N` with all panels; gives `N`.
fn some<'l, 'x, const N: usize>(
    multiply: Multiply<N>,
    panels: impl Iterator<Item = &'l [Line]>,
    i: usize,
    x: &impl Fn(usize) -> &'x [Q8Block],
    see: &mut impl FnMut(usize, usize, [f32; ROWS]),
) -> usize {
    let x = std::array::from_fn(|n| x(i + n));
    for (g, panel) in panels.enumerate() {
        let products = multiply(panel, x);
        products.into_iter().enumerate().for_each(|(n, it)| see(g, i + n, it));
    }
    N
}
