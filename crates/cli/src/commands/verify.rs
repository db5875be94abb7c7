//! `ingle verify`: whether every byte is what it was when the model came.

use std::path::Path;

use serde_json::{Value, json};
use store::{
    digest::Sha256Hex,
    library::{Entry, Error, Fault, Found, Library, digest_of},
    signing::Signed,
};

use super::sign;
use crate::{
    args::Verify,
    failure::Failure,
    library::{self, Hashing, text},
    model,
    numbers::size,
    repair,
    terminal::{harmless, tell},
};

/// The most models whose mending is told.
const MOST: usize = 5;

/// Verifies and prints; fails if a byte differs.
pub(crate) fn run(args: Verify) -> anyhow::Result<()> {
    if args.checking.is_asked() {
        return signed(&args);
    }
    for word in &args.models {
        model::tell_both(word);
    }
    if let [path] = args.models.as_slice()
        && Path::new(path).is_file()
        && model::is_path(path)?
    {
        return file(Path::new(path), args.sha256, args.json.on);
    }
    if args.sha256.is_some() {
        let failure = Failure::usage("`--sha256` is the digest of one file, expected its path");
        return Err(failure.hint("a model of the library is held against its manifest").into());
    }
    let library = library::library()?;
    let (entries, unreadable) = match args.all {
        true => everything(&library)?,
        false => {
            let entries = args.models.iter().map(|it| stored(&library, it));
            (entries.collect::<anyhow::Result<Vec<Entry>>>()?, Vec::new())
        }
    };
    let all = entries.len() + unreadable.len();
    if all == 0 {
        tell(format_args!("No model is in `{}` yet.", library.root().display()));
    }
    let (mut told, mut ways) = (Vec::new(), Vec::new());
    for entry in &entries {
        let faults = verify(&library, entry)?;
        if !faults.is_empty() {
            ways.push(repair::of(entry, &faults));
        }
        match args.json.on {
            true => told.push(as_json(entry, &faults)),
            false => super::print(&harmless(&page(entry, &faults)))?,
        }
    }
    let damaged = ways.len() + unreadable.len();
    ways.extend(unreadable.into_iter().flatten());
    if args.json.on {
        super::print_json(&json!({"models": told, "damaged": damaged}))?;
    }
    match damaged {
        0 => Ok(()),
        n => {
            let failure = Failure::new(format!("{n} of {all} models differ from their manifests"));
            let failure = match hint(ways) {
                Some(hint) => failure.hint(hint),
                None => failure,
            };
            Err(failure.into())
        }
    }
}

/// The model of the library that this names; by a plain name, what lies here is meant before that.
fn stored(library: &Library, word: &str) -> anyhow::Result<Entry> {
    if model::both(word).is_some() && model::is_path(word)? {
        let message = format!("`{word}` is what lies here, expected models of the library");
        let failure = Failure::usage(message);
        return Err(failure.hint("name the model in full: `publisher/model:variant`").into());
    }
    library::entry(library, word)
}

/// What to do about the models that differ, a line for each; nothing where nobody knows.
fn hint(mut ways: Vec<String>) -> Option<String> {
    let more = ways.len().saturating_sub(MOST);
    ways.truncate(MOST);
    if more > 0 {
        ways.push(format!("{more} more: `ingle verify MODEL` says what to do about each"));
    }
    // Below the first, which stands after `hint: `.
    (!ways.is_empty()).then(|| ways.join("\n      "))
}

/// Holds one model against a signature: all its files, and no others, are as they were signed.
fn signed(args: &Verify) -> anyhow::Result<()> {
    let ([word], None) = (args.models.as_slice(), args.sha256) else {
        let failure = Failure::usage("a signature is of one model, expected its name or path");
        return Err(failure.hint("`ingle verify MODEL --key KEY.pub`").into());
    };
    let Signed { statement, signer, key } = sign::verify_signature(word, &args.checking)?;
    // What a policy goes by.
    let key = format!("sha256:{}", key.hint());
    let files = statement.n_files();
    match args.json.on {
        true => super::print_json(&json!({
            "name": word, "ok": true, "files": files, "signer": signer, "key": key,
        })),
        false => {
            let s = if files == 1 { "" } else { "s" };
            let by = if signer == key { signer } else { format!("{signer}, key {key}") };
            super::print(&harmless(&format!("ok      {word}: {files} file{s}, signed by {by}\n")))
        }
    }
}

/// All models, and of each that cannot be read what to do about it, where that is known.
fn everything(library: &Library) -> Result<(Vec<Entry>, Vec<Option<String>>), Error> {
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for found in library.entries()? {
        match found {
            Found::Model(entry) => entries.push(entry),
            Found::Unreadable { folder, why } => {
                unreadable.push(why.hint().map(|it| format!("`{}`: {it}", folder.display())));
                tell(format_args!("warning: {:#}", anyhow::Error::from(why)));
            }
        }
    }
    Ok((entries, unreadable))
}

/// What is wrong with the files of a model; that nothing is, is noted beside it.
///
/// # Errors
///
/// If its folder cannot be read, or Ctrl-C was pressed.
pub(super) fn verify(library: &Library, entry: &Entry) -> anyhow::Result<Vec<Fault>> {
    let before = entry.look();
    let hashing = Hashing::of(entry);
    let faults = entry.verify(&hashing.watch())?;
    drop(hashing);
    if let (true, Ok(before)) = (faults.is_empty(), before) {
        library::note(library, entry, before);
    }
    Ok(faults)
}

fn page(entry: &Entry, faults: &[Fault]) -> String {
    let (name, files) = (entry.name(), entry.manifest.files.len());
    let s = if files == 1 { "" } else { "s" };
    let verdict = if faults.is_empty() { "ok" } else { "FAILED" };
    let bytes = size(entry.manifest.size());
    let mut page = format!("{verdict:<6}  {name}: {files} file{s}, {bytes}\n");
    for fault in faults {
        page += &format!("        {fault}\n");
    }
    page
}

fn as_json(entry: &Entry, faults: &[Fault]) -> Value {
    let fault = |it: &Fault| json!({"path": text(&it.path), "flaw": it.flaw.to_string()});
    json!({
        "name": entry.name(),
        "ok": faults.is_empty(),
        "files": entry.manifest.files.len(),
        "bytes": entry.manifest.size(),
        "faults": faults.iter().map(fault).collect::<Vec<_>>(),
    })
}

/// A file that is in no library.
fn file(path: &Path, expected: Option<Sha256Hex>, is_json: bool) -> anyhow::Result<()> {
    let Some(expected) = expected else {
        if let Some(bundle) = path.to_str().and_then(library::bundle) {
            return Err(bundle.into());
        }
        let failure = Failure::usage(format!("nothing says what `{}` should be", path.display()));
        return Err(failure.hint("give its digest with `--sha256 HEX`").into());
    };
    let hashing =
        Hashing::new(path.metadata().map_or(0, |it| it.len()), &path.display().to_string());
    let (found, bytes) = digest_of(path, &hashing.watch())?;
    drop(hashing);
    let ok = found == expected;
    match is_json {
        true => super::print_json(&json!({
            "path": text(path), "bytes": bytes, "sha256": found, "expected": expected, "ok": ok,
        }))?,
        false if ok => {
            super::print(&harmless(&format!("ok      {}: {}\n", path.display(), size(bytes))))?;
        }
        false => {}
    }
    match ok {
        true => Ok(()),
        false => {
            let path = path.display();
            let message = format!("the SHA-256 of `{path}` is {found}, expected {expected}");
            Err(Failure::new(message)
                .hint("get the file again, or ask whoever gave the digest")
                .into())
        }
    }
}
