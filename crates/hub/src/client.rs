//! One request: which way it goes, who is told the token, what the answer may be.
//!
//! Redirects are followed here and not by the transport, so that each hop can be named, the token
//! stays with the hub, and what the hub says on the way to a file's store is seen.
//!
//! Nobody who wants to stop waits for a server that says nothing: an answer is waited for beside the
//! question whether to stop, and who reads one is hung up on ([`Client::interruptibly`]).

mod answer;

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

use serde::de::DeserializeOwned;
use store::name::RepoId;
use ureq::{
    Agent, Body, Proxy, RequestBuilder,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    tls::{RootCerts, TlsConfig},
    typestate::WithoutBody,
};

use crate::{
    Endpoint, Error, Settings, Url, Watch, certificates, hop,
    hop::Way,
    proxy::{Proxies, Refused, Route},
    rate::NAP,
    token::{HIDDEN, Token},
    url::shown,
};
use answer::text;
pub(crate) use answer::{Answer, Said};

/// As browsers do it.
const MAX_REDIRECTS: usize = 10;
/// Longest answer of the API that is read.
const MAX_JSON: u64 = 32 << 20;
/// As much of a reason is shown.
const MAX_REASON: usize = 200;

/// What sends requests.
pub(crate) struct Client {
    direct: Agent,
    secure: Option<Agent>,
    plain: Option<Agent>,
    proxies: Proxies,
    known: Option<Known>,
}

/// Who we are, and to whom.
struct Known {
    /// The server that is told it, and no other.
    server: Url,
    token: Token,
    /// Where the token is from.
    origin: String,
}

impl Client {
    /// Makes it; connects to nobody.
    ///
    /// # Errors
    ///
    /// If no hub is named, or there are no certificates and a hub is to be told by one.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let first = settings.endpoints.first().ok_or_else(|| Error::Setting {
            name: "endpoints".to_owned(),
            found: String::new(),
            expected: "the address of a hub, one at least",
        })?;
        let trusted = certificates::trusted(settings)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(trusted))
            .unversioned_rustls_crypto_provider(rustls::crypto::ring::default_provider().into())
            .build();
        let agent = |proxy| agent(settings, tls.clone(), proxy);
        let proxies = settings.proxies.clone();
        let usable = |it: &Option<Result<Proxy, Refused>>| it.clone().and_then(Result::ok);
        let known = settings.token.as_ref().and_then(|it| {
            Some(Known { server: it.server(first)?, token: it.clone(), origin: it.origin() })
        });
        Ok(Self {
            direct: agent(None),
            secure: usable(&proxies.secure).map(|it| agent(Some(it))),
            plain: usable(&proxies.plain).map(|it| agent(Some(it))),
            proxies,
            known,
        })
    }

    /// Where the token is from that `endpoint` is told, if it is told one.
    pub(crate) fn token_for(&self, endpoint: &Endpoint) -> Option<&str> {
        self.known_to(endpoint).map(|it| it.origin.as_str())
    }

    fn known_to(&self, endpoint: &Endpoint) -> Option<&Known> {
        self.known.as_ref().filter(|it| it.server.shares_origin(endpoint.url()))
    }

    /// Does `work`, and hangs up on everybody once `watch` says to stop: who waits for bytes gets an
    /// error in their place, and nobody is asked for anything any more.
    ///
    /// # Errors
    ///
    /// As `work`.
    pub(crate) fn interruptibly<T>(
        &self,
        watch: &dyn Watch,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        thread::scope(|scope| {
            // Ends with the work, also where that panics.
            let (working, done) = mpsc::channel::<()>();
            scope.spawn(move || {
                while done.recv_timeout(NAP) == Err(RecvTimeoutError::Timeout) {
                    if watch.stop() {
                        return self.hang_up();
                    }
                }
            });
            let worked = work();
            drop(working);
            worked
        })
    }

    /// Ends all connections, also where somebody waits for bytes; no others are made.
    fn hang_up(&self) {
        let all = [Some(&self.direct), self.secure.as_ref(), self.plain.as_ref()];
        // Clones of an agent share its connections.
        all.into_iter().flatten().for_each(|it| it.clone().shutdown());
    }

    /// Asks for `url`, on behalf of `endpoint`, which alone may be told the token; `bytes` of it,
    /// the end not included.
    ///
    /// # Errors
    ///
    /// If a server cannot be reached, or sends us where we do not go; if `watch` says to stop.
    pub(crate) fn get(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        bytes: Option<(u64, u64)>,
        watch: &dyn Watch,
    ) -> Result<Answer, Error> {
        let (mut url, mut said, mut from) = (url.clone(), Said::default(), None);
        for _ in 0..=MAX_REDIRECTS {
            let at_home = url.shares_origin(endpoint.url());
            let route = self.proxies.route(&url)?;
            let via = Way { proxy: self.proxies.name(route), from: from.clone() };
            // A proxy would read what is not encrypted, wherever it goes.
            let is_private = url.is_secure() || route == Route::Direct;
            let known = self.known_to(endpoint).filter(|_| at_home && is_private);
            let request = self.request(route, &url, known, bytes);
            let answered = call(request, watch).ok_or(Error::Stopped)?;
            let response = answered.map_err(|it| hop::unanswered(it, &url, &via))?;
            let (parts, body) = response.into_parts();
            let headers = self.without_token(parts.headers);
            if at_home {
                said.hear(&headers);
            }
            if !is_redirect(parts.status) {
                return Ok(Answer { status: parts.status.as_u16(), headers, body, url, said, via });
            }
            let location = text(&headers, "location").unwrap_or_default();
            let refused = |why| Error::Redirect {
                host: url.authority(),
                to: shown(&location).chars().take(MAX_REASON).collect(),
                why,
            };
            if location.contains(HIDDEN) {
                return Err(refused("an address with the token in it"));
            }
            let to = url.redirected(&location);
            let to = to.ok_or_else(|| refused("no address, or not encrypted"))?;
            if !to.shares_origin(&url) {
                from = Some(url.authority());
            }
            url = to;
        }
        let (host, to) = (endpoint.url().authority(), url.authority());
        Err(Error::Redirect { host, to, why: "one redirect too many" })
    }

    /// The headers of an answer without the token, where it repeats that: they may get into a message,
    /// or into a request to another server.
    fn without_token(&self, mut headers: HeaderMap) -> HeaderMap {
        let Some(Known { token, .. }) = &self.known else { return headers };
        for value in headers.values_mut() {
            if let Some(hidden) = token.hidden_in(value.as_bytes()) {
                *value = HeaderValue::from_str(&hidden).unwrap_or(HeaderValue::from_static(HIDDEN));
            }
        }
        headers
    }

    /// Sends `body`, which is JSON, to `url` of `endpoint`.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached.
    pub(crate) fn post(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        body: &[u8],
    ) -> Result<Answer, Error> {
        let route = self.proxies.route(url)?;
        let via = Way { proxy: self.proxies.name(route), from: None };
        let is_private = url.is_secure() || route == Route::Direct;
        let known = self.known_to(endpoint).filter(|_| is_private);
        let request = self.on(route).post(url.to_string());
        let mut request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(Known { token, .. }) = known {
            request = request.header(header::AUTHORIZATION, token.bearer());
        }
        let response = request.send(body).map_err(|it| hop::unanswered(it, url, &via))?;
        let (parts, body) = response.into_parts();
        let (status, headers, url) = (parts.status.as_u16(), parts.headers, url.clone());
        Ok(Answer { status, headers, body, url, said: Said::default(), via })
    }

    /// What takes this way.
    fn on(&self, route: Route) -> &Agent {
        let agent = match route {
            Route::Direct => None,
            Route::Secure => self.secure.as_ref(),
            Route::Plain => self.plain.as_ref(),
        };
        agent.unwrap_or(&self.direct)
    }

    fn request(
        &self,
        route: Route,
        url: &Url,
        known: Option<&Known>,
        bytes: Option<(u64, u64)>,
    ) -> RequestBuilder<WithoutBody> {
        let mut request = self.on(route).get(url.to_string());
        if let Some(Known { token, .. }) = known {
            request = request.header(header::AUTHORIZATION, token.bearer());
        }
        if let Some((begin, end)) = bytes {
            request = request.header(header::RANGE, format!("bytes={begin}-{}", end - 1));
        }
        request
    }

    /// Asks the API of `endpoint` for `what`, and for the header `Link` beside it.
    ///
    /// # Errors
    ///
    /// If it does not answer with that; `absent` names what a 404 speaks of.
    pub(crate) fn json<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        (repository, what, absent): (&RepoId, &'static str, &str),
        watch: &dyn Watch,
    ) -> Result<(T, Option<String>), Error> {
        let answer = self.get(endpoint, url, None, watch)?;
        let answer = answer.granted(endpoint, repository, absent, self.token_for(endpoint))?;
        let link = text(&answer.headers, "link");
        let host = answer.url.authority();
        let bytes = answer.bytes(what, MAX_JSON, watch)?;
        // What is wrong with it is told with what it says.
        let hidden = self.known.as_ref().and_then(|it| it.token.hidden_in(&bytes));
        let bytes = hidden.map_or(bytes, String::into_bytes);
        let value = serde_json::from_slice(&bytes).map_err(|source| Error::Answer {
            host,
            what,
            source: source.into(),
        })?;
        Ok((value, link))
    }
}

/// The answer; nothing once `watch` says to stop. It comes by way of another thread, which is left to
/// itself then: neither the look-up of a name nor a connection that is being made can be broken off.
fn call(
    request: RequestBuilder<WithoutBody>,
    watch: &dyn Watch,
) -> Option<Result<Response<Body>, ureq::Error>> {
    if watch.stop() {
        return None;
    }
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens where somebody stopped.
        let _ = tell.send(request.call());
    });
    loop {
        match told.recv_timeout(NAP) {
            Ok(answered) => return Some(answered),
            Err(RecvTimeoutError::Timeout) if watch.stop() => return None,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("to send a request does not panic"),
        }
    }
}

fn agent(settings: &Settings, tls: TlsConfig, proxy: Option<Proxy>) -> Agent {
    let patience = &settings.patience;
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls)
        .proxy(proxy)
        .user_agent(concat!("ingle/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_per_read(Some(patience.silence))
        .timeout_per_write(Some(patience.silence))
        .max_idle_connections_per_host(settings.connections.get());
    config.build().new_agent()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
