//! What models are called: in the library, and on a hub.
//!
//! ```text
//! Name     bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M      publisher / model : variant
//!          mine                                             local / mine : default
//! RepoId   bartowski/Llama-3.2-3B-Instruct-GGUF             a repository of a hub
//! ```
//!
//! Every part is a plain file name on every system, so a name is a path below the library. Names
//! that differ in case alone are one name to a file system that ignores case, and are refused
//! where they would meet.

use std::{fmt, path::PathBuf, str::FromStr};

use loader::SafeRelPath;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The publisher of what has none.
pub const LOCAL: &str = "local";
/// The variant of what has none.
const DEFAULT: &str = "default";

/// The name of a model in the library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    publisher: Part,
    model: Part,
    variant: Part,
}

/// A repository of a hub: `organisation/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoId {
    organisation: Part,
    name: Part,
}

/// 1 to 96 of `a-z A-Z 0-9 - _ .`, not beginning with `.` or `-`, not ending with `.`, and none
/// that Windows gives to a device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Part(String);

/// A text that names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no name of {kind}: {why}", found.escape_debug())]
pub struct NameError {
    /// The beginning of what was found.
    pub found: String,
    /// What it should name.
    pub kind: &'static str,
    /// What is wrong.
    pub why: NameFlaw,
}

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFlaw {
    /// Too many or too few parts.
    #[error("expected {expected}")]
    Form {
        /// The form of such a name.
        expected: &'static str,
    },
    /// A part is no file name on every system.
    #[error(
        "the part `{}` is not 1 to {MAX} of a-z A-Z 0-9 - _ and inner dots",
        part.escape_debug()
    )]
    Part {
        /// The part.
        part: String,
    },
    /// A part would be a file on every system but Windows.
    #[error("the part `{part}` is a device of Windows")]
    Device {
        /// The part.
        part: String,
    },
}

/// Characters in the longest part.
const MAX: usize = 96;

impl Name {
    /// From its parts.
    ///
    /// # Errors
    ///
    /// If one is no file name on every system.
    pub fn new(repo: &RepoId, variant: &str) -> Result<Self, NameError> {
        let flaw = |why| NameError { found: shortened(variant), kind: "a variant", why };
        let variant = Part::from_str(variant).map_err(flaw)?;
        Ok(Self { publisher: repo.organisation.clone(), model: repo.name.clone(), variant })
    }

    /// Another variant of the same model.
    ///
    /// # Errors
    ///
    /// If it is no file name on every system.
    pub fn with_variant(&self, variant: &str) -> Result<Self, NameError> {
        let flaw = |why| NameError { found: shortened(variant), kind: "a variant", why };
        Ok(Self { variant: variant.parse().map_err(flaw)?, ..self.clone() })
    }

    /// Who published it; `local` where nobody did.
    pub fn publisher(&self) -> &str {
        &self.publisher.0
    }

    /// The model, without its publisher.
    pub fn model(&self) -> &str {
        &self.model.0
    }

    /// Which of its files: a weight format, `safetensors`, or `default`.
    pub fn variant(&self) -> &str {
        &self.variant.0
    }

    /// Publisher, model and variant.
    pub fn parts(&self) -> [&str; 3] {
        [self.publisher(), self.model(), self.variant()]
    }

    /// `publisher/model/variant`, below the library.
    pub fn path(&self) -> PathBuf {
        self.parts().iter().collect()
    }

    /// What a file system that ignores case takes it for.
    pub fn fold_key(&self) -> String {
        self.path().to_string_lossy().to_ascii_lowercase()
    }
}

impl RepoId {
    /// `organisation` of `organisation/name`.
    pub fn organisation(&self) -> &str {
        &self.organisation.0
    }

    /// `name` of `organisation/name`.
    pub fn name(&self) -> &str {
        &self.name.0
    }
}

impl FromStr for Part {
    type Err = NameFlaw;

    fn from_str(part: &str) -> Result<Self, NameFlaw> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_plain = (1..=MAX).contains(&part.len())
            && part.chars().all(plain)
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.');
        let is_path = part.parse::<SafeRelPath>().is_ok_and(|it: SafeRelPath| it.as_str() == part);
        match (is_plain, is_path) {
            (true, true) => Ok(Self(part.to_owned())),
            (true, false) => Err(NameFlaw::Device { part: part.to_owned() }),
            (false, _) => Err(NameFlaw::Part { part: shortened(part) }),
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = |why| NameError { found: shortened(text), kind: "a model", why };
        let (path, variant) = text.split_once(':').unwrap_or((text, DEFAULT));
        let (publisher, model) = path.split_once('/').unwrap_or((LOCAL, path));
        if model.contains('/') {
            let expected = "`publisher/model:variant` or `model:variant`";
            return Err(error(NameFlaw::Form { expected }));
        }
        let part = |it: &str| Part::from_str(it).map_err(error);
        Ok(Self { publisher: part(publisher)?, model: part(model)?, variant: part(variant)? })
    }
}

impl FromStr for RepoId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = |why| NameError { found: shortened(text), kind: "a repository", why };
        let form = || error(NameFlaw::Form { expected: "`organisation/name`" });
        let (organisation, name) = text.split_once('/').ok_or_else(form)?;
        let part = |it: &str| match it.contains('/') {
            true => Err(form()),
            false => Part::from_str(it).map_err(error),
        };
        Ok(Self { organisation: part(organisation)?, name: part(name)? })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.publisher() != LOCAL {
            write!(f, "{}/", self.publisher())?;
        }
        f.write_str(self.model())?;
        match self.variant() {
            DEFAULT => Ok(()),
            variant => write!(f, ":{variant}"),
        }
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.organisation.0, self.name.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for RepoId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for RepoId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Whether `text` can be a part of a name.
pub(crate) fn is_part(text: &str) -> bool {
    text.parse::<Part>().is_ok()
}

/// The part of a name that is nearest to `text`; none if nothing of it can stay.
pub(crate) fn nearest_part(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text: String = text.chars().map(|c| if plain(c) { c } else { '-' }).take(MAX).collect();
    let text = text.trim_start_matches(['.', '-']).trim_end_matches(['.', '-']);
    is_part(text).then(|| text.to_owned())
}

fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let found = text.parse::<Name>().ok();
        let shown = found.as_ref().map(|it| (it.to_string(), it.path().display().to_string()));
        assert_eq!(shown, expected.map(|(a, b)| (a.to_owned(), b.to_owned())), "{text}");
    }

    #[test]
    fn a_name_is_a_path_below_the_library() {
        check("org/m:Q4_K_M", Some(("org/m:Q4_K_M", "org/m/Q4_K_M")));
        check("mine", Some(("mine", "local/mine/default")));
        check("local/mine:default", Some(("mine", "local/mine/default")));
        check("mine:2", Some(("mine:2", "local/mine/2")));
        for bad in [
            "",
            "/",
            ":",
            "a/",
            "/a",
            "a:",
            "a/b/c",
            "..",
            "../x",
            "a/..",
            "a:..",
            ".partial/x",
            "-a",
            "a b",
            "a\\b",
            "C:x/y",
            "con",
            "a/NUL",
            "a.",
            "é/x",
            "a:b:c",
            "a\0",
        ] {
            check(bad, None);
        }
        check(&"a".repeat(MAX + 1), None);
    }

    #[test]
    fn what_is_wrong_with_a_part_is_told() {
        for (part, expected) in [
            ("a b", "the part `a b` is not 1 to 96 of a-z A-Z 0-9 - _ and inner dots"),
            ("a.", "the part `a.` is not 1 to 96 of a-z A-Z 0-9 - _ and inner dots"),
            ("con", "the part `con` is a device of Windows"),
            ("NUL.gguf", "the part `NUL.gguf` is a device of Windows"),
        ] {
            assert_eq!(Part::from_str(part).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_text_becomes_the_part_that_is_nearest() {
        for (text, part) in [
            ("Qwen2.5 7B (chat)", Some("Qwen2.5-7B--chat")),
            ("..a..", Some("a")),
            ("é", None),
            ("con", None),
        ] {
            assert_eq!(nearest_part(text).as_deref(), part, "{text}");
        }
    }

    #[test]
    fn t16_names_that_are_no_file_names() {
        let long = "x".repeat(300);
        for bad in [
            "..",
            "/etc",
            "C:x",
            r"\\host\s",
            "a\0b",
            "a.",
            "a ",
            "CON",
            "nul",
            "m\u{e9}l",
            "me\u{301}l",
            &long,
        ] {
            assert!(!is_part(bad), "{bad:?}");
            assert!(format!("{bad}/m:v").parse::<Name>().is_err(), "{bad:?}");
            assert!(format!("p/{bad}:v").parse::<Name>().is_err(), "{bad:?}");
            assert!(format!("p/m:{bad}").parse::<Name>().is_err(), "{bad:?}");
            assert!(format!("{bad}/m").parse::<RepoId>().is_err(), "{bad:?}");
        }
        let [a, b] = ["Org/M:Q", "org/m:q"].map(|it| it.parse::<Name>().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.fold_key(), b.fold_key());
    }

    #[test]
    fn a_repository_has_two_parts() {
        let id: RepoId = "meta-llama/Llama-3.2-1B".parse().unwrap();
        assert_eq!((id.organisation(), id.name()), ("meta-llama", "Llama-3.2-1B"));
        for bad in ["gpt2", "a/b/c", "../b", "a/..", "a/b:c", "a/b\n", "https://x/y"] {
            assert!(bad.parse::<RepoId>().is_err(), "{bad}");
        }
    }
}
