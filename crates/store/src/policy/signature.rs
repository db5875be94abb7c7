//! The signature of a policy: ECDSA over P-256 with SHA-256, in a file of its own.
//!
//! It is what `openssl dgst -sha256 -sign key.pem -out policy.toml.sig policy.toml` writes, so a
//! site may sign with what it has, and check without us.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use p256::{
    SecretKey,
    ecdsa::{
        DerSignature, SigningKey, VerifyingKey,
        signature::{Signer, Verifier},
    },
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey, LineEnding},
};

use super::{Error, Policy, place};
use crate::{digest::Sha256Hex, disk::Disk};

/// What a signature's name has after that of its policy.
pub const SIGNATURE: &str = ".sig";

/// The file beside a policy that holds the key which must have signed it.
pub const KEY: &str = "policy.pub";

/// A key that vouches for policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From a PEM file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is no public key of P-256.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = text(path, "public key")?;
        let key = VerifyingKey::from_public_key_pem(&text);
        key.map(Self).map_err(|_| Error::Key { path: path.to_owned(), kind: "public key" })
    }

    /// The SHA-256 of its PEM text, as OpenSSF Model Signing names keys.
    pub fn fingerprint(&self) -> Sha256Hex {
        let pem = self.0.to_public_key_pem(LineEnding::LF).expect("a key of P-256 has a PEM text");
        Sha256Hex::of(pem.as_bytes())
    }

    /// Whether `signature` is over `text` and with the private half of this key.
    pub(super) fn vouches_for(&self, text: &[u8], signature: &[u8]) -> bool {
        let signature = DerSignature::from_bytes(signature);
        signature.is_ok_and(|it| self.0.verify(text, &it).is_ok())
    }
}

/// Signs the policy at `path` with the private key in the PEM file `key`: PKCS #8, or SEC 1 as
/// OpenSSL writes it. Gives the signature's file and the key that checks it.
///
/// # Errors
///
/// If the policy is none, the key is none of P-256, or the system refuses.
pub fn sign(path: &Path, key: &Path) -> Result<(PathBuf, PublicKey), Error> {
    if path.is_dir() {
        return Err(Error::Folder { path: path.to_owned() });
    }
    let bytes = place::read(path)?.ok_or_else(|| missing(path))?;
    // Nobody should vouch for what nobody can read.
    let no_text = |_| Error::Toml {
        path: path.to_owned(),
        line: 1,
        reason: "it is not UTF-8 text".to_owned(),
    };
    Policy::read(path, std::str::from_utf8(&bytes).map_err(no_text)?)?;
    let text = text(key, "private key")?;
    let signing = SigningKey::from_pkcs8_pem(&text).ok();
    let signing = signing.or_else(|| SecretKey::from_sec1_pem(&text).ok().map(SigningKey::from));
    let signing =
        signing.ok_or_else(|| Error::Key { path: key.to_owned(), kind: "private key" })?;
    let signature: DerSignature = signing.sign(&bytes);
    let target = place::beside(path, SIGNATURE);
    write(&target, signature.as_bytes()).map_err(Error::io("write", &target))?;
    Ok((target, PublicKey(*signing.verifying_key())))
}

/// Everybody may read it, and it is there whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let disk = Disk::default();
    let temporary = place::beside(path, ".tmp");
    // What an interrupted run left is nobody's any more.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = disk.create(&temporary)?;
    file.write_all(bytes)?;
    file.sync()?;
    disk.rename(&temporary, path)
}

fn text(path: &Path, kind: &'static str) -> Result<String, Error> {
    let bytes = place::read(path)?.ok_or_else(|| missing(path))?;
    String::from_utf8(bytes).map_err(|_| Error::Key { path: path.to_owned(), kind })
}

fn missing(path: &Path) -> Error {
    Error::io("read", path)(ErrorKind::NotFound.into())
}
