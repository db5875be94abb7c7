//! Another program that runs models, reached by OpenAI's protocol: what it takes to read a prompt and
//! to answer, as its answer streams in.
//!
//! `/v1/completions` is asked first: its prompt is all that the model sees. Who has only
//! `/v1/chat/completions` is asked there. Fields that not every server knows are left out for one
//! that refuses them.

mod stream;

use std::{
    io::{BufRead, BufReader, Read},
    time::Instant,
};

use serde_json::{Value, json};

use crate::{
    Endpoint, Error, Online, Proxies, Settings, Url,
    client::{Answer, Client},
    watch::Nobody,
};
use stream::Stream;
pub use stream::{Counted, Streamed};

/// Longest line of an answer that is read.
const MAX_LINE: u64 = 1 << 20;
/// Longest list of models that is read.
const MAX_LIST: u64 = 4 << 20;
/// As much of a reason is looked at, and shown.
const MAX_REASON: u64 = 4 << 10;
const SHOWN_REASON: usize = 200;

/// The variable that holds the key of the server.
pub const KEY: &str = "INGLE_API_KEY";

/// A server of models.
pub struct Peer {
    endpoint: Endpoint,
    client: Client,
    /// The key, so that no message repeats it.
    secret: Option<String>,
    /// Which of [`WAYS`] is known to be taken, and those before it not.
    way: usize,
}

/// What is to be generated.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What the server calls the model.
    pub model: &'a str,
    /// What comes before.
    pub prompt: &'a str,
    /// The most tokens.
    pub most: usize,
}

/// How it is asked for.
#[derive(Clone, Copy, Debug)]
struct Way {
    is_chat: bool,
    /// With fields that are not OpenAI's.
    is_extended: bool,
}

/// In the order in which they are tried.
const WAYS: &[Way] = &[
    Way { is_chat: false, is_extended: true },
    Way { is_chat: false, is_extended: false },
    Way { is_chat: true, is_extended: true },
    Way { is_chat: true, is_extended: false },
];

impl Peer {
    /// The server that is the first endpoint of `settings`, with its token; connects to nobody yet.
    /// On this machine it is reached without a proxy.
    ///
    /// # Errors
    ///
    /// If there are no certificates to tell it by, or a key would go to another machine without
    /// encryption.
    pub fn new(settings: &Settings, _: Online) -> Result<Self, Error> {
        let mut settings = settings.clone();
        if settings.endpoints.first().is_some_and(|it| it.url().is_loopback()) {
            settings.proxies = Proxies::default();
        }
        let client = Client::new(&settings)?;
        let first = settings.endpoints.first().cloned();
        let endpoint = first.expect("a client is made of settings that have one");
        if settings.token.is_some() && client.token_for(&endpoint).is_none() {
            return Err(Error::Setting {
                name: KEY.to_owned(),
                found: "…".to_owned(), // nobody else's business
                expected: "none: a key goes to another machine by `https` alone",
            });
        }
        let bearer = settings.token.as_ref().map(crate::Token::bearer);
        let secret = bearer.and_then(|it| Some(it.strip_prefix("Bearer ")?.to_owned()));
        Ok(Self { endpoint, client, secret, way: 0 })
    }

    /// The names of its models.
    ///
    /// # Errors
    ///
    /// If it cannot be reached, or does not list them.
    pub fn models(&self) -> Result<Vec<String>, Error> {
        let what = "list of models";
        let answer = self.client.get(&self.endpoint, &self.at(&["models"]), None, &Nobody)?;
        let (host, (body, broken)) = (answer.url.authority(), self.granted(answer)?.unhurried());
        let mut bytes = Vec::new();
        body.take(MAX_LIST).read_to_end(&mut bytes).map_err(broken)?;
        let list: Value = serde_json::from_slice(&bytes).map_err(|source| Error::Answer {
            host,
            what,
            source: source.into(),
        })?;
        let all = list["data"].as_array().into_iter().flatten();
        Ok(all.filter_map(|it| it["id"].as_str()).map(str::to_owned).collect())
    }

    /// Has it answer, and takes the time.
    ///
    /// # Errors
    ///
    /// If it cannot be reached, refuses whatever way it is asked, or its answer is no stream.
    pub fn answer(&mut self, asked: &Asked<'_>) -> Result<Streamed, Error> {
        let mut first = None;
        for (number, way) in WAYS.iter().enumerate().skip(self.way) {
            match self.once(*way, asked) {
                Ok(streamed) => {
                    self.way = number;
                    return Ok(streamed);
                }
                Err(error @ Error::Status { status: 400 | 404 | 405 | 422 | 501, .. }) => {
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first.expect("there is a way, and it was refused"))
    }

    fn once(&self, way: Way, asked: &Asked<'_>) -> Result<Streamed, Error> {
        let path: &[&str] = if way.is_chat { &["chat", "completions"] } else { &["completions"] };
        let body = way.body(asked).to_string();
        let begin = Instant::now();
        let answer = self.client.post(&self.endpoint, &self.at(path), body.as_bytes())?;
        let (host, (body, broken)) = (answer.url.authority(), self.granted(answer)?.unhurried());
        let mut from = BufReader::new(body);
        let (mut stream, mut line) = (Stream::new(begin), Vec::new());
        loop {
            line.clear();
            let n = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(&broken)?;
            if n as u64 == MAX_LINE {
                let (what, most) = ("a line", MAX_LINE);
                return Err(Error::TooLong { host, what, most, unit: "bytes" });
            }
            if n == 0 {
                break;
            }
            let failed = |source| Error::Answer { host: host.clone(), what: STREAM, source };
            stream.take(&line, Instant::now()).map_err(failed)?;
        }
        let silent = || Error::Answer { host, what: STREAM, source: "it has no text".into() };
        stream.finish().ok_or_else(silent)
    }

    /// The answer, if its status is that of one.
    fn granted(&self, answer: Answer) -> Result<Answer, Error> {
        if answer.status == 200 {
            return Ok(answer);
        }
        let (status, host) = (answer.status, answer.url.authority());
        let (body, _) = answer.unhurried();
        let mut bytes = Vec::new();
        // A reason that does not come is none.
        let _ = body.take(MAX_REASON).read_to_end(&mut bytes);
        let said = self.reason(&bytes);
        Err(Error::Status { host, status, said, wait: None })
    }

    /// What an error of OpenAI's protocol says, or else the text itself; never our key.
    fn reason(&self, bytes: &[u8]) -> Option<String> {
        let json = serde_json::from_slice::<Value>(bytes).ok();
        let message = json.as_ref().and_then(|it| {
            let error = it.get("error")?;
            error.get("message").unwrap_or(error).as_str()
        });
        let text = String::from_utf8_lossy(bytes);
        let text = message.unwrap_or(&text).trim();
        let text = self.secret.as_ref().map_or(text.to_owned(), |it| text.replace(it, "…"));
        (!text.is_empty()).then(|| text.chars().take(SHOWN_REASON).collect())
    }

    /// The address of a part of its API; users name it with `/v1` or without.
    fn at(&self, path: &[&str]) -> Url {
        let version: &[&str] =
            if self.endpoint.to_string().ends_with("/v1") { &[] } else { &["v1"] };
        self.endpoint.at(version.iter().chain(path).copied())
    }
}

/// What the answer should be.
const STREAM: &str = "stream of server-sent events";

impl Way {
    /// The body of the request.
    fn body(self, asked: &Asked<'_>) -> Value {
        let Asked { model, prompt, most } = *asked;
        let mut body = json!({
            "model": model, "max_tokens": most, "temperature": 0, "stream": true,
            "stream_options": {"include_usage": true},
        });
        if self.is_chat {
            body["messages"] = json!([{"role": "user", "content": prompt}]);
        } else {
            body["prompt"] = json!(prompt);
        }
        if self.is_extended {
            // Of llama.cpp, vLLM and others: an answer has as many tokens as were asked for.
            body["ignore_eos"] = json!(true);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    fn peer(url: &str, key: Option<&str>) -> Result<Peer, Error> {
        let mut settings = Settings::find(&|_| None)?;
        settings.endpoints = Endpoint::list("--url", url)?;
        settings.token = key.and_then(Token::new);
        Peer::new(&settings, Online::ask(None, &|_| None)?)
    }

    #[test]
    fn the_version_stands_in_the_address_once() {
        for url in ["http://127.0.0.1:1", "http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/"] {
            let peer = peer(url, None).unwrap();
            let at = peer.at(&["chat", "completions"]).to_string();
            assert_eq!(at, "http://127.0.0.1:1/v1/chat/completions");
        }
        let below = peer("http://127.0.0.1:1/api", None).unwrap().at(&["models"]).to_string();
        assert_eq!(below, "http://127.0.0.1:1/api/v1/models");
    }

    #[test]
    fn t22_a_key_stays_with_its_server_and_out_of_messages() {
        let error = peer("http://10.0.0.1:1", Some("sk-secret")).err().unwrap().to_string();
        assert!(error.contains("by `https` alone") && !error.contains("secret"), "{error}");
        let peer = peer("http://127.0.0.1:1", Some("sk-secret")).unwrap();
        let said = |text: &str| peer.reason(text.as_bytes());
        let json = r#"{"error": {"message": "no key sk-secret here"}}"#;
        assert_eq!(said(json).as_deref(), Some("no key … here"));
        assert_eq!(said("plain sk-secret").as_deref(), Some("plain …"));
        assert_eq!(said(r#"{"error": "short"}"#).as_deref(), Some("short"));
        assert_eq!(said(" "), None);
    }

    #[test]
    fn only_extended_requests_have_other_servers_fields() {
        let asked = Asked { model: "m", prompt: "a b", most: 7 };
        let keys = |way: Way| way.body(&asked).as_object().unwrap().contains_key("ignore_eos");
        assert_eq!(WAYS.iter().map(|it| keys(*it)).collect::<Vec<_>>(), [true, false, true, false]);
        assert_eq!(WAYS[1].body(&asked)["prompt"], "a b");
        assert_eq!(WAYS[3].body(&asked)["messages"][0]["content"], "a b");
    }
}
