//! Graphics processors that the system knows of.

use std::path::Path;

use serde::Serialize;

use super::{field, names, number, text};

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Graphics {
    /// Its maker, and its name or number.
    pub(crate) name: String,
    /// The kernel's driver of it.
    pub(crate) driver: Option<String>,
    /// Bytes of its own memory.
    pub(crate) memory: Option<u64>,
}

/// All of them: those that can show something, and NVIDIA's that only compute.
pub(super) fn all(root: &Path) -> Vec<Graphics> {
    let nvidia = Nvidia::at(root);
    let cards = root.join("sys/class/drm");
    // `card0-HDMI-A-1` is a socket of `card0`.
    let is_card = |name: &String| {
        name.strip_prefix("card")
            .is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    };
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for device in names(&cards).iter().filter(|it| is_card(it)).map(|it| cards.join(it)) {
        let device = device.join("device");
        let Some(event) = text(&device.join("uevent")) else { continue };
        let address = field(&event, "PCI_SLOT_NAME", '=').map(str::to_ascii_lowercase);
        let known = nvidia.cards.iter().find(|it| Some(&it.0) == address.as_ref());
        let driver = field(&event, "DRIVER", '=').map(str::to_owned);
        let name = match (known, field(&event, "PCI_ID", '=')) {
            (Some((_, name)), _) => name.clone(),
            (None, Some(id)) => of_number(id),
            (None, None) => match field(&event, "OF_COMPATIBLE_0", '=') {
                Some(name) => name.to_owned(),
                None => continue,
            },
        };
        let driver = if known.is_some() { nvidia.driver() } else { driver };
        let memory = number(&device.join("mem_info_vram_total"));
        found.push(Graphics { name, driver, memory });
        seen.extend(address);
    }
    let others = nvidia.cards.iter().filter(|it| !seen.contains(&it.0));
    let others = others.map(|(_, name)| Graphics {
        name: name.clone(),
        driver: nvidia.driver(),
        memory: None,
    });
    found.extend(others);
    found
}

/// What NVIDIA's driver tells.
struct Nvidia {
    version: Option<String>,
    /// The PCI address and the name of each.
    cards: Vec<(String, String)>,
}

impl Nvidia {
    fn at(root: &Path) -> Self {
        let folder = root.join("proc/driver/nvidia");
        let cards = names(&folder.join("gpus")).into_iter().map(|address| {
            let told = text(&folder.join("gpus").join(&address).join("information"));
            let model = told.as_deref().and_then(|it| field(it, "Model", ':'));
            let model = model.unwrap_or("NVIDIA").to_owned();
            (address.to_ascii_lowercase(), model)
        });
        let version = text(&folder.join("version"));
        // NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Wed Feb 26 …
        let version = version.as_deref().and_then(|it| field(it, "NVRM version", ':'));
        let is_number =
            |it: &&str| it.contains('.') && it.starts_with(|c: char| c.is_ascii_digit());
        let version = version.and_then(|it| it.split_whitespace().find(is_number));
        Self { version: version.map(str::to_owned), cards: cards.collect() }
    }

    fn driver(&self) -> Option<String> {
        Some(match &self.version {
            Some(version) => format!("nvidia {version}"),
            None => "nvidia".to_owned(),
        })
    }
}

/// The maker, and the whole number: `8086:46A6` is Intel's.
fn of_number(id: &str) -> String {
    let maker = match id.split(':').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "10de" => "NVIDIA ",
        "1002" => "AMD ",
        "8086" => "Intel ",
        "1a03" => "ASPEED ",
        "1af4" | "1234" | "1b36" => "virtual ",
        "15ad" => "VMware ",
        _ => "",
    };
    format!("{maker}{}", id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture::{self, Files, lay};

    #[track_caller]
    fn check(files: Files<'_>, expected: &[(&str, &str, Option<u64>)]) {
        let found = all(lay(files).path());
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.name.as_str(), it.driver.as_deref().unwrap_or_default(), it.memory))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_is_found_once_whoever_tells_of_it() {
        check(fixture::LAPTOP, &[("Intel 8086:46a6", "i915", None)]);
        check(fixture::BOARD, &[("rockchip,rk3588-mali", "panthor", None)]);
        let h200 = ("NVIDIA H200", "nvidia 570.124.06", None);
        check(fixture::CONTAINER, &[h200]);
        let shown = (
            "sys/class/drm/card0/device/uevent",
            "DRIVER=nvidia\nPCI_ID=10DE:2335\nPCI_SLOT_NAME=0000:c1:00.0\n",
        );
        check(&[fixture::CONTAINER, &[shown]].concat(), &[h200]);
        let alone = [("sys/class/drm/card0/device/mem_info_vram_total", "8573157376\n"), shown];
        check(&alone, &[("NVIDIA 10de:2335", "nvidia", Some(8_573_157_376))]);
    }
}
