//! What the hub and its store say.

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    COMMIT, File, PAGE, Repository, Seen, Server, Shared, TOKEN, lock,
    trouble::{Pieces, Trouble},
};

pub(super) async fn answer(State(server): State<Server>, request: Request) -> Response {
    let seen = Seen::of(server.at, &request);
    lock(&server.shared.seen).push(seen.clone());
    let trouble = server.shared.trouble_for(&seen.path);
    if let Some(Trouble::Silent(time)) = &trouble {
        tokio::time::sleep(*time).await;
    }
    let usual = match server.at {
        "hub" => server.shared.hub(&seen),
        _ => server.shared.store(&seen),
    };
    match trouble {
        Some(trouble) => trouble.upon(usual),
        None => usual.respond(),
    }
}

/// An answer, before anything happens to it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn new(status: u16, bytes: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), bytes: bytes.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header");
        self.headers.insert(name, HeaderValue::try_from(value).expect("a value"));
        self
    }

    /// All of it at once.
    pub(crate) fn respond(self) -> Response {
        let pieces = Pieces::whole(self.bytes.clone());
        self.respond_in(pieces)
    }

    /// Piece by piece, under its own length.
    pub(crate) fn respond_in(self, pieces: Pieces) -> Response {
        let length = self.bytes.len();
        let mut response = self.respond_with(pieces);
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        response
    }

    /// All of it, and nobody knows how much that is before it ends.
    pub(crate) fn respond_unannounced(self) -> Response {
        let pieces = Pieces::whole(self.bytes.clone());
        self.respond_with(pieces)
    }

    fn respond_with(self, pieces: Pieces) -> Response {
        let mut response = Response::new(Body::new(pieces));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
        *response.headers_mut() = self.headers;
        response
    }
}

impl Shared {
    fn trouble_for(&self, path: &str) -> Option<Trouble> {
        let mut troubles = lock(&self.troubles);
        let (_, times, trouble) =
            troubles.iter_mut().find(|(text, times, _)| *times > 0 && path.contains(text))?;
        *times -= 1;
        Some(trouble.clone())
    }

    fn hub(&self, seen: &Seen) -> Answer {
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (name, rest) = match parts.as_slice() {
            ["api", "models", organisation, name, rest @ ..] | [organisation, name, rest @ ..] => {
                (format!("{organisation}/{name}"), rest)
            }
            _ => return absent("RepoNotFound"),
        };
        let Some(repository) = lock(&self.repositories).get(&name).cloned() else {
            return absent("RepoNotFound");
        };
        let is_known = seen.token.as_deref() == Some(format!("Bearer {TOKEN}").as_str());
        // What is gated shows everybody what it has.
        if repository.is_gated && !is_known && rest.first() == Some(&"resolve") {
            let status = if seen.token.is_some() { 403 } else { 401 };
            return Answer::new(status, "no").with("x-error-code", "GatedRepo");
        }
        match rest {
            [] | ["revision", "main" | COMMIT] => json_of(&json!({
                "id": name, "sha": COMMIT, "cardData": repository.card,
                "gated": if repository.is_gated { json!("manual") } else { json!(false) },
            })),
            ["revision", _] => absent("RevisionNotFound"),
            ["tree", "main" | COMMIT] => self.page(&repository, path, query),
            ["resolve", "main" | COMMIT, path @ ..] => {
                let path = path.join("/").replace("%20", " ");
                match repository.files.get(&path) {
                    None => absent("EntryNotFound"),
                    Some(file) => self.resolve(file, seen),
                }
            }
            ["tree", _] | ["resolve", _, _, ..] => absent("RevisionNotFound"),
            _ => absent("RepoNotFound"),
        }
    }

    /// As many lines of the tree as fit a page, and an address of the rest.
    fn page(&self, repository: &Repository, path: &str, query: &str) -> Answer {
        let begin = query.split('&').find_map(|it| it.strip_prefix("cursor="));
        let begin: usize = begin.and_then(|it| it.parse().ok()).unwrap_or(0);
        let tree = repository.tree();
        let end = tree.len().min(begin + PAGE);
        let page = json_of(&Value::Array(tree[begin..end].to_vec()));
        if end == tree.len() {
            return page;
        }
        let hub = lock(&self.hub);
        page.with("link", &format!("<{hub}{path}?recursive=true&cursor={end}>; rel=\"next\""))
    }

    fn resolve(&self, file: &File, seen: &Seen) -> Answer {
        if !file.is_large {
            let etag = format!("\"{}\"", file.oid);
            return ranged(&file.bytes, seen).with("etag", &etag).with("x-repo-commit", COMMIT);
        }
        let to = format!("{}/{}?signature=x", lock(&self.store), file.sha256);
        Answer::new(302, "")
            .with("location", &to)
            .with("x-repo-commit", COMMIT)
            .with("x-linked-etag", &format!("\"{}\"", file.sha256))
            .with("x-linked-size", &file.bytes.len().to_string())
    }

    fn store(&self, seen: &Seen) -> Answer {
        let sha256 = seen.path.trim_start_matches('/').split('?').next().unwrap_or_default();
        let repositories = lock(&self.repositories);
        let mut files = repositories.values().flat_map(|it| it.files.values());
        match files.find(|it| it.is_large && it.sha256 == sha256) {
            Some(file) => ranged(&file.bytes, seen).with("etag", "\"of the store's own\""),
            None => Answer::new(404, ""),
        }
    }
}

fn json_of(value: &Value) -> Answer {
    Answer::new(200, value.to_string()).with("content-type", "application/json")
}

fn absent(code: &str) -> Answer {
    Answer::new(404, "{\"error\":\"not found\"}").with("x-error-code", code)
}

/// The bytes that `Range: bytes=A-B` asks for, or all.
fn ranged(bytes: &Bytes, seen: &Seen) -> Answer {
    let Some(range) = seen.range.as_deref().and_then(|it| it.strip_prefix("bytes=")) else {
        return Answer::new(200, bytes.clone());
    };
    let (begin, end) = range.split_once('-').expect("a range");
    let (begin, end): (usize, usize) =
        (begin.parse().expect("a number"), end.parse().expect("a number"));
    let range = format!("bytes {begin}-{end}/{}", bytes.len());
    Answer::new(206, bytes.slice(begin..=end)).with("content-range", &range)
}
