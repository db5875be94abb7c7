//! `ingle list`: the models of the library, and with `--all` those of the catalogue.

mod catalogue;

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use serde_json::{Value, json};
use store::{
    library::{Entry, Found, Library},
    name::Name,
};

use crate::{
    args::List,
    library::{self, GET_ONE, came_from, text},
    numbers::size,
    settings::Site,
    terminal::{self, harmless, tell},
};

/// Prints them; what is there and is no model is told.
pub(crate) fn run(args: List) -> anyhow::Result<()> {
    if args.all {
        // Reads the user's own catalogue, too.
        Site::find()?;
    }
    let library = library::library()?;
    let (mut models, mut unreadable) = (Vec::new(), Vec::new());
    for found in library.entries()? {
        match found {
            Found::Model(entry) => models.push(entry),
            Found::Unreadable { folder, why } => {
                unreadable.push((folder, anyhow::Error::from(why)))
            }
        }
    }
    let unfinished = library.unfinished()?;
    for (_, why) in &unreadable {
        tell(format_args!("warning: {why:#}"));
    }
    let known = args.all.then(|| catalogue::beside(&models));
    if args.json.on {
        let mut told = as_json(&library, &models, &unfinished, &unreadable);
        if let Some(known) = &known {
            told["catalogue"] = catalogue::json(known);
        }
        return super::print_json(&told);
    }
    for (name, bytes) in &unfinished {
        tell(format_args!(
            "note: `{name}` is not complete, {} so far: the command that began it goes on when it is \
             said again, `ingle rm {name}` gives it up",
            size(*bytes)
        ));
    }
    if models.is_empty() {
        tell(format_args!(
            "No model is in `{}` yet.\n  \
             {GET_ONE}\n  \
             ingle adopt                 use what other programs have\n  \
             ingle run MODEL.gguf        run a file where it lies",
            library.root().display()
        ));
    } else {
        super::print(&harmless(&table(&models)))?;
    }
    let Some(known) = known else { return Ok(()) };
    let between = if models.is_empty() { "" } else { "\n" };
    let width = io::stdout().is_terminal().then(terminal::width).flatten();
    super::print(&harmless(&format!("{between}{}", catalogue::table(&known, width))))
}

fn as_json(
    library: &Library,
    models: &[Entry],
    unfinished: &[(Name, u64)],
    unreadable: &[(PathBuf, anyhow::Error)],
) -> Value {
    let unfinished = unfinished.iter().map(|(it, bytes)| json!({"name": it, "bytes": bytes}));
    let unreadable =
        unreadable.iter().map(|(it, why)| json!({"folder": text(it), "why": format!("{why:#}")}));
    json!({
        "folder": text(library.root()),
        "models": models.iter().map(library::json).collect::<Vec<_>>(),
        "unfinished": unfinished.collect::<Vec<_>>(),
        "unreadable": unreadable.collect::<Vec<_>>(),
    })
}

fn table(models: &[Entry]) -> String {
    let names: Vec<String> = models.iter().map(|it| it.name().to_string()).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default().max("name".len());
    let mut table = format!("{:<width$}  {:>10}  {:<10}  from\n", "name", "size", "arrived");
    for (name, entry) in names.iter().zip(models) {
        let manifest = &entry.manifest;
        let day: String = manifest.arrived.chars().take("2026-11-29".len()).collect();
        let (bytes, from) = (size(manifest.size()), came_from(&manifest.origin));
        table += &format!("{name:<width$}  {bytes:>10}  {day:<10}  {from}\n");
    }
    table
}
