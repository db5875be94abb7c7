//! What a server answers, and whether that is what was asked for.

use std::{
    io::{self, Read},
    time::Duration,
};

use store::name::RepoId;
use ureq::{Body, http::HeaderMap};

use super::MAX_REASON;
use crate::{Endpoint, Error, Url, Visitor, Watch, hop, hop::Way, watch::Watched};

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Who gives it.
    pub(crate) url: Url,
    /// What the hub itself said before it sent us elsewhere.
    pub(crate) said: Said,
    pub(super) via: Way,
}

/// What the headers of the hub say of a file; not yet believed.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) commit: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) size: Option<String>,
}

impl Said {
    /// The hub may say it on one hop or on another.
    pub(super) fn hear(&mut self, headers: &HeaderMap) {
        for (place, name) in [
            (&mut self.commit, "x-repo-commit"),
            (&mut self.etag, "x-linked-etag"),
            (&mut self.size, "x-linked-size"),
        ] {
            if let Some(text) = text(headers, name) {
                *place = Some(text);
            }
        }
    }
}

impl Answer {
    /// Itself, if the server grants what was asked for; `token` says where the one is from that it
    /// was told.
    ///
    /// # Errors
    ///
    /// What its status says.
    pub(crate) fn granted(
        self,
        endpoint: &Endpoint,
        repository: &RepoId,
        absent: &str,
        token: Option<&str>,
    ) -> Result<Self, Error> {
        let host = self.url.authority();
        let at_home = self.url.shares_origin(endpoint.url());
        let code = text(&self.headers, "x-error-code").unwrap_or_default();
        let said = text(&self.headers, "x-error-message");
        let said = said.map(|it| it.chars().take(MAX_REASON).collect());
        let is_gated = code == "GatedRepo";
        match self.status {
            200 | 206 => Ok(self),
            status @ (401 | 403) if at_home => Err(match token {
                // Of who is known, a gated repository says that it is gated.
                Some(token) if status == 401 && !is_gated => {
                    Error::Token { host, origin: token.to_owned(), said }
                }
                _ => {
                    let known = if token.is_some() { Visitor::Known } else { Visitor::Unknown };
                    let page = format!("{endpoint}/{repository}");
                    let repository = Box::new(repository.clone());
                    Error::Denied { host, repository, status, known, is_gated, said, page }
                }
            }),
            404 if at_home => {
                let what = match code.as_str() {
                    "RepoNotFound" => format!("repository `{repository}`"),
                    _ => absent.to_owned(),
                };
                Err(Error::Absent { host, what })
            }
            status => Err(Error::Status { host, status, said, wait: retry_after(&self.headers) }),
        }
    }

    /// Its whole body, of at most `most` bytes.
    ///
    /// # Errors
    ///
    /// If it is longer, or cannot be read.
    pub(crate) fn bytes(
        self,
        what: &'static str,
        most: u64,
        watch: &dyn Watch,
    ) -> Result<Vec<u8>, Error> {
        let (mut bytes, host) = (Vec::new(), self.url.authority());
        let (from, broken) = self.reader(watch);
        from.take(most + 1).read_to_end(&mut bytes).map_err(broken)?;
        match bytes.len() as u64 > most {
            true => Err(Error::TooLong { host, what, most, unit: "bytes" }),
            false => Ok(bytes),
        }
    }

    /// Its body to be read, as long as `watch` does not stop it, and what an error of that means.
    pub(crate) fn reader(
        self,
        watch: &dyn Watch,
    ) -> (Watched<'_, impl Read>, impl Fn(io::Error) -> Error) {
        let (url, via) = (self.url, self.via);
        let broken = move |error| hop::broken(error, &url, &via);
        (Watched::new(self.body.into_reader(), watch), broken)
    }

    /// Its body to be read, however slowly it comes, and what an error of that means.
    pub(crate) fn unhurried(self) -> (impl Read, impl Fn(io::Error) -> Error) {
        let (url, via) = (self.url, self.via);
        let broken = move |error| hop::broken(error, &url, &via);
        (self.body.into_reader(), broken)
    }

    /// The header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        text(&self.headers, name)
    }
}

/// The header of this name.
pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Seconds; a date is taken for none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    text(headers, "retry-after")?.trim().parse().ok().map(Duration::from_secs)
}
