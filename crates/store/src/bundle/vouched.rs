//! What is signed of a model besides its files: its name, where it came from and what is known of it.
//!
//! A signature of OpenSSF Model Signing is over files and nothing else. With that alone, whoever
//! carries a signed model could give it another name, licence or country on the way. So what a
//! bundle says of a model goes along as one of its files, `ingle.json`, before they are signed:
//!
//! ```text
//! model.sig
//!   predicate.resources[]
//!     LICENSE.txt  model.gguf  …     the files of the model
//!     ingle.json                     the bytes of the bundle's layer that says name, main, origin, facts
//! ```
//!
//! To other programs that is a file like any other. Here, the same bytes are made of what the
//! bundle says: with the digest of the signed file, all of it is the signer's word. A model that
//! another program signed has no such file: what is said of it are claims, as without a signature.

use super::{
    content::portable,
    layout::{self, Known},
    pack::KNOWN_VERSION,
};
use crate::{
    digest::Sha256Hex,
    library::{Facts, FileName, Manifest, Origin},
    name::Name,
};

/// What the file is called.
pub(super) const FILE: &str = "ingle.json";

/// What a signature over the files of a model vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// The files alone.
    Files,
    /// The name, the origin and the facts, too.
    All,
    /// Another name or origin, or other facts, than the manifest has.
    Otherwise,
}

impl Vouched {
    /// Of a model that is in a bundle or came in one, if its files are signed.
    pub fn of(manifest: &Manifest) -> Self {
        let Manifest { name, main, files, origin, facts, .. } = manifest;
        match files.iter().find(|it| it.path.0.as_str() == FILE) {
            None => Self::Files,
            Some(file)
                if file.sha256 == Sha256Hex::of(&known(name, main.as_ref(), origin, facts)) =>
            {
                Self::All
            }
            Some(_) => Self::Otherwise,
        }
    }
}

/// What a bundle says of a model, as JSON, the same bytes every time.
pub(super) fn known(
    name: &Name,
    main: Option<&FileName>,
    origin: &Origin,
    facts: &Facts,
) -> Vec<u8> {
    layout::bytes(&Known {
        version: KNOWN_VERSION,
        name: name.clone(),
        main: main.cloned(),
        origin: portable(origin),
        facts: facts.clone(),
    })
}
