//! The attack classes that a hostile model file can carry: each refused with its own error.

mod header;
mod raw;
mod sizes;
mod values;
