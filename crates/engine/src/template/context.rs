//! What a template sees of a conversation: transformers' variables, in Jinja values.
//!
//! Every text passes a `Marker` on its way, so that `twins.rs` can mark who wrote it.

use std::borrow::Cow;

use minijinja::Value;
use serde_json::{Map, Value as Json};

use super::{Content, Conversation, Message, Role, TokenTexts, ToolCall};

/// What happens to texts on their way into a template.
pub(super) trait Marker {
    /// What a person or a tool wrote.
    fn foreign(&self, text: &str) -> String;
    /// What the model wrote.
    fn own(&self, text: &str) -> String;
}

/// The key under which a template looks for the model's reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReasoningKey {
    ReasoningContent,
    Reasoning,
    Thinking,
}

impl ReasoningKey {
    /// The first key that the template's source names.
    pub(super) fn of(source: &str) -> Self {
        let names = |key: &str| {
            let uses = [format!(".{key}"), format!("'{key}'"), format!("\"{key}\"")];
            uses.iter().any(|it| source.contains(it.as_str()))
        };
        match () {
            () if names("reasoning_content") => Self::ReasoningContent,
            () if names("thinking") => Self::Thinking,
            () if names("reasoning") => Self::Reasoning,
            () => Self::ReasoningContent,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::ReasoningContent => "reasoning_content",
            Self::Reasoning => "reasoning",
            Self::Thinking => "thinking",
        }
    }
}

/// `conversation` with arguments as objects where they are the JSON text of one, as templates
/// expect them.
pub(super) fn with_objects(conversation: &Conversation) -> Cow<'_, Conversation> {
    let mut conversation = Cow::Borrowed(conversation);
    for (at, message) in conversation.clone().messages.iter().enumerate() {
        for (nth, call) in message.tool_calls.iter().enumerate() {
            let text = call.function.arguments.as_str();
            let object = text.and_then(|text| serde_json::from_str::<Map<String, Json>>(text).ok());
            if let Some(object) = object {
                let call = &mut conversation.to_mut().messages[at].tool_calls[nth];
                call.function.arguments = Json::Object(object);
            }
        }
    }
    conversation
}

/// The variables of one rendering.
pub(super) fn variables(
    conversation: &Conversation,
    texts: &TokenTexts,
    key: ReasoningKey,
    marker: &dyn Marker,
) -> Value {
    let mut variables = object(&conversation.kwargs, marker);
    let mut set = |name: &str, value: Value| {
        variables.retain(|it| it.0.as_str() != Some(name));
        variables.push((name.into(), value));
    };
    let list = |items: &[Json]| match items {
        [] => Value::from(()),
        items => items.iter().map(|it| foreign(it, marker)).collect(),
    };
    set("tools", list(&conversation.tools));
    set("documents", list(&conversation.documents));
    set("add_generation_prompt", conversation.add_generation_prompt.into());
    for (name, text) in [("bos_token", &texts.bos), ("eos_token", &texts.eos)] {
        if let Some(text) = text {
            set(name, text.as_str().into());
        }
    }
    let messages = conversation.messages.iter().map(|it| message(it, key, marker));
    set("messages", messages.collect());
    Value::from_pairs(variables)
}

fn message(message: &Message, key: ReasoningKey, marker: &dyn Marker) -> Value {
    let mut pairs = vec![(Value::from("role"), Value::from(message.role.as_str()))];
    let mut set = |name: &str, value: Value| pairs.push((name.into(), value));
    let said = |text: &str| match message.role {
        Role::Assistant => Value::from(marker.own(text)),
        _ => Value::from(marker.foreign(text)),
    };
    set(
        "content",
        match &message.content {
            None => Value::from(""),
            Some(Content::Text(text)) => said(text),
            Some(Content::Parts(parts)) => parts.iter().map(|it| text_in(it, &said)).collect(),
        },
    );
    if let Some(reasoning) = &message.reasoning {
        set(key.as_str(), marker.own(reasoning).into());
    }
    if !message.tool_calls.is_empty() {
        set("tool_calls", message.tool_calls.iter().map(|it| call(it, marker)).collect());
    }
    for (name, text) in [("tool_call_id", &message.tool_call_id), ("name", &message.name)] {
        if let Some(text) = text {
            set(name, marker.foreign(text).into());
        }
    }
    pairs.extend(object(&message.extra, marker));
    Value::from_pairs(pairs)
}

fn call(call: &ToolCall, marker: &dyn Marker) -> Value {
    let function = [
        ("name", Value::from(marker.foreign(&call.function.name))),
        ("arguments", foreign(&call.function.arguments, marker)),
    ];
    let id = call.id.as_deref().map(|id| ("id", Value::from(marker.foreign(id))));
    let rest = [
        ("type", Value::from(marker.foreign(&call.kind))),
        ("function", Value::from_pairs(function)),
    ];
    let known = id.into_iter().chain(rest).map(|(name, value)| (Value::from(name), value));
    Value::from_pairs(known.chain(object(&call.extra, marker)))
}

/// `json` with every text and key foreign.
fn foreign(json: &Json, marker: &dyn Marker) -> Value {
    convert(json, &|text| marker.foreign(text).into(), &|key| marker.foreign(key))
}

/// `json` with every text through `said`; its keys are those of a known shape.
fn text_in(json: &Json, said: &dyn Fn(&str) -> Value) -> Value {
    convert(json, said, &str::to_owned)
}

fn object(map: &Map<String, Json>, marker: &dyn Marker) -> Vec<(Value, Value)> {
    map.iter().map(|(key, it)| (marker.foreign(key).into(), foreign(it, marker))).collect()
}

fn convert(json: &Json, text: &dyn Fn(&str) -> Value, key: &dyn Fn(&str) -> String) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(it) => Value::from(*it),
        Json::Number(it) => number(it),
        Json::String(it) => text(it),
        Json::Array(items) => items.iter().map(|it| convert(it, text, key)).collect(),
        Json::Object(map) => {
            Value::from_pairs(map.iter().map(|(name, it)| (key(name), convert(it, text, key))))
        }
    }
}

fn number(number: &serde_json::Number) -> Value {
    let whole = number.as_i64().map(Value::from).or_else(|| number.as_u64().map(Value::from));
    whole.unwrap_or_else(|| number.as_f64().unwrap_or(f64::NAN).into())
}
