//! The licence that a model's card states: `README.md` starts with lines of YAML between `---`.
//!
//! Only plain `key: value` lines are read; a card is for people, and never an error.

use super::folder::Folder;
use crate::{Metadata, Value};

/// Keys of a card, and GGUF's names for them.
const KEYS: &[(&str, &str)] = &[
    ("license", "general.license"),
    ("license_name", "general.license.name"),
    ("license_link", "general.license.link"),
];

/// Sets what the card of the folder says about its licence.
pub(super) fn apply(folder: &Folder, metadata: &mut Metadata) {
    let card = folder.text("README.md").ok().flatten().unwrap_or_default();
    let mut lines = card.lines().map(str::trim_end);
    if lines.next() != Some("---") {
        return;
    }
    for line in lines.take_while(|line| *line != "---") {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        let gguf = KEYS.iter().find(|it| it.0 == key);
        if let Some((_, gguf)) = gguf.filter(|_| !value.is_empty()) {
            metadata.insert(*gguf, Value::String(value.to_owned()));
        }
    }
}
