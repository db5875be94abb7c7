//! `ingle rm`: takes models out of the library.

use std::io::{self, IsTerminal};

use anyhow::Context;
use serde_json::json;
use store::{
    audit::Event,
    library::{Entry, Library},
    name::Name,
    policy::Subject,
};

use crate::{admission, args::Remove, failure::Failure, library, numbers::size, terminal::tell};

/// What is to be removed.
struct Target {
    name: Name,
    bytes: u64,
    /// The program that keeps the files.
    keeper: Option<String>,
    /// What the audit log hears of it.
    subject: Subject,
}

impl Target {
    fn of(entry: &Entry) -> Self {
        let (name, bytes) = (entry.name().clone(), entry.manifest.size());
        Self { name, bytes, keeper: keeper(entry), subject: Subject::of_manifest(&entry.manifest) }
    }

    /// What nobody has looked into.
    fn unknown(name: Name, bytes: u64) -> Self {
        let subject = Subject::unknown(name.to_string());
        Self { name, bytes, keeper: None, subject }
    }
}

/// Removes them, after a question; nothing, if one of them is not there.
pub(crate) fn run(args: Remove) -> anyhow::Result<()> {
    let library = library::library()?;
    let mut targets: Vec<Target> = Vec::new();
    for word in &args.models {
        let target = target(&library, word)?;
        // However often and by whatever word it is named.
        if targets.iter().all(|it| it.name != target.name) {
            targets.push(target);
        }
    }
    if !args.yes {
        confirm(&targets)?;
    }
    let allowed = admission::before_removal()?;
    let mut removed = Vec::new();
    for Target { name, bytes, keeper, subject } in targets {
        if !library.remove(&name)? {
            tell(format_args!("note: `{name}` is gone already: another process removed it"));
            continue;
        }
        allowed.done(Event::Removed, &subject)?;
        match &keeper {
            Some(keeper) => tell(format_args!("`{name}` is forgotten; {keeper} keeps its files")),
            None => tell(format_args!("`{name}` is removed, {}", size(bytes))),
        }
        removed.push(json!({"name": name, "bytes": bytes, "kept_by": keeper}));
    }
    match args.json.on {
        true => super::print_json(&json!({ "removed": removed })),
        false => Ok(()),
    }
}

/// What is called exactly so, and else the model that is meant.
fn target(library: &Library, text: &str) -> anyhow::Result<Target> {
    let named = text.parse::<Name>().ok().map(|it| exactly(library, it)).transpose()?.flatten();
    match named {
        Some(target) => Ok(target),
        None => library::entry(library, text).map(|it| Target::of(&it)),
    }
}

/// A model, one that is not complete, or one whose manifest cannot be read.
fn exactly(library: &Library, name: Name) -> anyhow::Result<Option<Target>> {
    if let Ok(Some(entry)) = library.find(&name) {
        return Ok(Some(Target::of(&entry)));
    }
    let unfinished = library.unfinished()?.into_iter().find(|it| it.0 == name);
    let bytes = match unfinished {
        Some((_, bytes)) => bytes,
        // It is there, whatever is wrong with it.
        None if library.root().join(name.path()).is_dir() => 0,
        None => return Ok(None),
    };
    Ok(Some(Target::unknown(name, bytes)))
}

fn keeper(entry: &Entry) -> Option<String> {
    use store::library::Origin::Adopted;
    match &entry.manifest.origin {
        Adopted { program, .. } if entry.is_adopted() => Some(program.clone()),
        _ => None,
    }
}

fn confirm(targets: &[Target]) -> anyhow::Result<()> {
    let names: Vec<_> = targets.iter().map(|it| format!("`{}`", it.name)).collect();
    let bytes = targets.iter().filter(|it| it.keeper.is_none()).map(|it| it.bytes);
    let bytes = bytes.fold(0, u64::saturating_add);
    let names = names.join(", ");
    let not_removed =
        || Failure::new(format!("{names} stays")).hint("`-y` removes without a question");
    if !io::stdin().is_terminal() {
        return Err(not_removed().into());
    }
    tell(format_args!("remove {names}, {}? [y/N]", size(bytes)));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(not_removed().into()),
    }
}
