//! Plans on every backend, through the public interface of this crate, in one program.

mod experts;
mod plan;
mod recurrent;
mod same;
