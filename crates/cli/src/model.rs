//! From the name of a model to its file, wherever that lies. The device that it is loaded onto is in
//! `device`.

mod meant;

use std::path::{Path, PathBuf};

use anyhow::Context;
use loader::{
    Access, ModelFile, Override,
    safetensors::{SKIPPED_PARTS, UNREAD_KEYS},
};
use store::{
    Correction,
    library::{Entry, Library},
};

use crate::{
    admission::{self, Admitted},
    args::{Load, Lora, Model},
    device, encode,
    failure::Failure,
    library, repair,
    terminal::tell,
    written,
};
use meant::reference;
pub(crate) use meant::{both, is_path, tell_both};

/// The model's name and the other words: `-m` takes the place of the first word.
///
/// # Errors
///
/// If no model is named.
pub(crate) fn named(
    model: Model,
    words: Vec<String>,
    usual: Option<&str>,
) -> anyhow::Result<(String, Vec<String>)> {
    let mut words = model.word.into_iter().chain(words);
    let name = model.model.or_else(|| words.next()).or_else(|| usual.map(str::to_owned));
    let hint = match BUILT_IN {
        Some(name) => {
            format!("name a `.gguf` file, a model that `ingle list` has, or the built-in `{name}`")
        }
        None => "name a `.gguf` file or a model that `ingle list` has".to_owned(),
    };
    let name = name.ok_or_else(|| Failure::usage("no model is named").hint(hint))?;
    Ok((name, words.collect()))
}

/// The same where nothing but a model is expected.
///
/// # Errors
///
/// If no model is named, or more than one.
pub(crate) fn alone(model: Model, usual: Option<&str>) -> anyhow::Result<String> {
    let (name, more) = named(model, Vec::new(), usual)?;
    match more.as_slice() {
        [] => Ok(name),
        [first, ..] => {
            let message = format!("unexpected argument `{first}` after the model `{name}`");
            Err(Failure::usage(message).into())
        }
    }
}

/// The model inside this binary, if it has one: its name.
pub(crate) const BUILT_IN: Option<&str> = {
    #[cfg(feature = "ember")]
    let name = Some(ember::NAME);
    #[cfg(not(feature = "ember"))]
    let name = None;
    name
};

/// The bytes of the built-in model, if this is its name. A file called so is `./ember`.
pub(crate) fn built_in(name: &str) -> Option<&'static [u8]> {
    #[cfg(feature = "ember")]
    let bytes = ember::GGUF;
    #[cfg(not(feature = "ember"))]
    let bytes: &[u8] = &[];
    (BUILT_IN == Some(name)).then_some(bytes)
}

/// A model file, what was said of it on standard error, and that it may be used.
pub(crate) struct Opened {
    pub(crate) file: ModelFile,
    pub(crate) said: Vec<String>,
    pub(crate) admitted: Admitted,
}

/// Opens the model file of this name, or the built-in one, corrected as the catalogue says.
///
/// # Errors
///
/// If there is none, it is not sound, or this site's policy denies it.
pub(crate) fn open(
    name: &str,
    overrides: &[Override],
    access: Access,
) -> anyhow::Result<ModelFile> {
    Ok(open_telling(name, overrides, access)?.file)
}

/// The same, with what was said and what the log is to hear.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn open_telling(
    name: &str,
    overrides: &[Override],
    access: Access,
) -> anyhow::Result<Opened> {
    let both = tell_both(name);
    let Read { file, corrections, entry } = open_corrected(name, overrides, access, Use::Weights)?;
    let admitted = admission::at_load(name, &file, entry.as_ref())?;
    let mut said: Vec<_> = both.into_iter().chain(tell_warnings(&file)?).collect();
    if let Some(note) = written::note(&corrections) {
        tell(format_args!("note: {note}"));
        said.push(note);
    }
    Ok(Opened { file, said, admitted })
}

/// A model file as it is to be read, and why.
pub(crate) struct Read {
    pub(crate) file: ModelFile,
    /// What the catalogue corrected.
    pub(crate) corrections: Vec<Correction>,
    /// Where the library has it, if it is one of its models.
    pub(crate) entry: Option<Entry>,
}

/// What a model is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Its weights: what the library did not verify yet is verified.
    Weights,
    /// Its header, to be shown: nothing else is read.
    Header,
}

/// The same without a word and whatever the policy says, to look at it. What the user overrides
/// stays as they say.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn open_corrected(
    name: &str,
    overrides: &[Override],
    access: Access,
    purpose: Use,
) -> anyhow::Result<Read> {
    if let Some(bytes) = built_in(name) {
        let file = ModelFile::from_bytes(name, loader::Bytes::new(bytes), overrides)?;
        return Ok(Read { file, corrections: Vec::new(), entry: None });
    }
    let mut corrections = Vec::new();
    let choose = |file: &ModelFile| {
        corrections = store::corrections(file);
        corrections.retain(|it| overrides.iter().all(|ours| ours.key != it.set.key));
        corrections.iter().map(|it| &it.set).chain(overrides).cloned().collect()
    };
    let (file, entry) = match find(name)? {
        Place::Path(path) => {
            let file = ModelFile::open_choosing(&path, access, choose);
            (file.with_context(|| format!("cannot load `{name}`"))?, None)
        }
        Place::Library(library, entry) => {
            let file = match purpose {
                Use::Header => {
                    let file = entry.open(access, choose);
                    file.map_err(|error| repair::told(&entry, error))?
                }
                Use::Weights => library::open(&library, &entry, access, choose)?,
            };
            (file, Some(*entry))
        }
    };
    Ok(Read { file, corrections, entry })
}

/// Where a model is.
pub(crate) enum Place {
    Path(PathBuf),
    Library(Library, Box<Entry>),
}

/// The file or folder of this name, which may be that of a model of the library; if there is none,
/// the model of the library.
///
/// # Errors
///
/// If there is neither.
pub(crate) fn find(name: &str) -> anyhow::Result<Place> {
    let path = Path::new(name);
    if is_path(name)? {
        if let Some(bundle) = library::bundle(name) {
            return Err(bundle.into());
        }
        let library = library::library()?;
        return Ok(match library.at_path(path)? {
            Some(entry) => Place::Library(library, Box::new(entry)),
            None => Place::Path(path.to_owned()),
        });
    }
    match reference(name) {
        Some(_) => {}
        None if name.contains("://") => return Err(address(name).into()),
        None => return Err(absent(name, path).into()),
    }
    let library = library::library()?;
    let entry = library::entry(&library, name)?;
    Ok(Place::Library(library, Box::new(entry)))
}

/// The model of the library that this name opens, if it is one of it.
///
/// # Errors
///
/// As [`find`].
pub(crate) fn kept(name: &str) -> anyhow::Result<Option<Entry>> {
    if built_in(name).is_some() {
        return Ok(None);
    }
    Ok(match find(name)? {
        Place::Path(_) => None,
        Place::Library(_, entry) => Some(*entry),
    })
}

/// The same as `load` asks for it: with other overrides, read instead of mapped, in other formats.
///
/// # Errors
///
/// As [`open`]; if there are not so many threads, or a weight cannot be encoded.
pub(crate) fn open_for(name: &str, load: &Load) -> anyhow::Result<Opened> {
    let threads = device::threads(load.threads)?;
    let mut opened = open_telling(name, &load.override_kv, load.access())?;
    opened.said.extend(device::tell_of_crowd(load.threads));
    adapt(&mut opened, &load.lora, load.access())?;
    let Some(mix) = load.quant else { return Ok(opened) };
    let made = encode::in_memory(&opened.file, mix, threads);
    let file = made.with_context(|| format!("cannot encode `{name}` as {mix}"))?;
    Ok(Opened { file, ..opened })
}

/// Adds the adapters to the model.
///
/// # Errors
///
/// If one is none, is of another model, or this site's policy denies it.
pub(crate) fn adapt(opened: &mut Opened, lora: &[Lora], access: Access) -> anyhow::Result<()> {
    for Lora { path, scale } in lora {
        if !path.exists() {
            let failure = Failure::new(format!("there is no adapter `{}`", path.display()));
            return Err(failure
                .hint("name a GGUF file or a folder of PEFT, `:SCALE` after it")
                .into());
        }
        let adapter = opened.file.adapt(path, *scale, access)?;
        opened.admitted.adapted(path, &adapter)?;
    }
    Ok(())
}

/// Says what the file holds and nobody here reads, and returns that.
///
/// # Errors
///
/// If the file is not sound.
pub(crate) fn tell_warnings(file: &ModelFile) -> Result<Vec<String>, loader::Error> {
    let warnings = warnings(file)?;
    warnings.iter().for_each(|it| tell(format_args!("warning: {it}")));
    Ok(warnings)
}

/// The most keys that a warning names: a file can hold very many.
const MAX_NAMED: usize = 8;

/// Warnings about what the file holds and nobody here reads.
///
/// # Errors
///
/// If the file is not sound.
fn warnings(file: &ModelFile) -> Result<Vec<String>, loader::Error> {
    let quoted = |key| -> Result<Option<String>, loader::Error> {
        let names = file.metadata.strings(key)?;
        let names = names.map(|it| it.iter().map(|name| quote(&name)).collect::<Vec<_>>());
        Ok(names.map(|it| it.join(", ")))
    };
    let keys = quoted(UNREAD_KEYS)?
        .map(|it| format!("keys of `config.json` that nobody here knows: {it}"));
    let parts = quoted(SKIPPED_PARTS)?
        .map(|it| format!("parts of the model that are not used: {it}; it reads and writes text"));
    let tokens = engine::tokenizer::warnings(file);
    Ok([keys, unread_keys(file), parts].into_iter().flatten().chain(tokens).collect())
}

/// Names the keys below the architecture's name that nobody here reads, if there are some.
fn unread_keys(file: &ModelFile) -> Option<String> {
    let keys = engine::arch::unread_keys(file);
    let names: Vec<_> = keys.iter().take(MAX_NAMED).map(|it| quote(it)).collect();
    let more = match keys.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let names = format!("{}{more}", names.join(", "));
    let what = "keys of the file that nobody here reads, though they may change what it answers";
    (!keys.is_empty()).then(|| format!("{what}: {names}"))
}

/// A name that a file gave, on one line.
fn quote(name: &str) -> String {
    format!("`{}`", name.escape_debug())
}

/// Why nothing is found under an address.
pub(crate) fn address(name: &str) -> Failure {
    let message = format!("`{name}` is an address, and none of a model's repository");
    let hint = "name a repository, such as `org/repo`, or fetch the file and `ingle run FILE.gguf`";
    Failure::new(message).hint(hint)
}

/// Why there is no file of this name, and what is near.
pub(crate) fn absent(name: &str, path: &Path) -> Failure {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let failure = Failure::new(format!("there is no file `{name}`"));
    if !folder.is_dir() {
        return failure.hint(format!("the folder `{}` does not exist, either", folder.display()));
    }
    let wanted = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut models = models(&folder);
    models.sort_by_key(|it| (distance(&wanted, &it.to_lowercase()), it.clone()));
    models.truncate(3);
    if models.is_empty() {
        return failure.hint(format!("no model file is in `{}`", folder.display()));
    }
    let paths = models.iter().map(|it| match folder == Path::new(".") {
        true => format!("`{it}`"),
        false => format!("`{}`", folder.join(it).display()),
    });
    failure.hint(format!("the folder has {}", paths.collect::<Vec<_>>().join(", ")))
}

/// Names in `folder` that may be models.
fn models(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let is_model = |path: &Path| {
        let extension = path.extension().unwrap_or_default();
        extension == "gguf" || extension == "safetensors" || path.join("config.json").is_file()
    };
    entries
        .filter(|it| is_model(&it.path()))
        .filter_map(|it| it.file_name().into_string().ok())
        .collect()
}

/// Insertions, deletions and replacements from `a` to `b`.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_changes() {
        for (a, b, n) in [("", "", 0), ("abc", "abc", 0), ("kitten", "sitting", 3), ("", "ab", 2)] {
            assert_eq!(distance(a, b), n, "{a} {b}");
        }
    }
}
