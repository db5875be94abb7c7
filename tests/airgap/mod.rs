//! What a site that trusts nobody asks for: its policy is obeyed, its audit log is whole, and a
//! process with a model can do nothing but answer.

mod audit;
mod policy;
mod report;
mod sandbox;
mod signer;

use ingle_tests::binary::Place;

/// What `ingle` prints as JSON, with these variables.
///
/// # Panics
///
/// If that is none.
fn json(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> serde_json::Value {
    let output = place.output(args, b"", environment);
    let told = || String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told()))
}
