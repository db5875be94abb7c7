//! The settings file: one TOML table whose keys are the long flags of the command line.
//!
//! Which keys there are, and what they mean, is the caller's types.

use std::{
    collections::HashMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::de::{DeserializeOwned, IgnoredAny};
use toml::Spanned;

use crate::Error;

/// The text of a settings file.
#[derive(Debug)]
pub struct Settings {
    path: PathBuf,
    text: String,
}

impl Settings {
    /// Reads the file at `path`; where there is none, no key is set.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(Error::io("read the settings", path))?,
        };
        Ok(Self { path: path.to_owned(), text })
    }

    /// The keys that `T` takes; others are passed over.
    ///
    /// # Errors
    ///
    /// If the file is not TOML, or a value has the wrong type.
    pub fn part<T: DeserializeOwned>(&self) -> Result<T, Error> {
        toml::from_str(&self.text).map_err(|error| {
            self.error(error.span().map_or(0, |it| it.start), error.message().to_owned())
        })
    }

    /// Whether every key is one of `known`.
    ///
    /// # Errors
    ///
    /// The first that is not.
    pub fn check_keys(&self, known: &[&str]) -> Result<(), Error> {
        let keys: HashMap<Spanned<String>, IgnoredAny> = self.part()?;
        let unknown = keys.keys().filter(|it| !known.contains(&it.get_ref().as_str()));
        match unknown.min_by_key(|it| it.span().start) {
            None => Ok(()),
            Some(key) => {
                Err(self
                    .error(key.span().start, format!("no setting is called `{}`", key.get_ref())))
            }
        }
    }

    fn error(&self, at: usize, reason: String) -> Error {
        let line = 1 + self.text.get(..at).unwrap_or("").matches('\n').count();
        Error::Settings { path: self.path.clone(), line, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Two {
        temp: Option<f32>,
        stop: Vec<String>,
    }

    #[track_caller]
    fn check(text: &str, expected: Result<Two, &str>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.toml");
        fs::write(&path, text).unwrap();
        let settings = Settings::read(&path).unwrap();
        let found = settings.check_keys(&["temp", "stop", "seed"]).and_then(|()| settings.part());
        let prefix = format!("settings `{}`, ", path.display());
        let found = found.map_err(|error| error.to_string().replace(&prefix, ""));
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn reads_what_is_there_and_names_the_line_of_what_is_wrong() {
        check("", Ok(Two::default()));
        check("seed = 1\ntemp = 0.5", Ok(Two { temp: Some(0.5), stop: vec![] }));
        check("\ntmep = 1\nx = 2", Err("line 2: no setting is called `tmep`"));
        let wrong = "line 2: invalid type: integer `3`, expected a sequence";
        check("temp = 1\nstop = 3", Err(wrong));
        check("temp = 1\ntemp = 2", Err("line 2: duplicate key"));
    }

    #[test]
    fn no_file_is_no_settings() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::read(&dir.path().join("none")).unwrap();
        assert_eq!(settings.part::<Two>().unwrap(), Two::default());
    }
}
