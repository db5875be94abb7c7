//! How a failure is told: `error:`, its causes, and after a blank line what to do about it.
//!
//! Commands return `anyhow::Error`. What the library crates know about a way on is in their
//! errors' `hint`; what only the command knows is in a [`Failure`].

use std::{error::Error, fmt, io, process::ExitCode};

use crate::{
    commands::pull,
    sandbox,
    terminal::{Unwritten, tell},
};

/// Something that this program found itself.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    exit: u8,
}

impl Failure {
    /// The command could not be done.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: 1 }
    }

    /// The command does not make sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: 2, ..Self::new(message) }
    }

    /// With what the user can do.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Prints what went wrong; the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    tell(text(error).trim_end());
    ExitCode::from(exit(error))
}

fn exit(error: &anyhow::Error) -> u8 {
    let is_usage = |it: &(dyn Error + 'static)| {
        it.is::<engine::sample::Error>()
            || it.is::<kernels::cpu::ConfigError>()
            || matches!(it.downcast_ref(), Some(engine::Error::Sampling(_)))
            || it.is::<store::reference::ReferenceError>()
            || matches!(it.downcast_ref(), Some(store::Error::ChatName { .. }))
            || pull::is_usage(it)
    };
    // The first finds a failure that was given as context, too.
    let own = error.downcast_ref::<Failure>();
    let own = own.or_else(|| error.chain().find_map(|it| it.downcast_ref()));
    match own {
        Some(failure) => failure.exit,
        None if error.chain().any(is_usage) => 2,
        None => 1,
    }
}

/// The whole message, with line ends.
pub(crate) fn text(error: &anyhow::Error) -> String {
    let mut lines = format!("error: {error}\n");
    let mut above = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // `#[error(transparent)]` and readers that quote their source would say it twice.
        if !above.ends_with(&cause) {
            lines += &format!("  cause: {cause}\n");
        }
        above = cause;
    }
    if let Some(hint) = hint_of(error) {
        lines += &format!("\nhint: {hint}\n");
    }
    lines
}

/// What the user can do about it.
pub(crate) fn hint_of(error: &anyhow::Error) -> Option<String> {
    let own = error.downcast_ref::<Failure>().and_then(|it| it.hint.clone());
    own.or_else(|| error.chain().find_map(hint))
}

fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    let mut hint = error.downcast_ref::<Failure>().and_then(|it| it.hint.clone());
    hint = hint.or_else(|| error.downcast_ref::<store::Error>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<store::library::Error>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<store::adopt::Error>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<store::bundle::Error>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<store::signing::Error>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<store::reference::ReferenceError>()?.hint());
    hint = hint.or_else(|| of_file(error.downcast_ref()?));
    hint = hint.or_else(|| of_file(error.downcast_ref::<Box<loader::Error>>()?));
    hint = hint.or_else(|| error.downcast_ref::<engine::LoadError>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<engine::Error>()?.hint());
    hint = hint.or_else(|| Some(error.downcast_ref::<engine::DraftError>()?.hint()));
    hint = hint.or_else(|| error.downcast_ref::<kernels::cpu::ConfigError>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<store::policy::Error>()?.hint());
    hint = hint.or_else(|| error.downcast_ref::<store::audit::Error>()?.hint());
    hint = hint.or_else(|| pull::hint(error));
    hint.or_else(|| of_sandbox(error.downcast_ref()?))
}

/// What the system refuses to a process that gave up files.
fn of_sandbox(error: &io::Error) -> Option<String> {
    let refused = error.kind() == io::ErrorKind::PermissionDenied && sandbox::confines_files();
    refused.then(|| sandbox::HINT.to_owned())
}

/// What to do about a file that breaks the rules of its format is always the same, unless the
/// error knows better.
fn of_file(error: &loader::Error) -> Option<String> {
    use loader::Error::{Gguf, InShard, Safetensors};
    let again = "the file is damaged, or was written wrongly; get it from another source";
    let known = error.hint();
    known.or_else(|| {
        matches!(error, Gguf(_) | Safetensors(_) | InShard { .. }).then(|| again.to_owned())
    })
}

/// The reader of our output has seen enough. A connection that breaks gives the same error of the
/// system, and is a failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|it| it.downcast_ref().is_some_and(Unwritten::is_closed_pipe))
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn what_nobody_reads_any_more_is_no_failure_and_a_broken_connection_is() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let unread = anyhow::Error::from(Unwritten::from(broken()));
        assert!(is_closed_pipe(&unread.context("cannot list the models")));
        let full = Unwritten::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!is_closed_pipe(&full.into()));
        let hop = Err::<(), _>(broken()).context("cannot read the answer of `hub.example`");
        let error = hop.unwrap_err();
        assert!(!is_closed_pipe(&error), "{error:#}");
        assert_eq!(exit(&error), 1);
    }

    #[test]
    fn causes_are_indented_and_the_hint_comes_last() {
        let cause = Failure::new("the file has 4 bytes").hint("get it again");
        let error = Err::<(), _>(cause).context("cannot load `a.gguf`").unwrap_err();
        let expected = "error: cannot load `a.gguf`\n  cause: the file has 4 bytes\n\n\
                        hint: get it again\n";
        assert_eq!(text(&error), expected);
        assert_eq!(text(&anyhow!("no")), "error: no\n");
        let context = Failure::usage("cannot run it").hint("run another");
        let error = Err::<(), _>(io::Error::other("not found")).context(context).unwrap_err();
        let expected = "error: cannot run it\n  cause: not found\n\nhint: run another\n";
        assert_eq!((text(&error).as_str(), exit(&error)), (expected, 2));
    }
}
