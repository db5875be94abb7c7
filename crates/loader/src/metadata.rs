//! Metadata of a model file: keys in GGUF's spelling, values of GGUF's types.
//!
//! A Hugging Face folder is brought to the same keys, so that the engine knows one vocabulary.

use std::collections::HashMap;

use crate::{Error, Value};

/// Values by key, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
    index: HashMap<String, usize>,
}

impl Metadata {
    /// The value at `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.index.get(key).map(|&i| &self.entries[i].1)
    }

    /// Sets `key`; returns what was there before.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) -> Option<Value> {
        let key = key.into();
        if let Some(&i) = self.index.get(&key) {
            return Some(std::mem::replace(&mut self.entries[i].1, value));
        }
        self.index.insert(key.clone(), self.entries.len());
        self.entries.push((key, value));
        None
    }

    /// Removes `key`; returns what was there.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.index.remove(key)?;
        for it in self.index.values_mut().filter(|it| **it > at) {
            *it -= 1;
        }
        Some(self.entries.remove(at).1)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every key with its value, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The whole number at `key`, of whatever integer type; absent is `None`.
    ///
    /// # Errors
    ///
    /// If the value is there and is not a whole number from 0 to 2^63.
    pub fn u64(&self, key: &str) -> Result<Option<u64>, Error> {
        self.typed(key, "a whole number", Value::as_u64)
    }

    /// The number at `key`, of whatever type.
    ///
    /// # Errors
    ///
    /// If the value is there and is not a number.
    pub fn f64(&self, key: &str) -> Result<Option<f64>, Error> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// The flag at `key`.
    ///
    /// # Errors
    ///
    /// If the value is there and is not a bool.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, Error> {
        self.typed(key, "a bool", |value| match value {
            Value::Bool(it) => Some(*it),
            _ => None,
        })
    }

    /// The text at `key`.
    ///
    /// # Errors
    ///
    /// If the value is there and is not a string.
    pub fn str(&self, key: &str) -> Result<Option<&str>, Error> {
        self.typed(key, "a string", Value::as_str)
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let error = || Error::KeyType { key: key.to_owned(), expected, found: value.type_name() };
        read(value).map(Some).ok_or_else(error)
    }
}
