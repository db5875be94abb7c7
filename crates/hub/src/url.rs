//! Addresses: of a hub, of what it sends us to.

use std::{fmt, net::IpAddr, str::FromStr};

use ureq::http::Uri;

use crate::Error;

/// Where models come from unless somebody says otherwise.
const USUAL: &str = "https://huggingface.co";

/// An absolute `http` or `https` address without a user and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    host: String,
    port: u16,
    /// Path and query.
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// The address of a hub or of a mirror, such as `https://huggingface.co`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Url {
    /// `host`, and the port where it is not the usual one.
    pub fn authority(&self) -> String {
        match self.port == self.scheme.port() {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// The name or number of the machine.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether what goes there is encrypted.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether what goes there stays on this machine.
    pub fn is_loopback(&self) -> bool {
        let number = self.host.trim_matches(['[', ']']).parse::<IpAddr>();
        self.host == "localhost" || number.is_ok_and(|it| it.is_loopback())
    }

    /// Whether both are the same server: scheme, host and port.
    pub(crate) fn shares_origin(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// What a `Location` says, seen from here; `None` where it is no address that we go to.
    pub(crate) fn redirected(&self, location: &str) -> Option<Self> {
        let to = match location.starts_with('/') && !location.starts_with("//") {
            true => format!("{}{location}", self.origin()).parse(),
            false => location.parse(),
        };
        to.ok().filter(|to: &Self| to.is_secure() || !self.is_secure())
    }

    fn origin(&self) -> String {
        format!("{}://{}", self.scheme.name(), self.authority())
    }
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl FromStr for Url {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(|_| ())?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(()),
        };
        let authority = uri.authority().ok_or(())?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(());
        }
        let port = match &authority.as_str()[authority.host().len()..] {
            "" => scheme.port(),
            port => port[1..].parse().map_err(|_| ())?,
        };
        let path = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        let host = authority.host().to_ascii_lowercase();
        Ok(Self { scheme, host, port, path })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)
    }
}

impl Endpoint {
    /// The Hugging Face Hub.
    pub fn usual() -> Self {
        Self(USUAL.parse().expect("it is an address"))
    }

    /// One, or several by commas; `name` is the flag or variable that says so.
    ///
    /// # Errors
    ///
    /// If there is none, or one of them is no address of a hub.
    pub fn list(name: &str, text: &str) -> Result<Vec<Self>, Error> {
        Self::all(name, text, "an address such as `https://huggingface.co`")
    }

    /// That of a server that is no hub; `name` is the flag that says so.
    ///
    /// # Errors
    ///
    /// If it is none, or there are several.
    pub fn of_server(name: &str, text: &str) -> Result<Self, Error> {
        const EXPECTED: &str = "an address such as `http://127.0.0.1:8080`";
        let mut all = Self::all(name, text, EXPECTED)?;
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => Ok(one),
            _ => Err(Error::Setting {
                name: name.to_owned(),
                found: text.to_owned(),
                expected: "one address",
            }),
        }
    }

    /// All of the addresses in `text`, by commas, one at least; else `expected` was expected.
    fn all(name: &str, text: &str, expected: &'static str) -> Result<Vec<Self>, Error> {
        let refused = |found: &str| {
            // Whatever stands before an `@` may be a password, and a password may have commas.
            let (found, expected) = match text.rsplit_once('@') {
                Some((_, rest)) => {
                    (rest, "an address without user and password, which are not taken")
                }
                None => (found, expected),
            };
            Error::Setting { name: name.to_owned(), found: found.to_owned(), expected }
        };
        let parts = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        let all: Vec<Self> = parts
            .map(|it| it.parse::<Self>().map_err(|()| refused(it)))
            .collect::<Result<_, _>>()?;
        if all.is_empty() { Err(refused(text)) } else { Ok(all) }
    }

    /// Its address.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The address of `segments`, each of which is encoded, below it.
    pub(crate) fn at<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut path = self.0.path.trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            encode(segment, &mut path);
        }
        Url { path, ..self.0.clone() }
    }

    /// The same with a query, which is used as it is.
    pub(crate) fn at_with<'a>(
        &self,
        segments: impl IntoIterator<Item = &'a str>,
        query: &str,
    ) -> Url {
        let url = self.at(segments);
        Url { path: format!("{}?{query}", url.path), ..url }
    }
}

impl FromStr for Endpoint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let url: Url = text.trim_end_matches('/').parse()?;
        if url.path.contains('?') { Err(()) } else { Ok(Self(url)) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_string().trim_end_matches('/'))
    }
}

/// What of a `Location` may be shown: not its query, which may sign it for whoever has it, nor a user
/// and a password.
pub(crate) fn shown(location: &str) -> String {
    let bare = location.split(['?', '#']).next().unwrap_or_default();
    let begin = bare.find("//").filter(|at| *at == 0 || bare[..*at].ends_with(':'));
    let Some((scheme, rest)) = begin.map(|at| bare.split_at(at + 2)) else {
        return bare.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |it| it.1);
    format!("{scheme}{host}{path}")
}

/// Writes `text` as one segment of a path.
fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                to.push(byte.into());
            }
            _ => *to += &format!("%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, location: &str, expected: Option<&str>) {
        let from: Url = from.parse().unwrap();
        let to = from.redirected(location).map(|it| it.to_string());
        assert_eq!(to.as_deref(), expected, "{location}");
    }

    #[test]
    fn a_redirect_never_leaves_encryption() {
        check("https://a/x", "/y?z=1", Some("https://a/y?z=1"));
        check("https://a/x", "https://B:8443/y", Some("https://b:8443/y"));
        check("http://a/x", "https://b/y", Some("https://b/y"));
        check("https://a/x", "http://a/x", None);
        for bad in [
            "//b/y",
            "ftp://b/y",
            "file:///etc/passwd",
            "https://u:p@b/y",
            "https://b:99999/",
            "",
            "y z",
        ] {
            check("https://a/x", bad, None);
        }
    }

    #[test]
    fn what_signs_an_address_is_not_shown() {
        for (location, expected) in [
            ("https://s.example/a/m.gguf?Expires=1&Signature=secret", "https://s.example/a/m.gguf"),
            ("https://s.example?sig=secret", "https://s.example"),
            ("ftp://s.example:21/a@b//c#secret", "ftp://s.example:21/a@b//c"),
            ("https://u:secret@s.example/a", "https://s.example/a"),
            ("//u:s@cret@s.example", "//s.example"),
            ("/a//u@b?sig=secret", "/a//u@b"),
            ("?sig=secret", ""),
            ("no address", "no address"),
        ] {
            assert_eq!(shown(location), expected);
        }
    }

    #[test]
    fn the_parts_of_a_path_stay_parts() {
        let hub: Endpoint = "https://m.example/hf/".parse().unwrap();
        let url = hub.at(["org", "a b/..?#%é"]).to_string();
        assert_eq!(url, "https://m.example/hf/org/a%20b%2F..%3F%23%25%C3%A9");
        assert_eq!(Endpoint::usual().to_string(), "https://huggingface.co");
        assert_eq!(Endpoint::list("--mirror", "https://a, http://b:1/").unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_list_of_hubs_is_refused_without_its_passwords() {
        let usual = "expected an address such as `https://huggingface.co`";
        let bare = "expected an address without user and password, which are not taken";
        for (text, expected) in [
            ("https://a, b", format!("`--mirror` is `b`, {usual}")),
            ("", format!("`--mirror` is ``, {usual}")),
            (" , ", format!("`--mirror` is ` , `, {usual}")),
            ("https://me:s,e@cret@hub.example/x", format!("`--mirror` is `hub.example/x`, {bare}")),
        ] {
            let error = Endpoint::list("--mirror", text).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_server_that_is_no_hub_has_one_address_of_its_own() {
        let refused = |text| Endpoint::of_server("--url", text).unwrap_err().to_string();
        let expected = "expected an address such as `http://127.0.0.1:8080`";
        assert_eq!(refused("foo"), format!("`--url` is `foo`, {expected}"));
        let two = "http://a:1,http://b:2";
        assert_eq!(refused(two), format!("`--url` is `{two}`, expected one address"));
        let one = Endpoint::of_server("--url", "http://127.0.0.1:8080/v1").unwrap();
        assert_eq!(one.to_string(), "http://127.0.0.1:8080/v1");
        let error = refused("http://me:secret@h, http://b");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn the_same_server_has_scheme_host_and_port_in_common() {
        let a: Url = "https://a/x".parse().unwrap();
        for (other, same) in [
            ("https://A:443/y", true),
            ("https://a:444/x", false),
            ("http://a/x", false),
            ("https://b.a/x", false),
        ] {
            assert_eq!(a.shares_origin(&other.parse().unwrap()), same, "{other}");
        }
    }
}
