//! The JSON of a safetensors header, read into a [`Header`] as it goes by.
//!
//! Nothing is kept that a header does not need, so that hostile JSON costs no more than its length.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

use super::{Header, HeaderError, dtype::Dtype, header::MAX_DIMS};

/// Reads the object; a fault that JSON has no word for ends the reading and is kept aside.
#[derive(Default)]
pub(super) struct Parser<'de> {
    header: Header<'de>,
    metadata_seen: bool,
    fault: Option<HeaderError>,
}

impl<'de> Parser<'de> {
    pub(super) fn parse(json: &'de [u8]) -> Result<Header<'de>, HeaderError> {
        let mut parser = Self::default();
        let mut json = serde_json::Deserializer::from_slice(json);
        let parsed = parser.deserialize(&mut json).and_then(|()| json.end());
        match (parser.fault, parsed) {
            (Some(fault), _) => Err(fault),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(())) => Ok(parser.header),
        }
    }

    fn metadata<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        if std::mem::replace(&mut self.metadata_seen, true) {
            return self.stop(HeaderError::DuplicateName { name: "__metadata__".to_owned() });
        }
        map.next_value::<Strings>().map(drop)
    }

    fn tensor<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let info: Info<'_> = map.next_value()?;
        let Some(dtype) = Dtype::named(&info.dtype) else {
            let (name, found) = (name.into_owned(), info.dtype.into_owned());
            return self.stop(HeaderError::Dtype { name, found });
        };
        let Some(shape) = info.shape.dims.get(..info.shape.n) else {
            return self.stop(HeaderError::Dims { name: name.into_owned(), found: info.shape.n });
        };
        self.header.push(name, dtype, shape, info.data_offsets).or_else(|fault| self.stop(fault))
    }

    fn stop<E: serde::de::Error>(&mut self, fault: HeaderError) -> Result<(), E> {
        self.fault = Some(fault);
        Err(E::custom("a fault of the header"))
    }
}

impl<'de> DeserializeSeed<'de> for &mut Parser<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Parser<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "__metadata__" => self.metadata(&mut map)?,
                _ => self.tensor(name, &mut map)?,
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>); // a bare `Cow` would copy

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
    data_offsets: [usize; 2],
}

/// A shape; dimensions beyond those that are allowed are counted and not kept.
struct Shape {
    dims: [usize; MAX_DIMS],
    n: usize,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_seq(Self { dims: [0; MAX_DIMS], n: 0 })
    }
}

impl<'de> Visitor<'de> for Shape {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of dimensions")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self, A::Error> {
        while let Some(dim) = seq.next_element()? {
            if let Some(place) = self.dims.get_mut(self.n) {
                *place = dim;
            }
            self.n += 1;
        }
        Ok(self)
    }
}

/// `__metadata__`: strings by name; nothing in them means anything here.
struct Strings;

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Strings {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings as `__metadata__`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Name<'_>, Name<'_>>()?.is_some() {}
        Ok(self)
    }
}
