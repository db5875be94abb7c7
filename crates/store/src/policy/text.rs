//! What is written in the file of a policy, besides what a rule is made of.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Action, Error, Rule};

/// What is written in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Text {
    pub(super) version: u32,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) contact: Option<String>,
    pub(super) default: Action,
    #[serde(default)]
    pub(super) require_sandbox: bool,
    #[serde(default)]
    pub(super) require_audit: bool,
    #[serde(default)]
    pub(super) audit_folder: Option<PathBuf>,
    #[serde(default)]
    pub(super) hubs: Vec<String>,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<Rule>,
}

impl Text {
    /// Whether its keys besides the rules can mean what they say.
    pub(super) fn check(&self, path: &Path) -> Result<(), Error> {
        let wrong = |key, found: &str, expected| Error::Value {
            path: path.to_owned(),
            key,
            found: found.to_owned(),
            expected,
        };
        let is_address = |it: &&String| it.starts_with("https://") || it.starts_with("http://");
        if let Some(found) = self.hubs.iter().find(|it| !is_address(it)) {
            return Err(wrong("hubs", found, "an address such as `https://hub.example.org`"));
        }
        match self.audit_folder.as_ref().filter(|it| !it.is_absolute()) {
            Some(found) => Err(wrong("audit-folder", &found.to_string_lossy(), "an absolute path")),
            None => Ok(()),
        }
    }
}
