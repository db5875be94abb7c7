//! The certificates that servers are told by: the system's, or those that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name in their place, and besides them those of `--ca-file`.

use std::{fs, path::Path};

use ureq::tls::{Certificate, PemItem, parse_pem};

use crate::{Error, Settings};

/// All of them; none is no error for who speaks to nobody in secret.
///
/// # Errors
///
/// If there are none and a hub is to be told by one; if those of `--ca-file` cannot be read.
pub(crate) fn trusted(settings: &Settings) -> Result<Vec<Certificate<'static>>, Error> {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "a certificate of the system cannot be read");
    }
    let mut all: Vec<_> =
        system.certs.iter().map(|it| Certificate::from_der(it).to_owned()).collect();
    if let Some(path) = &settings.ca_file {
        all.extend(of_file(path)?);
    }
    if all.is_empty() && settings.endpoints.iter().any(|it| it.url().is_secure()) {
        let why = system.errors.first();
        let why = why.map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(Error::Certificates { path: None, why });
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
        let mut settings = Settings::find(&|_| None).unwrap();
        settings.ca_file = Some(path.clone());
        let told = || trusted(&settings).err().unwrap().to_string();
        assert!(told().contains("ca.pem"));
        fs::write(&path, "no certificate").unwrap();
        let text = told();
        assert!(text.ends_with("it holds none in PEM form"), "{text}");
    }
}
