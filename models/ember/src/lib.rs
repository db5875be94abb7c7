//! Ember, the demo model that lives inside the `ingle` binary: its bytes, nothing else. How they
//! came about is in `README.md` beside this crate; the workshop that made them is `forge`.
#![forbid(unsafe_code)]

/// The name by which a model is asked for.
pub const NAME: &str = "ember";

/// The GGUF file.
pub const GGUF: &[u8] = include_bytes!("../ember.gguf");
