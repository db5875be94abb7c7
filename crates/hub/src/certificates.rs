//! The certificates that servers are told by: the system's, or those that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name in their place, and besides them those of `--ca-file`.

use std::{fs, path::Path};

use ureq::tls::{Certificate, PemItem, parse_pem};

use crate::Error;

/// All of them; none is no error for who speaks to nobody in secret.
///
/// # Errors
///
/// If `extra` cannot be read, or has none.
pub(crate) fn trusted(extra: Option<&Path>) -> Result<Vec<Certificate<'static>>, Error> {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "a certificate of the system cannot be read");
    }
    let mut all: Vec<_> =
        system.certs.iter().map(|it| Certificate::from_der(it).to_owned()).collect();
    if let Some(path) = extra {
        all.extend(of_file(path)?);
    }
    Ok(all)
}

fn of_file(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let error = |why: String| Error::Certificates { path: Some(path.to_owned()), why };
    let text = fs::read(path).map_err(|it| error(it.to_string()))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(it) = item.map_err(|it| error(it.to_string()))? {
            found.push(it);
        }
    }
    match found.is_empty() {
        true => Err(error("it holds none in PEM form".to_owned())),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        assert!(trusted(Some(&path)).err().unwrap().to_string().contains("ca.pem"));
        fs::write(&path, "no certificate").unwrap();
        let text = trusted(Some(&path)).err().unwrap().to_string();
        assert!(text.ends_with("it holds none in PEM form"), "{text}");
    }
}
