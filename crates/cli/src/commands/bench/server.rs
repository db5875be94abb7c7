//! `ingle bench --url`: another program that runs models, measured by HTTP with the same tests.
//!
//! `linked` does it. A build without the feature `hub` opens no connection and has none of it.

#[cfg(feature = "hub")]
mod linked;

#[cfg(feature = "hub")]
pub(super) use linked::run;
#[cfg(not(feature = "hub"))]
pub(super) use missing::run;

#[cfg(not(feature = "hub"))]
mod missing {
    use crate::{
        args::{Bench, Form},
        commands::bench::{measure::Test, table::Row},
        failure::Failure,
    };

    /// Says why no server is measured.
    pub(in crate::commands::bench) fn run(
        _: &Bench,
        _: Vec<Test>,
        _: Form,
    ) -> anyhow::Result<Vec<Row>> {
        let failure = Failure::new("this build of `ingle` has no network code: it asks no server");
        Err(failure.hint("measure a model here: `ingle bench MODEL`").into())
    }
}
