//! A place in a text that is read from left to right, for the notations that are not JSON.

use serde_json::{Number, Value as Json};

/// How deep values may lie in each other.
pub(super) const MAX_DEPTH: usize = 64;

/// What is still to be read.
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Past white space.
    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Past white space and `text`, if it comes next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Past white space and `text`, which must come next.
    pub(super) fn expect(&mut self, text: &str) -> Result<(), &'static str> {
        if self.eat(text) { Ok(()) } else { Err("a bracket, comma or quotation mark is missing") }
    }

    /// The longest beginning whose characters are all `of` a kind; may be empty.
    pub(super) fn take(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        self.skip_space();
        let end = self.rest.find(|c| !of(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// What comes before `end`, which is passed, too.
    pub(super) fn until(&mut self, end: &str) -> Result<&'a str, &'static str> {
        let (taken, rest) = self.rest.split_once(end).ok_or("a text does not end")?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number, or a word for truth, falsehood or nothing, in JSON's or Python's spelling.
    pub(super) fn scalar(&mut self) -> Result<Json, &'static str> {
        let word = self.take(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
        Ok(match word {
            "true" | "True" => true.into(),
            "false" | "False" => false.into(),
            "null" | "None" => Json::Null,
            _ => Json::Number(word.parse::<Number>().map_err(|_| "a value cannot be read")?),
        })
    }
}
