//! Reads a setting that has a spelling of its own from the settings file: as on the command line.

use std::{fmt::Display, marker::PhantomData, str::FromStr};

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// For `deserialize_with`: a string, or a whole number, read by `FromStr`.
pub(super) fn one<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    from.deserialize_any(Spelled(PhantomData)).map(Some)
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
        true => Err(D::Error::custom("an empty text, expected at least one character")),
        false => Ok(texts),
    }
}

struct Spelled<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> Visitor<'_> for Spelled<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
}
