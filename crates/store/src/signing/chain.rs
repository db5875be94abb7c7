//! Certificates that lead from who signed to whom is trusted (X.509, RFC 5280, as far as these
//! signatures need it).
//!
//! Nobody witnesses when a signature was made, so all certificates are held against the second from
//! which the signing one is valid, as other programs for these signatures do: an old signature
//! stays good. What is not understood and says that it must be is refused; there is no revocation.
//!
//! An authority that is trusted to answer for servers of the web, too, does not make each of them a
//! signer of models: where a certificate on the way says for what it is, that must be to sign code.

use x509_cert::{
    Certificate,
    der::{Decode as _, Encode as _, oid::ObjectIdentifier},
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage},
    time::Time,
};

use super::{CertificateFlaw as Flaw, Error, PublicKey, authority};

/// Authorities between who signed and whom is trusted.
const MAX_DEPTH: usize = 8;
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// Extensions that are looked at, or that restrict nothing here.
const KNOWN: [ObjectIdentifier; 6] = [
    ObjectIdentifier::new_unwrap("2.5.29.14"), // subject key identifier
    ObjectIdentifier::new_unwrap("2.5.29.15"), // key usage
    ObjectIdentifier::new_unwrap("2.5.29.17"), // subject alternative name
    ObjectIdentifier::new_unwrap("2.5.29.19"), // basic constraints
    ObjectIdentifier::new_unwrap("2.5.29.35"), // authority key identifier
    ObjectIdentifier::new_unwrap("2.5.29.37"), // extended key usage
];

/// One certificate at least. Of a signer, its own comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(Vec<Certificate>);

impl Chain {
    /// From PEM: one `-----BEGIN CERTIFICATE-----` after the other.
    ///
    /// # Errors
    ///
    /// If there is none, or one cannot be read.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        match Certificate::load_pem_chain(text.trim_end().as_bytes()) {
            Ok(chain) if !chain.is_empty() => Ok(Self(chain)),
            _ => Err(Error::NoCertificate),
        }
    }

    pub(super) fn from_der<'a>(all: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Error> {
        let read = |bytes| {
            let unreadable = Error::Certificate { subject: "?".to_owned(), why: Flaw::Unreadable };
            Certificate::from_der(bytes).map_err(|_| unreadable)
        };
        let chain = all.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if chain.is_empty() { Err(Error::NoCertificate) } else { Ok(Self(chain)) }
    }

    pub(super) fn to_der(&self) -> Vec<Vec<u8>> {
        let bytes = |it: &Certificate| it.to_der().expect("a certificate that was read has a form");
        self.0.iter().map(bytes).collect()
    }

    /// Whom the first certificate is of.
    pub fn subject(&self) -> String {
        subject(self.leaf())
    }

    /// The key of the first certificate.
    ///
    /// # Errors
    ///
    /// If it is on no known curve.
    pub fn key(&self) -> Result<PublicKey, Error> {
        key(self.leaf()).map_err(flawed(self.leaf()))
    }

    fn leaf(&self) -> &Certificate {
        self.0.first().expect("one certificate at least")
    }

    /// The key of the first certificate, if it may sign and `trusted` answers for it.
    pub(super) fn check(&self, trusted: &Self) -> Result<PublicKey, Error> {
        let leaf = self.leaf();
        may_sign(leaf).and_then(|()| understood(leaf)).map_err(flawed(leaf))?;
        if trusted.0.contains(leaf) {
            return self.key();
        }
        let mut below = leaf;
        for depth in 0..MAX_DEPTH {
            let above = self.above(below, trusted, depth)?;
            if trusted.0.contains(above) {
                return self.key();
            }
            below = above;
        }
        Err(flawed(below)(Flaw::TooDeep { found: MAX_DEPTH, limit: MAX_DEPTH - 1 }))
    }

    /// The certificate that answers for `below`, `depth` authorities above the signer: of those that
    /// may, a trusted one before others. An authority that was renewed has several of one name and
    /// key, and some are out of their time.
    fn above<'a>(
        &'a self,
        below: &Certificate,
        trusted: &'a Self,
        depth: usize,
    ) -> Result<&'a Certificate, Error> {
        let when = self.leaf().tbs_certificate().validity().not_before;
        let others = self.0[1..].iter().filter(|it| *it != below);
        let mut first = None;
        for it in trusted.0.iter().chain(others).filter(|it| issued(it, below)) {
            let sound = may_issue(it, depth).and_then(|()| in_time(it, when));
            match sound.and_then(|()| understood(it)) {
                Ok(()) => return Ok(it),
                Err(why) => first = first.or_else(|| Some(flawed(it)(why))),
            }
        }
        Err(first.unwrap_or_else(|| flawed(below)(self.unissued(below, trusted))))
    }

    /// Why nobody's certificate stands above `below`.
    fn unissued(&self, below: &Certificate, trusted: &Self) -> Flaw {
        let issuer = below.tbs_certificate().issuer().to_string();
        match trusted.0.iter().chain(&self.0[1..]).any(|it| is_called_issuer(it, below)) {
            true => Flaw::NotSigned { issuer },
            false => Flaw::Untrusted { issuer },
        }
    }
}

fn subject(it: &Certificate) -> String {
    it.tbs_certificate().subject().to_string()
}

fn flawed(it: &Certificate) -> impl FnOnce(Flaw) -> Error {
    let subject = subject(it);
    move |why| Error::Certificate { subject, why }
}

fn key(it: &Certificate) -> Result<PublicKey, Flaw> {
    let info = it.tbs_certificate().subject_public_key_info();
    let key = info.to_der().ok().and_then(|it| PublicKey::from_der(&it));
    key.ok_or_else(|| Flaw::Algorithm { found: info.algorithm.oid.to_string() })
}

/// Whether `below` names `above` as its issuer, and was signed with its key.
fn issued(above: &Certificate, below: &Certificate) -> bool {
    let body = below.tbs_certificate();
    if !is_called_issuer(above, below) || below.signature_algorithm() != body.signature() {
        return false;
    }
    let key = above.tbs_certificate().subject_public_key_info().to_der();
    match (key, body.to_der(), below.signature().as_bytes()) {
        (Ok(key), Ok(signed), Some(signature)) => {
            authority::accepts(&key, below.signature_algorithm().oid, &signed, signature)
        }
        _ => false,
    }
}

fn is_called_issuer(above: &Certificate, below: &Certificate) -> bool {
    above.tbs_certificate().subject() == below.tbs_certificate().issuer()
}

fn may_sign(it: &Certificate) -> Result<(), Flaw> {
    for_code(it)?;
    let usage = extension::<KeyUsage>(it)?.is_some_and(|it| it.digital_signature());
    let code = extension::<ExtendedKeyUsage>(it)?.is_some_and(|it| it.0.contains(&CODE_SIGNING));
    if usage || code { Ok(()) } else { Err(Flaw::NotForSigning) }
}

/// Whether it is for code, or does not say what it is for.
fn for_code(it: &Certificate) -> Result<(), Flaw> {
    let is_for_code = |it: &ObjectIdentifier| [CODE_SIGNING, ANY_PURPOSE].contains(it);
    match extension::<ExtendedKeyUsage>(it)? {
        Some(usage) if !usage.0.iter().any(is_for_code) => Err(Flaw::Purpose),
        _ => Ok(()),
    }
}

/// Whether it may answer for another, `depth` authorities below it.
fn may_issue(it: &Certificate, depth: usize) -> Result<(), Flaw> {
    let constraints = extension::<BasicConstraints>(it)?.filter(|it| it.ca);
    let usage = extension::<KeyUsage>(it)?.is_none_or(|it| it.key_cert_sign());
    let (Some(constraints), true) = (constraints, usage) else {
        return Err(Flaw::NotAnAuthority);
    };
    for_code(it)?;
    match constraints.path_len_constraint.map(usize::from) {
        Some(limit) if depth > limit => Err(Flaw::TooDeep { found: depth, limit }),
        _ => Ok(()),
    }
}

fn in_time(it: &Certificate, when: Time) -> Result<(), Flaw> {
    let validity = it.tbs_certificate().validity();
    let (from, to) = (validity.not_before, validity.not_after);
    let within =
        (from.to_unix_duration()..=to.to_unix_duration()).contains(&when.to_unix_duration());
    let told = |it: Time| it.to_string();
    if within {
        Ok(())
    } else {
        Err(Flaw::Time { from: told(from), to: told(to), when: told(when) })
    }
}

fn understood(it: &Certificate) -> Result<(), Flaw> {
    let all = it.tbs_certificate().extensions().map_or(&[][..], |it| it.as_slice());
    match all.iter().find(|it| it.critical && !KNOWN.contains(&it.extn_id)) {
        Some(unknown) => Err(Flaw::Extension { found: unknown.extn_id.to_string() }),
        None => Ok(()),
    }
}

fn extension<'a, T>(it: &'a Certificate) -> Result<Option<T>, Flaw>
where
    T: x509_cert::der::Decode<'a> + x509_cert::der::oid::AssociatedOid,
{
    let found = it.tbs_certificate().get_extension::<T>().map_err(|_| Flaw::Unreadable)?;
    Ok(found.map(|(_, it)| it))
}
