//! What the library knows of a model that its file does not say.

use store::{
    adopt::foreign,
    library::{Entry, Facts},
    signing::signers,
};

use crate::{library::came_from, numbers::size};

/// For people: where it is, where it came from, what the catalogue has `listed` of it, its files, and
/// what Ollama gave it.
pub(super) fn page(entry: &Entry, listed: &[(&str, String)]) -> String {
    let manifest = &entry.manifest;
    let mut page = String::from("\n");
    let mut row = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            page += &format!("{name:<15}{text}\n");
        }
    };
    row("library", Some(entry.name().to_string()));
    row("folder", Some(entry.files().display().to_string()));
    row("from", Some(came_from(&manifest.origin)));
    if let Some((revision, commit)) = manifest.origin.hub() {
        row("commit", Some(format!("{commit} ({revision})")));
    }
    row("arrived", Some(manifest.arrived.clone()));
    let verified = entry.verified().unwrap_or_else(|| "not since it came or changed".to_owned());
    row("verified", Some(verified));
    signers(entry).iter().for_each(|it| row("signed by", Some(format!("sha256:{it}"))));
    row("catalogue", entry.called_in_catalogue().map(str::to_owned));
    let Facts { creator, country, licence, lineage, .. } = &manifest.facts;
    row("creator", creator.clone());
    // Where the catalogue has it, who claims it stands there.
    row("country", country.clone().filter(|_| listed.iter().all(|it| it.0 != "country")));
    row("licence", licence.clone());
    row("made from", (!lineage.is_empty()).then(|| lineage.join(", ")));
    page + &rows(listed) + &files(entry) + &of_ollama(entry)
}

/// What the catalogue has of it.
pub(super) fn rows(listed: &[(&str, String)]) -> String {
    listed.iter().map(|(name, text)| format!("{name:<15}{text}\n")).collect()
}

fn files(entry: &Entry) -> String {
    let mut text = format!("\n{:<66}{:>10}  file\n", "sha256", "size");
    for file in &entry.manifest.files {
        let (digest, bytes) = (file.sha256.to_string(), size(file.size));
        text += &format!("{digest:<66}{bytes:>10}  {}\n", file.path.0);
    }
    text
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
