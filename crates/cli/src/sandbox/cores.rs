//! Core dumps: a process that dies leaves no image of its memory, where prompts and answers are.

use std::io;

/// The most bytes of an image: fewer than any has. Where a program is told of crashes, Linux heeds
/// this one limit, and not 0.
#[cfg(target_os = "linux")]
const MOST: nix::sys::resource::rlim_t = 1;
#[cfg(all(unix, not(target_os = "linux")))]
const MOST: nix::sys::resource::rlim_t = 0;

/// Gives them up, for this process and those that it starts.
///
/// # Errors
///
/// If the system refuses.
#[cfg(unix)]
pub(crate) fn give_up() -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, allowed) = getrlimit(Resource::RLIMIT_CORE)?;
    let most = MOST.min(allowed);
    Ok(setrlimit(Resource::RLIMIT_CORE, most, most)?)
}

/// Gives them up, for this process and those that it starts.
///
/// # Errors
///
/// None here: this system is asked for nothing.
#[cfg(not(unix))]
pub(crate) fn give_up() -> io::Result<()> {
    Ok(())
}
