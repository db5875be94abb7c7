//! What is known of a model that its file does not say: the form of it, wherever it is known from.

use serde_json::Value;
use store::library::Facts;

use crate::{listed::claimed, numbers::size};

/// For people and for programs.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Rows and tables that follow those of the file.
    pub(super) page: String,
    /// What stands beside the facts of the file, by key.
    pub(super) json: Vec<(&'static str, Value)>,
}

/// Rows of facts, and those of what the catalogue has `listed`.
pub(super) fn rows(facts: &Facts, listed: &[(&str, String)]) -> String {
    let Facts { creator, country, country_claim, licence, lineage, .. } = facts;
    // What the catalogue has of it now stands there.
    let country = country.as_ref().filter(|_| listed.iter().all(|it| it.0 != "country"));
    let country = country.map(|it| claimed(it, country_claim.as_deref()));
    let made_from = (!lineage.is_empty()).then(|| lineage.join(", "));
    let own = [
        ("creator", creator.clone()),
        ("country", country),
        ("licence", licence.clone()),
        ("made from", made_from),
    ];
    let own = own.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let all = own.chain(listed.iter().map(|(name, text)| (*name, text.clone())));
    all.map(|(name, text)| row(name, &text)).collect()
}

/// A row.
pub(super) fn row(name: &str, text: &str) -> String {
    format!("{name:<15}{}\n", text.replace('\n', " "))
}

/// Digests, sizes and names of files.
pub(super) fn files(all: impl Iterator<Item = (String, u64, String)>) -> String {
    let mut text = format!("\n{:<66}{:>10}  file\n", "sha256", "size");
    for (digest, bytes, path) in all {
        text += &format!("{digest:<66}{:>10}  {path}\n", size(bytes));
    }
    text
}
