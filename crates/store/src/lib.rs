//! What Ingle keeps on disk: settings, saved chats, line history. No network.
#![forbid(unsafe_code)]
