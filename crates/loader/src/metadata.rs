//! Metadata of a model file: keys in GGUF's spelling, values of GGUF's types.
//!
//! A Hugging Face folder is brought to the same keys, so that the engine knows one vocabulary.

use std::{collections::HashMap, ops::RangeInclusive};

use crate::{Array, Error, Strings, Value};

/// Values by key, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
    index: HashMap<String, usize>,
    /// What the file has where something else is read; nothing where it has nothing.
    stated: HashMap<String, Option<Value>>,
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

    /// Sets `key` to what is read in place of the file's value, which [`stated`](Self::stated) goes
    /// on giving.
    pub(crate) fn replace(&mut self, key: &str, value: Value) {
        let before = self.insert(key, value);
        self.stated.entry(key.to_owned()).or_insert(before);
    }

    /// What the file itself has at `key`, whatever is read in its place.
    pub fn stated(&self, key: &str) -> Option<&Value> {
        match self.stated.get(key) {
            Some(stated) => stated.as_ref(),
            None => self.get(key),
        }
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
    /// If the value is there and is not a whole number, or is negative.
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

    /// The whole number at `key`, if it lies in `range`.
    ///
    /// # Errors
    ///
    /// If the value is there and is not a whole number in `range`.
    pub fn usize_in(
        &self,
        key: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, Error> {
        let Some(found) = self.u64(key)? else { return Ok(None) };
        within(key, found, &range).map(Some)
    }

    /// One whole number a layer: the file has either an array of `n_layers`, or one for all.
    ///
    /// # Errors
    ///
    /// If there is something else, or a number outside `range`.
    pub fn per_layer(
        &self,
        key: &str,
        n_layers: usize,
        range: RangeInclusive<usize>,
    ) -> Result<Option<Vec<usize>>, Error> {
        let Some(Value::Array(array)) = self.get(key) else {
            return Ok(self.usize_in(key, range)?.map(|it| vec![it; n_layers]));
        };
        // Before the numbers are copied: a file can hold very many.
        if array.len() != n_layers {
            let (expected, found) = (n_layers, array.len());
            return Err(Error::KeyLength { key: key.to_owned(), expected, found });
        }
        let numbers = self.u64s(key)?.unwrap_or_default();
        numbers.into_iter().map(|it| within(key, it, &range)).collect::<Result<_, _>>().map(Some)
    }

    /// The whole numbers at `key`, of whatever integer type.
    fn u64s(&self, key: &str) -> Result<Option<Vec<u64>>, Error> {
        self.typed(key, "an array of whole numbers", |value| {
            let array = value.as_array()?;
            (0..array.len()).map(|i| array.get(i)?.as_u64()).collect()
        })
    }

    /// The numbers at `key`, of either floating-point type.
    ///
    /// # Errors
    ///
    /// If the value is there and is not an array of `f32` or `f64`.
    pub fn f32s(&self, key: &str) -> Result<Option<Vec<f32>>, Error> {
        self.typed(key, "an array of numbers ([f32])", |value| match value.as_array()? {
            Array::F32(it) => Some(it.clone()),
            Array::F64(it) => Some(it.iter().map(|&it| it as f32).collect()),
            _ => None,
        })
    }

    /// The texts at `key`.
    ///
    /// # Errors
    ///
    /// If the value is there and is not an array of strings.
    pub fn strings(&self, key: &str) -> Result<Option<&Strings>, Error> {
        self.typed(key, "an array of strings ([str])", |value| match value.as_array()? {
            Array::String(it) => Some(it),
            _ => None,
        })
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

fn within(key: &str, found: u64, range: &RangeInclusive<usize>) -> Result<usize, Error> {
    usize::try_from(found).ok().filter(|it| range.contains(it)).ok_or_else(|| {
        let expected = format!("{} to {}", range.start(), range.end());
        Error::KeyRange { key: key.to_owned(), expected, found: found.to_string() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        let mut it = Metadata::default();
        it.insert("n", Value::U32(3));
        it.insert("eps", Value::F32(1e-5));
        it.insert("nan", Value::F32(f32::NAN));
        it.insert("minus", Value::I32(-1));
        it.insert("heads", Value::Array(Array::I32(vec![4, 2, 4])));
        it.insert("names", Value::Array(Array::String(["a", "b"].into_iter().collect())));
        it
    }

    #[track_caller]
    fn check<T: std::fmt::Debug>(result: Result<T, Error>, message: &str) {
        assert_eq!(result.expect_err("a value that must be refused").to_string(), message);
    }

    #[test]
    fn values_in_range_are_given() {
        let it = metadata();
        assert_eq!(it.usize_in("n", 1..=3).unwrap(), Some(3));
        assert_eq!(it.usize_in("absent", 1..=3).unwrap(), None);
        assert_eq!(it.per_layer("heads", 3, 1..=8).unwrap(), Some(vec![4, 2, 4]));
        assert_eq!(it.per_layer("n", 2, 1..=8).unwrap(), Some(vec![3, 3]));
        assert_eq!(it.strings("names").unwrap().map(Strings::len), Some(2));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let it = metadata();
        check(it.usize_in("n", 4..=9), "metadata key `n` is 3, expected 4 to 9");
        check(it.usize_in("minus", 0..=9), "metadata key `minus` is i32, expected a whole number");
        check(it.per_layer("heads", 2, 1..=8), "metadata key `heads` has 3 elements, expected 2");
        check(it.per_layer("heads", 3, 3..=8), "metadata key `heads` is 2, expected 3 to 8");
        check(
            it.f32s("heads"),
            "metadata key `heads` is [i32], expected an array of numbers ([f32])",
        );
        check(it.strings("n"), "metadata key `n` is u32, expected an array of strings ([str])");
    }

    #[test]
    fn the_others_stay_in_order_when_one_is_removed() {
        let mut it = metadata();
        assert_eq!(it.remove("eps"), Some(Value::F32(1e-5)));
        assert_eq!(it.remove("eps"), None);
        let keys: Vec<_> = it.iter().map(|it| it.0).collect();
        assert_eq!(keys, ["n", "nan", "minus", "heads", "names"]);
        assert_eq!(it.get("names").map(Value::type_name), Some("[str]"));
    }
}
