//! What a line at the prompt asks for: a message, or a command that begins with `/`.

use crate::failure::Failure;

/// A line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Message(String),
    Command(Slash),
}

/// A command of the chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slash {
    Help,
    Exit,
    Clear,
    Regen,
    Undo,
    Edit,
    System(Option<String>),
    /// A setting and its value; a switch may go without: on. Neither: list them.
    Set(Option<(String, Option<String>)>),
    Show,
    Stats,
    Model(Option<String>),
    Think(Option<String>),
    /// A file for the next message, and perhaps that message.
    File(String, Option<String>),
    Save(Option<String>),
    Load(Option<String>),
    Export(Form, Option<String>),
    Compact,
}

/// What a conversation is exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Markdown,
    Json,
}

/// Names, what follows them, what they do.
pub(super) const HELP: &[(&str, &str, &str)] = &[
    ("/help", "", "list the commands"),
    ("/exit", "", "leave (also Ctrl-D)"),
    ("/clear", "", "begin a new conversation"),
    ("/regen", "", "answer the last message again"),
    ("/undo", "", "take back the last message and its answer"),
    ("/edit", "", "change the last message in the editor and send it again"),
    ("/system", "[TEXT | -]", "show the system prompt, set it, or take it away"),
    ("/set", "[NAME [VALUE | -]]", "list settings, change one: /set temp 0.2, or reset it with -"),
    ("/show", "", "what is loaded"),
    ("/stats", "", "tokens and speeds of the last answer"),
    ("/model", "[FILE]", "show the model, or go on with another"),
    ("/think", "[on|off|N|hide|show]", "whether the model thinks first, and whether it is shown"),
    ("/file", "PATH [TEXT]", "put a file before the next message"),
    ("/save", "[NAME]", "save the conversation"),
    ("/load", "[NAME]", "list saved conversations, or go on with one"),
    (
        "/export",
        "md|json [PATH]",
        "print the conversation, or write it to a file (in the sandbox a new chat*.md or \
         chat*.json)",
    ),
    ("/compact", "", "replace the conversation by a summary, to free context"),
];

/// Understands a line.
///
/// # Errors
///
/// If it is a command that there is not, or one with the wrong words after it.
pub(super) fn parse(line: &str) -> Result<Said, Failure> {
    let text = line.trim_end();
    if text.trim().is_empty() {
        return Ok(Said::Nothing);
    }
    if !text.starts_with('/') {
        return Ok(Said::Message(text.trim_start().to_owned()));
    }
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let some = (!rest.is_empty()).then(|| rest.to_owned());
    let name = match name {
        "/?" => "/help",
        "/quit" | "/bye" => "/exit",
        name => name,
    };
    let command = match name {
        "/help" => Slash::Help,
        "/exit" => Slash::Exit,
        "/clear" => Slash::Clear,
        "/regen" => Slash::Regen,
        "/undo" => Slash::Undo,
        "/edit" => Slash::Edit,
        "/system" => Slash::System(some.clone()),
        "/set" => Slash::Set(setting(rest)),
        "/show" => Slash::Show,
        "/stats" => Slash::Stats,
        "/model" => Slash::Model(some.clone()),
        "/think" => Slash::Think(some.clone()),
        "/file" => file(rest)?,
        "/save" => Slash::Save(some.clone()),
        "/load" => Slash::Load(some.clone()),
        "/export" => export(rest)?,
        "/compact" => Slash::Compact,
        _ => {
            let message = format!("there is no command `{name}`");
            let hint = "`/help` lists them; a message may begin with a space and then `/`";
            return Err(Failure::usage(message).hint(hint));
        }
    };
    match HELP.iter().find(|it| it.0 == name) {
        Some((_, "", _)) if some.is_some() => {
            Err(Failure::usage(format!("`{name}` takes nothing, found `{rest}`")))
        }
        _ => Ok(Said::Command(command)),
    }
}

fn setting(rest: &str) -> Option<(String, Option<String>)> {
    match rest.split_once(char::is_whitespace) {
        Some((name, value)) => Some((name.to_owned(), Some(value.trim().to_owned()))),
        None => (!rest.is_empty()).then(|| (rest.to_owned(), None)),
    }
}

fn file(rest: &str) -> Result<Slash, Failure> {
    let (path, text) = match rest.strip_prefix('"').and_then(|it| it.split_once('"')) {
        Some(quoted) => quoted,
        None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
    };
    if path.is_empty() {
        return Err(Failure::usage("`/file` needs a path").hint("put one with spaces in \"…\""));
    }
    let text = text.trim();
    Ok(Slash::File(path.to_owned(), (!text.is_empty()).then(|| text.to_owned())))
}

fn export(rest: &str) -> Result<Slash, Failure> {
    let (form, path) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let form = match form {
        "md" => Form::Markdown,
        "json" => Form::Json,
        _ => return Err(Failure::usage(format!("`/export` takes `md` or `json`, found `{form}`"))),
    };
    let path = path.trim();
    Ok(Slash::Export(form, (!path.is_empty()).then(|| path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Slash) {
        assert_eq!(parse(line).unwrap(), Said::Command(expected), "{line}");
    }

    #[track_caller]
    fn refuse(line: &str, expected: &str) {
        assert_eq!(parse(line).unwrap_err().to_string(), expected, "{line}");
    }

    #[test]
    fn commands_begin_with_a_slash() {
        check("/help", Slash::Help);
        check("/bye ", Slash::Exit);
        check("/system You are\nterse", Slash::System(Some("You are\nterse".into())));
        check("/set temp 0.2", Slash::Set(Some(("temp".into(), Some("0.2".into())))));
        check(
            "/file \"a b.txt\" sum it up",
            Slash::File("a b.txt".into(), Some("sum it up".into())),
        );
        check("/file a.txt", Slash::File("a.txt".into(), None));
        check("/export md", Slash::Export(Form::Markdown, None));
        assert_eq!(parse(" /etc?").unwrap(), Said::Message("/etc?".into()));
        assert_eq!(parse("  ").unwrap(), Said::Nothing);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        refuse("/nope x", "there is no command `/nope`");
        refuse("/regen now", "`/regen` takes nothing, found `now`");
        refuse("/bye now", "`/exit` takes nothing, found `now`");
        refuse("/export pdf", "`/export` takes `md` or `json`, found `pdf`");
        refuse("/file", "`/file` needs a path");
    }

    #[test]
    fn every_command_of_the_list_is_understood() {
        for (name, takes, _) in HELP {
            let line = if takes.starts_with('[') || takes.is_empty() {
                (*name).to_owned()
            } else {
                format!("{name} md x")
            };
            assert!(matches!(parse(&line), Ok(Said::Command(_))), "{line}");
        }
    }
}
