//! Why a signature cannot be made, or is not believed.

use std::{io, path::PathBuf};

use crate::{digest::Sha256Hex, library};

/// What is wrong with a signature, a key, or what was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something in the folder of a model that cannot be signed.
    #[error("`{}` is a link or a device, expected a plain file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// A signature over pieces of a file where its digest alone is known.
    #[error("`{path}` is signed in pieces, expected as a whole")]
    InPieces {
        /// The file.
        path: String,
    },
    /// The library refused to keep a signature.
    #[error(transparent)]
    Library(Box<library::Error>),
    /// Not a key that signatures are made with.
    #[error("it is no {expected} key on P-256, P-384 or P-521 in PEM")]
    NoKey {
        /// `private` or `public`.
        expected: &'static str,
    },
    /// A private key that a password protects.
    #[error("the private key is encrypted")]
    Encrypted,
    /// Not certificates.
    #[error("it holds no certificate in PEM")]
    NoCertificate,
    /// The certificate of another key.
    #[error("the certificate of `{subject}` is of another key")]
    OtherCertificate {
        /// Whose it is.
        subject: String,
    },
    /// Not the JSON that a signature file is.
    #[error("it is no signature of a model")]
    Json(#[source] serde_json::Error),
    /// A field that is to be base64.
    #[error("`{field}` is not base64")]
    Base64 {
        /// Which.
        field: &'static str,
    },
    /// A field that has another value.
    #[error("`{field}` is `{}`, expected `{expected}`", found.escape_debug())]
    Field {
        /// Which.
        field: &'static str,
        /// Its value.
        found: String,
        /// What this version of the format has there.
        expected: &'static str,
    },
    /// Not the one that there should be.
    #[error("there are {found} `{field}`, expected 1")]
    Count {
        /// Of what.
        field: &'static str,
        /// How many.
        found: usize,
    },
    /// Made in another way than what is trusted is for.
    #[error("it was made with {found}, expected {expected}")]
    Material {
        /// `a key`, `a certificate`, or what else there is.
        found: &'static str,
        /// What is trusted.
        expected: &'static str,
    },
    /// Made with another key.
    #[error("it was made with the key {found}, expected {expected}")]
    OtherKey {
        /// What it says of its key.
        found: String,
        /// The digest of the trusted key.
        expected: String,
    },
    /// The mathematics say no.
    #[error("it was not made with this key, or what it says was changed afterwards")]
    Invalid,
    /// A certificate that does not lead to a trusted one.
    #[error("the certificate of `{subject}`: {why}")]
    Certificate {
        /// Whose it is.
        subject: String,
        /// Why not.
        why: CertificateFlaw,
    },
    /// A resource whose name is none.
    #[error("`{}` is no name of a signed {expected}", found.escape_debug())]
    Resource {
        /// The name.
        found: String,
        /// What it should name.
        expected: &'static str,
    },
    /// A resource that is there twice.
    #[error("`{name}` is signed twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// The digest of all does not belong to the digests.
    #[error("its digests together have {found}, it says {expected}")]
    Root {
        /// What they have.
        found: Sha256Hex,
        /// What the statement says.
        expected: Sha256Hex,
    },
    /// A file that nobody signed.
    #[error("`{path}` is not signed")]
    Unsigned {
        /// The file.
        path: String,
    },
    /// A file that is signed and not there.
    #[error("`{path}` is signed and missing")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file that is not as it was signed.
    #[error("sha256 of `{path}` is {found}, signed was {expected}")]
    Differs {
        /// The file, or the piece of it.
        path: String,
        /// Of its bytes.
        found: Sha256Hex,
        /// What the signature says.
        expected: Sha256Hex,
    },
    /// Pieces that are not the whole file.
    #[error("the signed pieces of `{path}` end or have a gap at byte {at}, it has {size} bytes")]
    Gap {
        /// The file.
        path: String,
        /// Where a piece should begin.
        at: u64,
        /// Bytes of the file.
        size: u64,
    },
}

/// Why a certificate is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFlaw {
    /// Nobody who is trusted answers for it.
    #[error("its issuer `{issuer}` is not among the trusted certificates")]
    Untrusted {
        /// Who made it out.
        issuer: String,
    },
    /// Whoever is called as its issuer did not sign it, as far as can be known.
    #[error(
        "it is not signed by the `{issuer}` whose certificate is here, or in a way that is not known"
    )]
    NotSigned {
        /// Who should have signed it.
        issuer: String,
    },
    /// It may not make out certificates.
    #[error("it may not issue certificates")]
    NotAnAuthority,
    /// More certificates below it than it allows, or than are followed.
    #[error("it is followed by {found} more authorities, allowed are {limit}")]
    TooDeep {
        /// How many.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// It may not sign.
    #[error("it may be used neither for digital signatures nor to sign code")]
    NotForSigning,
    /// It is for other purposes, such as servers of the web.
    #[error("it is for other purposes than to sign code")]
    Purpose,
    /// It was not valid when the signing certificate began to be.
    #[error("it is valid from {from} to {to}, expected {when} to be within")]
    Time {
        /// The first second.
        from: String,
        /// The last.
        to: String,
        /// When it should be valid.
        when: String,
    },
    /// A key that signs no models.
    #[error("its key is of the kind {found}, expected one on P-256, P-384 or P-521")]
    Algorithm {
        /// The object identifier.
        found: String,
    },
    /// An extension that must be understood and is not.
    #[error("it has the critical extension {found}, which is not known")]
    Extension {
        /// The object identifier.
        found: String,
    },
    /// Not the bytes of a certificate.
    #[error("it cannot be read")]
    Unreadable,
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Library(error) => return error.hint(),
            Self::NoKey { expected: "private" } => {
                "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem` makes one"
            }
            Self::NoKey { .. } => {
                "`openssl pkey -in key.pem -pubout -out key.pub` takes it out of a private key"
            }
            Self::Encrypted => {
                "`openssl pkey -in key.pem -out plain.pem` writes it without the password"
            }
            Self::Material { found: "a key", .. } => "name the public key with `--key`",
            Self::Material { .. } => {
                "ask the signer to sign with a key or a certificate: identities of Sigstore take a \
                 network"
            }
            Self::Certificate { why: CertificateFlaw::NotSigned { .. }, .. } => {
                "known are ECDSA and, from 2048 bits, RSA with PKCS #1 v1.5, both with SHA-2"
            }
            Self::Certificate { why: CertificateFlaw::Purpose, .. } => {
                "an extended key usage, where there is one, has to name `codeSigning`"
            }
            Self::Unsigned { .. } => "take the file away, or have the model signed with it",
            Self::Differs { .. } | Self::Missing { .. } => {
                "get the model again from whoever signed it"
            }
            Self::Certificate { why: CertificateFlaw::Untrusted { .. }, .. } => {
                "`--certificate-chain` names the certificates that are trusted, and those on the way"
            }
            Self::Certificate { .. } => "ask the signer for a signature with another certificate",
            Self::NotAFile { .. } => "put a file in its place: nothing else is signed",
            Self::InPieces { .. } => {
                "ask for a signature over whole files: `ingle sign`, or the method `files` of \
                 OpenSSF Model Signing"
            }
            Self::NoCertificate => {
                "`openssl x509 -inform DER -in cert.der -out cert.pem` writes one as PEM"
            }
            Self::OtherCertificate { .. } => {
                "`openssl x509 -in cert.pem -noout -pubkey` prints the key that it is of"
            }
            Self::OtherKey { .. } => "is that the signer's public key? ask for it another way",
            Self::Invalid => {
                "is that the signer's public key? if it is, get the model again from the signer"
            }
            Self::Json(_)
            | Self::Base64 { .. }
            | Self::Field { .. }
            | Self::Count { .. }
            | Self::Resource { .. }
            | Self::Twice { .. }
            | Self::Root { .. }
            | Self::Gap { .. } => {
                "it was changed, or made by a program of another version: ask the signer to sign \
                 again; `ingle sign` does as version 1.0 of OpenSSF Model Signing says"
            }
            Self::Io { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl Error {
    /// For `map_err`: `path` could not be read.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Whether a field has the value that it must have.
pub(super) fn expect(
    field: &'static str,
    found: String,
    expected: &'static str,
) -> Result<(), Error> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::Field { field, found: found.chars().take(80).collect(), expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &Error, expected: &str) {
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains(expected), "{error}: {hint}");
    }

    #[test]
    fn what_is_wrong_with_a_signature_has_a_way_on() {
        let name = || "m.gguf".to_owned();
        check(&Error::InPieces { path: name() }, "the method `files`");
        check(&Error::Count { field: "signatures", found: 2 }, "ask the signer to sign again");
        check(&Error::Twice { name: name() }, "ask the signer to sign again");
        check(&Error::Gap { path: name(), at: 1, size: 2 }, "ask the signer to sign again");
        let (found, expected) = (name(), "file");
        check(&Error::Resource { found, expected }, "ask the signer to sign again");
        let digest = Sha256Hex::of(b"");
        let root = Error::Root { found: digest, expected: digest };
        check(&root, "ask the signer to sign again");
        check(&Error::NotAFile { path: "m".into() }, "put a file in its place");
        check(&Error::NoCertificate, "openssl x509");
        check(&Error::OtherCertificate { subject: "CN=a".to_owned() }, "openssl x509");
        let other = Error::OtherKey { found: name(), expected: name() };
        check(&other, "is that the signer's public key?");
        check(&Error::Invalid, "is that the signer's public key?");
        let made_with = |found| Error::Material { found, expected: "a certificate" };
        check(&made_with("a key"), "`--key`");
        check(&made_with("an identity of Sigstore"), "ask the signer to sign with a key");
    }
}
