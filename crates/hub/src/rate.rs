//! The bandwidth cap: all connections together pay for their bytes with time.

use std::{
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long nobody looks whether to stop.
pub(crate) const NAP: Duration = Duration::from_millis(50);

/// Bytes a second.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: Option<NonZeroU64>,
    /// When what was paid for so far may have come.
    due: Mutex<Instant>,
}

impl Rate {
    pub(crate) fn new(limit: Option<NonZeroU64>) -> Self {
        Self { limit, due: Mutex::new(Instant::now()) }
    }

    /// Bytes to read at a time, so that no pause is long.
    pub(crate) fn piece(&self) -> usize {
        const MOST: u64 = 256 << 10;
        self.limit.map_or(MOST, |it| (it.get() / 8).clamp(1 << 10, MOST)) as usize
    }

    /// Waits until `bytes` may have come; less long if `stop` says so.
    pub(crate) fn pay(&self, bytes: u64, stop: impl Fn() -> bool) {
        let Some(limit) = self.limit else { return };
        let now = Instant::now();
        let due = {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            *due = (*due).max(now) + Duration::from_secs_f64(bytes as f64 / limit.get() as f64);
            *due
        };
        rest(due.saturating_duration_since(now), stop);
    }
}

/// Sleeps so long, or until `stop` says so.
pub(crate) fn rest(time: Duration, stop: impl Fn() -> bool) {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stop() {
            return;
        }
        thread::sleep(left.min(NAP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_the_rate() {
        let rate = Rate::new(NonZeroU64::new(1 << 20));
        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..4).for_each(|_| rate.pay(16 << 10, || false)));
            }
        });
        // 128 KiB at 1 MiB a second.
        assert!(begin.elapsed() >= Duration::from_millis(120), "{:?}", begin.elapsed());
    }

    #[test]
    fn who_stops_does_not_wait() {
        let rate = Rate::new(NonZeroU64::new(1));
        let begin = Instant::now();
        rate.pay(1000, || true);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}
