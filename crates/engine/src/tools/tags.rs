//! A call whose name and arguments stand between tags, such as `<parameter=city>Paris</parameter>`.
//!
//! Most of these formats do not tell text from numbers: the tool's schema does where it is known.

use serde_json::{Map, Value as Json};

use super::{Read, call, is_text, untyped};

/// The tags; each pair is what stands before and after.
#[derive(Debug)]
pub(super) struct Tags {
    /// Around the tool's name; nothing before it where the block begins with it.
    pub(super) name: [&'static str; 2],
    /// Around an argument's name.
    pub(super) key: [&'static str; 2],
    /// Around its value; nothing before it where it follows the name at once.
    pub(super) value: [&'static str; 2],
    /// What says, between the two, that the value is text.
    pub(super) text: &'static str,
}

impl Tags {
    pub(super) fn literals(&self) -> [&'static str; 6] {
        let ([a, b], [c, d], [e, f]) = (self.name, self.key, self.value);
        [a, b, c, d, e, f]
    }
}

/// The one call that `block` is.
pub(super) fn read(block: &str, tags: &Tags, tools: &[Json]) -> Read {
    let (_, rest) = block.split_once(tags.name[0]).ok_or("the tool has no name")?;
    let end = rest.find(tags.name[1]).unwrap_or(rest.len());
    let (name, mut rest) = rest.split_at(end);
    let mut arguments = Map::new();
    while let Some((_, after)) = rest.split_once(tags.key[0]) {
        const OPEN: &str = "an argument does not end";
        let (key, after) = after.split_once(tags.key[1]).ok_or(OPEN)?;
        let (kind, after) = after.split_once(tags.value[0]).ok_or(OPEN)?;
        let (value, after) = after.split_once(tags.value[1]).ok_or(OPEN)?;
        let value = unwrapped(value);
        let key = key.trim();
        let marked = !tags.text.is_empty() && kind.contains(tags.text);
        let value = match marked || is_text(tools, name.trim(), key, value) {
            true => Json::String(value.to_owned()),
            false => untyped(value),
        };
        arguments.insert(key.to_owned(), value);
        rest = after;
    }
    Ok(vec![call(name, None, arguments)?])
}

/// Without the line breaks next to the tags.
pub(super) fn unwrapped(value: &str) -> &str {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value)
}
