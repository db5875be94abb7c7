//! The `ingle` binary.
#![forbid(unsafe_code)]

fn main() {}
