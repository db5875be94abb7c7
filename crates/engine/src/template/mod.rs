//! Chat templates: the model's own Jinja, from a conversation to a prompt.
//!
//! `conversation.rs` is what goes in, `dialect.rs` the Jinja that Hugging Face's templates are
//! written in, `twins.rs` how the prompt knows who wrote what. A model without a template has no
//! chat: nothing here invents one.
//!
//! A template is a program by a stranger: it runs with a budget of steps, which also bounds its
//! memory, and with limits on nesting and on what it writes.

mod bounds;
mod context;
mod conversation;
mod dialect;
mod error;
mod json;
mod marks;
mod methods;
mod probe;
mod python;
mod render;
mod rewrite;
mod scan;
mod stack;
mod twins;

use std::{collections::BTreeMap, sync::OnceLock};

use loader::ModelFile;
use minijinja::Environment;

use crate::Prompt;

pub use conversation::{Content, Conversation, FunctionCall, Message, Role, ToolCall};
pub use dialect::Clock;
pub use error::Error;
pub use marks::ReasoningMarks;
pub use probe::Thinking;

/// The longest source that is compiled; the longest real one has 17 KB. minijinja counts lines and
/// columns in 16 bits, and `rewrite.rs` makes templates longer.
const MAX_SOURCE: usize = 60_000;

/// The name under which a model keeps its only template.
const DEFAULT: &str = "default";

/// The name of the template for conversations with tools, where a model has several.
const TOOL_USE: &str = "tool_use";

/// A compiled chat template.
#[derive(Clone, Debug)]
pub struct Template {
    env: Environment<'static>,
    sources: BTreeMap<&'static str, String>,
    texts: TokenTexts,
    abilities: OnceLock<probe::Abilities>,
}

/// Texts of tokens that templates print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTexts {
    /// `bos_token`; undefined in templates where there is none.
    pub bos: Option<String>,
    /// `eos_token`; undefined in templates where there is none.
    pub eos: Option<String>,
}

impl Template {
    /// The template of a model file: `tokenizer.chat_template`, and beside it
    /// `tokenizer.chat_template.tool_use`, which conversations with tools use.
    ///
    /// # Errors
    ///
    /// If the template does not compile.
    pub fn load(file: &ModelFile, texts: TokenTexts) -> Result<Option<Self>, Error> {
        let main = file.metadata.str("tokenizer.chat_template")?;
        let tool_use = file.metadata.str("tokenizer.chat_template.tool_use")?;
        let Some(source) = main.or(tool_use) else { return Ok(None) };
        let mut template = Self::from_source(source, texts)?;
        if let Some(source) = tool_use {
            template.add(TOOL_USE, source)?;
        }
        Ok(Some(template))
    }

    /// Compiles a template.
    ///
    /// # Errors
    ///
    /// If it does not compile, or is longer than 60,000 bytes.
    pub fn from_source(source: &str, texts: TokenTexts) -> Result<Self, Error> {
        let clock = || chrono::Local::now().naive_local();
        let env = dialect::environment(clock);
        let mut template =
            Self { env, sources: BTreeMap::new(), texts, abilities: OnceLock::new() };
        template.add(DEFAULT, source)?;
        Ok(template)
    }

    /// Lets `strftime_now` read another clock than the computer's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        dialect::set_clock(&mut self.env, clock);
        self
    }

    /// The text of the template; of the one without tools where there are two.
    pub fn source(&self) -> &str {
        &self.sources[DEFAULT]
    }

    /// Whether system messages reach the prompt.
    pub fn supports_system(&self) -> bool {
        self.abilities().system
    }

    /// The variables that control the model's reasoning, if there are any.
    pub fn thinking(&self) -> Option<&Thinking> {
        self.abilities().thinking.as_ref()
    }

    /// What stands around reasoning in the model's text, if the template knows reasoning. Where
    /// a prompt ends with the start mark, the model's text begins as reasoning.
    pub fn reasoning(&self) -> Option<&ReasoningMarks> {
        self.abilities().reasoning.as_ref()
    }

    /// What the template makes of an assistant's turn that is the call of a tool, and that call, if it
    /// shows calls at all.
    pub(crate) fn spoken_call(&self) -> Option<(&str, &FunctionCall)> {
        self.abilities().call.as_ref().map(|(text, call)| (text.as_str(), call))
    }

    /// The texts of all its templates.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.values().map(String::as_str)
    }

    /// Renders `conversation`; what people and tools wrote is foreign where it could be taken
    /// for one of the `structural` tokens.
    ///
    /// # Errors
    ///
    /// If the template refuses the conversation, fails on it, or exceeds a limit.
    pub fn render(
        &self,
        conversation: &Conversation,
        structural: &[String],
    ) -> Result<Prompt, Error> {
        let with_tools = !conversation.tools.is_empty() && self.sources.contains_key(TOOL_USE);
        let name = if with_tools { TOOL_USE } else { DEFAULT };
        self.render_named(name, conversation, structural)
    }

    /// Found out at the first need: a dozen short renderings.
    fn abilities(&self) -> &probe::Abilities {
        self.abilities.get_or_init(|| probe::Abilities::of(self))
    }

    fn add(&mut self, name: &'static str, source: &str) -> Result<(), Error> {
        if source.len() > MAX_SOURCE {
            return Err(Error::SourceTooLong { found: source.len(), limit: MAX_SOURCE });
        }
        let rewritten = rewrite::rewritten(source)?;
        if rewritten.len() > usize::from(u16::MAX) {
            return Err(Error::SourceTooLong { found: source.len(), limit: MAX_SOURCE });
        }
        let compiled = stack::with_room(|| self.env.add_template_owned(name, rewritten))?;
        compiled.map_err(|error| error::syntax(&error, source))?;
        self.sources.insert(name, source.to_owned());
        Ok(())
    }
}
