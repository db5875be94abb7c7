//! Metadata, and what was corrected in it, as it is written for people and programs.

use loader::{Override, Value};
use serde_json::Value as Json;
use store::Correction;

/// One line that names what was corrected; `None` if nothing was.
pub(crate) fn note(corrections: &[Correction]) -> Option<String> {
    let model = &corrections.first()?.model;
    let set = corrections.iter().map(|it| format!("`{}`", setting(&it.set)));
    let set = set.collect::<Vec<_>>().join(", ");
    Some(format!("corrected for {model}: {set}; `ingle show` says why"))
}

/// `KEY=VALUE`.
pub(crate) fn setting(it: &Override) -> String {
    format!("{}={}", it.key, json(&it.value))
}

/// A metadata value as JSON; arrays by their length.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Bool(it) => (*it).into(),
        Value::String(it) => it.as_str().into(),
        Value::F32(it) => it.to_string().parse::<f64>().map_or_else(|_| (*it).into(), Into::into),
        Value::Array(it) => format!("[{} values]", it.len()).into(),
        other => match other.as_u64() {
            Some(n) => n.into(),
            None => other.as_f64().into(),
        },
    }
}
