//! What goes through a disk: faults of a test, links in the way, and what file systems do not know.

use std::fs;

use super::*;

#[test]
fn the_change_that_is_to_fail_does_and_leaves_half_of_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let disk = Disk::failing(1, io::ErrorKind::StorageFull);
    let mut file = disk.create(&path).unwrap();
    assert_eq!(file.write(b"abcd").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(fs::read(&path).unwrap(), b"ab");
    file.write_all(b"ef").unwrap();
    assert_eq!((fs::read(&path).unwrap(), disk.changes()), (b"abef".to_vec(), 3));
}

#[test]
fn after_death_nothing_changes() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::dying(0);
    assert!(disk.make_folder(&dir.path().join("a")).is_err());
    assert!(disk.create(&dir.path().join("b")).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// As `vboxsf` and 9p answer, and what macOS has a second number for.
#[cfg(unix)]
#[test]
fn what_a_file_system_does_not_know_is_no_failure() {
    let raised = io::Error::from_raw_os_error;
    for code in [libc::EINVAL, libc::EOPNOTSUPP, libc::ENOTSUP, libc::ENOSYS] {
        assert!(unless_unknown(Err(raised(code))).is_ok(), "{code}");
    }
    for code in [libc::EIO, libc::ENOSPC, libc::EROFS] {
        assert!(unless_unknown(Err(raised(code))).is_err(), "{code}");
    }
    for code in [libc::EOPNOTSUPP, libc::ENOTSUP, libc::ENOLCK, libc::ENOSYS] {
        assert!(has_no_locks(&raised(code)), "{code}");
    }
    assert!(!has_no_locks(&raised(libc::EIO)));
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
#[test]
fn two_folders_change_their_names_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    fs::create_dir(&old).unwrap();
    fs::create_dir(&new).unwrap();
    fs::write(old.join("a"), "old").unwrap();
    match Disk::default().exchange(&old, &new) {
        Ok(()) => assert_eq!(fs::read(new.join("a")).unwrap(), b"old"),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
    }
    let none = Disk::default().exchange(&old, &dir.path().join("none"));
    assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_way_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (victim, link) = (dir.path().join("victim"), dir.path().join("link"));
    fs::write(&victim, "kept").unwrap();
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    assert!(Disk::default().reopen(&link).is_err());
    assert!(Disk::default().copy(&link, &dir.path().join("copy")).is_err());
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
}

/// Whoever may write to the library can put a link in the place of a folder after somebody looked.
#[cfg(unix)]
#[test]
fn t17_a_link_in_the_place_of_a_folder_leads_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let [base, outside] = ["base", "outside"].map(|it| dir.path().join(it));
    fs::create_dir_all(outside.join("empty")).unwrap();
    fs::write(outside.join("victim"), "kept").unwrap();
    let disk = Disk::default().below(&base);
    disk.make_folder(&base.join("a/b")).unwrap();
    let mut own = disk.create(&base.join("a/b/own")).unwrap();
    own.write_all(b"own").unwrap();
    std::os::unix::fs::symlink(&outside, base.join("link")).unwrap();
    let [there, own] = ["link/victim", "a/b/own"].map(|it| base.join(it));
    assert!(disk.create(&base.join("link/new")).is_err());
    assert!(disk.reopen(&there).is_err());
    assert!(disk.make_folder(&base.join("link/new")).is_err());
    assert!(disk.rename(&own, &there).is_err() && disk.rename(&there, &own).is_err());
    assert!(disk.exchange(&own, &there).is_err());
    assert!(disk.hard_link(&own, &base.join("link/new")).is_err());
    assert!(disk.hard_link(&there, &base.join("a/new")).is_err());
    assert!(disk.copy(&there, &base.join("a/new")).is_err());
    assert!(disk.remove_file(&there).is_err());
    assert!(disk.remove_folder(&base.join("link/empty")).is_err());
    assert!(disk.create(&base.join("a/../../outside/new")).is_err());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
    assert_eq!(fs::read(outside.join("victim")).unwrap(), b"kept");
    assert_eq!(fs::read(&own).unwrap(), b"own");
    // The link itself is here, and goes.
    disk.remove_file(&base.join("link")).unwrap();
    disk.rename(&own, &base.join("a/new")).unwrap();
    disk.hard_link(&base.join("a/new"), &own).unwrap();
    disk.remove_file(&own).unwrap();
    disk.remove_folder(&base.join("a/b")).unwrap();
    assert_eq!(fs::read(base.join("a/new")).unwrap(), b"own");
}

/// The folder itself may be one, as of a library on another disk.
#[cfg(unix)]
#[test]
fn the_base_may_be_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let [base, real] = ["base", "real"].map(|it| dir.path().join(it));
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &base).unwrap();
    let disk = Disk::default().below(&base);
    disk.make_folder(&base).unwrap();
    disk.make_folder(&base.join("a")).unwrap();
    disk.create(&base.join("a/b")).unwrap();
    disk.sync_folder(&base).unwrap();
    assert!(real.join("a/b").is_file());
}
