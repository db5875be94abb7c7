//! What a server answers, and whether that is what was asked for.

use std::{io, time::Duration};

use store::name::RepoId;
use ureq::{Body, http::HeaderMap};

use super::MAX_REASON;
use crate::{Endpoint, Error, Url, Visitor, hop, hop::Way};

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
    /// Itself, if the server grants what was asked for.
    ///
    /// # Errors
    ///
    /// What its status says.
    pub(crate) fn granted(
        self,
        endpoint: &Endpoint,
        repository: &RepoId,
        absent: &str,
        known: Visitor,
    ) -> Result<Self, Error> {
        let host = self.url.authority();
        let at_home = self.url.shares_origin(endpoint.url());
        let code = text(&self.headers, "x-error-code").unwrap_or_default();
        match self.status {
            200 | 206 => Ok(self),
            status @ (401 | 403) if at_home => {
                let (repository, page) = (repository.clone(), format!("{endpoint}/{repository}"));
                let is_gated = code == "GatedRepo";
                Err(Error::Denied { host, repository, status, known, is_gated, page })
            }
            404 if at_home => {
                let what = match code.as_str() {
                    "RepoNotFound" => format!("repository `{repository}`"),
                    _ => absent.to_owned(),
                };
                Err(Error::Absent { host, what })
            }
            status => {
                let said = text(&self.headers, "x-error-message");
                let said = said.map(|it| it.chars().take(MAX_REASON).collect());
                Err(Error::Status { host, status, said, wait: retry_after(&self.headers) })
            }
        }
    }

    /// Its whole body, of at most `most` bytes.
    ///
    /// # Errors
    ///
    /// If it is longer, or cannot be read.
    pub(crate) fn bytes(self, what: &'static str, most: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let (url, via) = (self.url, self.via);
        let mut reader = io::Read::take(self.body.into_reader(), most + 1);
        io::Read::read_to_end(&mut reader, &mut bytes).map_err(|it| hop::broken(it, &url, &via))?;
        match bytes.len() as u64 > most {
            true => Err(Error::TooLong { host: url.authority(), what, most }),
            false => Ok(bytes),
        }
    }

    /// Its body to be read, and what an error of that means.
    pub(crate) fn reader(self) -> (impl io::Read, impl Fn(io::Error) -> Error) {
        let (url, via) = (self.url, self.via);
        (self.body.into_reader(), move |error| hop::broken(error, &url, &via))
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
