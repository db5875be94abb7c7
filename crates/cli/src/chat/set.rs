//! `/set`: the settings that may change during a chat, read as on the command line.

use clap::{Args, Command, FromArgMatches};

use super::repl::Talk;
use crate::{
    args::{Chat, Sampling},
    failure::Failure,
    terminal::{tell, width},
};

impl Talk {
    /// Changes a setting.
    ///
    /// # Errors
    ///
    /// If there is no such setting, or it cannot have this value; all is then as it was.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> anyhow::Result<()> {
        let name = name.trim_start_matches('-');
        let value = valued(name, value)?;
        let (chat, sampling) = setting(name, value)?;
        let before = self.session.settings.clone();
        let now = &mut self.session.settings;
        now.sampling = sampling.or(before.sampling.clone());
        now.chat = chat.or(before.chat.clone());
        let vocab = self.session.engine.info().vocab;
        if let Err(error) = self.session.sampling()?.check(vocab) {
            self.session.settings = before;
            return Err(error.into());
        }
        tell(format_args!("({name} = {value})"));
        self.session.warn_of_settings();
        Ok(())
    }

    /// Lists them.
    pub(super) fn list(&self) {
        for flag in settings().get_arguments().filter(|it| !it.is_hide_set()) {
            if let (Some(name), Some(help)) = (flag.get_long(), flag.get_help()) {
                tell(format_args!("  {name:<22}{}", beside(24, &help.to_string())));
            }
        }
    }
}

/// The flags that may change during a chat.
fn settings() -> Command {
    let flags = Sampling::augment_args(Chat::augment_args(Command::new("/set")));
    // These have commands of their own, or are decided when the chat begins.
    let fixed = ["raw", "chat_template", "no_save", "system", "think"];
    flags.no_binary_name(true).disable_help_flag(true).mut_args(move |it| {
        let hide = fixed.contains(&it.get_id().as_str());
        it.hide(hide)
    })
}

/// A switch without a value is switched on.
fn valued<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, Failure> {
    match (value, kind(&settings(), name)) {
        (Some(value), _) => Ok(value),
        (None, Some(Kind::Value)) => {
            let failure = Failure::usage(format!("`/set {name}` needs a value"));
            Err(failure.hint("`/show` says what holds now"))
        }
        (None, _) => Ok("on"),
    }
}

/// Reads `--name value` as on the command line.
fn setting(name: &str, value: &str) -> Result<(Chat, Sampling), Failure> {
    let known = settings();
    if kind(&known, name).is_none() {
        let failure = Failure::usage(format!("no setting of a chat is called `{name}`"));
        return Err(failure.hint("`/set` lists them; others are flags of `ingle run`"));
    }
    let matches =
        known.try_get_matches_from([format!("--{name}={value}")]).map_err(|error| usage(&error))?;
    let chat = Chat::from_arg_matches(&matches).map_err(|error| usage(&error))?;
    Ok((chat, Sampling::from_arg_matches(&matches).map_err(|error| usage(&error))?))
}

/// What a setting takes.
enum Kind {
    Switch,
    Value,
}

fn kind(known: &Command, name: &str) -> Option<Kind> {
    let mut flags = known.get_arguments().filter(|it| !it.is_hide_set());
    let flag = flags.find(|it| it.get_long() == Some(name))?;
    let needs_value = flag.get_num_args().is_none_or(|it| it.min_values() > 0);
    Some(if needs_value { Kind::Value } else { Kind::Switch })
}

/// clap's message without its heading and its advice on flags.
fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Failure::usage(line)
}

/// `text` in lines that fit the terminal beside the first `column` columns.
pub(super) fn beside(column: usize, text: &str) -> String {
    let room = width().unwrap_or(usize::MAX).saturating_sub(column + 1).max(20);
    let (mut lines, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        if used > 0 && used + 1 + word.len() > room {
            lines += &format!("\n{:column$}", "");
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines += word;
        used += word.len();
    }
    lines
}
