//! Signatures on certificates. Who signs models has a key on an elliptic curve; the authorities above
//! may have RSA, as many do.

use rsa::{Pkcs1v15Sign, pkcs8::DecodePublicKey as _, traits::PublicKeyParts as _};
use sha2::{Sha256, Sha384, Sha512};
use x509_cert::der::oid::ObjectIdentifier;

use super::{PublicKey, key::Hash};

/// Bytes of the shortest RSA key that is believed: 2048 bits.
const MIN_RSA: usize = 256;

/// How a certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Curve,
    Rsa,
}

const KINDS: [(ObjectIdentifier, Kind, Hash); 6] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), Kind::Curve, Hash::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"), Kind::Curve, Hash::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"), Kind::Curve, Hash::Sha512),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), Kind::Rsa, Hash::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), Kind::Rsa, Hash::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), Kind::Rsa, Hash::Sha512),
];

/// Whether the owner of `key`, a `SubjectPublicKeyInfo`, signed `message` in the way that has this
/// identifier.
pub(super) fn accepts(key: &[u8], way: ObjectIdentifier, message: &[u8], signature: &[u8]) -> bool {
    match KINDS.iter().find(|it| it.0 == way) {
        Some(&(_, Kind::Curve, hash)) => {
            PublicKey::from_der(key).is_some_and(|it| it.accepts_with(hash, message, signature))
        }
        Some(&(_, Kind::Rsa, hash)) => {
            let padding = match hash {
                Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
                Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
                Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
            };
            let key = rsa::PublicKey::from_public_key_der(key);
            key.is_ok_and(|it| {
                it.size() >= MIN_RSA && it.verify(padding, &hash.of(message), signature).is_ok()
            })
        }
        None => false,
    }
}
