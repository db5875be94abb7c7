//! Signatures of models: OpenSSF Model Signing v1.0, with a key or with a certificate.
//!
//! ```text
//! model.sig                                        a Sigstore bundle, JSON        `envelope`
//!   verificationMaterial                           whose key: a hint, or a chain  `key`, `chain`
//!   dsseEnvelope
//!     signatures[0].sig                            ECDSA over the payload
//!     payload                                      an in-toto statement           `statement`
//!       subject[0].digest.sha256                   of all digests, one after the other
//!       predicate.resources[]                      name and digest of each file, or of pieces of it
//! ```
//!
//! The specification is <https://github.com/ossf/model-signing-spec>. The transparency log of
//! Sigstore is not used: that takes a network. A signature may name paths that its maker wants
//! ignored; they are not: a file that is not signed is refused. What is said of a model besides its
//! files is signed only where a file says it: see `bundle::vouched`.

mod authority;
mod chain;
mod envelope;
mod error;
mod kept;
mod key;
mod listing;
mod statement;

use std::path::Path;

pub use chain::Chain;
pub use error::{CertificateFlaw, Error};
pub use kept::{keep, signers};
pub use key::{PrivateKey, PublicKey};
pub use listing::Extent;
pub use statement::Statement;

use crate::{
    digest::Sha256Hex,
    library::{self, StoredFile},
};

/// What the signature of a folder is called in it.
pub const FILE: &str = "model.sig";
/// What lies beside a model's files in the library, and is written there anew.
pub const BESIDE: [&str; 4] = [library::MANIFEST, library::MARK, library::SIGNATURES, FILE];
/// Bytes of the largest file that is read as a signature, a key or a certificate.
pub const MAX_BYTES: u64 = 64 << 20;

/// Whom a signature is believed from.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The owner of this key, whether a certificate of it goes along or not.
    Key(PublicKey),
    /// Whoever has a certificate that leads to one of these.
    Certificates(Chain),
}

/// Who signs.
#[derive(Debug)]
pub struct Signer {
    /// With what.
    pub key: PrivateKey,
    /// The certificate of the key, and after it those that lead to a trusted one; none where people
    /// have the key itself.
    pub chain: Option<Chain>,
}

/// What a signature says, and from whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Of what.
    pub statement: Statement,
    /// `sha256:` and the digest of the key, or the subject of the certificate.
    pub signer: String,
    /// The key that it was made with: of certificates, that of the signer's own.
    pub key: PublicKey,
}

impl Signer {
    /// Its parts, which belong together.
    ///
    /// # Errors
    ///
    /// If the certificate is of another key.
    pub fn new(key: PrivateKey, chain: Option<Chain>) -> Result<Self, Error> {
        match &chain {
            Some(chain) if chain.key()? != key.public() => {
                Err(Error::OtherCertificate { subject: chain.subject() })
            }
            _ => Ok(Self { key, chain }),
        }
    }

    /// The signature file of a folder that is called `name` and consists of `files`. `ignored` is
    /// what other programs find beside them and are not to ask for.
    pub fn sign_folder(&self, name: &str, files: &[StoredFile], ignored: &[&str]) -> Vec<u8> {
        envelope::sealed(self, &statement::of_folder(name, files, ignored))
    }

    /// The signature file of a model that is one file, called `name`.
    pub fn sign_file(&self, name: &str, sha256: Sha256Hex) -> Vec<u8> {
        envelope::sealed(self, &statement::of_file(name, sha256))
    }
}

/// What the signature file says, if it is of somebody who is trusted.
///
/// # Errors
///
/// If it is no signature, of somebody else, of other bytes, or says what is not understood.
pub fn open(file: &[u8], trust: &Trust) -> Result<Signed, Error> {
    let (payload, signer, key) = envelope::opened(file, trust)?;
    Ok(Signed { statement: Statement::read(&payload)?, signer, key })
}

/// Whether the signature file is of somebody who is trusted and of exactly these files, which lie
/// below `folder` and have been found to have these digests.
///
/// # Errors
///
/// As [`open`]; if a file is not signed, is not as it was signed, or is missing.
pub fn verify(
    file: &[u8],
    trust: &Trust,
    folder: &Path,
    files: &[StoredFile],
) -> Result<Signed, Error> {
    let signed = open(file, trust)?;
    signed.statement.check(folder, files)?;
    Ok(signed)
}

/// The same by digests alone: no file is read, and a signature over pieces of files is refused.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_digests(file: &[u8], trust: &Trust, files: &[StoredFile]) -> Result<Signed, Error> {
    let signed = open(file, trust)?;
    signed.statement.check_digests(files)?;
    Ok(signed)
}

#[cfg(test)]
mod tests;
