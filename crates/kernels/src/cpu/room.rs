//! What each thread computes in, beside the arena. It grows when a plan is loaded, never in a run.

use super::{attend::Splits, experts::Order, wide::Line};
use crate::Error;

/// Of one thread.
#[derive(Default)]
pub(super) struct Room {
    /// Of attention.
    pub(super) splits: Splits,
    /// Of a recurrent layer's tile.
    pub(super) state: Vec<f32>,
    /// Weight rows, unpacked, and activations, gathered.
    pub(super) panels: Vec<Line>,
    /// Of experts.
    pub(super) order: Order,
}

/// Makes `items` at least `len` long.
pub(super) fn grow<T: Copy>(items: &mut Vec<T>, len: usize, empty: T) -> Result<(), Error> {
    let more = len.saturating_sub(items.len());
    let bytes = (more as u64).saturating_mul(size_of::<T>() as u64);
    items.try_reserve_exact(more).map_err(|_| Error::Memory { bytes })?;
    items.resize(items.len() + more, empty);
    Ok(())
}
