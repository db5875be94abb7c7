//! Settings of a conversation that are neither about loading nor about sampling.

use std::{fmt, num::NonZeroUsize, path::PathBuf, str::FromStr};

use clap::{Args, builder::NonEmptyStringValueParser};
use serde::Deserialize;

use super::{number, text};

/// How a conversation is held.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Chat {
    /// At most so many tokens in an answer; -1 is no limit [default: -1]
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    #[serde(deserialize_with = "text::one")]
    pub(crate) predict: Option<Predict>,
    /// The system prompt (`-sys` works, too)
    #[arg(long, visible_alias = "sys", value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// End the answer before this text; may be given several times
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    #[serde(deserialize_with = "text::some")]
    pub(crate) stop: Vec<String>,
    /// Let the model think first: `on`, `off`, or at most so many tokens
    #[arg(long, value_name = "on|off|N")]
    #[serde(deserialize_with = "text::one")]
    pub(crate) think: Option<Think>,
    /// Do not show what the model thinks
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "on", value_parser = switch)]
    pub(crate) hide_thinking: Option<bool>,
    /// Take the chat template from this file
    #[arg(long, value_name = "FILE", conflicts_with = "raw")]
    pub(crate) chat_template: Option<PathBuf>,
    /// No template: the model goes on with the text as it is
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "on", value_parser = switch)]
    pub(crate) raw: Option<bool>,
    /// When the context is full, drop the oldest turns, and say so
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "on", value_parser = switch)]
    pub(crate) context_shift: Option<bool>,
    /// Compute so many tokens ahead where the text seems to repeat an earlier one; it stays the
    /// same text, sooner. 0 computes none [default: 15]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[serde(deserialize_with = "text::one")]
    pub(crate) lookup: Option<Lookup>,
    /// Let this smaller model of the same vocabulary guess ahead, too, named as MODEL is; the text
    /// stays the same
    #[arg(long, value_name = "MODEL", value_parser = NonEmptyStringValueParser::new())]
    #[serde(deserialize_with = "text::filled")]
    pub(crate) draft: Option<String>,
    /// Whether `draft` is the settings file's: where that cannot guess, the model answers alone.
    #[arg(skip)]
    #[serde(skip)]
    pub(crate) usual_draft: bool,
    /// Let the draft guess at most so many tokens at a time; 0 lets it guess none [default: 15]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[serde(deserialize_with = "text::one")]
    pub(crate) draft_max: Option<Lookup>,
    /// Save neither the chat nor the line history (or set INGLE_SAVE=0)
    #[cfg_attr(
        feature = "airgap",
        arg(help = "Save neither the chat nor the line history, which is usual in this build: \
                    `--no-save=off` or INGLE_SAVE=1 saves them")
    )]
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "on", value_parser = switch)]
    pub(crate) no_save: Option<bool>,
}

/// How long an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predict {
    /// As long as the model goes on; llama.cpp's -1.
    NoLimit,
    /// So many tokens at most.
    AtMost(NonZeroUsize),
}

impl Predict {
    /// Tokens at most, if there is a limit.
    pub(crate) fn limit(self) -> Option<usize> {
        match self {
            Self::NoLimit => None,
            Self::AtMost(n) => Some(n.get()),
        }
    }
}

impl FromStr for Predict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "-1" => Ok(Self::NoLimit),
            _ => {
                let expected = "a whole number from 1, or -1 for no limit";
                number::integer(text, expected).map(Self::AtMost)
            }
        }
    }
}

impl fmt::Display for Predict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLimit => f.write_str("-1"),
            Self::AtMost(n) => write!(f, "{n}"),
        }
    }
}

/// How many tokens are computed ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lookup(pub(crate) usize);

impl Lookup {
    /// With the last token, as many rows as kernels multiply at once.
    pub(crate) const MOST: Self = Self(15);
}

impl FromStr for Lookup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "a whole number from 0 to 15";
        match number::integer(text, expected)? {
            n if n <= Self::MOST.0 => Ok(Self(n)),
            _ => Err(format!("expected {expected}, found `{text}`")),
        }
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads `on` or `off`.
fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("expected `on` or `off`".to_owned()),
    }
}

/// Whether the model may think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Think {
    /// As long as it likes.
    On,
    /// Not at all.
    Off,
    /// So many tokens at most.
    AtMost(usize),
}

impl FromStr for Think {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("on", _) => Ok(Self::On),
            ("off", _) | (_, Ok(0)) => Ok(Self::Off),
            (_, Ok(n)) => Ok(Self::AtMost(n)),
            _ => Err("expected `on`, `off` or a number of tokens".to_owned()),
        }
    }
}

impl fmt::Display for Think {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("on"),
            Self::Off => f.write_str("off"),
            Self::AtMost(n) => write!(f, "{n}"),
        }
    }
}

impl Chat {
    /// These, and where they say nothing, those of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        // A template and none at all exclude each other: what was said here decides.
        let (raw, template) = (self.raw == Some(true), self.chat_template.is_some());
        let usual_draft = if self.draft.is_some() { self.usual_draft } else { other.usual_draft };
        Self {
            usual_draft,
            predict: self.predict.or(other.predict),
            system: self.system.or(other.system),
            stop: if self.stop.is_empty() { other.stop } else { self.stop },
            think: self.think.or(other.think),
            hide_thinking: self.hide_thinking.or(other.hide_thinking),
            chat_template: self.chat_template.or(other.chat_template.filter(|_| !raw)),
            raw: self.raw.or(other.raw.filter(|_| !template)),
            context_shift: self.context_shift.or(other.context_shift),
            lookup: self.lookup.or(other.lookup),
            draft: self.draft.or(other.draft),
            draft_max: self.draft_max.or(other.draft_max),
            no_save: self.no_save.or(other.no_save),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    #[test]
    fn a_draft_has_a_name_and_a_bound() {
        let read = |args: &[&str]| {
            let command = Chat::augment_args(Command::new("run").no_binary_name(true));
            let matches = command.try_get_matches_from(args.iter().copied())?;
            Chat::from_arg_matches(&matches)
        };
        let chat = read(&["--draft", "qwen3:0.6b", "--draft-max", "7"]).expect("sound flags");
        assert_eq!((chat.draft.as_deref(), chat.draft_max), (Some("qwen3:0.6b"), Some(Lookup(7))));
        let chat = read(&["--draft-max=0"]).expect("a sound flag").or(chat);
        assert_eq!((chat.draft.as_deref(), chat.draft_max), (Some("qwen3:0.6b"), Some(Lookup(0))));
        for bad in [&["--draft", ""][..], &["--draft"], &["--draft-max", "16"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_draft_is_usual_where_no_flag_names_one() {
        let draft = |name: &str| Chat { draft: Some(name.to_owned()), ..Chat::default() };
        let file = Chat { usual_draft: true, ..draft("small") };
        let both = |flags: Chat| {
            let all = flags.or(file.clone());
            (all.draft, all.usual_draft)
        };
        assert_eq!(both(Chat::default()), (Some("small".to_owned()), true));
        assert_eq!(both(draft("other")), (Some("other".to_owned()), false));
    }

    #[test]
    fn no_more_is_looked_ahead_than_there_is_room_for() {
        let lookup = |text: &str| text.parse::<Lookup>().map(|it| it.0);
        assert_eq!([lookup("0"), lookup("15")], [Ok(0), Ok(15)]);
        for bad in ["16", "-1", "x"] {
            let expected = format!("expected a whole number from 0 to 15, found `{bad}`");
            assert_eq!(lookup(bad), Err(expected));
        }
    }

    #[test]
    fn minus_one_is_no_limit() {
        let limit = |text: &str| text.parse::<Predict>().map(Predict::limit);
        assert_eq!(limit("-1"), Ok(None));
        assert_eq!(limit("7"), Ok(Some(7)));
        for bad in ["0", "-2", "x"] {
            let expected = "expected a whole number from 1, or -1 for no limit";
            assert_eq!(limit(bad), Err(format!("{expected}, found `{bad}`")));
        }
    }
}
