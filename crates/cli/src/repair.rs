//! What mends a model of the library that is damaged, which depends on where it came from. Where it can
//! be fetched or carried here again, what is sound of it stays, and the rest alone comes.
//!
//! Nobody else advises on that: the library's errors say what is found and what was expected, and
//! [`told`] says what to do.

use store::{
    library::{Entry, Error, Fault, Flaw, Origin},
    name::{Name, RepoId},
};

use crate::{failure::Failure, library};

/// The branch that `ingle pull` takes where none is named.
const MAIN: &str = "main";

/// The error, with what to do about it where files of the model are not what its manifest says. What
/// is to be done about others they say themselves.
pub(crate) fn told(entry: &Entry, error: Error) -> anyhow::Error {
    let hint = match &error {
        Error::Size { found: None, .. } => of_missing(entry),
        Error::Size { .. } => of_files(entry),
        Error::Damaged { faults, .. } => of(entry, faults),
        _ => return error.into(),
    };
    Failure::new(error.to_string()).hint(hint).into()
}

/// What to do about the `faults` of a model.
pub(crate) fn of(entry: &Entry, faults: &[Fault]) -> String {
    if faults.iter().all(|it| matches!(it.flaw, Flaw::Unnamed)) {
        return format!("move away what the manifest of `{}` does not name", entry.name());
    }
    match faults.iter().all(|it| matches!(it.flaw, Flaw::Missing)) {
        true => of_missing(entry),
        false => of_files(entry),
    }
}

/// What to do about files of a model that are missing.
fn of_missing(entry: &Entry) -> String {
    let name = entry.name();
    match &entry.manifest.origin {
        Origin::Adopted { program, .. } if entry.is_adopted() => format!(
            "{program} keeps the files of `{name}` and may have removed them, or their disk is not \
             there: let it get them again, or forget the model: `ingle rm {name}`"
        ),
        _ => of_files(entry),
    }
}

/// What to do about files of a model that are missing or not what they were.
fn of_files(entry: &Entry) -> String {
    let (name, origin) = (entry.name(), &entry.manifest.origin);
    let carried = || format!("`ingle import` of a bundle with `{name}` mends what is damaged");
    match origin {
        Origin::Adopted { program, .. } if entry.is_adopted() => format!(
            "{program} keeps the files of `{name}`: let it get them again, or take what it has now: \
             `ingle rm {name}`, then `ingle adopt`"
        ),
        Origin::Hub { .. } if !cfg!(feature = "hub") => carried(),
        Origin::Hub { repository, revision, .. } if is_called(name, repository) => {
            let at = if revision == MAIN { String::new() } else { format!("@{revision}") };
            let variant = name.variant();
            format!("`ingle pull {repository}:{variant}{at}` fetches only what is damaged")
        }
        Origin::Bundle { .. } => carried(),
        _ => {
            let from = library::came_from(origin);
            format!("`ingle rm {name}`, and get it again: it was from {from}")
        }
    }
}

/// Whether a pull of the repository brings a model of this name, whatever the variant.
fn is_called(name: &Name, repository: &RepoId) -> bool {
    (name.publisher(), name.model()) == (repository.organisation(), repository.name())
}

#[cfg(test)]
mod tests {
    use store::{
        digest::Sha256Hex,
        library::{Facts, Manifest, VERSION},
    };

    use super::*;
    use crate::failure::hint_of;

    fn entry(name: &str, origin: Origin) -> Entry {
        let root = matches!(origin, Origin::Adopted { .. }).then(|| "elsewhere".into());
        let manifest = Manifest {
            version: VERSION,
            name: name.parse().unwrap(),
            main: None,
            files: Vec::new(),
            origin,
            arrived: "2026-11-29T12:00:00Z".to_owned(),
            facts: Facts::default(),
            root,
        };
        Entry { manifest, folder: "models".into() }
    }

    fn hub(revision: &str) -> Origin {
        Origin::Hub {
            endpoint: "https://huggingface.co".to_owned(),
            repository: "org/m".parse().unwrap(),
            revision: revision.to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        }
    }

    #[track_caller]
    fn check(name: &str, origin: Origin, expected: &str) {
        let found = of_files(&entry(name, origin));
        assert!(found.starts_with(expected), "{found}");
    }

    #[cfg(feature = "hub")]
    #[test]
    fn what_a_hub_has_is_fetched_by_what_it_was_asked_for() {
        check("org/m:Q4_0", hub("main"), "`ingle pull org/m:Q4_0` fetches only what is damaged");
        check("org/m", hub("v1.0"), "`ingle pull org/m:default@v1.0` fetches only what is damaged");
        // A copy under another name comes by none.
        let again = "`ingle rm mine`, and get it again: it was from huggingface.co/org/m";
        check("mine", hub("main"), again);
    }

    #[test]
    fn what_came_otherwise_comes_again_as_it_came() {
        let before = Box::new(hub("main"));
        let bundle = Origin::Bundle { index: Sha256Hex::of(b""), before };
        check("org/m:Q4_0", bundle, "`ingle import` of a bundle with `org/m:Q4_0` mends what");
        let program = "ollama".to_owned();
        let adopted = Origin::Adopted { program, called: "m:latest".to_owned() };
        check("m:latest", adopted, "ollama keeps the files of `m:latest`");
        let file = Origin::File { path: "m.gguf".into() };
        check("m", file, "`ingle rm m`, and get it again: it was from m.gguf");
    }

    #[test]
    fn errors_are_told_with_what_mends_the_model() {
        let size = |found| Error::Size { path: "m.gguf".into(), found, expected: 2 };
        let check = |entry: &Entry, error: Error, expected: &str| {
            let (text, told) = (error.to_string(), told(entry, error));
            let hint = hint_of(&told).unwrap_or_default();
            assert!(hint.starts_with(expected), "{hint}");
            assert_eq!(told.to_string(), text);
        };
        let own = entry("m", Origin::File { path: "m.gguf".into() });
        check(&own, size(Some(1)), "`ingle rm m`, and get it again");
        check(&own, size(None), "`ingle rm m`, and get it again");
        let (program, called) = ("ollama".to_owned(), "m:latest".to_owned());
        let adopted = entry("m:latest", Origin::Adopted { program, called });
        check(&adopted, size(Some(1)), "ollama keeps the files of `m:latest`: let it get them");
        check(&adopted, size(None), "ollama keeps the files of `m:latest` and may have removed");
        let faults = vec![Fault { path: "x".into(), flaw: Flaw::Missing }];
        let damaged = Error::Damaged { name: adopted.name().clone(), faults };
        check(&adopted, damaged, "ollama keeps the files of `m:latest` and may have removed");
        // Nothing that a model is damaged by.
        check(&own, Error::Busy { name: own.name().clone() }, "wait until it is done, or end it");
    }

    #[test]
    fn a_file_that_does_not_belong_there_is_no_damage_of_others() {
        let stray = || Fault { path: "x".into(), flaw: Flaw::Unnamed };
        let missing = Fault { path: "y".into(), flaw: Flaw::Missing };
        let entry = entry("m", Origin::File { path: "m.gguf".into() });
        assert!(of(&entry, &[stray()]).starts_with("move away"));
        assert!(of(&entry, &[stray(), missing]).starts_with("`ingle rm m`"));
    }
}
