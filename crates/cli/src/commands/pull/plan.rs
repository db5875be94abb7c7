//! What will be fetched, and what speaks against that: shown before the first byte of it.

use std::io::{self, IsTerminal};

use hub::{Choice, Snapshot};
use store::{catalogue, library::Facts};

use super::fit::Fit;
use crate::{
    failure::Failure,
    listed,
    numbers::{grouped, size},
    terminal::{Input, tell},
};

/// Shows it.
pub(super) fn show(snapshot: &Snapshot, choice: &Choice, facts: &Facts, fit: &Fit) {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let commit = snapshot.commit.to_string();
    rows.push(("repository", format!("{} at {}", snapshot.repository, &commit[..12])));
    rows.push(("from", snapshot.endpoint.to_string()));
    rows.push(("format", format(snapshot, choice)));
    let n = choice.files.len();
    rows.push((
        "size",
        format!("{} in {n} file{}", size(choice.size()), if n == 1 { "" } else { "s" }),
    ));
    let listed = catalogue::by_repository(&snapshot.repository);
    let link = snapshot.card.licence_link.as_ref().filter(|_| listed.is_none());
    let link = link.map(|it| format!(" ({it})"));
    let licence = facts.licence.clone().unwrap_or_else(|| "none is stated".to_owned());
    rows.push(("licence", licence + &link.unwrap_or_default()));
    rows.extend(listed.iter().flat_map(listed::rows));
    rows.extend(fit.text().map(|it| ("memory", it)));
    for (name, text) in rows {
        tell(format_args!("{name:<12}{}", text.replace('\n', " ")));
    }
    if !snapshot.refused.is_empty() {
        let n = grouped(snapshot.refused.len() as u64);
        tell(format_args!(
            "warning: {n} files of the repository are left out: {}",
            snapshot.refused[0]
        ));
    }
}

fn format(snapshot: &Snapshot, choice: &Choice) -> String {
    let offers = snapshot.offers();
    let others = offers.iter().filter(|it| it.name != choice.variant);
    let others: Vec<_> = others.map(|it| format!("{} {}", it.name, size(it.size))).collect();
    match choice.by_default && !others.is_empty() {
        true => format!("{}, by default; there are also {}", choice.variant, others.join(", ")),
        false => choice.variant.clone(),
    }
}

/// Goes on although something speaks against it, if somebody at the terminal says so.
///
/// # Errors
///
/// If nobody does.
pub(super) fn insist() -> anyhow::Result<()> {
    let is_somebody_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    if is_somebody_there && Input::new(None, Vec::new())?.confirm("Fetch it all the same?")? {
        return Ok(());
    }
    Err(Failure::new("nothing was fetched").hint("`-y` fetches it all the same").into())
}
