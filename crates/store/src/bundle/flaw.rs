//! What is wrong in a bundle: with its tar, and with what that holds.

use loader::SafeRelPath;

use crate::digest::Sha256Hex;

/// What is wrong with the tar at some place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It ends too early.
    #[error("it ends, and {expected} more bytes should follow")]
    Truncated {
        /// How many more.
        expected: u64,
    },
    /// Not a header.
    #[error("there is no header of tar: its checksum is wrong")]
    Checksum,
    /// A header that `export` would not write.
    #[error("the header has an owner, a time, rights or another field that bundles do not have")]
    Header,
    /// Something else than a file.
    #[error("`{}` is {found}, expected a plain file", name.escape_debug())]
    Kind {
        /// Its name.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// A file that does not belong into a bundle.
    #[error("a file is called `{}`, which is no name of a bundle", name.escape_debug())]
    Name {
        /// Its name.
        name: String,
    },
    /// A name that came already.
    #[error("`{name}` comes a second time")]
    Twice {
        /// The name.
        name: String,
    },
    /// Another form of large sizes, a needless one, or one that two programs would read differently.
    #[error("the size of a large file is told in another way than in bundles")]
    LargeSize,
    /// More entries than any bundle has.
    #[error("there are more than {limit} files in it")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Bytes between files that are not zero.
    #[error("the space between two files is not empty")]
    Padding,
    /// Something after the end.
    #[error("the bundle ends, and {found} more bytes follow")]
    After {
        /// How many.
        found: u64,
    },
}

/// Why something in a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadContent {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// Nothing in the bundle speaks of it.
    #[error("nothing in the bundle names it")]
    Unnamed,
    /// So large that nobody made it in good faith.
    #[error("it has {found} bytes, at most {limit} are read")]
    TooLarge {
        /// Its bytes.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Another size than the bundle says elsewhere.
    #[error("it has {found} bytes, expected {expected}")]
    Size {
        /// Its bytes.
        found: u64,
        /// What is said of it.
        expected: u64,
    },
    /// Other bytes than their name says.
    #[error("its sha256 is {found}, expected {expected}")]
    Digest {
        /// Of its bytes.
        found: Sha256Hex,
        /// What it should be.
        expected: Sha256Hex,
    },
    /// Not the JSON that it should be.
    #[error("it is not what it should be")]
    Json(#[source] serde_json::Error),
    /// Another version of the layout.
    #[error("it is not of version 1.0.0")]
    Layout,
    /// The index in another form than it is written in.
    #[error("it is not written as in bundles")]
    Form,
    /// Something of another kind.
    #[error("its kind is `{}`, expected `{expected}`", found.escape_debug())]
    MediaType {
        /// The media type.
        found: String,
        /// What is read here.
        expected: &'static str,
    },
    /// Written by a newer Ingle.
    #[error("it is of version {found}, expected at most {known}")]
    Newer {
        /// Its version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// A layer that is no file and not known otherwise.
    #[error("a file of it has no path")]
    NoPath,
    /// A path that leads elsewhere.
    #[error("a file of it has a path that is not used")]
    Path(#[source] loader::path::PathError),
    /// Two files that could be one.
    #[error("`{0}` is in it twice, or differs in case alone")]
    TwoFiles(SafeRelPath),
    /// A file called like what the library writes itself.
    #[error("`{0}` is in it, which is a name of the library's own")]
    Reserved(SafeRelPath),
    /// A file of a kind that runs when other programs read it.
    #[error("`{0}` is in it, a kind of file that can run any code where it is read")]
    Code(SafeRelPath),
    /// What is to be opened is none of the files.
    #[error("it is to be opened at `{0}`, which is none of its files")]
    Main(SafeRelPath),
    /// Not exactly one description of the model.
    #[error("it has {found} layers `{kind}`, expected 1")]
    Described {
        /// The media type.
        kind: &'static str,
        /// How often.
        found: usize,
    },
    /// The index says something else of a model than the model itself.
    #[error("the index says otherwise of it")]
    Contradicted,
    /// Two models of one name.
    #[error("its name is there twice")]
    TwoModels,
}
