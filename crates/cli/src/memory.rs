//! How much memory is free.
//!
//! On Linux that is what the kernel calls available, or less where the control group that we are
//! in has a limit: see `memory/linux.rs`. Elsewhere the system is asked through `sysinfo`.

#[cfg(any(target_os = "linux", test))]
mod linux;

/// Bytes that can be taken without anything being swapped out; `None` where the system does not
/// say.
#[cfg(target_os = "linux")]
pub(crate) fn free() -> Option<u64> {
    linux::free(std::path::Path::new("/"))
}

/// Bytes that can be taken without anything being swapped out; `None` where the system does not
/// say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn free() -> Option<u64> {
    use sysinfo::{MemoryRefreshKind, RefreshKind, System};
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory).ok()?;
    Some(system.available_memory()).filter(|&it| it > 0)
}
