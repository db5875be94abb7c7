//! The prompt: reads, answers, obeys, until the person leaves.

use std::path::PathBuf;

use engine::Finish;
use store::audit;

use super::{
    keeper::Keeper,
    once::{THOUGHT_ALONE, cut},
    session::Session,
    slash::{self, HELP, Said},
    think,
};
use crate::{
    failure, model,
    numbers::grouped,
    sandbox::attendant::Attendant,
    terminal::{Input, Line, Quiet, Screen, edit, tell},
};

/// A person at a terminal, and what they talk to.
pub(super) struct Talk {
    pub(super) session: Session,
    pub(super) keeper: Keeper,
    pub(super) input: Input,
    pub(super) screen: Screen,
    /// Files that go before the next message.
    pub(super) attached: String,
    /// Typed already when the next line is read.
    pub(super) begun: String,
    /// For the editor's file.
    folder: PathBuf,
    /// Does outside the sandbox what this process cannot.
    pub(super) attendant: Option<Attendant>,
    pub(super) verbose: bool,
    /// Questions need no answer.
    pub(super) yes: bool,
}

/// What the built-in model is.
const DEMO: &str = match cfg!(feature = "hub") {
    true => {
        "This is only the built-in demo; for a real model: ingle pull llama3.2:3b, then ingle run llama3.2:3b"
    }
    false => {
        "This is only the built-in demo; with a real model, such as a .gguf of Llama or Qwen: ingle run MODEL.gguf"
    }
};

/// Whether the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    /// Ctrl-C was pressed; again leaves.
    Interrupted,
    Leave,
}

/// Where the prompt keeps things.
pub(crate) struct Places {
    /// The line history, if it is kept.
    pub(crate) history: Option<PathBuf>,
    /// A private folder.
    pub(crate) folder: PathBuf,
    /// Whoever was started before the sandbox.
    pub(crate) attendant: Option<Attendant>,
}

/// How the prompt behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Tells after each answer what it took.
    pub(crate) verbose: bool,
    /// Questions need no answer.
    pub(crate) yes: bool,
}

/// Talks until the person leaves.
///
/// # Errors
///
/// If the terminal is gone, or the audit log cannot be written.
pub(crate) fn talk(
    mut session: Session,
    keeper: Keeper,
    places: Places,
    manner: Manner,
) -> anyhow::Result<()> {
    session.is_chat = true;
    let words = HELP.iter().map(|it| it.0).collect();
    let mut talk = Talk {
        input: Input::new(places.history, words)?,
        screen: Screen::new(),
        attached: String::new(),
        begun: String::new(),
        folder: places.folder,
        attendant: places.attendant,
        verbose: manner.verbose,
        yes: manner.yes,
        session,
        keeper,
    };
    talk.greet();
    let mut next = Next::GoOn;
    while next != Next::Leave {
        next = talk.round(next)?;
    }
    Ok(())
}

impl Talk {
    fn greet(&mut self) {
        tell(self.session.summary());
        if self.verbose {
            tell(format_args!("loaded in {:.2} s", self.session.loaded_in.as_secs_f64()));
            tell(self.session.level);
        }
        self.session.warn_of_settings();
        if model::BUILT_IN == Some(&self.session.name) {
            tell(DEMO);
        }
        tell("/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves");
        if !self.session.messages.is_empty() {
            tell(format_args!("(resumed after {} messages)", self.session.messages.len()));
        }
    }

    /// One line and what comes of it.
    fn round(&mut self, before: Next) -> anyhow::Result<Next> {
        let begun = std::mem::take(&mut self.begun);
        match self.input.read("> ", &begun)? {
            Line::End => Ok(Next::Leave),
            Line::Interrupted if before == Next::Interrupted => Ok(Next::Leave),
            Line::Interrupted => {
                tell("(Ctrl-C again leaves)");
                Ok(Next::Interrupted)
            }
            Line::Edit(text) => {
                let edited = self.edited(&text);
                self.begun = self.told(edited)?.unwrap_or(text);
                Ok(Next::GoOn)
            }
            Line::Quoted(text) if !text.trim().is_empty() => {
                let done = self.answer(text.trim().to_owned());
                Ok(self.told(done)?.unwrap_or(Next::GoOn))
            }
            Line::Quoted(_) => Ok(Next::GoOn),
            Line::Text(text) => {
                let done = match slash::parse(&text) {
                    Ok(Said::Nothing) => Ok(Next::GoOn),
                    Ok(Said::Message(text)) => self.answer(text),
                    Ok(Said::Command(command)) => self.obey(command),
                    Err(failure) => Err(failure.into()),
                };
                Ok(self.told(done)?.unwrap_or(Next::GoOn))
            }
        }
    }

    /// Answers a message, with the files before it.
    pub(super) fn answer(&mut self, message: String) -> anyhow::Result<Next> {
        self.session.retries = 0;
        let message = std::mem::take(&mut self.attached) + &message;
        self.say(message)
    }

    /// The same message, as it is.
    pub(super) fn say(&mut self, message: String) -> anyhow::Result<Next> {
        let before = self.session.messages.len();
        let quiet = Quiet::begin();
        let answer = self.session.say(message, &mut self.screen);
        drop(quiet);
        let answer = answer?;
        // An answer stopped before its first word leaves the chat as it was saved.
        if self.session.messages.len() > before {
            self.keeper.keep_answer(&mut self.session);
        }
        if self.verbose {
            tell(answer.report.line());
        }
        match answer.finish {
            Finish::ContextFull => Err(self.session.context_full().into()),
            Finish::Length => {
                tell(cut(&answer.report));
                Ok(Next::GoOn)
            }
            Finish::Cancelled => {
                tell("(stopped; Ctrl-C again leaves)");
                Ok(Next::Interrupted)
            }
            Finish::StopToken(_) | Finish::StopString(_) if answer.is_thought_alone() => {
                tell(THOUGHT_ALONE);
                Ok(Next::GoOn)
            }
            Finish::StopToken(_) | Finish::StopString(_) => Ok(Next::GoOn),
        }
    }

    /// What `text` becomes in the person's editor.
    pub(super) fn edited(&mut self, text: &str) -> anyhow::Result<String> {
        match &mut self.attendant {
            Some(attendant) => attendant.edit(text),
            None => edit(text, &self.folder),
        }
    }

    /// A failure is told, and the conversation goes on; but not where it cannot be noted.
    fn told<T>(&self, done: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.is::<audit::Error>() => Err(error),
            Err(error) => {
                tell(failure::text(&error).trim_end());
                Ok(None)
            }
        }
    }
}

impl Session {
    /// Says what the settings ask for and this model or this system does not have, once.
    pub(super) fn warn_of_settings(&mut self) {
        let mut warnings: Vec<String> = self.plan.warning(self.level).into_iter().collect();
        if matches!(self.style, super::prompt::Style::Completion { asked: false }) {
            warnings.push(
                "this model has no chat template: it goes on with your text instead of answering \
                 (`--chat-template FILE` gives it one)"
                    .to_owned(),
            );
        }
        let (context, most) = (self.engine.context(), self.engine.info().model_context);
        if context > most {
            let (context, most) = (grouped(context as u64), grouped(most as u64));
            warnings.push(format!(
                "`--ctx-size {context}`: the model was made for {most} tokens, beyond them it may \
                 write nonsense"
            ));
        }
        if self.is_completion() && self.settings.chat.system.is_some() {
            warnings.push("the system prompt is not used: there is no chat template".to_owned());
        }
        let think = self.settings.chat.think;
        warnings.extend(think.and_then(|it| think::warning(it, self.style.template())));
        if let Ok(sampling) = self.sampling() {
            warnings.extend(self.settings.sampling.idle(&sampling));
        }
        warnings.extend(self.idle_draft());
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                tell(format_args!("warning: {warning}"));
                self.warnings.push(warning);
            }
        }
    }
}
