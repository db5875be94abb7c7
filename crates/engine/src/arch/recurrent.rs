//! The numbers of recurrent layers, read from metadata and checked.

use super::Numbers;
use crate::LoadError;

/// Which layers of an architecture are recurrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recurrent {
    /// None.
    Never,
    /// All; they attend, too.
    Always,
    /// Those of which the metadata says that they have no key heads: they do not attend.
    WithoutHeads,
}

impl Recurrent {
    /// Whether a layer with so many key heads is.
    pub(super) fn is(self, n_kv_heads: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::WithoutHeads => n_kv_heads == 0,
        }
    }
}

/// What the metadata says about recurrent layers, of the kind of Mamba-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// How many layers are recurrent.
    pub layers: usize,
    /// Rows that the convolution sees.
    pub taps: usize,
    /// Heads.
    pub n_heads: usize,
    /// Columns of a head.
    pub head_dim: usize,
    /// Numbers that are remembered for each column.
    pub d_state: usize,
    /// Groups of heads.
    pub n_groups: usize,
}

/// More than any published model has.
const MAX: u64 = 1 << 16;

impl Scan {
    pub(super) fn read(n: &Numbers<'_>, layers: usize) -> Result<Self, LoadError> {
        let inner = n.count("ssm.inner_size", 1..=1 << 20)?;
        let n_heads = n.count("ssm.time_step_rank", 1..=MAX)?;
        if !inner.is_multiple_of(n_heads) {
            let expected = format!("a divisor of {inner}, the inner size");
            return Err(n.range("ssm.time_step_rank", n_heads, expected));
        }
        let n_groups = n.count_or("ssm.group_count", 1, 1..=n_heads as u64)?;
        if !n_heads.is_multiple_of(n_groups) {
            let expected = format!("a divisor of {n_heads}, the number of heads");
            return Err(n.range("ssm.group_count", n_groups, expected));
        }
        Ok(Self {
            layers,
            taps: n.count("ssm.conv_kernel", 2..=MAX)?,
            n_heads,
            head_dim: inner / n_heads,
            d_state: n.count("ssm.state_size", 1..=MAX)?,
            n_groups,
        })
    }

    /// Columns of what heads give.
    pub fn inner(&self) -> usize {
        self.n_heads * self.head_dim
    }

    /// Columns of what is convolved: of the heads, and twice of each group.
    pub fn conv_cols(&self) -> usize {
        self.inner() + 2 * self.n_groups * self.d_state
    }

    /// Numbers of a slot of all layers.
    pub(super) fn slot_numbers(&self) -> usize {
        let layer = self.conv_cols() * (self.taps - 1) + self.inner() * self.d_state;
        self.layers.saturating_mul(layer)
    }
}
