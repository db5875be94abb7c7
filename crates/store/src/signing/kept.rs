//! Signatures that the library keeps beside a manifest, so that whoever loads the model can tell who
//! signed it.
//!
//! ```text
//! signatures.json    a list
//!   key              the public key that the signature was checked with, as PEM; of one with a
//!                    certificate, the key that this is of
//!   signature        the signature's file
//! ```
//!
//! Nothing is believed because it is written there. A key goes by its digest, which is computed, and
//! the signature must be its own, over exactly the digests of the manifest. Whoever can write to the
//! library can take a signature away, or add one with a key of theirs: which keys count is for the
//! policy to say. So nobody asks again who issued a certificate: its key is all that counts.
//!
//! That the bytes have the manifest's digests is not asked here, but where the model is opened, which
//! hashes what was not verified since it changed. A mark that says it was can be forged by the same
//! hand; a policy that must not rest on it names digests, which are computed at each load.

use serde::{Deserialize, Serialize};

use super::{Error, FILE, PublicKey, Trust, verify_digests};
use crate::{
    digest::Sha256Hex,
    library::{Entry, Library, SIGNATURES, small_file},
};

/// The most that are kept of one model.
const MOST: usize = 16;

/// A signature, and the key that it was checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    key: String,
    signature: String,
}

/// Keeps a signature of the model, in the place of another with this key.
///
/// # Errors
///
/// If it is not with this key, or not over the digests of the manifest: one over pieces of files says
/// nothing of those. If the library cannot be written.
pub fn keep(
    library: &Library,
    entry: &Entry,
    key: &PublicKey,
    signature: &[u8],
) -> Result<(), Error> {
    check(entry, key.clone(), signature)?;
    let signature = String::from_utf8_lossy(signature).into_owned();
    let fresh = Kept { key: key.to_pem(), signature };
    let mut all = read(entry);
    if all.contains(&fresh) {
        return Ok(());
    }
    all.retain(|it| it.key != fresh.key);
    all.drain(..(all.len() + 1).saturating_sub(MOST));
    all.push(fresh);
    let text = serde_json::to_vec_pretty(&all).expect("texts are JSON");
    let kept = library.write_beside(entry, SIGNATURES, &text);
    kept.map_err(|source| Error::Library(Box::new(source)))
}

/// The fingerprints of the keys that signed exactly what the manifest says, as far as the library keeps
/// their signatures. Each is checked now; no file of the model is read.
pub fn signers(entry: &Entry) -> Vec<Sha256Hex> {
    let signer = |it: &Kept| {
        let key = PublicKey::from_pem(&it.key).ok()?;
        check(entry, key.clone(), it.signature.as_bytes()).ok()?;
        Some(key.hint())
    };
    read(entry).iter().take(MOST).filter_map(signer).collect()
}

/// What is written there; what cannot be read is no signature.
fn read(entry: &Entry) -> Vec<Kept> {
    let text = small_file(&entry.folder.join(SIGNATURES)).ok().flatten();
    text.and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default()
}

fn check(entry: &Entry, key: PublicKey, signature: &[u8]) -> Result<(), Error> {
    let manifest = &entry.manifest;
    // That file is never among those that are signed, so it must not be the one that is run.
    if manifest.main.as_ref().is_some_and(|it| it.0.as_str() == FILE) {
        return Err(Error::Unsigned { path: FILE.to_owned() });
    }
    verify_digests(signature, &Trust::Key(key), &manifest.files).map(drop)
}
