//! A hub with repositories, and beside it, under another port, the store of its large files.
//!
//! ```text
//! hub    /api/models/O/N/revision/R    sha, gated, cardData
//!        /api/models/O/N/tree/SHA      files with oid, size, lfs; a few a page, then `Link`
//!        /O/N/resolve/SHA/PATH         small: the bytes; large: 302 to the store
//! store  /SHA256?signature=…           the bytes, by Range
//! ```

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use store::digest::{CommitHex, Sha256Hex};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::trouble::{Pieces, Trouble};

/// The only commit there is, and the revision that names it.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The token that opens what is gated.
pub(crate) const TOKEN: &str = "hf_right";
/// Files a page of a tree.
const PAGE: usize = 2;
/// Bytes of the largest file that the hub keeps itself.
const SMALL: usize = 1024;

/// A hub and its store, for as long as this lives.
pub(crate) struct Fake {
    pub(crate) hub: String,
    pub(crate) store: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

/// What a request was.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `hub` or `store`.
    pub(crate) at: &'static str,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) token: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) card: Value,
    pub(crate) is_gated: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    pub(crate) sha256: String,
    oid: String,
    is_large: bool,
}

#[derive(Default)]
struct Shared {
    repositories: Mutex<BTreeMap<String, Repository>>,
    seen: Mutex<Vec<Seen>>,
    /// What happens to requests whose path holds the text, and how often.
    troubles: Mutex<Vec<(String, usize, Trouble)>>,
    store: Mutex<String>,
}

#[derive(Clone)]
struct Server {
    at: &'static str,
    shared: Arc<Shared>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let shared = Arc::<Shared>::default();
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let listen = |at| {
            let router = Router::new().fallback(answer);
            let router = router.with_state(Server { at, shared: Arc::clone(&shared) });
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
            let address = format!("http://{}", listener.local_addr().expect("an address"));
            runtime.spawn(async move { axum::serve(listener, router).await });
            address
        };
        let (hub, store) = (listen("hub"), listen("store"));
        store.clone_into(&mut lock(&shared.store));
        Self { hub, store, shared, _runtime: runtime }
    }

    pub(crate) fn add(&self, name: &str, repository: Repository) {
        lock(&self.shared.repositories).insert(name.to_owned(), repository);
    }

    /// The next `times` requests whose path holds `path` are in `trouble`.
    pub(crate) fn trouble(&self, path: &str, times: usize, trouble: Trouble) {
        lock(&self.shared.troubles).push((path.to_owned(), times, trouble));
    }

    /// What was asked for since this was asked last.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *lock(&self.shared.seen))
    }
}

impl Repository {
    /// With files of which those longer than a kilobyte are large.
    pub(crate) fn new<S: Into<String>>(files: impl IntoIterator<Item = (S, Vec<u8>)>) -> Self {
        let file = |(name, bytes): (S, Vec<u8>)| (name.into(), File::new(bytes));
        let card = json!({ "license": "apache-2.0", "base_model": "org/base" });
        Self { files: files.into_iter().map(file).collect(), card, is_gated: false }
    }

    /// The same with other bytes in one file.
    pub(crate) fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.files.insert(name.to_owned(), File::new(bytes));
        self
    }

    fn tree(&self) -> Vec<Value> {
        let folder = json!({ "type": "directory", "path": "onnx", "oid": COMMIT, "size": 0 });
        let files = self.files.iter().map(|(path, it)| {
            let mut node = json!({
                "type": "file", "path": path, "size": it.bytes.len(), "oid": it.oid,
            });
            if it.is_large {
                node["lfs"] = json!({
                    "oid": it.sha256, "size": it.bytes.len(), "pointerSize": 135,
                });
                node["xetHash"] = json!(Sha256Hex::of(b"another kind of hash"));
            }
            node
        });
        [folder].into_iter().chain(files).collect()
    }
}

impl File {
    fn new(bytes: Vec<u8>) -> Self {
        let (sha256, oid) = (Sha256Hex::of(&bytes).to_string(), git_oid(&bytes));
        let is_large = bytes.len() > SMALL;
        Self { bytes: bytes.into(), sha256, oid, is_large }
    }
}

fn git_oid(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    CommitHex::from(<[u8; 20]>::from(hash.finalize())).to_string()
}

impl Seen {
    fn of(at: &'static str, request: &Request) -> Self {
        let text = |name: HeaderName| {
            request.headers().get(name).map(|it| it.to_str().unwrap_or_default().to_owned())
        };
        let path = request.uri().path_and_query().map_or("", |it| it.as_str()).to_owned();
        let (range, token) = (text(header::RANGE), text(header::AUTHORIZATION));
        Self { at, path, range, token }
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
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
        let mut response = Response::new(Body::new(pieces));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(header::CONTENT_LENGTH, self.bytes.len().into());
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
            _ => absent("RepoNotFound"),
        }
    }

    /// As many lines of the tree as fit a page; the link names the hub as it calls itself.
    fn page(&self, repository: &Repository, path: &str, query: &str) -> Answer {
        let begin = query.split('&').find_map(|it| it.strip_prefix("cursor="));
        let begin: usize = begin.and_then(|it| it.parse().ok()).unwrap_or(0);
        let tree = repository.tree();
        let end = tree.len().min(begin + PAGE);
        let page = json_of(&Value::Array(tree[begin..end].to_vec()));
        if end == tree.len() {
            return page;
        }
        let link = format!("<https://hub.example{path}?recursive=true&cursor={end}>; rel=\"next\"");
        page.with("link", &link)
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no server panics")
}

/// How long a silent server is silent: longer than any patience of these tests.
pub(crate) const SILENCE: Duration = Duration::from_millis(900);
