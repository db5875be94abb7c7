//! Why a bundle cannot be written, or is not taken.

use std::{
    io,
    path::{Path, PathBuf},
};

use loader::grouped;

use super::{BadContent, Flaw};
use crate::{
    digest::Sha256Hex,
    library,
    name::{Name, NameError},
    signing,
};

/// What a folder is that was named.
pub(super) const FOLDER: &str = "a folder";

/// What went wrong with a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The operating system refused to write a bundle.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says, or what is in the way.
        source: io::Error,
    },
    /// The library refused.
    #[error(transparent)]
    Library(Box<library::Error>),
    /// Not the tar that a bundle is.
    #[error("`{}` is no bundle, or was damaged: {}", path.display(), flawed(*at, why))]
    Damaged {
        /// The bundle.
        path: PathBuf,
        /// Where, from the beginning of the first part.
        at: u64,
        /// What is wrong there.
        why: Flaw,
    },
    /// A tar in which something is not as it should be.
    #[error("`{what}` in `{}` cannot be used", path.display())]
    Content {
        /// The bundle.
        path: PathBuf,
        /// The entry in it, or the model.
        what: String,
        /// Why.
        #[source]
        why: BadContent,
    },
    /// There is something of this name already.
    #[error("`{}` is there already", path.display())]
    There {
        /// The name.
        path: PathBuf,
    },
    /// Something else than a file in the place of a bundle.
    #[error("`{}` is {found}, expected a bundle", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The first part of a split bundle is not there.
    #[error("there is no `{}`, the first part", path.display())]
    NoFirstPart {
        /// Where it should be.
        path: PathBuf,
    },
    /// A later part of a split bundle is not there.
    #[error("`{}` is not whole: part `{}` is missing beside it", path.display(), called(missing))]
    NoPart {
        /// The bundle.
        path: PathBuf,
        /// Where the part should be.
        missing: PathBuf,
    },
    /// So small pieces that their numbers do not fit.
    #[error("{bytes} bytes in parts of {split} are {parts} parts, at most {limit} are possible")]
    Parts {
        /// Bytes of the bundle.
        bytes: u64,
        /// Of a part.
        split: u64,
        /// How many that are.
        parts: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A file is not what its manifest says, or changed while it was read.
    #[error("sha256 of `{}` is {found}, its manifest says {expected}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Of the bytes that were read.
        found: Sha256Hex,
        /// What it should be.
        expected: Sha256Hex,
    },
    /// A file got shorter or longer while it was read.
    #[error("`{}` has {found} bytes, expected {expected}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Bytes that were there.
        found: u64,
        /// Bytes that it had.
        expected: u64,
    },
    /// A model file that is none.
    #[error("`{}` is no model that can be used", path.display())]
    Model {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: Box<loader::Error>,
    },
    /// A file or folder whose name is no name of a model.
    #[error("`{}` needs another name in the bundle", path.display())]
    NoName {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: NameError,
    },
    /// A name that is none on other systems.
    #[error("`{}` cannot keep its name", path.display())]
    FileName {
        /// The file.
        path: PathBuf,
        /// What is wrong with its name.
        source: loader::path::PathError,
    },
    /// The disk is too small.
    #[error("`{}` has {free} bytes of room, the model needs {needed} more", folder.display())]
    Room {
        /// The folder.
        folder: PathBuf,
        /// What is free there.
        free: u64,
        /// What is to be written.
        needed: u64,
    },
    /// The disk is too small for the bundle.
    #[error("`{}` has {free} bytes of room, the bundle needs {needed}", folder.display())]
    TooSmall {
        /// The folder.
        folder: PathBuf,
        /// What is free there.
        free: u64,
        /// Bytes of the bundle.
        needed: u64,
    },
    /// Another model has this name.
    #[error("`{name}` is in the library, and its files are others")]
    Taken {
        /// The name.
        name: Name,
    },
    /// The same model has this name, with other files beside its weights.
    #[error(
        "`{name}` is in the library with the same weights and other papers ({})",
        quoted(papers)
    )]
    OtherPapers {
        /// The name.
        name: Name,
        /// The files that differ, or that one of them does not have.
        papers: Vec<String>,
    },
    /// Another program keeps the files of the model of this name.
    #[error("`{name}` is in the library already, adopted from {program}")]
    Kept {
        /// The name.
        name: Name,
        /// The program.
        program: String,
    },
    /// A model that is to be signed is not.
    #[error("`{name}` in the bundle has no signature")]
    NotSigned {
        /// Which model.
        name: Name,
    },
    /// A bundle says something else of a model than what was signed with its files.
    #[error("the name, the origin or the facts of `{name}` are not those that were signed")]
    Relabelled {
        /// Which model.
        name: Name,
    },
    /// A signature that is not believed.
    #[error("the signature of `{name}` is not accepted")]
    Signature {
        /// Of which model.
        name: Name,
        /// Why.
        source: Box<signing::Error>,
    },
}

impl From<library::Error> for Error {
    fn from(error: library::Error) -> Self {
        Self::Library(Box::new(error))
    }
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Library(error) => return error.hint(),
            Self::Signature { source, .. } => return source.hint(),
            Self::Io { source, .. } => of_library(source.kind())?,
            Self::NoPart { .. } => {
                "all parts of a split bundle must lie side by side, each copied to its end"
            }
            Self::Write { source, .. } => of_volume(source.kind())?,
            Self::There { .. } => "`-y` replaces it",
            Self::TooSmall { .. } => "free some room there, or write it to a larger disk",
            Self::Room { .. } => "free some room, or set INGLE_HOME to a folder on another disk",
            Self::Taken { .. } | Self::OtherPapers { .. } => {
                "`-y` replaces it; `ingle cp` keeps the old one under another name"
            }
            Self::Kept { program, .. } => {
                return Some(format!(
                    "`-y` brings its files into the library; {program} keeps its own"
                ));
            }
            Self::Damaged { why: Flaw::Truncated { .. }, .. } => {
                "it was not copied to its end; of a split bundle, all parts must lie side by side"
            }
            Self::Damaged { path, .. } if is_model(path) => {
                "it is a model already: `ingle cp FILE NAME` takes it in"
            }
            Self::Damaged { .. } => {
                "copy it again from where it was made; `ingle export` makes bundles"
            }
            Self::Content { why: BadContent::Newer { .. }, .. } => "a newer `ingle` reads it",
            Self::Content { why: BadContent::Digest { .. }, .. } => {
                "it was damaged or changed on the way; copy it again from where it was made"
            }
            Self::Content { why: BadContent::Code(_), .. } => {
                "ask who made it for the model in `.safetensors` or `.gguf` alone"
            }
            Self::Content { .. } => {
                "it was made by another program, or changed: ask who made it to `ingle export` it again"
            }
            Self::FileName { .. } => {
                "give it a name of letters, digits, `-`, `_` and `.`, and pack it again"
            }
            Self::Size { .. } => "wait until nobody writes to it, then say it again",
            Self::NotAFile { path, found: FOLDER } => {
                let file = path.join("FILE.ingle");
                return Some(format!("name the file in it, such as `{}`", file.display()));
            }
            Self::NotAFile { .. } => "copy it to a file: it is read more than once",
            Self::NoFirstPart { .. } => "all parts of a split bundle must lie side by side",
            Self::Model { source, .. } => return source.hint(),
            Self::NoName { .. } => "`--name` gives it one",
            Self::Parts { .. } => "choose larger parts",
            Self::Changed { .. } => {
                "the file was damaged or changed; pull or import the model again"
            }
            Self::Relabelled { .. } => {
                "it was renamed or changed after it was signed; ask for the bundle of who signed it"
            }
            Self::NotSigned { .. } => {
                "`ingle export --key` signs; without `--key` the bundle is imported unsigned"
            }
        };
        Some(hint.to_owned())
    }

    /// For `map_err`: the bundle at `path` cannot be written.
    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    /// For `map_err`: `action` on `path` was refused.
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// What is wrong, and where; what ends too early does so at its end.
fn flawed(at: u64, why: &Flaw) -> String {
    match why {
        Flaw::Truncated { expected } => {
            format!("it ends at byte {}; {} more should follow", grouped(at), grouped(*expected))
        }
        why => format!("at byte {}, {why}", grouped(at)),
    }
}

/// The name of a file without its folder.
fn called(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

/// Whether it is called as model files are.
fn is_model(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    ["gguf", "safetensors"].iter().any(|it| extension.eq_ignore_ascii_case(it))
}

/// What to do where the system refuses to take a model in for this reason.
fn of_library(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind::{FileTooLarge, NotFound, StorageFull};
    match kind {
        NotFound => Some("look at its name and its folder, then say it again"),
        StorageFull => Some("free some room there, then say it again; an import goes on from here"),
        FileTooLarge => Some("that disk takes no file so large: a library needs another disk"),
        _ => None,
    }
}

/// What to do where it refuses to write a bundle for this reason.
fn of_volume(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind::{AlreadyExists, FileTooLarge, ResourceBusy, StorageFull};
    match kind {
        StorageFull => Some("free some room there, or write it to a larger disk"),
        FileTooLarge => {
            Some("that disk takes no file so large: `ingle export --split 4G` writes smaller ones")
        }
        AlreadyExists => Some("look whose that is, then move it away or choose another folder"),
        ResourceBusy => Some("another `ingle` writes that bundle: wait until it is done"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &Error, expected: &str) {
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains(expected), "{error}: {hint}");
    }

    #[test]
    fn what_a_bundle_should_not_hold_has_a_way_on() {
        let content =
            |why| Error::Content { path: "b.ingle".into(), what: "index.json".to_owned(), why };
        for why in [
            BadContent::Missing,
            BadContent::Unnamed,
            BadContent::TooLarge { found: 2, limit: 1 },
            BadContent::Layout,
            BadContent::Form,
            BadContent::Contradicted,
            BadContent::TwoModels,
        ] {
            check(&content(why), "ask who made it to `ingle export` it again");
        }
        check(&content(BadContent::Newer { found: 2, known: 1 }), "a newer `ingle`");
        let digest = Sha256Hex::of(b"");
        let why = BadContent::Digest { found: digest, expected: digest };
        check(&content(why), "copy it again");
        let size = Error::Size { path: "m.gguf".into(), found: 1, expected: 2 };
        check(&size, "wait until nobody writes to it");
    }

    #[test]
    fn where_a_bundle_ends_too_early_is_told() {
        let why = Flaw::Truncated { expected: 153_121_216 };
        let error = Error::Damaged { path: "b.ingle".into(), at: 100_000_000, why };
        let told = "`b.ingle` is no bundle, or was damaged: it ends at byte 100,000,000; \
                    153,121,216 more should follow";
        assert_eq!(error.to_string(), told);
        let model = Error::Damaged { path: "m.GGUF".into(), at: 0, why: Flaw::Checksum };
        check(&model, "`ingle cp FILE NAME` takes it in");
    }

    #[test]
    fn a_full_disk_is_told_of_by_what_was_to_go_there() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        check(&Error::write("usb/b.ingle")(full()), "a larger disk");
        check(&Error::io("write", "models/m")(full()), "an import goes on from here");
        let large = || io::Error::from(io::ErrorKind::FileTooLarge);
        check(&Error::write("usb/b.ingle")(large()), "--split 4G");
        check(&Error::io("write", "models/m")(large()), "a library needs another disk");
    }
}
