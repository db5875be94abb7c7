//! What somebody types to name a model.
//!
//! ```text
//! llama3.2:3b                       a name of the catalogue, or of the library
//! llama3.2:3b-q4_k_m                the same in this weight format
//! org/repo  org/repo:Q4_K_M         a repository of a hub, and one of the formats in it
//! org/repo@revision                 as it is at this branch, tag or commit
//! hf.co/org/repo  hf://org/repo     the same; so are huggingface.co/… and addresses of its pages
//! ```
//!
//! Where the model is, on this machine or elsewhere, is not asked here.

use std::{fmt, str::FromStr};

use loader::SafeRelPath;

use crate::name::{Name, NameError, NameFlaw, RepoId, is_part};

/// A model, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Which.
    pub wanted: Wanted,
    /// The weight format or other variant, as it was typed.
    pub quant: Option<String>,
    /// The branch, tag or commit.
    pub revision: Option<String>,
}

/// By what name a model is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A repository of a hub.
    Repository(RepoId),
    /// A name of the catalogue, or of the library: `llama3.2:3b`.
    Called(String),
}

/// A text that names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` names no model: {why}", found.escape_debug())]
pub struct ReferenceError {
    /// The beginning of what was found.
    pub found: String,
    /// What is wrong.
    pub why: ReferenceFlaw,
}

/// Why a text names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceFlaw {
    /// Neither a name nor a repository.
    #[error(transparent)]
    Name(#[from] NameFlaw),
    /// The address of something that is no hub.
    #[error("it is an address, expected one below {}", HUBS[0])]
    Address,
    /// The address of a file whose name does not say which format it is in.
    #[error("it is the address of a file, expected that of a repository")]
    File,
    /// What follows the colon is no name.
    #[error("`{}` is no variant", .0.escape_debug())]
    Quant(String),
    /// What follows `@` is no branch, tag or commit.
    #[error("`{}` is no revision", .0.escape_debug())]
    Revision(String),
}

/// What stands before a repository of the hub.
const HUBS: &[&str] = &[
    "https://huggingface.co/",
    "https://hf.co/",
    "http://huggingface.co/",
    "http://hf.co/",
    "huggingface.co/",
    "hf.co/",
    "hf://",
];

impl ReferenceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self.why {
            ReferenceFlaw::Address => {
                "a model is named `org/repo`, `llama3.2:3b`, or by the path of its file".to_owned()
            }
            ReferenceFlaw::File => "`org/repo:Q4_K_M` names a file by its format".to_owned(),
            _ => return None,
        })
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let found = || text.chars().take(120).collect();
        let read = match HUBS.iter().find_map(|it| text.strip_prefix(it)) {
            Some(page) => Self::of_page(page),
            None if text.contains("://") => Err(ReferenceFlaw::Address),
            None => Self::of_name(text),
        };
        read.and_then(Self::checked).map_err(|why| ReferenceError { found: found(), why })
    }
}

impl Reference {
    /// `org/repo`, `org/repo/tree/main`, `org/repo/blob/main/model-Q4_K_M.gguf`; what a browser adds
    /// to such an address is dropped.
    fn of_page(page: &str) -> Result<Self, ReferenceFlaw> {
        let page = page.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let parts: Vec<&str> = page.splitn(3, '/').collect();
        let &[organisation, name, ref rest @ ..] = parts.as_slice() else {
            return Err(NameFlaw::Form { expected: "`organisation/name`" }.into());
        };
        let reference = Self::of_name(&format!("{organisation}/{name}"))?;
        match rest.first().map(|it| it.split('/').collect::<Vec<_>>()).as_deref() {
            None => Ok(reference),
            Some(["tree", revision]) => {
                Ok(Self { revision: Some((*revision).to_owned()), ..reference })
            }
            Some(["blob" | "resolve", revision, .., file]) => {
                let quant = quant_in(file).ok_or(ReferenceFlaw::File)?;
                let revision = Some((*revision).to_owned());
                Ok(Self { quant: Some(quant.to_owned()), revision, ..reference })
            }
            Some(_) => Err(ReferenceFlaw::File),
        }
    }

    /// Without what says that it is on the hub.
    fn of_name(text: &str) -> Result<Self, ReferenceFlaw> {
        let (text, revision) = text.split_once('@').map_or((text, None), |(a, b)| (a, Some(b)));
        let (revision, last) = match revision.and_then(|it| it.split_once(':')) {
            Some((revision, quant)) => (Some(revision), Some(quant)),
            None => (revision, None),
        };
        let revision = revision.map(str::to_owned);
        if text.contains('/') {
            let (path, first) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
            let wanted = Wanted::Repository(path.parse().map_err(flaw)?);
            if let (Some(_), Some(second)) = (first, last) {
                return Err(ReferenceFlaw::Quant(second.to_owned()));
            }
            return Ok(Self { wanted, quant: first.or(last).map(str::to_owned), revision });
        }
        Name::from_str(text).map_err(flaw)?;
        let tagged = text.split_once(':').and_then(|(model, tag)| match tag.rsplit_once('-') {
            Some((size, quant)) if is_quant(quant) => Some((format!("{model}:{size}"), quant)),
            _ => None,
        });
        let (called, quant) = match tagged {
            Some((called, quant)) => (called, Some(quant)),
            None => (text.to_owned(), None),
        };
        let quant = quant.or(last).map(str::to_owned);
        Ok(Self { wanted: Wanted::Called(called), quant, revision })
    }

    /// A part of a path, and of an address, is all that a variant and a revision can become.
    fn checked(self) -> Result<Self, ReferenceFlaw> {
        if let Some(quant) = self.quant.as_ref().filter(|it| !is_part(it)) {
            return Err(ReferenceFlaw::Quant(quant.clone()));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let is_revision =
            |it: &str| it.chars().all(plain) && it.parse::<SafeRelPath>().is_ok() && it.len() < 256;
        match self.revision.as_ref().filter(|it| !is_revision(it)) {
            Some(revision) => Err(ReferenceFlaw::Revision(revision.clone())),
            None => Ok(self),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = match &self.wanted {
            Wanted::Repository(repository) => {
                write!(f, "{repository}")?;
                ':'
            }
            Wanted::Called(name) => {
                f.write_str(name)?;
                if name.contains(':') { '-' } else { ':' }
            }
        };
        if let Some(quant) = &self.quant {
            write!(f, "{join}{quant}")?;
        }
        match &self.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

/// The weight format that the name of a file says it is in: `Q4_K_M` of `m-Q4_K_M.gguf`.
pub fn quant_in(file: &str) -> Option<&str> {
    let stem = file.strip_suffix(".gguf").unwrap_or(file);
    stem.split(['-', '.']).find_map(|word| {
        let after = word.match_indices('_').map(|(at, _)| at + 1);
        std::iter::once(0).chain(after).map(|at| &word[at..]).find(|it| is_quant(it))
    })
}

/// Whether this is what a weight format, or a mix of them, is called.
fn is_quant(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    if ["F32", "F16", "BF16", "MXFP4", "MXFP4_MOE", "NVFP4"].contains(&text.as_str()) {
        return true;
    }
    let family = text.strip_prefix(['I', 'T']).unwrap_or(&text).strip_prefix('Q');
    let Some((bits, rest)) = family.and_then(|it| it.split_once('_')) else { return false };
    let word = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric());
    matches!(bits.as_bytes(), [b'1'..=b'8']) && rest.split('_').all(word)
}

fn flaw(error: NameError) -> ReferenceFlaw {
    ReferenceFlaw::Name(error.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `wanted quant revision`, with `-` for none.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match text.parse::<Reference>() {
            Ok(Reference { wanted, quant, revision }) => {
                let wanted = match wanted {
                    Wanted::Repository(it) => it.to_string(),
                    Wanted::Called(it) => format!("={it}"),
                };
                let [quant, revision] = [quant, revision].map(|it| it.unwrap_or("-".to_owned()));
                format!("{wanted} {quant} {revision}")
            }
            Err(error) => error.why.to_string(),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn names_of_the_catalogue_and_the_library() {
        check("llama3.2:3b", "=llama3.2:3b - -");
        check("llama3.2:3b-q4_k_m", "=llama3.2:3b q4_k_m -");
        check("qwen3:8b-instruct-F16", "=qwen3:8b-instruct F16 -");
        check("mine", "=mine - -");
        check("mine:of-today", "=mine:of-today - -");
        check("phi4-mini@main", "=phi4-mini - main");
    }

    #[test]
    fn repositories() {
        check("org/repo", "org/repo - -");
        check("org/repo:Q4_K_M", "org/repo Q4_K_M -");
        check("org/repo@v1.0", "org/repo - v1.0");
        check("org/repo@refs/pr/3:IQ2_XS", "org/repo IQ2_XS refs/pr/3");
        check("org/repo:q8_0@main", "org/repo q8_0 main");
        for hub in HUBS {
            check(&format!("{hub}org/repo:Q4_K_M"), "org/repo Q4_K_M -");
        }
        check("https://huggingface.co/org/repo/?library=x", "org/repo - -");
        check("https://huggingface.co/org/repo/tree/v2", "org/repo - v2");
        check("https://hf.co/org/repo/blob/main/q/m-Q5_K_S.gguf", "org/repo Q5_K_S main");
        check(
            "https://hf.co/org/repo/resolve/main/m.Q8_0.gguf?download=true",
            "org/repo Q8_0 main",
        );
    }

    #[test]
    fn what_names_no_model() {
        check(
            "https://example.org/org/repo",
            "it is an address, expected one below https://huggingface.co/",
        );
        check("hf.co/gpt2", "expected `organisation/name`");
        check("https://hf.co/org/repo/blob/main/m.gguf", &ReferenceFlaw::File.to_string());
        check("org/repo:Q4:Q5", "`Q4:Q5` is no variant");
        check("org/repo:Q4_0@main:Q8_0", "`Q8_0` is no variant");
        check("org/repo@", "`` is no revision");
    }

    #[test]
    fn t16_nothing_leads_out_of_a_folder() {
        for bad in [
            "..",
            "/etc/passwd",
            "../x",
            "a/..",
            "a/../b",
            "C:x/y",
            r"\\host\s",
            "a\0b",
            "a.",
            "con",
            "a/nul",
            "m\u{e9}l",
            "hf.co/../x",
            "hf://a/..",
            "a/b:..",
            "a/b:x/y",
            "a/b@..",
            "a/b@../c",
            "a/b@x y",
            "a/b@/x",
            "a:../b",
            "a:b/c",
            "",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
        assert!(format!("a/b@{}", "x".repeat(300)).parse::<Reference>().is_err());
        assert!(format!("a/b:{}", "x".repeat(300)).parse::<Reference>().is_err());
    }

    #[test]
    fn a_reference_is_written_as_it_is_read() {
        for text in ["llama3.2:3b", "llama3.2:3b-q4_k_m", "org/repo:Q4_K_M@main", "mine", "a/b"] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn formats_in_names_of_files() {
        for (file, quant) in [
            ("Llama-3.2-3B-Instruct-Q4_K_M.gguf", Some("Q4_K_M")),
            ("org_repo_model_q8_0.gguf", Some("q8_0")),
            ("qwen2.5-0.5b-instruct-fp16.gguf", None),
            ("m.IQ2_XXS-00001-of-00002.gguf", Some("IQ2_XXS")),
            ("gpt-oss-20b-mxfp4.gguf", Some("mxfp4")),
            ("model.gguf", None),
            ("Q_A.gguf", None),
        ] {
            assert_eq!(quant_in(file), quant, "{file}");
        }
    }
}
