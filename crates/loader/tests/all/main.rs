//! Model files through the public interface of this crate: sound ones, other ones, and hostile ones.
//!
//! One program, but for `memory.rs` beside this folder, which counts every allocation there is.

mod attacks;
mod files;
mod golden;
mod golden_data;
mod golden_folders;
mod overrides;
mod packed;
mod safetensors;
mod seeds;
