//! One rendering: budget, limits, and what its failures mean.

use std::{error::Error as _, io};

use minijinja::{Environment, ErrorKind};
use serde_json::Value as Json;

use super::{
    Conversation, Template, bounds,
    context::{self, Marker, ReasoningKey},
    dialect::Refusal,
    error::{Error, line_of, reason, shortened},
    stack,
    twins::Twins,
};
use crate::Prompt;

/// Steps that any rendering may take: 80 times what the longest real one needs.
const FUEL: u64 = 200_000;
/// Steps that each message adds. Real templates take up to 900.
const FUEL_PER_MESSAGE: u64 = 2_000;
/// Steps that each pair of messages adds: some templates look back over all messages at each one.
const FUEL_PER_PAIR: u64 = 8;
/// Steps that each byte of text adds. Most templates take 0.2; one walks over characters, for 9.
const FUEL_PER_BYTE: u64 = 16;
/// The most steps, whatever the conversation. One step pays for 64 bytes: 256 MB.
const MAX_FUEL: u64 = 4_000_000;

/// Bytes that any rendering may write, and those that a byte of text adds.
const MAX_OUTPUT: usize = 1 << 20;
const MAX_OUTPUT_PER_BYTE: usize = 8;

/// Items of a value that any rendering may keep, and those that each value of the conversation
/// adds; each byte adds one, since texts are split.
const MAX_NODES: usize = 2_000;
const MAX_NODES_PER_NODE: usize = 16;

/// Levels of macros and blocks; minijinja counts a macro as several.
const MAX_DEPTH: usize = 200;

impl Template {
    pub(super) fn render_named(
        &self,
        name: &str,
        conversation: &Conversation,
        structural: &[String],
    ) -> Result<Prompt, Error> {
        let conversation = &*context::with_objects(conversation);
        let texts = texts(conversation);
        let nodes = texts.len();
        let size: usize = texts.iter().map(|it| it.len()).sum();
        let twins = Twins::choose(structural, texts.into_iter())?;
        let source = &self.sources[name];
        let marker = Marks { twins: &twins, template: self, source };
        let key = ReasoningKey::of(source);
        let variables = context::variables(conversation, &self.texts, key, &marker);
        let limits = Limits::new(conversation.messages.len(), size, nodes);
        let rendered = stack::with_room(|| limits.run(&self.env, name, variables))?;
        rendered.map(|text| twins.restore(&text)).map_err(|error| match error {
            Stop::Limit(error) => error,
            Stop::Template(error) => {
                let clean = |text: &str| twins.restore(text).text;
                failure(&error, source, &clean)
            }
        })
    }
}

struct Marks<'a> {
    twins: &'a Twins,
    template: &'a Template,
    source: &'a str,
}

impl Marker for Marks<'_> {
    fn foreign(&self, text: &str) -> String {
        self.twins.foreign(text)
    }

    fn own(&self, text: &str) -> String {
        self.twins
            .own(text, |token| !self.template.abilities().lets_assistant_say(token, self.source))
    }
}

/// Every text of a conversation, and an empty one for every other value.
fn texts(conversation: &Conversation) -> Vec<&str> {
    let mut texts = Vec::new();
    for json in conversation.tools.iter().chain(&conversation.documents) {
        texts_of(json, &mut texts);
    }
    texts_in(&conversation.kwargs, &mut texts);
    for message in &conversation.messages {
        match &message.content {
            None => {}
            Some(super::Content::Text(text)) => texts.push(text),
            Some(super::Content::Parts(parts)) => {
                parts.iter().for_each(|it| texts_of(it, &mut texts));
            }
        }
        for text in [&message.reasoning, &message.tool_call_id, &message.name] {
            texts.extend(text.as_deref());
        }
        for call in &message.tool_calls {
            texts.extend(call.id.as_deref());
            texts.extend([call.kind.as_str(), call.function.name.as_str()]);
            texts_of(&call.function.arguments, &mut texts);
            texts_in(&call.extra, &mut texts);
        }
        texts_in(&message.extra, &mut texts);
    }
    texts
}

fn texts_of<'a>(json: &'a Json, texts: &mut Vec<&'a str>) {
    match json {
        Json::String(text) => texts.push(text),
        Json::Array(items) => items.iter().for_each(|it| texts_of(it, texts)),
        Json::Object(map) => texts_in(map, texts),
        Json::Null | Json::Bool(_) | Json::Number(_) => texts.push(""),
    }
}

fn texts_in<'a>(map: &'a serde_json::Map<String, Json>, texts: &mut Vec<&'a str>) {
    for (key, value) in map {
        texts.push(key);
        texts_of(value, texts);
    }
}

struct Limits {
    fuel: u64,
    nodes: usize,
    output: usize,
}

enum Stop {
    Limit(Error),
    Template(minijinja::Error),
}

impl Limits {
    fn new(messages: usize, bytes: usize, nodes: usize) -> Self {
        let (n, size) = (messages as u64, bytes as u64);
        let by_messages = n.saturating_mul(FUEL_PER_MESSAGE + n.saturating_mul(FUEL_PER_PAIR));
        let fuel = size.saturating_mul(FUEL_PER_BYTE).saturating_add(by_messages);
        Self {
            fuel: fuel.saturating_add(FUEL).min(MAX_FUEL),
            nodes: MAX_NODES + MAX_NODES_PER_NODE * (messages + nodes) + bytes,
            output: MAX_OUTPUT + MAX_OUTPUT_PER_BYTE * bytes,
        }
    }

    fn run(
        &self,
        env: &Environment<'static>,
        name: &str,
        variables: minijinja::Value,
    ) -> Result<String, Stop> {
        let mut env = env.clone();
        bounds::install(&mut env, self.nodes);
        env.set_fuel(Some(self.fuel));
        env.set_recursion_limit(MAX_DEPTH);
        let mut out = Bounded { text: Vec::new(), limit: self.output, full: false };
        let template = env.get_template(name).map_err(Stop::Template)?;
        let rendered = template.render_captured_to(variables, &mut out);
        match rendered {
            Ok(_) => Ok(String::from_utf8(out.text).expect("minijinja writes whole strings")),
            Err(_) if out.full => Err(Stop::Limit(Error::TooLong { limit: self.output })),
            Err(error) => Err(self.stop(error)),
        }
    }

    fn stop(&self, error: minijinja::Error) -> Stop {
        let innermost = causes(&error).last().unwrap_or(&error);
        let too_deep = innermost.detail().is_some_and(|it| it.contains("recursion limit"));
        match innermost.kind() {
            ErrorKind::OutOfFuel => Stop::Limit(Error::TooMuchWork { fuel: self.fuel }),
            _ if too_deep => Stop::Limit(Error::TooDeep { limit: MAX_DEPTH }),
            _ => Stop::Template(error),
        }
    }
}

/// The engine's errors behind one of includes, blocks and macros.
fn causes(error: &minijinja::Error) -> impl Iterator<Item = &minijinja::Error> {
    std::iter::successors(Some(error), |&it| it.source()?.downcast_ref())
}

/// A buffer that refuses to grow beyond its limit.
struct Bounded {
    text: Vec<u8>,
    limit: usize,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full = self.text.len() + bytes.len() > self.limit;
        if self.full {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What an error of the engine says about the template; `clean` turns twins back.
fn failure(error: &minijinja::Error, source: &str, clean: &dyn Fn(&str) -> String) -> Error {
    let innermost = causes(error).last().unwrap_or(error);
    if let Some(refusal) = innermost.source().and_then(|it| it.downcast_ref::<Refusal>()) {
        return Error::Refused { message: shortened(&clean(&refusal.0)) };
    }
    let line = error.line().unwrap_or(0);
    Error::Failed { line, near: line_of(source, line), reason: clean(&reason(innermost)) }
}
