//! What Ingle keeps on disk: where that is, settings, saved chats, line history, the library of
//! models, the bundles that carry them and the signatures on them, the site's policy, the audit log;
//! and the catalogue, which knows models by name and what their files lack. No network.
//!
//! Only the chats folder and the line history hold what people wrote; both are private to the
//! user. Everything is written whole or not at all. What the settings *mean* is for `cli` to say.
#![forbid(unsafe_code)]

pub mod adopt;
pub mod audit;
pub mod bundle;
pub mod catalogue;
mod chats;
pub mod digest;
pub mod disk;
mod error;
mod home;
pub mod hugging_face;
pub mod library;
mod link;
pub mod name;
pub mod parts;
pub mod policy;
mod private;
pub mod reference;
pub mod room;
mod settings;
pub mod signing;

pub use catalogue::{Correction, corrections, corrections_of};
pub use chats::{Chat, ChatName, Chats, Message, Role};
pub use error::Error;
pub use home::Home;
pub use private::{folder, touch, write};
pub use settings::Settings;
