//! Recurrent layers: their states, in slots, and the parameters of what reads and writes them.
//!
//! A slot holds what a layer remembers of a sequence after one of its rows. A batch names the slot
//! that each sequence starts from ([`Batch::from`]) and the slots for the states after some of its
//! rows ([`Batch::keep`]). So going back, sharing and checkpoints are a choice of slot: nothing is
//! copied and nothing is computed again.
//!
//! [`Batch::from`]: crate::Batch::from
//! [`Batch::keep`]: crate::Batch::keep

use crate::{Batch, Error, NONE, Owner, Weight, batch::below};

/// What one layer remembers, in slots for all sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Slots.
    pub slots: usize,
    /// Numbers a slot.
    pub cols: usize,
    pub(crate) device: Owner,
    pub(crate) id: usize,
}

/// A state to make: `slots * cols` numbers, as `f32` or better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSpec {
    /// Slots, for all sequences.
    pub slots: usize,
    /// Numbers a slot.
    pub cols: usize,
}

impl StateSpec {
    pub(crate) fn handle(&self, device: Owner, id: usize) -> State {
        State { slots: self.slots, cols: self.cols, device, id }
    }
}

/// A causal convolution of each column by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    /// Rows that a result is made of: its own, and those before it.
    pub taps: usize,
    /// One row, `taps` numbers a column, that of the oldest row first.
    pub w: Weight,
    /// One number a column.
    pub bias: Option<Weight>,
}

impl Conv {
    /// Numbers that a slot holds: the rows before the next one, column by column, oldest first.
    pub fn state_cols(&self, cols: usize) -> usize {
        cols * (self.taps - 1)
    }
}

/// The selective state space of Mamba-2 (Dao and Gu, 2024): a matrix a head, which decays and grows
/// by an outer product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ssm {
    /// Heads.
    pub n_heads: usize,
    /// Columns of a head.
    pub head_dim: usize,
    /// Numbers that are remembered for each column.
    pub d_state: usize,
    /// Groups of heads, neighbours, that share what they write and read with.
    pub n_groups: usize,
    /// How fast each head forgets: a negative number.
    pub a: Weight,
    /// What each head adds of its input.
    pub d: Weight,
    /// Added to the step of each head.
    pub dt_bias: Weight,
    /// The smallest and the largest step.
    pub dt_range: [f32; 2],
}

impl Ssm {
    /// Columns of a result.
    pub fn inner(&self) -> usize {
        self.n_heads * self.head_dim
    }

    /// Columns of what it takes: the input, then of each group what is written with, then what is
    /// read with.
    pub fn cols(&self) -> usize {
        self.inner() + 2 * self.n_groups * self.d_state
    }

    /// Numbers that a slot holds: `d_state` for each column.
    pub fn state_cols(&self) -> usize {
        self.inner() * self.d_state
    }

    /// Where in a row the numbers that head `h` writes with begin, and those it reads with.
    pub(crate) fn b_and_c(&self, h: usize) -> [usize; 2] {
        let group = h / (self.n_heads / self.n_groups);
        [group, self.n_groups + group].map(|it| self.inner() + it * self.d_state)
    }
}

/// Whether `b` starts from and keeps only slots below `slots`, each as one sequence alone.
pub(crate) fn check_slots(b: &Batch, slots: usize) -> Result<(), Error> {
    for (i, &keep) in b.keep.iter().enumerate() {
        let Some(seq) = b.seq(i) else {
            below("slots that a padding row keeps", usize::from(keep != NONE), 1)?;
            continue;
        };
        if i != b.first[seq] as usize {
            below("first row of a sequence", b.first[seq] as usize, i)?;
            below("sequence that goes on", seq, b.seq[i - 1] as usize + 1)?;
            below("sequence before it", b.seq[i - 1] as usize, seq + 1)?;
        }
        match b.from[seq] {
            NONE if i == b.first[seq] as usize => {
                below("place that no state comes before", b.at[i] as usize, 1)?;
            }
            NONE => {}
            from => below("slot", from as usize, slots)?,
        }
        if keep != NONE {
            below("slot", keep as usize, slots)?;
            let others = b.from.iter().enumerate().filter(|&(s, &it)| s != seq && it == keep);
            let kept = b.keep[..i].iter().filter(|&&it| it == keep);
            below("other uses of a slot that is kept", others.count() + kept.count(), 1)?;
        }
    }
    Ok(())
}
