//! `ingle pull`: fetches a model from the hub into the library.
//!
//! `source` reaches the hub, `known` says what is known of a model and whether this site allows it,
//! `plan` what will be fetched and what speaks against that, `fetch` does it. A build without the
//! feature `hub` has none of them.

#[cfg(feature = "hub")]
mod fetch;
#[cfg(feature = "hub")]
mod fit;
#[cfg(feature = "hub")]
pub(crate) mod known;
#[cfg(feature = "hub")]
mod plan;
#[cfg(feature = "hub")]
pub(crate) mod progress;
#[cfg(feature = "hub")]
pub(crate) mod source;

#[cfg(feature = "hub")]
pub(crate) use fetch::run;
#[cfg(feature = "hub")]
pub(crate) use linked::{hint, is_usage};
#[cfg(not(feature = "hub"))]
pub(crate) use missing::{hint, is_usage, run};

#[cfg(feature = "hub")]
mod linked {
    use std::error::Error;

    /// What to do about an error of the hub.
    pub(crate) fn hint(error: &(dyn Error + 'static)) -> Option<String> {
        error.downcast_ref::<hub::Error>()?.hint()
    }

    /// Whether an error of the hub is about what was typed.
    pub(crate) fn is_usage(error: &(dyn Error + 'static)) -> bool {
        use hub::Error::{Setting, Variant};
        matches!(error.downcast_ref(), Some(Setting { .. } | Variant { .. }))
    }
}

#[cfg(not(feature = "hub"))]
mod missing {
    use std::error::Error;

    use crate::{args::Pull, failure::Failure};

    /// Says why there is no such verb.
    pub(crate) fn run(_: Pull) -> anyhow::Result<()> {
        let failure = Failure::new("this build of `ingle` has no network code: it fetches nothing");
        let hint = "`ingle pull` and `ingle export` it on a machine with a network; `ingle import` \
                    takes it in here";
        Err(failure.hint(hint).into())
    }

    /// There is no such error.
    pub(crate) fn hint(_: &(dyn Error + 'static)) -> Option<String> {
        None
    }

    /// There is no such error.
    pub(crate) fn is_usage(_: &(dyn Error + 'static)) -> bool {
        false
    }
}
