//! A thread of its own for strangers' templates: its stack is large enough for every recursion
//! that the limits admit, whatever thread asks, and a panic in it is an error.

use std::thread;

use super::Error;

/// 40,000 nested values (`bounds.rs`) of 440 bytes each; to compile, 5,000 branches of one `if`
/// of 1,200 bytes each, or 2,000 operators of 400 bytes. Only what is used becomes memory.
const BYTES: usize = 64 << 20;

/// Runs `work` on a large stack.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("template".into()).stack_size(BYTES);
        let thread = builder.spawn_scoped(scope, work).map_err(Error::NoThread)?;
        thread.join().map_err(|_| Error::Panicked)
    })
}
