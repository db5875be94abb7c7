//! The workshop where Ember is made: what it is taught (`talk`, from the topics of `../data` and a
//! few skills) and how much of each kind (`curriculum`), its tokenizer (`vocabulary`) and its file
//! (`file`); and whether it is taught what it is examined in (`leak`). The learning itself, gradients
//! and all, is `../train.py`. Nothing here is part of the `ingle` binary.
#![forbid(unsafe_code)]

mod acquaintance;
pub mod curriculum;
mod echo;
mod facts;
pub mod file;
mod leak;
mod names;
mod pattern;
mod situation;
mod speech;
mod spelling;
mod stories;
mod sums;
mod talk;
mod topics;
pub mod vocabulary;

pub use leak::plain;
pub use talk::{Conversation, School, Split, written};
pub use topics::{Topics, Turn};
