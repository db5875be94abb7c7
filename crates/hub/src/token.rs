//! The token that opens gated repositories: where it is found, which server is told it, and that it
//! is never shown.

use std::{fmt, fs, path::PathBuf};

use store::hugging_face;

use crate::{Endpoint, Error, Url};

/// The variable that holds one.
const NAME: &str = "HF_TOKEN";

/// What stands in the place of a token where a server repeats it.
pub(crate) const HIDDEN: &str = "[token]";

/// A token of a hub. No `Display`, and `Debug` hides it: it cannot get into a message or a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    from: Giver,
}

/// Who gave a token.
#[derive(Clone, PartialEq, Eq)]
enum Giver {
    /// `HF_TOKEN`.
    Variable,
    /// The file that Hugging Face's own programs keep.
    File(PathBuf),
    /// Somebody who was asked for it.
    Person,
}

impl Token {
    /// The token in `text`, which somebody was asked for, blanks around it left out; `None` where
    /// that is none.
    pub fn new(text: &str) -> Option<Self> {
        Self::of(text, Giver::Person)
    }

    fn of(text: &str, from: Giver) -> Option<Self> {
        let text = text.trim();
        let fits =
            !text.is_empty() && text.len() <= 4096 && text.bytes().all(|it| it.is_ascii_graphic());
        fits.then(|| Self { text: text.to_owned(), from })
    }

    /// The one of this machine's user: of `HF_TOKEN`, else of the file that Hugging Face's own
    /// programs keep.
    ///
    /// # Errors
    ///
    /// If `HF_TOKEN` says what is no token.
    pub(crate) fn find(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        if let Some(text) = variable(NAME).filter(|it| !it.trim().is_empty()) {
            return match Self::of(&text, Giver::Variable) {
                Some(token) => Ok(Some(token)),
                None => Err(Error::Setting {
                    name: NAME.to_owned(),
                    // Whatever it is, it is nobody else's business.
                    found: "…".to_owned(),
                    expected: "a token, of at most 4,096 printed characters without blanks",
                }),
            };
        }
        let kept = file(variable).and_then(|path| {
            let text = fs::read_to_string(&path).ok()?;
            Self::of(&text, Giver::File(path))
        });
        Ok(kept)
    }

    /// The server that is told it, where `first` is the hub that is asked first: that one, which
    /// the user named or meant; but of the file, `huggingface.co`, which it was kept for. None
    /// where another machine would be told without encryption.
    pub(crate) fn server(&self, first: &Endpoint) -> Option<Url> {
        let endpoint = match self.from {
            Giver::Variable | Giver::Person => first.clone(),
            Giver::File(_) => Endpoint::usual(),
        };
        let url = endpoint.url().clone();
        (url.is_secure() || url.is_loopback()).then_some(url)
    }

    /// Where it is from, in words.
    pub(crate) fn origin(&self) -> String {
        match &self.from {
            Giver::Variable => NAME.to_owned(),
            Giver::File(path) => format!("`{}`", path.display()),
            Giver::Person => "what was typed".to_owned(),
        }
    }

    /// What a server said, with [`HIDDEN`] in the place of the token; nothing where it did not repeat it.
    pub(crate) fn hidden_in(&self, bytes: &[u8]) -> Option<String> {
        let is_it = |it: &[u8]| it == self.text.as_bytes();
        let repeats = bytes.windows(self.text.len()).any(is_it);
        repeats.then(|| String::from_utf8_lossy(bytes).replace(&self.text, HIDDEN))
    }

    /// The value of the header `Authorization`.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// `HF_TOKEN_PATH`, else where Hugging Face's own programs keep it.
fn file(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let home = etcetera::home_dir().ok();
    set("HF_TOKEN_PATH").or_else(|| hugging_face::token_file(home.as_deref(), set))
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
    fn t22_what_a_server_repeats_is_hidden() {
        let token = Token::new("hf_secret").unwrap();
        for (said, hidden) in [
            ("", None),
            ("hf_secre", None),
            ("no hf_secret, no hf_secret!", Some("no [token], no [token]!")),
        ] {
            assert_eq!(token.hidden_in(said.as_bytes()).as_deref(), hidden);
        }
        assert_eq!(token.hidden_in(b"\xffhf_secret").unwrap(), "\u{fffd}[token]");
    }

    #[test]
    fn the_variable_wins_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), "hf_file\n").unwrap();
        let home = dir.path().display().to_string();
        let found = |token: Option<&str>| {
            Token::find(&|name: &str| match name {
                "HF_TOKEN" => token.map(str::to_owned),
                "HF_HOME" => Some(home.clone()),
                _ => None,
            })
        };
        let bearer = |token| found(token).unwrap().unwrap().bearer();
        assert_eq!(bearer(None), "Bearer hf_file");
        assert_eq!(bearer(Some("")), "Bearer hf_file");
        assert_eq!(bearer(Some("hf_variable")), "Bearer hf_variable");
        let error = found(Some("hf_variable hf_secret")).unwrap_err().to_string();
        assert!(error.starts_with("`HF_TOKEN` is ") && !error.contains("hf_secret"), "{error}");
    }

    #[test]
    fn t22_a_token_is_of_one_server_and_never_in_clear_text() {
        let (variable, person) = (Giver::Variable, Giver::Person);
        let file = Giver::File(PathBuf::from("token"));
        for (from, first, expected) in [
            (&file, "https://huggingface.co", Some("https://huggingface.co/")),
            (&file, "https://mirror.example/hf", Some("https://huggingface.co/")),
            (&file, "http://127.0.0.1:8000", Some("https://huggingface.co/")),
            (&variable, "https://mirror.example", Some("https://mirror.example/")),
            (&variable, "http://mirror.example", None),
            (&variable, "http://127.0.0.1.example", None),
            (&variable, "http://localhost:8000", Some("http://localhost:8000/")),
            (&person, "http://[::1]:8000", Some("http://[::1]:8000/")),
            (&person, "http://10.0.0.1", None),
        ] {
            let token = Token::of("hf_x", from.clone()).unwrap();
            let server = token.server(&first.parse().unwrap()).map(|it| it.to_string());
            assert_eq!(server.as_deref(), expected, "{first}");
        }
    }
}
