//! What the threads of a run do, and before what they meet: decided once, at load.
//!
//! An operation is one phase, or two where activations are rounded first. Those that a norm made just
//! before it rounds itself, row by row. A phase writes rectangles, cut into tiles; threads claim tiles,
//! and whoever claims one computes it alone. Threads meet before a phase that touches what a phase since
//! their last meeting wrote, or writes what it read. `share` relies on this: that is why its checks are
//! `assert!`s. What each operation reads and writes, and how its output is cut, is in `planner`.

mod planner;

use std::ops::Range;

pub(super) use planner::{ATTEND_ROWS, LINEAR_COLS, Planner};

use crate::{Basic, CacheSpec, Fused, Op, Rows, Shape, State, Tensor, plan::Step};

/// The phases of a plan, in order.
pub(super) struct Schedule {
    phases: Vec<Phase>,
    max: Shape,
}

/// What threads do between two looks at the list.
pub(super) struct Phase {
    /// The step that this is of, by its place in the plan.
    pub(super) step: usize,
    pub(super) work: Work,
    /// Whether threads meet before it.
    meet: Meet,
    reads: Vec<Rect>,
    writes: Vec<Output>,
    /// Where the rows of its last output go rounded, too.
    rounded: Option<Rect>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Round the operation's first tensor to [`Area::Blocks`].
    Round(Tensor),
    /// All else.
    Compute,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meet {
    Before,
    No,
}

/// Memory that is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The arena, from this number on.
    Numbers(usize),
    /// Rounded activations.
    Blocks,
    /// Of this cache.
    Keys(usize),
    /// Of this cache.
    Values(usize),
    /// The slots of a recurrent layer.
    State(usize),
}

/// A number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Height {
    /// As the batch has them.
    Batch(Rows),
    /// The places of a cache, or the slots of a state.
    Places(usize),
}

/// Rows of an area, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) area: Area,
    pub(super) height: Height,
    pub(super) cols: usize,
}

/// A rectangle that a phase writes.
pub(super) struct Output {
    pub(super) rect: Rect,
    tiling: Tiling,
}

/// How a rectangle is cut. Results do not depend on it.
#[derive(Clone, Copy)]
struct Tiling {
    /// Rows a tile: as many as leave each thread a few tiles, a multiple of `least`, at most
    /// `most`.
    least: usize,
    most: usize,
    cols: usize,
}

/// Tiles that each thread should find, so that a slow one holds up nobody.
const TILES_A_THREAD: usize = 4;

/// Which part of an output a tile is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the outputs; of outputs that are written together, the first.
    pub(super) output: usize,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
}

impl Schedule {
    pub(super) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Puts the phases of all steps in order; `max` bounds every batch.
    pub(super) fn new(planner: &Planner<'_>, steps: &[Step], max: Shape) -> Self {
        let mut phases: Vec<Phase> = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            for phase in planner.phases(i, step) {
                match phases.last_mut() {
                    Some(last) if last.can_round(&steps[last.step].op, &phase) => {
                        last.rounded = Some(phase.writes[0].rect);
                    }
                    _ => phases.push(phase),
                }
            }
        }
        let mut since = 0; // the first phase after the last meeting
        for i in 0..phases.len() {
            let (phase, name) = (&phases[i], steps[phases[i].step].op.name());
            assert!(!phase.meddles(max), "{name}: writes what it touches");
            assert!(phase.is_even(), "{name}: outputs of two shapes");
            if phases[since..i].iter().any(|earlier| earlier.disturbs(phase, max)) {
                phases[i].meet = Meet::Before;
                since = i;
            }
        }
        Self { phases, max }
    }

    /// Whether memory was divided for as many rows as this.
    pub(super) fn admits(&self, shape: Shape) -> bool {
        shape.rows <= self.max.rows && shape.outputs <= self.max.outputs
    }

    /// Numbers of the largest tile of a state.
    pub(super) fn state_tile(&self) -> usize {
        let phases = self.phases.iter().filter(|phase| phase.has_state());
        phases.map(|it| it.writes[0].tiling.cols * it.state_times()).max().unwrap_or(0)
    }

    /// Blocks that its rounded activations take.
    pub(super) fn blocks(&self) -> usize {
        let blocks = self.phases.iter().flat_map(Phase::written);
        let blocks = blocks.filter(|rect| rect.area == Area::Blocks);
        blocks.map(|rect| rect.len(self.max)).max().unwrap_or(0)
    }
}

impl Phase {
    pub(super) fn meets_before(&self) -> bool {
        self.meet == Meet::Before
    }

    pub(super) fn reads(&self, rect: &Rect) -> bool {
        self.reads.contains(rect)
    }

    pub(super) fn output(&self, i: usize) -> &Rect {
        &self.writes[i].rect
    }

    /// Where the rows of its last output go rounded, if they do.
    pub(super) fn rounded(&self) -> Option<&Rect> {
        self.rounded.as_ref()
    }

    /// All that it writes.
    fn written(&self) -> impl Iterator<Item = &Rect> {
        self.writes.iter().map(|out| &out.rect).chain(&self.rounded)
    }

    /// Whether `next` only rounds what this one, which is of `op`, makes row by row.
    fn can_round(&self, op: &Op, next: &Self) -> bool {
        let is_norm = matches!(op, Op::Basic(Basic::Norm(..)) | Op::Fused(Fused::AddNorm(..)));
        let makes = |x: &[Rect]| self.writes.last().is_some_and(|out| *x == [out.rect]);
        is_norm && matches!(next.work, Work::Round(_)) && makes(&next.reads)
    }

    /// Whether the results of step's operation are written together: row by row, or a state with
    /// what is made of it.
    fn together(&self) -> bool {
        let by_rows = |out: &Output| out.tiling.cols == usize::MAX;
        self.writes.len() > 1 && (self.has_state() || self.writes.iter().all(by_rows))
    }

    fn has_state(&self) -> bool {
        matches!(&self.writes[..], [_, state] if matches!(state.rect.area, Area::State(_)))
    }

    /// How many columns of the state belong to each of the columns that are written with it.
    pub(super) fn state_times(&self) -> usize {
        self.writes[1].rect.cols / self.writes[0].rect.cols
    }

    /// Whether the tiles of one output are those of all, where outputs are written together.
    fn is_even(&self) -> bool {
        if let [y, state] = &self.writes[..]
            && self.has_state()
        {
            // A tile is all rows, so that no two of them have the same columns of the state.
            let whole = state.rect.cols.is_multiple_of(y.rect.cols);
            return whole && y.tiling.least == usize::MAX && y.tiling.most == usize::MAX;
        }
        let shape = |out: &Output| (out.rect.height, out.rect.cols);
        !self.together() || self.writes.iter().all(|out| shape(out) == shape(&self.writes[0]))
    }

    /// The tile of this index, which no other index overlaps; none if there are fewer.
    pub(super) fn place(&self, mut index: usize, shape: Shape, threads: usize) -> Option<Place> {
        let in_turn = if self.together() { &self.writes[..1] } else { &self.writes };
        for (output, out) in in_turn.iter().enumerate() {
            let (rows, cols) = (out.rect.rows(shape), out.rect.cols);
            if rows == 0 || cols == 0 {
                continue;
            }
            let across = cols.div_ceil(out.tiling.cols);
            let tall = out.tiling.rows(rows * across, threads);
            if index < across * rows.div_ceil(tall) {
                let cut =
                    |i: usize, n: usize, len: usize| i * n..(i * n).saturating_add(n).min(len);
                let (row, col) = (index / across, index % across);
                let (rows, cols) =
                    (cut(row, tall.min(rows), rows), (col, out.tiling.cols.min(cols)));
                return Some(Place { output, rows, cols: cut(cols.0, cols.1, out.rect.cols) });
            }
            index -= across * rows.div_ceil(tall);
        }
        None
    }

    /// Whether one of its outputs overlaps another or something that it reads.
    fn meddles(&self, max: Shape) -> bool {
        self.written().enumerate().any(|(i, out)| {
            let others = self.written().skip(i + 1);
            others.chain(&self.reads).any(|other| out.overlaps(other, max))
        })
    }

    /// Whether `later` must wait for this.
    fn disturbs(&self, later: &Self, max: Shape) -> bool {
        let overlap =
            |a: &[&Rect], b: &[&Rect]| a.iter().any(|a| b.iter().any(|b| a.overlaps(b, max)));
        let [ours, theirs] = [self, later].map(|it| it.written().collect::<Vec<_>>());
        let [read, read_later] = [self, later].map(|it| it.reads.iter().collect::<Vec<_>>());
        overlap(&ours, &theirs) || overlap(&ours, &read_later) || overlap(&read, &theirs)
    }
}

impl Rect {
    pub(super) fn rows(&self, shape: Shape) -> usize {
        match self.height {
            Height::Batch(rows) => shape.count(rows),
            Height::Places(n) => n,
        }
    }

    pub(super) fn len(&self, shape: Shape) -> usize {
        self.rows(shape) * self.cols
    }

    fn overlaps(&self, other: &Self, max: Shape) -> bool {
        let range = |begin, rect: &Self| begin..begin + rect.len(max);
        match (self.area, other.area) {
            (Area::Numbers(a), Area::Numbers(b)) => {
                let (a, b) = (range(a, self), range(b, other));
                a.start < b.end && b.start < a.end
            }
            (a, b) => a == b,
        }
    }
}

impl Tiling {
    const fn columns(cols: usize) -> Self {
        Self { least: usize::MAX, most: usize::MAX, cols }
    }

    const fn rows_up_to(most: usize) -> Self {
        Self { least: 1, most, cols: usize::MAX }
    }

    /// Rows a tile; `work` is what there is to do for tiles of one row.
    fn rows(self, work: usize, threads: usize) -> usize {
        let fair = (work / (threads * TILES_A_THREAD)).max(1);
        fair.div_ceil(self.least).saturating_mul(self.least).min(self.most)
    }
}

/// The rows of `x` in the arena.
pub(super) fn rect(begin: &[usize], x: Tensor) -> Rect {
    Rect { area: Area::Numbers(begin[x.id]), height: Height::Batch(x.rows), cols: x.cols }
}

/// All slots of a state.
pub(super) fn state_rect(s: State) -> Rect {
    Rect { area: Area::State(s.id), height: Height::Places(s.slots), cols: s.cols }
}

/// The keys and the values of the cache `id`; no values where they are in the keys.
pub(super) fn cache_rects(id: usize, spec: &CacheSpec) -> [Option<Rect>; 2] {
    let height = Height::Places(spec.places());
    let rect = |area, cols| (cols > 0).then_some(Rect { area, height, cols });
    [rect(Area::Keys(id), spec.k_cols), rect(Area::Values(id), spec.v_cols)]
}

#[cfg(test)]
mod tests;
