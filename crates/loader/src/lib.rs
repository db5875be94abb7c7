//! Model files: what is in them and what their bytes mean.
//!
//! The bottom of the workspace. Knows no arithmetic beyond decoding a block, and no network.
#![deny(unsafe_code)] // `mmap` lifts this; nothing else may

pub mod adapter;
mod bytes;
mod error;
mod file;
pub mod format;
pub mod gguf;
mod locked;
mod mapping;
mod metadata;
mod mmap;
pub mod overrides;
pub mod path;
pub mod quantise;
mod recognise;
pub mod safetensors;
mod strings;
mod value;
mod vocabulary;

pub use adapter::LowRank;
pub use bytes::Bytes;
pub use error::{Error, grouped};
pub use file::{Container, FileTensor, ModelFile, QkOrder};
pub use format::{Format, Layout};
pub use mapping::{Access, Mapping};
pub use metadata::Metadata;
pub use mmap::prefer_huge_pages;
pub use overrides::Override;
pub use path::SafeRelPath;
pub use recognise::NotAModel;
pub use strings::Strings;
pub use value::{Array, Value};
