//! What a template can do, found out by rendering with it rather than by looking for names.
//!
//! Each probe is a short conversation of marked words; where they come back, and between what,
//! tells how the template treats them. A template that refuses a probe has not that ability; one
//! that a probe leads into endless work is asked no more.

use std::cell::Cell;

use serde_json::{Map, Value as Json, json};

use super::{
    Content, Conversation, Error, FunctionCall, Message, Role, Template, ToolCall,
    marks::{self, ReasoningMarks},
};

const SYSTEM: &str = "qsystem";
const USER: &str = "quser";
const ANSWER: &str = "qanswer";
const REASONING: &str = "qreasoning";

/// Variables that switch reasoning on and off, by their use in real templates.
const SWITCHES: [&str; 3] = ["enable_thinking", "thinking", "think"];

/// The variable that sets how much is reasoned, and its values.
const EFFORT: &str = "reasoning_effort";
const EFFORTS: [&str; 6] = ["none", "minimal", "low", "medium", "high", "max"];

/// How reasoning is controlled through template variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Variables to set to `true` or `false`.
    pub switches: Vec<&'static str>,
    /// Whether the prompt asks for reasoning when no variable is set; only for a switch.
    pub on_by_default: bool,
    /// Values of `reasoning_effort` that make a difference.
    pub efforts: Vec<&'static str>,
}

/// What probing found.
#[derive(Clone, Debug, Default)]
pub(super) struct Abilities {
    pub(super) system: bool,
    pub(super) thinking: Option<Thinking>,
    pub(super) reasoning: Option<ReasoningMarks>,
    /// A turn that calls a tool, and the call.
    pub(super) call: Option<(String, FunctionCall)>,
    /// Turns without reasoning and tools: the tokens in it delimit turns.
    turns: String,
    /// What the template makes of reasoning and tool calls of the assistant.
    spoken: String,
}

impl Abilities {
    pub(super) fn of(template: &Template) -> Self {
        let mut probe = Probe { template, variables: Map::new(), is_spent: Cell::new(false) };
        let mut turns = probe.render(vec![user(), answer(), user()]).unwrap_or_default();
        turns += &probe.render(vec![system(), user()]).unwrap_or_default();
        let thinking = probe.thinking();
        let switches = thinking.iter().flat_map(|it| &it.switches);
        probe.variables = switches.map(|&it| (it.to_owned(), true.into())).collect();
        let reasoning = probe.reasoning(thinking.as_ref());
        let system = turns.contains(SYSTEM);
        let (call, spoken) = (probe.call(), probe.spoken());
        Self { system, thinking, reasoning, call, spoken, turns }
    }

    /// Whether `token` in the assistant's text may mean what it means in the template `source`:
    /// marks of reasoning and tool calls do, what delimits turns does not.
    pub(super) fn lets_assistant_say(&self, token: &str, source: &str) -> bool {
        let reasons = self.reasoning.as_ref().is_some_and(|it| it.names(token));
        let spoken = self.spoken.contains(token) && !self.turns.contains(token);
        reasons || spoken || marks::is_looked_for(token, source)
    }
}

struct Probe<'a> {
    template: &'a Template,
    variables: Map<String, Json>,
    /// Whether a rendering took all the steps that it may take.
    is_spent: Cell<bool>,
}

impl Probe<'_> {
    fn render(&self, messages: Vec<Message>) -> Option<String> {
        let mut conversation = Conversation::new(messages);
        conversation.add_generation_prompt = false;
        conversation.kwargs.clone_from(&self.variables);
        self.render_all(&conversation)
    }

    fn render_all(&self, conversation: &Conversation) -> Option<String> {
        if self.is_spent.get() {
            return None;
        }
        let rendered = self.template.render(conversation, &[]);
        self.is_spent.set(matches!(rendered, Err(Error::TooMuchWork { .. })));
        rendered.ok().map(|it| it.text)
    }

    fn opening(&self, variable: Option<(&str, Json)>) -> Option<String> {
        let mut conversation = Conversation::new(vec![user()]);
        conversation.kwargs.extend(variable.map(|(name, value)| (name.to_owned(), value)));
        self.render_all(&conversation)
    }

    fn thinking(&self) -> Option<Thinking> {
        let silent = self.opening(None);
        let with = |name: &str, value: Json| self.opening(Some((name, value)));
        let differs = |name: &&str| with(name, true.into()) != with(name, false.into());
        let switches: Vec<_> = SWITCHES.into_iter().filter(differs).collect();
        let changes = |effort: &&str| {
            let rendered = with(EFFORT, (*effort).into());
            rendered.is_some() && rendered != with(EFFORT, "qeffort".into())
        };
        let mut efforts: Vec<_> = EFFORTS.into_iter().filter(changes).collect();
        if efforts.is_empty() && EFFORTS.into_iter().any(|it| with(EFFORT, it.into()) != silent) {
            // Whatever is asked for is printed, as gpt-oss does it.
            efforts = vec!["low", "medium", "high"];
        }
        let on_by_default = switches.first().is_some_and(|it| silent == with(it, true.into()));
        let any = !switches.is_empty() || !efforts.is_empty();
        any.then_some(Thinking { switches, on_by_default, efforts })
    }

    fn reasoning(&self, thinking: Option<&Thinking>) -> Option<ReasoningMarks> {
        let plain = self.render(vec![user(), answer(), user()]);
        let turn = plain.as_deref().and_then(|it| between(it, USER, ANSWER)).unwrap_or_default();
        let calling = Message { reasoning: Some(REASONING.to_owned()), ..calling("") };
        for message in [thought(), thought_in_parts(), calling] {
            let shown = self.render(vec![user(), message.clone()]);
            let asked = self.render(vec![user(), message, user()]);
            let found = shown.into_iter().chain(asked).find_map(|text| {
                let before = between(&text, USER, REASONING)?;
                ReasoningMarks::around(before, text.split_once(REASONING)?.1, turn)
            });
            if found.is_some() {
                return found;
            }
        }
        // Templates that keep no reasoning may show the mark in a prompt, or cut reasoning out.
        let mut openings: Vec<_> = self.opening(None).into_iter().collect();
        for name in thinking.iter().flat_map(|it| &it.switches) {
            openings.extend(
                [true, false].map(|it| self.opening(Some((name, it.into())))).into_iter().flatten(),
            );
        }
        let shown = |marks: &ReasoningMarks| openings.iter().any(|it| it.contains(&marks.start));
        ReasoningMarks::known().find(|marks| shown(marks) || self.cuts(marks))
    }

    /// Whether marked reasoning in an earlier answer is left out.
    fn cuts(&self, marks: &ReasoningMarks) -> bool {
        let text = format!("{}{REASONING}{}{ANSWER}", marks.start, marks.end);
        let answer = Message::new(Role::Assistant, text);
        let rendered = self.render(vec![user(), answer, user()]).unwrap_or_default();
        rendered.contains(ANSWER) && !rendered.contains(REASONING)
    }

    /// What stands between the opening of a turn and its end where it calls a tool.
    fn call(&self) -> Option<(String, FunctionCall)> {
        let message = calling("");
        let call = message.tool_calls[0].function.clone();
        let shown = self.render(vec![user(), message])?;
        let mut conversation = Conversation::new(vec![user()]);
        conversation.kwargs.clone_from(&self.variables);
        let opening = self.render_all(&conversation)?;
        let turn = shown.strip_prefix(&opening).or(shown.split_once(USER).map(|it| it.1))?;
        let plain = self.render(vec![user(), answer()]).unwrap_or_default();
        let end = plain.split_once(ANSWER).map_or("", |it| it.1);
        let turn = turn.strip_suffix(end).unwrap_or(turn);
        turn.contains(&call.name).then(|| (turn.to_owned(), call))
    }

    fn spoken(&self) -> String {
        [thought(), calling(ANSWER), calling("")]
            .into_iter()
            .filter_map(|it| self.render(vec![user(), it]))
            .filter_map(|text| Some(text.split_once(USER)?.1.to_owned()))
            .collect()
    }
}

fn system() -> Message {
    Message::new(Role::System, SYSTEM)
}

fn user() -> Message {
    Message::new(Role::User, USER)
}

fn answer() -> Message {
    Message::new(Role::Assistant, ANSWER)
}

fn thought() -> Message {
    Message { reasoning: Some(REASONING.to_owned()), ..answer() }
}

fn calling(text: &str) -> Message {
    let function = FunctionCall { name: "qtool".into(), arguments: json!({"qkey": 1}) };
    let (id, kind) = (Some("qidentity".to_owned()), "function".to_owned());
    let call = ToolCall { id, kind, function, extra: Map::new() };
    Message { tool_calls: vec![call], ..Message::new(Role::Assistant, text) }
}

/// As Mistral's templates expect it.
fn thought_in_parts() -> Message {
    let parts = vec![
        json!({"type": "thinking", "thinking": REASONING}),
        json!({"type": "text", "text": ANSWER}),
    ];
    Message { content: Some(Content::Parts(parts)), ..answer() }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let after = text.split_once(start)?.1;
    Some(after.split_once(end)?.0)
}
