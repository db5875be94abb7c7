//! From `config.json` to GGUF's metadata, by a family's table.
//!
//! Every key is accounted for: it is mapped, or known to change nothing, or neutral, or an error;
//! the rest is listed at [`UNREAD_KEYS`], where a program can see it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    Error,
    config::{Config, shown},
    families::{CHANGES_RESULTS, WITHOUT_EFFECT},
    family::{Family, Key, Means, Otherwise},
    multimodal::SKIPPED_PARTS,
    rope, window,
};
use crate::{Array, FileTensor, Metadata, Strings, Value};

/// The keys of `config.json` that nobody here knows: an array of strings, absent if there are none.
pub const UNREAD_KEYS: &str = "ingle.config.unread_keys";

/// What a family's table is applied to.
pub(super) struct View<'a> {
    pub(super) family: &'static Family,
    pub(super) config: Config<'a>,
    pub(super) metadata: &'a mut Metadata,
    pub(super) tensors: &'a mut BTreeMap<String, FileTensor>,
}

impl View<'_> {
    /// Sets the metadata that `config.json` states, and what of the tensors hangs on it.
    pub(super) fn apply(&mut self) -> Result<(), Error> {
        self.refuse_unknown()?;
        let mut done: Vec<&str> = Vec::new();
        for key in self.family.keys.iter().copied().flatten() {
            if !done.contains(&key.name) {
                done.push(key.name);
                self.key(key)?;
            }
        }
        Ok(())
    }

    /// Sets `<arch>.{key}`.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.metadata.insert(format!("{}.{key}", self.family.architecture), value);
    }

    /// Notes that this part of the model is left out.
    pub(super) fn skipped(&mut self, part: &str) {
        let before = self.metadata.strings(SKIPPED_PARTS).ok().flatten();
        let mut all: Vec<String> = before.into_iter().flat_map(Strings::iter).collect();
        all.push(part.to_owned());
        self.metadata.insert(SKIPPED_PARTS, Value::Array(Array::String(all.into_iter().collect())));
    }

    /// The columns of a head.
    pub(super) fn head_dim(&self) -> Result<u32, Error> {
        let keys = self.family.keys.iter().copied().flatten();
        let otherwise = keys.filter(|it| it.name == "head_dim").find_map(|it| match it.means {
            Means::HeadDim { otherwise } => Some(otherwise),
            _ => None,
        });
        if let Some(dim) = self.config.count("head_dim")?.or(otherwise.flatten()) {
            return Ok(dim);
        }
        let (hidden, heads) = (self.need("hidden_size")?, self.need("num_attention_heads")?);
        match hidden.checked_rem(heads) {
            Some(0) => Ok(hidden / heads),
            _ => {
                let expected = format!("a divisor of `hidden_size`, {hidden}");
                Err(self.config.not("num_attention_heads", expected))
            }
        }
    }

    /// The whole number at `key` of `config.json`, which must be there.
    pub(super) fn need(&self, key: &str) -> Result<u32, Error> {
        self.config.count(key)?.ok_or_else(|| Error::ConfigMissing { key: key.to_owned() })
    }

    fn key(&mut self, key: &Key) -> Result<(), Error> {
        match &key.means {
            Means::Count { key: gguf, otherwise } => {
                let n = self.count(key.name, otherwise)?;
                self.set(gguf, Value::U32(n));
            }
            Means::Real { key: gguf, otherwise } => {
                let x = self.config.real(key.name)?.unwrap_or(*otherwise);
                self.set(gguf, Value::F32(x as f32));
            }
            Means::Flag { key: gguf, otherwise } => {
                let it = self.config.flag(key.name)?.unwrap_or(*otherwise);
                self.set(gguf, Value::Bool(it));
            }
            Means::OneOf(known) => self.one_of(key.name, known)?,
            Means::HeadDim { .. } => {
                let dim = self.head_dim()?;
                for key in
                    ["attention.key_length", "attention.value_length", "rope.dimension_count"]
                {
                    self.set(key, Value::U32(dim));
                }
            }
            Means::Rope { theta } => rope::apply(self, *theta)?,
            Means::Window { otherwise } => window::everywhere(self, *otherwise)?,
            Means::WindowPattern { window: otherwise, every } => {
                window::by_layer(self, *otherwise, *every)?;
            }
            Means::Turned { otherwise } => self.turned(key.name, *otherwise)?,
            Means::By(apply) => apply(self)?,
            Means::RopeLayers { every } => rope::layers(self, *every)?,
            Means::WindowFrom => window::from_a_layer(self)?,
            Means::Tensors { otherwise, names } => {
                let found = self.config.flag(key.name)?.unwrap_or(*otherwise);
                for name in *names {
                    self.presence(key.name, found, format!("blk.0.{name}"), found)?;
                }
            }
            Means::Tied { otherwise } => self.tied(key.name, *otherwise)?,
            Means::Elsewhere => {}
        }
        Ok(())
    }

    fn count(&self, key: &str, otherwise: &Otherwise) -> Result<u32, Error> {
        match (self.config.count(key)?, otherwise) {
            (Some(n), _) => Ok(n),
            (None, Otherwise::Is(n)) => Ok(*n),
            (None, Otherwise::Same(other)) => self.need(other),
            (None, Otherwise::Times(n, other)) => {
                let product = self.need(other)?.checked_mul(*n);
                product.ok_or_else(|| self.config.not(other, format!("below {}", u32::MAX / n)))
            }
            (None, Otherwise::Missing) => self.need(key),
        }
    }

    fn turned(&mut self, key: &str, otherwise: f64) -> Result<(), Error> {
        let share = self.config.real(key)?.unwrap_or(otherwise);
        if !(0.0..=1.0).contains(&share) {
            return Err(self.config.not(key, "a number from 0 to 1"));
        }
        let turned = (f64::from(self.head_dim()?) * share) as u32;
        self.set("rope.dimension_count", Value::U32(turned));
        Ok(())
    }

    fn one_of(&self, key: &str, known: &[&str]) -> Result<(), Error> {
        match self.config.text(key)? {
            Some(found) if !known.contains(&found) => {
                let known: Vec<_> = known.iter().map(|it| format!("`{it}`")).collect();
                Err(self.config.not(key, known.join(" or ")))
            }
            _ => Ok(()),
        }
    }

    /// A head of its own is left out where the table is the head: transformers ties them, too.
    fn tied(&mut self, key: &str, otherwise: bool) -> Result<(), Error> {
        let head = "output.weight";
        if self.config.flag(key)?.unwrap_or(otherwise) {
            self.tensors.remove(head);
            return Ok(());
        }
        self.presence(key, false, head.to_owned(), true)
    }

    /// An error unless the tensor is there, or not, as `config.json` says.
    fn presence(&self, key: &str, found: bool, tensor: String, wanted: bool) -> Result<(), Error> {
        let present = self.tensors.contains_key(&tensor);
        if present == wanted {
            return Ok(());
        }
        Err(Error::ConfigTensor { key: key.to_owned(), found, tensor, present })
    }

    fn refuse_unknown(&mut self) -> Result<(), Error> {
        let mut unread = Vec::new();
        for (key, value) in self.config.keys() {
            let known = self.family.keys.iter().copied().flatten().any(|it| it.name == key);
            if known
                || WITHOUT_EFFECT.contains(&key)
                || matches!(value, Json::Null | Json::Bool(false))
            {
                continue;
            }
            match CHANGES_RESULTS.iter().find(|it| it.0 == key) {
                Some((_, Some(neutral))) if value.as_f64() == Some(*neutral) => {}
                Some(_) => {
                    let (key, found) = (key.to_owned(), shown(value));
                    return Err(Error::ConfigKey {
                        key,
                        found,
                        class: self.family.class.to_owned(),
                    });
                }
                None => unread.push(key),
            }
        }
        if !unread.is_empty() {
            let unread = Value::Array(Array::String(unread.into_iter().collect()));
            self.metadata.insert(UNREAD_KEYS, unread);
        }
        Ok(())
    }
}
