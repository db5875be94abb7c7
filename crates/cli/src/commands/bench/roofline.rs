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

/// What memory gave, and which part of that a test of generation took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Roofline {
    /// Bytes a second, before the test.
    bandwidth: Option<f64>,
    /// And after it.
    bandwidth_after: Option<f64>,
    /// Bytes of weights that a token reads; nothing where that is not known.
    weight_bytes_per_token: Option<u64>,
    roofline_percent: Option<f64>,
}

/// Bytes of weights that a generated token reads, of `all` that the engine reads; nothing for a model
/// with experts: nobody here says how many of them those are.
pub(super) fn bytes_a_token(file: &ModelFile, all: u64) -> Option<u64> {
    if file.tensors.keys().any(|it| it.contains("_exps.")) {
        return None;
    }
    let bytes = |name: &str| -> u64 {
        let parts = file.tensors.get(name).map_or(&[][..], |it| it.parts.as_slice());
        parts.iter().map(|it| it.len() as u64).sum()
    };
    let embedding = if file.tensors.contains_key(LOGITS) { bytes(EMBEDDING) } else { 0 };
    Some(all.saturating_sub(bytes(LOOKED_UP) + embedding))
}

/// Bytes a second that so many threads read from memory; nothing where that could not be measured.
pub(super) fn bandwidth(threads: usize) -> Option<f64> {
    Some(speed::bandwidth(threads, TIME)).filter(|it| it.is_finite() && *it > 0.0)
}

impl Roofline {
    /// Of a test that made so many tokens a second, between two measurements of the bandwidth.
    pub(super) fn of(
        [before, after]: [Option<f64>; 2],
        bytes_a_token: Option<u64>,
        per_second: f64,
    ) -> Self {
        let most = before.into_iter().chain(after).max_by(f64::total_cmp);
        let percent = |bytes: u64| Some(100.0 * bytes as f64 * per_second / most?);
        Self {
            bandwidth: before,
            bandwidth_after: after,
            weight_bytes_per_token: bytes_a_token.filter(|_| most.is_some()),
            roofline_percent: bytes_a_token.and_then(percent),
        }
    }

    /// For people; nothing where nothing was measured.
    pub(super) fn told(&self) -> Option<String> {
        let before = self.bandwidth.or(self.bandwidth_after)?;
        let after = self.bandwidth_after.unwrap_or(before);
        let most = before.max(after);
        let gigabytes = |it: f64| format!("{:.1} GB/s", it / 1e9);
        let mut memory = format!("{} of memory", gigabytes(most));
        if (before - after).abs() > DIFFERENT * most {
            memory += &format!(" ({} before, {} after)", gigabytes(before), gigabytes(after));
        }
        let (Some(bytes), Some(percent)) = (self.weight_bytes_per_token, self.roofline_percent)
        else {
            return Some(format!(
                "{memory}; how many of its weights a model with experts reads for a token is not \
                 known here"
            ));
        };
        let cached = if percent > 100.0 { ": caches hold some of them" } else { "" };
        let weights = size(bytes);
        Some(format!("{weights} of weights a token, {percent:.0}% of the {memory}{cached}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bandwidths: [Option<f64>; 2], bytes: Option<u64>, expected: Option<&str>) {
        let told = Roofline::of(bandwidths, bytes, 20.0).told();
        assert_eq!(told.as_deref(), expected);
    }

    #[test]
    fn the_share_is_that_of_the_better_measurement() {
        let (low, high) = (Some(19.5e9), Some(20e9));
        let bytes = Some(1 << 29);
        let share = "512.0 MiB of weights a token, 54% of the";
        check([high, high], bytes, Some(&format!("{share} 20.0 GB/s of memory")));
        check([high, low], bytes, Some(&format!("{share} 20.0 GB/s of memory")));
        let both = "20.0 GB/s of memory (15.0 GB/s before, 20.0 GB/s after)";
        check([Some(15e9), high], bytes, Some(&format!("{share} {both}")));
        check([None, None], bytes, None);
        let experts = "20.0 GB/s of memory; how many of its weights a model with experts reads for \
                       a token is not known here";
        check([high, high], None, Some(experts));
        let cached = "512.0 MiB of weights a token, 107% of the 10.0 GB/s of memory: caches hold \
                      some of them";
        check([Some(1e10), Some(1e10)], bytes, Some(cached));
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
    }
}
