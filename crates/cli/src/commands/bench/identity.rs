//! What must be equal for two results to be comparable, as a short digest.
//!
//! The version of this program is not a part of it: versions are what is compared. Nor is what the
//! weights say, since all numbers take the same time.

use std::collections::BTreeMap;

use loader::{ModelFile, Value};
use store::digest::Sha256Hex;

/// Of a model: the names, shapes and formats of its tensors, what adapters add to them, and the
/// numbers of its architecture.
pub(super) fn facts(file: &ModelFile) -> String {
    let architecture = file.architecture();
    let mut text = format!("{architecture}\n");
    for (name, tensor) in &file.tensors {
        text += &format!("{name} {} {:?}\n", tensor.format.layout().name, tensor.shape);
    }
    for (name, all) in &file.low_rank {
        for it in all {
            text += &format!("{name} + {:?} {:?}\n", it.a.shape, it.b.shape);
        }
    }
    let prefix = format!("{architecture}.");
    let numbers = file.metadata.iter().filter(|(key, _)| key.starts_with(&prefix));
    let numbers: BTreeMap<_, _> =
        numbers.filter_map(|(key, value)| Some((key, scalar(value)?))).collect();
    for (key, number) in numbers {
        text += &format!("{key} = {number}\n");
    }
    short(&text)
}

/// Of what has these names and values, in this order.
pub(super) fn fingerprint(parts: &[(&str, &str)]) -> String {
    // Changes with the meaning of the parts.
    let mut text = "ingle bench 1\n".to_owned();
    for (name, value) in parts {
        text += &format!("{name}: {value}\n");
    }
    short(&text)
}

fn short(text: &str) -> String {
    let mut digest = Sha256Hex::of(text.as_bytes()).to_string();
    digest.truncate(16);
    digest
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(it) => Some(it.to_string()),
        other => other.as_f64().map(|it| it.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tiny model with `change` made to what was read of it.
    fn changed(change: impl FnOnce(&mut ModelFile)) -> String {
        let bytes = loader::Bytes::new(ingle_tests::parrot::file());
        let mut file = ModelFile::from_bytes("parrot", bytes, &[]).unwrap();
        change(&mut file);
        facts(&file)
    }

    #[test]
    fn what_takes_other_time_is_another_model() {
        let same = changed(|_| ());
        assert_eq!(same.len(), 16);
        let named = |it: &mut ModelFile| {
            it.metadata.insert("general.name", Value::String("another".into()));
        };
        assert_eq!(changed(named), same);
        let wider = |it: &mut ModelFile| {
            it.metadata.insert("llama.expert_used_count", Value::U32(2));
        };
        assert_ne!(changed(wider), same);
        let without = |it: &mut ModelFile| {
            it.tensors.pop_last();
        };
        assert_ne!(changed(without), same);
    }

    #[test]
    fn each_part_counts() {
        let of = |test, threads| fingerprint(&[("test", test), ("threads", threads)]);
        assert_eq!(of("pp512", "2"), of("pp512", "2"));
        assert_ne!(of("pp512", "2"), of("pp512", "4"));
        assert_ne!(of("pp512", "2"), of("tg512", "2"));
    }
}
