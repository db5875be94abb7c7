//! Tiny made-up models: the plain one, and what makes others of it.

mod hybrid;
mod longrope;
mod tiny;

pub(crate) use hybrid::hybrid;
pub(crate) use longrope::{SHORT, longrope};
pub(crate) use tiny::tiny;
