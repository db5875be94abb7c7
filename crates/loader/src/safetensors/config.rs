//! Typed looks into `config.json`: what is there and of another type is an error, never a default.

use serde_json::{Map, Value};

use super::Error;

/// An object of `config.json`.
#[derive(Clone, Copy)]
pub(super) struct Config<'a> {
    map: &'a Map<String, Value>,
}

impl<'a> Config<'a> {
    pub(super) fn new(map: &'a Map<String, Value>) -> Self {
        Self { map }
    }

    /// The value at `key`; `null` is the same as nothing.
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|it| !it.is_null())
    }

    /// Whether there is a `null`, where that is not the same as nothing.
    pub(super) fn is_null(self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_null)
    }

    pub(super) fn keys(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A whole number from 0 to 2^32 - 1.
    pub(super) fn count(self, key: &str) -> Result<Option<u32>, Error> {
        let read = |it: &Value| it.as_u64().and_then(|n| n.try_into().ok());
        self.typed(key, "a whole number below 2^32", read)
    }

    /// A number that f32 holds.
    pub(super) fn real(self, key: &str) -> Result<Option<f64>, Error> {
        let read = |it: &Value| it.as_f64().filter(|x| (*x as f32).is_finite());
        self.typed(key, "a number", read)
    }

    /// A number above zero.
    pub(super) fn positive(self, key: &str) -> Result<Option<f64>, Error> {
        let read = |it: &Value| it.as_f64().filter(|x| *x > 0.0 && (*x as f32).is_finite());
        self.typed(key, "a number above 0", read)
    }

    pub(super) fn flag(self, key: &str) -> Result<Option<bool>, Error> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn text(self, key: &str) -> Result<Option<&'a str>, Error> {
        self.typed(key, "a string", Value::as_str)
    }

    pub(super) fn object(self, key: &str) -> Result<Option<Config<'a>>, Error> {
        self.typed(key, "an object", |it| it.as_object().map(Config::new))
    }

    pub(super) fn array(self, key: &str) -> Result<Option<&'a [Value]>, Error> {
        self.typed(key, "an array", |it| it.as_array().map(Vec::as_slice))
    }

    /// The error that the value at `key` is not `expected`.
    pub(super) fn not(self, key: &str, expected: impl Into<String>) -> Error {
        let found = self.get(key).map_or("absent".to_owned(), shown);
        Error::ConfigValue { key: key.to_owned(), found, expected: expected.into() }
    }

    fn typed<T>(
        self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.not(key, expected))
    }
}

/// The value for a message: one line of at most some 60 characters.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}
