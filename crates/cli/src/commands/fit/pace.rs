//! How fast a model will be, in the figures that people know, and what holds it up.

use serde::Serialize;

use crate::{
    forecast::{Seconds, Work},
    speed::Speed,
};

/// A kernel that reads weights at this share of what memory gives is said to be held up by memory.
const BOUND: f64 = 0.75;

/// How fast it will be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Foretold {
    /// Tokens of a prompt of 512 in a second.
    pub(super) pp512: f64,
    /// Tokens written in a second, of the first 128.
    pub(super) tg128: f64,
    /// The same when the context is full, where it is known how long that is.
    pub(super) tg_full: Option<f64>,
    /// Bytes of weights that a token reads, and of keys and values when the context is full.
    pub(super) token_weights: f64,
    pub(super) token_cache: f64,
    /// Seconds of one of the first 128, and of a prompt of 512, by what they go to.
    #[serde(rename = "token_seconds")]
    pub(super) token: Seconds,
    #[serde(rename = "prompt_seconds")]
    pub(super) prompt: Seconds,
    /// Bytes a second at which the weights are read, beside what memory gives.
    pub(super) weights_rate: f64,
    pub(super) memory_rate: f64,
    /// What holds answers up.
    pub(super) bound: Bound,
}

/// What a token waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Bound {
    /// Weights, which come as fast as memory gives them.
    Memory,
    /// Weights, which the kernels read more slowly.
    Kernels,
    Attention,
    /// Numbers one by one, and threads that wait for each other.
    Rest,
}

impl Foretold {
    /// Of a model that does this in each step; nothing if a format was not measured.
    pub(super) fn of(work: &Work, speed: &Speed, context: Option<usize>) -> Option<Self> {
        let (prompt, token) = (work.prompt(speed, 512, 0)?, work.token(speed, 128, 0)?);
        let past = context.map(|it| it.saturating_sub(1));
        let full = past.and_then(|it| work.token(speed, 0, it));
        let token_weights = work.active_bytes();
        let weights_rate = token_weights / token.weights.max(1e-12);
        Some(Self {
            pp512: 512.0 / prompt.all(),
            tg128: 1.0 / token.all(),
            tg_full: full.map(|it| 1.0 / it.all()),
            token_weights,
            token_cache: past.map_or(0.0, |it| work.cache_bytes(it)),
            token,
            prompt,
            weights_rate,
            memory_rate: speed.bandwidth,
            bound: Bound::of(token, weights_rate, speed.bandwidth),
        })
    }
}

impl Bound {
    /// What most of a token's time goes to.
    fn of(token: Seconds, weights_rate: f64, memory_rate: f64) -> Self {
        let Seconds { weights, attention, rest, .. } = token;
        match weights >= attention.max(rest) {
            true if weights_rate >= BOUND * memory_rate => Self::Memory,
            true => Self::Kernels,
            false if attention >= rest => Self::Attention,
            false => Self::Rest,
        }
    }

    /// A word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Kernels => "kernels",
            Self::Attention => "attention",
            Self::Rest => "rest",
        }
    }
}

#[cfg(test)]
mod tests {
    use kernels::Format;

    use super::*;
    use crate::forecast::tests::speed;

    #[test]
    fn a_token_is_as_slow_as_its_weights_are_read() {
        // A byte a second, of the two that memory gives.
        let work = Work::about(Format::Q8_0, 100, 106);
        let told = Foretold::of(&work, &speed(), Some(64)).unwrap();
        assert!((told.tg128 * 106.0 - 1.0).abs() < 1e-9, "{told:?}");
        assert_eq!(told.tg_full, Some(told.tg128));
        assert!((told.pp512 * (106.0 + 511.0 * 10.0) - 512.0).abs() < 1e-6, "{told:?}");
        assert_eq!((told.token_weights, told.token_cache), (106.0, 0.0));
        assert_eq!(told.bound, Bound::Kernels);
        let fast = Speed { bandwidth: 1.1, ..speed() };
        let told = Foretold::of(&work, &fast, None).unwrap();
        assert_eq!((told.bound, told.tg_full), (Bound::Memory, None));
        assert_eq!(Foretold::of(&Work::about(Format::Q2_K, 1, 1), &fast, None), None);
    }

    #[test]
    fn what_takes_most_of_the_time_holds_it_up() {
        let of = |weights, attention, rest, rate| {
            let token = Seconds { weights, products: 0.0, attention, rest };
            Bound::of(token, rate, 1.0)
        };
        assert_eq!(of(2.0, 1.0, 1.0, 0.9), Bound::Memory);
        assert_eq!(of(2.0, 1.0, 1.0, 0.5), Bound::Kernels);
        assert_eq!(of(1.0, 2.0, 1.5, 0.9), Bound::Attention);
        assert_eq!(of(1.0, 1.0, 2.0, 0.9), Bound::Rest);
    }
}
