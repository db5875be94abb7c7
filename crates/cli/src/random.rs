//! Numbers that are any and yet always the same, unless they are to be others in each process: for what
//! only has to look like no other.

/// After so many numbers nothing is seen of where a generator began.
#[cfg(feature = "hub")]
const MIXED: usize = 16;

/// A generator of numbers (xorshift64*); nothing that has to be secret comes from it.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// One that begins where all begin.
    pub(crate) fn new() -> Self {
        Self(1)
    }

    /// One that begins where no other process began.
    #[cfg(feature = "hub")]
    pub(crate) fn of_now() -> Self {
        use std::time::{SystemTime, UNIX_EPOCH};

        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanoseconds = now.map_or(0, |it| it.as_nanos() as u64);
        // Of zeros alone nothing else would come.
        let mut random = Self((nanoseconds ^ (u64::from(std::process::id()) << 40)).max(1));
        for _ in 0..MIXED {
            random.next();
        }
        random
    }

    /// A number less than `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 33) % n
    }

    /// A number from 0 to 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_any_within_bounds_and_always_the_same() {
        let (mut one, mut other) = (Random::new(), Random::new());
        let numbers: Vec<u64> = (0..1000).map(|_| one.below(32)).collect();
        assert!(numbers.iter().all(|&it| it == other.below(32)));
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 32);
        let units: Vec<f32> = (0..1000).map(|_| one.unit()).collect();
        assert!(units.iter().all(|it| (0.0..=1.0).contains(it)));
        assert!((0.4..0.6).contains(&(units.iter().sum::<f32>() / 1000.0)));
    }

    #[cfg(feature = "hub")]
    #[test]
    fn another_process_may_begin_elsewhere() {
        let numbers = |mut it: Random| (0..64).map(|_| it.below(32)).collect::<Vec<_>>();
        let now = numbers(Random::of_now());
        assert_ne!(now, numbers(Random::new()));
        assert!(now.iter().collect::<BTreeSet<_>>().len() > 8, "{now:?}");
    }
}
