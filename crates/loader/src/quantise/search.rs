//! The scale of a run of weights, and its minimum: many are tried, the best is refined.

/// `x` to the nearest whole number, ties to even, while it is below 2^22.
///
/// `f32::round_ties_even` is a call where there is no SSE 4.1, and loops over it are not vectorised.
#[inline]
pub(super) fn nearest(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: its last bit counts ones
    (x + MAGIC) - MAGIC
}

/// Below this a run is zero.
const TINY: f32 = 1e-15;

/// A run, and how much each weight counts.
#[derive(Clone, Copy)]
pub(super) struct Run<'a, const N: usize> {
    pub(super) x: &'a [f32; N],
    pub(super) w: &'a [f32; N],
}

/// How far around the plain scale candidates lie, in units of the level that the largest weight
/// gets, and how many there are on each side.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) width: f32,
    pub(super) steps: i32,
}

impl<const N: usize> Run<'_, N> {
    /// The scale for which `sum w (x - scale * level(x / scale))^2` is smallest; `end` is the level of
    /// the weight that is largest, as -8 is in `Q4_0`.
    #[inline]
    pub(super) fn scale(self, end: f32, span: Span, level: impl Fn(f32) -> f32) -> f32 {
        let max = crate::format::largest(self.x);
        if max.abs() < TINY {
            return 0.0;
        }
        let (mut best, mut scale) = (0.0, max / end);
        for i in -span.steps..=span.steps {
            let inverse = (end + span.width * i as f32 / span.steps as f32) / max;
            let (gain, fit) = self.gain(inverse, &level);
            if gain > best {
                (best, scale) = (gain, fit);
            }
        }
        for _ in 0..4 {
            let (gain, fit) = self.gain(1.0 / scale, &level);
            if gain <= best {
                break;
            }
            (best, scale) = (gain, fit);
        }
        scale
    }

    /// What the levels at this inverse scale gain over encoding nothing, and the scale that fits them
    /// best.
    #[inline]
    fn gain(self, inverse: f32, level: impl Fn(f32) -> f32) -> (f32, f32) {
        let (mut xq, mut qq) = (0.0, 0.0);
        for (&x, &w) in self.x.iter().zip(self.w) {
            let q = level(x * inverse);
            xq += w * x * q;
            qq += w * q * q;
        }
        if qq > 0.0 { (xq * xq / qq, xq / qq) } else { (0.0, 0.0) }
    }

    /// `sum w (x - scale * level(x / scale))^2`
    #[inline]
    pub(super) fn error(self, scale: f32, level: impl Fn(f32) -> f32) -> f32 {
        let inverse = inverse(scale);
        let mut sum = 0.0;
        for (&x, &w) in self.x.iter().zip(self.w) {
            let off = x - scale * level(x * inverse);
            sum += w * off * off;
        }
        sum
    }

    /// Scale and minimum for which `sum w (x - scale * q - min)^2` is smallest, `q` in 0..=`top`.
    #[inline]
    pub(super) fn scale_and_min(self, top: f32, floor: Floor) -> (f32, f32) {
        let low = self.x.iter().copied().fold(f32::INFINITY, f32::min);
        let low = if floor == Floor::AtMostZero { low.min(0.0) } else { low };
        let high = self.x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if high - low < TINY {
            return (0.0, low);
        }
        let mut best = ((high - low) / top, low);
        let mut best_error = self.error_over(top, best);
        let mut try_from = |scale: f32, min: f32| {
            let found = self.fit(top, floor, (scale, min));
            let error = self.error_over(top, found);
            if error < best_error {
                (best, best_error) = (found, error);
            }
        };
        const STEPS: i32 = 9;
        for i in -STEPS..=STEPS {
            try_from((high - low) / (top + 0.1 * i as f32), low);
        }
        for levels in top as i32 / 2..top as i32 {
            try_from((high - low) / levels as f32, low);
        }
        for _ in 0..4 {
            let before = best;
            let found = self.fit(top, floor, before);
            let error = self.error_over(top, found);
            if error >= best_error {
                break;
            }
            (best, best_error) = (found, error);
        }
        best
    }

    /// The least squares for the codes that `scale` and `min` give.
    #[inline]
    fn fit(self, top: f32, floor: Floor, (scale, min): (f32, f32)) -> (f32, f32) {
        let inverse = inverse(scale);
        let (mut sw, mut sx, mut sq, mut sqq, mut sxq) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (&x, &w) in self.x.iter().zip(self.w) {
            let q = nearest((x - min) * inverse).clamp(0.0, top);
            sw += w;
            sx += w * x;
            sq += w * q;
            sqq += w * q * q;
            sxq += w * x * q;
        }
        let det = sw * sqq - sq * sq;
        if det <= 0.0 {
            return (scale, min);
        }
        let (scale, min) = ((sw * sxq - sx * sq) / det, (sqq * sx - sq * sxq) / det);
        if min > 0.0 && floor == Floor::AtMostZero { (sxq / sqq, 0.0) } else { (scale, min) }
    }

    /// `sum w (x - scale * q - min)^2`
    #[inline]
    pub(super) fn error_over(self, top: f32, (scale, min): (f32, f32)) -> f32 {
        let inverse = inverse(scale);
        let mut sum = 0.0;
        for (&x, &w) in self.x.iter().zip(self.w) {
            let off = x - min - scale * nearest((x - min) * inverse).clamp(0.0, top);
            sum += w * off * off;
        }
        sum
    }
}

/// What a minimum may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Floor {
    /// Any number.
    Any,
    /// It is stored as what is taken away.
    AtMostZero,
}

/// `1 / scale`; of no scale, zero.
#[inline]
pub(super) fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}
