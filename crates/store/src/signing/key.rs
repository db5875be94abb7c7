//! Keys of signatures: ECDSA on P-256 with SHA-256, P-384 with SHA-384, P-521 with SHA-512.

use p256::{
    ecdsa::signature::{Signer as _, hazmat::PrehashVerifier as _},
    pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding},
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Error;
use crate::digest::Sha256Hex;

/// What a signature is checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Verifying);

/// What a signature is made with.
#[derive(Debug)]
pub struct PrivateKey(Signing);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verifying {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

#[derive(Debug)]
enum Signing {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

/// What a message is made short with before it is signed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl PublicKey {
    /// From PEM: `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    ///
    /// If it is none, or on another curve.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let p256 = || p256::ecdsa::VerifyingKey::from_public_key_pem(text).map(Verifying::P256);
        let p384 = || p384::ecdsa::VerifyingKey::from_public_key_pem(text).map(Verifying::P384);
        let p521 = || p521::ecdsa::VerifyingKey::from_public_key_pem(text).map(Verifying::P521);
        let key = p256().or_else(|_| p384()).or_else(|_| p521());
        key.map(Self).map_err(|_| Error::NoKey { expected: "public" })
    }

    /// From the bytes that PEM wraps: a `SubjectPublicKeyInfo`.
    pub(super) fn from_der(bytes: &[u8]) -> Option<Self> {
        let p256 = || p256::ecdsa::VerifyingKey::from_public_key_der(bytes).map(Verifying::P256);
        let p384 = || p384::ecdsa::VerifyingKey::from_public_key_der(bytes).map(Verifying::P384);
        let p521 = || p521::ecdsa::VerifyingKey::from_public_key_der(bytes).map(Verifying::P521);
        p256().or_else(|_| p384()).or_else(|_| p521()).map(Self).ok()
    }

    /// As PEM.
    pub fn to_pem(&self) -> String {
        let text = match &self.0 {
            Verifying::P256(key) => p256::PublicKey::from(key).to_public_key_pem(LineEnding::LF),
            Verifying::P384(key) => p384::PublicKey::from(key).to_public_key_pem(LineEnding::LF),
            Verifying::P521(key) => p521::PublicKey::from(key).to_public_key_pem(LineEnding::LF),
        };
        text.expect("a point on a known curve has a form in DER")
    }

    /// What it is known by: the digest of its PEM.
    pub fn hint(&self) -> Sha256Hex {
        Sha256Hex::of(self.to_pem().as_bytes())
    }

    /// Whether `signature`, in DER, is of `message` with the hash that belongs to the curve.
    pub(super) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        let hash = match self.0 {
            Verifying::P256(_) => Hash::Sha256,
            Verifying::P384(_) => Hash::Sha384,
            Verifying::P521(_) => Hash::Sha512,
        };
        self.accepts_with(hash, message, signature)
    }

    /// The same with another hash, as certificates may name one.
    pub(super) fn accepts_with(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let digest = hash.of(message);
        match &self.0 {
            Verifying::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|it| key.verify_prehash(&digest, &it).is_ok()),
            Verifying::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|it| key.verify_prehash(&digest, &it).is_ok()),
            Verifying::P521(key) => p521::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|it| key.verify_prehash(&digest, &it).is_ok()),
        }
    }
}

impl Hash {
    pub(super) fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// How `openssl ecparam -genkey` begins a key, after a block of parameters.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----";

impl PrivateKey {
    /// From PEM: `-----BEGIN PRIVATE KEY-----` or `-----BEGIN EC PRIVATE KEY-----`.
    ///
    /// # Errors
    ///
    /// If it is none, on another curve, or encrypted.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        if text.contains("ENCRYPTED") {
            return Err(Error::Encrypted);
        }
        let text = text.find(SEC1).map_or(text, |at| &text[at..]);
        let p256 = || p256::SecretKey::from_pem(text).map(|it| Signing::P256(it.into()));
        let p384 = || p384::SecretKey::from_pem(text).map(|it| Signing::P384(it.into()));
        let p521 = || p521::SecretKey::from_pem(text).map(|it| Signing::P521(it.into()));
        let key = p256().or_else(|_| p384()).or_else(|_| p521());
        key.map(Self).map_err(|_| Error::NoKey { expected: "private" })
    }

    /// The key that others check with.
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Signing::P256(key) => Verifying::P256(*key.verifying_key()),
            Signing::P384(key) => Verifying::P384(*key.verifying_key()),
            Signing::P521(key) => Verifying::P521(*key.verifying_key()),
        })
    }

    /// The signature of `message` in DER; the same every time (RFC 6979).
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Signing::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Signing::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Signing::P521(key) => {
                let signature: p521::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
        }
    }
}
