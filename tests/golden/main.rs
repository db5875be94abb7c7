//! Comparisons with what other implementations computed: `families` with transformers on a tiny
//! model of each kind, `trained` on a real small one and on every weight format.
//!
//! The data are not in the repository; `data` says where they are looked for.
#![expect(clippy::print_stdout, reason = "what was skipped and measured is the reader's")]

mod data;
mod families;
mod trained;
