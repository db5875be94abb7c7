//! Fetches models from a hub, the Hugging Face Hub or a mirror of it, into the library; and has
//! another server of models answer, to measure it. The only code of Ingle that opens an outbound
//! connection; what is on disk belongs to `store`.
//!
//! ```text
//! Online        the permission to connect: there is none with `--offline`
//! Hub::look     a repository at one commit: its files by name, size and digest
//! Hub::choose   which of them make up the model that was asked for
//! Hub::headers  their first bytes alone, to see what the model is
//! Hub::download all of them, checked, into a `Staging` of the library
//! Peer::answer  another program that runs models answers, and the time is taken
//! ```
//!
//! Nothing that a server says is believed: names, commits and digests pass through checked types,
//! bytes are hashed before a model becomes visible, and a token goes to one server alone: that of
//! the token file to `huggingface.co`, `HF_TOKEN` to the hub that is asked first; neither goes
//! without encryption to another machine. Where the token file lies, the crate `hf-hub` says, through
//! `store`; addresses are our own, for those of that crate come with its transport alone, which checks
//! neither digests nor names.
#![forbid(unsafe_code)]

mod certificates;
mod choose;
mod client;
mod distrust;
mod download;
mod error;
mod headers;
mod hop;
mod hub;
mod label;
mod licence;
mod online;
mod peer;
mod proxy;
mod rate;
mod repository;
mod safetensors;
mod settings;
mod snapshot;
mod token;
mod tries;
mod url;
mod watch;

pub use choose::{Choice, Kind, Offer};
pub use error::{Error, Visitor};
pub use hop::{Hop, Step};
pub use hub::Hub;
pub use online::Online;
pub use peer::{Asked, Counted, KEY, Peer, Streamed};
pub use proxy::Proxies;
pub use settings::{Patience, Settings};
pub use snapshot::{Card, Expected, RemoteFile, Revision, Snapshot};
pub use token::Token;
pub use url::{Endpoint, Url};
pub use watch::Watch;
