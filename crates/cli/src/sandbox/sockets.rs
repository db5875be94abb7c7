//! Sockets that this process holds.

/// How many there are; nothing where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn open() -> Option<usize> {
    let held = std::fs::read_dir("/proc/self/fd").ok()?;
    let targets = held.flatten().filter_map(|it| std::fs::read_link(it.path()).ok());
    Some(targets.filter(|it| it.to_string_lossy().starts_with("socket:")).count())
}

/// How many there are; nothing where the system does not say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn open() -> Option<usize> {
    None
}

/// What is wrong with so many.
pub(crate) fn fault(held: Option<usize>) -> Option<String> {
    match held {
        Some(0) => None,
        Some(1) => Some("1 socket is open".to_owned()),
        Some(n) => Some(format!("{n} sockets are open")),
        None => Some("this system does not say which sockets are open".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_is_counted() {
        let before = open().unwrap();
        let pair = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(open().unwrap() >= before + 2);
        drop(pair);
    }

    #[test]
    fn what_is_not_known_is_a_fault() {
        assert_eq!(fault(Some(0)), None);
        assert_eq!(fault(Some(2)).unwrap(), "2 sockets are open");
        assert_eq!(fault(None).unwrap(), "this system does not say which sockets are open");
    }
}
