//! How near generation comes to what memory allows: each token reads all weights once, and memory
//! gives only so many bytes a second.

use std::time::Duration;

use loader::ModelFile;
use serde::Serialize;

use crate::{numbers::size, speed};

/// How long the bandwidth is measured.
const TIME: Duration = Duration::from_millis(500);

/// Two measurements of the bandwidth differ if it is by more than this part.
const DIFFERENT: f64 = 0.05;

/// Tables of which a token reads one row.
const LOOKED_UP: &str = "per_layer_token_embd.weight";
/// Another, where the logits have a matrix of their own.
const EMBEDDING: &str = "token_embd.weight";
/// That.
const LOGITS: &str = "output.weight";
/// What names of matrices have in them where there is one for each expert.
pub(super) const EXPERTS: &str = "_exps.";

/// Bytes of weights that a token reads, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Memory(u64),
    /// All of the model lies there: how fast memory is does not matter.
    Cache(u64),
}

/// What memory gave, and which part of that a test of generation took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Roofline {
    /// Bytes a second, before the test.
    bandwidth: Option<f64>,
    /// And after it.
    bandwidth_after: Option<f64>,
    /// As many threads read it, those of the test.
    bandwidth_threads: Option<usize>,
    /// Bytes of weights that a token reads, or its share of what a step reads that makes several;
    /// nothing where that is not known.
    weight_bytes_per_token: Option<u64>,
    /// Nothing where they lie in a cache, too.
    roofline_percent: Option<f64>,
}

/// Bytes of weights that a generated token reads, of `all` that the engine reads; nothing for a model
/// with experts that does not say how many of them those are.
pub(super) fn bytes_a_token(file: &ModelFile, all: u64) -> Option<u64> {
    let bytes = |of: &dyn Fn(&str) -> bool| -> u64 {
        let tensors = file.tensors.iter().filter(|it| of(it.0));
        tensors.flat_map(|it| &it.1.parts).map(|it| it.len() as u64).sum()
    };
    let has_logits = file.tensors.contains_key(LOGITS);
    let looked_up = bytes(&|it| it == LOOKED_UP || (has_logits && it == EMBEDDING));
    let unused = match bytes(&|it| it.contains(EXPERTS)) {
        0 => 0,
        experts => (experts as f64 * (1.0 - used_share(file)?)) as u64,
    };
    Some(all.saturating_sub(looked_up + unused))
}

/// Whether all tokens read the same weights.
pub(super) fn is_dense(file: &ModelFile) -> bool {
    !file.tensors.keys().any(|it| it.contains(EXPERTS))
}

/// The share of its experts that a token goes through, where the file says it.
pub(super) fn used_share(file: &ModelFile) -> Option<f64> {
    let count = |name: &str| {
        let n = file.metadata.u64(&format!("{}.{name}", file.architecture())).ok().flatten();
        n.filter(|&it| it > 0).map(|it| it as f64)
    };
    Some(count("expert_used_count")? / count("expert_count")?)
}

/// Bytes a second that so many threads read from memory; nothing where that could not be measured.
pub(super) fn bandwidth(threads: usize) -> Option<f64> {
    Some(speed::bandwidth(threads, TIME)).filter(|it| it.is_finite() && *it > 0.0)
}

impl Read {
    /// Of `a_token` bytes, where all weights are `all` bytes and the processor's last caches have
    /// `cache`.
    pub(super) fn of(a_token: u64, all: u64, cache: Option<u64>) -> Self {
        match cache.is_some_and(|it| all <= it) {
            true => Self::Cache(a_token),
            false => Self::Memory(a_token),
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Self::Memory(it) | Self::Cache(it) => it,
        }
    }
}

impl Roofline {
    /// Of a test that made so many tokens a second, between two measurements of the bandwidth.
    pub(super) fn of(
        [before, after]: [Option<f64>; 2],
        threads: usize,
        read: Option<Read>,
        per_second: f64,
    ) -> Self {
        let most = before.into_iter().chain(after).max_by(f64::total_cmp);
        let percent = |read: Read| match read {
            Read::Memory(bytes) => Some(100.0 * bytes as f64 * per_second / most?),
            Read::Cache(_) => None,
        };
        Self {
            bandwidth: before,
            bandwidth_after: after,
            bandwidth_threads: most.map(|_| threads),
            weight_bytes_per_token: read.map(Read::bytes).filter(|_| most.is_some()),
            roofline_percent: read.and_then(percent),
        }
    }

    /// For people; nothing where nothing was measured.
    pub(super) fn told(&self) -> Option<String> {
        let before = self.bandwidth.or(self.bandwidth_after)?;
        let after = self.bandwidth_after.unwrap_or(before);
        let most = before.max(after);
        let gigabytes = |it: f64| format!("{:.1} GB/s", it / 1e9);
        let threads = self.bandwidth_threads?;
        let read = if threads == 1 { "thread reads" } else { "threads read" };
        let mut memory = format!("{} that {threads} {read}", gigabytes(most));
        if (before - after).abs() > DIFFERENT * most {
            memory += &format!(" ({} before, {} after)", gigabytes(before), gigabytes(after));
        }
        let Some(bytes) = self.weight_bytes_per_token else {
            return Some(format!(
                "{memory}; how many of its experts' weights a token reads, the model does not say"
            ));
        };
        let weights = size(bytes);
        let Some(percent) = self.roofline_percent else {
            let cached = "they lie in the processor's cache";
            return Some(format!("{weights} of weights a token: {cached}"));
        };
        let more =
            if percent > 100.0 { ": more than memory gave when that was measured" } else { "" };
        Some(format!("{weights} of weights a token, {percent:.0}% of the {memory}{more}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bandwidths: [Option<f64>; 2], bytes: Option<u64>, expected: Option<&str>) {
        let told = Roofline::of(bandwidths, 2, bytes.map(Read::Memory), 20.0).told();
        assert_eq!(told.as_deref(), expected);
    }

    #[test]
    fn the_share_is_that_of_the_better_measurement() {
        let (low, high) = (Some(19.5e9), Some(20e9));
        let bytes = Some(1 << 29);
        let share = "512.0 MiB of weights a token, 54% of the";
        check([high, high], bytes, Some(&format!("{share} 20.0 GB/s that 2 threads read")));
        check([high, low], bytes, Some(&format!("{share} 20.0 GB/s that 2 threads read")));
        let both = "20.0 GB/s that 2 threads read (15.0 GB/s before, 20.0 GB/s after)";
        check([Some(15e9), high], bytes, Some(&format!("{share} {both}")));
        check([None, None], bytes, None);
        let experts = "20.0 GB/s that 2 threads read; how many of its experts' weights a token \
                       reads, the model does not say";
        check([high, high], None, Some(experts));
        let more = "512.0 MiB of weights a token, 107% of the 10.0 GB/s that 2 threads read: more \
                    than memory gave when that was measured";
        check([Some(1e10), Some(1e10)], bytes, Some(more));
        let one = Roofline::of([high, high], 1, bytes.map(Read::Memory), 20.0).told();
        assert_eq!(one, Some(format!("{share} 20.0 GB/s that 1 thread reads")));
    }

    #[test]
    fn weights_in_the_cache_have_no_share_of_what_memory_gives() {
        let (a_token, all) = (5 << 20, 6 << 20);
        assert_eq!(Read::of(a_token, all, None), Read::Memory(a_token));
        assert_eq!(Read::of(a_token, all, Some(all - 1)), Read::Memory(a_token));
        let read = Read::of(a_token, all, Some(all));
        let roofline = Roofline::of([Some(1.8e9); 2], 2, Some(read), 2000.0);
        assert_eq!(roofline.roofline_percent, None);
        assert_eq!(roofline.weight_bytes_per_token, Some(a_token));
        let told = "5.0 MiB of weights a token: they lie in the processor's cache";
        assert_eq!(roofline.told().as_deref(), Some(told));
    }

    #[test]
    fn a_table_that_is_looked_up_is_not_read() {
        let bytes = loader::Bytes::new(ingle_tests::parrot::file());
        let file = ModelFile::from_bytes("parrot", bytes, &[]).unwrap();
        let of = |name: &str| -> u64 {
            let tensor = file.tensors.get(name).expect("it has one");
            tensor.parts.iter().map(|it| it.len() as u64).sum()
        };
        let all: u64 = file.tensors.keys().map(|it| of(it)).sum();
        let looked_up = if file.tensors.contains_key(LOGITS) { of(EMBEDDING) } else { 0 };
        assert_eq!(bytes_a_token(&file, all), Some(all - looked_up));
        let mut tied = file.clone();
        tied.tensors.remove(LOGITS);
        assert_eq!(bytes_a_token(&tied, all), Some(all));
        let mut experts = file.clone();
        let tensor = experts.tensors.values().next().expect("it has some").clone();
        experts.tensors.insert("blk.0.ffn_up_exps.weight".to_owned(), tensor);
        assert_eq!(bytes_a_token(&experts, all), None);
        for (name, n) in [("expert_count", 4), ("expert_used_count", 1)] {
            experts.metadata.insert(format!("llama.{name}"), loader::Value::U32(n));
        }
        let tensor = &experts.tensors["blk.0.ffn_up_exps.weight"];
        let added: u64 = tensor.parts.iter().map(|it| it.len() as u64).sum();
        let unused = (added as f64 * 0.75) as u64;
        let read = all + added - looked_up - unused;
        assert_eq!(bytes_a_token(&experts, all + added), Some(read));
        assert!(is_dense(&file) && !is_dense(&experts));
    }
}
