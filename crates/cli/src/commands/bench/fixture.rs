//! Results that nobody measured, for tests.

use std::time::Duration;

use super::{
    measure::{Sample, Test},
    session::Beside,
    speculation::Guesses,
    table::{Row, Subject, Weights},
};

/// Of a test with so many threads: 400 and then 401 tokens a second.
pub(super) fn row(test: Test, threads: usize) -> Row {
    let time = "2026-11-30T09:00:00Z".to_owned();
    Row::new(&subject(threads), test, &[sample(400.0), sample(401.0)], time, Beside::default())
}

/// One of them.
pub(super) fn sample(per_second: f64) -> Sample {
    let (time, guesses) = (Duration::from_secs(1), Guesses::default());
    Sample { time, tokens: 512, per_second, joules: None, guesses }
}

/// A model of 463 MiB on a processor.
fn subject(threads: usize) -> Subject {
    let mut it = Subject::unknown(Weights::Mapped);
    it.model_type = "qwen2 630.17 M Q4_K_M".to_owned();
    (it.model_size, it.model_n_params) = (485_500_000, 630_170_000);
    it.backends = format!("cpu (avx2, fast, {threads} threads)");
    it.cpu_info = "a processor".to_owned();
    it.kernels = "avx2, fast".to_owned();
    it.n_threads = threads;
    it
}
