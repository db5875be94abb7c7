//! How much memory there is, and how much of it is free.
//!
//! On Linux free is what the kernel calls available, or less where the control group that we are
//! in has a limit: see `memory/linux.rs`. Elsewhere the system is asked through `sysinfo`.

pub(crate) mod linux;

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
    Some(system()?.available_memory()).filter(|&it| it > 0)
}

/// All bytes of memory; `None` where the system does not say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn total() -> Option<u64> {
    Some(system()?.total_memory()).filter(|&it| it > 0)
}

#[cfg(not(target_os = "linux"))]
fn system() -> Option<sysinfo::System> {
    use sysinfo::{MemoryRefreshKind, RefreshKind, System};
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    System::new_with_specifics(memory).ok()
}
