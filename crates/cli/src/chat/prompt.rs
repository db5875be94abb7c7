//! From a conversation to tokens: through the model's template, or as plain text without one.

use engine::{
    Engine, Prompt,
    template::{Content, Conversation, Template, TokenTexts},
    tokenizer::{Bos, Tokenizer},
};
use loader::ModelFile;
use store::{Message, Role};

use super::{session::Session, think};
use crate::{args::Settings, failure::Failure};

/// How messages become a prompt.
pub(super) enum Style {
    /// The template says.
    Chat(Box<Template>),
    /// The model goes on with the text; `asked` if the user wanted that.
    Completion { asked: bool },
}

/// A prompt, in both forms.
pub(super) struct Ready {
    pub(super) text: String,
    pub(super) tokens: Vec<u32>,
}

impl Style {
    /// How this file's model is talked to.
    ///
    /// # Errors
    ///
    /// If the template cannot be read.
    pub(super) fn of(
        file: &ModelFile,
        tokenizer: &Tokenizer,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        if settings.chat.raw == Some(true) {
            if settings.chat.chat_template.is_some() {
                let message = "`raw` means no template, found `chat-template` too";
                return Err(Failure::usage(message).hint("leave one of them out").into());
            }
            return Ok(Self::Completion { asked: true });
        }
        let texts = token_texts(file, tokenizer);
        Ok(match Template::load(file, texts)? {
            Some(template) => Self::Chat(Box::new(template)),
            None => Self::Completion { asked: false },
        })
    }

    /// The template, where there is a chat.
    pub(super) fn template(&self) -> Option<&Template> {
        match self {
            Self::Chat(template) => Some(template),
            Self::Completion { .. } => None,
        }
    }
}

impl Session {
    /// The prompt for the conversation as it is, dropped messages left out.
    ///
    /// # Errors
    ///
    /// If the template refuses the conversation, or makes nothing of it.
    pub(super) fn prompt(&self) -> anyhow::Result<Ready> {
        let ready = self.prompt_of(&self.messages[self.dropped..], Ending::Answer)?;
        match ready.tokens.is_empty() && !self.is_completion() {
            true => Err(self.nothing_rendered().into()),
            false => Ok(ready),
        }
    }

    fn nothing_rendered(&self) -> Failure {
        let template = match &self.settings.chat.chat_template {
            Some(path) => format!("the chat template `{}`", path.display()),
            None => "the model's chat template".to_owned(),
        };
        let failure = Failure::new(format!("{template} renders nothing of this conversation"));
        failure.hint("`--chat-template FILE` takes another, `--raw` takes none")
    }

    /// How many tokens of `ready` are the system prompt, and where each later message begins.
    pub(super) fn borders(&self, ready: &Ready) -> (usize, Vec<usize>) {
        let shown = &self.messages[self.dropped..];
        let at = |n: usize| {
            let part = self.prompt_of(&shown[..n], Ending::Message).ok()?;
            let common = part.tokens.iter().zip(&ready.tokens).take_while(|(a, b)| a == b);
            Some(common.count())
        };
        let keep = at(0).unwrap_or(0);
        (keep, (1..shown.len()).filter_map(at).filter(|&it| it > keep).collect())
    }

    fn prompt_of(&self, messages: &[Message], ending: Ending) -> anyhow::Result<Ready> {
        let tokenizer = self.engine.tokenizer();
        let (prompt, bos) = match &self.style {
            Style::Chat(template) => {
                let mut conversation = self.conversation(messages, ending);
                if let Some(think) = self.settings.chat.think {
                    conversation.kwargs.extend(think::variables(think, template));
                }
                (template.render(&conversation, tokenizer.structural())?, Bos::Never)
            }
            Style::Completion { .. } => (plain(messages), Bos::AsModel),
        };
        let tokens = tokenizer.encode(&prompt, bos)?;
        Ok(Ready { text: prompt.text, tokens })
    }

    fn conversation(&self, messages: &[Message], ending: Ending) -> Conversation {
        use engine::template::{Message as Turn, Role as By};
        let system = self.settings.chat.system.as_ref().map(|it| Turn::new(By::System, it));
        let turns = messages.iter().map(|it| {
            let by = match it.role {
                Role::User => By::User,
                Role::Assistant => By::Assistant,
            };
            let content = Some(Content::Text(it.content.clone()));
            Turn { content, reasoning: it.reasoning.clone(), ..Turn::new(by, "") }
        });
        let mut conversation = Conversation::new(system.into_iter().chain(turns).collect());
        conversation.add_generation_prompt = ending == Ending::Answer;
        conversation
    }
}

/// What a rendered conversation ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The opening of the answer.
    Answer,
    /// Its last message.
    Message,
}

/// Everything that was written, by whom ever.
fn plain(messages: &[Message]) -> Prompt {
    Prompt::foreign(messages.iter().map(|it| it.content.as_str()).collect::<String>())
}

/// What templates print as `bos_token` and `eos_token`.
fn token_texts(file: &ModelFile, tokenizer: &Tokenizer) -> TokenTexts {
    let text = |id: u32| Some(String::from_utf8_lossy(tokenizer.piece(id)).into_owned());
    let eos = file.metadata.u64("tokenizer.ggml.eos_token_id").ok().flatten();
    TokenTexts {
        bos: tokenizer.bos().and_then(text),
        eos: eos.and_then(|id| text(u32::try_from(id).ok()?)),
    }
}

/// Tokens of text that the program itself writes.
///
/// # Errors
///
/// If the tokenizer fails on it.
pub(super) fn own_text(engine: &Engine, text: &str) -> anyhow::Result<Vec<u32>> {
    Ok(engine.tokenizer().encode(&Prompt::trusted(text), Bos::Never)?)
}
