//! What the library knows of a model that its file does not say.

use store::{adopt::foreign, catalogue, library::Entry, signing::signers};

use super::known::{Known, files, row, rows};
use crate::{
    library::{self, came_from},
    listed,
};

/// Where it is, where it came from, what the catalogue has of it, its files, and what Ollama gave it.
///
/// # Errors
///
/// If the catalogue's words are no JSON.
pub(super) fn known(entry: &Entry) -> anyhow::Result<Known> {
    let listed = entry.called_in_catalogue().and_then(catalogue::listed);
    let mut kept = library::json(entry);
    kept["signed_by"] = serde_json::json!(signers(entry));
    let mut json = vec![("library", kept)];
    if let Some(listed) = &listed {
        json.push(("catalogue", serde_json::to_value(listed)?));
    }
    let listed = listed.as_ref().map(listed::shown).unwrap_or_default();
    Ok(Known { page: page(entry, &listed), json })
}

fn page(entry: &Entry, listed: &[(&str, String)]) -> String {
    let manifest = &entry.manifest;
    let mut page = String::from("\n");
    let mut row = |name: &str, text: &str| page += &row(name, text);
    row("library", &entry.name().to_string());
    row("folder", &entry.files().display().to_string());
    row("from", &came_from(&manifest.origin));
    if let Some((revision, commit)) = manifest.origin.hub() {
        row("commit", &format!("{commit} ({revision})"));
    }
    row("arrived", &manifest.arrived);
    let verified = entry.verified();
    row("verified", verified.as_deref().unwrap_or("not since it came or changed"));
    signers(entry).iter().for_each(|it| row("signed by", &format!("sha256:{it}")));
    entry.called_in_catalogue().into_iter().for_each(|it| row("catalogue", it));
    let stored = manifest.files.iter();
    let stored = stored.map(|it| (it.sha256.to_string(), it.size, it.path.0.to_string()));
    page + &rows(&manifest.facts, listed) + &files(stored) + &of_ollama(entry)
}

/// The template of the model file is the one that is run.
fn of_ollama(entry: &Entry) -> String {
    let Some(foreign) = foreign(entry) else { return String::new() };
    let parts = [
        ("template", foreign.template),
        ("parameters", foreign.parameters),
        ("system prompt", foreign.system),
    ];
    let told = parts.into_iter().filter_map(|(name, text)| Some((name, text?)));
    told.map(|(name, text)| {
        format!("\nOllama's {name}, which Ingle does not use:\n{}\n", text.trim_end())
    })
    .collect()
}
