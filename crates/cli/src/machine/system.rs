//! The operating system.

use std::path::Path;

use serde::Serialize;

use super::{field, text};

/// What runs this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct System {
    /// Its name and version, such as `Debian GNU/Linux 13 (trixie)`.
    pub(crate) name: Option<String>,
    /// The version of its kernel.
    pub(crate) kernel: Option<String>,
}

/// What this machine is called among others.
pub(crate) fn host() -> Option<String> {
    text(Path::new("/proc/sys/kernel/hostname"))
}

impl System {
    /// That of this machine.
    pub(crate) fn here() -> Self {
        Self::at(Path::new("/"))
    }

    pub(super) fn at(root: &Path) -> Self {
        let release = ["etc/os-release", "usr/lib/os-release"];
        let release = release.iter().find_map(|it| text(&root.join(it))).unwrap_or_default();
        let name = field(&release, "PRETTY_NAME", '=').map(|it| it.trim_matches(['"', '\'']));
        Self {
            name: name.filter(|it| !it.is_empty()).map(str::to_owned),
            kernel: text(&root.join("proc/sys/kernel/osrelease")),
        }
    }
}
