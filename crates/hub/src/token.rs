//! The token that opens gated repositories: where it is found, and that it is never shown.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// A token of a hub. No `Display`, and `Debug` hides it: it cannot get into a message or a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token in `text`, blanks around it left out; `None` where that is none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits =
            !text.is_empty() && text.len() <= 4096 && text.bytes().all(|it| it.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The one of this machine's user: of `HF_TOKEN`, else of the file that Hugging Face's own
    /// programs keep.
    pub(crate) fn find(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let given = variable("HF_TOKEN").as_deref().and_then(Self::new);
        given.or_else(|| Self::new(&fs::read_to_string(file(variable)?).ok()?))
    }

    /// The value of the header `Authorization`.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// `HF_TOKEN_PATH`, else `token` in `HF_HOME`, else in `huggingface` of the user's cache.
fn file(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    set("HF_TOKEN_PATH")
        .or_else(|| Some(set("HF_HOME")?.join("token")))
        .or_else(|| Some(below(&set("XDG_CACHE_HOME")?)))
        .or_else(|| Some(below(&etcetera::home_dir().ok()?.join(".cache"))))
}

fn below(cache: &Path) -> PathBuf {
    cache.join("huggingface").join("token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t22_a_token_is_not_shown() {
        let token = Token::new(" hf_secret\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        assert_eq!(token.bearer(), "Bearer hf_secret");
        for bad in ["", " ", "a b", "a\r\nX-Evil: 1", "é"] {
            assert_eq!(Token::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_variable_wins_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), "hf_file\n").unwrap();
        let home = dir.path().display().to_string();
        let with = |token: Option<&str>| {
            let token = token.map(str::to_owned);
            let home = home.clone();
            move |name: &str| match name {
                "HF_TOKEN" => token.clone(),
                "HF_HOME" => Some(home.clone()),
                _ => None,
            }
        };
        assert_eq!(Token::find(&with(None)), Token::new("hf_file"));
        assert_eq!(Token::find(&with(Some("hf_variable"))), Token::new("hf_variable"));
        assert_eq!(Token::find(&with(Some(""))), Token::new("hf_file"));
    }
}
