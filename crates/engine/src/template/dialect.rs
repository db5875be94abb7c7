//! Jinja as Hugging Face's `apply_chat_template` speaks it, on minijinja.
//!
//! The environment trims blocks and adds what transformers adds: `raise_exception`,
//! `strftime_now`, its own `tojson`. The values of
//! a rendering are bounded by `bounds.rs`.

use std::fmt::Write;

use chrono::{
    NaiveDateTime,
    format::{Item, StrftimeItems},
};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig};

use super::{json, methods, python};

/// Tells templates the local time.
pub type Clock = fn() -> NaiveDateTime;

/// What `raise_exception` leaves in the error that ends the rendering.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) String);

/// An environment without templates.
pub(super) fn environment(clock: Clock) -> Environment<'static> {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("the default delimiters are valid"));
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_debug(false);
    env.set_unknown_method_callback(methods::call);
    python::install(&mut env);
    env.add_filter("tojson", json::tojson);
    env.add_function("raise_exception", raise_exception);
    env.remove_global("debug");
    set_clock(&mut env, clock);
    env
}

/// Lets `strftime_now` read `clock`.
pub(super) fn set_clock(env: &mut Environment<'static>, clock: Clock) {
    env.add_function("strftime_now", move |format: &str| strftime(clock(), format));
}

fn raise_exception(message: &str) -> Result<String, Error> {
    let refusal = Refusal(message.to_owned());
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(refusal))
}

fn strftime(now: NaiveDateTime, format: &str) -> Result<String, Error> {
    let unfit = || Error::new(ErrorKind::InvalidOperation, "unknown time format");
    let items: Vec<Item> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Err(unfit());
    }
    let mut text = String::new();
    write!(text, "{}", now.format_with_items(items.iter())).map_err(|_| unfit())?;
    Ok(text)
}
