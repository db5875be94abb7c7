//! A call whose arguments are elements of their own names: `<invoke name="…"><city>Paris</city>`, each
//! tag after a mark that no text has.

use serde_json::{Map, Value as Json};

use super::{Read, call, is_text, tags::unwrapped, untyped};

/// The calls in `block`.
pub(super) fn read(block: &str, mark: &str, tools: &[Json]) -> Read {
    let mut calls = vec![];
    let (begin, end) = (format!("{mark}<invoke name=\""), format!("{mark}</invoke>"));
    for part in block.split(&begin).skip(1) {
        let (name, rest) = part.split_once("\">").ok_or("the tool has no name")?;
        let (mut rest, _) = rest.split_once(&end).ok_or("the call does not end")?;
        let mut arguments = Map::new();
        while let Some((_, after)) = rest.split_once(&format!("{mark}<")) {
            let (key, after) = after.split_once('>').ok_or("an argument does not end")?;
            let close = format!("{mark}</{key}>");
            let (value, after) = after.split_once(&close).ok_or("an argument does not end")?;
            let value = unwrapped(value);
            let value = match is_text(tools, name, key, value) {
                true => Json::String(value.to_owned()),
                false => untyped(value),
            };
            arguments.insert(key.to_owned(), value);
            rest = after;
        }
        calls.push(call(name, None, arguments)?);
    }
    Ok(calls)
}
