//! What `ingle list --all` adds: the models of the catalogue, and which of them are here.

use serde_json::{Value, json};
use store::{
    catalogue::{self, Listed},
    library::Entry,
};

use crate::numbers::{count, grouped};

/// A model of the catalogue, and those of the library that are it.
pub(super) struct Known<'a> {
    listed: Listed,
    here: Vec<&'a Entry>,
}

/// All of the catalogue, beside the library's `models`.
pub(super) fn beside(models: &[Entry]) -> Vec<Known<'_>> {
    let called: Vec<_> = models.iter().map(|it| (called(it), it)).collect();
    let known = |listed: Listed| {
        let is_it = |name: &String| name.eq_ignore_ascii_case(&listed.name);
        let here = called.iter().filter(|it| it.0.as_ref().is_some_and(is_it)).map(|it| it.1);
        Known { here: here.collect(), listed }
    };
    catalogue::all().into_iter().map(known).collect()
}

/// What the catalogue calls a model of the library.
fn called(entry: &Entry) -> Option<String> {
    let (name, noted) = (entry.name(), entry.called_in_catalogue());
    noted.map(str::to_owned).or_else(|| {
        let repository = format!("{}/{}", name.publisher(), name.model()).parse().ok()?;
        catalogue::by_repository(&repository).map(|it| it.name)
    })
}

/// What stands above the columns.
const HEAD: [&str; 6] = ["name", "parameters", "context", "here", "licence", "creator"];

/// Of numbers: the second and the third.
const NUMBERS: [usize; 2] = [1, 2];

/// Left out in this order where there is no room, as many as have to be.
const SPARE: [usize; 3] = [5, 2, 1];

/// Between two columns.
const GAP: &str = "  ";

/// For people, in lines of at most `width` columns where that can be.
pub(super) fn table(all: &[Known<'_>], width: Option<usize>) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(all.iter().map(row));
    let widest = |nth: usize| rows.iter().map(|it| it[nth].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(widest);
    let mut shown: Vec<usize> = (0..HEAD.len()).collect();
    for spare in SPARE {
        let wide: usize = shown.iter().map(|&nth| widths[nth] + GAP.len()).sum();
        if width.is_some_and(|width| wide > width + GAP.len()) {
            shown.retain(|&nth| nth != spare);
        }
    }
    let line = |row: &[String; 6]| {
        let cells = shown.iter().map(|&nth| {
            let (cell, wide) = (&row[nth], widths[nth]);
            match NUMBERS.contains(&nth) {
                true => format!("{cell:>wide$}"),
                false => format!("{cell:<wide$}"),
            }
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(Known { listed, here }: &Known<'_>) -> [String; 6] {
    let unknown = || "unknown".to_owned();
    let here: Vec<_> = here.iter().map(|it| format_of(it)).collect();
    [
        listed.name.clone(),
        listed.parameters.map_or_else(unknown, count),
        listed.context.map_or_else(unknown, grouped),
        if here.is_empty() { "-".to_owned() } else { here.join(", ") },
        listed.licence.clone(),
        listed.creator.clone(),
    ]
}

fn format_of(entry: &Entry) -> &str {
    entry.manifest.facts.format.as_deref().unwrap_or(entry.name().variant())
}

/// For programs: all that the catalogue says, and the names of those that are here.
pub(super) fn json(all: &[Known<'_>]) -> Value {
    let one = |it: &Known<'_>| {
        let mut told = json!(it.listed);
        told["here"] = it.here.iter().map(|it| json!(it.name())).collect();
        told
    };
    all.iter().map(one).collect()
}
