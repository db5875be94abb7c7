//! Reads settings from the settings file: as on the command line, with the same words for what is
//! wrong.

use std::{fmt::Display, num::NonZeroUsize, str::FromStr};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::number;

/// For `deserialize_with`: a string, or a number, read by `FromStr`.
pub(super) fn one<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    read(from, |text| text.parse::<T>().map_err(|error| error.to_string()))
}

/// For `deserialize_with`: how many, at least one.
pub(super) fn count<'de, D>(from: D) -> Result<Option<NonZeroUsize>, D::Error>
where
    D: Deserializer<'de>,
{
    read(from, number::count)
}

/// For `deserialize_with`: how many, perhaps none.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    read(from, number::whole)
}

/// For `deserialize_with`: what decides draws.
pub(super) fn seed<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    read(from, number::seed)
}

/// For `deserialize_with`: with a fraction.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    read(from, number::number)
}

/// For `deserialize_with`: several.
pub(super) fn many<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

/// For `deserialize_with`: texts that are not empty.
pub(super) fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    match texts.iter().any(String::is_empty) {
        true => Err(D::Error::custom(EMPTY)),
        false => Ok(texts),
    }
}

/// For `deserialize_with`: a text that is not empty.
pub(super) fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    match text.is_empty() {
        true => Err(D::Error::custom(EMPTY)),
        false => Ok(Some(text)),
    }
}

const EMPTY: &str = "an empty text, expected at least one character";

/// Reads a value.
type Read<T> = fn(&str) -> Result<T, String>;

fn read<'de, T, D: Deserializer<'de>>(from: D, read: Read<T>) -> Result<Option<T>, D::Error> {
    from.deserialize_any(Spelled(read)).map(Some)
}

/// A value as it is spelled on the command line, or the number that it is.
struct Spelled<T>(Read<T>);

impl<T> Visitor<'_> for Spelled<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<T, E> {
        self.visit_str(if on { "true" } else { "false" })
    }
}
