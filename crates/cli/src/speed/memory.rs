//! What memory gives: all threads read streams most of which no cache holds.

use std::{
    hint::black_box,
    path::Path,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{machine, memory};

/// The last level where the system does not tell of caches: as large as those of laptops get.
const USUAL_CACHE: u64 = 64 << 20;

/// Less than this is read too soon for its time to mean something.
const LEAST: u64 = 128 << 20;

/// More than this tells nothing more.
const MOST: u64 = 4 << 30;

/// Bytes that are added up at once.
const LINE: usize = 64;

/// Bytes a second that so many threads together read from memory: the best pass of those that are
/// begun in this time, and there is one at least.
pub(crate) fn bandwidth(threads: usize, time: Duration) -> f64 {
    read(threads, beyond_caches(), time)
}

/// Bytes most of which no cache of this machine holds, where there is the memory for them.
pub(super) fn beyond_caches() -> usize {
    let cache = machine::last_level(Path::new("/")).unwrap_or(USUAL_CACHE);
    beyond(cache, memory::free()) as usize
}

/// Four times a cache of so many bytes, of which it holds a quarter whatever it keeps.
fn beyond(cache: u64, free: Option<u64>) -> u64 {
    let wanted = cache.saturating_mul(4).clamp(LEAST, MOST);
    free.map_or(wanted, |free| wanted.min(free / 4))
}

/// The same, of so many bytes.
pub(super) fn read(threads: usize, bytes: usize, time: Duration) -> f64 {
    let threads = threads.max(1);
    let len = (bytes / threads).max(1).next_multiple_of(LINE);
    let (gate, stop) = (Barrier::new(threads), AtomicBool::new(false));
    let passes = |leads: bool| {
        // Each thread writes what it reads: a page lies near whoever touches it first.
        let mut bytes = vec![0; len];
        loader::prefer_huge_pages(&mut bytes);
        bytes.fill(1);
        let (begin, mut best) = (Instant::now(), f64::INFINITY);
        loop {
            gate.wait();
            if stop.load(Relaxed) {
                return best;
            }
            let pass = Instant::now();
            black_box(sum(black_box(bytes.as_slice())));
            gate.wait();
            best = best.min(pass.elapsed().as_secs_f64());
            if leads && begin.elapsed() >= time {
                stop.store(true, Relaxed);
            }
        }
    };
    let best = thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| passes(false));
        }
        passes(true)
    });
    (threads * len) as f64 / best.max(1e-9)
}

/// Words of whole lines, in eight sums, none of which waits for another.
fn sum(bytes: &[u8]) -> u64 {
    let mut sums = [0_u64; 8];
    for line in bytes.as_chunks::<LINE>().0 {
        for (sum, word) in sums.iter_mut().zip(line.as_chunks().0) {
            *sum = sum.wrapping_add(u64::from_ne_bytes(*word));
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_meet_and_end() {
        for (threads, bytes) in [(0, 1 << 16), (1, 1 << 16), (3, 1 << 16), (4, 0)] {
            let found = read(threads, bytes, Duration::ZERO);
            assert!(found.is_finite() && found > 0.0, "{threads} threads: {found}");
        }
    }

    #[test]
    fn all_words_are_read() {
        let of =
            |words: &[u64]| sum(&words.iter().flat_map(|it| it.to_ne_bytes()).collect::<Vec<u8>>());
        assert_eq!((of(&[1; 64]), of(&[u64::MAX; 8]), of(&[])), (64, u64::MAX - 7, 0));
    }

    #[test]
    fn no_cache_holds_more_than_a_quarter() {
        let mib = |n: u64| n << 20;
        assert_eq!(beyond(mib(64), None), mib(256));
        assert_eq!(beyond(mib(1), None), LEAST);
        assert_eq!(beyond(mib(4096), None), MOST);
        assert_eq!(beyond(u64::MAX, None), MOST);
        assert_eq!(beyond(mib(64), Some(mib(512))), mib(128));
        assert_eq!(beyond(mib(64), Some(mib(1 << 20))), mib(256));
    }
}
