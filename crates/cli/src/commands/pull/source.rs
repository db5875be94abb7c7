//! Reaches the hub as flags and environment say, and follows references to repositories.

use std::{
    env,
    io::{self, IsTerminal},
    num::NonZeroU64,
};

use hub::{Endpoint, Error, Hub, Online, Revision, Settings, Snapshot, Token, Visitor, Watch};
use store::{
    name::RepoId,
    reference::{Reference, Wanted},
};

use super::known;
use crate::{
    args,
    failure::Failure,
    terminal::{Interrupts, Quiet, tell},
};

/// A hub, and the settings that it is reached by.
///
/// # Errors
///
/// If that is forbidden, or a setting says what cannot be.
pub(crate) fn open(flags: &args::Hub, limit_rate: Option<NonZeroU64>) -> Result<Hub, Error> {
    let online = Online::ask(flags.offline.then_some("--offline"), &variable)?;
    let mut settings = Settings::find(&variable)?;
    let mirrors: Vec<Vec<Endpoint>> =
        flags.mirror.iter().map(|it| Endpoint::list("--mirror", it)).collect::<Result<_, _>>()?;
    if !mirrors.is_empty() {
        settings.endpoints = mirrors.concat();
    }
    settings.ca_file = flags.ca_file.clone();
    settings.limit_rate = limit_rate;
    Hub::new(settings, online)
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|it| it.to_string_lossy().into_owned())
}

/// The repositories that may hold what `reference` names, the likeliest first.
///
/// # Errors
///
/// If the catalogue does not know it.
pub(crate) fn repositories(reference: &Reference) -> anyhow::Result<Vec<RepoId>> {
    let called = match &reference.wanted {
        Wanted::Repository(repository) => return Ok(vec![repository.clone()]),
        Wanted::Called(name) => name,
    };
    let found = known::repositories(called, reference.quant.as_deref());
    match found.is_empty() {
        false => Ok(found),
        true => {
            let failure = Failure::new(format!("the catalogue knows no model `{called}`"));
            Err(failure.hint("name a repository of the hub: `org/repo`").into())
        }
    }
}

/// The first of `repositories` that is there.
///
/// # Errors
///
/// If none is there, or opens itself.
pub(crate) fn look(
    hub: &mut Hub,
    repositories: &[RepoId],
    revision: &Revision,
    watch: &dyn Watch,
) -> Result<Snapshot, Error> {
    let mut first = None;
    for repository in repositories {
        match with_token(hub, repository, |hub| hub.look(repository, revision, watch)) {
            Ok(snapshot) => return Ok(snapshot),
            Err(error @ (Error::Absent { .. } | Error::Denied { .. })) => {
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(first.expect("at least one repository is asked for"))
}

/// What `ask` gets of `repository`. A gated one may show its list to everybody, and refuse its files:
/// wherever that is, and somebody can be asked for a token, they are, and it is asked for again.
///
/// # Errors
///
/// As `ask`.
pub(crate) fn with_token<T>(
    hub: &mut Hub,
    repository: &RepoId,
    ask: impl Fn(&Hub) -> Result<T, Error>,
) -> Result<T, Error> {
    let asked = ask(hub);
    if let Err(Error::Denied { known: Visitor::Unknown, is_gated: true, .. }) = asked
        && let Some(token) = ask_for_token(repository)
    {
        *hub = hub.known_as(token)?;
        return ask(hub);
    }
    asked
}

/// A token from the terminal, if somebody is there; it is neither shown nor kept.
fn ask_for_token(repository: &RepoId) -> Option<Token> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return None;
    }
    let _quiet = Quiet::begin();
    let mut line = String::new();
    let read = Interrupts::unheard(|| {
        tell(format_args!(
            "`{repository}` is gated. Paste a token of an account that accepted its licence (it is \
             not shown, and not kept), or press Enter:"
        ));
        io::stdin().read_line(&mut line)
    });
    read.ok()?;
    Token::new(&line)
}
