//! Why a server's certificate is not believed, and what to do about it.

use std::io;

use rustls::CertificateError;

/// Why a server's certificate is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    /// Nobody who is trusted made it.
    #[error("its certificate is not trusted: no authority that is trusted here vouches for it")]
    Issuer,
    /// It is another server's.
    #[error("its certificate is for {}", list(names))]
    Name {
        /// What it calls the server.
        names: Vec<String>,
    },
    /// Its time is over.
    #[error("its certificate has expired")]
    Expired,
    /// Its time is to come.
    #[error("its certificate is not valid yet")]
    Early,
}

impl Distrust {
    /// What an error of a connection says of the server's certificate, if it is about that.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        let rustls::Error::InvalidCertificate(why) = error else { return None };
        match why {
            CertificateError::UnknownIssuer => Some(Self::Issuer),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Some(Self::Name { names: presented.iter().map(|it| bare(it).to_owned()).collect() })
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Some(Self::Expired)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Some(Self::Early)
            }
            _ => None,
        }
    }

    /// What the user can do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Issuer => {
                "if that is a company's authority, as of a proxy that reads what is encrypted, name \
                 its certificate: `--ca-file FILE`, or SSL_CERT_FILE"
            }
            Self::Name { .. } => {
                "look at the address of the hub in `--mirror` or HF_ENDPOINT; if it is right, somebody \
                 on the way answers in the hub's place"
            }
            Self::Expired | Self::Early => {
                "look at this machine's clock; if it is right, whoever keeps that server has to renew \
                 its certificate"
            }
        }
    }
}

/// `a.example` of `DnsName("a.example")`, as names come from the check.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|it| it.1.strip_suffix(')'));
    inside.map_or(name, |it| it.trim_matches('"'))
}

fn list(names: &[String]) -> String {
    match names {
        [] => "no name at all".to_owned(),
        names => {
            let quoted = names.iter().map(|it| format!("`{}`", it.escape_debug()));
            quoted.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_their_kind() {
        let names = ["DnsName(\"*.a.example\")", "IpAddress(127.0.0.1)", "else"];
        let names = names.iter().map(|it| bare(it).to_owned()).collect();
        let text = Distrust::Name { names }.to_string();
        assert_eq!(text, "its certificate is for `*.a.example`, `127.0.0.1`, `else`");
        let none = Distrust::Name { names: Vec::new() };
        assert_eq!(none.to_string(), "its certificate is for no name at all");
    }
}
