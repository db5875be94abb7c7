//! Sockets that this process holds.

/// How many there are; 0 where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn open() -> usize {
    let held = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = held.filter_map(|it| std::fs::read_link(it.path()).ok());
    targets.filter(|it| it.to_string_lossy().starts_with("socket:")).count()
}

/// How many there are; 0 where the system does not say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn open() -> usize {
    0
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_counted() {
        let before = open();
        let pair = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(open() >= before + 2);
        drop(pair);
    }
}
