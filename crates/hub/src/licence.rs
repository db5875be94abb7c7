//! From the hub's names of licences to SPDX.

/// The hub's names that are not the SPDX name in lower case.
const SPDX: &[(&str, &str)] = &[
    ("apache-2.0", "Apache-2.0"),
    ("mit", "MIT"),
    ("bsd", "LicenseRef-bsd"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("cc0-1.0", "CC0-1.0"),
    ("cc-by-4.0", "CC-BY-4.0"),
    ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
    ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
    ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
    ("cc-by-nc-nd-4.0", "CC-BY-NC-ND-4.0"),
    ("gpl-3.0", "GPL-3.0-only"),
    ("agpl-3.0", "AGPL-3.0-only"),
    ("lgpl-3.0", "LGPL-3.0-only"),
    ("mpl-2.0", "MPL-2.0"),
    ("isc", "ISC"),
    ("unlicense", "Unlicense"),
    ("wtfpl", "WTFPL"),
];

/// The SPDX expression for the hub's `id`; of a licence that SPDX does not list, a reference by the
/// name that the authors give it, if they do.
pub(crate) fn expression(id: &str, name: Option<&str>) -> String {
    let id = id.to_ascii_lowercase();
    if let Some((_, spdx)) = SPDX.iter().find(|it| it.0 == id) {
        return (*spdx).to_owned();
    }
    let own = name.filter(|it| id == "other" && !it.trim().is_empty()).unwrap_or(&id);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("LicenseRef-{}", own.chars().take(100).map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_spdx_expressions() {
        for (id, name, expected) in [
            ("apache-2.0", None, "Apache-2.0"),
            ("MIT", None, "MIT"),
            ("llama3.2", None, "LicenseRef-llama3.2"),
            ("other", Some("qwen-research"), "LicenseRef-qwen-research"),
            ("other", Some("a b\n(c)"), "LicenseRef-a-b--c-"),
            ("other", None, "LicenseRef-other"),
        ] {
            assert_eq!(expression(id, name), expected, "{id} {name:?}");
        }
    }
}
