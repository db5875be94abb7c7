//! `ingle run`: a chat at the terminal, or one answer to a prompt, a file or piped text.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use anyhow::Context;
use store::ChatName;

use crate::{
    args::Run,
    chat::{Form, Keeper, Keeps, Manner, Places, Session, once, talk},
    failure::Failure,
    model,
    sandbox::{Plan, attendant::Attendant},
    settings::Site,
    terminal::Interrupts,
    utf8,
};

/// Runs it.
pub(crate) fn run(args: Run) -> anyhow::Result<()> {
    let site = Site::find()?;
    let Run { words, model, prompt, file, resume, verbose, yes, json, settings, confine } = args;
    let chats = site.home.chats();
    let resumed: Option<ChatName> = match resume {
        None => None,
        Some(None) => Some(chats.latest()?),
        Some(Some(name)) => Some(name.parse()?),
    };
    let chat = resumed.as_ref().map(|it| chats.load(it)).transpose()?;
    // A conversation goes on with the model that it was held with.
    let usual = chat.as_ref().map(|it| it.model.as_str()).or(site.model.as_deref());
    let (name, words) = model::named(model, words, usual)?;
    let prompt = match (prompt, words.is_empty()) {
        (Some(_), false) => {
            let failure = Failure::usage(format!("two prompts: `-p` and `{}`", words.join(" ")));
            return Err(failure.hint("give one of them").into());
        }
        (None, false) => Some(words.join(" ")),
        (prompt, true) => prompt,
    };
    let prompt = whole_prompt(file.as_deref(), prompt)?;
    if prompt.is_none() && json.on {
        let failure = Failure::usage("`--json` needs a prompt: a chat at the terminal has no JSON");
        return Err(failure.hint("give one after the model, with `-f` or by a pipe").into());
    }
    if prompt.is_some() && yes {
        let message = "`-y` answers the questions of a chat at the terminal; a prompt has none";
        return Err(Failure::usage(message).hint("leave it out").into());
    }
    let flag = settings.chat.no_save;
    let settings = site.under(settings)?;
    let keeps = keeps(flag, settings.chat.no_save)?;
    let kept = kept(&site, keeps, prompt.is_none());
    let plan = Plan::of(confine.or(site.confine.clone()), &site.home, &settings, kept)?;
    let attendant = if prompt.is_none() { attendant(&site, &plan)? } else { None };
    let mut session = Session::load(&name, settings, plan)?;
    Interrupts::install()?;
    if let Some(chat) = &chat {
        session.resume(chat.clone());
    }
    let keeper = Keeper::new(chats, resumed.zip(chat), keeps);
    match prompt {
        Some(prompt) => once(session, keeper, prompt, Form { json: json.on, verbose }),
        None => {
            let history = (keeps == Keeps::Everything).then(|| site.home.history());
            let places = Places { history, folder: site.home.data().to_owned(), attendant };
            talk(session, keeper, places, Manner { verbose, yes })
        }
    }
}

/// Whoever does for a chat what the sandbox does not let it; started before a model is open.
fn attendant(site: &Site, plan: &Plan) -> anyhow::Result<Option<Attendant>> {
    let started = plan.confines().then(|| Attendant::start(site.home.data())).transpose();
    started.with_context(|| {
        let failure = Failure::new("cannot start the process that runs the editor");
        failure.hint("`--sandbox off` does without")
    })
}

/// The chats folder and the line history, made ready, as far as they are kept. What cannot be made is
/// told when it is to be written.
fn kept(site: &Site, keeps: Keeps, is_chat: bool) -> Vec<PathBuf> {
    let chats = site.home.chats().folder().to_owned();
    // Without them, `/save` still works where there is a folder already.
    if keeps == Keeps::Nothing {
        return vec![chats];
    }
    let _ = store::folder(&chats);
    if !is_chat {
        return vec![chats];
    }
    let history = site.home.history();
    let _ = store::touch(&history);
    vec![chats, history]
}

/// What the flag `--no-save` says, else `INGLE_SAVE`, else the file: `no_save` is the flag over the
/// file. Where nobody says, a build for machines that no network reaches keeps nothing. A value that could be meant either way is refused: what is written down by mistake
/// cannot be taken back.
fn keeps(flag: Option<bool>, no_save: Option<bool>) -> Result<Keeps, Failure> {
    // What is no text is refused as well.
    let asked = std::env::var_os("INGLE_SAVE").unwrap_or_default();
    let asked = match &*asked.to_string_lossy() {
        "" => None,
        "0" | "false" | "no" | "off" => Some(Keeps::Nothing),
        "1" | "true" | "yes" | "on" => Some(Keeps::Everything),
        other => {
            return Err(Failure::usage(format!("`INGLE_SAVE` is `0` or `1`, found `{other}`")));
        }
    };
    let keeps = |no_save| if no_save { Keeps::Nothing } else { Keeps::Everything };
    let usual = no_save.unwrap_or(cfg!(feature = "airgap"));
    Ok(flag.map(keeps).or(asked).unwrap_or(keeps(usual)))
}

/// What to answer once: piped text, then the file's, then the prompt. None where a person is to
/// be asked.
fn whole_prompt(
    file: Option<&std::path::Path>,
    prompt: Option<String>,
) -> anyhow::Result<Option<String>> {
    let mut parts: Vec<String> = piped()?.into_iter().collect();
    let asked = file.is_some() || prompt.is_some() || !parts.is_empty();
    if let Some(path) = file {
        parts.push(utf8::read_file(path)?);
    }
    parts.extend(prompt);
    let trimmed: Vec<&str> = parts.iter().map(|it| it.trim_end_matches('\n')).collect();
    let texts: Vec<&str> = trimmed.into_iter().filter(|it| !it.trim().is_empty()).collect();
    match (asked, texts.is_empty()) {
        (false, _) => Ok(None),
        (true, false) => Ok(Some(texts.join("\n\n"))),
        (true, true) => {
            let failure = Failure::usage("the prompt is empty");
            Err(failure.hint("at a terminal, `ingle run MODEL` asks for one").into())
        }
    }
}

/// The text that comes from a pipe or a file; None at a terminal.
///
/// # Errors
///
/// If it cannot be read, or is not text.
pub(super) fn piped() -> anyhow::Result<Option<String>> {
    if io::stdin().is_terminal() {
        return Ok(None);
    }
    utf8::read_stdin().map(Some)
}
