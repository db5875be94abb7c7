//! Conversations as the world sends them: OpenAI's message shape, every key kept.
//!
//! These types say who wrote what; how a template sees them is in `context.rs`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// What one rendering is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// Tool definitions as OpenAI shapes them; none hides tools from the template.
    pub tools: Vec<Json>,
    /// Documents for templates that retrieve (`title`, `text`); none hides them.
    pub documents: Vec<Json>,
    /// Whether the text ends with the opening of the assistant's next turn.
    pub add_generation_prompt: bool,
    /// Template variables such as `enable_thinking`; they cannot hide the fields above.
    pub kwargs: Map<String, Json>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks. The program chooses it, so templates may build structural tokens from it.
    pub role: Role,
    /// What is said; nothing reaches the template as the empty text, which every template takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What the model thought before it answered.
    #[serde(
        rename = "reasoning_content",
        alias = "reasoning",
        alias = "thinking",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub reasoning: Option<String>,
    /// The tools that the model calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// The tool's or the speaker's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Keys that only some templates know.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Role {
    /// Instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
    /// A role that only some templates know, such as `developer` or `ipython`.
    Other(String),
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// OpenAI's parts, such as `{"type": "text", "text": …}`.
    Parts(Vec<Json>),
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Pairs the call with its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// OpenAI knows only `function`.
    #[serde(rename = "type", default = "function_kind")]
    pub kind: String,
    /// What is called, with what.
    pub function: FunctionCall,
    /// Keys that only some templates know.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// The function of a [`ToolCall`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// An object, or its JSON text as OpenAI sends it; templates see the object.
    #[serde(default)]
    pub arguments: Json,
}

impl Conversation {
    /// Messages that the assistant is to answer, without tools.
    pub fn new(messages: Vec<Message>) -> Self {
        Self {
            messages,
            tools: vec![],
            documents: vec![],
            add_generation_prompt: true,
            kwargs: Map::new(),
        }
    }
}

impl Message {
    /// A message of plain text.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self {
            role,
            content: Some(Content::Text(text.into())),
            reasoning: None,
            tool_calls: vec![],
            tool_call_id: None,
            name: None,
            extra: Map::new(),
        }
    }
}

impl Role {
    /// The name that templates compare with.
    pub fn as_str(&self) -> &str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for Role {
    fn from(name: String) -> Self {
        match name.as_str() {
            "system" => Self::System,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            _ => Self::Other(name),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

fn function_kind() -> String {
    "function".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_messages_come_back_with_every_key() {
        let text = r#"{"role":"assistant","content":"","reasoning_content":"hm","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":{"x":1}},"index":0}],"tool_plan":"p"}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(message.role, Role::Assistant);
        assert_eq!(message.reasoning.as_deref(), Some("hm"));
        assert_eq!(message.extra["tool_plan"], "p");
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn null_content_and_unknown_roles_are_taken() {
        let text = r#"{"role":"ipython","content":null}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(message.content, None);
        assert_eq!(message.role, Role::Other("ipython".into()));
    }
}
