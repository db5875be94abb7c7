//! Calls as JSON: objects with a name and arguments, one after the other or in lists.

use serde_json::{Map, Value as Json};

use super::{Read, call};
use crate::template::ToolCall;

/// The calls of a block, by whatever names its keys have.
pub(super) fn read(block: &str) -> Read {
    let mut calls = vec![];
    let mut rest = block.trim_start();
    while !rest.is_empty() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Json>();
        let Some(Ok(value)) = values.next() else { return Err("it is not JSON") };
        match value {
            Json::Array(list) => {
                for it in list {
                    calls.push(from_object(it)?);
                }
            }
            other => calls.push(from_object(other)?),
        }
        // Models separate several in every way there is.
        rest = rest[values.byte_offset()..].trim_start_matches([',', ';', ' ', '\n', '\r', '\t']);
    }
    Ok(calls)
}

fn from_object(value: Json) -> Result<ToolCall, &'static str> {
    let Json::Object(mut object) = value else { return Err("it is no object with a name") };
    let id = ["id", "tool_call_id", "call_id"].iter().find_map(|&key| object.remove(key));
    if let Some(Json::Object(inner)) = object.get("function") {
        object = inner.clone();
    }
    let name = ["name", "tool_name", "function"].iter().find_map(|&key| object.remove(key));
    let Some(Json::String(name)) = name else { return Err("it is no object with a name") };
    let keys = ["arguments", "parameters"];
    let given = keys.iter().find_map(|&key| object.remove(key)).unwrap_or_default();
    let id = id.and_then(|id| match id {
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    });
    call(&name, id, arguments(given)?)
}

/// An object, or the text of one.
pub(super) fn arguments(value: Json) -> Result<Map<String, Json>, &'static str> {
    match value {
        Json::Object(object) => Ok(object),
        Json::Null => Ok(Map::new()),
        Json::String(text) => {
            serde_json::from_str(&text).map_err(|_| "the arguments are no JSON object")
        }
        Json::Bool(_) | Json::Number(_) | Json::Array(_) => Err("the arguments are no JSON object"),
    }
}
