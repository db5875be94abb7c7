//! What the commands of a chat do.

use std::{fs, path::Path};

use anyhow::Context;
use store::ChatName;

use super::{
    export,
    repl::{Next, Talk},
    set::beside,
    slash::{Form, HELP, Slash},
};
use crate::{args::Think, commands::print, failure::Failure, sandbox, terminal::tell, utf8};

impl Talk {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If it cannot be done; the conversation is then as it was.
    pub(super) fn obey(&mut self, command: Slash) -> anyhow::Result<Next> {
        match command {
            Slash::Help => help(),
            Slash::Exit => return Ok(Next::Leave),
            Slash::Clear => {
                self.session.clear();
                self.attached.clear();
                self.keeper.begin_anew();
                tell("(a new conversation)");
            }
            Slash::Regen => return self.again(|_, text| Ok(text)),
            Slash::Edit => return self.again(|talk, text| talk.edited(&text)),
            Slash::Undo => self.undo()?,
            Slash::System(text) => self.system(text),
            Slash::Set(None) => self.list()?,
            Slash::Set(Some((name, value))) => self.set(&name, value.as_deref())?,
            Slash::Show => self.show(),
            Slash::Stats => match &self.session.last {
                Some(report) => tell(report.line()),
                None => tell("(no answer yet)"),
            },
            Slash::Model(None) => tell(&self.session.name),
            Slash::Model(Some(name)) => {
                self.session.switch(&name)?;
                tell(self.session.summary());
                self.session.warn_of_settings();
            }
            Slash::Think(word) => self.think(word)?,
            Slash::File(path, text) => return self.file(&path, text),
            Slash::Save(name) => self.save(name)?,
            Slash::Load(name) => self.load(name)?,
            Slash::Export(form, path) => self.export(form, path)?,
            Slash::Compact => {
                let n = self.session.compact()?;
                tell(format_args!("({n} messages were replaced by a summary)"));
                self.keeper.keep(&self.session)?;
            }
        }
        Ok(Next::GoOn)
    }

    /// Answers the last message again, changed by `change`; keeps the old answer if none is made.
    fn again(
        &mut self,
        change: impl FnOnce(&mut Self, String) -> anyhow::Result<String>,
    ) -> anyhow::Result<Next> {
        let before = self.session.messages.clone();
        let text = self.session.undo().ok_or_else(nothing_said)?;
        let kept = self.session.messages.len();
        self.session.retries += 1;
        let done = change(self, text).and_then(|text| self.say(text));
        if self.session.messages.len() == kept {
            self.session.messages = before;
        }
        done
    }

    fn undo(&mut self) -> anyhow::Result<()> {
        let text = self.session.undo().ok_or_else(nothing_said)?;
        self.keeper.keep(&self.session)?;
        let mut first: String = text.lines().next().unwrap_or("").chars().take(60).collect();
        if first.len() < text.len() {
            first.push('…');
        }
        tell(format_args!("(took back: {first})"));
        Ok(())
    }

    fn system(&mut self, text: Option<String>) {
        let system = &mut self.session.settings.chat.system;
        match text.as_deref() {
            None => tell(system.as_deref().unwrap_or("(no system prompt)")),
            Some("-") => {
                *system = None;
                tell("(no system prompt from now on)");
            }
            Some(text) => {
                *system = Some(text.to_owned());
                tell("(system prompt set)");
                self.session.warn_of_settings();
            }
        }
    }

    fn show(&self) {
        let session = &self.session;
        tell(session.summary());
        if let Ok(s) = session.sampling() {
            let seed = s.seed.map_or("another each time".to_owned(), |it| it.to_string());
            tell(format_args!(
                "temperature {}, top-k {}, top-p {}, min-p {}, repeat penalty {}, seed {seed}",
                s.temperature, s.top_k, s.top_p, s.min_p, s.penalties.repeat
            ));
        }
        let n = session.messages.len();
        let system = if session.settings.chat.system.is_some() { ", a system prompt" } else { "" };
        tell(format_args!(
            "{n} messages{system}, chats in `{}`",
            self.keeper.chats().folder().display()
        ));
    }

    fn think(&mut self, word: Option<String>) -> anyhow::Result<()> {
        let chat = &mut self.session.settings.chat;
        match word.as_deref() {
            None => {}
            Some("hide") => chat.hide_thinking = Some(true),
            Some("show") => chat.hide_thinking = Some(false),
            Some(word) => {
                let wrong = |it| Failure::usage(format!("`/think {word}`: {it}, `hide` or `show`"));
                chat.think = Some(word.parse::<Think>().map_err(wrong)?);
            }
        }
        let think = chat.think.map_or("as the model does".to_owned(), |it| it.to_string());
        let shown = if chat.hide_thinking == Some(true) { "hidden" } else { "shown" };
        tell(format_args!("(think: {think}, {shown})"));
        self.session.warn_of_settings();
        Ok(())
    }

    fn file(&mut self, path: &str, text: Option<String>) -> anyhow::Result<Next> {
        let content = utf8::read_file(Path::new(path))?;
        self.attached += &format!("{}\n\n", content.trim_end());
        match text {
            Some(text) => self.answer(text),
            None => {
                let n = content.chars().count();
                tell(format_args!("({path}, {n} characters, goes before your next message)"));
                Ok(Next::GoOn)
            }
        }
    }

    fn save(&mut self, name: Option<String>) -> anyhow::Result<()> {
        let Some(name) = name else {
            let path = self.keeper.save(&self.session)?;
            tell(format_args!("(saved as `{}`)", path.display()));
            return Ok(());
        };
        let name: ChatName = name.parse()?;
        let path = self.keeper.chats().path(&name);
        if path.exists() && !self.keeper.is_own(&name) && !self.may_replace(&path)? {
            return Err(Failure::new("not saved").into());
        }
        let chat = self.session.chat();
        let path = self.keeper.chats().save(&name, &chat)?;
        self.keeper.go_on_as(name, chat);
        tell(format_args!("(saved as `{}`)", path.display()));
        Ok(())
    }

    fn load(&mut self, name: Option<String>) -> anyhow::Result<()> {
        let Some(name) = name else {
            let names = self.keeper.chats().names()?;
            names.iter().for_each(|it| tell(format_args!("  {it}")));
            if names.is_empty() {
                tell("(no chat is saved)");
            }
            return Ok(());
        };
        let name: ChatName = name.parse()?;
        let chat = self.keeper.chats().load(&name)?;
        self.session.take(chat.clone());
        self.attached.clear();
        tell(format_args!("({name}: {} messages)", self.session.messages.len()));
        self.keeper.go_on_as(name, chat);
        Ok(())
    }

    fn export(&mut self, form: Form, path: Option<String>) -> anyhow::Result<()> {
        let text = export::text(&self.session.chat(), form);
        let Some(path) = path else { return print(&text) };
        let path = Path::new(&path);
        if let Some(attendant) = self.attendant.as_mut().filter(|_| sandbox::confines_files()) {
            attendant.write(path, text)?;
        } else if path.exists() && !self.may_replace(path)? {
            return Err(Failure::new("not exported").into());
        } else {
            fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        tell(format_args!("(written to `{}`)", path.display()));
        Ok(())
    }

    fn may_replace(&mut self, path: &Path) -> anyhow::Result<bool> {
        let question = format!("`{}` exists; replace it?", path.display());
        Ok(self.yes || self.input.confirm(&question)?)
    }
}

fn help() {
    for (name, takes, does) in HELP {
        tell(format_args!("  {:<30}{}", format!("{name} {takes}"), beside(32, does)));
    }
    let lines = "\"\"\" begins and ends several lines, as does \\ at the end of a line";
    tell(format_args!("  {lines}"));
    tell("  Ctrl-G opens the editor");
}

fn nothing_said() -> Failure {
    Failure::new("nothing was said yet").hint("`/regen`, `/edit` and `/undo` are about what was")
}
