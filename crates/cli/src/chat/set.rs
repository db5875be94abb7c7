//! `/set`: the settings that may change during a chat, read as on the command line.

use clap::{Args, Command, FromArgMatches};

use super::{repl::Talk, values};
use crate::{
    args::{Chat, Sampling, Settings},
    failure::Failure,
    terminal::{tell, width},
};

impl Talk {
    /// Changes a setting, or takes back with `-` what was said about it; without a value, says
    /// what it is.
    ///
    /// # Errors
    ///
    /// If there is no such setting, or it cannot have this value; all is then as it was.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> anyhow::Result<()> {
        let name = name.trim_start_matches('-');
        let mut changed = self.session.settings.clone();
        match (value, kind(&settings(), name).ok_or_else(|| unknown(name))?) {
            (None, Kind::Value) => {
                tell(format_args!("({name} = {}; `/set {name} -` resets it)", self.now(name)?));
            }
            (Some("-"), _) => {
                values::forget(name, &mut changed);
                self.change(changed)?;
                tell(format_args!("({name} is reset: {})", self.now(name)?));
            }
            (value, _) => {
                // A switch without a value is switched on.
                let value = value.map_or("on", unquoted);
                let (chat, sampling) = setting(name, value)?;
                changed.sampling = sampling.or(changed.sampling);
                changed.chat = chat.or(changed.chat);
                self.change(changed)?;
                tell(format_args!("({name} = {value})"));
            }
        }
        self.session.warn_of_settings();
        Ok(())
    }

    /// Puts other settings in the place of these, unless no token can be chosen so.
    fn change(&mut self, settings: Settings) -> anyhow::Result<()> {
        let before = std::mem::replace(&mut self.session.settings, settings);
        let vocab = self.session.engine.info().vocab;
        let sampling = self.session.sampling().map_err(anyhow::Error::from);
        let checked = sampling.and_then(|it| Ok(it.check(vocab)?));
        if checked.is_err() {
            self.session.settings = before;
        }
        checked
    }

    /// What a setting is now.
    fn now(&self, name: &str) -> anyhow::Result<String> {
        Ok(values::show(name, &self.session.settings, &self.session.sampling()?))
    }

    /// Lists them.
    ///
    /// # Errors
    ///
    /// If a recommendation of the model file has the wrong type.
    pub(super) fn list(&self) -> anyhow::Result<()> {
        for flag in settings().get_arguments().filter(|it| !it.is_hide_set()) {
            if let (Some(name), Some(help)) = (flag.get_long(), flag.get_help()) {
                let help = help.to_string();
                let help = help.split(" [default: ").next().unwrap_or_default();
                let text = format!("{help} [now: {}]", self.now(name)?);
                tell(format_args!("  {name:<22}{}", beside(24, &text)));
            }
        }
        Ok(())
    }
}

/// The flags that may change during a chat.
fn settings() -> Command {
    let flags = Sampling::augment_args(Chat::augment_args(Command::new("/set")));
    // These have commands of their own, or are decided when the chat begins.
    let fixed = ["raw", "chat_template", "no_save", "system", "think", "draft"];
    flags.no_binary_name(true).disable_help_flag(true).mut_args(move |it| {
        let hide = fixed.contains(&it.get_id().as_str());
        it.hide(hide)
    })
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::usage(format!("no setting of a chat is called `{name}`"));
    failure.hint("`/set` lists them; others are flags of `ingle run`")
}

/// A value from between quotes, which may begin or end with spaces, or be `-`.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value)
}

/// Reads `--name value` as on the command line.
fn setting(name: &str, value: &str) -> Result<(Chat, Sampling), Failure> {
    if value.is_empty() {
        let failure = Failure::usage(format!("`/set {name}` needs at least one character"));
        return Err(failure.hint(format!("`/set {name} -` resets it")));
    }
    let known = settings();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_value_and_is_read() {
        let known = settings();
        let shown = Settings::default();
        let sampling = engine::sample::Sampling::default();
        for flag in known.get_arguments().filter(|it| !it.is_hide_set()) {
            let name = flag.get_long().expect("it has a name");
            assert!(!values::show(name, &shown, &sampling).is_empty(), "{name}");
        }
        assert!(setting("stop", "-").is_ok_and(|it| it.0.stop == ["-"]));
        assert!(setting("predict", "-1").is_ok_and(|it| it.0.predict.is_some()));
        assert!(setting("stop", "").is_err());
    }

    #[test]
    fn quotes_are_no_part_of_a_value() {
        for (text, value) in [("a", "a"), ("\"a \"", "a "), ("\"\"", ""), ("\"", "\"")] {
            assert_eq!(unquoted(text), value);
        }
    }
}
