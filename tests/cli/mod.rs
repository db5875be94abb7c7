//! What the `ingle` binary prints and how it exits, whole, as snapshots.
//!
//! `UPDATE_EXPECT=1 cargo test -p ingle-cli --test program cli::` writes them anew; read the difference.

mod attacks;
mod bad_input;
mod bench;
mod caches;
mod chat;
mod check;
mod commands;
mod compared;
mod corrected;
mod doctor;
mod drafts;
mod fit;
mod folders;
mod help;
mod obeyed;
mod paths;
mod quantize;
mod refusals;
mod resident;

use expect_test::Expect;
use ingle_tests::binary::Place;

/// Runs `ingle` in `place` and compares what it said.
#[track_caller]
fn check(place: &Place, args: &[&str], expected: Expect) {
    expected.assert_eq(&place.run(args));
}
