//! Who follows what the hub does, and may stop it.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

/// How long a server may take for [`LEAST`] bytes.
const WINDOW: Duration = Duration::from_secs(60);
/// Bytes that come in that time even over a telephone; who sends fewer is as good as silent.
const LEAST: u64 = 30_000;

/// Follows a download, from several threads at once.
pub trait Watch: Sync {
    /// So many bytes there are in all, and so many of them were fetched before.
    fn begin(&self, total: u64, had: u64);

    /// So many more have come.
    fn advance(&self, bytes: u64);

    /// So many that were counted are to come again.
    fn rewind(&self, bytes: u64);

    /// Something that a person should know.
    fn note(&self, what: &str);

    /// Whether to stop; asked several times a second.
    fn stop(&self) -> bool;
}

/// Nobody: who has no bar to move and never stops.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn begin(&self, _: u64, _: u64) {}

    fn advance(&self, _: u64) {}

    fn rewind(&self, _: u64) {}

    fn note(&self, _: &str) {}

    fn stop(&self) -> bool {
        false
    }
}

/// Bytes of a server: reading them fails once somebody asks to stop, or when they trickle.
pub(crate) struct Watched<'a, R> {
    from: R,
    watch: &'a dyn Watch,
    pace: Pace,
}

/// What came of late.
#[derive(Debug, Default)]
struct Pace {
    bytes: u64,
    /// For how long it was waited for.
    time: Duration,
}

impl<'a, R: Read> Watched<'a, R> {
    pub(crate) fn new(from: R, watch: &'a dyn Watch) -> Self {
        Self { from, watch, pace: Pace::default() }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.watch.stop() {
            return Err(io::Error::other("stopped"));
        }
        let begin = Instant::now();
        let n = self.from.read(to)?;
        if n > 0 {
            self.pace.add(n as u64, begin.elapsed())?;
        }
        Ok(n)
    }
}

impl Pace {
    /// So many bytes came in so much time.
    fn add(&mut self, bytes: u64, time: Duration) -> io::Result<()> {
        self.bytes += bytes;
        self.time += time;
        if self.time < WINDOW {
            return Ok(());
        }
        let Self { bytes, time } = std::mem::take(self);
        if bytes >= LEAST {
            return Ok(());
        }
        let why = format!("only {bytes} bytes came in {} s", time.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Impatient;

    impl Watch for Impatient {
        fn begin(&self, _: u64, _: u64) {}
        fn advance(&self, _: u64) {}
        fn rewind(&self, _: u64) {}
        fn note(&self, _: &str) {}
        fn stop(&self) -> bool {
            true
        }
    }

    #[test]
    fn who_stops_reads_no_further() {
        let error = Watched::new(io::repeat(0), &Impatient).read_to_end(&mut Vec::new());
        assert_eq!(error.unwrap_err().to_string(), "stopped");
    }

    /// The last of so many bytes in so many seconds each; whether they are too few.
    #[track_caller]
    fn check(came: &[(u64, u64)], expected: Option<&str>) {
        let mut pace = Pace::default();
        let mut last = Ok(());
        for &(bytes, seconds) in came {
            assert!(last.is_ok(), "{came:?}");
            last = pace.add(bytes, Duration::from_secs(seconds));
        }
        assert_eq!(last.err().map(|it| it.to_string()).as_deref(), expected, "{came:?}");
    }

    #[test]
    fn bytes_that_trickle_are_an_error_after_a_minute() {
        check(&[(1, 29), (1, 29)], None);
        check(&[(1, 29), (1, 29), (1, 29)], Some("only 3 bytes came in 87 s"));
        check(&[(LEAST - 1, 60)], Some("only 29999 bytes came in 60 s"));
        check(&[(LEAST, 60), (1, 59)], None);
        check(&[(LEAST, 60), (1, 60)], Some("only 1 bytes came in 60 s"));
    }
}
