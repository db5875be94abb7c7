//! The engine through its public interface, on tiny made-up models and on hostile files.
//!
//! One program, since each more would be linked with the whole engine. What counts allocations is one
//! of its own, beside this folder: the count is the process's.

mod answers;
mod arch;
mod batches;
mod cache_formats;
mod draft;
mod dynamic_rope;
mod engine;
mod load;
mod long_rope;
mod lookup;
mod models;
mod plans;
mod recurrent;
mod same;
mod sampling;
mod scales;
mod template;
mod tokenizer_attacks;
mod windows;
