//! Metadata that the user gives in place of the file's.
//!
//! ```text
//! KEY=TYPE:VALUE     TYPE is u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 bool str;
//!                    int (an i64) and float (an f64) as llama.cpp calls them
//! KEY=[TYPE]:A,B,C   an array; nothing after the colon is an empty one
//! KEY=[TYPE]:JSON    the same as JSON, `["a,b","c"]`, for strings with commas
//! ```

use std::str::FromStr;

use serde_json::Value as Json;

use crate::{Array, Metadata, Value};

/// A key that a file cannot be told to change: its tensors were found by it.
const FIXED: &str = "general.alignment";

const TYPES: &str = "u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool, str, int, float, \
    or an array of them such as [u32]";

/// A metadata key and what to read in place of the file's value.
///
/// ```
/// use loader::{Override, Value};
///
/// let it: Override = "llama.context_length=u32:4096".parse()?;
/// assert_eq!((it.key.as_str(), it.value), ("llama.context_length", Value::U32(4096)));
/// # Ok::<(), loader::overrides::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// The full key.
    pub key: String,
    /// The value.
    pub value: Value,
}

/// Why an override was not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No key, no type or no value.
    #[error("override `{found}` is not of the form `KEY=TYPE:VALUE`")]
    Form {
        /// What was given.
        found: String,
    },
    /// A type that does not exist.
    #[error("override of `{key}` has the unknown type `{found}`, expected {TYPES}")]
    Type {
        /// The key.
        key: String,
        /// What was given.
        found: String,
    },
    /// A value that is not of its type.
    #[error("override of `{key}`: `{found}` is not a value of type {expected}")]
    Value {
        /// The key.
        key: String,
        /// What was given.
        found: String,
        /// The type that was given.
        expected: String,
    },
    /// A key that must stay.
    #[error("`{FIXED}` cannot be overridden: it says where the tensors of the file are")]
    Fixed,
    /// JSON of another shape.
    #[error("overrides are `{found}`, expected JSON of the form {{\"KEY\": {{\"TYPE\": VALUE}}}}")]
    Json {
        /// The part that has another shape.
        found: String,
    },
}

impl FromStr for Override {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let form = || Error::Form { found: text.to_owned() };
        let (key, rest) = text.split_once('=').filter(|it| !it.0.is_empty()).ok_or_else(form)?;
        let (name, text) = rest.split_once(':').ok_or_else(form)?;
        Self::new(key, name, text, |ty| ty.read(text))
    }
}

impl Override {
    /// Overrides in JSON, `{"KEY": {"TYPE": VALUE}}`, with the types of the text form.
    ///
    /// # Errors
    ///
    /// If it has another form, or a type or value in it is wrong.
    pub fn from_json(json: &Json) -> Result<Vec<Self>, Error> {
        let form = |found: &Json| Error::Json { found: found.to_string() };
        let keys = json.as_object().ok_or_else(|| form(json))?;
        let one = |(key, typed): (&String, &Json)| {
            let mut typed_value = typed.as_object().into_iter().flatten();
            match (typed_value.next(), typed_value.next()) {
                (Some((name, json)), None) => {
                    Self::new(key, name, &json.to_string(), |ty| ty.read_json(json))
                }
                _ => Err(form(typed)),
            }
        };
        keys.iter().map(one).collect()
    }

    fn new(
        key: &str,
        name: &str,
        found: &str,
        read: impl FnOnce(Type) -> Option<Value>,
    ) -> Result<Self, Error> {
        if key == FIXED {
            return Err(Error::Fixed);
        }
        let key = key.to_owned();
        let Some(ty) = Type::named(name) else {
            return Err(Error::Type { key, found: name.to_owned() });
        };
        match read(ty) {
            Some(value) => Ok(Self { key, value }),
            None => Err(Error::Value { key, found: found.to_owned(), expected: name.to_owned() }),
        }
    }

    pub(crate) fn apply(overrides: &[Self], metadata: &mut Metadata) {
        for it in overrides {
            metadata.insert(it.key.clone(), it.value.clone());
        }
    }
}

#[derive(Clone, Copy)]
enum Type {
    One(Kind),
    Many(Kind),
}

#[derive(Clone, Copy)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    Bool,
    Str,
}

impl Type {
    fn named(name: &str) -> Option<Self> {
        let element = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        element
            .map_or_else(|| Kind::named(name).map(Self::One), |it| Kind::named(it).map(Self::Many))
    }

    fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::One(kind) => kind.one(text),
            Self::Many(_) if text.starts_with('[') => self.read_json(&text.parse().ok()?),
            Self::Many(kind) if text.is_empty() => kind.many(&[]),
            Self::Many(kind) => {
                let parts: Vec<_> = text.split(',').map(str::to_owned).collect();
                kind.many(&parts)
            }
        }
    }

    fn read_json(self, json: &Json) -> Option<Value> {
        match self {
            Self::One(kind) => kind.one(&kind.text_of(json)?),
            Self::Many(kind) => {
                let parts = json.as_array()?.iter().map(|it| kind.text_of(it));
                kind.many(&parts.collect::<Option<Vec<_>>>()?)
            }
        }
    }
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "u8" => Self::U8,
            "i8" => Self::I8,
            "u16" => Self::U16,
            "i16" => Self::I16,
            "u32" => Self::U32,
            "i32" => Self::I32,
            "u64" => Self::U64,
            "i64" | "int" => Self::I64,
            "f32" => Self::F32,
            "f64" | "float" => Self::F64,
            "bool" => Self::Bool,
            "str" => Self::Str,
            _ => return None,
        })
    }

    fn one(self, text: &str) -> Option<Value> {
        Some(match self {
            Self::U8 => Value::U8(text.parse().ok()?),
            Self::I8 => Value::I8(text.parse().ok()?),
            Self::U16 => Value::U16(text.parse().ok()?),
            Self::I16 => Value::I16(text.parse().ok()?),
            Self::U32 => Value::U32(text.parse().ok()?),
            Self::I32 => Value::I32(text.parse().ok()?),
            Self::U64 => Value::U64(text.parse().ok()?),
            Self::I64 => Value::I64(text.parse().ok()?),
            Self::F32 => Value::F32(text.parse().ok().filter(|it: &f32| it.is_finite())?),
            Self::F64 => Value::F64(text.parse().ok().filter(|it: &f64| it.is_finite())?),
            Self::Bool => Value::Bool(text.parse().ok()?),
            Self::Str => Value::String(text.to_owned()),
        })
    }

    fn many(self, parts: &[String]) -> Option<Value> {
        fn all<T: FromStr>(parts: &[String]) -> Option<Vec<T>> {
            parts.iter().map(|it| it.trim().parse().ok()).collect()
        }
        Some(Value::Array(match self {
            Self::U8 => Array::U8(all(parts)?),
            Self::I8 => Array::I8(all(parts)?),
            Self::U16 => Array::U16(all(parts)?),
            Self::I16 => Array::I16(all(parts)?),
            Self::U32 => Array::U32(all(parts)?),
            Self::I32 => Array::I32(all(parts)?),
            Self::U64 => Array::U64(all(parts)?),
            Self::I64 => Array::I64(all(parts)?),
            Self::F32 => {
                Array::F32(all(parts).filter(|it| it.iter().all(|it: &f32| it.is_finite()))?)
            }
            Self::F64 => {
                Array::F64(all(parts).filter(|it| it.iter().all(|it: &f64| it.is_finite()))?)
            }
            Self::Bool => Array::Bool(all(parts)?),
            Self::Str => Array::String(parts.iter().collect()),
        }))
    }

    /// The text form of a JSON value of this kind.
    fn text_of(self, json: &Json) -> Option<String> {
        match (self, json) {
            (Self::Str, Json::String(it)) => Some(it.clone()),
            (Self::Bool, Json::Bool(it)) => Some(it.to_string()),
            (Self::Str | Self::Bool, _) => None,
            (_, Json::Number(it)) => Some(it.to_string()),
            _ => None,
        }
    }
}
