//! A hub with repositories, and beside it, under another port, the store of its large files.
//!
//! `answer` is what they say, `trouble` what can happen to that, `tls` how both are reached with TLS.
//!
//! ```text
//! hub    /api/models/O/N/revision/R    sha, gated, cardData
//!        /api/models/O/N/tree/SHA      files with oid, size, lfs; a few a page, then `Link`
//!        /O/N/resolve/SHA/PATH         small: the bytes; large: 302 to the store
//! store  /SHA256?signature=…           the bytes, by Range
//! ```

mod answer;
pub(crate) mod tls;
pub(crate) mod trouble;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{HeaderName, header},
    serve::Listener,
};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use store::digest::{CommitHex, Sha256Hex};
use tokio::{net::TcpListener, runtime::Runtime};

use tls::{Certificate, Secure};
use trouble::Trouble;

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
    /// Its own address, and that of its store.
    hub: Mutex<String>,
    store: Mutex<String>,
}

#[derive(Clone)]
struct Server {
    at: &'static str,
    shared: Arc<Shared>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self::behind("http", |it| it)
    }

    /// With TLS, and this certificate.
    pub(crate) fn secure(certificate: Certificate) -> Self {
        Self::behind("https", |it| Secure::new(it, certificate))
    }

    /// Hub and store behind what `door` makes of a listener.
    fn behind<L>(scheme: &str, door: impl Fn(TcpListener) -> L) -> Self
    where
        L: Listener<Addr: fmt::Debug>,
    {
        let shared = Arc::<Shared>::default();
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let listen = |at| {
            let router = Router::new().fallback(answer::answer);
            let router: Router = router.with_state(Server { at, shared: Arc::clone(&shared) });
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
            let address = format!("{scheme}://{}", listener.local_addr().expect("an address"));
            let listener = door(listener);
            runtime.spawn(async move { axum::serve(listener, router).await });
            address
        };
        let (hub, store) = (listen("hub"), listen("store"));
        hub.clone_into(&mut lock(&shared.hub));
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

    /// `host:port` of the hub.
    pub(crate) fn authority(&self) -> &str {
        self.hub.split_once("://").expect("it has a scheme").1
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no server panics")
}

/// How long a silent server is silent: longer than any patience of these tests.
pub(crate) const SILENCE: Duration = Duration::from_millis(900);
