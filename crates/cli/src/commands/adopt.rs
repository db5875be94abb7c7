//! `ingle adopt`: uses what other programs have downloaded, where it lies.

use std::path::Path;

use serde_json::{Value, json};
use store::{
    adopt::{Candidate, Passed, Piece, Places, Survey, survey},
    audit::Event,
    library::{Entry, Library},
    policy::{At, Subject, holds_weights},
};

use crate::{
    admission,
    args::Adopt,
    failure::{self, Failure},
    library::{self, Hashing, now, text},
    model::distance,
    numbers::size,
    settings::Site,
    terminal::{harmless, tell},
};

/// Prints what there is, or adopts it.
pub(crate) fn run(args: Adopt) -> anyhow::Result<()> {
    // Reads the user's own catalogue, too.
    Site::find()?;
    let library = library::library()?;
    let Survey { candidates, passed } = survey(&Places::of_environment());
    for Passed { path, why } in &passed {
        tell(format_args!("note: `{}` is passed over: {why}", path.display()));
    }
    let chosen = match (args.names.as_slice(), args.all) {
        ([], false) => return list(&library, &candidates, &passed, args.json.on),
        ([], true) => fresh(&library, &candidates)?,
        (names, _) => {
            let chosen = names.iter().map(|it| named(&candidates, it));
            chosen.collect::<Result<Vec<_>, Failure>>()?
        }
    };
    let (mut adopted, mut failed) = (Vec::new(), Vec::new());
    for candidate in chosen {
        match adopt(&library, candidate) {
            Ok(entry) => adopted.push(library::json(&entry)),
            // Alone, it is told in the usual way.
            Err(error) if args.names.len() == 1 => return Err(error),
            Err(error) => {
                tell(failure::text(&error).trim_end());
                failed.push(json!({"name": candidate.name, "why": format!("{error:#}")}));
            }
        }
    }
    let n = failed.len();
    if args.json.on {
        super::print_json(&json!({
            "adopted": adopted, "failed": failed, "passed": passed.iter().map(as_passed).collect::<Vec<_>>(),
        }))?;
    } else if adopted.is_empty() && n == 0 {
        tell("Nothing was found that is not in the library.");
    }
    match n {
        0 => Ok(()),
        n => Err(Failure::new(format!("{n} of {} were not adopted", n + adopted.len())).into()),
    }
}

/// What is not in the library yet.
fn fresh<'a>(library: &Library, candidates: &'a [Candidate]) -> anyhow::Result<Vec<&'a Candidate>> {
    let mut fresh = Vec::new();
    for candidate in candidates {
        match library.find(&candidate.name)? {
            None => fresh.push(candidate),
            Some(entry) if candidate.is(&entry) => {}
            Some(_) => tell(format_args!(
                "note: the library has a `{0}` of its own; that of {1} is passed over",
                candidate.name, candidate.program
            )),
        }
    }
    Ok(fresh)
}

fn named<'a>(candidates: &'a [Candidate], text: &str) -> Result<&'a Candidate, Failure> {
    let is = |it: &&Candidate| {
        it.name.to_string().eq_ignore_ascii_case(text) || it.called.eq_ignore_ascii_case(text)
    };
    candidates.iter().find(is).ok_or_else(|| {
        let failure = Failure::new(format!("no other program was found to have `{text}`"));
        let mut names: Vec<String> = candidates.iter().map(|it| it.name.to_string()).collect();
        names.sort_by_key(|it| distance(&text.to_lowercase(), &it.to_lowercase()));
        match names.first() {
            None => failure.hint("`ingle adopt --help` says where they are looked for"),
            Some(near) => {
                failure.hint(format!("`ingle adopt` lists what they have, such as `{near}`"))
            }
        }
    })
}

fn adopt(library: &Library, candidate: &Candidate) -> anyhow::Result<Entry> {
    let (subject, opened) = (subject(candidate)?, candidate.open());
    let subject = match &opened {
        Ok(file) => subject.opened(file),
        // Below, its digests tell whether it is damaged, and then the loader refuses it again.
        Err(_) => subject,
    };
    let allowed = admission::before(&subject, At::Import)?;
    let architecture = opened.map(|it| it.architecture().to_owned()).unwrap_or_default();
    let hashing = Hashing::new(candidate.size(), &candidate.name.to_string());
    let entry = candidate.adopt(library, &now(), &hashing.watch())?;
    drop(hashing);
    allowed.done(Event::Adopted, &Subject::of_manifest(&entry.manifest))?;
    let name = entry.name();
    tell(format_args!(
        "`{name}` is adopted from {}; `ingle run {name}` runs it",
        candidate.program
    ));
    library::warn_of_architecture(&architecture);
    Ok(entry)
}

/// What is known of a model before its files are read: of digests, those that its program has.
fn subject(candidate: &Candidate) -> anyhow::Result<Subject> {
    let main = candidate.main.as_ref().map(|it| Path::new(it.0.as_str()));
    let is_weights = |it: &&Piece| holds_weights(Path::new(it.path.0.as_str()), main);
    let weights = candidate.files.iter().filter(is_weights).map(|it| it.promised);
    let weights = weights.collect::<Option<Vec<_>>>().unwrap_or_default();
    let container = if main.is_some() { "gguf" } else { "safetensors" };
    let subject = admission::of_manifest(&candidate.manifest(&now()))?.in_format(container);
    Ok(Subject { others: Vec::new(), ..subject.with_weights(weights) })
}

fn list(
    library: &Library,
    candidates: &[Candidate],
    passed: &[Passed],
    is_json: bool,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for candidate in candidates {
        let is_ours = library.find(&candidate.name)?.is_some_and(|it| candidate.is(&it));
        rows.push((candidate, is_ours));
    }
    if is_json {
        return super::print_json(&json!({
            "found": rows.iter().map(|(it, is_ours)| as_found(it, *is_ours)).collect::<Vec<_>>(),
            "passed": passed.iter().map(as_passed).collect::<Vec<_>>(),
        }));
    }
    if rows.is_empty() {
        tell(
            "No other program was found to have models; `ingle adopt --help` says where they are looked for.",
        );
        return Ok(());
    }
    let width = candidates.iter().map(|it| it.name.to_string().len()).max().unwrap_or_default();
    let mut table = format!("{:<width$}  {:>10}  program\n", "name", "size");
    for (it, is_ours) in rows {
        let (name, bytes, program) = (it.name.to_string(), size(it.size()), it.program.to_string());
        let ours = if is_ours { ", adopted" } else { "" };
        table += &format!("{name:<width$}  {bytes:>10}  {program}{ours}\n");
    }
    super::print(&harmless(&table))?;
    tell("`ingle adopt NAME` uses one where it lies, `ingle adopt --all` all of them.");
    Ok(())
}

fn as_found(it: &Candidate, is_ours: bool) -> Value {
    json!({
        "name": it.name, "program": it.program.to_string(), "called": it.called,
        "folder": text(&it.root), "bytes": it.size(), "adopted": is_ours,
    })
}

fn as_passed(it: &Passed) -> Value {
    json!({"path": text(&it.path), "why": it.why})
}
