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

/// How keys begin that a file may lack and be given, besides those of its architecture.
const PREFIXES: &[&str] = &["general.", "tokenizer.", "split.", "quantize."];

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
    /// A key that the model does not have, and that nobody would read.
    #[error("override of `{key}`: the model has no such key{}, and nothing reads it", nearest_text(.nearest))]
    NoKey {
        /// The key.
        key: String,
        /// A key that the model has and that ends alike.
        nearest: Option<String>,
    },
    /// JSON of another shape.
    #[error("overrides are `{found}`, expected JSON of the form {{\"KEY\": {{\"TYPE\": VALUE}}}}")]
    Json {
        /// The part that has another shape.
        found: String,
    },
}

fn nearest_text(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |it| format!(" (it has `{it}`)"))
}

impl Error {
    /// What the user can do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NoKey { nearest: Some(nearest), .. } => Some(format!("name `{nearest}`")),
            Self::NoKey { .. } => Some(
                "a new key begins with `general.`, `tokenizer.` or the name of the architecture"
                    .to_owned(),
            ),
            _ => None,
        }
    }
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

    /// Sets what is overridden, if somebody may read it: what the file has, or what begins as keys do.
    pub(crate) fn apply(overrides: &[Self], metadata: &mut Metadata) -> Result<(), Error> {
        let name = "general.architecture";
        let stated = overrides.iter().rfind(|it| it.key == name).map(|it| &it.value);
        let architecture = stated.or(metadata.get(name)).and_then(Value::as_str);
        let is_read = |key: &str| {
            let own = architecture.and_then(|it| key.strip_prefix(it));
            metadata.get(key).is_some()
                || own.is_some_and(|it| it.starts_with('.'))
                || PREFIXES.iter().any(|it| key.starts_with(it))
        };
        if let Some(Self { key, .. }) = overrides.iter().find(|it| !is_read(&it.key)) {
            return Err(Error::NoKey { key: key.clone(), nearest: nearest(key, metadata) });
        }
        for it in overrides {
            metadata.replace(&it.key, it.value.clone());
        }
        Ok(())
    }
}

/// The key that ends as `key` does, or as what follows its first part does.
fn nearest(key: &str, metadata: &Metadata) -> Option<String> {
    let rest = key.split_once('.').map_or(key, |it| it.1);
    let ending = |end: &str| {
        let is_it = |it: &&str| it.strip_suffix(end).is_some_and(|it| it.ends_with('.'));
        metadata.iter().map(|(key, _)| key).find(is_it).map(str::to_owned)
    };
    [key, rest].into_iter().find_map(ending)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The message and the hint of what is wrong with it, for a model that has three keys.
    fn refused(texts: &[&str]) -> Option<(String, Option<String>)> {
        let mut metadata = Metadata::default();
        metadata.insert("general.architecture", Value::String("llama".to_owned()));
        metadata.insert("llama.rope.freq_base", Value::F32(1e4));
        metadata.insert("own", Value::U32(1));
        let overrides: Vec<Override> =
            texts.iter().map(|it| it.parse().expect("a sound override")).collect();
        let applied = Override::apply(&overrides, &mut metadata);
        let set = overrides.iter().all(|it| metadata.get(&it.key) == Some(&it.value));
        assert_eq!(set, applied.is_ok(), "{texts:?}");
        applied.err().map(|it| (it.to_string(), it.hint()))
    }

    #[test]
    fn keys_that_somebody_may_read_are_set() {
        for text in ["own=u32:2", "llama.rope.freq_base=f32:1", "llama.new=u32:1"] {
            assert_eq!(refused(&[text]), None);
        }
        for text in ["general.sampling.temp=f32:1", "tokenizer.ggml.pre=str:gpt-2"] {
            assert_eq!(refused(&[text]), None);
        }
        assert_eq!(refused(&["qwen3.new=u32:1", "general.architecture=str:qwen3"]), None);
    }

    #[test]
    fn what_the_file_states_is_not_lost() {
        let mut metadata = Metadata::default();
        metadata.insert("general.license", Value::String("cc-by-nc-4.0".to_owned()));
        let texts = ["general.license=str:a", "general.license=str:b", "general.name=str:c"];
        let overrides: Vec<Override> =
            texts.iter().map(|it| it.parse().expect("a sound override")).collect();
        Override::apply(&overrides, &mut metadata).expect("keys that are read");
        let text = |it: Option<&Value>| it.and_then(Value::as_str).map(str::to_owned);
        assert_eq!(text(metadata.get("general.license")).as_deref(), Some("b"));
        assert_eq!(text(metadata.stated("general.license")).as_deref(), Some("cc-by-nc-4.0"));
        assert_eq!(metadata.stated("general.name"), None);
    }

    #[test]
    fn keys_that_nobody_reads_are_refused_with_the_nearest() {
        for key in ["llma.rope.freq_base", "rope.freq_base", "qwen3.rope.freq_base"] {
            let message = format!(
                "override of `{key}`: the model has no such key (it has `llama.rope.freq_base`), \
                 and nothing reads it"
            );
            let hint = "name `llama.rope.freq_base`".to_owned();
            assert_eq!(refused(&[format!("{key}=f32:1").as_str()]), Some((message, Some(hint))));
        }
        let (message, hint) = refused(&["llama2.new=u32:1"]).expect("of no such model");
        assert_eq!(
            message,
            "override of `llama2.new`: the model has no such key, and nothing reads it"
        );
        assert!(hint.is_some_and(|it| it.contains("the name of the architecture")));
    }
}
