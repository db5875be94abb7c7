//! Control groups of Linux, versions 1 and 2: what holds this process to a share of the machine.
//!
//! A limit of a group holds for those below it, too.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Whose names the files of a group have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) version: Version,
    folder: PathBuf,
}

impl Group {
    /// The text of one of its files, without blanks around it.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(name)).ok()?;
        Some(text.trim().to_owned())
    }
}

/// The groups that share out `resource` (`memory`, `cpu`) on the machine whose files are below
/// `root`: those that this process is in, and those above them.
pub(crate) fn of(root: &Path, resource: &str) -> Vec<Group> {
    let lines = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    lines.lines().filter_map(|line| of_line(root, resource, line)).flatten().collect()
}

/// The group of a line of `/proc/self/cgroup`, and those above it.
fn of_line(root: &Path, resource: &str, line: &str) -> Option<Vec<Group>> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let mount = root.join("sys/fs/cgroup");
    let (version, mount) = match controllers {
        "" => (Version::Two, mount),
        some if some.split(',').any(|it| it == resource) => (Version::One, mount.join(resource)),
        _ => return None,
    };
    // In a container the path may be the host's: then only the root of the mount is there.
    let group = mount.join(path.trim_start_matches('/'));
    let all = group.ancestors().take_while(|it| it.starts_with(&mount));
    Some(all.map(|it| Group { version, folder: it.to_owned() }).collect())
}
