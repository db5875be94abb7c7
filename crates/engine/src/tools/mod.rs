//! Tool calls in what a model wrote: found by the marks of its own template or vocabulary, read into
//! one shape.
//!
//! `formats` is the table of marks; `json`, `pattern`, `tags`, `elements`, `gemma` and `python` read
//! what stands between them. Nothing that a model writes is an error here: what cannot be read is
//! kept as it came. How a call gets *into* a prompt is the template's.

mod cursor;
mod elements;
mod formats;
mod gemma;
mod json;
mod pattern;
mod python;
mod tags;
#[cfg(test)]
mod tests;

use std::slice;

use serde_json::{Map, Value as Json};

use crate::{
    Tokenizer,
    template::{FunctionCall, Template, ToolCall},
};
use formats::{FORMATS, Format};

/// A part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A call that was read; its arguments are an object.
    Call(ToolCall),
    /// What begins as a call and is none.
    Broken {
        /// As the model wrote it, marks included.
        raw: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// How a model writes its tool calls.
#[derive(Clone, Debug)]
pub struct ToolFormat {
    /// The likeliest first.
    formats: Vec<&'static Format>,
}

/// Every text that some format looks for in an answer, or is told by.
pub(crate) fn marks() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().flat_map(|it| it.literals().chain(it.signs.iter().copied()))
}

/// What comes after this many parts is text: each is a search through all that follows.
const MAX_PARTS: usize = 500;

/// What a reader makes of a block: its calls, or why there are none.
type Read = Result<Vec<ToolCall>, &'static str>;

impl ToolFormat {
    /// The formats whose marks `template` or the vocabulary has; first the one in which the template
    /// itself writes a call. `None` for a model that calls no tools.
    pub fn of(template: &Template, tokenizer: Option<&Tokenizer>) -> Option<Self> {
        let is_there = |sign: &&str| {
            template.sources().any(|it| it.contains(sign))
                || tokenizer.is_some_and(|it| it.token(sign).is_some())
        };
        let has_signs = |it: &&Format| !it.signs.is_empty() && it.signs.iter().all(is_there);
        let own = template.spoken_call().and_then(|(spoken, call)| {
            let is_read = |it: &&'static Format| {
                let parts = Self { formats: vec![*it] }.read(spoken, &[]);
                let mut calls = parts.iter().filter(|part| !matches!(part, Part::Text(_)));
                let same = |part: &Part| matches!(part, Part::Call(it) if it.function == *call);
                calls.next().is_some_and(same) && calls.next().is_none()
            };
            FORMATS.iter().find(is_read)
        });
        let mut formats: Vec<_> = own.into_iter().collect();
        for format in FORMATS.iter().filter(has_signs) {
            if !formats.iter().any(|it| std::ptr::eq(*it, format)) {
                formats.push(format);
            }
        }
        (!formats.is_empty()).then_some(Self { formats })
    }

    /// Whether the special token `text` is part of a mark: an answer must show it to be read.
    pub fn names(&self, text: &str) -> bool {
        self.formats.iter().any(|it| it.literals().any(|literal| literal.contains(text)))
    }

    /// Reads an answer. The schemas in `tools` tell text from numbers where a format does not.
    pub fn read(&self, answer: &str, tools: &[Json]) -> Vec<Part> {
        let mut parts = vec![];
        let mut rest = answer;
        while let Some((at, formats)) = self.next(rest).filter(|_| parts.len() < MAX_PARTS) {
            let (block, end) = read_block(&rest[at..], &formats, tools);
            self.text(&rest[..at], &mut parts);
            parts.extend(block);
            rest = &rest[at + end..];
        }
        let bare = self.unmarked(rest);
        let whole = self.formats.iter().filter(|it| it.open.is_empty() && parts.is_empty());
        let calls = whole.filter_map(|it| it.body.read(bare.trim(), tools).ok());
        match calls.into_iter().find(|it| !it.is_empty()) {
            Some(calls) => parts.extend(calls.into_iter().map(Part::Call)),
            None => self.text(rest, &mut parts),
        }
        parts
    }

    /// The first mark that opens a block, and the formats that have it.
    fn next(&self, text: &str) -> Option<(usize, Vec<&'static Format>)> {
        let marked = || self.formats.iter().copied().filter(|it| !it.open.is_empty());
        let first = marked().filter_map(|it| Some((text.find(it.open)?, it.open)));
        // Of two marks in one place, the longer one says more.
        let (at, _) = first.min_by_key(|(at, open)| (*at, usize::MAX - open.len()))?;
        let here = marked().filter(|it| text[at..].starts_with(it.open));
        Some((at, here.collect()))
    }

    fn text(&self, text: &str, parts: &mut Vec<Part>) {
        let text = self.unmarked(text);
        if !text.trim().is_empty() {
            parts.push(Part::Text(text));
        }
    }

    /// Text without the marks around a group of calls.
    fn unmarked(&self, text: &str) -> String {
        let marks = self.formats.iter().flat_map(|it| it.around);
        marks.fold(text.to_owned(), |text, mark| text.replace(mark, ""))
    }
}

/// The calls of the block that `text` begins with, and its length.
fn read_block(text: &str, formats: &[&Format], tools: &[Json]) -> (Vec<Part>, usize) {
    let mut why = "";
    for format in formats {
        let inner = &text[format.open.len()..];
        for (end, after) in format.ends(inner) {
            match format.body.read(&inner[..end], tools) {
                Ok(calls) => {
                    let parts = calls.into_iter().map(Part::Call).collect();
                    return (parts, format.open.len() + after);
                }
                Err(reason) => why = reason,
            }
        }
    }
    let format = formats.first().expect("a mark is some format's");
    let inner = &text[format.open.len()..];
    let (_, after) = format.ends(inner).next().expect("the end of the text is one");
    let end = format.open.len() + after;
    (vec![Part::Broken { raw: text[..end].to_owned(), why }], end)
}

/// A call, if the name can be one.
fn call(
    name: &str,
    id: Option<String>,
    arguments: Map<String, Json>,
) -> Result<ToolCall, &'static str> {
    let name = name.trim();
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>{}()\"'`|".contains(c);
    if name.is_empty() || name.contains(is_odd) {
        return Err("the tool has no name");
    }
    let arguments = Json::Object(arguments);
    Ok(ToolCall {
        id,
        kind: "function".to_owned(),
        function: FunctionCall { name: name.to_owned(), arguments },
        extra: Map::new(),
    })
}

/// Whether the schema of the tool says that `value`, which is this argument, is text: it has no other
/// type, but may be nothing, and then `null` is.
fn is_text(tools: &[Json], name: &str, key: &str, value: &str) -> bool {
    let mut functions = tools.iter().map(|tool| tool.get("function").unwrap_or(tool));
    let Some(tool) = functions.find(|it| it["name"] == name) else { return false };
    let types = types(&tool["parameters"]["properties"][key]);
    let fits = |it: &Option<&str>| matches!(it, Some("string" | "null"));
    let is_nothing = types.contains(&Some("null")) && value.trim() == "null";
    types.contains(&Some("string")) && types.iter().all(fits) && !is_nothing
}

/// The types that a schema or its alternatives name; `None` of one that names none.
fn types(schema: &Json) -> Vec<Option<&str>> {
    let alternatives = ["anyOf", "oneOf"].into_iter().find_map(|it| schema[it].as_array());
    let schemas = alternatives.map_or(slice::from_ref(schema), Vec::as_slice);
    let types = schemas.iter().flat_map(|it| match &it["type"] {
        Json::Array(types) => types.as_slice(),
        one => slice::from_ref(one),
    });
    types.map(Json::as_str).collect()
}

/// An argument as a format without types writes it: JSON where it is some, else text.
fn untyped(text: &str) -> Json {
    match serde_json::from_str(text) {
        Ok(Json::String(_)) | Err(_) => Json::String(text.to_owned()),
        Ok(value) => value,
    }
}
