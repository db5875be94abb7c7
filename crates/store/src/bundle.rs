//! Bundles: models as one file that is carried across a gap.
//!
//! ```text
//! FILE.ingle, or FILE.ingle.001, FILE.ingle.002, … one after the other: a plain tar       `tar`
//!   oci-layout                     the version of the layout                              `layout`
//!   index.json                     the models by name, each by the digest of its manifest
//!   blobs/sha256/HEX               an OCI manifest a model: its files by path, size, digest
//!   blobs/sha256/HEX               for each model: what Ingle knows of it, and a CycloneDX list `bom`
//!   blobs/sha256/HEX …             the files, each once, however many models share it
//!   ingle                          the program itself, where that was asked for
//! ```
//!
//! So it is an OCI image layout with the media types of ModelPack, which registries take; and the
//! program can be taken out with any `tar`. There are neither times nor owners in it: the same
//! models give the same bytes.
//!
//! Where the models are signed, `model.sig` is among the files of each, and `ingle.json`, by which the
//! signature is also over what the bundle says of the model: `vouched`.
//!
//! A bundle comes from outside. It is read strictly: entries, their order and an index that
//! [`export`] would not have written are refused, so that no two programs can read it differently.
//! The OCI configuration and the CycloneDX list of a model are for other programs: their digests are
//! compared, and what they say is believed by nobody here. What could run where another program reads
//! it is refused by its name, and a model that the loader does not open shows up nowhere. Nothing is
//! unpacked by the names in it: entries have one of four forms, and the files of a model go to
//! checked paths below a folder that is not visible until the last byte has been compared.

mod bom;
mod content;
mod error;
mod flaw;
mod layout;
mod pack;
mod parts;
mod read;
mod room;
mod scan;
mod stream;
mod take;
mod tar;
mod unpack;
mod volume;
mod vouched;

pub use bom::bom;
pub use content::Packed;
pub use error::Error;
pub use flaw::{BadContent, Flaw};
pub use layout::Program;
pub use pack::{Export, Written, export, in_place};
pub use parts::first_part;
pub use read::{Bundle, Carried};
pub use unpack::{Brought, How, Imported, Incoming};
pub use vouched::Vouched;

/// What there may be already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Stays, and the new is refused.
    Keep,
    /// Gives way to the new.
    Replace,
}

#[cfg(test)]
mod tests;
