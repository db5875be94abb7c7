//! What each operation reads and writes, and how its outputs are cut into tiles.

use super::{
    Area, Meet, Output, Phase, Rect, TILES_A_THREAD, Tiling, Work, cache_rects, rect, state_rect,
};
use crate::{
    Basic, Cache, CacheSpec, Fused, Op, Tensor,
    cpu::{quantise, recur::CONV_COLS},
    plan::Step,
};

/// Most rows of queries whose attention is computed together.
pub(in crate::cpu) const ATTEND_ROWS: usize = 8;

/// Most parts that the query heads of a key head are cut into.
const MOST_PARTS: usize = 4;

/// Most columns of a tile of a linear operation.
pub(in crate::cpu) const LINEAR_COLS: usize = 8 * LINE;

/// A cache line of `f32`: tiles of columns begin at one, and vectors end where tiles do.
const LINE: usize = 16;

/// Turns steps into phases.
pub(in crate::cpu) struct Planner<'a> {
    /// Where each tensor begins.
    pub(in crate::cpu) begin: &'a [usize],
    /// Whether linear operations over this one's weights want rounded activations.
    pub(in crate::cpu) rounds: &'a dyn Fn(&Op) -> bool,
    pub(in crate::cpu) caches: &'a [CacheSpec],
    pub(in crate::cpu) threads: usize,
}

impl Planner<'_> {
    /// The phases of step `i`; none where the host does the work.
    pub(super) fn phases(&self, i: usize, step: &Step) -> Vec<Phase> {
        if step.op == Op::Basic(Basic::Input) {
            return Vec::new();
        }
        let (meet, rounded) = (Meet::No, None);
        let phase = |work, reads, writes| Phase { step: i, work, meet, reads, writes, rounded };
        let (mut phases, mut reads) = (Vec::new(), self.reads(step));
        if let Some((x, blocks)) = self.rounded(&step.op) {
            let output = Output { rect: blocks, tiling: Tiling::rows_up_to(16) };
            let unrounded = rect(self.begin, x);
            reads.retain(|it| *it != unrounded);
            reads.push(blocks);
            phases.push(phase(Work::Round(x), vec![unrounded], vec![output]));
        }
        let tiling = self.tiling(step);
        let writes = self.writes(step).into_iter().map(|rect| Output { rect, tiling }).collect();
        phases.push(phase(Work::Compute, reads, writes));
        phases
    }

    fn reads(&self, step: &Step) -> Vec<Rect> {
        let mut reads: Vec<Rect> = step.op.reads().iter().map(|&x| rect(self.begin, x)).collect();
        if let Op::Basic(Basic::Attend(_, c, _)) = &step.op {
            reads.extend(self.cache(*c));
        }
        reads
    }

    fn writes(&self, step: &Step) -> Vec<Rect> {
        match &step.op {
            Op::Basic(Basic::Store(c, ..)) => self.cache(*c).collect(),
            op => {
                let out = step.out.iter().map(|&x| rect(self.begin, x));
                out.chain(op.state().map(state_rect)).collect()
            }
        }
    }

    /// The activations that `op` wants rounded, and where they go.
    fn rounded(&self, op: &Op) -> Option<(Tensor, Rect)> {
        let x = match op {
            Op::Basic(
                Basic::Linear(x, _) | Basic::ExpertLinear(x, ..) | Basic::HeadLinear(x, _),
            )
            | Op::Fused(Fused::Linears(x, _) | Fused::Gated(x, ..) | Fused::ExpertGated(x, ..)) => {
                *x
            }
            _ => return None,
        };
        let area = Rect { area: Area::Blocks, cols: x.cols / quantise::LEN, ..rect(self.begin, x) };
        (self.rounds)(op).then_some((x, area))
    }

    fn tiling(&self, step: &Step) -> Tiling {
        match &step.op {
            Op::Basic(Basic::Store(..)) => Tiling::columns(4 * LINE),
            Op::Basic(Basic::Conv(..)) => Tiling::columns(CONV_COLS),
            Op::Basic(Basic::Ssm(_, _, m, _)) => Tiling::columns(m.head_dim),
            Op::Basic(Basic::Linear(..) | Basic::HeadLinear(..))
            | Op::Fused(Fused::Linears(..) | Fused::Gated(..)) => self.linear_tiling(&step.out),
            // A thread has all rows that go to an expert, so that its weights are read once.
            Op::Basic(Basic::ExpertLinear(..)) | Op::Fused(Fused::ExpertGated(..)) => {
                Tiling { least: usize::MAX, ..self.linear_tiling(&step.out) }
            }
            Op::Basic(Basic::Attend(q, c, a)) => {
                let (group, n_kv_heads) = (q.cols / c.k_cols, c.k_cols / a.head_dim);
                let heads = group / self.parts(group, n_kv_heads);
                Tiling { least: 1, most: ATTEND_ROWS, cols: heads * a.v_dim }
            }
            Op::Basic(
                Basic::Input
                | Basic::Embed(..)
                | Basic::Norm(..)
                | Basic::Rope(..)
                | Basic::Outputs(_)
                | Basic::Add(..)
                | Basic::Glu(..)
                | Basic::Act(..)
                | Basic::Scale(..)
                | Basic::PlaceScale(..)
                | Basic::Part(..)
                | Basic::Weigh(..)
                | Basic::Rescale(..)
                | Basic::Sparsify(..)
                | Basic::Mix(..)
                | Basic::Join(..)
                | Basic::Softcap(..)
                | Basic::Route(..)
                | Basic::ExpertScale(..)
                | Basic::ExpertSum(..),
            )
            | Op::Fused(Fused::AddNorm(..)) => Tiling::rows_up_to(16),
        }
    }

    /// Into how many parts the query heads of a key head are cut, so that in answers, which have a row or
    /// a few, no thread is without. Each part reads all keys and values, so there are few of them.
    fn parts(&self, group: usize, n_kv_heads: usize) -> usize {
        let mut cuts = (1..=MOST_PARTS).filter(|&parts| group.is_multiple_of(parts));
        let enough = cuts.clone().find(|parts| parts * n_kv_heads >= self.threads);
        enough.or(cuts.next_back()).unwrap_or(1)
    }

    /// Each weight row is read once for all rows of activations, by one thread.
    fn linear_tiling(&self, out: &[Tensor]) -> Tiling {
        let cols: usize = out.iter().map(|x| x.cols).sum();
        let fair = cols / (self.threads * TILES_A_THREAD);
        Tiling {
            least: 4,
            most: usize::MAX,
            cols: fair.next_multiple_of(LINE).clamp(LINE, LINEAR_COLS),
        }
    }

    fn cache(&self, c: Cache) -> impl Iterator<Item = Rect> {
        cache_rects(c.id, &self.caches[c.id]).into_iter().flatten()
    }
}
