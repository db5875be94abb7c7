//! Mixtures of experts: how a row's experts are chosen, and the handle of what was chosen.
//!
//! A row's scores become `k` experts and a weight for each. They stay on the device: a plan only
//! has the handle, and the rows of what its experts compute are [`Rows::Routed`](crate::Rows).

use crate::{Tensor, Weight};

/// Most experts of a mixture: a kernel has room for as many scores.
pub const MAX_EXPERTS: usize = 1024;

/// Chooses `k` experts a row: those with the largest `score + bias`, of equal ones the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Router {
    /// Experts a row.
    pub k: usize,
    /// From the numbers of a row to scores, and from scores to weights.
    pub scoring: Scoring,
    /// One row of a number for each expert. Only the choice sees it.
    pub bias: Option<Weight>,
    /// Only experts of the best groups are chosen.
    pub groups: Option<Groups>,
    /// Whether a row's weights are divided by their sum, plus 1e-20.
    pub renormalise: bool,
    /// Multiplies the weights, after that.
    pub scale: f32,
    /// One row of a number for each expert, which multiplies its weights, too.
    pub expert_scale: Option<Weight>,
    /// What the weights multiply.
    pub weigh: Weigh,
}

/// What a score is, and the weight of a chosen expert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scoring {
    /// The softmax of the row; weights are scores.
    Softmax,
    /// `1 / (1 + exp(-x))`; weights are scores.
    Sigmoid,
    /// The number itself; weights are the softmax of the chosen ones.
    SoftmaxOfChosen,
    /// The number itself. The weight of the `j`-th expert is its share in the softmax of those that
    /// are not chosen yet and near it: `(m - x) / max(|x|, m) <= 2 jitter` for its own `m`
    /// (SparseMixer, arXiv 2310.00811, as it is evaluated).
    SparseMixer {
        /// How far below the best one counts.
        jitter: f32,
    },
}

/// Experts in groups of neighbours, all of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// How many there are.
    pub n: usize,
    /// From how many of them experts are chosen: those with the largest scores.
    pub used: usize,
    /// What the score of a group is.
    pub score: GroupScore,
}

/// The score of a group of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupScore {
    /// That of its best expert, bias added.
    Largest,
    /// Those of its two best experts together, biases added.
    TwoLargest,
}

impl GroupScore {
    /// How many experts of a group make its score.
    pub(crate) fn experts(self) -> usize {
        match self {
            Self::Largest => 1,
            Self::TwoLargest => 2,
        }
    }
}

/// What a mixture's weights multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weigh {
    /// What an expert gives: `sum_j weight_ij expert_ij(x_i)`.
    Results,
    /// What an expert is given: `sum_j expert_ij(weight_ij x_i)`.
    Inputs,
}

/// Which experts each row goes to, with which weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Routing {
    /// Experts that there are.
    pub n: usize,
    /// Experts a row.
    pub k: usize,
    /// What the weights multiply.
    pub weigh: Weigh,
    /// A row holds `k` experts by their numbers, then their `k` weights.
    pub(crate) table: Tensor,
}
