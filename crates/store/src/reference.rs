//! What somebody types to name a model.
//!
//! ```text
//! llama3.2:3b                       a name of the catalogue, or of the library
//! llama3.2:3b-q4_k_m                the same in this weight format
//! org/repo  org/repo:Q4_K_M         a repository of a hub, and one of the formats in it
//! org/repo@revision                 as it is at this branch, tag or commit
//! hf.co/org/repo  hf://org/repo     the same; so are huggingface.co/… and addresses of its pages,
//!                                   of which that of a file asks for this file
//! ```
//!
//! Where the model is, on this machine or elsewhere, is not asked here.

use std::{fmt, str::FromStr};

use crate::name::{Name, NameError, NameFlaw, RepoId, is_part};

/// A model, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Which.
    pub wanted: Wanted,
    /// The weight format or other variant, or the name of a file, as it was typed.
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
    /// The address of a file that is no model.
    #[error("it is the address of a file, expected that of a repository or of a `.gguf` file")]
    File,
    /// What follows the colon is no name.
    #[error("`{}` is no variant", .0.escape_debug())]
    Quant(String),
    /// What follows `@` is no branch, tag or commit.
    #[error("`{}` is no revision", .0.escape_debug())]
    Revision(String),
}

/// Longer than any branch or tag.
const MAX_REVISION: usize = 200;

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
            Some(["blob" | "resolve", revision, .., file]) if file.ends_with(".gguf") => {
                let revision = Some((*revision).to_owned());
                Ok(Self { quant: Some((*file).to_owned()), revision, ..reference })
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
        let tagged = text.split_once(':').and_then(|(model, tag)| {
            let quant = quant_in(tag)?;
            let size = tag.strip_suffix(quant)?.strip_suffix('-')?;
            Some((format!("{model}:{size}"), quant))
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

/// Whether this is what a branch, a tag or a commit may be called: a part of an address, and nothing
/// else.
pub fn is_revision(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    (1..=MAX_REVISION).contains(&text.len())
        && text.chars().all(plain)
        && !text.contains("..")
        && text.split('/').all(|it| !it.is_empty() && !it.starts_with(['.', '-']))
}

/// The weight format that the name of a file says it is in: `Q4_K_M` of `m-Q4_K_M.gguf`; the last
/// where there are several.
pub fn quant_in(file: &str) -> Option<&str> {
    let mut rest = file.strip_suffix(".gguf").unwrap_or(file);
    loop {
        let (before, word) = rest.rsplit_once(['-', '.']).unwrap_or(("", rest));
        if let Some(quant) = quant_of(word) {
            // Unsloth's mixes of the same names are others.
            let mark = before.rsplit(['-', '.']).next().unwrap_or_default();
            let is_other = quant == word && mark.eq_ignore_ascii_case("UD");
            let len = quant.len() + if is_other { "UD-".len() } else { 0 };
            return Some(&rest[rest.len() - len..]);
        }
        if before.is_empty() {
            return None;
        }
        rest = before;
    }
}

/// The format at the end of a word: `Q4_K_M`, or `MODEL_Q4_K_M`.
fn quant_of(word: &str) -> Option<&str> {
    let begins = word.match_indices('_').map(|it| it.0 + 1);
    std::iter::once(0).chain(begins).map(|at| &word[at..]).find(|it| is_quant(it))
}

/// Whether this is what a weight format, or a mix of them, is called.
fn is_quant(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let plain = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    let known = ["F16", "F32", "BF16", "FP16", "FP32"].contains(&text.as_str());
    let named = ["MXFP4", "NVFP4"].iter().any(|it| text.starts_with(it));
    let numbered = ["Q", "IQ", "TQ"].iter().any(|it| text.strip_prefix(it).is_some_and(digit));
    plain && (known || named || numbered)
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
        check("llama3.2:3b-UD-Q4_K_XL", "=llama3.2:3b UD-Q4_K_XL -");
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
        check("https://hf.co/org/repo/blob/main/q/m-Q5_K_S.gguf", "org/repo m-Q5_K_S.gguf main");
        check("https://hf.co/org/repo/resolve/v1+2/m.gguf?download=true", "org/repo m.gguf v1+2");
    }

    #[test]
    fn what_names_no_model() {
        check(
            "https://example.org/org/repo",
            "it is an address, expected one below https://huggingface.co/",
        );
        check("hf.co/gpt2", "expected `organisation/name`");
        check("https://hf.co/org/repo/blob/main/README.md", &ReferenceFlaw::File.to_string());
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
            ("qwen2.5-0.5b-instruct-fp16.gguf", Some("fp16")),
            ("Phi-3-mini-4k-instruct-q4.gguf", Some("q4")),
            ("Qwen3-8B-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL")),
            ("a-F16-requantised-to.Q8_0.gguf", Some("Q8_0")),
            ("m.IQ2_XXS-00001-of-00002.gguf", Some("IQ2_XXS")),
            ("gpt-oss-20b-mxfp4.gguf", Some("mxfp4")),
            ("model.gguf", None),
            ("Q_A.gguf", None),
        ] {
            assert_eq!(quant_in(file), quant, "{file}");
        }
    }
}
