//! The file of a signature: a Sigstore bundle around a DSSE envelope, and who is believed.

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};

use super::{Chain, Error, PublicKey, Signer, Trust};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD: &str = "application/vnd.in-toto+json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

/// Exactly one of the first three.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<KeyHint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x509_certificate_chain: Option<Certificates>,
    /// Of Sigstore's own authority, which takes a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<serde_json::Value>,
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct KeyHint {
    hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Certificates {
    certificates: Vec<RawCertificate>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate {
    raw_bytes: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    sig: String,
    #[serde(default)]
    keyid: Option<String>,
}

/// The signature file over `payload`.
pub(super) fn sealed(signer: &Signer, payload: &[u8]) -> Vec<u8> {
    let chain = signer.chain.as_ref().map(|chain| {
        let raw = |it: Vec<u8>| RawCertificate { raw_bytes: Base64::encode_string(&it) };
        Certificates { certificates: chain.to_der().into_iter().map(raw).collect() }
    });
    let hint = || KeyHint { hint: Some(signer.key.public().hint().to_string()) };
    let signature = Base64::encode_string(&signer.key.sign(&signed_bytes(payload)));
    let bundle = Bundle {
        media_type: BUNDLE.to_owned(),
        verification_material: Material {
            public_key: chain.is_none().then(hint),
            x509_certificate_chain: chain,
            certificate: None,
            tlog_entries: Vec::new(),
        },
        dsse_envelope: Envelope {
            payload: Base64::encode_string(payload),
            payload_type: PAYLOAD.to_owned(),
            signatures: vec![Signature { sig: signature, keyid: Some(String::new()) }],
        },
    };
    serde_json::to_vec(&bundle).expect("names of keys are texts")
}

/// The payload of the signature file, who signed it, and with which key.
pub(super) fn opened(file: &[u8], trust: &Trust) -> Result<(Vec<u8>, String, PublicKey), Error> {
    let bundle: Bundle = serde_json::from_slice(file).map_err(Error::Json)?;
    super::error::expect("mediaType", bundle.media_type, BUNDLE)?;
    let Envelope { payload, payload_type, signatures } = bundle.dsse_envelope;
    super::error::expect("payloadType", payload_type, PAYLOAD)?;
    let [signature] = &signatures[..] else {
        return Err(Error::Count { field: "signatures", found: signatures.len() });
    };
    let payload = decoded("payload", &payload)?;
    let signature = decoded("sig", &signature.sig)?;
    let (key, signer) = match trust {
        Trust::Key(key) => {
            bundle.verification_material.is_of_key(key)?;
            (key.clone(), format!("sha256:{}", key.hint()))
        }
        Trust::Certificates(trusted) => {
            let chain = bundle.verification_material.chain()?;
            (chain.check(trusted)?, chain.subject())
        }
    };
    match key.accepts(&signed_bytes(&payload), &signature) {
        true => Ok((payload, signer, key)),
        false => Err(Error::Invalid),
    }
}

impl Material {
    fn kind(&self) -> &'static str {
        match self {
            Self { public_key: Some(_), .. } => "a key",
            Self { x509_certificate_chain: Some(_), .. } => "a certificate",
            Self { certificate: Some(_), .. } => "an identity of Sigstore",
            _ => "nothing that is known",
        }
    }

    /// An error if it says that another key was used. Of a certificate its key alone is looked at:
    /// whoever names that needs nobody to vouch for it.
    fn is_of_key(&self, key: &PublicKey) -> Result<(), Error> {
        let expected = key.hint().to_string();
        let found = match (&self.public_key, &self.x509_certificate_chain) {
            // Before version 1.0 there was no hint; the signature itself decides.
            (Some(KeyHint { hint }), _) => hint.clone().unwrap_or_default(),
            (None, Some(_)) => self.chain()?.key()?.hint().to_string(),
            (None, None) => return Err(Error::Material { found: self.kind(), expected: "a key" }),
        };
        if found.is_empty() || found == expected {
            return Ok(());
        }
        let found = found.chars().take(80).collect::<String>().escape_debug().to_string();
        Err(Error::OtherKey { found, expected })
    }

    fn chain(&self) -> Result<Chain, Error> {
        let Some(chain) = &self.x509_certificate_chain else {
            return Err(Error::Material { found: self.kind(), expected: "a certificate" });
        };
        let raw = chain.certificates.iter().map(|it| decoded("rawBytes", &it.raw_bytes));
        let raw = raw.collect::<Result<Vec<_>, _>>()?;
        Chain::from_der(raw.iter().map(Vec::as_slice))
    }
}

fn decoded(field: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    Base64::decode_vec(text).map_err(|_| Error::Base64 { field })
}

/// What the mathematics see: DSSE's encoding of a payload and its type.
fn signed_bytes(payload: &[u8]) -> Vec<u8> {
    let begin = format!("DSSEv1 {} {PAYLOAD} {} ", PAYLOAD.len(), payload.len());
    [begin.as_bytes(), payload].concat()
}
