//! Which proxy, if any, stands between us and a server: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, and
//! `NO_PROXY` with the hosts that are reached without one.

use ureq::{Proxy, ProxyProtocol};

use crate::{Endpoint, Error, Url};

/// The proxies of the environment.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// For `https` addresses.
    pub(crate) secure: Option<Result<Proxy, Refused>>,
    /// For `http` addresses.
    pub(crate) plain: Option<Result<Proxy, Refused>>,
    /// Hosts and domains that need none.
    direct: Vec<String>,
}

/// What is said to be a proxy and is none; no fault as long as nothing goes that way.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// The variable.
    name: String,
    /// What it says, without a password.
    found: String,
}

/// The way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Direct,
    Secure,
    Plain,
}

impl Proxies {
    /// Those that `variable` knows, in upper or lower case.
    pub fn find(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| {
            let either = [name.to_owned(), name.to_ascii_lowercase()];
            let mut found = either.into_iter().filter_map(|it| Some((variable(&it)?, it)));
            found.find(|(text, _)| !text.trim().is_empty())
        };
        let proxy = |name: &str| {
            let found = set(name).or_else(|| set("ALL_PROXY"));
            found.map(|(text, name)| parsed(text.trim(), name))
        };
        let direct = set("NO_PROXY").map(|it| it.0).unwrap_or_default();
        let direct = direct.split(',').map(|it| it.trim().to_ascii_lowercase());
        Self {
            secure: proxy("HTTPS_PROXY"),
            plain: proxy("HTTP_PROXY"),
            direct: direct.filter(|it| !it.is_empty()).collect(),
        }
    }

    /// Whether `endpoint` can be reached as the variables say.
    ///
    /// # Errors
    ///
    /// If the variable for it does not name a proxy.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), Error> {
        self.route(endpoint.url()).map(drop)
    }

    /// How `url` is reached.
    ///
    /// # Errors
    ///
    /// If the variable for it does not name a proxy.
    pub(crate) fn route(&self, url: &Url) -> Result<Route, Error> {
        if self.direct.iter().any(|it| covers(it, url)) {
            return Ok(Route::Direct);
        }
        let (proxy, route) = match url.is_secure() {
            true => (&self.secure, Route::Secure),
            false => (&self.plain, Route::Plain),
        };
        match proxy {
            None => Ok(Route::Direct),
            Some(Ok(_)) => Ok(route),
            Some(Err(Refused { name, found })) => Err(Error::Setting {
                name: name.clone(),
                found: found.clone(),
                expected: "the address of an HTTP proxy, such as `http://proxy.example:3128`",
            }),
        }
    }

    /// `host:port` of the proxy on this way.
    pub(crate) fn name(&self, route: Route) -> Option<String> {
        let proxy = match route {
            Route::Direct => None,
            Route::Secure => self.secure.as_ref(),
            Route::Plain => self.plain.as_ref(),
        };
        let proxy = proxy?.as_ref().ok()?;
        Some(format!("{}:{}", proxy.host(), proxy.port()))
    }
}

fn parsed(text: &str, name: String) -> Result<Proxy, Refused> {
    let usable = |it: &Proxy| matches!(it.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    // Whatever stands before an `@` may be a password.
    let found = || text.rsplit_once('@').map_or(text, |it| it.1).to_owned();
    Proxy::new(text).ok().filter(usable).ok_or_else(|| Refused { name, found: found() })
}

/// Whether an entry of `NO_PROXY` speaks of the host: it, a domain that it is in, or `*`.
fn covers(entry: &str, url: &Url) -> bool {
    let (domain, port) = match entry.rsplit_once(':') {
        Some((domain, port)) if !domain.contains(':') => (domain, port.parse().ok()),
        _ => (entry, None),
    };
    let domain = domain.trim_start_matches('*').trim_start_matches('.');
    let host = url.host();
    let inside = || host.strip_suffix(domain).is_some_and(|it| it.ends_with('.'));
    let named = entry == "*" || (!domain.is_empty() && (host == domain || inside()));
    named && port.is_none_or(|it: u16| it == url.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(set: &[(&str, &str)], url: &str, expected: Option<&str>) {
        let variable = |name: &str| set.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        let proxies = Proxies::find(&variable);
        let route = proxies.route(&url.parse().unwrap()).unwrap();
        assert_eq!(proxies.name(route).as_deref(), expected, "{set:?} {url}");
    }

    #[test]
    fn the_environment_names_the_proxy() {
        let secure = ("HTTPS_PROXY", "http://user:secret@p:3128");
        check(&[], "https://hub/x", None);
        check(&[secure], "https://hub/x", Some("p:3128"));
        check(&[secure], "http://hub/x", None);
        check(&[("http_proxy", "q:1")], "http://hub/x", Some("q:1"));
        check(&[("ALL_PROXY", "http://r:2")], "https://hub/x", Some("r:2"));
        check(&[("https_proxy", "")], "https://hub/x", None);
    }

    #[test]
    fn hosts_that_need_no_proxy() {
        let with = |direct| [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", direct)];
        check(&with("*"), "https://hub/x", None);
        check(&with("a, hub"), "https://hub/x", None);
        check(&with(".example"), "https://a.example/x", None);
        check(&with("*.example"), "https://a.example/x", None);
        check(&with("hub:443"), "https://hub/x", None);
        check(&with("hub:80"), "https://hub/x", Some("p:1"));
        check(&with("ub"), "https://hub/x", Some("p:1"));
        check(&with("."), "https://hub/x", Some("p:1"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password_where_it_is_needed() {
        let socks = ("ALL_PROXY", "socks5://me:secret@p:1");
        let variable = |name: &str| (name == socks.0).then(|| socks.1.to_owned());
        let route = |url: &str| Proxies::find(&variable).route(&url.parse().unwrap());
        let text = route("https://hub/x").unwrap_err().to_string();
        assert!(text.contains("`ALL_PROXY`") && !text.contains("secret"), "{text}");
        check(&[socks, ("HTTPS_PROXY", "http://p:1")], "https://hub/x", Some("p:1"));
        check(&[socks, ("NO_PROXY", "hub")], "https://hub/x", None);
    }
}
